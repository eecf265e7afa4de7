"""How well and at what cost each detector of speech works on the real packs: `python -m benchmarks.vad --data DATA` writes docs/vad.md.

Meetings have annotated turns. Read speech is put between silences and mixed with noise, and what is speech in it is known from the clean signal. The
detectors' settings were tuned on other read speech and other noise (`tuning=True` below), and on the same meetings, of which there are no more.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.vad_page import Scores, page
from speccraft.scenario.quality import Segmentation
from speccraft.sound.decode import decode, to_int16
from speccraft.sound.frames import frames_of
from speccraft.sound.vad import speech_frames

RATE = 16000
STEP = RATE // 100
"""What is compared is 10 ms long."""
SNRS_DB = (20, 10, 5, 0)
NOISES_EACH = 3
QUIET_DBFS = -35
PATTERNS = {"n": "n", "s": "s", "ns": "ns", "sn": "sn", "nsn": "nsn", "sns": "sns", "zero": "n"}
"""Speech and silence in the files of dev/vad, by what their names say."""
SHORTEST_IN_A_PATTERN = 20
"""Steps (0.2 s) that silence or speech must last there."""

Mask = np.ndarray
"""Which steps of 10 ms hold speech: bool."""
Detector = Callable[[np.ndarray], Mask]


@dataclass(frozen=True)
class Sound:
    """A recording, int16 at 16 kHz, and where speech is in it."""

    samples: np.ndarray
    speech: Mask


def ours(segmentation: Segmentation, samples: np.ndarray) -> Mask:
    """A detector of speccraft."""
    return _in_steps(speech_frames(samples, RATE, frames_of(samples, RATE), segmentation), len(samples))


def webrtc_alone(samples: np.ndarray) -> Mask:
    """WebRTC's detector in mode 2 as most pipelines call it: frame by frame, nothing around it."""
    import webrtcvad

    detector, content = webrtcvad.Vad(2), np.pad(samples, (0, -len(samples) % 480)).tobytes()
    return _in_steps(np.array([detector.is_speech(content[at : at + 960], RATE) for at in range(0, len(content), 960)]), len(samples))


def auditok(validator: str | None, samples: np.ndarray) -> Mask:
    """auditok with its defaults, but for events of any length without the silence behind them; `p10` finds its threshold by itself."""
    from auditok import split

    found = split(samples.tobytes(), sr=RATE, sw=2, ch=1, max_dur=None, max_trailing_silence=0, validator=validator)
    return _of_times(((region.start, region.end) for region in found), len(samples))


def silero_loop(samples: np.ndarray) -> Mask:
    """Silero as its documentation calls it: the ONNX network, window by window."""
    import torch
    from silero_vad import get_speech_timestamps

    found = get_speech_timestamps(torch.from_numpy(samples / np.float32(32768)), _silero(), sampling_rate=RATE)
    return _of_times(((one["start"] / RATE, one["end"] / RATE) for one in found), len(samples))


@cache
def _silero() -> object:
    from silero_vad import load_silero_vad

    return load_silero_vad(onnx=True)


DETECTORS: dict[str, Detector] = {
    **{f"`webrtc`, mode {mode}": partial(ours, Segmentation(aggressiveness=mode)) for mode in range(4)},
    "`energy`": partial(ours, Segmentation(detector="energy")),
    "`silero`": partial(ours, Segmentation(detector="silero")),
    "webrtcvad alone, mode 2": webrtc_alone,
    "Silero's own loop": silero_loop,
    "auditok": partial(auditok, None),
    "auditok, p10": partial(auditok, "p10"),
}


def meetings(data: Path) -> list[Sound]:
    """AMI excerpts with their annotated turns."""
    found = []
    for turns in sorted([*data.glob("dev/conversation/*.rttm"), *data.glob("demo/long/*.rttm")]):
        audio = next(path for ending in (".flac", ".wav") if (path := turns.with_suffix(ending)).exists())
        samples = decode(audio, RATE).samples
        fields = [line.split() for line in turns.read_text().splitlines()]
        found.append(Sound(samples, _of_times(((float(one[3]), float(one[3]) + float(one[4])) for one in fields if one), len(samples))))
    return found


