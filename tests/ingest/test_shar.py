"""Shar folders: audio is found where it lies in the tars, and a shard that is not whole is never read in part."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from foreign import ANYTHING, changed, paths_in, reach_into, write_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest.rows import Row
from speccraft.ingest.shar import read_shar
from speccraft.scenario.source_manifests import SharSource
from speccraft.sound.shards import encode_flac

RATE = 8000


def samples_of(number: int) -> np.ndarray:
    return (1000 * np.sin(np.arange(4000 + 800 * number) * (number + 1) / 9)).astype(np.int16)


def cut(number: int, **changes: Any) -> dict[str, Any]:
    id, count = f"a/b.{number}", len(samples_of(number))
    source = {"type": "shar", "channels": [0], "source": ""}
    recording = {"id": "r", "sources": [source], "sampling_rate": RATE, "num_samples": count, "duration": count / RATE}
    supervision = {"id": f"s{number}", "recording_id": "r", "start": 0.0, "duration": count / RATE, "channel": 0, "text": f"word {number}", "speaker": None}
    made = {"id": id, "start": 0.0, "duration": count / RATE, "channel": 0, "recording": recording, "supervisions": [supervision], "type": "MonoCut"}
    return {**made, "custom": {"session": "monday", "licence": "CC0-1.0"}, **changes}


def write_shard(folder: Path, number: int, cuts: list[Any], members: list[tuple[str, bytes]]) -> None:
    folder.mkdir(exist_ok=True)
    write_lines(folder / f"cuts.{number:06d}.jsonl.gz", cuts)
    with tarfile.open(folder / f"recording.{number:06d}.tar", "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def members_of(*numbers: int) -> list[tuple[str, bytes]]:
    return [pair for number in numbers for pair in ((f"a/b.{number}.flac", encode_flac(samples_of(number), RATE)), (f"a/b.{number}.json", b"{}"))]


def read(folder: Path) -> list[Row]:
    return read_shar(SharSource(id="s", format="shar", path=folder.name), reach=reach_into(folder.parent))


def refusal(folder: Path) -> str:
    with pytest.raises(UnreadableInput) as caught:
        read(folder)
    assert "source 's'" in caught.value.message
    return caught.value.message


@pytest.fixture
def shar(tmp_path: Path) -> Path:
    for shard in range(2):
        numbers = (2 * shard, 2 * shard + 1)
        write_shard(tmp_path / "shar", shard, [cut(number) for number in numbers], members_of(*numbers))
    return tmp_path / "shar"


def heard(row: Row) -> np.ndarray:
    assert row.path is not None
    assert row.inside is not None
    content = row.path.read_bytes()[row.inside.offset : row.inside.offset + row.inside.size]
    return soundfile.read(io.BytesIO(content), dtype="int16")[0]


def test_every_cut_is_a_row_whose_audio_lies_in_the_tar(shar: Path) -> None:
    rows = read(shar)
    assert [(row.input, row.text, row.session, row.licence, row.start, row.end, row.channel) for row in rows] == [
        (f"s{number}", f"word {number}", "monday", "CC0-1.0", None, None, None) for number in range(4)
    ]
    for number, row in enumerate(rows):
        assert np.array_equal(heard(row), samples_of(number))
        assert row.seconds == pytest.approx(len(samples_of(number)) / RATE)


def test_other_fields_of_the_shards_are_not_opened(shar: Path) -> None:
    (shar / "features.000000.tar").write_bytes(b"no tar")
    (shar / "notes.txt").write_text("x")
    assert len(read(shar)) == 4


@pytest.mark.parametrize("name", ["cuts.000001.jsonl.gz", "recording.000000.tar"])
def test_a_shard_that_lacks_a_file_is_refused(shar: Path, name: str) -> None:
    (shar / name).unlink()
    assert f"shard {name.split('.')[1]} in" in refusal(shar)


def test_a_shard_whose_counts_differ_is_refused(shar: Path) -> None:
    write_shard(shar, 1, [cut(2), cut(3)], members_of(2))
    assert refusal(shar).endswith("cuts.000001.jsonl.gz has 2 cuts and recording.000001.tar 1 recordings")
    write_shard(shar, 1, [cut(2)], members_of(2, 3))
    assert refusal(shar).endswith("has 1 cuts and recording.000001.tar 2 recordings")


def test_a_shard_that_stands_twice_or_needs_unpacking_is_refused(shar: Path) -> None:
    shutil.copy(shar / "cuts.000000.jsonl.gz", shar / "cuts.000000.jsonl")
    assert "are the same shard" in refusal(shar)
    (shar / "cuts.000000.jsonl").unlink()
    (shar / "recording.000000.tar").rename(shar / "recording.000000.tar.gz")
    assert "uncompressed tar" in refusal(shar)


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no cuts" in refusal(tmp_path / "empty")


def test_a_tar_that_is_cut_off_is_refused(shar: Path) -> None:
    tar = shar / "recording.000001.tar"
    tar.write_bytes(tar.read_bytes()[:3000])
    assert "recording.000001.tar is no tar that can be read" in refusal(shar)


def test_a_link_out_of_the_data_folder_is_refused(shar: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "recording.tar"
    (shar / "recording.000000.tar").rename(elsewhere)
    (shar / "recording.000000.tar").symlink_to(elsewhere)
    assert "leaves the data folder" in refusal(shar)


def test_members_that_do_not_come_in_pairs_are_refused(shar: Path) -> None:
    flac, about = members_of(0)
    write_shard(shar, 0, [cut(0), cut(1)], [flac, *members_of(1), about])
    assert "'a/b.0.flac' is not followed by its description" in refusal(shar)


@pytest.mark.parametrize(
    ("second", "members", "problem"),
    [
        (cut(1), [("a/b.1.nodata", b""), ("a/b.1.nometa", b"")], "holds no recordings of 'a/b.1'"),
        (cut(1), members_of(7), "holds no recordings of 'a/b.1'"),
        (cut(1), members_of(0), "holds no recordings of 'a/b.1'"),
        (changed(cut(1), {("recording", "sources", 0, "type"): "command"}), members_of(1), "type 'command'"),
        (changed(cut(1), {("recording", "sources", 0, "type"): "file"}), members_of(1), "type 'file'; in a shard it lies in the tar"),
        (changed(cut(1), {("duration",): 5.0}), members_of(1), "reaches beyond"),
        ("{", members_of(1), "is no JSON"),
    ],
)
def test_a_cut_without_audio_of_its_own_is_one_row_with_a_problem(shar: Path, second: Any, members: list, problem: str) -> None:
    write_shard(shar, 0, [cut(0), second], [*members_of(0), *members])
    rows = read(shar)
    assert len(rows) == 4
    assert problem in rows[1].problem
    assert rows[1].problem.startswith("cuts.000000.jsonl.gz:2: ")
    assert rows[1].path is None


def test_an_id_that_stands_in_two_shards_is_told_with_both_places(shar: Path) -> None:
    write_shard(shar, 1, [cut(0), cut(3)], members_of(0, 3))
    assert [row.problem for row in read(shar)] == ["", "", "cuts.000001.jsonl.gz:1: the id 's0' stands in cuts.000000.jsonl.gz:1 already", ""]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(paths_in(cut(1))), ANYTHING, min_size=1, max_size=3))
def test_whatever_a_cut_holds_it_is_a_row(shar: Path, changes: dict) -> None:
    try:
        hostile = changed(cut(1), changes)
    except (IndexError, KeyError, TypeError):
        return
    write_shard(shar, 0, [cut(0), hostile], members_of(0, 1))
    rows = read(shar)
    assert len(rows) >= 3
    assert all((row.path is None) == bool(row.problem) for row in rows)
