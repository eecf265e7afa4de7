"""All sources of a scenario together: own names for every row, and how far their paths may reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest import _with_own_names, reach_of, read_source, read_sources
from speccraft.ingest.rows import Reach, Row
from speccraft.scenario import Scenario


def scenario(**more: object) -> Scenario:
    sources = [
        {"id": "digits", "format": "table", "path": "t.csv", "columns": {"audio": "path"}},
        {"id": "hum", "format": "folder", "path": "noise", "role": "noise"},
        {"id": "spoken", "format": "synthesis", "voices": ({"id": "ann", "voice": "en-us"},), "texts": ("hi",)},
    ]
    job = {"task": "transcribe", "languages": ("en",)}
    return Scenario.model_validate({"speccraft": 1, "name": "x", "job": job, "sources": tuple(sources), **more})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise/h.wav").touch()
    (tmp_path / "t.csv").write_text("path,set\na.wav,train\na.wav,test\nb.wav,\na.wav,\n")
    return tmp_path


def test_every_source_gives_its_rows_under_its_id(data: Path) -> None:
    rows = read_sources(scenario(splits={"given": "set"}), Reach(data, (data,)))
    assert {id: [(row.input, row.split) for row in found] for id, found in rows.items()} == {
        "digits": [("a.wav", "train"), ("a.wav#2", "test"), ("b.wav", None), ("a.wav#3", None)],
        "hum": [("h.wav", None)],
        "spoken": [("ann/001-1", None)],
    }
    assert {row.path for row in rows["digits"]} == {data / "a.wav", data / "b.wav"}


def test_one_unreadable_source_is_an_error_that_names_it(data: Path) -> None:
    (data / "t.csv").unlink()
    with pytest.raises(UnreadableInput, match="source 'digits'"):
        read_source(scenario().sources[0], scenario(), Reach(data, (data,)))


@given(st.lists(st.sampled_from(["a", "a#2", "a#3", "a#2#2", "b"]), max_size=30))
def test_no_two_rows_share_a_name_and_none_is_lost_or_moved(inputs: list[str]) -> None:
    named = _with_own_names([Row(input=input, text=str(at)) for at, input in enumerate(inputs)])
    assert len({row.input for row in named}) == len(inputs)
    assert [row.text for row in named] == [str(at) for at in range(len(inputs))]
    assert all(row.input.startswith(input) for row, input in zip(named, inputs, strict=True))


def test_many_rows_of_one_name_are_named_quickly() -> None:
    assert _with_own_names([Row(input="x")] * 50_000)[-1].input == "x#50000"


def test_paths_start_at_data_and_may_reach_the_scenarios_folder_and_its_roots(tmp_path: Path) -> None:
    for name in ("jobs", "data", "more"):
        (tmp_path / name).mkdir()
    reach = reach_of(tmp_path / "jobs/s.yaml", scenario(roots=("../more",)), tmp_path / "data")
    assert reach.base == tmp_path / "data"
    assert [reach.resolve(path) is not None for path in ("x", "../jobs/x", "../more/x", "../else/x")] == [True, True, True, False]
    beside = reach_of(tmp_path / "jobs/s.yaml", scenario(), None)
    assert beside.base == tmp_path / "jobs"
    assert beside.resolve("../data/x") is None
