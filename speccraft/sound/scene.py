"""The scene at the microphone: speech in its room, background noise, short noises, each apart until they are mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from speccraft.scenario.contracts import EventDraw, Place, RoomDraw
from speccraft.sound.channel import through_channel
from speccraft.sound.mix import active_frames, active_power, clipped, decibels, gain_to, power, stretch

if TYPE_CHECKING:
    from speccraft.sound.place import Bank

FULL_SCALE = 0.99
"""What would be louder is turned down."""


@dataclass(frozen=True)
class Scene:
    """What reaches the microphone, apart: speech in its room, background noise 0 dB below it, and short noises at their own ratios.

    All are float32 of shape (num_samples,); `active` are the frames in which somebody speaks.
    """

    speech: np.ndarray
    noise: np.ndarray | None
    events: np.ndarray | None
    active: np.ndarray
    sampling_rate: int

    @classmethod
    def of(cls, samples: np.ndarray, place: Place, bank: Bank) -> Scene:
        """The parts of a place, whatever its SNR, level and channel: the costly ones, made once for all steps of a ladder.

        Args:
            samples: float32 of shape (num_samples,), as recorded.

        Raises:
            ValueError: a sample is no number.
        """
        if not np.isfinite(power(samples)):
            raise ValueError("a sample is no number")
        rate, speech = bank.sampling_rate, samples.astype(np.float32, copy=False)
        if place.room is not None:
            speech = bank.room(place.room.id).heard(speech, place.room.distance_m)
        active = active_frames(speech, rate)
        loud, noise = active_power(speech, active, rate), None
        if place.noise is not None:
            noise = stretch(bank.samples(place.noise.id), int(place.noise.start * rate), len(speech))
            noise = _in_room(noise, place.noise.room, bank)
            noise = noise * np.float32(gain_to(loud, power(noise), 0.0))
        return cls(speech, noise, _events_heard(place.events, len(speech), loud, bank), active, rate)

    @property
    def active_power(self) -> float:
        """Mean square of the speech-active samples."""
        return active_power(self.speech, self.active, self.sampling_rate)

    def at_microphone(self, place: Place) -> np.ndarray:
        """Everything together at the place's SNR and level, turned down as a whole where it would clip by itself."""
        mixed = self.speech
        if self.noise is not None and place.noise is not None:
            mixed = mixed + self._noise_at(place.noise.snr_db)
        if self.events is not None:
            mixed = mixed + self.events
        if place.clipped_fraction:
            mixed = clipped(mixed, place.clipped_fraction)
        if place.level_dbfs is not None:
            loud = active_power(mixed, self.active, self.sampling_rate)
            mixed = mixed * np.float32(10 ** (place.level_dbfs / 20) / np.sqrt(loud)) if loud > 0 else mixed
        elif place.level_db:
            mixed = mixed * np.float32(10 ** (place.level_db / 20))
        return turned_down(mixed)

    def sent(self, place: Place) -> np.ndarray:
        """What is left behind the place's channel."""
        mixed = self.at_microphone(place)
        return mixed if place.channel is None else turned_down(through_channel(mixed, place.channel, self.sampling_rate))

    def snr_db(self, place: Place) -> float | None:
        """Speech-active power over the power of the background noise that was added, in dB; None without noise or speech."""
        if self.noise is None or place.noise is None:
            return None
        noise = power(self._noise_at(place.noise.snr_db))
        return decibels(self.active_power / noise) if noise > 0 else None

    def _noise_at(self, snr_db: float) -> np.ndarray:
        assert self.noise is not None, "the caller looked"
        return self.noise * np.float32(10 ** (-snr_db / 20))


def turned_down(samples: np.ndarray) -> np.ndarray:
    """Float32 samples, all by the same factor where the loudest would leave the scale."""
    peak = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))
    return samples * np.float32(FULL_SCALE / peak) if peak > FULL_SCALE else samples


def _in_room(noise: np.ndarray, room: RoomDraw | None, bank: Bank) -> np.ndarray:
    return noise if room is None else bank.room(room.id).heard(noise, room.distance_m)


def _events_heard(events: Sequence[EventDraw], num_samples: int, speech_power: float, bank: Bank) -> np.ndarray | None:
    if not events:
        return None
    heard, rate = np.zeros(num_samples, np.float32), bank.sampling_rate
    for event in events:
        start, clip = min(round(event.at * rate), num_samples), bank.samples(event.id)
        rings = 0 if event.room is None else len(bank.samples(event.room.id))
        clip = _in_room(np.pad(clip, (0, rings)), event.room, bank)
        gain = gain_to(speech_power, active_power(clip, active_frames(clip, rate), rate), event.snr_db)
        clip = clip[: num_samples - start]
        heard[start : start + len(clip)] += clip * np.float32(gain)
    return heard
