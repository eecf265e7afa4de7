from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tones_world import RATE

from speccraft.errors import SpeccraftError
from speccraft.trainer.checkpoint import fresh
from speccraft.trainer.data import Dialogue, Dialogues, PlacedAudio, SpeechDialogues, read_cuts, transcripts
from speccraft.trainer.lines import Names
from speccraft.trainer.loader import BatchOrder, EndlessLoader
from speccraft.trainer.recipe import Augment, Recipe

SECONDS = st.lists(st.floats(0.1, 8.0), min_size=1, max_size=120)


def silent(seconds: Sequence[float]) -> Dialogues:
    return Dialogues.of([Dialogue(f"d{number}", length, ()) for number, length in enumerate(seconds)])


def order(dialogues: Dialogues, **kwargs: Any) -> list[tuple[int, list[str]]]:
    settings = {"batch_audio_s": 10.0, "buckets": 8, "seed": 0, "epoch": 0} | kwargs
    return list(BatchOrder(dialogues, **settings))


@settings(max_examples=40, deadline=None)
@given(SECONDS, st.integers(0, 5))
def test_an_epoch_gives_every_dialogue_once_in_batches_of_about_the_budget(seconds: list[float], epoch: int) -> None:
    work = silent(seconds)
    lengths = {dialogue.id: dialogue.seconds for dialogue in work}
    batches = order(work, epoch=epoch)
    assert sorted(id for _, ids in batches for id in ids) == sorted(lengths)
    assert {number for number, _ in batches} == {epoch}
    # Lhotse may add one last cut that is longer than those before it
    assert all(sum(lengths[id] for id in ids) - max(lengths[id] for id in ids) <= 10.0 + 1e-6 for _, ids in batches)


@settings(max_examples=40, deadline=None)
@given(SECONDS, st.data())
def test_an_epoch_resumes_at_any_position(seconds: list[float], data: st.DataObject) -> None:
    work = silent(seconds)
    whole = order(work, epoch=3)
    position = data.draw(st.integers(0, len(whole)))
    assert order(work, epoch=3, position=position) == whole[position:]


@settings(max_examples=60, deadline=None)
@given(SECONDS, st.integers(2, 4), st.integers(0, 3), st.data())
def test_ranks_share_an_epoch_out_without_sharing_a_dialogue_and_end_it_together(seconds: list[float], world: int, epoch: int, data: st.DataObject) -> None:
    work = silent(seconds)
    if len(seconds) < world:
        with pytest.raises(SpeccraftError, match="too few"):
            order(work, world=world)
        return
    lengths = {dialogue.id: dialogue.seconds for dialogue in work}
    ranks = [[ids for _, ids in order(work, epoch=epoch, rank=rank, world=world)] for rank in range(world)]
    assert len({len(batches) for batches in ranks}) == 1
    assert all(ids for batches in ranks for ids in batches)
    assert sorted(id for batches in ranks for ids in batches for id in ids) == sorted(lengths)
    # one dialogue more than the budget by Lhotse, and one where an epoch's end leaves too few for a batch each
    assert all(sum(sorted(lengths[id] for id in ids)[:-2]) <= 10.0 + 1e-6 for batches in ranks for ids in batches)
    position = data.draw(st.integers(0, len(ranks[0])))
    assert [ids for _, ids in order(work, epoch=epoch, rank=1, world=world, position=position)] == ranks[1][position:]


