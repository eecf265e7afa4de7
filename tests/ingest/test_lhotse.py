"""Lhotse manifests: rows of what its own writer writes, and never a command, a URL or a recording that is not what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from foreign import ANYTHING, changed, paths_in, reach_into, write_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest.lhotse import read_lhotse
from speccraft.ingest.rows import Row
from speccraft.scenario.source_manifests import LhotseSource

RECORDING: dict[str, Any] = {
    "id": "call",
    "sources": [{"type": "file", "channels": [0, 1], "source": "audio/call.wav"}],
    "sampling_rate": 8000,
    "num_samples": 16000,
    "duration": 2.0,
    "channel_ids": [0, 1],
}
SUPERVISION: dict[str, Any] = {
    "id": "call-a", "recording_id": "call", "start": 0.5, "duration": 1.0, "channel": 1, "text": "hello you", "language": "English", "speaker": "ann",
}  # fmt: skip
CUT: dict[str, Any] = {
    "id": "cut-1",
    "start": 0.25,
    "duration": 1.5,
    "channel": [0, 1],
    "supervisions": [{**SUPERVISION, "start": 0.25}],
    "recording": RECORDING,
    "custom": {"session": "monday", "place": {"noise": None}},
    "type": "MultiCut",
}
UNCUT = {**CUT, "supervisions": []}


def read(folder: Path, name: str, **fields: Any) -> list[Row]:
    return read_lhotse(LhotseSource(id="s", format="lhotse", path=name, **fields), reach=reach_into(folder))


def read_cuts(folder: Path, *cuts: Any) -> list[Row]:
    return read(folder, write_lines(folder / "cuts.jsonl", list(cuts)).name)


def read_pair(folder: Path, recordings: list[Any], supervisions: list[Any]) -> list[Row]:
    write_lines(folder / "r.jsonl", recordings)
    write_lines(folder / "s.jsonl", supervisions)
    return read(folder, "r.jsonl", supervisions="s.jsonl")


def refusal(folder: Path, name: str, **fields: Any) -> UnreadableInput:
    with pytest.raises(UnreadableInput) as caught:
        read(folder, name, **fields)
    assert "source 's'" in caught.value.message
    return caught.value


def test_a_supervision_is_a_part_of_its_recording(tmp_path: Path) -> None:
    assert read_pair(tmp_path, [RECORDING], [SUPERVISION]) == [
        Row(
            input="call-a", path=tmp_path / "audio/call.wav", recording="call", start=0.5, end=1.5, channel=1,
            text="hello you", speaker="ann", language="en", seconds=1.0, length_from="table",
        )
    ]  # fmt: skip


def test_a_cuts_supervision_is_the_same_part_of_the_recording(tmp_path: Path) -> None:
    [row] = read_cuts(tmp_path, CUT)
    assert (row.input, row.start, row.end, row.channel, row.session, row.text) == ("call-a", 0.5, 1.5, 1, "monday", "hello you")


def test_a_supervision_of_all_there_is_names_no_part(tmp_path: Path) -> None:
    [row] = read_pair(tmp_path, [RECORDING], [{**SUPERVISION, "start": 0.0, "duration": 2.0001, "channel": [1, 0]}])
    assert (row.start, row.end, row.channel, row.seconds) == (None, None, None, 2.0001)


def test_a_recording_or_cut_without_supervision_is_a_row_too(tmp_path: Path) -> None:
    other = {**RECORDING, "id": "other"}
    rows = read_pair(tmp_path, [other, RECORDING], [SUPERVISION])
    assert [(row.input, row.text, row.seconds) for row in rows] == [("call-a", "hello you", 1.0), ("other", None, 2.0)]
    [row] = read_cuts(tmp_path, UNCUT)
    assert (row.input, row.start, row.end, row.channel, row.text) == ("cut-1", 0.25, 1.75, None, None)


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_a_folder_is_searched_for_its_manifests(tmp_path: Path, packed: str) -> None:
    write_lines(tmp_path / f"recordings.jsonl{packed}", [RECORDING])
    write_lines(tmp_path / f"supervisions.jsonl{packed}", [SUPERVISION])
    assert [row.input for row in read(tmp_path, ".")] == ["call-a"]
    write_lines(tmp_path / "cuts.jsonl", [CUT])
    assert "name the manifest" in refusal(tmp_path, ".").try_this
    (tmp_path / "audio").mkdir()
    assert "neither" in refusal(tmp_path, "audio").message


@pytest.mark.parametrize("name", ["recordings.jsonl", "supervisions.jsonl"])
def test_a_manifest_that_is_a_link_out_of_the_data_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    for kind, record in (("recordings.jsonl", RECORDING), ("supervisions.jsonl", SUPERVISION)):
        write_lines(tmp_path / ("" if kind == name else "data") / kind, [record])
    (tmp_path / "data" / name).symlink_to(tmp_path / name)
    assert "is a link that leaves" in refusal(tmp_path / "data", ".").message


@pytest.mark.parametrize("licence", ["CC-BY-NC-4.0", ["CC-BY-NC-4.0"], {"id": "CC-BY-NC-4.0"}, 4])
@pytest.mark.parametrize("key", ["licence", "license"])
def test_a_cuts_own_licence_is_the_rows_even_where_it_is_no_text(tmp_path: Path, key: str, licence: Any) -> None:
    rows = read_cuts(tmp_path, {**CUT, "custom": {key: licence}}, {**UNCUT, "custom": {key: licence}})
    assert [row.licence for row in rows] == [str(licence)] * 2


def test_relative_audio_starts_at_the_named_folder(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    write_lines(tmp_path / "cuts.jsonl", [CUT])
    [row] = read(tmp_path, "cuts.jsonl", audio_folder="corpus")
    assert row.path == tmp_path / "corpus/audio/call.wav"
    assert "does not exist" in refusal(tmp_path, "cuts.jsonl", audio_folder="corpse").message


def at(*path: str | int, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda record: changed(record, {path: value})


SOURCE = ("sources", 0)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (at(*SOURCE, "type", value="command"), "type 'command'"),
        (at(*SOURCE, "type", value="url"), "type 'url'"),
        (at(*SOURCE, "type", value="memory"), "type 'memory'"),
        (at(*SOURCE, "source", value="pipe:touch pwned"), "is a command"),
        (at(*SOURCE, "source", value="touch pwned; cat a.wav |"), "is a command"),
        (at(*SOURCE, "source", value="https://example.org/a.wav"), "an address"),
        (at(*SOURCE, "source", value="../../etc/passwd"), "leaves"),
        (at(*SOURCE, "source", value="/etc/passwd"), "leaves"),
        (at(*SOURCE, "source", value="a\0.wav"), "leaves"),
        (at("transforms", value=[{"name": "Speed", "kwargs": {"factor": 1.1}}]), "transforms"),
        (at("duration", value=-1), "`duration`: input should be greater than 0 (it is -1)"),
        (at("duration", value="2.0"), "valid number (it is '2.0')"),
        (at("duration", value=3.0), "16000 samples at 8000 Hz are not its 3 s"),
        (at("num_samples", value=0), "`num_samples`"),
        (at("sources", value=[]), "`sources`"),
        (at("byte_order", value="big"), "`byte_order` is no field we know"),
        (at(*SOURCE, "channels", value=[0]), "no channel 1"),
    ],
)
@pytest.mark.parametrize("form", ["recordings", "cuts"])
def test_a_recording_that_is_more_or_less_than_a_file_is_a_problem(tmp_path: Path, form: str, change: Callable, problem: str) -> None:
    wrong = change(RECORDING)
    rows = read_pair(tmp_path, [wrong], [SUPERVISION]) if form == "recordings" else read_cuts(tmp_path, {**CUT, "recording": wrong})
    [row] = rows
    assert problem in row.problem
    assert re.search(r"\.jsonl:1", row.problem)
    assert row.path is None
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (at("recording_id", value="cell"), "recording 'cell'"),
        (at("start", value=-0.5), "reaches beyond"),
        (at("duration", value=9.0), "reaches beyond"),
        (at("duration", value=0), "`duration`"),
        (at("channel", value=7), "no channel 7"),
        (at("channel", value=[]), "names no channel"),
        (at("text", value=["a"]), "`text`"),
    ],
)
@pytest.mark.parametrize("form", ["recordings", "cuts"])
def test_a_supervision_that_its_recording_does_not_bear_out_is_a_problem(tmp_path: Path, form: str, change: Callable, problem: str) -> None:
    wrong = change(SUPERVISION)
    [row] = read_pair(tmp_path, [RECORDING], [wrong])[:1] if form == "recordings" else read_cuts(tmp_path, {**CUT, "supervisions": [wrong]})
    assert problem in row.problem
    assert (row.input, row.speaker, row.path) == ("call-a", "ann", None)


@pytest.mark.parametrize(
    ("cut", "problem"),
    [
        ({"id": "m", "type": "MixedCut", "tracks": []}, "a MixedCut is no stretch"),
        ({"id": "m", "type": "PaddingCut", "duration": 1.0}, "a PaddingCut is no stretch"),
        ({key: value for key, value in UNCUT.items() if key != "recording"}, "has no recording"),
        ({**UNCUT, "start": 1.0}, "reaches beyond"),
        ({**UNCUT, "channel": 3}, "no channel 3"),
        ({**UNCUT, "type": None}, "`type`"),
        ('{"id": "m", "id": "m"}', "twice"),
    ],
)
def test_a_cut_that_is_no_stretch_of_one_recording_is_one_row(tmp_path: Path, cut: Any, problem: str) -> None:
    good, bad = read_cuts(tmp_path, CUT, cut)
    assert good.problem == ""
    assert problem in bad.problem
    assert bad.problem.startswith("cuts.jsonl:2: ")


def test_ids_that_stand_twice_are_told_with_both_places(tmp_path: Path) -> None:
    rows = read_cuts(tmp_path, CUT, {**CUT, "id": "cut-2"}, {**UNCUT, "id": "\u00e9"}, {**UNCUT, "id": "e\u0301"})
    assert [row.problem for row in rows] == ["", "cuts.jsonl:2: the id 'call-a' stands in cuts.jsonl:1 already", "", rows[3].problem]
    assert "stands in cuts.jsonl:3 already" in rows[3].problem
    rows = read_pair(tmp_path, [RECORDING, RECORDING], [SUPERVISION, SUPERVISION])
    assert [row.problem.split(": ", 1)[0] for row in rows] == ["s.jsonl:1", "s.jsonl:2", "r.jsonl:2"]
    assert "stands in r.jsonl:2 as well" in rows[0].problem


@pytest.mark.slow
def test_millions_of_wrong_values_in_one_line_are_told_in_a_few_words(tmp_path: Path) -> None:
    for wrong in ({"sources": [{"type": "file", "channels": [-1] * 10**6, "source": "a"}]}, {"sources": [{}] * 10**6}, {"id": "x" * 10**6}):
        [row] = read_cuts(tmp_path, {**UNCUT, "recording": {**RECORDING, **wrong}})
        assert len(row.problem) < 300
    [row] = read_cuts(tmp_path, {**UNCUT, "id": "x" * 10**6})
    assert row.input == "cuts.jsonl:1"
    rows = read_cuts(tmp_path, CUT, {f"key {number}": 1 for number in range(20_000)})
    assert rows[1].problem == "cuts.jsonl:2: holds an object of 20000 keys"


def test_a_channel_is_counted_in_the_file_that_holds_it(tmp_path: Path) -> None:
    sources = [{"type": "file", "channels": [0], "source": "left.wav"}, {"type": "file", "channels": [1], "source": "right.wav"}]
    [row] = read_pair(tmp_path, [{**RECORDING, "sources": sources}], [SUPERVISION])
    assert (row.path, row.channel) == (tmp_path / "right.wav", None)
    [row] = read_cuts(tmp_path, {**UNCUT, "recording": {**RECORDING, "sources": sources}})
    assert "several files" in row.problem


def test_what_is_no_manifest_of_ours_is_refused_with_what_to_try(tmp_path: Path) -> None:
    write_lines(tmp_path / "s.jsonl", [SUPERVISION])
    assert "in `supervisions`" in refusal(tmp_path, "s.jsonl").try_this
    write_lines(tmp_path / "cuts.jsonl", [CUT])
    assert "cuts, which have their supervisions" in refusal(tmp_path, "cuts.jsonl", supervisions="s.jsonl").message
    (tmp_path / "list.json").write_text(json.dumps([CUT], indent=1))
    assert "lhotse copy" in refusal(tmp_path, "list.json").try_this


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(paths_in(CUT)), ANYTHING, min_size=1, max_size=3))
def test_whatever_a_cut_holds_every_line_is_a_row_or_the_manifest_is_refused(tmp_path: Path, changes: dict) -> None:
    try:
        hostile = changed(CUT, changes)
    except (IndexError, KeyError, TypeError):
        return
    _is_sound(tmp_path, read_cuts(tmp_path, hostile, {**UNCUT, "id": "last"}))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    recording=st.dictionaries(st.sampled_from(paths_in(RECORDING)), ANYTHING, max_size=2),
    supervision=st.dictionaries(st.sampled_from(paths_in(SUPERVISION)), ANYTHING, max_size=2),
)
def test_whatever_recordings_and_supervisions_hold_every_line_is_a_row(tmp_path: Path, recording: dict, supervision: dict) -> None:
    try:
        hostile = changed(RECORDING, recording)
    except (IndexError, KeyError, TypeError):
        return
    last = {**RECORDING, "id": "last"}
    _is_sound(tmp_path, read_pair(tmp_path, [hostile, last], [changed(SUPERVISION, supervision), {**SUPERVISION, "id": "l", "recording_id": "last"}]))


def _is_sound(folder: Path, rows: list[Row]) -> None:
    assert len(rows) >= 2
    for row in rows:
        assert (row.path is None) == bool(row.problem)
        row.input.encode()
        if row.path is not None:
            assert row.path.is_relative_to(folder)
            assert 0 <= (row.start or 0) < (row.end or 2.1)
