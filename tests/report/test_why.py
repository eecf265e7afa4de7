"""Why: the fate of one input, told from the tables alone, and what it says is what happened."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from corpus import Corpus, build_here, lines_of, make_corpus, speccraft, word_samples

from speccraft import store
from speccraft.build.run import Built
from speccraft.errors import BrokenIntegrity, UnreadableInput
from speccraft.report.why import Fate, told, why

Made = tuple[Corpus, Built]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A build with an unseen speaker, a duplicate, a quiet, a broken, a refused row and one with control characters in its name."""
    corpus = make_corpus(
        tmp_path_factory.mktemp("why"),
        quality={"level_dbfs": {"min": -40.0}},
        environment__events={"sources": ["hiss"], "per_minute": {"low": 300.0, "high": 300.0}, "snr_db": {"low": 0.0, "high": 5.0}},
        environment__dry=["hiss"],
        environment__distance_m={"low": 2.0, "high": 3.0},
        environment__level_dbfs={"low": -30.0, "high": -30.0},
        environment__clipped_fraction={"low": 0.01, "high": 0.01},
        splits={"dev": 0.2, "test": 0.2, "disjoint": ["speaker", "session", "audio"], "unseen": {"speaker": ["emil"]}},
    )
    corpus.add_row("words/quiet.wav", word_samples("di", seed=9) * 0.01)
    corpus.add_row("words/zz-copy.wav", (corpus.folder / "words/anna-ba.wav").read_bytes())
    corpus.add_row("words/broken.wav", b"RIFF")
    corpus.add_row("words/refused.wav", word_samples("ko", seed=8), licence="My-Own-1.0")
    corpus.add_row("words/\x1b[31mred.wav", word_samples("ri", seed=7))
    return corpus, build_here(corpus)


def fate(made: Made, what: str) -> Fate:
    return why(made[1].artefact, what)


def text(made: Made, what: str) -> str:
    return "\n".join(told(fate(made, what)))


def test_a_kept_input_is_told_with_its_cut_split_place_licence_and_conditions(made: Made) -> None:
    found = fate(made, "words/bela-ba.wav")
    (segment,) = found.segments
    cuts = {split: {cut["id"]: cut for cut in lines_of(made[1].artefact.path / f"cuts.{split}.jsonl")} for split in ("train", "dev", "test")}
    assert segment.cut is not None
    assert segment.id in cuts[segment.cut.split]
    assert segment.cut.place == cuts[segment.cut.split][segment.id]["custom"]["place"]
    assert (segment.cut.speaker, segment.cut.session, segment.cut.text, segment.cut.licence) == ("bela", "bela-1", "ba", "CC0-1.0")
    assert segment.cut.stages == ("pretrain", "align")
    assert set(segment.cut.conditions) == ({"clean"} if segment.cut.split == "train" else {"clean", "place", "snr_0", "snr_5", "snr_10", "snr_20"})
    assert {one.measure: one.limit for one in segment.measures if one.limit} == {"duration_s": "<= 5", "level_dbfs": ">= -40"}
    assert all(one.inside for one in segment.measures)


@pytest.mark.parametrize(("table", "column"), [("measures", "licence"), ("ledger", "limit")])
def test_a_build_of_another_speccraft_is_told_from_a_damaged_one(made: Made, tmp_path: Path, table: str, column: str) -> None:
    old = shutil.copytree(made[1].artefact.path, tmp_path / "old") / f"{table}.parquet"
    pl.read_parquet(old).drop(column).write_parquet(old)
    record = made[1].artefact.record
    seen = {"bytes": old.stat().st_size, "sha256": store.sha256_of(old)}
    files = [entry.model_copy(update=seen) if entry.path == old.name else entry for entry in record.files]
    build = replace(made[1].artefact, path=old.parent, record=record.model_copy(update={"files": tuple(files), "version": "0.0.9"}))
    with pytest.raises(UnreadableInput, match=rf"{old.name} has no {column}: another speccraft made it \(it says 0\.0\.9, this is"):
        why(build, "words/bela-ba.wav")


def test_who_keeps_it_company_is_counted_over_every_axis(made: Made) -> None:
    (segment,) = fate(made, "words/bela-ba.wav").segments
    assert segment.cut is not None
    assert segment.cut.because[0] == (
        "5 other recordings must share its split (speaker, session, audio are disjoint): session 'bela-1' (5 of them), speaker 'bela' (5 of them)"
    )
    assert "seed 0" in segment.cut.because[1]


