"""The noise clips and rooms of a build, split so that none serves both training and test."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from speccraft.errors import SpeccraftError
from speccraft.plan.groups import groups
from speccraft.scenario import Scenario
from speccraft.scenario.base import Band
from speccraft.scenario.contracts import SPLITS, Split
from speccraft.scenario.environment import MADE_ROOMS
from speccraft.sound.place import BankItem, generator_for
from speccraft.sound.rooms import rt60_of, simulate_room

FEWEST_ITEMS = 3
"""A bank with fewer recordings cannot give each split one of its own."""
HEAD = 64
"""Samples at the beginning of a part that are looked for in the others: noise does not repeat so many, and an overlap of fewer is nothing to hear."""
TIME_SHARES: tuple[tuple[Split, float, float], ...] = (("train", 0.0, 0.6), ("dev", 0.6, 0.8), ("test", 0.8, 1.0))
ROOMS_PER_SPLIT = 2
MEASURED_ROOMS: tuple[Split, ...] = ("train", "test")
"""Where one or two measured rooms go; simulated ones fill up the rest."""
MADE_ROOMS_PER_SPLIT: Mapping[Split, int] = {"train": 12, "dev": 3, "test": 6}
MOST_TRIES = 500
DEFAULT_RT60_S = Band(low=0.2, high=0.8)


@dataclass(frozen=True)
class Clip:
    """One noise clip or impulse response that may enter a bank: float32 samples of shape (num_samples,).

    Clips of a source that name the same `recording` are parts of it, which may overlap; one that names none is a recording of its own.
    """

    id: str
    source: str
    role: str
    licence: str
    samples: np.ndarray
    rt60_s: float | None = None
    simulated: bool = False
    made_of: tuple[str, ...] = ()
    recording: str | None = None


Parts: TypeAlias = Mapping[str, Sequence[Clip]]
"""Clips that stay together, by the first of their ids."""


@dataclass(frozen=True)
class Made:
    """Clips that were made, each for a split, and notes for the certificate."""

    clips: tuple[tuple[Clip, Split], ...] = ()
    notes: tuple[str, ...] = ()


NOTHING_MADE = Made()


@dataclass(frozen=True)
class Banks:
    """Items of every split with their samples, and notes for the certificate."""

    items: tuple[BankItem, ...]
    samples: dict[str, np.ndarray]
    notes: tuple[str, ...]

    def ids(self, role: str) -> dict[str, list[str]]:
        """Ids of a role's items, by split."""
        return {split: [item.id for item in self.items if item.role == role and item.split == split] for split in SPLITS}


def clip_id(source: str, input: str) -> str:
    """What a noise clip or a room is called in a bank; stretches of it have more behind a hyphen."""
    return f"{source}-{hashlib.sha256(input.encode()).hexdigest()[:8]}"


def make_banks(clips: Sequence[Clip], scenario: Scenario, made: Made = NOTHING_MADE) -> Banks:
    """Split noise and rooms over train, dev and test, source by source.

    All parts of a recording go to one split. A noise source with fewer than three recordings is split into the stretches of them that do not
    overlap, or cut by time where there are fewer than three; a room source with fewer than three recordings is joined by simulated rooms.

    Args:
        made: noise that was made of the build's speech.
    """
    items, notes = list(made.clips), list(made.notes)
    for source in scenario.environment.recorded_noise:
        own = [clip for clip in clips if clip.source == source]
        dealt_out, note = _noise(source, own, scenario.seed)
        items, notes = items + dealt_out, notes + note
    for source in (one for one in MADE_ROOMS if one in scenario.environment.made):
        added = _simulated(source, MADE_ROOMS_PER_SPLIT, scenario)
        notes.append(f"{len(added)} rooms are simulated (Polack's model), as environment.made asks")
        items += added
    for source in scenario.environment.rooms:
        own = [clip for clip in clips if clip.source == source]
        recordings = _by_recording(own)
        if len(recordings) < FEWEST_ITEMS:
            added = _simulated(source, _missing(len(recordings)), scenario)
            notes.append(f"rooms '{source}' has {len(recordings)} usable room(s): {len(added)} simulated ones (Polack's model) stand beside them")
            items += [(clip, split) for parts, split in zip(recordings.values(), MEASURED_ROOMS, strict=False) for clip in parts] + added
        else:
            items += _dealt(recordings, scenario.seed)
    rate = scenario.environment.sampling_rate
    return Banks(tuple(_item(clip, split, rate) for clip, split in items), {clip.id: clip.samples for clip, _ in items}, tuple(notes))


