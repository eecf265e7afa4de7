"""Measure one recording after another in a worker process: at its own rate, in windows, so that hours need little memory.

The module runs inside worker processes: it imports neither Polars, torch nor lhotse.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from itertools import count
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile

from speccraft import store
from speccraft.build.stretches import as_decoded
from speccraft.build.units import CRASHED, UNREADABLE, WINDOW_S
from speccraft.scenario.environment import SAMPLING_RATES_HZ
from speccraft.scenario.quality import Segmentation
from speccraft.sound.channels import ChannelProblems
from speccraft.sound.clap import clap_rt60_s
from speccraft.sound.containers import medium_of
from speccraft.sound.decode import Undecodable, decoding
from speccraft.sound.frames import FRAME_S, Frames, frame_length, frames_of
from speccraft.sound.measures import FULL_POWER, Stretches, measure
from speccraft.sound.spectral import spectral
from speccraft.sound.stream import SampleStream
from speccraft.sound.vad import hearing_gain, speech_frames, utterances

LONGEST_UTTERANCE_S = 20.0
LOUDNESS = "loudness_lufs"
COLUMNS = tuple(field.name for field in fields(Frames) if field.name not in ("length", "num_samples"))
"""What the frame table says of each frame."""


@dataclass(frozen=True)
class Job:
    """One recording; `name` is what it is called in the result."""

    name: str
    path: Path


@dataclass(frozen=True)
class How:
    """How recordings are measured.

    `sampling_rate` is that of the measuring in Hz, None for the recording's own; `spectral` are names of `sound.spectral`. With `on_site`, rows hold the
    measures of each utterance as well, and the reverberation time that a clap tells.
    """

    detector: Literal["webrtc", "silero"] = "webrtc"
    sampling_rate: int | None = None
    spectral: tuple[str, ...] = ()
    on_site: bool = False

    @property
    def segmentation(self) -> Segmentation:
        """How speech is found."""
        return Segmentation(detector=self.detector)

    def rate_for(self, source_rate: int) -> int:
        """The rate in Hz that a recording is measured at: its own or the next one up that a scenario can have; above 48 kHz at that."""
        return self.sampling_rate or next((rate for rate in SAMPLING_RATES_HZ if rate >= source_rate), SAMPLING_RATES_HZ[-1])


@dataclass(frozen=True)
class Recordings:
    """Some recordings that one worker measures, and how."""

    name: str
    jobs: tuple[Job, ...]
    how: How
    crashed: frozenset[str] = frozenset()

    def run(self, cache: Path, on_start: Callable[[str], None]) -> Path:
        """Write one row a recording as JSON Lines; the file."""
        rows = []
        for job in self.jobs:
            on_start(job.name)
            rows.append({"file": job.name, **(self._row(job, on_start) if job.name not in self.crashed else failed(CRASHED, "the decoder died or hung"))})
        path = cache / f"{self.name}.jsonl"
        # In the order in which people read them, which sorted keys would lose.
        store.write_bytes(path, "".join(f"{json.dumps(row, allow_nan=False)}\n" for row in rows).encode())
        return path

    def _row(self, job: Job, on_start: Callable[[str], None]) -> dict[str, Any]:
        try:
            return self._measured(job, on_start)
        except Undecodable as error:
            return failed(error.rule, str(error))
        except MemoryError:
            return failed("too_large", "needs more memory than a worker may use")
        except OSError as error:
            # What is wrong with one file; other failures to read are the machine's.
            if error.errno not in UNREADABLE:
                raise
            return failed("missing", f"cannot be read: {error.strerror}")

    def _measured(self, job: Job, on_start: Callable[[str], None]) -> dict[str, Any]:
        rate = self.how.rate_for(decoding(job.path, SAMPLING_RATES_HZ[0]).source_rate)
        found = decoding(job.path, rate)
        heard = _Heard(rate, self.how)
        for window, is_all in _windows(SampleStream(found.blocks), rate):
            heard.add(window, is_all=is_all)
            # A sign of life: hours of audio may take longer than a worker is waited for.
            on_start(job.name)
        facts = {"container": _container(job.path), "sampling_rate_hz": found.source_rate, "measured_at_hz": rate, "channels": found.channels}
        between = ChannelProblems(0, 0, None) if found.between is None else found.between.problems()
        measures = heard.measures()
        return {**facts, **asdict(between), **measures, **as_decoded(measures, found), "rule": None, "reason": None}


def failed(rule: str, reason: str) -> dict[str, Any]:
    """What is known of a recording that cannot be measured."""
    return {"rule": rule, "reason": reason}


class _Heard:
    """What is kept of a recording while it goes by: its frame table, 49 bytes per 30 ms, and what was measured of each window."""

    def __init__(self, rate: int, how: How) -> None:
        self._rate, self._how, self._segmentation = rate, how, how.segmentation
        self._most_gain = np.inf
        self._frames: list[Frames] = []
        self._speech: list[np.ndarray] = []
        self._spectral: list[dict[str, float | None]] = []
        self._utterances: list[dict[str, Any]] = []
        self._claps: list[float] = []

    def add(self, window: np.ndarray, *, is_all: bool) -> None:
        frames = frames_of(window, self._rate)
        # A window of a long recording may hold nothing but noise.
        speech = speech_frames(window, self._rate, frames, self._segmentation, is_spoken=is_all, most_gain=self._most_gain)
        self._most_gain = min(self._most_gain, hearing_gain(frames))
        self._frames.append(frames)
        self._speech.append(speech)
        self._spectral.append(spectral(self._how.spectral, window, self._rate, speech))
        if self._how.on_site:
            bounds = utterances(speech, frames, self._segmentation, longest_s=LONGEST_UTTERANCE_S, whole=False)
            self._utterances += measure(Stretches.of(bounds, self._rate, frames, speech))
            self._claps += [found for found in (clap_rt60_s(window, self._rate),) if found is not None]

    def measures(self) -> dict[str, Any]:
        columns = {name: np.concatenate([getattr(frames, name) for frames in self._frames]) for name in COLUMNS}
        frames = Frames(length=frame_length(self._rate), num_samples=sum(one.num_samples for one in self._frames), **columns)
        speech = np.concatenate(self._speech)
        whole = Stretches.of([(0, frames.num_samples)], self._rate, frames, speech)
        (measures,) = measure(whole)
        noise = {"noise_dbfs": rounded(10 * np.log10(whole.noise_power / FULL_POWER)), "noise_s": round(float((~speech).sum() * FRAME_S), 3)}
        on_site = {"utterances": self._utterances, "clap_rt60_s": self._claps} if self._how.on_site else {}
        return {**measures, **noise, **{name: self._over_windows(name) for name in self._how.spectral}, **on_site}

    def _over_windows(self, name: str) -> float | None:
        """A spectral measure of the whole from those of its windows: the median of their frames of speech; of loudness the mean power."""
        windows = zip(self._spectral, self._frames, self._speech, strict=True)
        found = [(value, frames.num_samples, int(speech.sum())) for one, frames, speech in windows if (value := one[name]) is not None]
        if not found:
            return None
        values, lengths, spoken = np.array(found).T
        if name == LOUDNESS:
            return rounded(10 * np.log10(np.average(10 ** (values / 10), weights=lengths)))
        return rounded(np.median(np.repeat(values, np.maximum(spoken, 1).astype(int))))


def _windows(stream: SampleStream, rate: int) -> Iterator[tuple[np.ndarray, bool]]:
    """Windows of a recording, each with whether it is all of it."""
    length = round(WINDOW_S / FRAME_S) * frame_length(rate)
    for start in count(0, length):
        window = stream.take(start, start + length)
        if len(window):
            yield window, start == 0 and len(window) < length
        if len(window) < length:
            return
        stream.forget(start + length)


def _container(path: Path) -> str:
    """What the file is, by its content: container and encoding."""
    try:
        info = soundfile.info(os.fsencode(path))
    except soundfile.SoundFileError:
        with path.open("rb") as file:
            medium = medium_of(file.read(300))
        assert medium is not None, "it was decoded"
        return medium.name
    return f"{info.format} {info.subtype}"


def rounded(value: float) -> float | None:
    """To six decimals; None for NaN."""
    return None if value != value else round(float(value), 6)
