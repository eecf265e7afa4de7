"""A unit of work: some recordings of one source, decoded, segmented, measured and encoded once, then kept in the cache.

The module runs inside worker processes: it imports neither Polars, torch nor lhotse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speccraft import __version__, store
from speccraft.ingest.rows import Utterance
from speccraft.scenario.quality import Segmentation
from speccraft.sound.decode import Decoded, Undecodable, decode, resample, to_int16
from speccraft.sound.espeak import speak
from speccraft.sound.frames import frames_of
from speccraft.sound.measures import Stretch, measure
from speccraft.sound.rooms import rt60_of, trimmed
from speccraft.sound.shards import encode_flac
from speccraft.sound.vad import speech_frames, utterances

RECORDINGS_PER_UNIT = 64
AUDIO, RECORDINGS, SEGMENTS = "audio.bin", "recordings.jsonl", "segments.jsonl"


@dataclass(frozen=True)
class Job:
    """One recording to be worked on; `whole` recordings are trimmed, never cut apart."""

    input: str
    path: Path | None
    say: Utterance | None
    whole: bool


@dataclass(frozen=True)
class Unit:
    """Recordings of one source that are worked on together, and the clauses of the scenario that affect the work."""

    name: str
    source: str
    role: str
    sampling_rate: int
    segmentation: Segmentation
    longest_s: float
    jobs: tuple[Job, ...]
    crashed: frozenset[str] = frozenset()
    """Inputs that have killed a worker; they are not touched again."""

    @property
    def key(self) -> str:
        """Digest of everything the work depends on; a file is known by path, size, time of change and inode."""
        clauses = [__version__, self.source, self.role, self.sampling_rate, self.segmentation.model_dump(), self.longest_s, sorted(self.crashed)]
        return store.digest_of([clauses, [[job.input, _identity(job), job.whole] for job in self.jobs]])[:32]


def bucket_of(recording: str, buckets: int) -> int:
    """Which of a source's units a recording belongs to: by hash, so that a new file disturbs only its own unit."""
    return int.from_bytes(hashlib.sha256(recording.encode()).digest()[:8], "big") % buckets


def bucket_count(recordings: int) -> int:
    """Units of a source: a power of two, about 64 recordings each, so that growth rarely moves a recording."""
    return 1 << max(0, (recordings - 1) // RECORDINGS_PER_UNIT).bit_length()


def run_unit(unit: Unit, cache: Path, on_start: Callable[[str], None]) -> Path:
    """Do a unit's work, or find it done.

    Args:
        cache: folder of finished units.
        on_start: told each input before it is touched, so that the supervisor knows what killed a worker.

    Returns:
        The committed folder, with `recordings.jsonl`, `segments.jsonl` and `audio.bin` (FLACs end to end).
    """
    final = cache / unit.key
    if (final / store.KINDS["unit"].record).exists():
        return final
    recordings: list[dict[str, Any]] = []
    segments: list[dict[str, Any]] = []
    with store.scratch_folder(cache) as scratch:
        with store.new_file(scratch / AUDIO) as audio:
            for job in unit.jobs:
                on_start(job.input)
                recording, found = _work(unit, job)
                recordings.append({"input": job.input, **recording})
                for segment, flac in found:
                    segments.append({"input": job.input, "offset": audio.tell(), "size": len(flac), **segment})
                    audio.write(flac)
        store.write_bytes(scratch / RECORDINGS, store.json_lines(recordings))
        store.write_bytes(scratch / SEGMENTS, store.json_lines(segments))
        counts = {RECORDINGS: len(recordings), SEGMENTS: len(segments)}
        store.commit(scratch, final, kind="unit", name=unit.source, id=unit.key, counts=counts)
    return final


def _work(unit: Unit, job: Job) -> tuple[dict[str, Any], list[tuple[dict[str, Any], bytes]]]:
    if job.input in unit.crashed:
        return _failed("decoder_crashed", "the worker that decoded it died or hung"), []
    try:
        recording, found = _found(unit, job)
        return recording, list(found)
    except Undecodable as error:
        return _failed(error.rule, str(error)), []
    except MemoryError:
        return _failed("too_large", "needs more memory than a worker may use"), []


def _found(unit: Unit, job: Job) -> tuple[dict[str, Any], Iterator[tuple[dict[str, Any], bytes]]]:
    decoded = _decoded(unit, job)
    recording = {
        "num_samples": len(decoded.samples),
        "pcm_sha256": hashlib.sha256(decoded.samples.tobytes()).hexdigest(),
        "source_rate": decoded.source_rate,
        "channels": decoded.channels,
        "rule": None,
        "reason": None,
        "rt60_s": None,
    }
    if unit.role == "rir":
        response = decoded.samples / 32768.0
        measured = rt60_of(response, unit.sampling_rate)
        recording["rt60_s"] = None if measured is None else round(measured, 4)
        return recording, _whole(to_int16(trimmed(response) * 0.99), unit)
    return recording, _whole(decoded.samples, unit) if unit.role == "noise" else _speech(decoded.samples, unit, job)


def _decoded(unit: Unit, job: Job) -> Decoded:
    if job.say is None:
        assert job.path is not None, "a job has a path or something to say"
        return decode(job.path, unit.sampling_rate, first_channel=unit.role == "rir")
    samples, rate = speak(job.say.text, voice=job.say.voice, words_per_minute=job.say.words_per_minute, pitch=job.say.pitch)
    if not len(samples):
        raise Undecodable("empty", "espeak-ng says nothing for this text")
    return Decoded(to_int16(resample(samples / np.float32(32768), rate, unit.sampling_rate)), unit.sampling_rate, rate, 1)


def _speech(samples: np.ndarray, unit: Unit, job: Job) -> Iterator[tuple[dict[str, Any], bytes]]:
    frames = frames_of(samples, unit.sampling_rate)
    speech = speech_frames(samples, unit.sampling_rate, frames, unit.segmentation)
    for start, end in utterances(speech, frames, unit.segmentation, longest_s=unit.longest_s, whole=job.whole):
        measures = measure(Stretch(start, end, unit.sampling_rate, frames, speech))
        yield {"start": start, "num_samples": end - start, **measures}, encode_flac(samples[start:end], unit.sampling_rate)


def _whole(samples: np.ndarray, unit: Unit) -> Iterator[tuple[dict[str, Any], bytes]]:
    if np.any(samples):
        frames = frames_of(samples, unit.sampling_rate)
        measures = measure(Stretch(0, len(samples), unit.sampling_rate, frames, np.ones(len(frames.power), bool)))
        yield {"start": 0, "num_samples": len(samples), **measures}, encode_flac(samples, unit.sampling_rate)


def _failed(rule: str, reason: str) -> dict[str, Any]:
    return {"num_samples": None, "pcm_sha256": None, "source_rate": None, "channels": None, "rule": rule, "reason": reason, "rt60_s": None}


def _identity(job: Job) -> list[Any]:
    if job.path is None:
        return [] if job.say is None else list(asdict(job.say).values())
    try:
        status = job.path.stat()
    except OSError:
        return [str(job.path), "missing"]
    return [str(job.path), status.st_size, status.st_mtime_ns, status.st_ino]
