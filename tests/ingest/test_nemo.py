"""NeMo manifests: a line is a file or a part of one, and whatever it holds it is a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign import ANYTHING, changed, paths_in, reach_into, write_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest.nemo import read_nemo
from speccraft.ingest.rows import Row
from speccraft.scenario.source_manifests import NemoSource

LINE: dict[str, Any] = {
    "audio_filepath": "audio/a.wav", "duration": 1.5, "offset": 2.25, "text": " hello you ", "lang": "en-GB", "speaker": 84, "session": "monday",
    "license": "CC-BY-4.0", "attribution": "Anna Muster", "pred_text": "hallo", "_skipme": False,
}  # fmt: skip


def read(folder: Path, *records: Any, name: str = "m.json", **fields: Any) -> list[Row]:
    write_lines(folder / name, list(records))
    return read_nemo(NemoSource(id="s", format="nemo", path=name, **fields), reach=reach_into(folder))


@pytest.mark.parametrize("name", ["m.json", "m.jsonl", "m.json.gz"])
def test_a_line_with_an_offset_is_a_part_of_its_file(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, LINE, name=name) == [
        Row(
            input="audio/a.wav@2.25", path=tmp_path / "audio/a.wav", recording="audio/a.wav", start=2.25, end=3.75, text="hello you", speaker="84",
            session="monday", language="en-GB", licence="CC-BY-4.0", attribution="Anna Muster", seconds=1.5, length_from="table",
        )
    ]  # fmt: skip


def test_a_line_without_an_offset_is_its_whole_file(tmp_path: Path) -> None:
    plain, unknown = read(tmp_path, {"audio_filepath": "a.wav", "duration": 1.5, "text": "a"}, {"audio_filepath": "b.wav", "offset": 3})
    assert (plain.input, plain.start, plain.end, plain.seconds) == ("a.wav", None, None, 1.5)
    assert (unknown.input, unknown.start, unknown.end, unknown.seconds, unknown.length_from) == ("b.wav@3", 3, None, None, None)


def test_a_long_transcript_is_kept_and_a_long_path_costs_nothing(tmp_path: Path) -> None:
    words, folders = "word " * 20_000 + "end", "a/" * 1_000_000
    kept, refused = read(tmp_path, {**LINE, "text": words}, {**LINE, "audio_filepath": folders})
    assert kept.text == words
    assert (refused.input, refused.problem) == ("m.json:2@2.25", "m.json:2: the path has 2000000 characters")


def test_a_line_to_be_skipped_is_counted_with_that_reason(tmp_path: Path) -> None:
    rows = read(tmp_path, {**LINE, "_skipme": True}, {**LINE, "_skipme": 1}, LINE)
    assert [row.problem for row in rows] == ["m.json:1: `_skipme` is set", "m.json:2: `_skipme` is set", ""]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"audio_filepath": "../x.wav"}, "leaves"),
        ({"audio_filepath": "pipe:touch pwned"}, "is a command"),
        ({"audio_filepath": "s3://bucket/a.wav"}, "an address"),
        ({"audio_filepath": ["a.wav", "b.wav"]}, "`audio_filepath`"),
        ({"audio_filepath": ""}, "`audio_filepath`"),
        ({"duration": "1.5"}, "`duration`: input should be a valid number (it is '1.5')"),
        ({"duration": 0}, "greater than 0"),
        ({"offset": -1}, "greater than or equal to 0 (it is -1)"),
        ({"text": 5}, "`text`"),
        ({"speaker": True}, "`speaker"),
    ],
)
def test_a_line_that_makes_no_sense_is_a_row_with_its_line_number(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    good, bad = read(tmp_path, LINE, {**LINE, **changes})
    assert good.problem == ""
    assert bad.problem.startswith("m.json:2: ")
    assert problem in bad.problem
    assert bad.path is None


def test_relative_audio_starts_at_the_manifest_or_the_named_folder(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    [row] = read(tmp_path, LINE, audio_folder="corpus")
    assert row.path == tmp_path / "corpus/audio/a.wav"


def test_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="line 1 is no JSON object"):
        read(tmp_path, "[1]", "[2]")
    with pytest.raises(UnreadableInput, match="does not exist"):
        read_nemo(NemoSource(id="s", format="nemo", path="n.json"), reach=reach_into(tmp_path))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(paths_in(LINE)), ANYTHING, min_size=1, max_size=4), raw=st.binary(max_size=40))
def test_whatever_a_line_holds_it_is_a_row(tmp_path: Path, changes: dict, raw: bytes) -> None:
    line = raw.replace(b"\n", b" ")
    rows = read(tmp_path, LINE, changed(LINE, changes), line)
    assert len(rows) == 2 + bool(line.decode(errors="replace").strip())
    for row in rows:
        assert (row.path is None) == bool(row.problem)
        assert row.path is None or row.path.is_relative_to(tmp_path)
