"""The job that every peer does, in lean numpy: find speech, cut it out, measure the pieces, keep the good ones.

Each peer is given these functions, so that only its own work differs: how files are found, decoded and decoded again, how rows travel, how shards are written.
Usual scripts measure with librosa and pyloudnorm, which costs three to four CPU-seconds an hour more (measurements.md).
"""

from __future__ import annotations

import argparse
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import webrtcvad

RATE = 16000
FRAME = 480
"""30 ms."""
AGGRESSIVENESS = 2
JOINED_FRAMES = 10
"""Pauses up to 0.3 s do not cut, and up to 0.3 s of silence is kept around speech."""
CLICK_FRAMES = 3
QUANTISATION_POWER = 2.0**-30 / 12
LEAST_SNR_DB, MOST_CLIPPED, DURATION_S = 10.0, 1e-3, (0.5, 30.0)
ROWS_PER_SHARD = 1000


@dataclass(frozen=True)
class Piece:
    """Samples [start, end) of a recording that hold speech, the share of their frames that does, and the power of the recording's other frames."""

    start: int
    end: int
    speech_share: float
    noise_power: float


def arguments(caption: str | None) -> argparse.Namespace:
    """What every peer's command takes: the corpus, an output folder, and how many processes work."""
    parser = argparse.ArgumentParser(description=caption)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True)
    return options


def audio_files(corpus: Path) -> list[Path]:
    """The recordings, in a fixed order."""
    return sorted(path for path in corpus.rglob("*") if path.suffix in (".flac", ".wav", ".mp3"))


def decoded(path: Path | str) -> np.ndarray:
    """All samples of a file: int16, mono, 16 kHz."""
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1).astype(np.int16)
    return mono if rate == RATE else soxr.resample(mono, rate, RATE)


def pieces(samples: np.ndarray) -> list[Piece]:
    """The stretches of int16 samples that hold speech."""
    speech = _speech(samples)
    groups: list[list[int]] = []
    for start, end in _runs(speech):
        if end - start < CLICK_FRAMES:
            continue
        if groups and start - groups[-1][1] <= JOINED_FRAMES:
            groups[-1][1] = end
        else:
            groups.append([start, end])
    framed = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.einsum("ij,ij->i", framed, framed, dtype=np.float32) / FRAME / 32768.0**2
    quiet = power[~speech[: len(power)]]
    noise = max(float(quiet.mean()), QUANTISATION_POWER) if len(quiet) else QUANTISATION_POWER
    found = []
    for index, (start, end) in enumerate(groups):
        before = groups[index - 1][1] if index else 0
        after = groups[index + 1][0] if index + 1 < len(groups) else len(speech)
        left, right = (
            max(start - JOINED_FRAMES, (before + start) // 2 if index else 0),
            min(end + JOINED_FRAMES, (end + after) // 2 if after < len(speech) else after),
        )
        found.append(Piece(left * FRAME, min(right * FRAME, len(samples)), float(speech[left:right].mean()), noise))
    return found


def measures(samples: np.ndarray, speech_share: float, noise_power: float) -> dict[str, float]:
    """Level, peak, clipping, signal-to-noise ratio and speech share of one piece; samples are int16."""
    wave = samples.astype(np.float32) / np.float32(32768)
    power, peak = float(np.dot(wave, wave)) / max(1, len(wave)), float(np.abs(wave).max(initial=0))
    active = (power - (1 - speech_share) * noise_power) / max(speech_share, 1e-9)
    return {
        "duration_s": len(wave) / RATE,
        "level_dbfs": _decibel(power),
        "peak_dbfs": _decibel(peak**2),
        "clipped_fraction": float(np.count_nonzero(np.abs(wave) >= 32767 / 32768)) / max(1, len(wave)),
        "speech_share": speech_share,
        "snr_db": _decibel((active - noise_power) / noise_power),
    }


def is_good(measured: dict[str, float]) -> bool:
    """Whether a piece is kept."""
    shortest, longest = DURATION_S
    return measured["snr_db"] >= LEAST_SNR_DB and measured["clipped_fraction"] <= MOST_CLIPPED and shortest <= measured["duration_s"] <= longest


def flac(samples: np.ndarray) -> bytes:
    """FLAC bytes of int16 samples."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _speech(samples: np.ndarray) -> np.ndarray:
    """Which 30 ms frames hold speech, heard at full scale."""
    peak = int(np.abs(samples.astype(np.int32)).max(initial=0))
    padded = np.pad(samples, (0, -len(samples) % FRAME))
    if not peak:
        return np.zeros(len(padded) // FRAME, bool)
    content = (padded * np.float32(0.99 * 32767 / peak)).astype("<i2").tobytes()
    detector = webrtcvad.Vad(AGGRESSIVENESS)
    return np.array([detector.is_speech(content[at : at + 2 * FRAME], RATE) for at in range(0, len(content), 2 * FRAME)], bool)


def _runs(speech: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], speech, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _decibel(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-20)))
