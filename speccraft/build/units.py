"""A unit of work: some recordings of one source, decoded, segmented, measured and encoded once, then kept in the cache.

The module runs inside worker processes: it imports neither Polars, torch nor lhotse.
"""

from __future__ import annotations

import errno
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np

from speccraft import store
from speccraft.build.given import Span, Stretch, behind_silence, silence_near, silences
from speccraft.build.stretches import Segments, as_decoded, encoded, room, whole
from speccraft.build.tools import CONTAINERS, DETECTORS, LOUDNESS, SOUND, speaking, versions_of
from speccraft.errors import BadEnvironment
from speccraft.ingest.packed import MOST_PACKED_BYTES, read_packed
from speccraft.ingest.rows import Inside, TtsUtterance, Utterance
from speccraft.remote.ahead import Ahead, is_here
from speccraft.remote.connection import NotAsListed, Object, fetch_part
from speccraft.scenario.quality import Segmentation
from speccraft.scenario.source_base import HEARD
from speccraft.sound.containers import is_installed, may_need_decoder
from speccraft.sound.decode import Decoding, Undecodable, decoding, resample, to_int16
from speccraft.sound.espeak import speak
from speccraft.sound.fingerprint import fingerprint
from speccraft.sound.frames import FRAME_S, Frames, frame_length, frames_of
from speccraft.sound.stream import SampleStream
from speccraft.sound.tts import speak_with
from speccraft.sound.vad import SETTLED_FRAMES, hearing_gain, speech_frames, utterances

FORMAT = 5
"""Counts up when what a unit keeps changes, so that no older one is taken for it."""
WINDOW_S = 300.0
"""Speech without a transcript is segmented in windows of this length, so that a recording of hours needs no more memory."""
OVERHANG_S = 0.05
"""A part may end this long behind its recording: tables round."""
AUDIO, RECORDINGS, SEGMENTS, CONTENTS = "audio.bin", "recordings.jsonl", "segments.jsonl", "contents.jsonl"
FAILED = "failed.jsonl"
"""What failed and may be repaired without its file changing; not there where there is nothing of the kind."""
CRASHED = "decoder_crashed"
"""The rule that tells of a recording that killed a worker."""
UNREAD, UNDECODED, TOO_LARGE = "missing", "codec_unsupported", "too_large"
CHANGED = "changed"
REPAIRABLE = frozenset({UNREAD, UNDECODED, TOO_LARGE, CRASHED, CHANGED})
"""Rules of failures that permissions, a decoder or more memory may put right."""


class Part(NamedTuple):
    """A stretch of a recording that is a row of its own, in seconds; all of it where neither end is set.

    `whole` parts are trimmed and not cut apart, unless they are too long and `may_be_cut`. `spectral` measures are taken of its speech.
    """

    input: str
    whole: bool
    start: float | None = None
    end: float | None = None
    may_be_cut: bool = False
    spectral: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """One recording to be decoded once, and the rows that are parts of it, in the order of time; `remote` is the object that `path` mirrors.

    `aside` are stretches of it, in seconds, that rows name which do not enter: where somebody speaks for all that.
    """

    name: str
    path: Path | None
    say: Utterance | TtsUtterance | None
    parts: tuple[Part, ...]
    inside: Inside | None = None
    channel: int | None = None
    remote: Object | None = None
    aside: tuple[Stretch, ...] = ()

    @property
    def is_away(self) -> bool:
        """Whether its file is not on this machine and has to be fetched."""
        return self.remote is not None and self.path is not None and not is_here(self.path)


Identity: TypeAlias = list[Any]
"""What a file is known by without a look into it."""


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
    def versions(self) -> dict[str, str]:
        """Versions of the packages that the bytes depend on."""
        containers = CONTAINERS if any(job.path is not None and may_need_decoder(str(job.path)) for job in self.jobs) else ()
        loudness = LOUDNESS if any("loudness_lufs" in part.spectral for job in self.jobs for part in job.parts) else ()
        spoken = speaking(job.say for job in self.jobs)
        return versions_of(("speccraft", *SOUND, *DETECTORS[self.segmentation.detector], *containers, *loudness, *spoken))

    def identities(self) -> list[Identity]:
        """What each recording's file is known by, as it is now: path, size, time of change and inode."""
        return [_identity(job) for job in self.jobs]

    @property
    def key(self) -> str:
        """Digest of everything the work depends on, the files as they are now among it."""
        return self.key_of(self.identities())

    def key_of(self, sources: Sequence[Identity]) -> str:
        """The key where the files were known by these."""
        clauses = [self.versions, FORMAT, self.source, self.role, self.sampling_rate, self.segmentation.model_dump(), self.longest_s]
        clauses += [self.with_fingerprints, sorted(self.crashed)]
        return store.key_of([clauses, [[job.name, known, job.parts, job.aside] for job, known in zip(self.jobs, sources, strict=True)]])[:32]

    def run(self, cache: Path, on_start: Callable[[str], None]) -> Path:
        """Do the work, or find it done; see `run_unit`."""
        return run_unit(self, cache, on_start)


