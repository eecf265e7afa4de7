from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tones_world import INSTRUCTION, RATE, WORDS

from speccraft.errors import BrokenIntegrity
from speccraft.scenario.contracts import Demonstration, Message, Part, PlaceRanges
from speccraft.sound.shards import ShardReader
from speccraft.trainer.checkpoint import fresh
from speccraft.trainer.data import Cut, Cuts, Dialogue, PlacedAudio, SpeechDialogues, dialogues, read_cuts, transcripts
from speccraft.trainer.recipe import Augment, Recipe


@pytest.fixture(scope="module")
def cuts(build: Path) -> Cuts:
    return read_cuts(build, "train")


def audio(build: Path, cuts: Cuts, augment: Augment | None = None, seed: int = 0) -> PlacedAudio:
    return PlacedAudio(build, cuts, RATE, augment or Augment(), seed)


def test_cuts_are_read_with_their_ranges(cuts: Cuts) -> None:
    assert len(cuts) == 4 * len(WORDS)
    assert all(isinstance(cut.custom.place, PlaceRanges) and cut.text in WORDS for cut in cuts.values())


def test_pretraining_asks_nothing_and_learns_what_was_said(cuts: Cuts) -> None:
    for dialogue in transcripts(cuts):
        user, assistant = dialogue.messages
        assert [(part.type, part.cut) for part in user.content] == [("audio", dialogue.id)]
        assert assistant.content[0].text == cuts[dialogue.id].text


