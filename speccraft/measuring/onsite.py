"""Listen to recordings made on site, and put what they tell of the place into an `environment:` block that a scenario takes as it is."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from speccraft.errors import UnreadableInput
from speccraft.interview.listen import rate_for
from speccraft.interview.render import render
from speccraft.measuring.files import measure_files, recordings_at
from speccraft.measuring.recording import How
from speccraft.report.numerals import plural
from speccraft.scenario.diagnostics import printable
from speccraft.scenario.document import Where

SPECTRAL = ("bandwidth_hz", "reverberation_s")
FEWEST_UTTERANCES = 20
"""Without as many, a 5th and a 95th percentile are the lowest and the highest of a few."""
FEWEST_RECORDINGS = 3
"""Fewer rooms and bands say nothing about others."""
LEAST_SPEECH_S = 1.0
LEAST_SILENCE_S = 3.0
"""A shorter recording in which nobody was heard may be a word that was missed."""
MOST_NAMED = 5
SNR_RANGE_DB = (-5, 40)
"""What the measure of the SNR is meant for (docs/measures.md)."""
LEAST_T60_S = 0.1
"""A shorter reverberation time cannot be told from the sound itself."""
Kind = Literal["spoken", "claps", "too_short", "silent"]
KINDS: Mapping[Kind, str] = {
    "spoken": "in which somebody speaks",
    "claps": "of a clap or an impulse response",
    "too_short": f"too short to tell (less than {LEAST_SILENCE_S:g} s, or less than {LEAST_SPEECH_S:g} s of speech)",
    "silent": f"of {LEAST_SILENCE_S:g} s or more without speech that was told from noise",
}
"""What a recording made on site can be."""
STAND_INS = {"snr_db": ("speech-shaped", "noise", "noise"), "rt60_s": ("simulated-rooms", "rooms", "rir")}
"""By the fields that are promises without a sound to keep them: what can be made for want of recordings, and the field and role of recordings."""
LOWEST_DBFS = -90
TELEPHONE_HZ = (2900.0, 3900.0)
"""A band that ends between is that of a telephone line: 3400 Hz, and the error of the measure."""
NARROW = 0.9
"""A band that ends below this share of half the sampling rate was cut off."""
DRAWS = 1000
SNR_ERROR = "each within 2 dB or so from 0 to 30 dB, the higher the less certain"
CLAP_ERROR = 0.07
T60_ERROR_S = 0.1
"""Of a blind estimate, in the middle (docs/measures.md)."""


@dataclass(frozen=True)
class Estimate:
    """One thing that the recordings tell of the place: its `value` in the block, None where it is told in words alone; from how much, how certain."""

    field: str
    value: Any
    words: str
    seconds: float
    recordings: int


@dataclass(frozen=True)
class Block:
    """An `environment:` block, as data and as YAML with comments, and what each number rests on."""

    environment: Mapping[str, Any]
    text: str
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class OnSite:
    """Recordings of a place as `measure_files` measured them; `detector` is who looked for speech in them."""

    folder: Path
    detector: str
    rows: tuple[dict[str, Any], ...]
    unreadable: tuple[dict[str, Any], ...] = field(default=())

    @property
    def spoken(self) -> tuple[dict[str, Any], ...]:
        """Recordings in which somebody speaks: Silero's network heard it, or a transcript lies beside them.

        WebRTC's detector is not believed here, for it takes engines, bells and crowds for speech.
        """
        return self.kinds["spoken"]

    @cached_property
    def kinds(self) -> dict[Kind, tuple[dict[str, Any], ...]]:
        """The recordings of each kind, in order."""
        return {kind: tuple(row for row in self.rows if self._kind(row) == kind) for kind in KINDS}

    @property
    def counts(self) -> dict[str, Any]:
        """Recordings and seconds, for `--json`."""
        seconds = {"seconds": _total(self.rows), "speech_s": round(sum(map(_speech_s, self.spoken)), 3)}
        return {"recordings": len(self.rows), **{kind: len(rows) for kind, rows in self.kinds.items()}, "unreadable": len(self.unreadable), **seconds}

    @property
    def files(self) -> dict[Kind, list[str]]:
        """Which recordings are of each kind, for `--json`."""
        return {kind: [row["file"] for row in rows] for kind, rows in self.kinds.items()}

    def _believed_s(self, row: Mapping[str, Any]) -> float:
        return _speech_s(row) if self.detector == "silero" or row["text"] else 0.0

    def _kind(self, row: Mapping[str, Any]) -> Kind:
        believed_s = self._believed_s(row)
        if believed_s >= LEAST_SPEECH_S:
            return "spoken"
        if row["clap_rt60_s"]:
            return "claps"
        return "too_short" if believed_s > 0 or row["duration_s"] < LEAST_SILENCE_S else "silent"


def best_detector() -> Literal["webrtc", "silero"]:
    """Silero's network, where it is installed: it tells speech from engines and crowds."""
    return "silero" if all(map(importlib.util.find_spec, ("silero_vad", "onnxruntime"))) else "webrtc"


