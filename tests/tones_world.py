"""A tiny build whose words are tones, and a recipe that learns them in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl

from speccraft import store
from speccraft.scenario.base import Band
from speccraft.scenario.contracts import CutCustom, Place, PlaceRanges
from speccraft.sound.place import Bank, BankItem, draw_place, generator_for, render_place
from speccraft.sound.shards import encode_flac, field_of, recording_of, write_tar
from speccraft.trainer.recipe import Recipe

RATE = 8000
WORDS = {"ba": (300.0, 900.0), "di": (2400.0, 300.0), "zu": (900.0, 2400.0)}
"""A word is one tone after another, in Hz: features are normalised per utterance, so a steady tone says little."""
INSTRUCTION = "write it"
SCENARIO = """speccraft: 1
name: tones
job: {task: transcribe, languages: [en]}
environment: {sampling_rate: 8000, noise: [hiss], snr_db: {low: 5.0, high: 25.0}}
sources:
  - {id: tones, format: folder, path: tones, licence: CC0-1.0}
  - {id: hiss, format: folder, path: hiss, role: noise, licence: CC0-1.0}
"""


def tone(word: str, seconds: float, phase: float = 0.0) -> np.ndarray:
    """A word of so many seconds."""
    time = np.arange(int(seconds / 2 * RATE)) / RATE
    halves = [0.3 * np.sin(2 * np.pi * hertz * time + phase) * np.hanning(len(time)) for hertz in WORDS[word]]
    return np.concatenate(halves).astype(np.float32)


def make_build(parent: Path, *, takes: int = 4, demonstrations: bool = True, untranscribed: int = 0, pairs: bool = False, scenario: str = SCENARIO) -> Path:
    """A committed build, as `build-manifest` would leave it: several takes of every word, training cuts with ranges of a place.

    Args:
        untranscribed: takes of each word in training that nobody wrote down.
        pairs: whether `it is ba.` is preferred to `ba!`.
        scenario: that the build says it was made from.
    """
    rng = np.random.default_rng(0)
    noise = {split: (0.1 * rng.standard_normal(RATE)).astype(np.float32) for split in ("train", "dev", "test")}
    with store.scratch_folder(parent) as scratch:
        items = [BankItem(f"hiss-{split}", "hiss", "noise", split, f"banks/hiss-{split}.flac", 1.0, "CC0-1.0") for split in noise]
        for item in items:
            store.write_bytes(scratch / item.path, encode_flac(noise[item.split], RATE))
        store.write_bytes(scratch / "banks.jsonl", store.json_lines([vars(item) for item in items]))
        counts = {"train": takes, "dev": 1, "test": 2}
        for split, count in counts.items():
            bank = Bank([item for item in items if item.split == split], {f"hiss-{split}": noise[split]}, RATE)
            _write_split(scratch, split, count, bank, demonstrations, untranscribed if split == "train" else 0)
        if pairs:
            asked = [(split, f"{split}-{word}-{take}", word) for split, count in counts.items() for word in WORDS for take in range(count)]
            store.write_bytes(scratch / "pairs.jsonl", store.json_lines([_pair(id, split, word) for split, id, word in asked]))
        heard = {"source": ["tones"], "licence": ["CC0-1.0"], "speaker": ["osc"]}
        pl.DataFrame(heard).write_parquet(scratch / "measures.parquet")
        info = {"scenario": {"text": scenario, "digest": "0" * 64}, "sampling_rate": RATE, "seed": 0}
        final = parent / "build"
        return store.commit(scratch, final, kind="build", name="tones", id="tones", info=info).path


def _write_split(folder: Path, split: str, takes: int, bank: Bank, demonstrations: bool, untranscribed: int) -> None:
    ranges = PlaceRanges(snr_db=Band(low=5.0, high=25.0), noise=("hiss",), clean_fraction=0.5)
    cuts, samples, examples = [], {}, []
    for word, take in ((word, take) for word in WORDS for take in range(takes)):
        id = f"{split}-{word}-{take}"
        samples[id] = tone(word, 0.2 + 0.05 * take, phase=take)
        drawn = draw_place(ranges.model_copy(update={"clean_fraction": 0.0}), bank, generator_for(0, id, 0), len(samples[id]) / RATE)
        place = ranges if split == "train" else drawn
        cuts.append(_cut(id, word if take >= untranscribed else None, samples[id], place))
        if take >= untranscribed:
            examples.append(_demonstration(id, split, word))
    cuts.sort(key=lambda cut: cut["id"])
    store.write_bytes(folder / f"cuts.{split}.jsonl", store.json_lines(cuts))
    store.write_bytes(folder / f"demonstrations.{split}.jsonl", store.json_lines(examples if demonstrations else []))
    for condition in ("clean",) if split == "train" else ("clean", "place"):
        with store.new_file(folder / "shards" / split / f"{field_of(condition)}.000000.tar") as tar:
            write_tar(tar, [(cut["recording"], encode_flac(_heard(cut, samples[cut["id"]], condition, bank), RATE)) for cut in cuts])


def _heard(cut: dict, samples: np.ndarray, condition: str, bank: Bank) -> np.ndarray:
    if condition == "clean":
        return samples
    return render_place(samples, Place.model_validate_json(json.dumps(cut["custom"]["place"])), bank)


def _cut(id: str, word: str | None, samples: np.ndarray, place: Place | PlaceRanges) -> dict:
    seconds = len(samples) / RATE
    stages = ("pretrain", "align") if word else ("pretrain",)
    custom = CutCustom(source="tones", speaker="osc", session=None, stages=stages, style="scripted", licence="CC0-1.0", unit="u", place=place)
    supervision = {"id": id, "recording_id": id, "start": 0, "duration": seconds, "channel": 0, "text": word, "language": "en", "speaker": "osc"}
    recording = recording_of(id, len(samples), RATE)
    cut = {"id": id, "start": 0, "duration": seconds, "channel": 0, "type": "MonoCut", "supervisions": [supervision], "recording": recording}
    return cut | {"custom": custom.model_dump(mode="json")}


def _demonstration(id: str, split: str, word: str) -> dict:
    asked = {"role": "user", "content": [{"type": "audio", "cut": id}, {"type": "text", "text": INSTRUCTION}]}
    return {
        "id": f"d-{id}",
        "split": split,
        "rule": "transcribe",
        "messages": [asked, {"role": "assistant", "content": [{"type": "text", "text": f"{word}!"}]}],
    }


def _pair(id: str, split: str, word: str) -> dict:
    messages = _demonstration(id, split, word)["messages"]
    chosen = {"role": "assistant", "content": [{"type": "text", "text": f"it is {word}."}]}
    judged = {"criterion": "polite", "origin": "given", "n_votes": 0}
    return {"id": f"p-{id}", "split": split, "prompt": messages[:1], "chosen": [chosen], "rejected": messages[1:], **judged}


def tiny_recipe() -> Recipe:
    """One layer each, 200 + 60 steps: enough for three tones."""
    return Recipe.model_validate_json(
        """{"recipe": 1, "threads": 1, "features": {"n_mels": 20},
        "model": {"encoder": {"kind": "whisper", "layers": 1, "width": 32, "heads": 2},
                  "language_model": {"layers": 1, "width": 32, "heads": 2}, "init_std": 0.15, "longest_audio_s": 2.0},
        "pretrain": {"steps": 200, "learning_rate": 0.004, "warmup_steps": 10, "batch_audio_s": 2.0, "ctc_weight": 0.3, "log_every": 20},
        "align": {"steps": 60, "learning_rate": 0.003, "batch_audio_s": 2.0, "log_every": 20},
        "answer": {"max_new_tokens": 8}}"""
    )
