"""Listen to a sample of the recordings below a folder, in processes that may die, and tell what they are like."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from speccraft.errors import UnreadableInput
from speccraft.ingest.folder import SIDECARS
from speccraft.ingest.rows import Reach
from speccraft.interview.look import Look, look_at
from speccraft.scenario.environment import SAMPLING_RATES_HZ
from speccraft.scenario.quality import Segmentation
from speccraft.scenario.source_base import AUDIO_ENDINGS

MOST_RECORDINGS = 200
MOST_BYTES = 1 << 30
"""The sample ends at either; a first file that is larger is still heard."""
RECORDINGS_PER_UNIT = 4
MEASURED_AT_HZ = 16_000
"""Rate that everything is measured at: levels and SNR hardly depend on it, and the place's rate is not chosen yet."""
LONGEST_PROPOSED_S = 30
LONGEST_HEARD_S = 3600.0
"""Whole recordings with a transcript are measured as they are, however long."""
LONGEST_CUT_S = 20.0
MOST_LISTED = 5
FEWEST_FOR_A_BAND = 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Unreadable:
    """A recording that is no usable audio, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Heard:
    """What a sample of a folder's recordings is like: `utterances` hold the measures of build/units, `source_rates` those of the files in Hz."""

    folder: Path
    look: Look
    sampled: int
    seconds: float
    source_rates: tuple[int, ...]
    utterances: tuple[dict[str, Any], ...]
    unreadable: tuple[Unreadable, ...]
    transcribed: int
    endings: tuple[str, ...]
    """Endings that recordings below the folder have, but for those of which every recording in the sample was unreadable."""

    def percentile(self, measure: str, share: float) -> float | None:
        """The value that a share of the utterances stays below, or None where none could be measured."""
        values = sorted(value for one in self.utterances if (value := one[measure]) is not None)
        return values[min(len(values) - 1, int(share * len(values)))] if values else None

    @property
    def sampling_rate(self) -> int:
        """The rate in Hz that fits the recordings."""
        return rate_for(self.source_rates)

    @property
    def heard(self) -> int:
        """How many recordings of the sample could be read."""
        return self.sampled - len(self.unreadable)

    @property
    def with_snr(self) -> int:
        """How many utterances have enough pause to measure noise in."""
        return sum(one["snr_db"] is not None for one in self.utterances)

    @property
    def snr_db(self) -> tuple[int, int] | None:
        """The 5th and 95th percentile of the SNR that the utterances already have, in whole dB; None for fewer than 20."""
        if self.with_snr < FEWEST_FOR_A_BAND:
            return None
        low, high = self.percentile("snr_db", 0.05), self.percentile("snr_db", 0.95)
        return None if low is None or high is None else (math.floor(low), math.ceil(high))

    @property
    def longest_utterance_s(self) -> int:
        """The longest utterance heard with a tenth to spare, and at most 30 s."""
        longest = max((one["seconds"] for one in self.utterances), default=LONGEST_CUT_S)
        return min(LONGEST_PROPOSED_S, max(1, math.ceil(1.1 * longest)))

    def quality(self) -> dict[str, dict[str, float]]:
        """Rules that keep nearly everything that was heard and catch what is unlike it: limits beyond the 5th or 95th percentile."""
        level, share, clipped = self.percentile("level_dbfs", 0.05), self.percentile("speech_share", 0.05), self.percentile("clipped_fraction", 0.95)
        rules: dict[str, dict[str, float]] = {}
        if level is not None:
            rules["level_dbfs"] = {"min": math.floor(level) - 6, "max_drop": 0.1}
        if clipped is not None:
            rules["clipped_fraction"] = {"max": min(0.1, max(0.01, math.ceil(2000 * clipped) / 1000)), "max_drop": 0.1}
        if share is not None:
            rules["speech_share"] = {"min": math.floor(50 * share) / 100, "max_drop": 0.1}
        return rules

    def spread(self, measure: str, digits: int = 1) -> str:
        """The 5th, 50th and 95th percentile of a measure, in words."""
        found = [self.percentile(measure, share) for share in (0.05, 0.5, 0.95)]
        return "not measurable" if None in found else ", ".join(f"{value:.{digits}f}" for value in found if value is not None)

    def as_data(self) -> dict[str, Any]:
        """What was heard, for `--json`."""
        measures = {name: [self.percentile(name, share) for share in (0.05, 0.5, 0.95)] for name in ("seconds", "snr_db", *self.quality())}
        return {
            "recordings": len(self.look.files),
            "sampled": self.sampled,
            "heard": self.heard,
            "unreadable": len(self.unreadable),
            "seconds": round(self.seconds, 3),
            "utterances": len(self.utterances),
            "source_rates_hz": dict(Counter(map(str, self.source_rates))),
            "transcribed": self.transcribed,
            "percentiles_5_50_95": measures,
        }

    def summary(self) -> list[str]:
        """What was heard, as lines of text."""
        rates = ", ".join(f"{count} at {rate} Hz" for rate, count in Counter(self.source_rates).most_common(3))
        lines = [
            f"heard {self.heard} of {self.look.count} recordings: {self.seconds / 60:.1f} minutes, {len(self.utterances)} utterances; {rates}",
            "5th, 50th and 95th percentile of the utterances:",
            f"  length  {self.spread('seconds')} s",
            f"  level   {self.spread('level_dbfs')} dBFS",
            f"  SNR     {self.spread('snr_db')} dB, of the {self.with_snr} with enough pause to measure noise in",
            f"  share of samples at full scale  {self.spread('clipped_fraction', 4)}; of frames with speech  {self.spread('speech_share', 2)}",
            "T60 (reverberation) is not estimated here: `speccraft measure --environment DIR` does it, best from claps recorded on site",
        ]
        return [*lines, *self._transcripts(), *self._unreadable()]

    def _transcripts(self) -> list[str]:
        if self.transcribed:
            return [f"{self.transcribed} of {self.heard} have a transcript beside them"]
        tables = f"; tables nearby: {', '.join(self.look.tables[:MOST_LISTED])}" if self.look.tables else ""
        return [f"none of {self.heard} has a transcript beside it, and without one nothing is trained on{tables}"]

    def _unreadable(self) -> list[str]:
        if not self.unreadable:
            return []
        lines = [f"{len(self.unreadable)} of {self.sampled} that were tried cannot be read:"]
        lines += [f"  {one.file}: {one.reason}" for one in self.unreadable[:MOST_LISTED]]
        return [*lines, *([f"  and {len(self.unreadable) - MOST_LISTED} more; --json names all"] if len(self.unreadable) > MOST_LISTED else [])]