def listen(
    folder: Path, *, workers: int, detector: Literal["webrtc", "silero"] | None = None, on_progress: Callable[[int, int], None] = lambda *_: None
) -> OnSite:
    """Measure every recording below a folder.

    Args:
        detector: who looks for speech, `best_detector` where None.

    Raises:
        UnreadableInput: it holds no audio file that can be read.
    """
    if not folder.is_dir():
        raise UnreadableInput(f"{folder}: is no folder", try_this="name the folder of the recordings made on site")
    detector = detector or best_detector()
    how = How(detector=detector, spectral=SPECTRAL, on_site=True)
    rows = measure_files(recordings_at([folder]), how, workers=workers, on_progress=on_progress)
    heard = tuple(row for row in rows if row["rule"] is None)
    broken = tuple(row for row in rows if row["rule"] is not None)
    if not heard:
        reasons = "; ".join(f"{row['file']}: {row['reason']}" for row in broken[:5])
        raise UnreadableInput(f"{folder}: none of {len(broken)} recordings can be read: {reasons}", try_this="convert them to WAV or FLAC")
    return OnSite(folder, detector, heard, broken)


def block(site: OnSite) -> Block:
    """The block: what could be estimated as fields, what could not as comments."""
    estimates = tuple(estimate(site) for estimate in (_rate, _snr, _rooms, _level, _channel, _noise))
    known = {one.field: one.value for one in estimates if one.value is not None}
    made = {field: stand_in for field, stand_in in STAND_INS.items() if field in known}
    environment: dict[str, Any] = {"place": printable(site.folder.resolve().name).replace("_", " "), **known}
    above: dict[Where, str] = {("environment", one.field): one.words for one in estimates if one.value is not None}
    if made:
        environment["made"] = [sound for sound, _, _ in made.values()]
        above["environment", "made"] = _instead_of_made(made)
    rest = "\n".join(f"{one.field}: {one.words}" for one in estimates if one.value is None)
    total = f"{plural(len(site.rows), 'recording')} made on site, {_minutes(_total(site.rows))}"
    above["environment",] = "\n".join((f"Measured by `speccraft measure --environment`: {total}.", *_sorted_out(site), rest))
    text = render({"environment": environment}, above=above, beside={})
    return Block(environment, text.lstrip("\n"), estimates)


def _sorted_out(site: OnSite) -> Iterator[str]:
    """How many recordings are of each kind, and which; of those with speech only how many."""
    for kind, what in KINDS.items():
        if (rows := site.kinds[kind]) or kind == "spoken":
            yield f"{plural(len(rows), 'recording')} {what}{'' if kind == 'spoken' else f': {_named(site, rows)}'}."


def _named(site: OnSite, rows: Sequence[Mapping[str, Any]]) -> str:
    names = [printable(row["file"].removeprefix(f"{site.folder}{os.sep}")) for row in rows[:MOST_NAMED]]
    more = f" and {len(rows) - MOST_NAMED} more, which --json names" if len(rows) > MOST_NAMED else ""
    return f"{', '.join(names)}{more}"


def _instead_of_made(made: Mapping[str, tuple[str, str, str]]) -> str:
    """What would be better than made sounds, with the lines that name it."""
    start = "Made by the build, for no recordings are named yet. Those of the place say more: make them a source and write, in place of what is made,"
    return "\n".join((start, *(f"{field}: [ID]   # of a source with `role: {role}`, in place of {sound}" for sound, field, role in made.values())))


