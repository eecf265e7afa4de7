"""Read Hugging Face datasets on disk: audio folders with metadata, Parquet files, and what `save_to_disk` wrote; no script is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from speccraft.errors import UnreadableInput
from speccraft.ingest.folder import audio_below, files_below, whole_file
from speccraft.ingest.lines import Line, record_of
from speccraft.ingest.manifests import Unusable
from speccraft.ingest.official import SPLIT_NAMES, split_in
from speccraft.ingest.packed_tables import read_container
from speccraft.ingest.rows import Reach, Row
from speccraft.ingest.sidecars import content_of, plain_text
from speccraft.ingest.table import named, need_columns, read_frame, rows_of_frame
from speccraft.scenario.contracts import Split
from speccraft.scenario.source import HuggingFaceSource
from speccraft.scenario.source_base import AUDIO_ENDINGS

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
CONTAINERS = (".parquet", ".arrow")


def read_huggingface(source: HuggingFaceSource, *, given: str | None, reach: Reach) -> list[Row]:
    """The rows of a dataset, in the order of its files.

    Args:
        given: column of the metadata with official splits; else folders and file names such as `train-00000.parquet` tell them.

    Raises:
        UnreadableInput: it is no dataset that we know, or lacks a column that the source names.
    """
    found = reach.source(source.id, source.path)
    folder = found if found.is_dir() else found.parent
    files = sorted(files_below(folder)) if found.is_dir() else [found]
    saved = [file.parent for file in files if file.name == "state.json"]
    if saved:
        rows = [row for one in _listed(source, folder, saved, reach) for row in _saved(source, one, folder, reach)]
    else:
        metadata = [file for file in files if file.name in METADATA]
        containers = [file for file in files if file.suffix in CONTAINERS and file.name not in METADATA]
        rows = [row for file in containers for row in _container(source, file, folder, reach, split_in(file.relative_to(folder).as_posix()))]
        rows += _audio_folder(source, metadata, folder, given, reach) if metadata or not containers else []
    if not rows:
        raise UnreadableInput(f"source '{source.id}': {found} holds neither audio files, nor Parquet or Arrow files, nor a saved dataset")
    return rows if source.official_splits else [replace(row, split=None) for row in rows]


def _listed(source: HuggingFaceSource, folder: Path, saved: list[Path], reach: Reach) -> list[Path]:
    """The saved datasets that `dataset_dict.json` lists, or all there are where there is none."""
    index = folder / "dataset_dict.json"
    if not index.is_file():
        return saved
    names = _json(source, index, reach).get("splits")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UnreadableInput(f"source '{source.id}': {index} lists no splits", try_this="save the dataset again with save_to_disk")
    if missing := [name for name in names if folder / name not in saved]:
        raise UnreadableInput(f"source '{source.id}': the split '{missing[0]}' of {index} is not there", try_this="copy the whole folder again")
    return [folder / name for name in names]


def _saved(source: HuggingFaceSource, saved: Path, folder: Path, reach: Reach) -> Iterator[Row]:
    """The rows of one dataset that `save_to_disk` wrote."""
    state = _json(source, saved / "state.json", reach)
    names = [one.get("filename") if isinstance(one, dict) else None for one in _list(state.get("_data_files"))]
    if _list(state.get("_indices_data_files")) or not all(isinstance(name, str) and name == PurePosixPath(name).name for name in names):
        raise UnreadableInput(
            f"source '{source.id}': {saved / 'state.json'} names no plain Arrow files beside it",
            try_this="load it with a current `datasets` and save it again with save_to_disk",
        )
    stated = state.get("_split")
    split = SPLIT_NAMES.get(stated.lower()) if isinstance(stated, str) else split_in(saved.relative_to(folder).as_posix())
    for name in names:
        yield from _container(source, saved / str(name), folder, reach, split)


def _container(source: HuggingFaceSource, file: Path, folder: Path, reach: Reach, split: Split | None) -> Iterator[Row]:
    name = file.relative_to(folder).as_posix()
    path = reach.resolve(str(file))
    if path is None or not path.is_file():
        yield Row(input=name, problem="the file is missing" if path else "the path leaves the data folder and `roots`")
        return
    for row in read_container(source.id, path, name, named(source.columns), reach):
        yield replace(row, split=split)


def _audio_folder(source: HuggingFaceSource, metadata: list[Path], folder: Path, given: str | None, reach: Reach) -> Iterator[Row]:
    """The rows of every metadata file, and the audio files that none of them mentions."""
    known = set()
    for file in metadata:
        for row in _metadata(source, file, folder, given, reach):
            known.add(row.path)
            yield row
    for path in audio_below(folder, AUDIO_ENDINGS):
        row = whole_file(path, folder, reach)
        if row.path not in known or row.problem:
            if metadata and not row.problem:
                row = replace(row, path=None, problem="no metadata file mentions it")
            yield replace(row, split=_split_of_folder(path.parent, folder))


def _metadata(source: HuggingFaceSource, file: Path, folder: Path, given: str | None, reach: Reach) -> Iterator[Row]:
    path = reach.resolve(str(file))
    if path is None:
        yield Row(input=file.relative_to(folder).as_posix(), problem="the path leaves the data folder and `roots`")
        return
    table = read_frame(source.id, path)
    names = named(source.columns)
    names["audio"] = next((name for name in ("file_name", f"{names['audio']}_file_name") if name in table.columns), names["audio"])
    need_columns(source.id, path, table.columns, tuple(names.values()))
    if given is not None and given in table.columns:
        names["split"] = given
    below = file.parent.relative_to(folder).as_posix()
    for row in rows_of_frame(table, names, file.parent, reach):
        if below != ".":
            row = replace(row, input=f"{below}/{row.input}", recording=row.recording and f"{below}/{row.recording}")
        yield row if row.split else replace(row, split=_split_of_folder((file.parent / row.input).parent if below == "." else file.parent, folder))


def _split_of_folder(below: Path, folder: Path) -> Split | None:
    """The split that a folder of audio files names; the names of the files say nothing of it."""
    inside = below.is_relative_to(folder)
    return split_in(below.relative_to(folder).as_posix()) if inside else None


def _json(source: HuggingFaceSource, path: Path, reach: Reach) -> dict[str, object]:
    try:
        if reach.resolve(str(path)) is None:
            raise Unusable(f"{path.name} is a link that leaves the data folder and `roots`")
        record = record_of(Line(1, plain_text(content_of(path), path.name)))
    except Unusable as error:
        raise UnreadableInput(f"source '{source.id}': {error}") from error
    if record.problem:
        raise UnreadableInput(f"source '{source.id}': {path} {record.problem}", try_this="copy or save the dataset again")
    return record.fields


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
