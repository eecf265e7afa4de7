"""Read LibriSpeech and corpora laid out like it: FLAC files beside one `.trans.txt` per chapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from speccraft.errors import UnreadableInput
from speccraft.ingest.folder import files_below, whole_file
from speccraft.ingest.lines import lines_of
from speccraft.ingest.official import split_in
from speccraft.ingest.rows import Reach, Row
from speccraft.scenario.contracts import Split
from speccraft.scenario.source import LibriSpeechSource

TRANSCRIPTS = ".trans.txt"


def read_librispeech(source: LibriSpeechSource, *, reach: Reach) -> list[Row]:
    """One row per line of the transcripts, and one with a problem per audio file without a line.

    Raises:
        UnreadableInput: there is no chapter, or its transcripts cannot be read.
    """
    folder = reach.source(source.id, source.path)
    chapters: dict[Path, set[str]] = {}
    if folder.is_dir():
        for file in files_below(folder):
            if file.suffix == ".flac" or file.name.endswith(TRANSCRIPTS):
                chapters.setdefault(file.parent, set()).add(file.name)
    rows = [row for chapter, names in sorted(chapters.items()) for row in _chapter(source, chapter, names, folder, reach)]
    if not any(row.path for row in rows):
        raise UnreadableInput(
            f"source '{source.id}': no speaker/chapter/*{TRANSCRIPTS} with audio below {folder}",
            try_this="name the folder that holds `train-clean-100` or the like",
        )
    return rows


def _chapter(source: LibriSpeechSource, chapter: Path, names: set[str], folder: Path, reach: Reach) -> Iterator[Row]:
    """The rows of one folder, in the order of its transcripts."""
    # The part may be the folder that the source names.
    split = split_in((Path(folder.name) / chapter.relative_to(folder)).as_posix()) if source.official_splits else None
    heard = set()
    for transcripts in sorted(name for name in names if name.endswith(TRANSCRIPTS)):
        beside = chapter / transcripts
        if reach.resolve(str(beside)) is None:
            yield Row(input=beside.relative_to(folder).as_posix(), problem="the transcripts are a link that leaves the data folder and `roots`")
            continue
        for line in lines_of(beside, source.id):
            id, _, text = line.text.partition(" ")
            name = f"{id}.flac"
            if line.problem or name not in names:
                problem = f"line {line.number} of {transcripts} {line.problem or f'is about {name}, which is not there'}"
                yield Row(input=f"{beside.relative_to(folder).as_posix()}#{line.number}", problem=problem[:300])
                continue
            heard.add(name)
            yield _row(chapter / name, text.strip() or None, split, folder, reach, "")
    for name in sorted(name for name in names - heard if name.endswith(".flac")):
        yield _row(chapter / name, None, split, folder, reach, "no line of the chapter's transcripts is about it")


def _row(path: Path, text: str | None, split: Split | None, folder: Path, reach: Reach, problem: str) -> Row:
    """One FLAC file; the folders above it are the chapter and the speaker."""
    row = whole_file(path, folder, reach)
    problem = row.problem or problem
    speaker, chapter = path.parent.parent.name, path.parent.name
    return Row(input=row.input, path=None if problem else row.path, text=text, speaker=speaker, session=f"{speaker}-{chapter}", split=split, problem=problem)
