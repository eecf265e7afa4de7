"""The place: draw noise, room and channel for a cut, and let the cut sound like it.

Every draw comes from a generator the caller seeds by (seed, cut id, epoch), so any draw can be made again.
The order of effects is room, noise, level, channel: noise reaches the microphone, the codec comes after it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile

from speccraft.scenario.contracts import NoiseDraw, Place, PlaceRanges, RoomDraw, Split
from speccraft.sound.channel import through_channel
from speccraft.sound.frames import FRAME_S

ACTIVE_RANGE_DB = 30.0
"""Frames within this range of the loudest frame count as speech-active when SNR is set."""


@dataclass(frozen=True)
class BankItem:
    """One noise clip or room of a build, for one split.

    `seconds` is its length; `rt60_s` the measured reverberation time of a room; `simulated` says that no one recorded it.
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


class Bank:
    """The noise clips and rooms that one split may use."""

    def __init__(self, items: Iterable[BankItem], samples: Mapping[str, np.ndarray], sampling_rate: int) -> None:
        self.items = {item.id: item for item in items}
        self.sampling_rate = sampling_rate
        self._samples = samples

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

    def samples(self, id: str) -> np.ndarray:
        """Samples of an item: float32 of shape (num_samples,)."""
        return self._samples[id]


def generator_for(seed: int, cut_id: str, epoch: int) -> np.random.Generator:
    """The random generator that belongs to one cut in one epoch, the same on any machine and worker."""
    digest = hashlib.blake2b(f"{seed}|{cut_id}|{epoch}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def draw_place(ranges: PlaceRanges, bank: Bank, rng: np.random.Generator) -> Place:
    """Draw one place from the declared ranges; an empty place with probability `clean_fraction`."""
    if rng.random() < ranges.clean_fraction:
        return Place()
    noises = [item for item in bank.noise if item.source in ranges.noise]
    rooms = [item for item in bank.rooms if item.source in ranges.rooms]
    noise, room = None, None
    if noises and ranges.snr_db is not None:
        item = noises[rng.integers(len(noises))]
        start = round(float(rng.uniform(0, item.seconds)), 3)
        noise = NoiseDraw(id=item.id, start=start, snr_db=round(float(rng.uniform(ranges.snr_db.low, ranges.snr_db.high)), 2))
    if rooms:
        room = RoomDraw(id=rooms[rng.integers(len(rooms))].id)
    channel = ranges.channel if ranges.channel is not None and ranges.channel.codec != "none" else None
    return Place(noise=noise, room=room, channel=channel)


def render_place(samples: np.ndarray, place: Place, bank: Bank) -> np.ndarray:
    """Let a cut sound like the place.

    Args:
        samples: float32 of shape (num_samples,), as recorded.

    Returns:
        float32 of the same shape; turned down as a whole where it would clip, which keeps the SNR.
    """
    wet = samples.astype(np.float32)
    if place.room is not None:
        wet = in_room(wet, bank.samples(place.room.id))
    if place.noise is not None:
        noise = stretch(bank.samples(place.noise.id), int(place.noise.start * bank.sampling_rate), len(wet))
        wet = add_noise(wet, noise, place.noise.snr_db, bank.sampling_rate)
    if place.level_db:
        wet = wet * np.float32(10 ** (place.level_db / 20))
    if place.channel is not None:
        wet = through_channel(_turned_down(wet), place.channel, bank.sampling_rate)
    return _turned_down(wet).astype(np.float32)


def _turned_down(samples: np.ndarray) -> np.ndarray:
    peak = float(np.abs(samples).max(initial=0.0))
    return samples * np.float32(0.99 / peak) if peak > 0.99 else samples


def speech_active(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Mask, bool of shape (num_samples,), of 30 ms frames within 30 dB of the loudest one."""
    frame = int(FRAME_S * sampling_rate)
    if not len(samples):
        return np.zeros(0, dtype=bool)
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % frame))
    energy = (padded.reshape(-1, frame) ** 2).sum(axis=1)
    active = (energy > 0) & (energy >= energy.max() * 10 ** (-ACTIVE_RANGE_DB / 10))
    return np.repeat(active, frame)[: len(samples)]


def in_room(samples: np.ndarray, impulse_response: np.ndarray) -> np.ndarray:
    """Convolve with an impulse response; the direct sound stays in time and the level of the whole is kept."""
    # Here, because it takes half a second to import.
    from scipy.signal import oaconvolve

    direct = int(np.abs(impulse_response).argmax())
    wet = oaconvolve(samples, impulse_response)[direct : direct + len(samples)].astype(np.float32)
    before, after = float(np.mean(samples**2)), float(np.mean(wet**2))
    return wet * np.float32(np.sqrt(before / after)) if after > 0 else wet


def stretch(noise: np.ndarray, start: int, num_samples: int) -> np.ndarray:
    """A stretch of a noise clip; the clip repeats when it is too short."""
    return np.take(noise, np.arange(start, start + num_samples), mode="wrap")


def add_noise(speech: np.ndarray, noise: np.ndarray, snr_db: float, sampling_rate: int) -> np.ndarray:
    """Add noise so that the power of speech-active samples over the noise's power is `snr_db`."""
    active = speech_active(speech, sampling_rate)
    noise_power = float(np.mean(noise.astype(np.float64) ** 2))
    if not active.any() or noise_power == 0:
        return speech
    speech_power = float(np.mean(speech[active].astype(np.float64) ** 2))
    return speech + noise * np.float32(np.sqrt(speech_power / noise_power / 10 ** (snr_db / 10)))


def delivered_snr_db(samples: np.ndarray, place: Place, bank: Bank) -> float | None:
    """SNR that a rendered place really has, in dB: speech-active power over the power of what noise added.

    Measured on the rendered samples before the channel, with and without the noise; None where there is no noise.
    """
    if place.noise is None:
        return None
    quiet = render_place(samples, place.model_copy(update={"noise": None, "channel": None}), bank).astype(np.float64)
    noisy = render_place(samples, place.model_copy(update={"channel": None}), bank).astype(np.float64)
    active = speech_active(quiet, bank.sampling_rate)
    if not active.any():
        return None
    gain = float(np.dot(noisy, quiet) / np.dot(quiet, quiet))
    residual = float(np.mean((noisy - gain * quiet) ** 2))
    if residual == 0:
        return None
    return float(10 * np.log10(gain**2 * float(np.mean(quiet[active] ** 2)) / residual))