def test_a_stranger_is_in_test_because_the_scenario_says_so(made: Made) -> None:
    (segment,) = fate(made, "words/emil-di.wav").segments
    assert segment.cut is not None
    assert segment.cut.split == "test"
    assert segment.cut.because[0] == "splits.unseen names its speaker 'emil'"
    assert "delivered" in text(made, "words/emil-di.wav")


def test_a_place_is_told_with_everything_that_was_drawn(made: Made) -> None:
    (segment,) = fate(made, "words/emil-di.wav").segments
    assert segment.cut is not None
    place = segment.cut.place
    assert place is not None
    (line,) = [line for line in text(made, "words/emil-di.wav").splitlines() if line.strip().startswith("place: ")]
    assert f"in room {place['noise']['room']['id']} from 4 m" in line
    assert all(f"{event['id']} at {event['at']:.2f} s" in line for event in place["events"])
    assert f"room {place['room']['id']} from {place['room']['distance_m']:g} m" in line
    assert "1.00% clipped; level -30.0 dBFS" in line


def test_a_dropped_input_names_rule_value_and_limit(made: Made) -> None:
    (segment,) = fate(made, "words/quiet.wav").segments
    assert (segment.fate, segment.rule, segment.limit, segment.cut) == ("dropped", "quality.level_dbfs", ">= -40", None)
    assert [one.measure for one in segment.measures if not one.inside] == ["level_dbfs"]
    assert "limit >= -40: outside" in text(made, "words/quiet.wav")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("words/zz-copy.wav", "dropped by duplicate (found words:words/anna-ba.wav; limit first of its samples)"),
        ("words/broken.wav", "failed by "),
        ("words/refused.wav", "refused by rights ('My-Own-1.0' is not an SPDX expression"),
        ("hall1.wav", "(source halls, rir): kept"),
    ],
)
def test_whatever_became_of_an_input_its_first_line_says_it(made: Made, what: str, says: str) -> None:
    assert says in text(made, what).splitlines()[0]


def test_an_input_is_found_by_name_by_source_by_cut_and_by_a_part(made: Made) -> None:
    whole = fate(made, "words/cleo-zu.wav")
    id = whole.segments[0].id
    for what in ("words:words/cleo-zu.wav", id, "cleo-zu", id[-10:]):
        assert fate(made, what) == whole


@pytest.mark.parametrize(
    ("what", "says", "near"),
    [
        ("cleo", "part of the names of 6 inputs", "words:words/cleo-ba.wav"),
        ("words/cleo-bu.wav", "knows no input", "words/cleo-zu.wav"),
        ("", "knows no input", "ledger"),
    ],
)
def test_a_name_that_means_none_or_several_is_an_error_that_names_the_near_ones(made: Made, what: str, says: str, near: str) -> None:
    with pytest.raises(UnreadableInput, match=says) as caught:
        fate(made, what)
    assert near in caught.value.try_this


def test_a_damaged_table_is_not_believed(corpus: Corpus) -> None:
    artefact = build_here(corpus).artefact
    store.write_bytes(artefact.path / "ledger.parquet", b"x")
    with pytest.raises(BrokenIntegrity):
        why(artefact, "words/anna-ba.wav")


def test_official_splits_are_named_as_a_reason(corpus: Corpus) -> None:
    corpus.write_scenario(splits__given="split")
    for row in corpus.rows:
        corpus.edit_row(row["path"], split="test" if row["speaker"] == "anna" else "train")
    (segment,) = why(build_here(corpus).artefact, "anna-ba").segments
    assert segment.cut is not None
    assert segment.cut.split == "test"
    assert "the column 'split' gives an official split" in segment.cut.because[-1]


@pytest.mark.slow
def test_the_command_tells_it_in_words_and_as_json_and_lets_no_control_character_through(made: Made) -> None:
    path = made[1].artefact.path
    said = speccraft("report", path, "--why", "red.wav")
    assert said.returncode == 0, said.stderr
    assert "\x1b" not in said.stdout
    found = json.loads(speccraft("report", path, "--why", "quiet.wav", "--json").stdout)["findings"][0]
    assert found["ledger"]["input"] == "words/quiet.wav"
    assert found["segments"][0]["rule"] == "quality.level_dbfs"
    assert speccraft("report", path, "--why", "nobody").returncode == 3
