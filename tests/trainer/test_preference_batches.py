from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tones_world import RATE, make_build

from speccraft.errors import BrokenIntegrity
from speccraft.scenario.contracts import Message, Pair, Part
from speccraft.trainer.batch import Audio
from speccraft.trainer.checkpoint import Checkpoint, fresh
from speccraft.trainer.data import Cuts, PlacedAudio, SpeechDialogues, read_cuts, transcripts
from speccraft.trainer.preferences import Rehearsal, SpeechPreferences, can_be_learnt, prompts, read_pairs
from speccraft.trainer.recipe import Augment, Recipe


def said(role: str, *parts: str | int) -> Message:
    """A turn; a number is a cut that is heard."""
    return Message(role=role, content=tuple(Part(type="audio", cut=str(part)) if isinstance(part, int) else Part(type="text", text=part) for part in parts))


def pair(id: str, prompt: list[Message], chosen: str, rejected: str) -> Pair:
    answers = [(said("assistant", text),) if text else () for text in (chosen, rejected)]
    judged = {"criterion": "polite", "origin": "given", "n_votes": 0}
    return Pair(id=id, split="train", prompt=tuple(prompt), chosen=answers[0], rejected=answers[1], **judged)


class Tones:
    """Audio of any cut: some noise, its length and sound by the cut's number."""

    def hear(self, cut: str, epoch: int) -> Audio:
        rng = np.random.default_rng(int(cut))
        return Audio(rng.standard_normal(int(rng.integers(200, 6000))).astype(np.float32))


@pytest.fixture(scope="module")
def checkpoint(recipe: Recipe) -> Checkpoint:
    made = fresh(recipe, RATE, seed=0)
    made.model.eval()
    return made


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("preferred"), pairs=True)


@pytest.fixture(scope="module")
def cuts(build: Path) -> Cuts:
    return read_cuts(build, "train")


def batch_of(pairs: list[Pair], checkpoint: Checkpoint, method: str = "dpo") -> dict[str, Any]:
    """All pairs in one batch."""
    dataset = SpeechPreferences(pairs, Known(), Tones(), checkpoint.tokenizer, checkpoint.collator(), method)  # type: ignore[arg-type]
    return dataset[0, [one.id for one in pairs]]


class Known:
    """Stands for cuts of which only the lengths are asked for."""

    class names:
        @staticmethod
        def numbers(ids: list[str]) -> np.ndarray:
            return np.zeros(len(ids), int)

    seconds = np.ones(1)


TEXT = st.text("ab <|é", min_size=1, max_size=6)
TURN = st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.lists(st.one_of(TEXT, st.integers(0, 9)), min_size=1, max_size=4))
ASKED = st.lists(TURN, min_size=1, max_size=4).map(lambda turns: [said(role, *parts) for role, parts in turns])
ANY_PAIR = st.tuples(ASKED, TEXT, TEXT)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ANY_PAIR, min_size=1, max_size=3))
def test_only_the_answers_are_learnt_and_both_halves_are_asked_the_same(checkpoint: Checkpoint, asked: list[tuple]) -> None:
    pairs = [pair(f"p{number}", *one) for number, one in enumerate(asked)]
    batch, tokenizer, audio_id = batch_of(pairs, checkpoint), checkpoint.tokenizer, checkpoint.model.config.audio_token_id
    answers = [one.chosen for one in pairs] + [one.rejected for one in pairs]
    heard: list[int] = []
    for row, answer in enumerate(answers):
        ids, learnt, mask = batch["input_ids"][row], batch["completion_mask"][row].bool(), batch["attention_mask"][row].bool()
        assert ids[learnt].tolist() == [*tokenizer(answer[0].content[0].text, split_special_tokens=True).input_ids, tokenizer.eos_token_id]
        assert not (learnt & (ids == audio_id)).any()
        assert not (learnt & ~mask).any()
        heard.append(int((ids == audio_id).sum()))
    half = len(pairs)
    assert heard[:half] == heard[half:]
    expected = checkpoint.model.config.num_audio_tokens(batch["input_features_mask"].sum(1)).sum() if "input_features_mask" in batch else 0
    assert sum(heard[:half]) == int(expected)
    for row in range(half):
        chosen, rejected = (batch["input_ids"][number][: int(batch["completion_mask"][number].argmax())] for number in (row, row + half))
        assert torch.equal(chosen, rejected)


