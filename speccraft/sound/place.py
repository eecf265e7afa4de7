"""The place: draw noise, room and channel for a cut, and let the cut sound like it.

Every draw comes from a generator the caller seeds by (seed, cut id, epoch), so any draw can be made again.
The order of effects is room, noise (in its own room), level, channel: noise reaches the microphone, the codec comes after it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile

from speccraft.scenario.base import Band
from speccraft.scenario.contracts import EventDraw, NoiseDraw, Place, PlaceRanges, RoomDraw, Split
from speccraft.scenario.environment import BABBLE
from speccraft.sound.mix import stretch
from speccraft.sound.rooms import Room
from speccraft.sound.scene import Scene

MOST_ROOMS = 64
"""Rooms whose spectra are kept: one second of room takes half a megabyte."""
MOST_STARTS = 20
FAR_M = 4.0
"""Distance of dry noise in a room: farther than the speaker, for whom rooms were measured."""


@dataclass(frozen=True)
class BankItem:
    """One noise clip or room of a build, for one split.

    `seconds` is its length; `rt60_s` the measured reverberation time of a room; `simulated` says that no one recorded it;
    `made_of` are the cuts that a made noise was made of.
    """

    id: str
    source: str
    role: str
    split: Split
    path: str
    seconds: float
    licence: str
    rt60_s: float | None = None
    simulated: bool = False
    made_of: Sequence[str] = ()


class Bank:
    """The noise clips and rooms that one split may use."""

    def __init__(self, items: Iterable[BankItem], samples: Mapping[str, np.ndarray], sampling_rate: int) -> None:
        self.items = {item.id: item for item in items}
        self.sampling_rate = sampling_rate
        self._samples = samples
        self._rooms: dict[str, Room] = {}
        self._chosen: dict[tuple[str, tuple[str, ...]], tuple[BankItem, ...]] = {}

    @classmethod
    def load(cls, build: Path, split: Split, sampling_rate: int) -> Bank:
        """Read a committed build's bank for a split; a few minutes of audio, held in memory."""
        rows = [BankItem(**json.loads(line)) for line in (build / "banks.jsonl").read_text().splitlines()]
        items = [item for item in rows if item.split == split]
        return cls(items, {item.id: soundfile.read(build / item.path, dtype="float32")[0] for item in items}, sampling_rate)

    @cached_property
    def noise(self) -> tuple[BankItem, ...]:
        """The noise clips."""
        return tuple(item for item in self.items.values() if item.role == "noise")

    @cached_property
    def rooms(self) -> tuple[BankItem, ...]:
        """The impulse responses."""
        return tuple(item for item in self.items.values() if item.role == "rir")

    def of(self, role: str, sources: tuple[str, ...]) -> tuple[BankItem, ...]:
        """The items of some sources in one role."""
        if (role, sources) not in self._chosen:
            self._chosen[role, sources] = tuple(item for item in (self.noise if role == "noise" else self.rooms) if item.source in sources)
        return self._chosen[role, sources]

    def samples(self, id: str) -> np.ndarray:
        """Samples of an item: float32 of shape (num_samples,)."""
        return self._samples[id]

    def room(self, id: str) -> Room:
        """An impulse response, ready to be applied."""
        room = self._rooms.pop(id, None) or Room(self._samples[id], self.sampling_rate)
        self._rooms[id] = room  # behind the others: the first one was not asked for the longest
        if len(self._rooms) > MOST_ROOMS:
            del self._rooms[next(iter(self._rooms))]
        return room


