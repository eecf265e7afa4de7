"""Read Lhotse manifests with our own strict parser: recordings with supervisions, or cuts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from speccraft.errors import UnreadableInput
from speccraft.ingest.lhotse_words import Audio, AudioSource, Find, Recording, Supervision, named_row, recording_of, row_of, rows_of_cut
from speccraft.ingest.lines import Record, records_of
from speccraft.ingest.manifests import Ids, Unusable, audio_file, audio_folder, checked, within
from speccraft.ingest.rows import Reach, Row
from speccraft.scenario.source_manifests import LhotseSource

ENDINGS = (".jsonl", ".jsonl.gz")


def read_lhotse(source: LhotseSource, *, reach: Reach) -> list[Row]:
    """One row per supervision, and one per recording or cut without any, in the manifest's order; unsupervised recordings come last.

    Raises:
        UnreadableInput: a manifest cannot be read, or is none of recordings or cuts.
    """
    path = reach.source(source.id, source.path)
    start = audio_folder(source.id, source.audio_folder, path, reach)
    manifest = _manifest_in(path, source.id, reach) if path.is_dir() else path
    supervisions = _supervisions(source, path, reach)

    def find(audio: AudioSource) -> Audio:
        if audio.type != "file":
            raise Unusable(f"its audio is of type '{audio.type[:40]}'; only files are read, and commands are never run")
        return Audio(audio_file(audio.source, start, reach))

    if _kind_of(manifest, source.id) == "recordings":
        return list(_rows_of_recordings(source.id, manifest, supervisions, find))
    if source.supervisions is not None:
        raise UnreadableInput(f"source '{source.id}': {manifest.name} holds cuts, which have their supervisions in them", try_this="leave out `supervisions`")
    ids = Ids()
    return [row for record in records_of(manifest, source.id) for row in rows_of_cut(record, f"{manifest.name}:{record.number}", ids, lambda _: find)]


def _manifest_in(folder: Path, source_id: str, reach: Reach) -> Path:
    found = [path for kind in ("cuts", "recordings") for ending in ENDINGS if (path := folder / f"{kind}{ending}").is_file()]
    if len(found) != 1:
        names = " and ".join(path.name for path in found) or "neither cuts.jsonl nor recordings.jsonl (.gz)"
        raise UnreadableInput(f"source '{source_id}': {folder} holds {names}", try_this="name the manifest to be read")
    return within(found[0], source_id, reach)


def _supervisions(source: LhotseSource, path: Path, reach: Reach) -> Path | None:
    if source.supervisions is not None:
        return reach.source(source.id, source.supervisions)
    beside = [path / f"supervisions{ending}" for ending in ENDINGS] if path.is_dir() else []
    return next((within(one, source.id, reach) for one in beside if one.is_file()), None)


def _kind_of(manifest: Path, source_id: str) -> str:
    """`recordings` or `cuts`, as the first record that can be read shows."""
    for record in records_of(manifest, source_id):
        if "sources" in record.fields:
            return "recordings"
        if {"recording", "supervisions", "tracks", "type"} & record.fields.keys():
            return "cuts"
        if not record.problem:
            names = ", ".join(map(repr, sorted(record.fields)[:6])) or "nothing"
            hint = "name the manifest of recordings in `path`, and this one in `supervisions`" if "recording_id" in record.fields else "see docs/formats.md"
            raise UnreadableInput(f"source '{source_id}': {manifest} line {record.number} is no recording and no cut: it has {names}", try_this=hint)
    raise AssertionError("records_of raises where no record can be read")


@dataclass(frozen=True, slots=True)
class _Known:
    """A line of the recordings manifest: a recording, or what is wrong with it."""

    where: str
    recording: Recording | None
    problem: str = ""


def _rows_of_recordings(source_id: str, manifest: Path, supervisions: Path | None, find: Find) -> Iterator[Row]:
    recordings, rows = _recordings(manifest, source_id)
    ids, supervised = Ids(), set()
    for record in records_of(supervisions, source_id) if supervisions else ():
        where = f"{supervisions.name}:{record.number}" if supervisions else ""
        supervised.add(record.named("recording_id"))
        yield _supervised(record, where, recordings, ids, find)
    for id, known in recordings.items():
        if id not in supervised:
            yield _alone(id, known, find)
    yield from rows


def _recordings(manifest: Path, source_id: str) -> tuple[dict[str, _Known], list[Row]]:
    """The recordings by id, and a row for every line that no id or a repeated one leaves outside."""
    recordings: dict[str, _Known] = {}
    rows = []
    for record in records_of(manifest, source_id):
        where = f"{manifest.name}:{record.number}"
        id = record.named("id")
        if id is None:
            rows.append(Row(input=where, problem=f"{where}: {record.problem or 'the recording has no id'}"))
        elif id in recordings:
            twice = f"the id '{id}' stands in {recordings[id].where} already"
            rows.append(Row(input=id, problem=f"{where}: {twice}"))
            # Which of the two a supervision means, nobody knows.
            recordings[id] = replace(recordings[id], recording=None, problem=f"the id '{id}' stands in {where} as well")
        else:
            recordings[id] = _known(record, where)
    return recordings, rows


def _known(record: Record, where: str) -> _Known:
    try:
        return _Known(where, recording_of(record.fields))
    except Unusable as problem:
        return _Known(where, None, str(problem))


def _supervised(record: Record, where: str, recordings: dict[str, _Known], ids: Ids, find: Find) -> Row:
    row = named_row(record.fields, where)
    try:
        if record.problem:
            raise Unusable(record.problem)
        supervision = checked(Supervision, record.fields)
        ids.add(supervision.id, where)
        known = recordings.get(supervision.recording_id)
        if known is None:
            raise Unusable(f"there is no recording '{supervision.recording_id}'")
        if known.recording is None:
            raise Unusable(f"its recording in {known.where}: {known.problem}")
    except Unusable as problem:
        return replace(row, problem=f"{where}: {problem}")
    end = supervision.start + supervision.duration
    return row_of(row, where, known.recording, supervision.start, end, supervision.channel, find, supervision.custom)


def _alone(id: str, known: _Known, find: Find) -> Row:
    if known.recording is None:
        return Row(input=id, problem=f"{known.where}: {known.problem}")
    return row_of(Row(input=id), known.where, known.recording, 0.0, known.recording.seconds, None, find, None)
