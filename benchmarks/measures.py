"""How far every measure is from the truth: `python -m benchmarks.measures --data DATA` writes docs/measures.md and speccraft/sound/errors_published.py.

Truth is simulated on the real packs. The table of the reverberation time is fitted (`--calibrate`) to other speakers and to no measured room.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from pathlib import Path

import numpy as np
import soxr

from benchmarks.acoustics import RATE, Known, draw_room, each, intonation, known, low_passed, measured_rooms, mixed, noises, pulse_voice, read
from benchmarks.measures_page import Row, page, published, published_module
from speccraft.scenario.environment import CodedChannel, TelephoneChannel
from speccraft.sound.channel import through_channel, upper_limit_hz
from speccraft.sound.frames import frame_length, frames_of
from speccraft.sound.measures import MEASURES, Stretches
from speccraft.sound.mix import active_frames, active_power, clipped
from speccraft.sound.reverberation import steepest_fade_db_per_s
from speccraft.sound.spectral import SPECTRAL

ROOT = Path(__file__).resolve().parents[1]
SNRS_DB = (-5, 0, 5, 10, 15, 20, 30, 40)
RT60_S = (0.1, 1.5)
KINDS = ("noise decay", "image source", "measured")
TELEPHONE = TelephoneChannel(codec="telephone")
Case = tuple[str, Known]


def test_speech(data: Path) -> list[Path]:
    """Ten speakers of LibriSpeech. No table was fitted to them, but settings of the measures were chosen by what they did here."""
    return sorted((data / "dev/read/librispeech_test-other").glob("*.flac"))


def held_out_speech(data: Path) -> list[Path]:
    """Speech by which nothing was chosen: other microphones, seven languages besides English."""
    return sorted(path for folder in ("multilingual", "read/cmu_arctic") for path in (data / "dev" / folder).glob("*.wav") if "rhino" not in path.name)


def snr_cases(data: Path, random: np.random.Generator) -> Iterator[Case]:
    """Speech in white noise and in real noise."""
    real = {**noises(data), "white": [random.standard_normal(10 * RATE).astype(np.float32)]}
    for kind in ("white", "steady", "changing", "events"):
        for snr in SNRS_DB:
            for speech in each(test_speech(data), random, 20):
                noisy, truth = mixed(speech, real[kind][random.integers(len(real[kind]))], snr, random)
                yield f"{kind}, {snr} dB", known(noisy, truth)
    for snr in (0, 10, 20, 30):
        for speech in each(held_out_speech(data), random, 20):
            noisy, truth = mixed(speech, real["steady"][random.integers(len(real["steady"]))], snr, random)
            yield f"held-out speech, steady, {snr} dB", known(noisy, truth)


def reverberation_cases(data: Path, random: np.random.Generator) -> Iterator[Case]:
    """Speech in rooms: of each kind, of several lengths, and in noise."""
    measured, steady = measured_rooms(data), noises(data)["steady"]
    conditions = [(kind, 12.0, None) for kind in KINDS] + [("any", length, None) for length in (4.0, 2.0)] + [("any", 12.0, snr) for snr in (30, 20, 10)]
    for kind, seconds, snr in conditions:
        for speech, own in zip(each(test_speech(data), random, 72), cycle(KINDS), strict=False):
            room = draw_room(own if kind == "any" else kind, random.uniform(*RT60_S), measured, random)
            wet = room.heard(speech[: round(seconds * RATE)])
            if snr is not None:
                wet, _ = mixed(wet, steady[random.integers(len(steady))], snr, random)
            name = f"{kind} rooms" if kind != "any" else f"{seconds:g} s" if snr is None else f"in noise, {snr} dB"
            yield name, known(0.5 * wet, room.rt60_s)
    for kind in KINDS:
        for speech in each(held_out_speech(data), random, 72):
            room = draw_room(kind, random.uniform(*RT60_S), measured, random)
            yield f"held-out speech, {kind} rooms", known(0.5 * room.heard(speech), room.rt60_s)


def bandwidth_cases(data: Path, random: np.random.Generator) -> Iterator[Case]:
    """Speech that was cut off, by level, in noise before and behind the cut, and through codecs; at 48 kHz it is three times as fast."""
    for rate, limits in ((16000, (2000, 3000, 4000, 5000, 6000, 7000)), (48000, (4000, 6000, 8000, 12000, 16000, 20000))):
        told = f"{rate // 1000} kHz"
        for limit in limits:
            for way, speech in zip(cycle(("filter", "resampled")), each(test_speech(data), random, 6), strict=False):
                narrow, truth = low_passed(speech, rate, limit, way)
                for dbfs in (-50, -30, -15):
                    yield f"{told}, {dbfs} dBFS", known(_at_level(narrow, dbfs), truth, rate)
                for snr in (30, 20, 10):
                    noise = random.standard_normal(len(speech)).astype(np.float32) * np.std(speech) * 10 ** (-snr / 20)
                    yield f"{told}, white noise before the cut", known(low_passed(speech + noise, rate, limit, way)[0], truth, rate)
                    yield f"{told}, white noise behind the cut, {snr} dB", known(narrow + noise, truth, rate)
        for speech in each(test_speech(data), random, 24):
            yield f"{told}, not cut", known(speech, rate / 2, rate)
    for limit in (2000, 3000, 4000, 5000, 6000):
        for speech in each(held_out_speech(data), random, 20):
            narrow, truth = low_passed(speech, RATE, limit, "filter")
            yield "held-out speech, 16 kHz", known(_at_level(narrow, float(random.uniform(-50, -15))), truth)
            noise = random.standard_normal(len(speech)).astype(np.float32) * np.std(speech) / 10
            yield "held-out speech, 16 kHz, white noise behind the cut, 20 dB", known(narrow + noise, truth)
    for speech in each(test_speech(data), random, 12):
        for codec, kbps in (("opus", 8), ("opus", 12), ("opus", 24), ("mp3", 16), ("mp3", 32), ("mp3", 64)):
            channel = CodedChannel(codec=codec, bitrate_kbps=kbps)
            yield f"{codec} of 48 kHz", known(through_channel(0.5 * speech, channel, 48000), upper_limit_hz(channel, 48000) or 24000, 48000)
        yield "telephone in 16 kHz", known(through_channel(0.5 * speech, TELEPHONE, RATE), upper_limit_hz(TELEPHONE, RATE) or 8000)


def level_cases(data: Path, random: np.random.Generator) -> Iterator[Case]:
    """The level of speech where it is louder than 30 dB below its loudest frame."""
    for snr in (40, 20, 10):
        for speech in each(test_speech(data), random, 40):
            loud = _at_level(speech, float(random.uniform(-45, -15)))
            truth = 10 * np.log10(active_power(loud, active_frames(loud, RATE), RATE))
            yield f"steady noise, {snr} dB", known(mixed(loud, random.standard_normal(RATE).astype(np.float32), snr, random)[0], float(truth))


def silence_cases(name: str) -> Callable[[Path, np.random.Generator], Iterator[Case]]:
    """Two sentences with silences of known length before, between and behind them, in white noise."""

    def cases(data: Path, random: np.random.Generator) -> Iterator[Case]:
        for snr in (40, 20, 10):
            sentences = [_without_ends(speech) for speech in each(test_speech(data), random, 40)]
            for one, other in zip(sentences[::2], sentences[1::2], strict=True):
                before, between, behind = (round(random.uniform(*span) * RATE) for span in ((0.2, 2), (1, 3), (0.2, 2)))
                speech = np.concatenate([np.zeros(before), one, np.zeros(between), other, np.zeros(behind)]).astype(np.float32)
                truths = {
                    "leading_silence_s": before / RATE,
                    "longest_pause_s": between / RATE,
                    "trailing_silence_s": behind / RATE,
                    "speech_share": float(active_frames(speech, RATE).mean()),
                }
                noise = random.standard_normal(RATE).astype(np.float32)
                yield f"white noise, {snr} dB", known(mixed(speech, noise, snr, random)[0], truths[name])

    return cases


def _without_ends(speech: np.ndarray) -> np.ndarray:
    """A sentence from its first to its last 30 ms that are within 30 dB of the loudest."""
    heard = np.flatnonzero(active_frames(speech, RATE)) * frame_length(RATE)
    return speech[heard[0] : heard[-1] + frame_length(RATE)]


def clipping_cases(data: Path, random: np.random.Generator) -> Iterator[Case]:
    """Speech of which the loudest share lies at full scale."""
    for share in (0.0001, 0.001, 0.01, 0.1):
        for speech in each(test_speech(data), random, 12):
            cut = clipped(speech, share)
            loud = np.rint(cut / np.abs(cut).max() * 32767).astype(np.int16)
            yield f"{100 * share:g} %", Known(loud, RATE, float(np.mean(np.abs(loud) == 32767)))


def loudness_cases(data: Path, random: np.random.Generator) -> Iterator[Case]:
    """Sines, whose loudness is arithmetic, and speech against the standard's own filter at 48 kHz."""
    import pyloudnorm

    for rate in (8000, 16000, 48000):
        for dbfs in (-50, -30, -10):
            sine = 10 ** (dbfs / 20) * np.sin(2 * np.pi * 997 * np.arange(3 * rate) / rate)
            yield "sines of 997 Hz", known(sine, dbfs - 3.01, rate)
    for rate in (8000, 16000):
        for speech in each(test_speech(data), random, 20):
            narrow = soxr.resample(speech, RATE, rate)
            yield f"speech, {rate // 1000} kHz", known(narrow, float(pyloudnorm.Meter(48000).integrated_loudness(soxr.resample(narrow, rate, 48000))), rate)


