"""Hugging Face datasets on disk, written by `datasets` itself: audio inside or beside, splits by name, nothing run, nothing lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from foreign import ANYTHING, reach_into
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest.huggingface import read_huggingface
from speccraft.ingest.packed import read_packed
from speccraft.ingest.rows import Inside, Row
from speccraft.scenario.source import Columns, HuggingFaceSource

AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FILES = st.lists(st.fixed_dictionaries({"filename": ANYTHING}))
NAMED = {"text": "sentence", "speaker": "speaker_id"}


def read(folder: Path, columns: dict[str, str] | None = None, *, splits_column: str | None = None, **settings: Any) -> list[Row]:
    named = Columns(**{"audio": "audio", **(NAMED if columns is None else columns)})
    source = HuggingFaceSource(id="h", format="hf", path=folder.name, columns=named, **settings)
    return read_huggingface(source, given=splits_column, reach=reach_into(folder.parent))


def wav(level: float) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.full(800, level), 8000, format="WAV")
    return buffer.getvalue()


def columns_of(count: int) -> dict[str, Any]:
    cells = [{"bytes": wav(number / 10), "path": f"{number}.wav"} for number in range(count)]
    return {"audio": cells, "sentence": [f"word {number}" for number in range(count)], "speaker_id": list(range(count))}


def table_of(count: int) -> pa.Table:
    columns = columns_of(count)
    return pa.table({"audio": pa.array(columns["audio"], AUDIO), "sentence": columns["sentence"], "speaker_id": columns["speaker_id"]})


def written_by_datasets(folder: Path, how: str) -> None:
    datasets = pytest.importorskip("datasets")
    # Encoding audio would need torchcodec, so the cells are handed over as they are stored.
    features = datasets.Features({"audio": datasets.Audio(decode=False), "sentence": datasets.Value("string"), "speaker_id": datasets.Value("int64")})
    tables = {name: table_of(count).cast(features.arrow_schema) for name, count in (("train", 3), ("validation", 2))}
    parts = {name: datasets.Dataset(datasets.table.InMemoryTable(table)) for name, table in tables.items()}
    if how == "saved":
        datasets.DatasetDict(parts).save_to_disk(str(folder))
    elif how == "saved in shards":
        datasets.DatasetDict(parts).save_to_disk(str(folder), num_shards={"train": 2, "validation": 1})
    else:
        (folder / "data").mkdir(parents=True)
        for name, part in parts.items():
            part.to_parquet(str(folder / f"data/{name}-00000-of-00001.parquet"))


@pytest.mark.parametrize("how", ["saved", "saved in shards", "parquet"])
def test_what_datasets_writes_is_read_with_its_splits_and_its_audio(tmp_path: Path, how: str) -> None:
    written_by_datasets(tmp_path / "d", how)
    rows = read(tmp_path / "d")
    assert [(row.text, row.speaker, row.split) for row in rows if row.split == "train"] == [(f"word {n}", str(n), "train") for n in range(3)]
    assert [(row.text, row.speaker, row.split) for row in rows if row.split == "dev"] == [(f"word {n}", str(n), "dev") for n in range(2)]
    assert len({row.input for row in rows}) == 5
    for row in rows:
        assert row.path is not None
        assert row.inside is not None
        assert read_packed(row.path, row.inside) == wav(int(row.speaker or 9) / 10)


def test_without_official_splits_none_is_stated(tmp_path: Path) -> None:
    written_by_datasets(tmp_path / "d", "parquet")
    assert {row.split for row in read(tmp_path / "d", official_splits=False)} == {None}


def test_one_parquet_file_is_a_dataset(tmp_path: Path) -> None:
    pq.write_table(table_of(5), tmp_path / "test.parquet", row_group_size=2)
    rows = read(tmp_path / "test.parquet")
    assert [row.input for row in rows] == [f"test.parquet#{number}" for number in range(5)]
    assert [row.inside for row in rows] == [Inside("parquet", number, column="audio") for number in range(5)]
    assert {row.split for row in rows} == {"test"}


def test_audio_bytes_are_not_read_to_list_the_rows_of_a_parquet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(table_of(5), tmp_path / "test.parquet")
    wanted: list[list[str]] = []
    read_group = pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda self, number, columns: wanted.append(columns) or read_group(self, number, columns=columns))
    assert len(read(tmp_path / "test.parquet")) == 5
    assert wanted == [["sentence", "speaker_id", "audio.path"]]


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_cells_without_bytes_name_a_file_or_are_a_problem(tmp_path: Path, ending: str, statistics: bool) -> None:
    cells = [{"bytes": b"x", "path": None}, {"bytes": None, "path": "a.wav"}, None, {"bytes": None, "path": "../../up.wav"}, {"bytes": None, "path": None}]
    table = pa.table({"audio": pa.array(cells, AUDIO)})
    write_container(tmp_path / f"t.{ending}", table, statistics)
    rows = read(tmp_path / f"t.{ending}", {})
    assert [row.inside is not None for row in rows] == [True, False, False, False, False]
    assert rows[1].path == tmp_path / "a.wav"
    assert ["leaves" in row.problem or "neither" in row.problem for row in rows] == [False, False, True, True, True]


def write_container(path: Path, table: pa.Table, statistics: bool = True) -> None:
    if path.suffix == ".parquet":
        pq.write_table(table, path, write_statistics=statistics)
    else:
        with pa.ipc.new_stream(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=2)


@pytest.mark.parametrize("type", [pa.binary(), pa.large_binary()])
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_plain_bytes_are_audio_too(tmp_path: Path, ending: str, type: pa.DataType) -> None:
    write_container(tmp_path / f"t.{ending}", pa.table({"sound": pa.array([b"x", None], type), "start_s": [0.5, 1.0]}))
    good, empty = read(tmp_path / f"t.{ending}", {"audio": "sound", "start": "start_s"})
    assert (good.input, good.recording, good.start) == (f"t.{ending}#0#0.500-", f"t.{ending}#0", 0.5)
    assert good.inside == Inside("parquet" if ending == "parquet" else "arrow", 0, column="sound")
    assert "neither" in empty.problem


def test_an_arrow_file_is_read_like_a_stream(tmp_path: Path) -> None:
    with pa.ipc.new_file(str(tmp_path / "t.arrow"), table_of(3).schema) as writer:
        writer.write_table(table_of(3))
    assert [row.text for row in read(tmp_path / "t.arrow")] == ["word 0", "word 1", "word 2"]


def test_a_column_that_is_not_there_or_holds_no_audio_is_an_error_that_offers_the_near_one(tmp_path: Path) -> None:
    pq.write_table(table_of(1), tmp_path / "t.parquet")
    for columns, near in (({"text": "sentense"}, "sentence"), ({"audio": "adio"}, "audio"), ({"audio": "speaker_id"}, "no column 'speaker_id'")):
        with pytest.raises(UnreadableInput) as caught:
            read(tmp_path / "t.parquet", columns)
        assert near in caught.value.message + caught.value.try_this


@pytest.fixture
def audio_folder(tmp_path: Path) -> Path:
    """Two splits of empty audio files, as `imagefolder`-like loaders want them."""
    for name in ("train/a.wav", "train/more/b.flac", "test/c.mp3"):
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).touch()
    return tmp_path / "d"


def test_metadata_in_every_split_folder_names_its_files(audio_folder: Path) -> None:
    (audio_folder / "train/metadata.csv").write_text("file_name,sentence,speaker_id\na.wav,hello,7\nmore/b.flac,,8\n")
    (audio_folder / "test/metadata.jsonl").write_text('{"file_name": "c.mp3", "sentence": "bye", "speaker_id": 9}\n')
    assert read(audio_folder) == [
        Row(input="test/c.mp3", path=audio_folder / "test/c.mp3", text="bye", speaker="9", split="test"),
        Row(input="train/a.wav", path=audio_folder / "train/a.wav", text="hello", speaker="7", split="train"),
        Row(input="train/more/b.flac", path=audio_folder / "train/more/b.flac", speaker="8", split="train"),
    ]


def test_one_metadata_file_above_the_splits_will_do_and_its_column_of_splits_wins(audio_folder: Path) -> None:
    lines = ["audio_file_name,sentence,speaker_id,fold", "train/a.wav,x,1,dev", "train/more/b.flac,x,1,", "test/c.mp3,x,1,"]
    (audio_folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    assert [row.split for row in read(audio_folder)] == ["train", "train", "test"]
    assert [row.split for row in read(audio_folder, splits_column="fold")] == ["dev", "train", "test"]


def test_audio_that_no_metadata_mentions_is_a_row_with_a_problem(audio_folder: Path) -> None:
    (audio_folder / "metadata.csv").write_text("file_name,sentence,speaker_id\ntrain/a.wav,x,1\n../../x.wav,x,1\n")
    rows = {row.input: row for row in read(audio_folder)}
    assert "mentions" in rows["test/c.mp3"].problem
    assert rows["test/c.mp3"].path is None
    assert "leaves" in rows["../../x.wav"].problem
    assert len(rows) == 4


def test_without_metadata_every_audio_file_is_a_row_of_its_folders_split(audio_folder: Path) -> None:
    assert [(row.input, row.split) for row in read(audio_folder)] == [("test/c.mp3", "test"), ("train/a.wav", "train"), ("train/more/b.flac", "train")]


def saved_folder(folder: Path) -> Path:
    """A dataset as `save_to_disk` writes one, without `datasets`."""
    folder.mkdir()
    write_container(folder / "data-00000-of-00001.arrow", table_of(2))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": "test"}))
    (folder / "dataset_info.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ('{"_data_files": [{"filename": "../../secret.arrow"}]}', "no plain Arrow files"),
        ('{"_data_files": [{"filename": "/etc/passwd"}]}', "no plain Arrow files"),
        ('{"_data_files": [{}]}', "no plain Arrow files"),
        ('{"_data_files": [], "_indices_data_files": [{"filename": "i.arrow"}]}', "no plain Arrow files"),
        ('{"_data_files": []}', "neither"),
        ("[" * 5000, "state.json"),
        ('{"_data_files": 1, "_data_files": 2}', "twice"),
        ("", "state.json"),
        (b"\xff", "UTF-8"),
    ],
)
def test_a_state_that_lies_is_refused(tmp_path: Path, state: str | bytes, words: str) -> None:
    folder = saved_folder(tmp_path / "d")
    (folder / "state.json").write_bytes(state if isinstance(state, bytes) else state.encode())
    with pytest.raises(UnreadableInput, match=words):
        read(folder)


def test_a_data_file_that_is_missing_or_a_link_out_is_a_row(tmp_path: Path) -> None:
    folder = saved_folder(tmp_path / "roots/d") if (tmp_path / "roots").mkdir() is None else tmp_path
    data = folder / "data-00000-of-00001.arrow"
    shutil.move(data, tmp_path / "secret.arrow")
    assert [row.problem for row in read(folder)] == ["the file is missing"]
    data.symlink_to(tmp_path / "secret.arrow")
    assert ["leaves" in row.problem for row in read(folder)] == [True]


def test_a_split_that_the_index_lists_and_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    saved_folder(tmp_path / "d/test")
    saved_folder(tmp_path / "d/stale")
    (tmp_path / "d/dataset_dict.json").write_text('{"splits": ["test"]}')
    assert len(read(tmp_path / "d")) == 2
    for index, words in (('{"splits": ["test", "train"]}', "'train'"), ('{"splits": "test"}', "lists no splits")):
        (tmp_path / "d/dataset_dict.json").write_text(index)
        with pytest.raises(UnreadableInput, match=words):
            read(tmp_path / "d")


def test_pipes_and_links_out_are_not_waited_for_or_read(tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir()
    folder = saved_folder(tmp_path / "roots/d")
    (folder / "state.json").rename(tmp_path / "state.json")
    (folder / "state.json").symlink_to(tmp_path / "state.json")
    with pytest.raises(UnreadableInput, match="leaves"):
        read(folder)
    (folder / "state.json").unlink()
    os.mkfifo(folder / "state.json")
    with pytest.raises(UnreadableInput, match="is no file"):
        read(folder)
    for name, words in (("metadata.csv", "is no file"), ("t.parquet", "missing")):
        (tmp_path / name).mkdir()
        os.mkfifo(tmp_path / name / name)
        if name == "t.parquet":
            assert [words in row.problem for row in read(tmp_path / name)] == [True]
        else:
            with pytest.raises(UnreadableInput, match=words):
                read(tmp_path / name)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(UnreadableInput, match="neither"):
        read(tmp_path / "d")


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_file_cut_off_anywhere_ends_in_a_row_that_says_so(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t.{ending}"
    write_container(path, table_of(6))
    content = path.read_bytes()
    for size in range(0, len(content) - 8, len(content) // 23):
        path.write_bytes(content[:size])
        *good, last = read(path)
        assert str(tmp_path) not in last.problem
        assert "damaged" in last.problem or (ending == "arrow" and len(good) == 5)
        assert [row.text for row in good] == [f"word {number}" for number in range(len(good))]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    state=st.dictionaries(
        st.sampled_from(["_data_files", "_split", "_indices_data_files", "x"]), ANYTHING | st.lists(st.fixed_dictionaries({"filename": ANYTHING}))
    )
)
def test_whatever_a_state_says_rows_or_an_error_come_out(tmp_path: Path, state: dict[str, Any]) -> None:
    folder = tmp_path / "d" if (tmp_path / "d").exists() else saved_folder(tmp_path / "d")
    (folder / "state.json").write_text(json.dumps(state))
    with contextlib.suppress(UnreadableInput):
        assert all(row.problem or row.path for row in read(folder))


FUZZ = """
import random, sys
from pathlib import Path
from speccraft.ingest.packed_tables import read_container
from speccraft.ingest.rows import Reach
path = Path(sys.argv[1]); good = path.read_bytes(); names = {"audio": "audio", "text": "sentence", "speaker": "speaker_id"}
for seed in range(400):
    draw, content = random.Random(seed), bytearray(good)
    for _ in range(draw.randint(1, 6)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    path.write_bytes(content)
    try:
        list(read_container("h", path, path.name, names, Reach(path.parent, (path.parent,))))
    except Exception as error:
        if type(error).__name__ != "UnreadableInput":
            raise
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_damaged_container_does_not_end_the_process(tmp_path: Path, ending: str) -> None:

    path = tmp_path / f"t.{ending}"
    write_container(path, table_of(6))
    done = subprocess.run([sys.executable, "-c", FUZZ, str(path)], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == "done\n", (done.returncode, done.stderr[-2000:])
