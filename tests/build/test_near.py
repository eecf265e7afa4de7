"""Near-duplicates: an index finds what comparing everything finds, in any order, and only copies."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from corpus import WORDS, word_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.build import near
from speccraft.build.near import LEAST_JACCARD, Near, copies, firsts, near_texts
from speccraft.sound.decode import to_int16
from speccraft.sound.fingerprint import fingerprint

RATE = 8000


def unit(folder: Path, sounds: dict[str, np.ndarray], **fields: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(segments, recordings) of a finished unit in a folder."""
    folder.mkdir()
    lines = [{"input": name, "fingerprint": fingerprint(to_int16(samples), RATE), "num_samples": len(samples)} for name, samples in sounds.items()]
    (folder / "recordings.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    columns = {"source": "words", "role": "speech", "given": None, "text": "four", "file": str(folder / "audio.bin")} | fields
    rows = [{"recording": name} | columns | {"input": name, "num_samples": len(samples)} for name, samples in sounds.items()]
    table = pl.DataFrame(rows, schema_overrides={"given": pl.String, "text": pl.String})
    return table, table.select("source", "input", "recording", "num_samples")


def found(*units: tuple[pl.DataFrame, pl.DataFrame]) -> list[tuple[str, str]]:
    repeated = copies(pl.concat([segments for segments, _ in units]), pl.concat([recordings for _, recordings in units]), RATE)
    return repeated.sort("source", "input").select("input", "copy_of").rows()


def takes() -> dict[str, np.ndarray]:
    return {f"{word}{take}": word_samples(word, pitch=1 + 0.2 * take, seed=take, seconds=1.0) for word in WORDS for take in range(3)}


def test_of_copies_in_two_sources_the_second_is_named_with_the_first(tmp_path: Path) -> None:
    sounds = takes()
    copied = unit(tmp_path / "b", {"quiet": 0.3 * sounds["di1"], "late": sounds["ko2"][700:]}, source="other")
    assert found(unit(tmp_path / "a", sounds, source="first"), copied) == [("late", "first:ko2"), ("quiet", "first:di1")]


def test_a_copy_of_a_copy_is_dropped_for_the_first(tmp_path: Path) -> None:
    sound = word_samples("ba", seconds=2.0)
    sounds = {f"{number}": sound[number * 400 : len(sound) - number * 300] * 0.9**number for number in range(12)}
    assert found(unit(tmp_path / "a", sounds)) == sorted((str(number), "words:0") for number in range(1, 12))


def test_the_copy_in_the_official_test_split_stays(tmp_path: Path) -> None:
    sound = word_samples("ba", seconds=2.0)
    train, test = unit(tmp_path / "a", {"a": sound}), unit(tmp_path / "b", {"b": 0.5 * sound}, given="test")
    assert found(train, test) == [("a", "words:b")]


def test_the_copy_that_was_written_down_stays(tmp_path: Path) -> None:
    sound = word_samples("ba", seconds=2.0)
    untranscribed, written = unit(tmp_path / "a", {"a": sound}, text=None), unit(tmp_path / "b", {"b": 0.5 * sound})
    assert found(untranscribed, written) == [("a", "words:b")]


def test_the_same_sound_as_speech_and_as_noise_is_no_copy(tmp_path: Path) -> None:
    sound = word_samples("ba", seconds=2.0)
    assert found(unit(tmp_path / "a", {"a": sound}), unit(tmp_path / "b", {"b": 0.5 * sound}, role="noise")) == []


def test_overlapping_parts_of_one_recording_are_no_copies_of_one_another(tmp_path: Path) -> None:
    sound = word_samples("ba", seconds=3.0)
    turns = {"talk#0.0-2.8": sound[: int(2.8 * RATE)], "talk#0.1-3.0": sound[int(0.1 * RATE) :]}
    assert found(unit(tmp_path / "a", turns, recording="talk")) == []
    assert found(unit(tmp_path / "b", turns)) == [("talk#0.1-3.0", "words:talk#0.0-2.8")]
    elsewhere = unit(tmp_path / "d", {"turn": turns["talk#0.1-3.0"]}, recording="talk", source="zoo")
    assert found(unit(tmp_path / "c", {"talk": sound}), elsewhere) == [("turn", "words:talk")], "names are those of a source"


def test_a_word_cut_out_of_a_long_recording_is_no_copy_of_it(tmp_path: Path) -> None:
    long = np.concatenate([word_samples(word, seconds=1.0, seed=number) for number, word in enumerate(WORDS)])
    assert found(unit(tmp_path / "a", {"long": long, "part": long[:12000]})) == []


def test_recordings_without_a_fingerprint_repeat_nothing(tmp_path: Path) -> None:
    assert found(unit(tmp_path / "a", {"a": np.zeros(8000), "b": np.zeros(9000), "c": np.zeros(3)})) == []


def test_rooms_are_left_alone_and_nothing_has_no_copies(tmp_path: Path) -> None:
    sound = word_samples("ba", seconds=2.0)
    segments, recordings = unit(tmp_path / "a", {"a": sound, "b": 0.5 * sound}, role="rir")
    assert found((segments, recordings)) == []
    assert found((segments.clear(), recordings.clear())) == []


@settings(max_examples=15, deadline=None)
@given(shuffled=st.randoms(use_true_random=False))
def test_the_order_of_segments_says_nothing(shuffled: random.Random, tmp_path_factory: pytest.TempPathFactory) -> None:
    sounds = takes()
    copied = list(sounds)[::4]
    sounds |= {f"~{name}": 0.5 * sounds[name][300:] for name in copied}
    segments, recordings = unit(tmp_path_factory.mktemp("units") / "a", sounds)
    order = shuffled.sample(range(segments.height), segments.height)
    assert found((segments[order], recordings)) == sorted((f"~{name}", f"words:{name}") for name in copied)


@given(
    owned=st.lists(st.sets(st.integers(0, 40), max_size=6), max_size=12),
    least=st.integers(1, 3),
)
def test_the_index_finds_what_comparing_all_finds(owned: list[set[int]], least: int) -> None:
    keys = np.array([key for own in owned for key in sorted(own)], np.uint32)
    owners = np.array([owner for owner, own in enumerate(owned) for _ in own], np.uint32)
    got = {tuple(pair) for pair in near._sharing(near._entries(keys, owners), least).tolist()}
    most_sharers = max((sum(key in own for own in owned) for key in range(41)), default=0)
    wanted = {(one, other) for other in range(len(owned)) for one in range(other) if len(owned[one] & owned[other]) >= least}
    assert got == wanted if most_sharers <= near.NEIGHBOURS else got <= wanted


WORD = st.sampled_from(["turn", "the", "light", "on", "please", "in", "my", "kitchen", "and", "bring", "a", "cup", "of", "coffee", "to", "room", "nine", "now"])


@given(st.lists(st.lists(WORD, min_size=1, max_size=9).map(" ".join), max_size=12))
def test_near_texts_are_those_that_share_four_fifths_of_their_parts(texts: list[str]) -> None:
    def parts(text: str) -> set[str]:
        return {text.ljust(4)[start : start + 4] for start in range(max(1, len(text) - 3))}

    wanted = {
        (one, other)
        for other in range(len(texts))
        for one in range(other)
        if len(parts(texts[one]) & parts(texts[other])) >= LEAST_JACCARD * len(parts(texts[one]) | parts(texts[other]))
    }
    together = firsts(len(texts), [Near(one, other, 1.0) for one, other in wanted])
    assert firsts(len(texts), near_texts(texts)) == together


def test_case_punctuation_and_spacing_make_no_other_text() -> None:
    assert [(near.first, near.second, near.similarity) for near in near_texts(["Turn it on!", "stop", "turn  it on", "", "..."])] == [(0, 2, 1.0)]


def test_one_other_word_in_a_long_sentence_is_near_and_in_a_short_one_is_not() -> None:
    long = "the north wind and the sun were disputing which was the stronger when a traveller came along wrapped in a warm "
    assert [(near.first, near.second) for near in near_texts([long + "cloak", "seven", long + "coat", "eleven", "turn it on", "turn it off"])] == [(0, 2)]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_groups_are_named_by_their_first(edges: list[tuple[int, int]]) -> None:
    named = firsts(10, [Near(min(pair), max(pair), 1.0) for pair in edges])
    assert all(named[one] == named[other] for one, other in edges)
    assert all(named[name] == name <= index for index, name in enumerate(named))