def pitch_cases(of: Callable[[np.ndarray], float]) -> Callable[[Path, np.random.Generator], Iterator[Case]]:
    """Voices of pulses whose fundamental frequency is known, alone and in noise."""

    def cases(data: Path, random: np.random.Generator) -> Iterator[Case]:
        for snr in (40, 20, 10):
            for _ in range(40):
                hertz = intonation(random)
                voice = pulse_voice(hertz, random)
                noise = random.standard_normal(len(voice)).astype(np.float32) * np.std(voice) * 10 ** (-snr / 20)
                yield f"white noise, {snr} dB", known(voice + noise, of(hertz))

    return cases


def _range_semitones(hertz: np.ndarray) -> float:
    low, high = np.quantile(hertz, (0.05, 0.95))
    return float(12 * np.log2(high / low))


CASES: Mapping[str, Callable[[Path, np.random.Generator], Iterator[Case]]] = {
    "level_dbfs": level_cases,
    "clipped_fraction": clipping_cases,
    **{name: silence_cases(name) for name in ("speech_share", "leading_silence_s", "trailing_silence_s", "longest_pause_s")},
    "snr_db": snr_cases,
    "loudness_lufs": loudness_cases,
    "bandwidth_hz": bandwidth_cases,
    "reverberation_s": reverberation_cases,
    "f0_median_hz": pitch_cases(lambda hertz: float(np.median(hertz))),
    "f0_range_semitones": pitch_cases(_range_semitones),
}
"""What is simulated for which measure."""


