"""Read a folder of audio files whose transcripts lie beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from speccraft.errors import UnreadableInput
from speccraft.ingest.rows import Reach, Row
from speccraft.scenario.source import FolderSource

SIDECARS = (".txt", ".lab")


def read_folder(source: FolderSource, *, reach: Reach) -> list[Row]:
    """One row per audio file below the folder, sorted by relative path.

    Raises:
        UnreadableInput: no file has one of the endings, or a folder below cannot be listed.
    """
    folder = reach.source(source.id, source.path)
    if not folder.is_dir():
        raise UnreadableInput(
            f"source '{source.id}': {source.path} is no folder", try_this="format: table reads a table; a folder source names the folder of the audio"
        )
    endings = {ending.lower() for ending in source.endings}
    rows = [_row(source, path, folder, reach) for path in sorted(_files(folder)) if path.suffix.lower() in endings]
    if not rows:
        raise UnreadableInput(f"source '{source.id}': no file below {folder} ends in {', '.join(source.endings)}")
    return rows


def _files(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise UnreadableInput(f"cannot list {error.filename}: {error.strerror}", try_this="make the folder readable") from error

    for where, _, names in os.walk(folder, onerror=fail, followlinks=False):
        yield from (Path(where, name) for name in names)


def _row(source: FolderSource, path: Path, folder: Path, reach: Reach) -> Row:
    relative = path.relative_to(folder)
    input = relative.as_posix()
    try:
        input.encode()
    except UnicodeEncodeError:
        return Row(input=ascii(input)[1:-1], problem="the file name is not UTF-8")
    resolved = reach.resolve(str(path))
    if resolved is None:
        return Row(input=input, problem="the path leaves the data folder and `roots`")
    level = source.speaker_folder or 0
    if len(relative.parts) <= level:
        return Row(input=input, problem=f"speaker_folder is {level}, and the file lies {len(relative.parts) - 1} folder(s) deep")
    speaker = relative.parts[level - 1] if level else None
    try:
        return Row(input=input, path=resolved, text=_transcript(path, reach), speaker=speaker)
    except (OSError, UnicodeDecodeError) as error:
        return Row(input=input, speaker=speaker, problem=f"the transcript beside it cannot be read: {error}")


def _transcript(audio: Path, reach: Reach) -> str | None:
    for ending in SIDECARS:
        sidecar = audio.with_suffix(ending)
        if sidecar.is_file():
            if reach.resolve(str(sidecar)) is None:
                raise PermissionError(f"{sidecar.name} is a link that leaves the data folder and `roots`")
            return " ".join(sidecar.read_text(encoding="utf-8-sig").split()) or None
    return None