def run_unit(unit: Unit, cache: Path, on_start: Callable[[str], None]) -> Path:
    """Do a unit's work, or find it done.

    Args:
        cache: folder of finished units.
        on_start: told each input before it is touched, so that the supervisor knows what killed a worker.

    Returns:
        The committed folder, with `recordings.jsonl`, `segments.jsonl`, `audio.bin` (FLACs end to end), and the hashes of what it was made of.
    """
    known = unit.identities()
    key = unit.key_of(known)
    final = cache / key
    if (final / store.KINDS["unit"].record).exists():
        return final
    recordings: list[dict[str, Any]] = []
    segments: list[dict[str, Any]] = []
    contents: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    with store.scratch_folder(cache) as scratch:
        with store.new_file(scratch / AUDIO) as audio, Ahead(_away(unit), scratch) as copies:
            for job, identity in zip(unit.jobs, known, strict=True):
                on_start(job.name)
                copy = partial(copies.copy, job, on_wait=partial(on_start, job.name))
                found, stretches = _work(unit, job, identity, audio, copy)
                recordings += found
                segments += stretches
                if found[0]["rule"] in REPAIRABLE:
                    failed.append({"recording": job.name, "rule": found[0]["rule"]})
                contents.append({"recording": job.name, "sha256": None if job.name in unit.crashed else content_sha256(job)})
        store.write_bytes(scratch / RECORDINGS, store.json_lines(recordings))
        store.write_bytes(scratch / SEGMENTS, store.json_lines(segments))
        store.write_bytes(scratch / CONTENTS, store.json_lines(contents))
        if failed:
            store.write_bytes(scratch / FAILED, store.json_lines(failed))
        counts = {RECORDINGS: len(recordings), SEGMENTS: len(segments)}
        store.commit(scratch, final, kind="unit", name=unit.source, id=key, counts=counts)
    return final


_unpacking = threading.Lock()
"""Tables that are read for one cell are kept open for the next, and are not for two threads."""


def content_sha256(job: Job) -> str | None:
    """SHA-256 of the bytes that a recording is decoded from; None where there are none, they cannot be read, or a store vouches for them."""
    if job.path is None or job.remote is not None:
        return None
    try:
        if job.inside is not None:
            with _unpacking:
                return hashlib.sha256(read_packed(job.path, job.inside)).hexdigest()
        # A pipe or device would wait for ever.
        return store.sha256_of(job.path) if job.path.is_file() else None
    except (OSError, Undecodable):
        return None


Rows: TypeAlias = list[dict[str, Any]]
NOTHING: dict[str, Any] = dict.fromkeys(("num_samples", "pcm_sha256", "source_rate", "channels", "rule", "reason", "rt60_s", "fingerprint"))
"""What is told of a recording, before anything is known; of several channels also what is wrong between them."""


def _away(unit: Unit) -> dict[Job, Object]:
    """Recordings that are fetched whole, a few ahead of the one that is worked on; one that is packed is read out of its container."""
    return {job: job.remote for job in unit.jobs if job.remote is not None and job.inside is None and job.is_away and job.name not in unit.crashed}


def _work(unit: Unit, job: Job, identity: Identity, audio: IO[bytes], copy: Callable[[], AbstractContextManager[Path]]) -> tuple[Rows, Rows]:
    """Rows about the parts of a recording and about their segments, whose FLACs are written to `audio`; one that fails leaves nothing there.

    Args:
        identity: the file as the unit's key knows it; what is read of another one is not kept under that key.
        copy: fetches a file that is away.
    """
    if job.name in unit.crashed:
        return _failed(job, CRASHED, "the worker that decoded it died or hung"), []
    begun = audio.tell()
    try:
        if job.inside is not None or not job.is_away:
            made = _worked(unit, job, audio)
        else:
            with copy() as path:
                made = _worked(unit, replace(job, path=path), audio)
        if _identity(job) != identity:
            raise Undecodable(CHANGED, "was changed or replaced while the build read it")
        return made
    except (Undecodable, NotAsListed) as error:
        rule, reason = error.rule, str(error)
    except MemoryError:
        rule, reason = TOO_LARGE, "needs more memory than a worker may use"
    audio.seek(begun)
    audio.truncate()
    return _failed(job, rule, reason), []