def _at_level(speech: np.ndarray, dbfs: float) -> np.ndarray:
    return speech * np.float32(10 ** (dbfs / 20) / np.sqrt(active_power(speech, active_frames(speech, RATE), RATE)))


def estimate(name: str, sound: Known) -> float:
    """What a measure says of a whole sound."""
    if name in SPECTRAL:
        return SPECTRAL[name](sound.samples, sound.sampling_rate, sound.speech)
    frames = frames_of(sound.samples, sound.sampling_rate)
    return float(MEASURES[name](Stretches.of([(0, len(sound.samples))], sound.sampling_rate, frames, sound.speech))[0])


def rows_of(name: str, data: Path, seed: int = 0, only: str | None = None) -> list[Row]:
    """The errors of one measure, by condition; of one condition alone where `only` names it."""
    found: dict[str, list[tuple[float, float]]] = {}
    for condition, sound in CASES[name](data, np.random.default_rng(seed)):
        if only in (None, condition):
            found.setdefault(condition, []).append((sound.truth, estimate(name, sound)))
    return [Row(name, condition, np.array(pairs)) for condition, pairs in found.items()]


def calibration(data: Path, random: np.random.Generator) -> list[tuple[float, float]]:
    """Fades and what they mean in seconds: the median truth near each, over other speakers in simulated rooms, some in noise."""
    steady, pairs = noises(data)["steady"], []
    paths = sorted((data / "dev/read/librispeech_many_speakers").glob("*.flac"))
    for index in range(24 * len(paths)):
        room = draw_room(KINDS[index % 2], float(np.exp(random.uniform(np.log(0.09), np.log(2.5)))), [], random)
        wet = room.heard(read(paths[index % len(paths)])[: round(random.uniform(2, 12) * RATE)])
        if index % 3 == 0:
            wet, _ = mixed(wet, steady[random.integers(len(steady))], random.uniform(10, 40), random)
        sound = known(0.5 * wet, room.rt60_s)
        pairs.append((steepest_fade_db_per_s(sound.samples, RATE, sound.speech), room.rt60_s))
    fades, truths = np.array([pair for pair in pairs if np.isfinite(pair).all()]).T
    knots = np.quantile(fades, (0.01, 0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.87, 0.95, 0.99))
    return [(round(float(knot), 1), round(float(np.median(truths[np.abs(np.log(fades / knot)) < 0.06])), 3)) for knot in knots]


def main() -> None:
    """Measure everything and write the page and the module, or print the calibration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the packs demo and dev")
    parser.add_argument("--calibrate", action="store_true", help="print what speccraft.sound.reverberation.CALIBRATION is to be")
    parser.add_argument("--only", nargs="*", choices=CASES, help="print the errors of these, write nothing")
    options = parser.parse_args()
    if options.calibrate:
        print(*calibration(options.data, np.random.default_rng(1)), sep=",\n")
        return
    began = time.process_time()
    rows = {name: rows_of(name, options.data) for name in options.only or CASES}
    took_s = time.process_time() - began
    for row in (row for own in rows.values() for row in own):
        print(f"{row.measure:20}", *row.cells(), sep=" | ")
    print(f"{took_s:.0f} CPU-s")
    if not options.only:
        (ROOT / "docs/measures.md").write_text(page(rows))
        (ROOT / "speccraft/sound/errors_published.py").write_text(published_module(published(rows)))


if __name__ == "__main__":
    main()
