"""Carry the chosen clips in the page: sound as Opus, waveform, spectrogram, words and measures."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from speccraft.report.choice import LADDER, Chosen, choice
from speccraft.report.opus import encode_opus
from speccraft.report.spectrogram import spectrogram_png
from speccraft.report.tables import Tables
from speccraft.report.visible import SpeakerNames, shortened
from speccraft.scenario.model import Scenario
from speccraft.sound.shards import ShardReader, decode_flac

MOST_BYTES = 3_000_000
"""Size of all clips together, pictures and base64 included: two fifths of a page are left for its tables."""
LONGEST_S = 10.0
"""Of a longer clip so much is heard."""
WAVE_COLUMNS = 120
SHOWN = ("duration_s", "snr_db", "level_dbfs", "speech_share", "characters_per_s", "place_snr_db", "delivered_snr_db", "place_rt60_s")
Dropped = Callable[[str], bytes]
"""The FLAC of a segment that was dropped, by its id; KeyError where it is not at hand."""


def clips(folder: Path, scenario: Scenario, tables: Tables, names: SpeakerNames, dropped: Dropped | None) -> dict[str, Any]:
    """The clips to listen to, and how many did not fit.

    Args:
        dropped: gives the sound of what is in no shard. Without it only kept cuts are heard: a build holds nothing else.
    """
    sounds = _Sounds(folder, scenario.environment.sampling_rate, dropped)
    shown: list[dict[str, Any]] = []
    spent = left_out = 0
    for chosen in choice(scenario, tables):
        heard = sounds.of(chosen)
        if not heard:
            continue
        size = sum(len(sound["opus"]) + len(sound["spectrogram"]) for sound in heard.values())
        if spent + size > MOST_BYTES:
            left_out += 1
            continue
        spent += size
        shown.append({"id": f"clip-{len(shown)}", **_told(chosen, names), "sounds": heard})
    return {"shown": shown, "left_out": left_out, "longest_s": LONGEST_S}


class _Sounds:
    def __init__(self, folder: Path, sampling_rate: int, dropped: Dropped | None) -> None:
        self._folder, self._rate, self._dropped = folder, sampling_rate, dropped
        self._readers: dict[str, ShardReader] = {}

    def of(self, chosen: Chosen) -> dict[str, Any]:
        """The conditions of a clip, from the quietest to the loudest noise; all of them where it shows the SNR ladder."""
        if chosen.split is None:
            flac = self._of_dropped(chosen.id)
            return {} if flac is None else {"clean": self._sound(flac)}
        reader = self._reader(chosen.split)
        wanted = reader.conditions if any(topic == LADDER for topic, _ in chosen.reasons) else ("clean", "place")
        return {condition: self._sound(reader.flac(chosen.id, condition)) for condition in wanted if condition in reader.conditions}

    def _reader(self, split: str) -> ShardReader:
        if split not in self._readers:
            self._readers[split] = ShardReader(self._folder / "shards" / split)
        return self._readers[split]

    def _of_dropped(self, id: str) -> bytes | None:
        if self._dropped is None:
            return None
        try:
            return self._dropped(id)
        except KeyError:
            return None

    def _sound(self, flac: bytes) -> dict[str, Any]:
        samples = decode_flac(flac)[: round(LONGEST_S * self._rate)]
        return {
            "opus": _base64(encode_opus(samples, self._rate)),
            "wave": _peaks(samples),
            "spectrogram": _base64(spectrogram_png(samples, self._rate)),
        }


def _told(chosen: Chosen, names: SpeakerNames) -> dict[str, Any]:
    row = chosen.row
    return {
        "cut": chosen.id,
        "split": chosen.split,
        "fate": "kept" if chosen.split else "dropped",
        "rule": None if chosen.split else row["rule"],
        "reasons": [{"topic": topic, "what": what} for topic, what in chosen.reasons],
        "source": row["source"],
        "speaker": names.of(row["speaker"]),
        "text": shortened(row["text"] or ""),
        "measures": {name: None if row.get(name) is None else round(row[name], 3) for name in SHOWN},
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _peaks(samples: np.ndarray) -> list[int]:
    """Largest magnitude in each of some columns, in thousandths of full scale."""
    columns = np.array_split(np.abs(samples), min(WAVE_COLUMNS, max(1, len(samples))))
    return [round(1000 * min(1.0, float(column.max(initial=0.0)))) for column in columns]
