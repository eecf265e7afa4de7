"""Every shipped recipe with a base, on tiny local checkpoints of the real architectures: trains, resumes, is saved, loaded and answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tiny_models
import tones_world
import torch
from tones_world import make_build, tone

from speccraft import store
from speccraft.errors import SpeccraftError
from speccraft.rights.papers import Papers
from speccraft.scenario.acceptance import Rights
from speccraft.scenario.contracts import Message, Part
from speccraft.trainer import load_run
from speccraft.trainer.batch import Audio
from speccraft.trainer.checkpoint import load
from speccraft.trainer.generate import LoadedRun
from speccraft.trainer.opening import begin
from speccraft.trainer.recipe import Recipe, load_recipe
from speccraft.trainer.run import train

pytestmark = pytest.mark.slow
PAPERS = Papers(Rights(use=("train",)), "2026-01-01")
TINY = ["threads=1", "loader_workers=0", "model.longest_audio_s=2.0", "answer.max_new_tokens=6"]
TINY += [f"{stage}.{field}" for stage in ("pretrain", "align") for field in ("steps=4", "batch_audio_s=2.0", "buckets=2", "log_every=1", "warmup_steps=0")]
TINY += [f"{stage}.learning_rate=0.02" for stage in ("pretrain", "align")]
CASES = ("whisper-finetune", "ctc", "ctc/wav2vec2", "speech-lm", "speech-lm/gpt2", "speech-lm-multi-gpu", "audio-llm-lora", "audio-llm-lora/audioflamingo3")
HEARS_ONLY = ("whisper-finetune", "ctc")


@dataclass(frozen=True)
class Case:
    """A recipe on a base, and what it became."""

    name: str
    recipe: Recipe
    run: store.Artefact

    @property
    def rows(self) -> list[dict]:
        return [json.loads(line) for line in (self.run.path / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def sixteen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build of tones at the rate of published models."""
    patch = pytest.MonkeyPatch()
    patch.setattr(tones_world, "RATE", tiny_models.RATE)
    with patch.context():
        build = make_build(tmp_path_factory.mktemp("tones"))
    patch.undo()
    return build


def paths_of(case: str, folder: Path) -> dict[str, Path]:
    """Tiny checkpoints for a case, by the field that names them."""
    if case == "whisper-finetune":
        return {"checkpoint": tiny_models.whisper_checkpoint(folder)}
    if case.startswith("ctc"):
        make = tiny_models.wav2vec2_ctc_checkpoint if "wav2vec2" in case else tiny_models.parakeet_ctc_checkpoint
        return {"checkpoint": make(folder)}
    if case.startswith("audio-llm"):
        return {"checkpoint": tiny_models.audio_llm_checkpoint(folder, "audioflamingo3" if "flamingo" in case else "qwen2_audio")}
    ears, mouth = {"speech-lm": ("wavlm", "qwen3"), "speech-lm/gpt2": ("whisper", "gpt2")}.get(case, ("parakeet", "llama"))
    encoder, language_model = tiny_models.speech_lm_checkpoints(folder, ears, mouth)
    return {"encoder": encoder, "language_model": language_model}


def recipe_of(case: str, folder: Path, *more: str) -> Recipe:
    places = [f"model.base.{field}.path={path}" for field, path in paths_of(case, folder).items()]
    return load_recipe(case.split("/")[0], [*places, *TINY, *more])


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, sixteen: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("case")
    recipe = recipe_of(request.param, folder / "base")
    run = train(sixteen, folder, recipe, stages=("pretrain", "align"), name="tones", papers=PAPERS)
    return Case(request.param, recipe, run)


@pytest.fixture(scope="module")
def loaded(case: Case) -> LoadedRun:
    return load_run(case.run.path)