def _rate(site: OnSite) -> Estimate:
    rates = [row["sampling_rate_hz"] for row in site.rows]
    they = " to ".join(map(str, sorted({min(rates), max(rates)})))
    words = f"The highest rate of a scenario, up to 16 kHz, that nine in ten recordings have; they have {they} Hz."
    return Estimate("sampling_rate", rate_for(rates), words, _total(site.rows), len(rates))


def _snr(site: OnSite) -> Estimate:
    value, words = _of_utterances(site, "snr_db", "dB")
    if value is not None:
        lowest, highest = SNR_RANGE_DB
        kept = {end: min(highest, max(lowest, snr_db)) for end, snr_db in value.items()}
        words += f" {SNR_ERROR}. Speech that drowned in the noise was not heard, so the low end may be lower."
        if kept != value:
            words += f" Cut from {value['low']} to {value['high']} dB: outside of {lowest} to {highest} dB the measure tells nothing."
        value = kept
    return _of_speech(site, "snr_db", value, words)


def _level(site: OnSite) -> Estimate:
    value, words = _of_utterances(site, "level_dbfs", "dBFS")
    if value is not None:
        # No scenario takes a lower one, and 16 bits end there.
        value = {end: max(LOWEST_DBFS, level) for end, level in value.items()}
        words += " it holds for this microphone and its gain alone."
    return _of_speech(site, "level_dbfs", value, words)


def _rooms(site: OnSite) -> Estimate:
    claps = [(rt60, row) for row in site.rows for rt60 in row["clap_rt60_s"]]
    if claps:
        times = [rt60 for rt60, _ in claps]
        low, high = min(times) * (1 - CLAP_ERROR), max(times) * (1 + CLAP_ERROR)
        words = f"Measured on {plural(len(claps), 'clap')} or impulse responses (T20): {min(times):.2f} to {max(times):.2f} s, each within 7 %."
        rows = {row["file"]: row for _, row in claps}.values()
        return Estimate("rt60_s", *_told_rt60_s(low, high, words), _total(rows), len(rows))
    blind = [row["reverberation_s"] for row in site.spoken if row["reverberation_s"] is not None]
    clap = "clap your hands a few times in a quiet moment (45 dB above the noise), record it, and measure again"
    if not blind:
        return _of_speech(site, "rt60_s", None, f"not estimated, for want of a clap and of speech that fades: {clap}.")
    if len(blind) < FEWEST_RECORDINGS:
        found = f"estimated from speech alone it is {np.median(blind):.1f} s in {plural(len(blind), 'recording')}, and {FEWEST_RECORDINGS} are needed"
        return _of_speech(site, "rt60_s", None, f"not measured, for there is no clap: {found}; {clap}.")
    low, high = np.percentile(blind, [5, 95])
    words = f"Estimated from how speech fades in {plural(len(blind), 'recording')}: 5th to 95th percentile, and {T60_ERROR_S:g} s more on either side"
    words = f"{words}, by which half of such estimates err (docs/measures.md). For better ones, {clap}."
    return _of_speech(site, "rt60_s", *_told_rt60_s(float(low) - T60_ERROR_S, float(high) + T60_ERROR_S, words))


def _told_rt60_s(low: float, high: float, words: str) -> tuple[dict[str, float] | None, str]:
    """A band of reverberation times as far as they can be told, and the words about it; None in place of a band of which nothing can."""
    low, high = round(low, 2), round(high, 2)
    if high <= LEAST_T60_S:
        return None, f"{words} No band is written, for what is below {LEAST_T60_S:g} s cannot be told."
    if low < LEAST_T60_S:
        words += f" The low end was {low:g} s and is written as {LEAST_T60_S:g} s, for what is below cannot be told."
    return {"low": max(LEAST_T60_S, low), "high": high}, words


