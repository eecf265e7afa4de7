"""Choose a few cuts to listen to, typical ones and the noisiest, and carry their sound as text."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from speccraft.report.spectrogram import spectrogram_png
from speccraft.report.visible import SpeakerNames, shortened
from speccraft.sound.shards import ShardReader, decode_flac

MOST_AUDIO_BYTES = 2_000_000
"""Size of all clips together, as base64."""
WAVE_COLUMNS = 120
SHOWN = ("duration_s", "snr_db", "level_dbfs", "speech_share", "characters_per_s", "place_snr_db", "delivered_snr_db", "place_rt60_s")


def clips(folder: Path, measures: pl.DataFrame, names: SpeakerNames, sampling_rate: int) -> dict[str, Any]:
    """Up to eight clips, as recorded and in place, and how many did not fit."""
    readers: dict[str, ShardReader] = {}
    chosen, spent, left_out = [], 0, 0
    for split, why, row in choice(measures):
        reader = readers.setdefault(split, ShardReader(folder / "shards" / split))
        sounds = {condition: reader.flac(row["cut"], condition) for condition in reader.conditions if condition in ("clean", "place")}
        size = sum(-(-len(flac) // 3) * 4 for flac in sounds.values())
        if spent + size > MOST_AUDIO_BYTES:
            left_out += 1
            continue
        spent += size
        chosen.append(
            {
                "cut": row["cut"],
                "split": split,
                "why": why,
                "source": row["source"],
                "speaker": names.of(row["speaker"]),
                "text": shortened(row["text"] or ""),
                "measures": {name: None if row[name] is None else round(row[name], 3) for name in SHOWN},
                "sounds": {condition: _sound(flac, sampling_rate) for condition, flac in sounds.items()},
            }
        )
    return {"shown": chosen, "left_out": left_out}


def choice(measures: pl.DataFrame) -> list[tuple[str, str, dict[str, Any]]]:
    """The cuts to show, most telling first, as (split, reason, row); the same ones for the same measures."""
    found: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for split in ("test", "train", "dev"):
        own = measures.filter(pl.col("split") == split).sort("cut")
        for why, row in (
            ("typical: nearest to the median SNR", _nearest_to_median(own)),
            ("lowest SNR in place", _lowest(own, "delivered_snr_db")),
            ("lowest SNR as recorded", _lowest(own, "snr_db")),
        ):
            if row is not None:
                found.setdefault(row["cut"], (split, why, row))
    return list(found.values())[:8]


def _nearest_to_median(cuts: pl.DataFrame) -> dict[str, Any] | None:
    measure = "snr_db" if cuts["snr_db"].is_not_null().any() else "seconds"
    known = cuts.filter(pl.col(measure).is_finite())
    distance = (pl.col(measure) - pl.col(measure).median()).abs()
    return known.sort(distance, maintain_order=True).row(0, named=True) if known.height else None


def _lowest(cuts: pl.DataFrame, measure: str) -> dict[str, Any] | None:
    known = cuts.filter(pl.col(measure).is_finite())
    return known.sort(measure, maintain_order=True).row(0, named=True) if known.height else None


def _sound(flac: bytes, sampling_rate: int) -> dict[str, Any]:
    samples = decode_flac(flac)
    return {"flac": _base64(flac), "wave": _peaks(samples), "spectrogram": _base64(spectrogram_png(samples, sampling_rate))}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _peaks(samples: np.ndarray) -> list[int]:
    """Largest magnitude in each of some columns, in thousandths of full scale."""
    columns = np.array_split(np.abs(samples), min(WAVE_COLUMNS, max(1, len(samples))))
    return [round(1000 * min(1.0, float(column.max(initial=0.0)))) for column in columns]
