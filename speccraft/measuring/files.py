"""Measure files and folders: find the recordings, have worker processes measure them, add what transcripts beside them tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from speccraft.build.engine import run_unkept
from speccraft.errors import UnreadableInput
from speccraft.ingest.folder import audio_below
from speccraft.measuring.recording import How, Job, Recordings
from speccraft.measuring.transcripts import need_countable, with_transcripts
from speccraft.measuring.uncertain import problems, uncertain
from speccraft.scenario.source_base import AUDIO_ENDINGS

RECORDINGS_PER_UNIT = 8


def recordings_at(paths: Sequence[Path]) -> list[Path]:
    """The files that are named, and the audio files below the folders that are; each once, in order.

    A file that is not there is a row that says so, beside others that are.

    Raises:
        UnreadableInput: no path is there, or a folder holds no audio file.
    """
    if not any(path.exists() for path in paths):
        raise UnreadableInput(f"{', '.join(map(_name, paths))}: does not exist" if len(paths) == 1 else f"none exists of {', '.join(map(_name, paths))}")
    return list(dict.fromkeys(file for path in paths for file in _at(path)))


def measure_files(
    paths: Sequence[Path], how: How, *, workers: int, language: str | None = None, on_progress: Callable[[int, int], None] = lambda *_: None
) -> list[dict[str, Any]]:
    """One row a recording, in order: its measures, or with `rule` and `reason` why it cannot be measured.

    Untrusted audio may crash or hang a decoder, so processes that may die do it.

    Args:
        language: of the transcripts beside the recordings, whose syllables are counted by it.

    Raises:
        WrongUsage: the syllables of the language cannot be counted.
    """
    if language is not None:
        need_countable(language)
    jobs = [Job(_name(path), path.absolute()) for path in paths]
    units = [Recordings(f"{start:08d}", tuple(jobs[start : start + RECORDINGS_PER_UNIT]), how) for start in range(0, len(jobs), RECORDINGS_PER_UNIT)]
    with run_unkept(units, "measure", workers=workers, on_progress=on_progress) as results:
        rows = [json.loads(line) for unit in units for line in results[unit.name].read_bytes().splitlines()]
    whole = [(path, row | {"problems": problems(row)}) for path, row in zip(paths, rows, strict=True) if row["rule"] is None]
    told = iter(with_transcripts([path for path, _ in whole], [row for _, row in whole], language))
    return [row if row["rule"] is not None else (full := next(told)) | {"uncertain": uncertain(full)} for row in rows]


def _at(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    files = list(audio_below(path, AUDIO_ENDINGS))
    if not files:
        known = ", ".join(sorted(set(AUDIO_ENDINGS)))
        raise UnreadableInput(f"{path}: no audio file below it", try_this=f"files are known by their ending: {known}; name others yourself")
    yield from files


def _name(path: Path) -> str:
    """A path as text that can be printed and written: one that is not UTF-8 by its escapes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return ascii(str(path))[1:-1]
    return str(path)