def _worked(unit: Unit, job: Job, audio: IO[bytes]) -> tuple[Rows, Rows]:
    found = _decoding(unit, job)
    stream = SampleStream(found.blocks)
    about = {**NOTHING, "source_rate": found.source_rate, "channels": found.channels}
    recordings, segments = [], []
    silent = silences(sorted([*((part.start, part.end) for part in job.parts), *job.aside], key=lambda span: span[0] or 0.0))
    for part in job.parts:
        recording, stretches = _part(unit, part, stream, silent)
        recordings.append({"input": part.input, **about, **recording})
        for stretch, flac in stretches:
            segments.append({"input": part.input, "offset": audio.tell(), "size": len(flac), **stretch})
            audio.write(flac)
    # A file that breaks off behind the last part is broken all the same.
    stream.drain()
    for segment in segments:
        segment |= as_decoded(segment, found)
    between = {} if found.between is None else asdict(found.between.problems())
    for recording, part in zip(recordings, job.parts, strict=True):
        recording |= between
        if part.start is None and part.end is None:
            recording |= {"num_samples": stream.num_samples, "pcm_sha256": stream.sha256}
    return recordings, segments


def _part(unit: Unit, part: Part, stream: SampleStream, silent: Sequence[Span]) -> tuple[dict[str, Any], Segments]:
    """What is known about a part of a recording, and its segments; `silent` is where no part is."""
    most = round(WINDOW_S * unit.sampling_rate)
    if part.start is None and part.end is None:
        if unit.role == "rir":
            return room(stream.take(0, None), unit.sampling_rate)
        known: dict[str, Any] = {"fingerprint": _fingerprint(unit, stream.take(0, most))}
        return known, whole(stream.take(0, None), unit.sampling_rate) if unit.role == "noise" else _windows(stream, unit, part)
    start = round((part.start or 0.0) * unit.sampling_rate)
    end = None if part.end is None else round(part.end * unit.sampling_rate)
    # What is near is silence to a detector that believes the annotation; the others look for it in the part.
    near = silence_near(silent, part.start or 0.0, part.end) if unit.segmentation.detector == "given" and unit.role in HEARD else []
    bounds = [(round(begins * unit.sampling_rate), round(stops * unit.sampling_rate)) for begins, stops in near]
    stream.forget(min([start, *(begins for begins, _ in bounds)]))
    samples = stream.take(start, end)
    if not len(samples) or (end is not None and start + len(samples) < end - OVERHANG_S * unit.sampling_rate):
        wanted = f"from {part.start or 0:g} s " + ("on" if part.end is None else f"to {part.end:g} s")
        reason = f"{wanted}: the recording lasts {stream.num_samples / unit.sampling_rate:g} s"
        return {"num_samples": None, "pcm_sha256": None} | _reason("times", reason), []
    known = {"num_samples": len(samples), "pcm_sha256": hashlib.sha256(samples.astype("<i2", copy=False).tobytes()).hexdigest()}
    if unit.role == "rir":
        about, stretches = room(samples, unit.sampling_rate)
        return known | about, stretches
    known["fingerprint"] = _fingerprint(unit, samples[:most])
    if unit.role == "noise":
        return known, whole(samples, unit.sampling_rate)
    if unit.segmentation.detector == "given":
        return known, _given(samples, [stream.take(*bound) for bound in bounds], unit, part)
    return known, _speech(samples, frames_of(samples, unit.sampling_rate), unit, part)


def _fingerprint(unit: Unit, samples: np.ndarray) -> str | None:
    return fingerprint(samples, unit.sampling_rate) if unit.with_fingerprints else None


def _decoding(unit: Unit, job: Job) -> Decoding:
    if job.say is None:
        assert job.path is not None, "a job has a path or something to say"
        audio = job.path if job.inside is None else _packed(job, job.path, job.inside)
        with _reading():
            found = decoding(audio, unit.sampling_rate, channel=0 if job.channel is None and unit.role == "rir" else job.channel)
        return replace(found, blocks=_read(found.blocks))
    samples, rate = _spoken(job.say)
    if not len(samples):
        raise Undecodable("empty", "nothing is said for this text")
    return Decoding(iter([to_int16(resample(samples, rate, unit.sampling_rate))]), unit.sampling_rate, rate, 1)