def test_cuts_of_other_stages_or_without_words_are_not_pretrained_on(build: Path, cuts: Cuts, tmp_path: Path) -> None:
    one, two, *others = [json.loads(line) for line in (build / "cuts.train.jsonl").read_text().splitlines()]
    one["custom"]["stages"] = ["align"]
    two["supervisions"][0]["text"] = ""
    (tmp_path / "cuts.train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (one, two, *others)))
    assert [dialogue.id for dialogue in transcripts(read_cuts(tmp_path, "train"))] == [row["id"] for row in others]


def test_demonstrations_keep_their_instruction_and_count_their_audio(build: Path, cuts: Cuts) -> None:
    found = dialogues(build, "train", cuts)
    assert len(found) == len(cuts)
    for dialogue in found:
        sound, text = dialogue.messages[0].content
        assert text.text == INSTRUCTION
        assert dialogue.seconds == cuts[sound.cut or ""].seconds


def test_a_dialogue_in_text_alone_counts_as_long_as_it_would_take_to_say_it(cuts: Cuts, tmp_path: Path) -> None:
    def asked(id: str, *content: Part) -> Demonstration:
        answer = Message(role="assistant", content=(Part(type="text", text="y" * 45),))
        return Demonstration(id=id, split="train", rule="r", messages=(Message(role="user", content=content), answer))

    first = next(iter(cuts))
    short, long = (asked(f"text{length}", Part(type="text", text="x" * length)) for length in (30, 30_000))
    rows = [short, long, asked("heard", Part(type="audio", cut=first), Part(type="text", text="x" * 300))]
    (tmp_path / "demonstrations.train.jsonl").write_text("".join(row.model_dump_json(exclude_none=True) + "\n" for row in rows))
    assert [dialogue.seconds for dialogue in dialogues(tmp_path, "train", cuts)] == [5.0, 2003.0, cuts[first].seconds]


def test_a_demonstration_of_another_splits_cut_is_broken_integrity(build: Path, cuts: Cuts) -> None:
    with pytest.raises(BrokenIntegrity, match="test-ba-0"):
        dialogues(build, "test", cuts)


def test_the_place_is_equal_for_the_same_epoch_and_another_in_the_next(build: Path, cuts: Cuts) -> None:
    def heard(epoch: int, seed: int = 0) -> dict[str, np.ndarray]:
        return {id: audio(build, cuts, seed=seed).hear(id, epoch).samples for id in cuts}

    zero, again, one, other_seed = heard(0), heard(0), heard(1), heard(0, seed=1)
    assert all(np.array_equal(zero[id], again[id]) for id in cuts)
    # half of all draws leave a cut clean, so two epochs agree on a quarter of the cuts
    for other in (one, other_seed):
        assert 0.3 < np.mean([not np.array_equal(zero[id], other[id]) for id in cuts]) <= 1.0


def test_the_place_is_noise_on_about_half_of_the_draws(build: Path, cuts: Cuts) -> None:
    shards = ShardReader(build / "shards" / "train")
    placed = audio(build, cuts)
    noisy = [not np.array_equal(placed.hear(id, epoch).samples, shards.samples(id)) for id in cuts for epoch in range(20)]
    assert 0.4 < np.mean(noisy) < 0.6


def test_a_cut_without_a_place_is_heard_as_recorded(build: Path, cuts: Cuts) -> None:
    id, cut = next(iter(cuts.items()))
    plain = Cut(id, cut.seconds, cut.text, cut.custom.model_copy(update={"place": None}))
    heard = audio(build, {id: plain}).hear(id, 0).samples
    assert np.array_equal(heard, ShardReader(build / "shards" / "train").samples(id))


def test_augmentation_stays_within_what_the_recipe_allows_and_never_changes_the_place(build: Path, cuts: Cuts) -> None:
    varied, plain = audio(build, cuts, Augment(vocal_tract_warp=0.1, tempo=0.1)), audio(build, cuts)
    draws = [varied.hear(id, 0) for id in cuts]
    assert all(0.9 <= draw.tempo <= 1.1 for draw in draws)
    assert len({draw.tempo for draw in draws}) > len(cuts) / 2
    assert len({draw.warp for draw in draws}) > 3
    assert all(np.array_equal(draw.samples, plain.hear(id, 0).samples) for id, draw in zip(cuts, draws, strict=True))
    assert {plain.hear(id, 0).tempo for id in cuts} == {1.0}


def test_speed_changes_the_length_before_the_place_and_is_drawn_afresh_each_epoch(build: Path, cuts: Cuts) -> None:
    shards = ShardReader(build / "shards" / "train")
    varied = audio(build, cuts, Augment(speed=0.1))
    speeds = [len(shards.samples(id)) / len(varied.hear(id, epoch).samples) for id in cuts for epoch in range(3)]
    assert 0.89 < min(speeds) < 0.95 < 1.05 < max(speeds) < 1.11
    for id in cuts:
        assert np.array_equal(varied.hear(id, 1).samples, audio(build, cuts, Augment(speed=0.1)).hear(id, 1).samples)


def in_full(build: Path, folder: Path) -> tuple[Path, Cuts]:
    """The build with everything that a place may hold in its training ranges."""
    ranges = {
        "snr_db": {"low": 0, "high": 10}, "noise": ["hiss"], "distance_m": {"low": 0.5, "high": 3}, "level_dbfs": {"low": -40, "high": -20},
        "clipped_fraction": {"low": 0, "high": 0.02}, "channel": {"codec": "band", "low_hz": 300, "high_hz": 3000},
        "events": {"sources": ["hiss"], "per_minute": {"low": 300, "high": 300}, "snr_db": {"low": 0, "high": 5}},
    }  # fmt: skip
    shutil.copytree(build, folder)
    rows = [json.loads(line) for line in (folder / "cuts.train.jsonl").read_text().splitlines()]
    for row in rows:
        row["custom"]["place"] = ranges
    (folder / "cuts.train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder, read_cuts(folder, "train")


def test_the_same_cut_seed_and_epoch_give_the_same_samples_whoever_heard_what_before(build: Path, tmp_path: Path) -> None:
    folder, cuts = in_full(build, tmp_path / "full")
    alone = {(id, epoch): audio(folder, cuts, Augment(speed=0.1)).hear(id, epoch).samples for id in cuts for epoch in (0, 1)}
    together = audio(folder, cuts, Augment(speed=0.1))
    for id, epoch in reversed(alone):
        assert np.array_equal(together.hear(id, epoch).samples, alone[id, epoch])
    assert not any(np.array_equal(alone[id, 0], alone[id, 1]) for id in cuts)


def test_dialogues_of_several_turns_and_pieces_of_audio_become_one_example(build: Path, cuts: Cuts, recipe: Recipe, tmp_path: Path) -> None:
    first, second, *_ = cuts
    turns = [
        Message(role="system", content=(Part(type="text", text="be brief"),)),
        Message(role="user", content=(Part(type="audio", cut=first), Part(type="text", text="and"), Part(type="audio", cut=second))),
        Message(role="assistant", content=(Part(type="text", text="A"),)),
        Message(role="user", content=(Part(type="text", text="again"),)),
        Message(role="assistant", content=(Part(type="text", text="BC"),)),
    ]
    checkpoint = fresh(recipe, RATE, seed=0)
    demonstration = Demonstration(id="d", split="train", rule="r", messages=tuple(turns))
    (tmp_path / "demonstrations.train.jsonl").write_text(demonstration.model_dump_json(exclude_none=True) + "\n")
    work = dialogues(tmp_path, "train", cuts)
    batch = SpeechDialogues(work, audio(build, cuts), checkpoint.tokenizer, checkpoint.collator())[0, ["d"]]
    assert list(work) == [Dialogue("d", cuts[first].seconds + cuts[second].seconds, tuple(turns))]
    assert len(batch["input_features"]) == 2
    assert checkpoint.tokenizer.decode(batch["labels"][batch["labels"] >= 0]) == "A<|end|>BC<|end|>"
