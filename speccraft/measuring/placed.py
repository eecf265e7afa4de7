"""One cut of a build, clean and in its place: in every fixed condition of dev and test, or as a training epoch draws it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from speccraft.build.places import delivered
from speccraft.errors import UnreadableInput, WrongUsage
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS, CutCustom, Place, PlaceRanges, Split
from speccraft.sound.place import Bank, BankItem, draw_place, generator_for
from speccraft.sound.scene import Scene
from speccraft.sound.shards import ShardReader, decode_flac, encode_flac
from speccraft.store import Artefact, check_files

_CUTS = re.compile(r"shards/(?P<split>\w+)/cuts\.(?P<number>\d+)\.jsonl")
LEAST_PART = 3
"""Letters that part of an id needs before it is looked for inside of others."""


@dataclass(frozen=True)
class Cut:
    """A cut of a build, and the number of the shard that holds it."""

    id: str
    split: Split
    shard: str
    custom: CutCustom


@dataclass(frozen=True)
class Version:
    """A cut in one condition: its FLAC, the drawn place with what the bank knows of every clip and room in it, and what was measured of the result."""

    condition: str
    flac: bytes
    place: dict[str, Any] | None
    measured: dict[str, float]

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that is known about the place, under names such as `noise.snr_db`."""
        return {**dict(_flat(self.place or {})), **self.measured}


def find_cut(build: Artefact, what: str) -> Cut:
    """The cut of an id, or of a part of one that no other has.

    Raises:
        UnreadableInput: no cut is called so, or several are.
        BrokenIntegrity: a file is not what the commit record says.
    """
    found = {id: file for file, id in _ids(build, what) if what in id}
    found = {what: found[what]} if what in found else found
    if len(found) != 1 or (what not in found and len(what) < LEAST_PART):
        message = f"'{what}' is part of the ids of {len(found)} cuts" if found else f"the build has no cut called '{what}'"
        raise UnreadableInput(message, try_this=_near(build, what, list(found)))
    ((id, file),) = found.items()
    check_files(build, prefix=file)
    row = next(row for line in _lines(build, file, id) if (row := json.loads(line))["id"] == id)
    match = _CUTS.fullmatch(file)
    assert match is not None, "only such files are looked into"
    # As JSON, because the strict models take lists for tuples from JSON alone.
    custom = CutCustom.model_validate_json(json.dumps(row["custom"]))
    return Cut(id, next(split for split in SPLITS if split == match["split"]), match["number"], custom)


def versions(build: Artefact, scenario: Scenario, cut: Cut, *, epoch: int | None = None, seed: int | None = None) -> Iterator[Version]:
    """The cut as recorded, then in its place.

    Args:
        epoch: of a training cut, the epoch whose draw is heard, 0 where None; the trainer draws the same. What a recipe does after the place, such
            as a change of tempo, is not in it.
        seed: of the training, the scenario's where None.

    Raises:
        WrongUsage: an epoch or seed for a cut whose place is fixed.
        BrokenIntegrity: a file is not what the commit record says.
    """
    if cut.split != "train" and (epoch is not None or seed is not None):
        raise WrongUsage(f"{cut.id}: is a {cut.split} cut, whose place is fixed: --epoch and --seed would have no effect", try_this="leave them out")
    for prefix in ("banks", "measures.", *_tars(build, cut)):
        check_files(build, prefix=prefix)
    shards, bank = ShardReader(build.path / "shards" / cut.split), Bank.load(build.path, cut.split, scenario.environment.sampling_rate)
    samples, recorded_snr_db, place = shards.samples(cut.id), _recorded_snr_db(build, cut.id), cut.custom.place

    def version(condition: str, flac: bytes, place: Place, scene: Scene) -> Version:
        found = {} if place == Place() else delivered(scene, decode_flac(flac), place, bank, recorded_snr_db)
        return Version(condition, flac, _with_bank(place.model_dump(mode="json"), bank), {name: value for name, value in found.items() if value is not None})

    yield Version("clean", shards.flac(cut.id), None, {} if recorded_snr_db is None else {"recorded_snr_db": recorded_snr_db})
    if isinstance(place, PlaceRanges):
        rng = generator_for(scenario.seed if seed is None else seed, cut.id, epoch or 0)
        scene = Scene.of(samples, drawn := draw_place(place, bank, rng, len(samples) / bank.sampling_rate), bank)
        yield version(f"epoch_{epoch or 0}", encode_flac(scene.sent(drawn), bank.sampling_rate), drawn, scene)
    elif place is not None:
        scene = Scene.of(samples, place, bank)
        for condition in shards.conditions[1:]:
            yield version(condition, shards.flac(cut.id, condition), _at_step(place, condition), scene)


def _tars(build: Artefact, cut: Cut) -> list[str]:
    name = re.compile(rf"shards/{cut.split}/\w+\.{cut.shard}\.tar")
    return [file.path for file in build.record.files if name.fullmatch(file.path)]


def _at_step(place: Place, condition: str) -> Place:
    """The same place at the SNR of a condition such as `snr_10`."""
    if place.noise is None or condition == "place":
        return place
    return place.model_copy(update={"noise": place.noise.model_copy(update={"snr_db": float(condition.removeprefix("snr_"))})})


def _recorded_snr_db(build: Artefact, id: str) -> float | None:
    import polars as pl

    found = pl.scan_parquet(build.path / "measures.parquet").filter(pl.col("cut") == id).select("snr_db").collect()["snr_db"].to_list()
    return found[0] if found else None


def _with_bank(drawn: Any, bank: Bank) -> Any:
    """A drawn place with what the bank knows of every clip and room that it names; what was not drawn is left out."""
    if isinstance(drawn, list):
        return [_with_bank(one, bank) for one in drawn]
    if not isinstance(drawn, dict):
        return drawn
    known = _known(bank.items[drawn["id"]]) if "id" in drawn else {}
    return {name: _with_bank(value, bank) for name, value in drawn.items() if value not in (None, [])} | known


def _known(item: BankItem) -> dict[str, Any]:
    facts = {"source": item.source, "licence": item.licence, "clip_s": round(item.seconds, 3)}
    return facts if item.rt60_s is None else {**facts, "rt60_s": item.rt60_s, "simulated": item.simulated}


def _flat(data: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _flat(value, f"{above}.{key}" if above else str(key))
    else:
        yield above, data


def _ids(build: Artefact, what: str) -> Iterator[tuple[str, str]]:
    """Files of cuts and the ids in them, of every line that holds some words; where these stand elsewhere, it is a line too many."""
    for file in build.record.files:
        if _CUTS.fullmatch(file.path):
            for line in _lines(build, file.path, what):
                yield file.path, json.loads(line)["id"]


def _lines(build: Artefact, file: str, what: str) -> Iterator[bytes]:
    with (build.path / file).open("rb") as lines:
        yield from (line for line in lines if what.encode("utf-8", "surrogateescape") in line)


def _near(build: Artefact, what: str, found: list[str]) -> str:
    near = sorted(found)[:5] or difflib.get_close_matches(what, [id for _, id in _ids(build, "")], n=3, cutoff=0.5)
    return ", ".join(near) if near else f"speccraft report {build.path} --why INPUT tells the ids of an input's cuts"