def _channel(site: OnSite) -> Estimate:
    bands = [row["bandwidth_hz"] for row in site.spoken if row["bandwidth_hz"] is not None]
    if len(bands) < FEWEST_RECORDINGS:
        return _of_speech(
            site, "channel", None, f"not estimated: {plural(len(bands), 'recording')} with speech that shows a band, and {FEWEST_RECORDINGS} are needed."
        )
    widest, rates = float(np.percentile(bands, 90)), [row["sampling_rate_hz"] for row in site.spoken]
    seen = f"nine in ten of {plural(len(bands), 'recording')} hold nothing above {widest:.0f} Hz (within 500 Hz)"
    if widest >= NARROW * min(rate_for(rates), *rates) / 2:
        return _of_speech(site, "channel", None, f"none, for {seen}, which is all that the sampling rate holds or nearly so.")
    if TELEPHONE_HZ[0] <= widest <= TELEPHONE_HZ[1]:
        return _of_speech(site, "channel", {"codec": "telephone"}, f"As narrow as a telephone line: {seen}. A codec other than mu-law cannot be told from it.")
    return _of_speech(site, "channel", {"codec": "band", "high_hz": float(round(widest, -2))}, f"Narrower than the sampling rate: {seen}.")


def _noise(site: OnSite) -> Estimate:
    floors = [(row["noise_dbfs"], row["noise_s"]) for row in site.rows if row["noise_dbfs"] is not None]
    found = "not estimated: no recording has a pause." if not floors else _spread([floor for floor, _ in floors])
    if silent := site.kinds["silent"]:
        found += f" {plural(len(silent), 'recording')} ({_minutes(_total(silent))}) without speech that was told from noise: if that is the noise of the place,"
        found += " make it a source with `role: noise` and name its id here, `noise: [ID]`."
        found += "" if site.detector == "silero" else " To find speech among engines and crowds: pip install 'speccraft[silero]'"
    return Estimate("noise", None, found, round(sum(seconds for _, seconds in floors), 3), len(floors))


def _spread(floors: Sequence[float]) -> str:
    low, middle, high = np.percentile(floors, (5, 50, 95))
    return f"the floor lies at {middle:.0f} dBFS (median of {plural(len(floors), 'recording')}, {low:.0f} to {high:.0f}), with the gain of this microphone."


def _of_speech(site: OnSite, name: str, value: Any, words: str) -> Estimate:
    return Estimate(name, value, words, round(sum(map(_speech_s, site.spoken)), 3), len(site.spoken))


def _of_utterances(site: OnSite, measure: str, unit: str) -> tuple[dict[str, int] | None, str]:
    """The 5th to 95th percentile of a measure of the utterances in whole numbers, and what it rests on; in place of the band None where they are too few."""
    groups = [[one[measure] for one in row["utterances"] if one[measure] is not None] for row in site.spoken]
    values = np.concatenate([np.array(group, float) for group in groups]) if groups else np.zeros(0)
    if len(values) < FEWEST_UTTERANCES:
        return None, f"not estimated: {plural(len(values), 'utterance')} in which it can be measured, and {FEWEST_UTTERANCES} are needed."
    low, high = np.percentile(values, (5, 95))
    speech = f"{_minutes(sum(map(_speech_s, site.spoken)))} of speech in {plural(len(site.spoken), 'recording')}"
    ends = _ends([group for group in groups if group], unit)
    return {"low": int(np.floor(low)), "high": int(np.ceil(high))}, f"5th to 95th percentile of {len(values)} utterances ({speech}){ends};"


def _ends(groups: Sequence[Sequence[float]], unit: str) -> str:
    """How certain the ends of a band are: 95 % intervals by the bootstrap over recordings, whose utterances are much alike."""
    if len(groups) < FEWEST_RECORDINGS:
        return ", of too few recordings to tell how certain its ends are"
    rng, arrays = np.random.default_rng(0), [np.array(group) for group in groups]
    drawn = [np.percentile(np.concatenate([arrays[at] for at in rng.integers(len(arrays), size=len(arrays))]), (5, 95)) for _ in range(DRAWS)]
    (low, high), (lowest, highest) = np.percentile(drawn, (2.5, 97.5), axis=0).T
    return f", its ends {low:.0f} to {high:.0f} and {lowest:.0f} to {highest:.0f} {unit} with 95 % certainty"


def _speech_s(row: Mapping[str, Any]) -> float:
    return float(row["duration_s"] * row["speech_share"])


def _total(rows: Any) -> float:
    return round(sum(row["duration_s"] for row in rows), 3)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
