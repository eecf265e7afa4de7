"""Write a build's files: Shar shards in cut-id order, cuts, demonstrations, banks and tables."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from speccraft import store
from speccraft.build.banks import Banks
from speccraft.build.cuts import cut_of, transcript_demonstration
from speccraft.build.places import delivered, evaluation_place, rendered, training_ranges
from speccraft.build.tables import flac_of
from speccraft.plan import conditions
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS, Place, Split
from speccraft.sound.place import Bank
from speccraft.sound.shards import decode_flac, encode_flac, field_of, recording_of, write_tar

CUTS_PER_SHARD = 1000


class BuildWriter:
    """Writes one build into a scratch folder and counts what it wrote.

    Args:
        kept: kept segments with cut id, split and the place of their FLAC bytes (`file`, `offset`, `size`).
        on_cut: told after every cut.
    """

    def __init__(self, folder: Path, scenario: Scenario, kept: pl.DataFrame, banks: Banks, on_cut: Callable[[], None]) -> None:
        self.folder = folder
        self.scenario = scenario
        self.rate = scenario.environment.sampling_rate
        self.counts: dict[str, int] = {}
        self.delivered: list[dict[str, Any]] = []
        self._kept = kept.sort("cut")
        self._banks = banks
        self._samples: dict[str, np.ndarray] = {}
        self._on_cut = on_cut

    def write_all(self) -> None:
        """Banks, then every split's shards, cuts and demonstrations."""
        for item in self._banks.items:
            flac = encode_flac(self._banks.samples[item.id], self.rate)
            store.write_bytes(self.folder / item.path, flac)
            # Simulated rooms are rounded to 16 bits here: places are rendered with what every later reader decodes.
            self._samples[item.id] = decode_flac(flac)
        self.write_lines("banks.jsonl", [vars(item) for item in self._banks.items])
        for split in SPLITS:
            self._write_split(split, self._kept.filter(pl.col("split") == split).to_dicts())

    def write_lines(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Write and count the rows of a JSON Lines file."""
        store.write_bytes(self.folder / name, store.json_lines(rows))
        self.counts[name] = len(rows)

    def write_table(self, name: str, table: pl.DataFrame) -> None:
        """Write and count the rows of a Parquet file."""
        # By way of memory: to Polars, a disk that is full is a Parquet file that is damaged.
        buffer = io.BytesIO()
        table.write_parquet(buffer)
        store.write_bytes(self.folder / name, buffer.getvalue())
        self.counts[name] = table.height

    def _write_split(self, split: Split, rows: list[dict[str, Any]]) -> None:
        bank = Bank([item for item in self._banks.items if item.split == split], self._samples, self.rate)
        cuts: list[dict[str, Any]] = []
        for shard in range(-(-len(rows) // CUTS_PER_SHARD)):
            cuts += self._write_shard(split, shard, rows[shard * CUTS_PER_SHARD : (shard + 1) * CUTS_PER_SHARD], bank)
        self.write_lines(f"cuts.{split}.jsonl", cuts)
        if self.scenario.job.task == "transcribe":
            self.write_lines(f"demonstrations.{split}.jsonl", [transcript_demonstration(row, split) for row in rows if "align" in row["stages"]])

    def _write_shard(self, split: Split, shard: int, rows: list[dict[str, Any]], bank: Bank) -> list[dict[str, Any]]:
        places: dict[str, Place | None] = {row["cut"]: evaluation_place(self.scenario, row["cut"], bank) for row in rows} if split != "train" else {}
        ranges = training_ranges(self.scenario)
        cuts = [cut_of(row, self.rate, ranges if split == "train" else places[row["cut"]]) for row in rows]
        folder = f"shards/{split}"
        self.write_lines(f"{folder}/cuts.{shard:06d}.jsonl", cuts)
        self._write_tar(f"{folder}/{field_of('clean')}.{shard:06d}.tar", ((self._recording(row), flac_of(row)) for row in rows))
        if split != "train" and len(conditions(self.scenario)) > 1:
            self._write_conditions(folder, shard, rows, places, bank)
        else:
            for _ in rows:
                self._on_cut()
        return cuts

    def _write_conditions(self, folder: str, shard: int, rows: list[dict[str, Any]], places: dict[str, Place | None], bank: Bank) -> None:
        """Render every cut of a shard once and write one tar per condition."""
        heard: dict[str, list[tuple[dict[str, Any], bytes]]] = defaultdict(list)
        for row in rows:
            samples, place = decode_flac(flac_of(row)), places[row["cut"]]
            assert place is not None, "conditions beyond clean have a place"
            for condition, wet in rendered(samples, place, bank):
                heard[condition].append((self._recording(row), encode_flac(wet, self.rate)))
            self.delivered.append({"cut": row["cut"], **delivered(samples, place, bank, row["snr_db"])})
            self._on_cut()
        for condition, members in heard.items():
            self._write_tar(f"{folder}/{field_of(condition)}.{shard:06d}.tar", iter(members))

    def _write_tar(self, name: str, members: Iterator[tuple[dict[str, Any], bytes]]) -> None:
        with store.new_file(self.folder / name) as file:
            self.counts[name] = write_tar(file, members)

    def _recording(self, row: dict[str, Any]) -> dict[str, Any]:
        return recording_of(row["cut"], row["num_samples"], self.rate)
