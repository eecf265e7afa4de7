"""Annotated times as the detector: each stretch is one utterance as it stands, its noise is the silence near it, and what has no times is dropped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpus import RATE, SCENARIO, Corpus, build_here, ledger_of, lines_of, plan_of, table_of, word_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.build.given import COLLAR_S, NEAR_S, behind_silence, silence_near, silences
from speccraft.build.run import units_of
from speccraft.build.units import SEGMENTS, Job, Part, Unit, run_unit
from speccraft.scenario.quality import Segmentation

GIVEN = Segmentation(detector="given")
NOISE_RMS, VOICE_RMS = 0.01, 0.1


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A voice at 2 to 3, 3.1 to 4 and 9 to 10 of 12 seconds, in noise 20 dB below it."""
    random = np.random.default_rng(0)
    samples = NOISE_RMS * random.standard_normal(12 * RATE)
    for start, end in ((2, 3), (3.1, 4), (9, 10)):
        samples[int(start * RATE) : int(end * RATE)] += VOICE_RMS * random.standard_normal(round((end - start) * RATE))
    soundfile.write(tmp_path / "talk.wav", samples, RATE, subtype="PCM_16")
    return tmp_path / "talk.wav"


def segments_of(path: Path, tmp_path: Path, *parts: Part, role: str = "speech") -> list[dict]:
    unit = Unit("u/0", "u", role, RATE, GIVEN, 5.0, (Job("talk", path, None, parts),))
    return lines_of(run_unit(unit, tmp_path / "cache", lambda _: None) / SEGMENTS)


def test_a_stretch_is_one_utterance_exactly_as_long_as_it_says(talk: Path, tmp_path: Path) -> None:
    times = [(1.5, 3.0), (3.1, 4.0), (8.0, 11.9)]
    found = segments_of(talk, tmp_path, *(Part(f"p{start}", False, start, end) for start, end in times))
    assert [(one["input"], one["start"], one["num_samples"]) for one in found] == [(f"p{start}", 0, round((end - start) * RATE)) for start, end in times]
    assert {one["speech_share"] for one in found} == {1.0}
    assert {one["pauses"] for one in found} == {0.0}


def test_its_noise_is_the_silence_near_it(talk: Path, tmp_path: Path) -> None:
    found = segments_of(talk, tmp_path, Part("a", True, 2.0, 3.0), Part("b", True, 3.1, 4.0), Part("c", True, 9.0, 10.0))
    assert [one["snr_db"] for one in found] == pytest.approx([20, 20, 20], abs=0.7)


def test_a_stretch_to_the_end_and_one_from_the_beginning_are_given_too(talk: Path, tmp_path: Path) -> None:
    first, last = segments_of(talk, tmp_path, Part("a", True, None, 4.0), Part("b", True, 9.0, None))
    assert (first["num_samples"], last["num_samples"]) == (4 * RATE, 3 * RATE)


def test_digital_silence_is_no_speech_whoever_says_so(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(4 * RATE), RATE)
    assert segments_of(tmp_path / "silent.wav", tmp_path, Part("a", True, 1.0, 2.0)) == []


SPANS = st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 30)), max_size=8).map(lambda spans: sorted((start, start + length) for start, length in spans))


@given(spans=SPANS, start=st.floats(0, 100), length=st.floats(0.1, 20))
@settings(max_examples=300, deadline=None)
def test_silence_is_near_and_apart_from_all_speech(spans: list[tuple[float, float]], start: float, length: float) -> None:
    end = start + length
    spoken = sorted([*spans, (start, end)])
    near = silence_near(silences(spoken), start, end)
    assert near == sorted(near)
    for begins, stops in near:
        assert start - NEAR_S <= begins < stops <= end + NEAR_S
        assert begins >= 0
        assert all(stops <= first - COLLAR_S + 1e-9 or begins >= last + COLLAR_S - 1e-9 for first, last in spoken)
    covered = sum(stops - begins for begins, stops in near)
    moments = np.arange(max(0.0, start - NEAR_S), end + NEAR_S, 0.01)
    silent = np.all([(moments < first - COLLAR_S) | (moments > last + COLLAR_S) for first, last in spoken], axis=0)
    assert covered == pytest.approx(0.01 * np.count_nonzero(silent), abs=0.02 * (1 + len(spoken)))