def generator_for(seed: int, cut_id: str, epoch: int) -> np.random.Generator:
    """The random generator that belongs to one cut in one epoch, the same on any machine and worker."""
    digest = hashlib.blake2b(f"{seed}|{cut_id}|{epoch}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def draw_place(ranges: PlaceRanges, bank: Bank, rng: np.random.Generator, seconds: float) -> Place:
    """Draw one place for a cut of some seconds from the declared ranges; an empty place with probability `clean_fraction`."""
    if rng.random() < ranges.clean_fraction:
        return Place()
    noises, rooms = bank.of("noise", ranges.noise), bank.of("rir", ranges.rooms)
    noise, room, level_db = None, None, 0.0
    if noises and ranges.snr_db is not None:
        item = noises[rng.integers(len(noises))]
        start = _where_it_sounds(item, bank, rng, seconds)
        noise = NoiseDraw(id=item.id, start=start, snr_db=_drawn(ranges.snr_db, rng, 2))
    if rooms:
        room = RoomDraw(id=rooms[rng.integers(len(rooms))].id)
    # What came later is drawn later: a scenario that does not declare it draws as it always did.
    if ranges.distance_m is not None:
        distance_m = _drawn(ranges.distance_m, rng, 2)
        # A level that is set whatever the distance leaves nothing of it.
        level_db = round(-20 * float(np.log10(distance_m)), 2) if ranges.level_dbfs is None else 0.0
        room = room and RoomDraw(id=room.id, distance_m=distance_m)
    around = _room_around(room, rooms, rng)
    if noise is not None and around is not None and _is_dry(bank.items[noise.id], ranges):
        noise = noise.model_copy(update={"room": around})
    return Place(
        noise=noise,
        room=room,
        events=_events(ranges, bank, rng, seconds, around),
        level_db=level_db,
        clipped_fraction=0.0 if ranges.clipped_fraction is None else _drawn(ranges.clipped_fraction, rng, 5),
        level_dbfs=None if ranges.level_dbfs is None else _drawn(ranges.level_dbfs, rng, 2),
        channel=ranges.channel if ranges.channel is not None and ranges.channel.codec != "none" else None,
    )


def _where_it_sounds(item: BankItem, bank: Bank, rng: np.random.Generator, seconds: float) -> float:
    """A moment of a noise clip from which something is heard within some seconds: a gated recording is silent for most of its time."""
    samples = bank.samples(item.id)
    for _ in range(MOST_STARTS):
        start = round(float(rng.uniform(0, item.seconds)), 3)
        if np.any(stretch(samples, int(start * bank.sampling_rate), round(seconds * bank.sampling_rate))):
            return start
    return int(np.abs(samples).argmax()) / bank.sampling_rate


def _drawn(band: Band, rng: np.random.Generator, digits: int) -> float:
    return round(float(rng.uniform(band.low, band.high)), digits)


def _is_dry(item: BankItem, ranges: PlaceRanges) -> bool:
    return item.source in ranges.dry or item.source == BABBLE


def _room_around(room: RoomDraw | None, rooms: Sequence[BankItem], rng: np.random.Generator) -> RoomDraw | None:
    """The room that dry noise is heard in: another than the speech where there is one, and from farther off."""
    if room is None:
        return None
    others = [item.id for item in rooms if item.id != room.id] or [room.id]
    return RoomDraw(id=others[rng.integers(len(others))], distance_m=FAR_M)


def _events(ranges: PlaceRanges, bank: Bank, rng: np.random.Generator, seconds: float, around: RoomDraw | None) -> tuple[EventDraw, ...]:
    clips = bank.of("noise", ranges.events.sources) if ranges.events is not None else ()
    if ranges.events is None or not clips:
        return ()
    count = rng.poisson(rng.uniform(ranges.events.per_minute.low, ranges.events.per_minute.high) * seconds / 60)
    events = []
    for at in sorted(rng.uniform(0, seconds, count).tolist()):
        item = clips[rng.integers(len(clips))]
        room = around if _is_dry(item, ranges) else None
        events.append(EventDraw(id=item.id, at=round(at, 3), snr_db=_drawn(ranges.events.snr_db, rng, 2), room=room))
    return tuple(events)


def render_place(samples: np.ndarray, place: Place, bank: Bank) -> np.ndarray:
    """Let a cut sound like the place.

    Args:
        samples: float32 of shape (num_samples,), as recorded.

    Returns:
        float32 of the same shape; turned down as a whole where it would clip, which keeps the SNR.

    Raises:
        ValueError: a sample is no number.
    """
    return Scene.of(samples, place, bank).sent(place)
