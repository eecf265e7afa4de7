"""Read a folder of audio files whose transcripts or annotations lie beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from speccraft.errors import UnreadableInput
from speccraft.ingest.annotations import Turn, channel_number, turns_of
from speccraft.ingest.manifests import Unusable
from speccraft.ingest.parts import part_of
from speccraft.ingest.path_pattern import names_in
from speccraft.ingest.rows import Reach, Row
from speccraft.ingest.sidecars import content_of, sidecar_of, transcript_of
from speccraft.scenario.source import FolderSource

SIDECARS = (".txt", ".lab")
ANNOTATIONS = (".rttm", ".TextGrid", ".textgrid", ".ctm")


def read_folder(source: FolderSource, *, reach: Reach) -> list[Row]:
    """One row per audio file below the folder, or one per turn of the annotation beside it, sorted by relative path.

    Raises:
        UnreadableInput: no file has one of the endings, or a folder below cannot be listed.
    """
    folder = reach.source(source.id, source.path)
    if not folder.is_dir():
        raise UnreadableInput(
            f"source '{source.id}': {source.path} is no folder", try_this="format: table reads a table; a folder source names the folder of the audio"
        )
    rows = [row for path in audio_below(folder, source.endings) for row in _rows(source, path, folder, reach)]
    if not rows:
        raise UnreadableInput(f"source '{source.id}': no file below {folder} ends in {', '.join(source.endings)}")
    return rows


def audio_below(folder: Path, endings: Iterable[str]) -> Iterator[Path]:
    """Files below a folder that have one of the endings, in any case, sorted by path.

    Raises:
        UnreadableInput: a folder cannot be listed.
    """
    wanted = {ending.lower() for ending in endings}
    return (path for path in sorted(files_below(folder)) if path.suffix.lower() in wanted)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in no order; links to folders are not followed.

    Raises:
        UnreadableInput: a folder cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise UnreadableInput(f"cannot list {error.filename}: {error.strerror}", try_this="make the folder readable") from error

    for where, _, names in os.walk(folder, onerror=fail, followlinks=False):
        yield from (Path(where, name) for name in names)


def whole_file(path: Path, folder: Path, reach: Reach) -> Row:
    """An audio file below a folder as one row, named by its path."""
    input = path.relative_to(folder).as_posix()
    try:
        input.encode()
    except UnicodeEncodeError:
        return Row(input=ascii(input)[1:-1], problem="the file name is not UTF-8")
    resolved = reach.resolve(str(path))
    if resolved is None:
        return Row(input=input, problem="the path leaves the data folder and `roots`")
    return Row(input=input, path=resolved)


def _rows(source: FolderSource, path: Path, folder: Path, reach: Reach) -> Iterator[Row]:
    row = whole_file(path, folder, reach)
    if not row.problem:
        row = _named(source, row)
    if row.problem:
        yield row
        return
    try:
        row = _with_sidecars(row, path, reach)
        annotation = _annotation_beside(path, reach)
        turns = turns_of(annotation, source.id) if annotation is not None else None
    except (Unusable, UnreadableInput) as error:
        # What stands in the ledger is the same on every machine.
        words = str(error).removeprefix(f"source '{source.id}': ").replace(f"{path.parent}{os.sep}", "")
        yield replace(row, path=None, problem=f"the transcript or annotation beside it cannot be used: {words}")
        return
    if turns is None:
        yield row
    else:
        yield from (_turn(row, turn) for turn in turns)


def _named(source: FolderSource, row: Row) -> Row:
    """The row with what its path says."""
    if source.pattern is not None:
        names = names_in(row.input, source.pattern)
        if names is None:
            return replace(row, path=None, problem=f"the path does not fit the pattern {source.pattern}")
        return replace(row, speaker=names.get("speaker"), session=names.get("session"), language=names.get("language"))
    parts, level = row.input.split("/"), source.speaker_folder or 0
    if len(parts) <= level:
        return replace(row, path=None, problem=f"speaker_folder is {level}, and the file lies {len(parts) - 1} folder(s) deep")
    return replace(row, speaker=parts[level - 1]) if level else row


def _with_sidecars(row: Row, audio: Path, reach: Reach) -> Row:
    """The row with its transcript and what a `.json` states, which wins over the path; a transcript file wins over the text in a `.json`."""
    if (beside := _beside(audio, (".json",), reach)) is not None:
        stated = sidecar_of(content_of(beside), beside.name).model_dump(exclude_none=True)
        if "duration" in stated:
            stated |= {"seconds": stated.pop("duration"), "length_from": "table"}
        row = replace(row, **stated)
    if (beside := _beside(audio, SIDECARS, reach)) is not None:
        row = replace(row, text=transcript_of(content_of(beside), beside.name) or row.text)
    return row


def _beside(audio: Path, endings: Iterable[str], reach: Reach) -> Path | None:
    """The first file of the same stem with one of the endings."""
    for ending in endings:
        sidecar = audio.with_suffix(ending)
        # A pipe or device would wait for ever.
        if sidecar.is_file():
            if reach.resolve(str(sidecar)) is None:
                raise Unusable(f"{sidecar.name} is a link that leaves the data folder and `roots`")
            return sidecar
    return None


def _annotation_beside(audio: Path, reach: Reach) -> Path | None:
    found = {beside for ending in ANNOTATIONS if (beside := _beside(audio, (ending,), reach)) is not None}
    if len(found) > 1:
        raise Unusable(f"{' and '.join(sorted(one.name for one in found))} both say who speaks when; keep one")
    return next(iter(found), None)


def _turn(row: Row, turn: Turn) -> Row:
    """One turn of a recording; what it leaves open is as for the whole."""
    whole = replace(row, speaker=turn.speaker or row.speaker, text=turn.text, seconds=None, length_from=None)
    try:
        channel = channel_number(turn.channel)
    except Unusable as error:
        turn, channel = replace(turn, problem=f"{turn.where}: {error}"), None
    if turn.problem:
        return replace(whole, input=f"{row.input}#{turn.where}", recording=row.input, path=None, problem=turn.problem)
    part = part_of(whole, turn.start, turn.end, channel)
    return replace(part, problem=part.problem and f"{turn.where}: {part.problem}")
