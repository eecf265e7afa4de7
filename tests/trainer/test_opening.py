"""Published checkpoints are opened whole, as what they are, without code and pickles of their own, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file
from tiny_models import RATE, rewrite_config

from speccraft.errors import InvalidScenario, SpeccraftError, UnreadableInput
from speccraft.scenario.contracts import Message, Part
from speccraft.trainer.batch import Audio
from speccraft.trainer.compose import compose, open_encoder, open_language_model
from speccraft.trainer.opening import begin
from speccraft.trainer.recipe import Recipe, load_recipe

DIALOGUE = (
    Message(role="user", content=(Part(type="audio", cut="c"), Part(type="text", text="write it"))),
    Message(role="assistant", content=(Part(type="text", text="Ba, di!"),)),
)


def whisper(folder: Path, *more: str) -> Recipe:
    return load_recipe("whisper-finetune", [f"model.base.checkpoint.path={folder}", "model.longest_audio_s=2.0", *more])


def test_an_encoder_is_taken_out_of_a_whole_whisper_as_it_was(tmp_path: Path) -> None:
    whole = tiny_models.whisper_checkpoint(tmp_path)
    weights = load_file(whole / "model.safetensors")
    found = open_encoder(whole).state_dict()
    assert found
    assert all(torch.equal(weights[f"model.encoder.{name}"], weight) for name, weight in found.items())


def test_an_encoder_is_taken_out_of_a_ctc_model_as_it_was(tmp_path: Path) -> None:
    folder = tiny_models.parakeet_ctc_checkpoint(tmp_path)
    weights, found = load_file(folder / "model.safetensors"), open_encoder(folder).state_dict()
    assert torch.equal(weights["encoder.layers.0.self_attn.q_proj.weight"], found["layers.0.self_attn.q_proj.weight"])


def test_new_tokens_can_be_told_apart_and_old_ones_stay(tmp_path: Path) -> None:
    encoder, text = tiny_models.speech_lm_checkpoints(tmp_path, "parakeet", "qwen3")
    old = load_file(text / "model.safetensors")["model.embed_tokens.weight"]
    # as if the vocabulary were full
    shrunk = open_language_model(text)
    shrunk.resize_token_embeddings(260)
    shrunk.save_pretrained(text)
    paths = [f"model.base.encoder.path={encoder}", f"model.base.language_model.path={text}"]
    one, same = (begin(load_recipe("speech-lm", [*paths, "model.base.chat=ours", "model.longest_audio_s=2.0"]), RATE, seed=4).model for _ in range(2))
    table = one.get_input_embeddings().weight
    assert torch.equal(table[:260], old[:260])
    assert one.lm_head.weight is table
    assert len(table) > 260
    assert torch.cdist(table[260:], table[260:]).add(torch.eye(len(table) - 260)).min() > 1e-3
    assert torch.equal(table, same.get_input_embeddings().weight)


def test_generation_ends_where_an_answer_ends_and_never_says_audio(tmp_path: Path) -> None:
    encoder, text = tiny_models.speech_lm_checkpoints(tmp_path, "parakeet", "llama")
    opened = begin(load_recipe("speech-lm", [f"model.base.encoder.path={encoder}", f"model.base.language_model.path={text}"]), RATE, 0)
    settings = opened.model.generation_config
    assert settings.eos_token_id == [opened.tokenizer.convert_tokens_to_ids("<|im_end|>")]
    assert settings.suppress_tokens == [opened.model.config.audio_token_id]


@pytest.mark.parametrize("ears", ["wavlm", "wav2vec2-bert"])
def test_layers_are_not_left_out_and_nothing_is_masked_in_training(tmp_path: Path, ears: str) -> None:
    folder = tiny_models.save(tmp_path, tiny_models.encoder(ears), tiny_models.extractor(ears))
    rewrite_config(folder, layerdrop=0.5, apply_spec_augment=True, mask_time_prob=0.5)
    encoder = open_encoder(folder).train()
    assert (encoder.config.layerdrop, encoder.config.apply_spec_augment) == (0.0, False)
    assert not encoder.masked_spec_embed.requires_grad


def test_weights_that_are_missing_are_not_drawn_at_random(tmp_path: Path) -> None:
    folder = tiny_models.whisper_checkpoint(tmp_path)
    file = folder / "model.safetensors"
    weights = load_file(file)
    del weights["model.encoder.layers.0.fc1.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(UnreadableInput, match=r"lacks 1 weights, such as model\.encoder\.layers\.0\.fc1\.weight"):
        begin(whisper(folder), RATE, 0)


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = tiny_models.whisper_checkpoint(tmp_path)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UnreadableInput, match="cannot be opened"):
        begin(whisper(folder), RATE, 0)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "boom",))

    folder = tiny_models.whisper_checkpoint(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    torch.save({"model.encoder.conv1.weight": Bomb()}, folder / "pytorch_model.bin")
    with pytest.raises(UnreadableInput, match="cannot be opened"):
        begin(whisper(folder), RATE, 0)
    assert not (tmp_path / "boom").exists()


def test_code_that_comes_with_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    folder = tiny_models.save(tmp_path / "model", tiny_models.language_model("llama"))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'boom')!r}, 'w')\nclass Config: ...\nclass Model: ...")
    own = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    rewrite_config(folder, auto_map=own)
    assert type(open_language_model(folder)).__name__ == "LlamaForCausalLM"
    rewrite_config(folder, auto_map=own, model_type="evil")
    with pytest.raises(UnreadableInput):
        open_language_model(folder)
    assert not (tmp_path / "boom").exists()


def test_an_adapter_that_would_fetch_its_base_is_refused(tmp_path: Path) -> None:
    folder = tiny_models.save(tmp_path, tiny_models.language_model("llama"))
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "nobody/has-this"}))
    with pytest.raises(UnreadableInput, match="holds an adapter"):
        open_language_model(folder)


def test_a_language_model_with_a_head_we_do_not_know_is_refused() -> None:
    text = tiny_models.language_model("llama")
    forward = text.forward

    def bent(*args: Any, **kwargs: Any) -> Any:
        out = forward(*args, **kwargs)
        out.logits = out.logits * 2
        return out

    text.forward = bent
    with pytest.raises(SpeccraftError, match="changes its logits"):
        compose(tiny_models.encoder("parakeet"), text, 3)
    biased = tiny_models.language_model("llama")
    biased.lm_head = torch.nn.Linear(16, 300)
    with pytest.raises(SpeccraftError, match="plain head"):
        compose(tiny_models.encoder("parakeet"), biased, 3)


@pytest.mark.parametrize(
    ("more", "rate", "said"),
    [
        ((), 8000, "hears 16000 Hz, and the build is at 8000 Hz"),
        (("model.longest_audio_s=3.0",), RATE, "hears 2 s at most"),
        (("model.base.language=xx",), RATE, r"no <\|xx\|>"),
    ],
)
def test_a_base_that_does_not_fit_is_an_error_with_a_way_out(tmp_path: Path, more: tuple[str, ...], rate: int, said: str) -> None:
    with pytest.raises(SpeccraftError, match=said) as raised:
        begin(whisper(tiny_models.whisper_checkpoint(tmp_path), *more), rate, 0)
    assert raised.value.try_this


@pytest.mark.parametrize("name", ["whisper-finetune", "ctc", "audio-llm-lora"])
def test_a_checkpoint_of_another_kind_is_named(tmp_path: Path, name: str) -> None:
    folder = tiny_models.save(tmp_path, tiny_models.language_model("llama"))
    with pytest.raises(SpeccraftError, match="is a 'llama'"):
        begin(load_recipe(name, [f"model.base.checkpoint.path={folder}"]), RATE, 0)


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match=r"no config\.json"):
        begin(whisper(tmp_path), RATE, 0)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("features.n_mels=80", "brings its own extractor"),
        ("augment.tempo=0.1", "can neither warp nor stretch"),
        ("pretrain.ctc_weight=0.5", "hears already"),
        ("prefer={steps: 1, learning_rate: 0.1, batch_audio_s: 1.0}", "does not learn preferences"),
        ("model.encoder={kind: whisper, layers: 1, width: 8, heads: 1}", "leave out encoder"),
    ],
)
def test_what_a_base_makes_meaningless_is_refused_in_the_recipe(override: str, said: str) -> None:
    with pytest.raises(InvalidScenario) as raised:
        load_recipe("whisper-finetune", [override])
    assert said in raised.value.findings[0].message


def test_a_model_from_scratch_needs_its_sizes() -> None:
    with pytest.raises(InvalidScenario) as raised:
        load_recipe("tiny-cpu", ["model.encoder=null"])
    assert "needs the sizes" in raised.value.findings[0].message


def test_ctc_spells_what_its_vocabulary_can_and_is_not_moved_by_padding(tmp_path: Path) -> None:
    recipe = load_recipe("ctc", [f"model.base.checkpoint.path={tiny_models.wav2vec2_ctc_checkpoint(tmp_path)}"])
    opened = begin(recipe, RATE, 0)
    collator, rng = opened.collator(), np.random.default_rng(0)
    waves = [rng.standard_normal(samples).astype(np.float32) for samples in (9000, 3000)]
    examples = [collator.example(DIALOGUE, opened.tokenizer, [Audio(wave)]) for wave in waves]
    assert opened.tokenizer.convert_ids_to_tokens(list(examples[0].ids)) == ["B", "A", "|", "D", "I"]
    model = opened.model.eval()
    with torch.no_grad():
        both = opened.adapter.loss(model, collator(examples))
        each = [opened.adapter.loss(model, collator([one])) for one in examples]
    torch.testing.assert_close(both, torch.stack(each).mean(), rtol=1e-4, atol=1e-4)


def test_whisper_learns_the_transcript_behind_its_prompt(tmp_path: Path) -> None:
    opened = begin(whisper(tiny_models.whisper_checkpoint(tmp_path)), RATE, 0)
    collator = opened.collator()
    batch = collator([collator.example(DIALOGUE, opened.tokenizer, [Audio(np.zeros(4000, np.float32))])])
    assert opened.tokenizer.decode(batch["decoder_input_ids"][0]) == "<|startoftranscript|><|en|><|transcribe|><|notimestamps|>Ba, di!"
    learnt = batch["labels"][0] >= 0
    assert opened.tokenizer.decode(batch["labels"][0][learnt]) == "Ba, di!<|endoftext|>"
    assert batch["input_features"].shape == (1, 200, 8)
    long = (DIALOGUE[0], Message(role="assistant", content=(Part(type="text", text="ba" * 60),)))
    with pytest.raises(SpeccraftError, match="longer than Whisper can write"):
        collator.example(long, opened.tokenizer, [Audio(np.zeros(4000, np.float32))])


def test_models_that_transcribe_take_no_part_in_dialogues(tmp_path: Path) -> None:
    opened = begin(whisper(tiny_models.whisper_checkpoint(tmp_path)), RATE, 0)
    for messages in (DIALOGUE * 2, DIALOGUE[1:]):
        with pytest.raises(SpeccraftError, match="takes part in no dialogue") as raised:
            opened.collator().example(messages, opened.tokenizer, [])
        assert "speech-lm" in raised.value.try_this