def _item(clip: Clip, split: Split, sampling_rate: int) -> BankItem:
    return BankItem(
        id=clip.id,
        source=clip.source,
        role=clip.role,
        split=split,
        path=f"banks/{clip.id}.flac",
        seconds=len(clip.samples) / sampling_rate,
        licence=clip.licence,
        rt60_s=clip.rt60_s,
        simulated=clip.simulated,
        made_of=clip.made_of,
    )


def dealt(ids: Iterable[str], seed: int) -> Iterator[tuple[str, Split]]:
    """A fifth each, at least one, to test and dev; the rest to train; in the order of a seeded hash."""
    ordered = sorted(ids, key=lambda id: hashlib.sha256(f"{seed}|{id}".encode()).hexdigest())
    share = max(1, round(len(ordered) / 5))
    for index, id in enumerate(ordered):
        yield id, "test" if index < share else "dev" if index < 2 * share else "train"


def _noise(source: str, clips: Sequence[Clip], seed: int) -> tuple[list[tuple[Clip, Split]], list[str]]:
    """The clips of a noise source with their splits, and what has to be said of it."""
    recordings = _by_recording(clips)
    if len(recordings) >= FEWEST_ITEMS or not clips:
        return _dealt(recordings, seed), []
    has = f"noise '{source}' has {len(recordings)} usable recording(s): "
    stretches = {id: parts for own in recordings.values() for id, parts in _by_overlap(own).items()}
    if len(stretches) >= FEWEST_ITEMS:
        return _dealt(stretches, seed), [f"{has}the {len(stretches)} stretches of them that do not overlap are split"]
    longest = [max(parts, key=lambda clip: len(clip.samples)) for parts in stretches.values()]
    lost = len(clips) - len(longest)
    return _cut_by_time(longest), [f"{has}each is cut by time, 60/20/20" + (f"; {lost} shorter part(s) that overlap the longest are left out" if lost else "")]


def _by_recording(clips: Sequence[Clip]) -> Parts:
    together: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        together[clip.recording or clip.id].append(clip)
    return {min(clip.id for clip in parts): parts for parts in together.values()}


def _by_overlap(clips: Sequence[Clip]) -> Parts:
    """Parts of one recording, those together that overlap: there, one begins inside the other with the same samples."""
    contents = [clip.samples.tobytes() for clip in clips]
    heads = [clip.samples[:HEAD].tobytes() for clip in clips]
    first = groups((one, other) for one, content in enumerate(contents) for other, head in enumerate(heads) if one != other and head in content)
    together: dict[int, list[Clip]] = defaultdict(list)
    for number, clip in enumerate(clips):
        together[first.get(number, number)].append(clip)
    return {min(clip.id for clip in parts): parts for parts in together.values()}


def _dealt(parts: Parts, seed: int) -> list[tuple[Clip, Split]]:
    return [(clip, split) for id, split in dealt(parts, seed) for clip in parts[id]]


def _cut_by_time(clips: Sequence[Clip]) -> list[tuple[Clip, Split]]:
    pieces: list[tuple[Clip, Split]] = []
    for clip in clips:
        n = len(clip.samples)
        for split, start, end in TIME_SHARES:
            pieces.append((replace(clip, id=f"{clip.id}-{split}", samples=clip.samples[int(n * start) : int(n * end)]), split))
    return pieces


def _missing(measured: int) -> dict[Split, int]:
    """How many rooms each split lacks where one goes to each of `MEASURED_ROOMS` first."""
    return {split: ROOMS_PER_SPLIT - (split in MEASURED_ROOMS[:measured]) for split in SPLITS}


def _simulated(source: str, counts: Mapping[Split, int], scenario: Scenario) -> list[tuple[Clip, Split]]:
    band, rate = scenario.environment.rt60_s or DEFAULT_RT60_S, scenario.environment.sampling_rate
    rooms: list[tuple[Clip, Split]] = []
    for split in SPLITS:
        for number in range(1, counts[split] + 1):
            rng = generator_for(scenario.seed, f"{source}/{split}/{number}", 0)
            response, rt60_s = _room_in(band, rate, rng)
            name = f"{source}-{split}-{number}" if source in MADE_ROOMS else f"{source}-simulated-{split}-{number}"
            rooms.append((Clip(name, source, "rir", "CC0-1.0", response, round(rt60_s, 4), simulated=True), split))
    return rooms


def _room_in(band: Band, sampling_rate: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A simulated room whose measured T60 lies in the band."""
    for _ in range(MOST_TRIES):
        response = simulate_room(float(rng.uniform(band.low, band.high)), sampling_rate, rng)
        measured = rt60_of(response, sampling_rate)
        if measured is not None and band.contains(measured):
            return response * np.float32(0.99), measured
    raise SpeccraftError(f"no simulated room measures {band.low:g} to {band.high:g} s", try_this="widen environment.rt60_s, or give a source with three rooms")