def test_what_was_trained_on_is_predicted_better_after_each_stage(case: Case) -> None:
    assert [row["step"] for row in case.rows] == [1, 2, 3, 4] * 2
    begun, losses = begin(case.recipe, tiny_models.RATE, 0), []
    for stage in (None, "pretrain", "align"):
        checkpoint = load(store.open_artefact(case.run.path / "checkpoints" / stage, "checkpoint")) if stage else begun
        collator = checkpoint.collator()
        rows = [collator.example(shown(word, stage), checkpoint.tokenizer, [Audio(tone(word, 0.3))]) for word in ("ba", "di", "zu")]
        with torch.no_grad():
            losses.append(float(checkpoint.adapter.loss(checkpoint.model.eval(), collator(rows))))
    assert losses[1] < losses[0]
    assert np.isfinite(losses[2])


def shown(word: str, stage: str | None) -> tuple[Message, ...]:
    """A transcript as pre-training has it, or a demonstration."""
    asked = (Part(type="audio", cut="c"), *([Part(type="text", text="write it")] if stage == "align" else []))
    said = f"{word}!" if stage == "align" else word
    return Message(role="user", content=asked), Message(role="assistant", content=(Part(type="text", text=said),))


def test_the_run_records_what_it_started_from(case: Case) -> None:
    assert set(case.run.record.info["bases"]) == set(case.recipe.model.base.model_fields_set & {"checkpoint", "encoder", "language_model"})
    files = [file.path for file in case.run.record.files]
    assert not [path for path in files if Path(path).suffix not in {".safetensors", ".json", ".jsonl", ".jinja", ".yaml"}]
    assert not [path for path in files if "adapter" in path]


def test_a_loaded_run_answers_speech_and_alone_as_among_others(loaded: LoadedRun) -> None:
    waves = [tone(word, seconds) for word, seconds in (("ba", 0.5), ("zu", 0.3))]
    together = loaded.generate(waves, "write it")
    assert isinstance(together, list)
    assert together == [loaded.generate(wave, "write it") for wave in waves]
    assert all(isinstance(text, str) for text in together)


def test_text_is_answered_or_refused_with_a_way_out(case: Case, loaded: LoadedRun) -> None:
    if case.name.split("/")[0] in HEARS_ONLY:
        with pytest.raises(SpeccraftError, match="transcribes one piece of audio"):
            loaded.generate("hello")
    else:
        assert isinstance(loaded.generate("hello"), str)


def test_frozen_parts_keep_their_weights_and_the_others_change(case: Case) -> None:
    before = begin(case.recipe, tiny_models.RATE, 0)
    after = load_run(case.run.path).checkpoint
    for part, modules in before.parts().items():
        wanted = {getattr(getattr(case.recipe, stage).parts, part) for stage in ("pretrain", "align")}
        same = all(
            np.array_equal(one.detach().numpy(), other.detach().numpy())
            for module, trained in zip(modules, after.parts()[part], strict=True)
            for one, other in zip(module.parameters(), trained.parameters(), strict=True)
        )
        assert same == (wanted == {"frozen"}), part


@pytest.mark.parametrize("name", ["speech-lm", "whisper-finetune"])
def test_a_killed_training_of_additions_and_of_all_weights_goes_on_to_the_same_bytes(name: str, sixteen: Path, tmp_path: Path) -> None:
    def killed(stage: str, step: int, total: int) -> None:
        if (stage, step) == ("align", 3):
            raise KeyboardInterrupt

    recipe = recipe_of(name, tmp_path / "base", "align.save_every=1", "align.parts.language_model=lora")
    stages = {"stages": ("pretrain", "align"), "name": "tones", "papers": PAPERS}
    whole = train(sixteen, tmp_path / "whole", recipe, **stages)
    with pytest.raises(KeyboardInterrupt):
        train(sixteen, tmp_path / "killed", recipe, **stages, on_step=killed)
    heard: list[str] = []
    again = train(sixteen, tmp_path / "killed", recipe, **stages, say=heard.append)
    assert any("going on from step" in line for line in heard)
    model = Path("checkpoints/align/model.safetensors")
    assert (again.path / model).read_bytes() == (whole.path / model).read_bytes()
