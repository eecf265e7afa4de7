"""Read Kaldi data folders: `wav.scp` with plain files, `segments`, `text`, `utt2spk`, `utt2lang` and `reco2dur`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from speccraft.errors import UnreadableInput
from speccraft.ingest.lines import LONGEST_NAME, lines_of
from speccraft.ingest.manifests import MOST_SECONDS, Unusable, audio_file, audio_folder, filled, language_tag, part, within
from speccraft.ingest.rows import Reach, Row
from speccraft.scenario.source_manifests import KaldiSource

TABLES = ("wav.scp", "segments", "text", "utt2spk", "utt2lang", "reco2dur")
TOLERANCE_S = 0.01
"""Kaldi's tables write seconds with two or three decimals."""
_BLANKS = re.compile(r"[ \t]+")
_IN_AN_ARCHIVE = re.compile(r".*\.ark:\d+(\[.*\])?$", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """A line of a table without its id; or what is wrong with it."""

    where: str
    value: str
    problem: str = ""


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording; an `end` of None is the recording's own."""

    recording: str
    start: float = 0.0
    end: float | None = None
    channel: int | None = None


@dataclass(frozen=True)
class DataFolder:
    """The tables of a data folder, by id, and where relative audio paths start."""

    recordings: dict[str, Entry]
    segments: dict[str, Entry]
    texts: dict[str, Entry]
    speakers: dict[str, Entry]
    languages: dict[str, Entry]
    lengths: dict[str, Entry]
    audio: Path
    reach: Reach

    def rows(self) -> Iterator[Row]:
        """Utterances in the order of their table, recordings without a segment, then what is said of neither."""
        heard = {words[0] for entry in self.segments.values() if (words := _BLANKS.split(entry.value))}
        alone = [id for id in self.recordings if id not in heard and id not in self.segments]
        yield from map(self._segment_row, self.segments)
        yield from map(self._recording_row, alone)
        known = {*self.segments, *alone}
        for table, ids in ((self.texts, known), (self.speakers, known), (self.languages, known), (self.lengths, self.recordings)):
            for id, entry in table.items():
                if id not in ids:
                    yield Row(input=id, problem=f"{entry.where}: {entry.problem or 'nothing with this id is to be heard'}")
                    known.add(id)

    def _segment_row(self, id: str) -> Row:
        try:
            return self._row(id, _segment(id, self.segments[id]))
        except Unusable as problem:
            return Row(input=id, problem=str(problem))

    def _recording_row(self, id: str) -> Row:
        return self._row(id, Segment(id))

    def _row(self, id: str, segment: Segment) -> Row:
        row = Row(input=id, recording=segment.recording, channel=segment.channel)
        try:
            text, speaker, language = (_stated(table, id) for table in (self.texts, self.speakers, self.languages))
            row = replace(row, text=text, speaker=speaker, language=language_tag(language))
            path = audio_file(_file(_stated(self.recordings, segment.recording), segment.recording), self.audio, self.reach)
            return self._timed(replace(row, path=path), segment)
        except Unusable as problem:
            return replace(row, problem=str(problem))

    def _timed(self, row: Row, segment: Segment) -> Row:
        """The row with start, end and length, as far as they are stated."""
        length = _length(_stated(self.lengths, segment.recording))
        end = length if segment.end is None else segment.end
        if end is None:
            return replace(row, start=segment.start or None)
        if end <= segment.start:
            raise Unusable(f"ends at {end:g} s, before it starts")
        start, end_in_it = (segment.start, end) if length is None else part(segment.start, end, length, TOLERANCE_S)
        return replace(row, start=start, end=end_in_it, seconds=round(end - segment.start, 6), length_from="table")


def read_kaldi(source: KaldiSource, *, reach: Reach) -> list[Row]:
    """One row per utterance of `segments`, and one per recording that has none.

    Raises:
        UnreadableInput: the folder has no `wav.scp`, or a table cannot be read.
    """
    folder = reach.source(source.id, source.path)
    if not (folder / "wav.scp").is_file():
        raise UnreadableInput(f"source '{source.id}': {folder} has no wav.scp", try_this="name the data folder itself, such as data/train")
    recordings, segments, texts, speakers, languages, lengths = (_table(folder / name, source.id, reach) for name in TABLES)
    if not recordings:
        raise UnreadableInput(f"source '{source.id}': {folder / 'wav.scp'} is empty")
    audio = audio_folder(source.id, source.audio_folder, folder, reach)
    return list(DataFolder(recordings, segments, texts, speakers, languages, lengths, audio, reach).rows())


def _table(path: Path, source_id: str, reach: Reach) -> dict[str, Entry]:
    """The lines of a table by id; without the table, none. An id that stands twice is one entry, with a problem."""
    table: dict[str, Entry] = {}
    if not path.exists():
        return table
    for line in lines_of(within(path, source_id, reach), source_id):
        where = f"{path.name}:{line.number}"
        id, value = (*_BLANKS.split(line.text.strip(" \t"), maxsplit=1), "")[:2]
        if line.problem or len(id) > LONGEST_NAME:
            table[where] = Entry(where, "", f"the line {line.problem or f'begins with an id of {len(id)} characters'}")
        elif id in table:
            table[id] = Entry(table[id].where, table[id].value, f"the id '{id}' stands in {where} as well")
        else:
            table[id] = Entry(where, value)
    return table


def _stated(table: dict[str, Entry], id: str) -> str | None:
    entry = table.get(id)
    if entry is not None and entry.problem:
        raise Unusable(f"{entry.where}: {entry.problem}")
    return None if entry is None else filled(entry.value)


def _segment(id: str, entry: Entry) -> Segment:
    words = _BLANKS.split(entry.value)
    try:
        if entry.problem:
            raise Unusable(f"{entry.where}: {entry.problem}")
        recording, start, end = words[0], _seconds(words[1]), _seconds(words[2])
        channel = int(words[3]) if len(words) > 3 else None
    except (IndexError, ValueError) as error:
        raise Unusable(f"{entry.where}: is not `{id[:40]} RECORDING START END [CHANNEL]` with seconds") from error
    if len(words) > 4 or start < 0 or (end <= start and end != -1) or not 0 <= (channel or 0) < 1024:
        raise Unusable(f"{entry.where}: {entry.value[:80]!r} is no stretch of a recording")
    return Segment(recording, start, None if end == -1 else end, channel)


def _seconds(written: str) -> float:
    """A finite number; raises ValueError."""
    seconds = float(written)
    if not abs(seconds) < MOST_SECONDS:
        raise ValueError
    return seconds


def _length(written: str | None) -> float | None:
    if written is None:
        return None
    try:
        if (length := _seconds(written)) > 0:
            return length
    except ValueError:
        pass
    raise Unusable(f"reco2dur: '{written[:40]}' is no length in seconds")


def _file(written: str | None, recording: str) -> str:
    if written is None:
        raise Unusable(f"wav.scp has no recording '{recording[:80]}'")
    if _IN_AN_ARCHIVE.match(written):
        raise Unusable(f"'{written[:80]}' lies in a Kaldi archive; copy it to an audio file first")
    return written
