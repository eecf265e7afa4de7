"""Sounds whose answers are known: speech in rooms, in noise, behind a low-pass, and voices made of pulses, from the real packs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from scipy.signal import butter, firwin, lfilter, oaconvolve, sosfilt

from speccraft.scenario.quality import Segmentation
from speccraft.sound.decode import Undecodable, decode, to_int16
from speccraft.sound.frames import frames_of
from speccraft.sound.mix import active_frames, active_power, gain_to, stretch
from speccraft.sound.rooms import Room, rt60_of, simulate_room, trimmed
from speccraft.sound.vad import speech_frames

RATE = 16000
SOUND_M_PER_S = 343.0
STEADY_DB, CHANGING_DB = 6.0, 15.0
"""How far the mean power of a noise lies above its quietest tenth of 30 ms, when it is steady, and when it is changing; above that it is events."""


@dataclass(frozen=True)
class Known:
    """One sound as it is measured: int16 samples, their rate, which 30 ms frames a detector takes for speech; and what is true of it."""

    samples: np.ndarray
    sampling_rate: int
    truth: float

    @property
    def speech(self) -> np.ndarray:
        """What the default detector hears."""
        return speech_frames(self.samples, self.sampling_rate, frames_of(self.samples, self.sampling_rate), Segmentation())


def known(sound: np.ndarray, truth: float, sampling_rate: int = RATE) -> Known:
    """A float sound, turned down as a whole where it would clip."""
    return Known(to_int16((sound * min(1.0, 0.98 / max(float(np.abs(sound).max()), 1e-9))).astype(np.float32)), sampling_rate, truth)


def read(path: Path, sampling_rate: int = RATE, most_s: float = 12.0) -> np.ndarray:
    """The first seconds of a file as float32 of shape (num_samples,)."""
    return decode(path, sampling_rate).samples[: round(most_s * sampling_rate)].astype(np.float32) / 32768


def noises(data: Path) -> dict[str, list[np.ndarray]]:
    """Real noises of 3 s or more by how they change: steady, changing, events."""
    found: dict[str, list[np.ndarray]] = {"steady": [], "changing": [], "events": []}
    for path in sorted(path for pack in ("dev", "demo") for path in (data / pack / "noise").rglob("*.*")):
        try:
            noise = read(path, most_s=30)
        except Undecodable:
            continue
        power = np.sort(frames_of(to_int16(noise), RATE).power)
        if len(noise) >= 3 * RATE and power[len(power) // 10] > 0:
            above = 10 * np.log10(power.mean() / power[len(power) // 10])
            found["steady" if above < STEADY_DB else "changing" if above < CHANGING_DB else "events"].append(noise)
    return found


def mixed(speech: np.ndarray, noise: np.ndarray, snr_db: float, random: np.random.Generator) -> tuple[np.ndarray, float]:
    """Speech in a stretch of noise, and its SNR with what noise the recording had before: the quietest tenth of its frames."""
    piece = stretch(noise, int(random.integers(len(noise))), len(speech))
    active = active_frames(speech, RATE)
    level, added = active_power(speech, active, RATE), float(np.mean(piece.astype(np.float64) ** 2))
    before = float(np.percentile(frames_of(to_int16(speech), RATE).power, 10))
    noisy = speech + piece * np.float32(gain_to(level, added, snr_db))
    return noisy, float(-10 * np.log10(10 ** (-snr_db / 10) + before / level))


@dataclass(frozen=True)
class Reverberant:
    """An impulse response of a kind of room, and its reverberation time by ISO 3382-2."""

    kind: str
    response: np.ndarray
    rt60_s: float

    def heard(self, speech: np.ndarray) -> np.ndarray:
        """Speech in the room."""
        return Room(self.response, RATE).heard(speech)


def measured_rooms(data: Path) -> list[Reverberant]:
    """Impulse responses of the packs that somebody measured, and that ring for 0.2 to 3 s."""
    found = []
    for path in sorted(path for pack in ("demo", "dev") for path in (data / pack / "rir").glob("*.wav") if "sim" not in path.name):
        response = trimmed(decode(path, RATE, channel=0).samples.astype(np.float64))
        rt60_s = rt60_of(response, RATE)
        if rt60_s is not None and 0.2 <= rt60_s <= 3:
            found.append(Reverberant("measured", response, rt60_s))
    return found


def draw_room(kind: str, rt60_s: float, measured: list[Reverberant], random: np.random.Generator) -> Reverberant:
    """A room that rings about so long: by Polack's model, by image sources, or a measured one whose decay was made steeper."""
    if kind == "noise decay":
        response = simulate_room(rt60_s, RATE, random)
    elif kind == "image source":
        response = image_source(rt60_s, random)
    else:
        longer = [room for room in measured if room.rt60_s > rt60_s]
        room = longer[random.integers(len(longer))]
        decay = 3 * (1 / rt60_s - 1 / room.rt60_s) * np.arange(len(room.response)) / RATE
        response = trimmed(room.response * 10**-decay)
    return Reverberant(kind, response, rt60_of(response, RATE) or np.nan)


