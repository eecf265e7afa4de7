"""A unit of work: some recordings of one source, decoded, segmented, measured and encoded once, then kept in the cache.

The module runs inside worker processes: it imports neither Polars, torch nor lhotse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from speccraft import __version__, store
from speccraft.ingest.packed import read_packed
from speccraft.ingest.rows import Inside, Utterance
from speccraft.scenario.quality import Segmentation
from speccraft.sound.decode import Decoding, Undecodable, decoding, resample, to_int16
from speccraft.sound.espeak import speak
from speccraft.sound.fingerprint import fingerprint
from speccraft.sound.frames import FRAME_S, frame_length, frames_of
from speccraft.sound.measures import Stretch, measure
from speccraft.sound.rooms import rt60_of, trimmed
from speccraft.sound.shards import encode_flac
from speccraft.sound.stream import SampleStream
from speccraft.sound.vad import SHORTEST_SPEECH_FRAMES, speech_frames, utterances

FORMAT = 2
"""Counts up when what a unit keeps changes, so that no older one is taken for it."""
RECORDINGS_PER_UNIT = 64
WINDOW_S = 300.0
"""Speech without a transcript is segmented in windows of this length, so that a recording of hours needs no more memory."""
OVERHANG_S = 0.05
"""A part may end this long behind its recording: tables round."""
AUDIO, RECORDINGS, SEGMENTS = "audio.bin", "recordings.jsonl", "segments.jsonl"


@dataclass(frozen=True)
class Part:
    """A stretch of a recording that is a row of its own, in seconds; all of it where neither end is set. `whole` parts are trimmed, never cut apart."""

    input: str
    whole: bool
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Job:
    """One recording to be decoded once, and the rows that are parts of it, in the order of time."""

    name: str
    path: Path | None
    say: Utterance | None
    parts: tuple[Part, ...]
    inside: Inside | None = None
    channel: int | None = None


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
    with_fingerprints: bool = False
    """Whether recordings will be compared: a fingerprint costs as much as decoding."""
    crashed: frozenset[str] = frozenset()
    """Recordings that have killed a worker; they are not touched again."""

    @property
    def key(self) -> str:
        """Digest of everything the work depends on; a file is known by path, size, time of change and inode."""
        clauses = [__version__, FORMAT, self.source, self.role, self.sampling_rate, self.segmentation.model_dump(), self.longest_s]
        clauses += [self.with_fingerprints, sorted(self.crashed)]
        return store.digest_of([clauses, [[job.name, _identity(job), [list(asdict(part).values()) for part in job.parts]] for job in self.jobs]])[:32]


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
                on_start(job.name)
                found, stretches = _work(unit, job, audio)
                recordings += found
                segments += stretches
        store.write_bytes(scratch / RECORDINGS, store.json_lines(recordings))
        store.write_bytes(scratch / SEGMENTS, store.json_lines(segments))
        counts = {RECORDINGS: len(recordings), SEGMENTS: len(segments)}
        store.commit(scratch, final, kind="unit", name=unit.source, id=unit.key, counts=counts)
    return final


Rows: TypeAlias = list[dict[str, Any]]


def _work(unit: Unit, job: Job, audio: IO[bytes]) -> tuple[Rows, Rows]:
    """Rows about the parts of a recording and about their segments, whose FLACs are written to `audio`; one that fails leaves nothing there."""
    if job.name in unit.crashed:
        return _failed(job, "decoder_crashed", "the worker that decoded it died or hung"), []
    begun = audio.tell()
    try:
        return _worked(unit, job, audio)
    except Undecodable as error:
        rule, reason = error.rule, str(error)
    except MemoryError:
        rule, reason = "too_large", "needs more memory than a worker may use"
    audio.seek(begun)
    audio.truncate()
    return _failed(job, rule, reason), []


def _worked(unit: Unit, job: Job, audio: IO[bytes]) -> tuple[Rows, Rows]:
    found = _decoding(unit, job)
    stream = SampleStream(found.blocks)
    about: dict[str, Any] = {"source_rate": found.source_rate, "channels": found.channels, "rule": None, "reason": None, "rt60_s": None, "fingerprint": None}
    recordings, segments = [], []
    for part in job.parts:
        recording, stretches = _part(unit, part, stream)
        recordings.append({"input": part.input, **about, **recording})
        for stretch, flac in stretches:
            segments.append({"input": part.input, "offset": audio.tell(), "size": len(flac), **stretch})
            audio.write(flac)
    # A file that breaks off behind the last part is broken all the same.
    stream.drain()
    for recording, part in zip(recordings, job.parts, strict=True):
        if part.start is None and part.end is None:
            recording |= {"num_samples": stream.num_samples, "pcm_sha256": stream.sha256}
    return recordings, segments


Stretches: TypeAlias = Iterable[tuple[dict[str, Any], bytes]]


def _part(unit: Unit, part: Part, stream: SampleStream) -> tuple[dict[str, Any], Stretches]:
    """What is known about a part of a recording, and its segments."""
    most = round(WINDOW_S * unit.sampling_rate)
    if part.start is None and part.end is None:
        if unit.role == "rir":
            return _room(stream.take(0, None), unit)
        known: dict[str, Any] = {"fingerprint": _fingerprint(unit, stream.take(0, most))}
        return known, _whole(stream.take(0, None), unit) if unit.role == "noise" else _windows(stream, unit, part)
    start = round((part.start or 0.0) * unit.sampling_rate)
    end = None if part.end is None else round(part.end * unit.sampling_rate)
    stream.forget(start)
    samples = stream.take(start, end)
    if not len(samples) or (end is not None and start + len(samples) < end - OVERHANG_S * unit.sampling_rate):
        wanted = f"from {part.start or 0:g} s " + ("on" if part.end is None else f"to {part.end:g} s")
        reason = f"{wanted}: the recording lasts {stream.num_samples / unit.sampling_rate:g} s"
        return {"num_samples": None, "pcm_sha256": None} | _reason("times", reason), []
    known = {"num_samples": len(samples), "pcm_sha256": hashlib.sha256(samples.astype("<i2", copy=False).tobytes()).hexdigest()}
    if unit.role == "rir":
        room, stretches = _room(samples, unit)
        return known | room, stretches
    known["fingerprint"] = _fingerprint(unit, samples[:most])
    return known, _whole(samples, unit) if unit.role == "noise" else _speech(samples, unit, part)


def _fingerprint(unit: Unit, samples: np.ndarray) -> str | None:
    return fingerprint(samples, unit.sampling_rate) if unit.with_fingerprints else None


def _decoding(unit: Unit, job: Job) -> Decoding:
    if job.say is None:
        assert job.path is not None, "a job has a path or something to say"
        audio = job.path if job.inside is None else read_packed(job.path, job.inside)
        return decoding(audio, unit.sampling_rate, channel=0 if job.channel is None and unit.role == "rir" else job.channel)
    samples, rate = speak(job.say.text, voice=job.say.voice, words_per_minute=job.say.words_per_minute, pitch=job.say.pitch)
    if not len(samples):
        raise Undecodable("empty", "espeak-ng says nothing for this text")
    return Decoding(iter([to_int16(resample(samples / np.float32(32768), rate, unit.sampling_rate))]), unit.sampling_rate, rate, 1)


def _windows(stream: SampleStream, unit: Unit, part: Part) -> Stretches:
    """Segments of a recording of any length, in windows: an utterance that may go on behind a window begins the next."""
    frame = frame_length(unit.sampling_rate)
    length = round(WINDOW_S / FRAME_S) * frame
    keep = round(unit.segmentation.keep_pause_s / FRAME_S) + SHORTEST_SPEECH_FRAMES
    position = 0
    while True:
        window = stream.take(position, None if part.whole else position + length)
        is_last = part.whole or len(window) < length
        found = list(_speech(window, unit, part))
        behind = len(window)
        if not is_last and found:
            last_start, last_end = found[-1][0]["start"], found[-1][0]["start"] + found[-1][0]["num_samples"]
            if last_start and last_end > len(window) - keep * frame:
                behind = last_start
                found.pop()
            else:
                behind = max(last_end, len(window) - keep * frame)
        for stretch, flac in found:
            yield stretch | {"start": position + stretch["start"]}, flac
        if is_last:
            return
        position += behind
        stream.forget(position)


def _room(samples: np.ndarray, unit: Unit) -> tuple[dict[str, Any], Stretches]:
    response = samples / 32768.0
    measured = rt60_of(response, unit.sampling_rate)
    return {"rt60_s": None if measured is None else round(measured, 4)}, _whole(to_int16(trimmed(response) * 0.99), unit)


def _speech(samples: np.ndarray, unit: Unit, part: Part) -> Stretches:
    frames = frames_of(samples, unit.sampling_rate)
    speech = speech_frames(samples, unit.sampling_rate, frames, unit.segmentation)
    for start, end in utterances(speech, frames, unit.segmentation, longest_s=unit.longest_s, whole=part.whole):
        measures = measure(Stretch(start, end, unit.sampling_rate, frames, speech))
        yield {"start": start, "num_samples": end - start, **measures}, encode_flac(samples[start:end], unit.sampling_rate)


def _whole(samples: np.ndarray, unit: Unit) -> Stretches:
    if np.any(samples):
        frames = frames_of(samples, unit.sampling_rate)
        measures = measure(Stretch(0, len(samples), unit.sampling_rate, frames, np.ones(len(frames.power), bool)))
        yield {"start": 0, "num_samples": len(samples), **measures}, encode_flac(samples, unit.sampling_rate)


def _failed(job: Job, rule: str, reason: str) -> Rows:
    nothing = {"num_samples": None, "pcm_sha256": None, "source_rate": None, "channels": None, "rt60_s": None, "fingerprint": None}
    return [{"input": part.input, **nothing, **_reason(rule, reason)} for part in job.parts]


def _reason(rule: str, reason: str) -> dict[str, Any]:
    return {"rule": rule, "reason": reason}


def _identity(job: Job) -> list[Any]:
    if job.path is None:
        return [] if job.say is None else list(asdict(job.say).values())
    try:
        status = job.path.stat()
    except OSError:
        return [str(job.path), "missing"]
    packed = [] if job.inside is None else list(asdict(job.inside).values())
    return [str(job.path), status.st_size, status.st_mtime_ns, status.st_ino, *packed, job.channel]
