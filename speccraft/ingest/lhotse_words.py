"""What we accept of Lhotse's recordings, supervisions and cuts, and the rows they are; Lhotse itself is never asked to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from speccraft.ingest.lines import LONGEST_NAME, Record, name_in
from speccraft.ingest.manifests import MOST_SECONDS, Ids, Unusable, checked, filled, language_tag, part
from speccraft.ingest.rows import BLANK, Inside, Row

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Seconds = Annotated[float, Field(gt=-MOST_SECONDS, lt=MOST_SECONDS)]
Duration = Annotated[float, Field(gt=0, lt=MOST_SECONDS)]
Channel = Annotated[int, Field(ge=0, lt=1024)]
Channels = Annotated[list[Channel], Field(max_length=1024)]
FREE = ("session", "licence", "license", "attribution")
"""Lhotse's free fields (`custom`) that are read."""
CUTS_WITH_ONE_RECORDING = ("MonoCut", "MultiCut")


class _Lhotse(BaseModel):
    """Closed to unknown keys, for a newer Lhotse may mean by them that the audio is not what the rest says."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class AudioSourceLine(_Lhotse):
    """A file, or what Lhotse can read instead of one, and the channels of the recording it holds."""

    type: str
    channels: Channels
    source: str


class RecordingLine(_Lhotse):
    """One recording as it is written."""

    id: Name
    sources: Annotated[list[AudioSourceLine], Field(min_length=1, max_length=1024)]
    sampling_rate: Annotated[int, Field(gt=0, le=10_000_000)]
    num_samples: Annotated[int, Field(gt=0, lt=2**53)]
    duration: Duration
    channel_ids: Channels | None = None
    transforms: list[Any] | None = None


class Supervision(_Lhotse):
    """What is said in a stretch of a recording; in a cut, `start` counts from the cut's."""

    id: Name
    recording_id: Name
    start: Seconds
    duration: Duration
    channel: Channel | Channels = 0
    text: str | None = None
    language: str | None = None
    speaker: str | None = None
    gender: str | None = None
    custom: dict[str, Any] | None = None
    alignment: dict[str, Any] | None = None