def image_source(rt60_s: float, random: np.random.Generator) -> np.ndarray:
    """An impulse response of a box with walls of one absorption (Allen and Berkley 1979; Eyring 1930), two random places in it."""
    while True:
        size = random.uniform((3, 3, 2.4), (9, 7, 3.6))
        surface = 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
        reflected = np.exp(-0.161 * size.prod() / (2 * surface * 0.85 * rt60_s))
        source, microphone = random.uniform(0.5, size - 0.5), random.uniform(0.5, size - 0.5)
        if reflected > 0.25 and np.linalg.norm(source - microphone) > 0.5:
            break
    length = round(rt60_s * RATE)
    reach = np.ceil(SOUND_M_PER_S * rt60_s / (2 * size)).astype(int)
    across = [np.arange(-count, count + 1) for count in reach]
    at = [np.concatenate([2 * n * side + s - m, 2 * n * side - s - m]) for n, side, s, m in zip(across, size, source, microphone, strict=True)]
    bounces = [np.concatenate([abs(2 * n), abs(2 * n - 1)]) for n in across]
    response = np.zeros(length)
    for z, bounced in zip(at[2], bounces[2], strict=True):
        distance = np.sqrt(at[0][:, None] ** 2 + at[1][None] ** 2 + z**2)
        sample = np.round(distance / SOUND_M_PER_S * RATE).astype(int)
        inside = sample < length
        loud = reflected ** (bounces[0][:, None] + bounces[1][None] + bounced) / distance
        response += np.bincount(sample[inside], loud[inside], length)[:length]
    return trimmed(sosfilt(butter(2, 50, "highpass", fs=RATE, output="sos"), response))


def low_passed(sound: np.ndarray, sampling_rate: int, limit_hz: float, way: str) -> tuple[np.ndarray, float]:
    """A sound behind a filter, or by way of a lower sampling rate; and where it is 6 dB down."""
    if way == "filter":
        taps = firwin(round(0.008 * sampling_rate) | 1, limit_hz, fs=sampling_rate, window=("kaiser", 9))
        return oaconvolve(sound, taps, mode="same").astype(np.float32), limit_hz
    low = soxr.resample(sound, sampling_rate, 2 * limit_hz)
    back = soxr.resample(low, 2 * limit_hz, sampling_rate)[: len(sound)]
    return np.pad(back, (0, len(sound) - len(back))), 0.956 * limit_hz


def pulse_voice(hertz: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A voice of pulses, one per period of a fundamental frequency of shape (num_samples,), through three formants, in faint noise."""
    phase = np.cumsum(hertz / RATE)
    pulses = np.append(np.diff(np.floor(phase)), 0)
    voice = lfilter([1.0], [1.0, -0.95], pulses)
    for formant, width in ((random.uniform(300, 800), 80), (random.uniform(900, 2200), 110), (2700, 160)):
        radius = np.exp(-np.pi * width / RATE)
        voice = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2], voice)
    voice /= np.abs(voice).max()
    return (0.4 * voice + 1e-3 * random.standard_normal(len(voice))).astype(np.float32)


def intonation(random: np.random.Generator, seconds: float = 3.0) -> np.ndarray:
    """A fundamental frequency that moves as voices do: 80 to 300 Hz in the middle, swinging by up to 5 semitones and falling."""
    t = np.arange(round(seconds * RATE)) / RATE
    swing = random.uniform(0.5, 5) * np.sin(2 * np.pi * random.uniform(0.5, 2) * t + random.uniform(0, 6)) - random.uniform(0, 2) * t
    return random.uniform(80, 300) * 2 ** (swing / 12)


def each(paths: list[Path], random: np.random.Generator, count: int) -> Iterator[np.ndarray]:
    """So many files, each in turn, from a random one on."""
    first = int(random.integers(len(paths)))
    for index in range(count):
        yield read(paths[(first + index * 7) % len(paths)])