def read_speech(data: Path, *, tuning: bool = False) -> list[Sound]:
    """LibriSpeech sentences by threes with silences of 0.5 to 3 s around them; speech is what is within 35 dB of their loudest twentieth."""
    random, found = np.random.default_rng(7), []
    paths = sorted(data.glob("dev/read/librispeech_test-other/*.flac"))[0 if tuning else 2 :: 4]
    for first in range(0, len(paths) - 2, 3):
        pieces, speech = [], []
        for path in paths[first : first + 3]:
            sentence = decode(path, RATE).samples[: 12 * RATE].astype(np.float64)
            sentence = sentence[: len(sentence) // STEP * STEP] / np.sqrt(np.mean(sentence**2)) * 1600
            silence = np.zeros(int(random.uniform(50, 300)) * STEP)
            pieces += [silence, sentence]
            speech += [np.zeros(len(silence) // STEP, bool), _clean_speech(sentence)]
        found.append(Sound(to_int16(np.concatenate([*pieces, silence]) / 32768), np.concatenate([*speech, speech[-2]])))
    return found


def in_noise(sounds: list[Sound], data: Path, snr: float, *, tuning: bool = False) -> list[Sound]:
    """Each of them with three recordings of noise, at a signal-to-noise ratio over its speech."""
    random = np.random.default_rng(3)
    folders = ("demo/noise",) if tuning else ("dev/noise/ambient", "dev/noise/transport", "dev/noise/quiet_room", "dev/noise/esc10")
    paths = [path for folder in folders for path in sorted((data / folder).glob("*.*"))[:: 6 if folder.endswith("esc10") else 1]]
    noises = [noise for path in paths if len(noise := decode(path, RATE).samples.astype(np.float64)) > 4 * RATE and noise.any()]
    found = []
    for at, sound in enumerate(NOISES_EACH * sounds):
        noise = noises[at % len(noises)]
        noise = np.resize(np.roll(noise, random.integers(len(noise))), len(sound.samples))
        speech = sound.samples[np.repeat(sound.speech, STEP)].astype(np.float64)
        mixed = sound.samples + noise * np.sqrt(np.mean(speech**2) / np.mean(noise**2) / 10 ** (snr / 10))
        found.append(Sound(to_int16(mixed / max(32768, np.abs(mixed).max())), sound.speech))
    return found


def quiet(sound: Sound) -> Sound:
    """The same with its peak at -35 dBFS."""
    return Sound(to_int16(sound.samples / max(1, np.abs(sound.samples).max()) * 10 ** (QUIET_DBFS / 20)), sound.speech)


def measure(detector: Detector, sets: dict[str, list[Sound]], patterns: dict[str, np.ndarray]) -> Scores:
    """Everything about one detector."""
    detector(next(iter(sets.values()))[0].samples)  # imports and networks are loaded once
    began = time.process_time()
    found = {name: [detector(sound.samples) for sound in sounds] for name, sounds in sets.items()}
    took_s = time.process_time() - began
    hours = sum(len(sound.samples) for sounds in sets.values() for sound in sounds) / RATE / 3600
    return Scores(
        cpu_s_per_hour=took_s / hours,
        counts={name: sum(_counts(mask, sound.speech) for mask, sound in zip(found[name], sets[name], strict=True)) for name in sets},
        patterns=sum(_pattern(detector(samples)) == PATTERNS[name] for name, samples in patterns.items()),
    )


def _counts(found: Mask, true: Mask) -> np.ndarray:
    """Steps rightly found, wrongly found, missed, and rightly left."""
    return np.array([(found & true).sum(), (found & ~true).sum(), (~found & true).sum(), (~found & ~true).sum()])


def _pattern(found: Mask) -> str:
    """`sn` for speech and then silence; shorter stretches count as what is around them."""
    letters = ""
    for value, length in _runs(found):
        if length >= SHORTEST_IN_A_PATTERN and not letters.endswith("s" if value else "n"):
            letters += "s" if value else "n"
    return letters


def _clean_speech(sentence: np.ndarray) -> Mask:
    level = 10 * np.log10(np.mean(sentence.reshape(-1, STEP) ** 2, axis=1) + 1e-3)
    loud = level > np.percentile(level, 95) - 35
    return np.concatenate([np.full(length, value or length < 10) for value, length in _runs(loud)])


def _runs(mask: Mask) -> Iterator[tuple[bool, int]]:
    edges = [0, *(np.flatnonzero(np.diff(mask)) + 1).tolist(), len(mask)]
    return ((bool(mask[start]), end - start) for start, end in pairwise(edges))


def _in_steps(speech: np.ndarray, num_samples: int) -> Mask:
    return np.repeat(speech, 3)[: -(-num_samples // STEP)]


def _of_times(spans: Iterator[tuple[float, float]], num_samples: int) -> Mask:
    mask = np.zeros(-(-num_samples // STEP), bool)
    for start, end in spans:
        mask[round(start * 100) : round(end * 100)] = True
    return mask


def main() -> None:
    """Measure every detector and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the packs, with demo/ and dev/")
    parser.add_argument("--page", type=Path, default=Path(__file__).parent.parent / "docs" / "vad.md")
    options = parser.parse_args()
    clean = read_speech(options.data)
    sets = {"meetings": meetings(options.data), "clean": clean} | {f"{snr} dB": in_noise(clean, options.data, snr) for snr in SNRS_DB}
    sets |= {f"{name}, {QUIET_DBFS} dBFS": [quiet(sound) for sound in sets[name]] for name in ("meetings", "20 dB")}
    patterns = {name: decode(options.data / f"dev/vad/aeneas_{name}.wav", RATE).samples for name in PATTERNS}
    scores = {}
    for name, detector in DETECTORS.items():
        scores[name] = measure(detector, sets, patterns)
        print(f"{name}: {scores[name].cpu_s_per_hour:.2f} CPU-s an hour, F1 " + ", ".join(f"{scores[name].f1(one):.3f}" for one in sets))
    hours = {name: sum(len(sound.samples) for sound in sounds) / RATE / 3600 for name, sounds in sets.items()}
    options.page.write_text(page(scores, hours))


if __name__ == "__main__":
    main()