def test_the_batches_of_a_step_are_about_as_long_on_every_rank() -> None:
    lengths = torch.distributions.LogNormal(1.2, 0.6).sample((2000,)).clamp(0.5, 25).tolist()
    work = silent(lengths)
    ranks = [[max(lengths[int(id[1:])] for id in ids) for _, ids in order(work, batch_audio_s=60.0, buckets=30, rank=rank, world=4)] for rank in range(4)]
    alone = np.array([max(lengths[int(id[1:])] for id in ids) for _, ids in order(work, batch_audio_s=60.0, buckets=30)])
    dealt, as_they_come = np.array(ranks).T, alone[: len(alone) // 4 * 4].reshape(-1, 4)
    waiting = [1 - steps.mean() / steps.max(1).mean() for steps in (dealt, as_they_come)]
    assert waiting[0] < 0.5 * waiting[1]


def test_epochs_and_seeds_shuffle_differently() -> None:
    work = silent([0.1 * number for number in range(1, 80)])
    batches = [[ids for _, ids in order(work, epoch=epoch, seed=seed)] for epoch, seed in ((0, 0), (1, 0), (0, 7))]
    assert batches[0] != batches[1]
    assert batches[0] != batches[2]


def test_sources_that_stand_one_after_another_are_mixed_from_the_first_batches_on() -> None:
    names = Names([*(f"a-{number}" for number in range(25_000)), *(f"b-{number}" for number in range(25_000))])
    work = Dialogues(names, np.full(50_000, 2.0), lambda number: ())
    batches = BatchOrder(work, batch_audio_s=20.0, buckets=8, seed=0, epoch=0)
    counts = Counter(id[0] for _, ids in islice(batches, 100) for id in ids)
    assert counts["b"] == pytest.approx(0.5 * counts.total(), rel=0.2)


def test_batches_hold_similar_lengths() -> None:
    lengths = torch.distributions.LogNormal(1.2, 0.6).sample((1000,)).clamp(0.5, 25).tolist()
    work = silent(lengths)
    batches = [[lengths[int(id[1:])] for id in ids] for _, ids in order(work, batch_audio_s=60.0, buckets=30)]
    padded = sum(max(batch) * len(batch) for batch in batches)
    assert sum(lengths) / padded > 0.9


@pytest.fixture
def loader(build: Path, recipe: Recipe) -> EndlessLoader:
    return make_loader(build, recipe)


def make_loader(build: Path, recipe: Recipe, workers: int = 0) -> EndlessLoader:
    cuts, checkpoint = read_cuts(build, "train"), fresh(recipe, RATE, seed=0)
    audio = PlacedAudio(build, cuts, RATE, Augment(vocal_tract_warp=0.1, tempo=0.1, speed=0.1), 0)
    dataset = SpeechDialogues(transcripts(cuts), audio, checkpoint.tokenizer, checkpoint.collator(0.1))
    return EndlessLoader(dataset, batch_audio_s=1.0, buckets=2, seed=0, workers=workers)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_batches_never_end_and_epochs_count_up(loader: EndlessLoader) -> None:
    assert len(list(islice(loader, 30))) == 30
    assert loader.epoch >= 2


def test_a_resumed_stream_goes_on_with_the_very_same_tensors(build: Path, recipe: Recipe, loader: EndlessLoader) -> None:
    stream = iter(loader)
    list(islice(stream, 5))
    state = loader.state_dict()
    expected = list(islice(stream, 6))
    resumed = make_loader(build, recipe)
    resumed.load_state_dict(state)
    assert all(same(one, other) for one, other in zip(expected, islice(resumed, 6), strict=True))


def test_worker_processes_change_nothing(build: Path, recipe: Recipe, loader: EndlessLoader) -> None:
    alone = list(islice(loader, 6))
    for workers in (1, 3):
        assert all(same(one, other) for one, other in zip(alone, islice(make_loader(build, recipe, workers), 6), strict=True))


def test_a_batch_is_known_by_its_dialogues_however_far_ahead_workers_are(build: Path, recipe: Recipe) -> None:
    for workers in (0, 2):
        known = make_loader(build, recipe, workers)
        for batch in islice(known, 7):
            epoch, ids = known.latest
            assert torch.equal(known.dataset[epoch, ids]["input_ids"], batch["input_ids"])


def test_the_longest_batch_holds_the_longest_dialogues(loader: EndlessLoader) -> None:
    longest, others = loader.longest(), list(islice(loader, 12))
    assert longest["input_features_mask"].numel() >= 0.9 * max(batch["input_features_mask"].numel() for batch in others)
    loader.longest_first = True
    assert same(next(iter(loader)), longest)


def test_drawing_batches_draws_no_number_of_torchs_own(loader: EndlessLoader) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    list(islice(loader, 9))
    assert torch.equal(torch.get_rng_state(), before)


def test_throughput_counts_frames_and_padding(loader: EndlessLoader) -> None:
    batches = list(islice(loader, 3))
    assert loader.throughput.useful_frames == sum(int(batch["input_features_mask"].sum()) for batch in batches)
    assert loader.throughput.frames == sum(batch["input_features_mask"].numel() for batch in batches)
