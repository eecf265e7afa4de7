"""Read Lhotse Shar folders where they lie: cuts from our own strict parser, audio as bytes of the tars, nothing extracted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from speccraft.errors import UnreadableInput
from speccraft.ingest.lhotse_words import Audio, AudioSource, Cut, Find, rows_of_cut
from speccraft.ingest.lines import records_of
from speccraft.ingest.manifests import Ids, Unusable, within
from speccraft.ingest.rows import Inside, Reach, Row
from speccraft.ingest.tars import Member, members_of
from speccraft.scenario.source_manifests import SharSource

_CUTS = re.compile(r"cuts\.(.+)\.jsonl(\.gz)?")
_AUDIO = re.compile(r"recording\.(.+)\.(tar|tar\.gz|jsonl|jsonl\.gz)")
ABOUT, NOTHING = "json", "nodata"
"""Endings of the members that describe a recording, and of those that stand for a cut without audio (beside a `nometa`)."""


def read_shar(source: SharSource, *, reach: Reach) -> list[Row]:
    """One row per supervision, and one per cut without any, shard by shard.

    Raises:
        UnreadableInput: a shard lacks its cuts or its audio, they do not have as many items, or a file cannot be read.
    """
    folder = reach.source(source.id, source.path)
    if not folder.is_dir():
        raise UnreadableInput(f"source '{source.id}': {source.path} is no folder", try_this="name the folder that holds cuts.*.jsonl and recording.*.tar")
    ids = Ids()
    return [row for cuts, tar in _shards(folder, source.id, reach) for row in _rows_of_shard(cuts, tar, source.id, ids)]


def _shards(folder: Path, source_id: str, reach: Reach) -> list[tuple[Path, Path]]:
    """The files of every shard, by the shard's number."""
    cuts, audio = _by_number(folder, _CUTS, source_id, reach), _by_number(folder, _AUDIO, source_id, reach)
    if lonely := sorted(cuts.keys() ^ audio.keys()):
        has, lacks = ("cuts", "recordings") if lonely[0] in cuts else ("recordings", "cuts")
        raise UnreadableInput(
            f"source '{source_id}': shard {lonely[0]} in {folder} has {has} and no {lacks}", try_this="copy the folder again; it is not whole"
        )
    if not cuts:
        raise UnreadableInput(f"source '{source_id}': {folder} holds no cuts.*.jsonl", try_this="name a folder of Shar shards, such as shards/train of a build")
    for path in audio.values():
        if path.suffix != ".tar":
            raise UnreadableInput(
                f"source '{source_id}': {path} is not read: audio is to lie in an uncompressed tar", try_this="unpack it, or write the shards with audio"
            )
    return [(cuts[number], audio[number]) for number in sorted(cuts)]


def _by_number(folder: Path, name: re.Pattern[str], source_id: str, reach: Reach) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if not (match := name.fullmatch(path.name)):
            continue
        if match[1] in found:
            raise UnreadableInput(f"source '{source_id}': {found[match[1]].name} and {path.name} are the same shard", try_this="remove one of the two")
        found[match[1]] = within(path, source_id, reach)
    return found


def _rows_of_shard(cuts: Path, tar: Path, source_id: str, ids: Ids) -> Iterator[Row]:
    audio, count = _audio_in(tar, source_id)
    records = list(records_of(cuts, source_id))
    # Lhotse's own reader pairs them one by one and ends with the shorter, in silence.
    if len(records) != count:
        what = f"source '{source_id}': {cuts.name} has {len(records)} cuts and {tar.name} {count} recordings"
        raise UnreadableInput(what, try_this="copy the shard again, or write it anew: one of the two is not whole")

    def find(cut: Cut) -> Find:
        return lambda described: _found(audio, tar, cut.id, described)

    for record in records:
        yield from rows_of_cut(record, f"{cuts.name}:{record.number}", ids, find)


def _found(audio: dict[str, list[Member]], tar: Path, id: str, described: AudioSource) -> Audio:
    if described.type != "shar":
        raise Unusable(f"its audio is of type '{described.type[:40]}'; in a shard it lies in the tar")
    members = audio.get(id, [])
    if len(members) != 1:
        raise Unusable(f"{tar.name} holds {len(members) or 'no'} recordings of '{id}'")
    return Audio(tar, Inside("bytes", members[0].offset, members[0].size))


def _audio_in(tar: Path, source_id: str) -> tuple[dict[str, list[Member]], int]:
    """The audio of a tar by cut id, and for how many cuts it stands; each is a file followed by its description."""
    audio: dict[str, list[Member]] = {}
    count = 0
    members = members_of(tar, source_id)
    for member in members:
        id, _, ending = member.name.rpartition(".")
        about = next(members, None)
        if about is None or about.name not in (f"{id}.{ABOUT}", f"{id}.nometa"):
            what = f"source '{source_id}': {tar}: '{member.name[:80]}' is not followed by its description"
            raise UnreadableInput(what, try_this="write the shards with Lhotse's SharWriter, or as a webdataset source")
        count += 1
        if ending != NOTHING:
            audio.setdefault(id, []).append(member)
    return audio, count