def test_silence_is_joined_by_whole_frames_before_the_stretch() -> None:
    joined, speech = behind_silence([np.zeros(500, np.int16), np.zeros(239, np.int16)], np.ones(241, np.int16), RATE)
    assert (len(joined), speech.tolist()) == (480 + 241, [False, False, True, True])


def test_what_has_no_times_is_dropped_by_name_and_what_has_enters(corpus: Corpus) -> None:
    corpus.write_scenario(segmentation={"detector": "given"}, sources__0__columns__start="start", sources__0__columns__end="end")
    rows = [row | {"start": "", "end": ""} for row in corpus.rows]
    for row in rows[:20]:
        row |= {"start": "0.1", "end": "0.6"}
    write_rows(corpus, rows)
    built = build_here(corpus)
    ledger = ledger_of(built).filter(source="words")
    assert ledger.filter(rule="segmentation.detector")["fate"].to_list() == ["dropped"] * 10
    assert "annotation" in ledger.filter(rule="segmentation.detector")["reason"][0]
    assert ledger.filter(fate="kept").height == 20
    assert set(table_of(built, "measures").filter(source="words")["duration_s"].to_list()) == {0.5}


def test_turns_beside_a_recording_are_its_utterances(corpus: Corpus) -> None:
    corpus.write_scenario(
        segmentation={"detector": "given", "untranscribed": "pretrain"},
        sources=[{"id": "words", "format": "folder", "path": "words", "licence": "CC0-1.0"}, *SCENARIO["sources"][1:]],
        splits={"dev": 0.0, "test": 0.0, "disjoint": ["recording"]},
        training={"recipe": "tiny-cpu", "stages": ["pretrain"]},
    )
    corpus.add_file("words/anna-ba.wav", np.concatenate([word_samples("ba"), np.zeros(RATE), word_samples("di")]))
    turns = (f"SPEAKER anna-ba 1 {times} <NA> <NA> anna <NA> <NA>\n" for times in ("0.2 0.3", "1.9 0.4"))
    (corpus.folder / "words/anna-ba.rttm").write_text("".join(turns))
    plan = plan_of(corpus)
    assert [item.row.input for item in plan.admitted if item.source.id == "words"] == ["anna-ba.wav#0.200-0.500", "anna-ba.wav#1.900-2.300"]
    assert {away.rule for away in plan.turned_away} == {"segmentation.detector"}


def test_a_stretch_that_is_turned_away_is_no_silence_to_its_neighbours(corpus: Corpus, talk: Path) -> None:
    columns = {"start": "start", "end": "end"}
    corpus.write_scenario(segmentation={"detector": "given"}, **{f"sources__0__columns__{name}": column for name, column in columns.items()})
    corpus.add_file("words/talk.wav", talk.read_bytes())
    row = corpus.rows[0] | {"path": "words/talk.wav", "start": "2.0", "end": "3.0", "text": "four"}
    far = row | {"start": "9.0", "end": "10.0"}
    near = row | {"start": "3.1", "end": "4.0"}
    away = {"no transcript": near | {"text": ""}, "refused": near | {"licence": "My-Own-1.0"}}
    keys, others = set(), [one | {"start": "", "end": ""} for one in corpus.rows]
    for name, other in {"kept": near, **away}.items():
        write_rows(corpus, [row, other, far, *others])
        plan = plan_of(corpus)
        (unit,) = (unit for unit in units_of(plan) if unit.source == "words")
        found = lines_of(run_unit(unit, corpus.folder / "cache", lambda _: None) / SEGMENTS)
        assert [one["snr_db"] for one in found] == pytest.approx([20] * len(found), abs=0.7), name
        assert len(unit.jobs[0].parts) == len(found) == (3 if name == "kept" else 2)
        keys.add(unit.key)
    write_rows(corpus, [row, far, *others])
    (unit,) = (unit for unit in units_of(plan_of(corpus)) if unit.source == "words")
    assert unit.key not in keys


def write_rows(corpus: Corpus, rows: list[dict[str, str]]) -> None:
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (corpus.folder / "words.csv").write_text("\n".join(lines) + "\n")