def test_where_sound_is_to_follow_no_answer_is_taught_to_end_with_its_words(checkpoint: Checkpoint) -> None:
    asked, tokenizer = [pair("a", [said("user", "?")], "yes", "n")], checkpoint.tokenizer
    silent = SpeechPreferences(asked, Known(), Tones(), tokenizer, checkpoint.collator(), "dpo")  # type: ignore[arg-type]
    spoken = SpeechPreferences(asked, Known(), Tones(), tokenizer, checkpoint.collator(), "dpo", goes_on=True)  # type: ignore[arg-type]
    for row, word in enumerate(("yes", "n")):
        (before, after), ids = ((one[0, ["a"]]["completion_mask"][row].bool() for one in (silent, spoken)), silent[0, ["a"]]["input_ids"][row])
        assert ids[before].tolist() == [*tokenizer(word).input_ids, tokenizer.eos_token_id]
        assert ids[after].tolist() == tokenizer(word).input_ids


def test_audio_that_is_encoded_once_says_the_same_to_both_answers(checkpoint: Checkpoint) -> None:
    pairs = [pair("a", [said("user", 1, "and", 2)], "yes", "never"), pair("b", [said("user", "no sound")], "no", "n"), pair("c", [said("user", 3)], "c", "d")]
    batch = batch_of(pairs, checkpoint)
    assert len(batch["input_features"]) == 3
    inputs = {name: value for name, value in batch.items() if name != "completion_mask"}
    whole = checkpoint.model(**inputs, use_cache=False).logits
    features = {name: torch.cat([batch[name]] * 2) for name in ("input_features", "input_features_mask")}
    twice = checkpoint.model(**(inputs | features | {"audio_repeats": 1}), use_cache=False).logits
    torch.testing.assert_close(whole, twice)
    silent = checkpoint.model(**(inputs | {"input_features": torch.zeros_like(batch["input_features"])}), use_cache=False).logits
    assert (whole - silent)[3].abs().max() > 1e-3


def test_kto_has_a_row_for_every_answer_there_is_and_another_answer_to_every_prompt(checkpoint: Checkpoint) -> None:
    pairs = [pair("a", [said("user", 1)], "yes", "no"), pair("b", [said("user", 2)], "", "bad"), pair("c", [said("user", "sum")], "good", "")]
    batch = batch_of(pairs, checkpoint, method="kto")
    assert batch["label"].tolist() == [True, True, False, False]
    texts = {}
    for prefix in ("", "KL_"):
        rows = zip(batch[f"{prefix}input_ids"], batch[f"{prefix}completion_mask"].bool(), strict=True)
        texts[prefix] = [checkpoint.tokenizer.decode(ids[learnt], skip_special_tokens=True) for ids, learnt in rows]
    assert texts[""] == ["yes", "good", "no", "bad"]
    assert texts["KL_"] == ["bad", "yes", "good", "no"]
    assert len(batch["input_features"]) == 3
    for prefix in ("", "KL_"):
        assert (batch[f"{prefix}input_ids"] == checkpoint.model.config.audio_token_id).any(1).tolist() == [True, False, True, True]


def test_what_a_method_cannot_learn_from_is_told_apart() -> None:
    both, one = pair("a", [said("user", "hm")], "yes", "no"), pair("b", [said("user", "hm")], "yes", "")
    aloud = both.model_copy(update={"chosen": (said("assistant", 1, "yes"),)})
    assert [can_be_learnt(each, "dpo") for each in (both, one, aloud)] == [True, False, False]
    assert [can_be_learnt(each, "kto") for each in (both, one, aloud)] == [True, True, False]


def test_pairs_of_held_out_splits_are_not_trained_on(build: Path) -> None:
    assert len(read_pairs(build, "train")) == 12
    assert {one.split for one in read_pairs(build, "test")} == {"test"}
    assert read_pairs(build / "nowhere", "train") == []


def test_a_pair_about_a_cut_of_another_split_is_broken_data(build: Path, cuts: Cuts) -> None:
    assert prompts(read_pairs(build, "train"), cuts).seconds.min() > 0.1
    with pytest.raises(BrokenIntegrity, match="which is not in its split"):
        prompts(read_pairs(build, "test"), cuts)


def test_the_same_dialogues_are_rehearsed_beside_a_batch_whoever_asks(build: Path, cuts: Cuts, checkpoint: Checkpoint) -> None:
    audio = PlacedAudio(build, cuts, RATE, Augment(), 0)
    earlier = SpeechDialogues(transcripts(cuts), audio, checkpoint.tokenizer, checkpoint.collator())
    pairs = read_pairs(build, "train")
    dataset = SpeechPreferences(pairs, cuts, audio, checkpoint.tokenizer, checkpoint.collator(), "dpo", Rehearsal(earlier, 0))
    ids = [one.id for one in pairs[:4]]
    first, again, later = dataset[0, ids]["rehearsal"], dataset[0, ids]["rehearsal"], dataset[1, ids]["rehearsal"]
    assert torch.equal(first["input_features"], again["input_features"])
    assert len(first["input_ids"]) == 4
    assert first["input_features"].shape != later["input_features"].shape or not torch.equal(first["input_features"], later["input_features"])
