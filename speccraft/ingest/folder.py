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
from speccraft.ingest.rows import BLANK, Reach, Row
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
    rows = [row for path, beside in _audio_and_beside(folder, source.endings) for row in _rows(source, path, beside, folder, reach)]
    if not rows:
        raise UnreadableInput(f"source '{source.id}': no file below {folder} ends in {', '.join(source.endings)}")
    return rows


def audio_below(folder: Path, endings: Iterable[str]) -> Iterator[Path]:
    """Files below a folder that have one of the endings, in any case, sorted by path.

    Raises:
        UnreadableInput: a folder cannot be listed.
    """
    return (path for path, _ in _audio_and_beside(folder, endings))


def _audio_and_beside(folder: Path, endings: Iterable[str]) -> Iterator[tuple[Path, set[str]]]:
    """Audio files, sorted by path, each with the endings of the files of its stem that lie beside it."""
    wanted = {ending.lower() for ending in endings}
    found: list[tuple[str, set[str]]] = []
    for where, names in _names_below(folder):
        stems: dict[str, set[str]] = {}
        for name in names:
            # Texts, not paths, until they are sorted: a folder may hold a million files.
            stem, ending = os.path.splitext(name)  # noqa: PTH122
            stems.setdefault(stem, set()).add(ending)
        found += [(f"{where}{os.sep}{stem}{ending}", beside) for stem, beside in stems.items() for ending in beside if ending.lower() in wanted]
    # As paths are sorted: folder by folder.
    found.sort(key=lambda one: one[0].replace(os.sep, "\0"))
    return ((Path(path), beside) for path, beside in found)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in no order; links to folders are not followed.

    Raises:
        UnreadableInput: a folder cannot be listed.
    """
    return (Path(where, name) for where, names in _names_below(folder) for name in names)


def _names_below(folder: Path) -> Iterator[tuple[str, list[str]]]:
    def fail(error: OSError) -> None:
        raise UnreadableInput(f"cannot list {error.filename}: {error.strerror}", try_this="make the folder readable") from error

    for where, _, names in os.walk(folder, onerror=fail, followlinks=False):
        yield where, names


def whole_file(path: Path, folder: Path, reach: Reach) -> Row:
    """An audio file below a folder as one row, named by its path."""
    input = str(path)[len(str(folder).rstrip(os.sep)) + 1 :]
    try:
        input.encode()
    except UnicodeEncodeError:
        return Row(input=ascii(input)[1:-1], problem="the file name is not UTF-8")
    resolved = reach.resolve(str(path))
    if resolved is None:
        return Row(input=input, problem="the path leaves the data folder and `roots`")
    return BLANK.having(input=input, path=resolved)


def _rows(source: FolderSource, path: Path, beside: set[str], folder: Path, reach: Reach) -> Iterator[Row]:
    row = whole_file(path, folder, reach)
    if not row.problem:
        row = _named(source, row)
    if row.problem:
        yield row
        return
    try:
        row = _with_sidecars(row, path, beside, reach)
        annotation = _annotation(path, beside, reach)
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
    return row.having(speaker=parts[level - 1]) if level else row


def _with_sidecars(row: Row, audio: Path, beside: set[str], reach: Reach) -> Row:
    """The row with its transcript and what a `.json` states, which wins over the path; a transcript file wins over the text in a `.json`."""
    if (found := _first(audio, (".json",), beside, reach)) is not None:
        stated = sidecar_of(content_of(found), found.name).model_dump(exclude_none=True)
        if "duration" in stated:
            stated |= {"seconds": stated.pop("duration"), "length_from": "table"}
        row = row.having(**stated)
    if (found := _first(audio, SIDECARS, beside, reach)) is not None:
        row = row.having(text=transcript_of(content_of(found), found.name) or row.text)
    return row


def _first(audio: Path, endings: Iterable[str], beside: set[str], reach: Reach) -> Path | None:
    """The first file of the same stem with one of the endings."""
    for ending in endings:
        # A pipe or device would wait for ever.
        if ending in beside and (sidecar := audio.with_suffix(ending)).is_file():
            if reach.resolve(str(sidecar)) is None:
                raise Unusable(f"{sidecar.name} is a link that leaves the data folder and `roots`")
            return sidecar
    return None


def _annotation(audio: Path, beside: set[str], reach: Reach) -> Path | None:
    found = {one for ending in ANNOTATIONS if (one := _first(audio, (ending,), beside, reach)) is not None}
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
