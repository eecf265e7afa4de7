from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.scenario.contracts import Message, Part
from speccraft.trainer.batch import Audio, Collator, Example
from speccraft.trainer.checkpoint import fresh
from speccraft.trainer.loader import Throughput
from speccraft.trainer.model import IGNORED
from speccraft.trainer.recipe import load_recipe

CHECKPOINTS = {kind: fresh(load_recipe("tiny-cpu", [f"model.encoder.kind={kind}"]), 8000, seed=0) for kind in ("whisper", "parakeet")}
TOKENIZER = CHECKPOINTS["whisper"].tokenizer
AUDIO_ID = CHECKPOINTS["whisper"].model.config.audio_token_id
PARTS = st.lists(st.one_of(st.text("ab<|>é", min_size=1, max_size=5), st.integers(200, 5000)), min_size=1, max_size=3)
TURNS = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), PARTS), min_size=1, max_size=5)


def dialogue(turns: list[tuple], collator: Collator) -> Example:
    """A conversation; a number is a piece of audio of so many samples."""
    messages = []
    for role, parts in turns:
        content = [Part(type="audio", cut=str(part)) if isinstance(part, int) else Part(type="text", text=part) for part in parts]
        messages.append(Message(role=role, content=tuple(content)))
    lengths = [part for _, parts in turns for part in parts if isinstance(part, int)]
    return collator.example(messages, TOKENIZER, [Audio(np.random.default_rng(length).standard_normal(length).astype(np.float32)) for length in lengths])


def whole_row(collator: Collator, one: Example) -> tuple[list[int], list[int], list[int]]:
    """Ids and labels of a dialogue that is not cut off, and the positions of each of its pieces of audio."""
    batch = collator([one])
    tokens = collator.config.num_audio_tokens(batch["input_features_mask"].sum(1)).tolist() if one.audio else []
    return batch["input_ids"][0].tolist(), batch["labels"][0].tolist(), tokens


@pytest.mark.parametrize("kind", CHECKPOINTS)
@settings(max_examples=25, deadline=None)
@given(st.lists(TURNS, min_size=1, max_size=3))
def test_all_turns_of_the_assistant_are_learnt_in_order_and_nothing_else(kind: str, many: list[list[tuple]]) -> None:
    collator = CHECKPOINTS[kind].collator()
    batch = collator([dialogue(turns, collator) for turns in many])
    for row, turns in enumerate(many):
        wanted: list[int] = []
        for role, parts in turns:
            if role == "assistant":
                for part in parts:
                    wanted += [] if isinstance(part, int) else TOKENIZER(part, split_special_tokens=True).input_ids
                wanted.append(TOKENIZER.eos_token_id)
        ids, labels, mask = batch["input_ids"][row], batch["labels"][row], batch["attention_mask"][row].bool()
        assert labels[labels != IGNORED].tolist() == wanted
        assert not ((labels != IGNORED) & ((ids == AUDIO_ID) | ~mask)).any()


@pytest.mark.parametrize("kind", CHECKPOINTS)
@settings(max_examples=25, deadline=None)
@given(st.lists(TURNS, min_size=1, max_size=3), st.integers(1, 120))
def test_wherever_dialogues_are_cut_off_they_are_beginnings_and_audio_is_heard_whole_or_not_at_all(kind: str, many: list[list[tuple]], longest: int) -> None:
    collator = CHECKPOINTS[kind].collator()
    examples = [dialogue(turns, collator) for turns in many]
    batch = replace(collator, longest_tokens=longest)(examples)
    cut_off, pieces = 0, []
    for row, one in enumerate(examples):
        ids, labels, tokens = whole_row(collator, one)
        kept = int(batch["attention_mask"][row].sum())
        assert kept <= longest
        assert batch["input_ids"][row, :kept].tolist() == ids[:kept]
        assert batch["labels"][row, :kept].tolist() == labels[:kept]
        assert (batch["labels"][row, kept:] == IGNORED).all()
        heard = ids[:kept].count(AUDIO_ID)
        assert heard in np.cumsum([0, *tokens]).tolist()
        if kept < len(ids):
            # nothing is lost that would have fitted: what comes next is too long, and that is a piece of audio unless the row is full
            assert kept == longest or (ids[kept] == AUDIO_ID and kept + tokens[np.cumsum([0, *tokens]).tolist().index(heard)] > longest)
            cut_off += 1
        pieces += tokens[: np.cumsum([0, *tokens]).tolist().index(heard)]
    assert batch["cut_off"] == cut_off
    found = collator.config.num_audio_tokens(batch["input_features_mask"].sum(1)).tolist() if "input_features_mask" in batch else []
    assert found == pieces


def test_a_model_hears_in_a_dialogue_that_was_cut_off_what_it_hears_in_its_beginning() -> None:
    checkpoint = CHECKPOINTS["whisper"]
    checkpoint.model.eval()
    collator = checkpoint.collator()
    long = dialogue([("user", [4000, "ab"]), ("assistant", ["b"]), ("user", [5000]), ("assistant", ["a"])], collator)
    short = dialogue([("user", [4000, "ab"]), ("assistant", ["b"])], collator)
    other = dialogue([("user", [3000])], collator)
    length = int(collator([short])["attention_mask"].sum())
    cut_off = replace(collator, longest_tokens=length)([long, other])
    assert cut_off.pop("cut_off") == 1
    logits = checkpoint.model(**{name: cut_off[name] for name in cut_off if name != "labels"}, use_cache=False).logits
    alone = collator([short])
    torch.testing.assert_close(logits[:1], checkpoint.model(**{name: alone[name] for name in alone if name != "labels"}, use_cache=False).logits)


def test_a_dialogue_does_not_hear_those_beside_it_in_a_batch() -> None:
    checkpoint = CHECKPOINTS["whisper"]
    checkpoint.model.eval()
    collator = checkpoint.collator()
    one, other = dialogue([("user", [4000]), ("assistant", ["b"])], collator), dialogue([("user", ["ab", 900, 700]), ("assistant", ["a"])], collator)
    losses = [float(checkpoint.model(**collator(rows), use_cache=False).loss.detach()) for rows in ([one], [other], [one, other])]
    assert losses[2] == pytest.approx((losses[0] + losses[1]) / 2, rel=1e-4)


def test_how_many_were_cut_off_is_counted_and_is_no_input_of_the_model() -> None:
    collator = replace(CHECKPOINTS["whisper"].collator(), longest_tokens=4)
    through, batch = Throughput(), collator([dialogue([("user", ["abab"])], collator), dialogue([("user", ["b"])], collator)])
    through.add(batch)
    assert through.cut_off == 1
    assert set(batch) == {"input_ids", "attention_mask", "labels"}