class Cut(_Lhotse):
    """A stretch of one recording with its supervisions."""

    id: Name
    type: str
    start: Annotated[float, Field(ge=0, lt=MOST_SECONDS)]
    duration: Duration
    channel: Channel | Channels
    recording: dict[str, Any] | None = None
    supervisions: list[Any] = []
    features: Any = None
    custom: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AudioSource:
    """Where a recording says that some of its channels are."""

    type: str
    channels: tuple[int, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A checked recording; a million are held at once, as pydantic's models would be in four times the memory."""

    id: str
    seconds: float
    sampling_rate: int
    sources: tuple[AudioSource, ...]

    @property
    def tolerance_s(self) -> float:
        """One sample, and what Lhotse's rounding of seconds adds."""
        return 1 / self.sampling_rate + 1e-6


@dataclass(frozen=True)
class Audio:
    """Where the audio of a recording's source lies: a file, or a piece of one."""

    path: Path
    inside: Inside | None = None


Find = Callable[[AudioSource], Audio]
"""Finds the audio of a source; raises Unusable."""


def recording_of(fields: dict[str, Any]) -> Recording:
    """A recording that is as long as it says and is nothing but its files.

    Raises:
        Unusable: it is not.
    """
    line = checked(RecordingLine, fields)
    if line.transforms:
        raise Unusable("the recording is to be transformed (`transforms`); save it as audio files first")
    sources = tuple(AudioSource(source.type, tuple(source.channels), source.source) for source in line.sources)
    recording = Recording(line.id, line.duration, line.sampling_rate, sources)
    if abs(line.num_samples / line.sampling_rate - line.duration) > recording.tolerance_s:
        raise Unusable(f"{line.num_samples} samples at {line.sampling_rate} Hz are not its {line.duration:g} s")
    return recording


def cut_of(fields: dict[str, Any]) -> tuple[Cut, Recording]:
    """A cut of one recording, and the recording.

    Raises:
        Unusable: it is mixed or padded, has no recording, reaches beyond it, or is broken.
    """
    kind = fields.get("type")
    if isinstance(kind, str) and kind not in CUTS_WITH_ONE_RECORDING:
        raise Unusable(f"a {kind[:40]} is no stretch of one recording; save it as audio first, or give the cuts it was made of")
    cut = checked(Cut, fields)
    if cut.recording is None:
        raise Unusable("the cut has no recording; features alone are not read")
    recording = recording_of(cut.recording)
    part(cut.start, cut.start + cut.duration, recording.seconds, recording.tolerance_s)
    return cut, recording


def rows_of_cut(record: Record, where: str, ids: Ids, find: Callable[[Cut], Find]) -> Iterator[Row]:
    """A row for each supervision of a cut, or one for a cut without; a broken cut is one row.

    Args:
        where: names the record, such as `cuts.jsonl:7`.
        ids: of the rows so far.
        find: gives, for a cut, what finds the audio of its recording.
    """
    name = record.named("id") or where
    try:
        if record.problem:
            raise Unusable(record.problem)
        cut, recording = cut_of(record.fields)
        sound = find(cut)
        if not cut.supervisions:
            ids.add(cut.id, where)
    except Unusable as problem:
        yield Row(input=name, problem=f"{where}: {problem}")
        return
    if not cut.supervisions:
        yield row_of(Row(input=cut.id), where, recording, cut.start, cut.start + cut.duration, cut.channel, sound, cut.custom)
    for number, supervision in enumerate(cut.supervisions):
        yield _supervised(supervision, number, cut, recording, where, ids, sound)


def _supervised(fields: Any, number: int, cut: Cut, recording: Recording, where: str, ids: Ids, find: Find) -> Row:
    row = Row(input=f"{cut.id}[{number}]")
    try:
        if not isinstance(fields, dict):
            raise Unusable("a supervision is no object")
        row = named_row(fields, row.input)
        supervision = checked(Supervision, fields)
        if supervision.recording_id != recording.id:
            raise Unusable(f"the supervision is of recording '{supervision.recording_id}', its cut of '{recording.id}'")
        ids.add(supervision.id, where)
        inside = 0 - recording.tolerance_s <= supervision.start and supervision.start + supervision.duration <= cut.duration + recording.tolerance_s
        if not inside:
            raise Unusable("the supervision reaches beyond its cut, which so holds only some of its words")
    except Unusable as problem:
        return replace(row, problem=f"{where}: {problem}")
    start = cut.start + supervision.start
    custom = {**(cut.custom or {}), **(supervision.custom or {})}
    return row_of(row, where, recording, start, start + supervision.duration, supervision.channel, find, custom)


def named_row(fields: dict[str, Any], name: str) -> Row:
    """What a supervision says about its row, as far as it is text."""
    text, speaker, language = (value if isinstance(value := fields.get(key), str) else None for key in ("text", "speaker", "language"))
    return BLANK.having(input=name_in(fields, "id") or name, text=filled(text), speaker=filled(speaker), language=language_tag(language))


def row_of(
    row: Row, where: str, recording: Recording, start: float, end: float, channel: int | list[int] | None, find: Find, custom: dict[str, Any] | None
) -> Row:
    """The row with its audio, from second `start` to `end` of the recording; or with its problem.

    Args:
        channel: of the recording; None for all.
        custom: Lhotse's free fields, of which those in `FREE` are read.
    """
    about = {"recording": recording.id, **_free(custom)}
    try:
        source, position = _source_of(recording, channel)
        audio = find(source)
        begins, ends = part(start, end, recording.seconds, recording.tolerance_s)
    except Unusable as problem:
        return row.having(**about, problem=f"{where}: {problem}")
    there = {"path": audio.path, "inside": audio.inside, "start": begins, "end": ends, "channel": position}
    return row.having(**about, **there, seconds=round(end - start, 6), length_from="table")


def _free(custom: dict[str, Any] | None) -> dict[str, str | None]:
    """What Lhotse's free fields say of a row."""
    said = {key: filled(str(custom[key])) for key in FREE if custom.get(key) is not None} if custom else {}
    if "license" in said:
        # A licence that is no text stays what it is written as, which no rights allow; without it the source's would hold.
        license = said.pop("license")
        said["licence"] = said.get("licence") or license
    return said


def _source_of(recording: Recording, channel: int | list[int] | None) -> tuple[AudioSource, int | None]:
    """The source that holds some channels, and the channel's position in it; None for all that it holds."""
    there = [one for source in recording.sources for one in source.channels]
    wanted = there if channel is None else [channel] if isinstance(channel, int) else channel
    if len(recording.sources) == 1 and wanted and wanted == there:
        return recording.sources[0], None
    holding = [source for source in recording.sources if set(source.channels) & set(wanted)]
    if missing := sorted(set(wanted) - set(there)):
        raise Unusable(f"the recording has no channel {missing[0]}; it has {', '.join(map(str, there)) or 'none'}")
    if len(holding) != 1:
        raise Unusable("its channels lie in several files; a row is heard from one" if holding else "it names no channel")
    (source,) = holding
    if set(wanted) == set(source.channels):
        return source, None
    if len(wanted) != 1:
        raise Unusable(f"it is heard in channels {', '.join(map(str, wanted))} of more; name one, or all")
    return source, source.channels.index(wanted[0])
