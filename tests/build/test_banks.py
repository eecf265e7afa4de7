"""The banks: every split has noise and rooms of its own."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from corpus import RATE, SCENARIO
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.build.banks import Clip, Made, dealt, make_banks
from speccraft.errors import SpeccraftError
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS
from speccraft.sound.rooms import rt60_of


def scenario(seed: int = 0, **environment: Any) -> Scenario:
    return Scenario.model_validate_json(json.dumps({**SCENARIO, "seed": seed, "environment": {**SCENARIO["environment"], **environment}}))


def noises(count: int, seconds: float = 1.0) -> list[Clip]:
    return [Clip(f"hiss-{n}", "hiss", "noise", "CC0-1.0", np.arange(n, n + int(seconds * RATE), dtype=np.float32)) for n in range(count)]


def rooms(count: int) -> list[Clip]:
    return [Clip(f"hall-{n}", "halls", "rir", "CC-BY-4.0", np.ones(100, np.float32), rt60_s=0.3) for n in range(count)]


@given(noise=st.integers(1, 30), rir=st.integers(0, 30), seed=st.integers(0, 20))
@settings(deadline=None, max_examples=25)
def test_every_split_has_a_noise_and_a_room_and_shares_none(noise: int, rir: int, seed: int) -> None:
    banks = make_banks([*noises(noise), *rooms(rir)], scenario(seed))
    assert len({item.id for item in banks.items}) == len(banks.items)
    for role in ("noise", "rir"):
        assert all(banks.ids(role)[split] for split in SPLITS)
    assert {item.id for item in banks.items} == set(banks.samples)


@given(count=st.integers(3, 30), seed=st.integers(0, 20))
@settings(deadline=None)
def test_clips_are_dealt_whole_a_fifth_each_to_dev_and_test(count: int, seed: int) -> None:
    ids = make_banks(noises(count), scenario(seed, rooms=[])).ids("noise")
    assert sorted(id for some in ids.values() for id in some) == sorted(clip.id for clip in noises(count))
    assert len(ids["dev"]) == len(ids["test"]) == max(1, round(count / 5))


def parts(recording: str, *times: tuple[int, int], role: str = "noise") -> list[Clip]:
    """Stretches of one recording of noise, by first and last sample."""
    samples = np.random.default_rng(len(recording)).standard_normal(10 * RATE).astype(np.float32)
    source = "hiss" if role == "noise" else "halls"
    return [Clip(f"{recording}-{start}", source, role, "MIT", samples[start:end], 0.3, recording=recording) for start, end in times]


OVERLAPPING = ((0, 4000), (2000, 6000), (5000, 9000))


@given(seed=st.integers(0, 20))
@settings(deadline=None)
def test_all_parts_of_a_recording_are_in_one_split(seed: int) -> None:
    clips = [*parts("a", *OVERLAPPING), *parts("bb", *OVERLAPPING), *parts("ccc", (0, 100)), *parts("dddd", (0, 100))]
    banks = make_banks(clips, scenario(seed, rooms=[], rt60_s=None))
    homes = {(item.id.split("-")[0], item.split) for item in banks.items}
    assert len(banks.items) == len(clips)
    assert len(homes) == 4
    assert {split for _, split in homes} == set(SPLITS)
    assert banks.notes == ()


@given(seed=st.integers(0, 20))
@settings(deadline=None)
def test_parts_of_few_recordings_are_dealt_where_they_do_not_overlap(seed: int) -> None:
    clips = [*parts("a", *OVERLAPPING, (20000, 21000)), *parts("bb", (0, 1000), (500, 2000))]
    banks = make_banks(clips, scenario(seed, rooms=[], rt60_s=None))
    homes = {item.id: item.split for item in banks.items}
    assert len({homes[f"a-{start}"] for start, _ in OVERLAPPING}) == len({homes["bb-0"], homes["bb-500"]}) == 1
    assert {homes["a-0"], homes["a-20000"], homes["bb-0"]} == set(SPLITS)
    assert "2 usable recording(s): the 3 stretches" in banks.notes[0]


def test_few_parts_that_overlap_are_cut_by_time_where_they_are_longest() -> None:
    banks = make_banks(parts("a", *OVERLAPPING, (8900, 20000)), scenario(rooms=[], rt60_s=None))
    assert [item.id for item in banks.items] == [f"a-8900-{split}" for split in SPLITS]
    assert "1 usable recording(s): each is cut by time, 60/20/20; 3 shorter part(s)" in banks.notes[0]


def test_rooms_of_one_recording_are_in_one_split_and_count_once() -> None:
    banks = make_banks(parts("a", *OVERLAPPING, role="rir"), scenario(noise=[], snr_db=None))
    assert {item.split for item in banks.items if not item.simulated} == {"train"}
    assert len(banks.items) == 3 + 5


@pytest.mark.parametrize("count", [1, 2])
def test_few_noise_clips_are_cut_by_time_without_overlap_and_the_notes_say_so(count: int) -> None:
    banks = make_banks(noises(count), scenario(rooms=[]))
    for clip in noises(count):
        pieces = [banks.samples[f"{clip.id}-{split}"] for split in SPLITS]
        assert [len(piece) / RATE for piece in pieces] == pytest.approx([0.6, 0.2, 0.2])
        assert np.array_equal(np.concatenate(pieces), clip.samples)
    assert any("cut by time" in note for note in banks.notes)
    assert {item.seconds for item in banks.items} == {0.6, 0.2}


def test_few_rooms_are_joined_by_simulated_ones_inside_the_band() -> None:
    for count in (0, 1, 2):
        banks = make_banks(rooms(count), scenario(noise=[], rt60_s={"low": 0.4, "high": 0.6}))
        simulated = [item for item in banks.items if item.simulated]
        assert len(simulated) == 6 - count
        assert any("simulated" in note for note in banks.notes)
        for item in simulated:
            assert item.licence == "CC0-1.0"
            assert item.rt60_s is not None
            assert 0.4 <= item.rt60_s <= 0.6
            assert rt60_of(banks.samples[item.id], RATE) == pytest.approx(item.rt60_s, abs=1e-3)
        measured = [(item.id, item.split) for item in banks.items if not item.simulated]
        assert measured == [("hall-0", "train"), ("hall-1", "test")][:count]


def test_simulated_rooms_are_the_same_every_time_and_differ_by_seed() -> None:
    one, again, other = (make_banks([], scenario(seed, noise=[])).samples for seed in (0, 0, 1))
    assert all(np.array_equal(one[id], again[id]) for id in one)
    assert not any(np.array_equal(one[id], other[id]) for id in one)


def test_a_band_no_room_can_measure_is_an_error_that_names_it() -> None:
    with pytest.raises(SpeccraftError, match=r"0.5 to 0.5 s") as caught:
        make_banks([], scenario(noise=[], rt60_s={"low": 0.5, "high": 0.5}))
    assert "environment.rt60_s" in caught.value.try_this


def test_an_item_is_described_as_it_is() -> None:
    item = next(item for item in make_banks([*noises(3), *rooms(3)], scenario()).items if item.role == "rir")
    assert (item.source, item.licence, item.rt60_s, item.simulated, item.path) == ("halls", "CC-BY-4.0", 0.3, False, f"banks/{item.id}.flac")


def test_rooms_are_made_on_request_for_every_split_inside_the_band_beside_those_of_the_sources() -> None:
    banks = make_banks(rooms(3), scenario(noise=[], snr_db=None, made=["simulated-rooms"], rt60_s={"low": 0.2, "high": 0.4}))
    made = [item for item in banks.items if item.source == "simulated-rooms"]
    assert {split: sum(item.split == split for item in made) for split in SPLITS} == {"train": 12, "dev": 3, "test": 6}
    assert all(item.simulated and item.rt60_s and 0.2 <= item.rt60_s <= 0.4 for item in made)
    assert len([item for item in banks.items if item.source == "halls"]) == 3
    assert any("as environment.made asks" in note for note in banks.notes)


def test_short_noises_are_split_like_noise_and_a_source_of_both_enters_once() -> None:
    events = {"sources": ["hiss"], "per_minute": {"low": 1.0, "high": 2.0}, "snr_db": {"low": 0.0, "high": 5.0}}
    for noise in (["hiss"], []):
        banks = make_banks(noises(5), scenario(rooms=[], rt60_s=None, noise=noise, events=events))
        assert len(banks.items) == 5
        assert all(banks.ids("noise")[split] for split in SPLITS)


def test_what_was_made_of_speech_stands_in_the_banks_with_its_notes() -> None:
    clip = Clip("babble-test-1", "babble", "noise", "MIT", np.ones(RATE, np.float32), simulated=True, made_of=("a", "b"))
    banks = make_banks([], scenario(noise=[], snr_db=None, rooms=[], rt60_s=None), Made(((clip, "test"),), ("of cuts",)))
    (item,) = banks.items
    assert (item.split, item.made_of, item.simulated, banks.notes) == ("test", ("a", "b"), True, ("of cuts",))


@given(ids=st.sets(st.text(min_size=1), min_size=3), seed=st.integers(0, 9))
def test_dealing_gives_everything_once_whatever_the_order(ids: set[str], seed: int) -> None:
    once = dict(dealt(sorted(ids), seed))
    assert once == dict(dealt(sorted(ids, reverse=True), seed))
    assert (once.keys(), set(once.values())) == (ids, set(SPLITS))