def rate_for(source_rates: Sequence[int]) -> int:
    """The highest rate of a scenario, up to 16 kHz, that nine in ten recordings have."""
    lowest = sorted(source_rates)[len(source_rates) // 10] if source_rates else 16_000
    return max((rate for rate in SAMPLING_RATES_HZ if rate <= min(lowest, 16_000)), default=SAMPLING_RATES_HZ[0])


def listen(folder: Path, *, workers: int, on_progress: Progress = lambda *_: None) -> Heard:
    """Decode and measure a sample of the recordings below a folder.

    Untrusted audio may crash or hang a decoder, so the build's own workers do it, into a cache that is thrown away.

    Raises:
        UnreadableInput: it is no folder, or holds no audio file that can be read.
    """
    look = look_at(folder.resolve())
    if look.kind != "folder":
        raise UnreadableInput(f"{folder}: is no folder that can be listed", try_this="name the folder of the recordings")
    if not look.files:
        raise UnreadableInput(f"{folder}: no audio file below it", try_this=f"files are known by their ending: {', '.join(AUDIO_ENDINGS)}")
    chosen = sample(folder, look.files)
    named = [file for file in chosen if _is_utf8(str(file))]
    recordings, utterances = _measured(folder.resolve(), named, workers, on_progress)
    # A build refuses these, too: no table can hold such a name.
    broken = [Unreadable(ascii(str(file))[1:-1], "the file name is not UTF-8") for file in chosen if not _is_utf8(str(file))]
    broken += [Unreadable(one["input"], one["reason"]) for one in recordings if one["rule"] is not None]
    whole = [one for one in recordings if one["rule"] is None]
    deaf = {file.suffix.lower() for file in chosen} - {PurePath(one["input"]).suffix.lower() for one in whole}
    if not whole:
        reasons = "; ".join(f"{one.file}: {one.reason}" for one in broken[:MOST_LISTED])
        raise UnreadableInput(f"{folder}: none of {len(chosen)} recordings can be read: {reasons}", try_this="convert them to WAV or FLAC")
    return Heard(
        folder=folder,
        look=look,
        sampled=len(chosen),
        seconds=sum(one["num_samples"] for one in whole) / MEASURED_AT_HZ,
        source_rates=tuple(one["source_rate"] for one in whole),
        utterances=utterances,
        unreadable=tuple(broken),
        transcribed=sum(_is_transcribed(folder / one["input"]) for one in whole),
        endings=tuple(ending for ending in look.endings if ending not in deaf),
    )


def sample(folder: Path, files: Sequence[PurePath]) -> list[PurePath]:
    """At most 200 files and 1 GiB of them, by a hash of the name: the same on every machine, whatever the order of the names means."""
    chosen, total = list[PurePath](), 0
    for file in sorted(files, key=lambda file: hashlib.sha256(str(file).encode("utf-8", "surrogateescape")).digest()):
        with contextlib.suppress(OSError):  # a link to nowhere: decoding tells
            total += (folder / file).stat().st_size
        if chosen and (total > MOST_BYTES or len(chosen) == MOST_RECORDINGS):
            break
        chosen.append(file)
    return sorted(chosen)


def _measured(folder: Path, files: Sequence[PurePath], workers: int, on_progress: Progress) -> tuple[list[dict[str, Any]], tuple[dict[str, Any], ...]]:
    from speccraft.build.engine import run_unkept
    from speccraft.build.units import RECORDINGS, SEGMENTS, Unit

    units = [
        Unit(f"listen/{number:05d}", "listen", "speech", MEASURED_AT_HZ, Segmentation(), longest_s, tuple(jobs))
        for number, (longest_s, jobs) in enumerate(_jobs(folder, files))
    ]
    with run_unkept(units, "listen", workers=workers, on_progress=on_progress) as folders:
        recordings = [row for unit in units for row in _rows(folders[unit.name] / RECORDINGS)]
        segments = [row | {"seconds": row["num_samples"] / MEASURED_AT_HZ} for unit in units for row in _rows(folders[unit.name] / SEGMENTS)]
    return recordings, tuple(segments)


def _jobs(folder: Path, files: Sequence[PurePath]) -> list[tuple[float, list[Any]]]:
    """Jobs a unit at a time: recordings with a transcript stay whole, as in a build, the others are cut at pauses."""
    from speccraft.build.units import Job, Part

    reach = Reach(base=folder, roots=(folder,))
    by_kind: dict[bool, list[Job]] = {True: [], False: []}
    for file in files:
        whole = _is_transcribed(folder / file)
        # A link that leaves the folder is a build's failed row; here it is a file that is missing.
        by_kind[whole].append(Job(str(file), reach.resolve(str(file)) or folder / file / "outside", None, (Part(str(file), whole),)))
    longest = {True: LONGEST_HEARD_S, False: LONGEST_CUT_S}
    return [(longest[whole], jobs[at : at + RECORDINGS_PER_UNIT]) for whole, jobs in by_kind.items() for at in range(0, len(jobs), RECORDINGS_PER_UNIT)]


def _is_utf8(name: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in name)


def _is_transcribed(audio: Path) -> bool:
    return any(audio.with_suffix(ending).is_file() for ending in SIDECARS)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