UNREADABLE = frozenset({errno.ENOENT, errno.EIO, errno.ESTALE, errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENOTDIR, errno.ELOOP})
"""What is wrong with one file; other failures to read, such as too many open files, are the machine's."""


@contextmanager
def _reading() -> Iterator[None]:
    """A file that goes away or fails while it is read costs its own row."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNREADABLE:
            raise
        raise Undecodable(UNREAD, f"cannot be read: {error.strerror}") from error


def _read(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    with _reading():
        yield from blocks


def _spoken(say: Utterance | TtsUtterance) -> tuple[np.ndarray, int]:
    """Float samples of a text, and their sampling rate."""
    if isinstance(say, TtsUtterance):
        return speak_with(say.folder, say.text, sha256=say.sha256, speaker=say.speaker, speaking_rate=say.speaking_rate, seed=say.seed)
    samples, rate = speak(say.text, voice=say.voice, words_per_minute=say.words_per_minute, pitch=say.pitch)
    return samples / np.float32(32768), rate


def _packed(job: Job, container: Path, inside: Inside) -> bytes:
    """A packed audio file; of a container that is not on this machine, its bytes alone are fetched."""
    if job.remote is None or not job.is_away:
        return read_packed(container, inside)
    if inside.kind != "bytes":
        raise BadEnvironment(f"{job.remote.url}: is read from a copy that is not here", try_this="let XDG_CACHE_HOME name a folder that all nodes share")
    if not 0 < inside.size <= MOST_PACKED_BYTES:
        raise Undecodable(TOO_LARGE if inside.size else "empty", f"is packed as {inside.size} bytes")
    return fetch_part(job.remote, inside.offset, inside.size)


def _windows(stream: SampleStream, unit: Unit, part: Part) -> Segments:
    """Segments of a recording of any length, in windows: an utterance that may go on behind a window begins the next."""
    frame = frame_length(unit.sampling_rate)
    length = round(WINDOW_S / FRAME_S) * frame
    keep = round(unit.segmentation.keep_pause_s / FRAME_S) + SETTLED_FRAMES
    position, most_gain = 0, np.inf
    while True:
        window = stream.take(position, None if part.whole else position + length)
        is_last = part.whole or len(window) < length
        frames = frames_of(window, unit.sampling_rate)
        found = list(_speech(window, frames, unit, part, most_gain))
        most_gain = min(most_gain, hearing_gain(frames))
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


def _speech(samples: np.ndarray, frames: Frames, unit: Unit, part: Part, most_gain: float = np.inf) -> Segments:
    # Whether anybody speaks is for a transcript to say: a window of a long recording without one may hold nothing but noise.
    speech = speech_frames(samples, unit.sampling_rate, frames, unit.segmentation, is_spoken=part.whole, most_gain=most_gain)
    found = utterances(speech, frames, unit.segmentation, longest_s=unit.longest_s, whole=part.whole)
    if part.may_be_cut and any(end - start > unit.longest_s * unit.sampling_rate for start, end in found):
        found = utterances(speech, frames, unit.segmentation, longest_s=unit.longest_s, whole=False)
    return encoded(samples, unit.sampling_rate, found, frames, speech, names=part.spectral, longest_s=unit.longest_s)


def _given(samples: np.ndarray, silent: Sequence[np.ndarray], unit: Unit, part: Part) -> Segments:
    joined, speech = behind_silence(silent, samples, unit.sampling_rate)
    start = len(joined) - len(samples)
    found = [(start, len(joined))] if np.any(samples) else []
    frames = frames_of(joined, unit.sampling_rate)
    for stretch, flac in encoded(joined, unit.sampling_rate, found, frames, speech, names=part.spectral, longest_s=unit.longest_s):
        yield stretch | {"start": 0}, flac


def _failed(job: Job, rule: str, reason: str) -> Rows:
    return [{"input": part.input, **NOTHING, **_reason(rule, reason)} for part in job.parts]


def _reason(rule: str, reason: str) -> dict[str, Any]:
    return {"rule": rule, "reason": reason}


def _identity(job: Job) -> Identity:
    if job.path is None:
        return [] if job.say is None else job.say.facts
    packed = [] if job.inside is None else list(asdict(job.inside).values())
    if may_need_decoder(str(job.path)):
        # What could not be decoded is tried again once the decoder is installed.
        packed.append(is_installed())
    if job.remote is not None:
        return [str(job.remote.url), job.remote.size, job.remote.tag, *packed, job.channel]
    try:
        status = job.path.stat()
    except OSError:
        return [str(job.path), "missing"]
    return [str(job.path), status.st_size, status.st_mtime_ns, status.st_ino, *packed, job.channel]
