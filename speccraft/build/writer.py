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
from speccraft.build.dialogues import Dialogues
from speccraft.build.places import delivered, evaluation_place, rendered, training_ranges
from speccraft.build.tables import flac_of
from speccraft.plan import conditions
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS, Place, PlaceRanges, Split
from speccraft.sound.place import Bank
from speccraft.sound.scene import Scene
from speccraft.sound.shards import decode_flac, encode_flac, field_of, recording_of, write_tar

CUTS_PER_SHARD = 1000
NEEDED = (
    "cut", "source", "role", "speaker", "session", "groups", "stages", "style", "licence", "unit", "unseen", "split", "text", "language",
    "num_samples", "snr_db", "is_answer", "file", "offset", "size",
)  # fmt: skip
"""What is written of a kept segment, or needed to write it."""


class BuildWriter:
    """Writes one build into a scratch folder and counts what it wrote.

    Args:
        on_cut: told after every cut.
        dialogues: demonstrations and pairs that sources gave.
    """

    def __init__(self, folder: Path, scenario: Scenario, banks: Banks, on_cut: Callable[[], None], dialogues: Dialogues | None = None) -> None:
        self.folder = folder
        self.scenario = scenario
        self.rate = scenario.environment.sampling_rate
        self.counts: dict[str, int] = {}
        self.delivered: list[dict[str, Any]] = []
        self._banks = banks
        self._samples: dict[str, np.ndarray] = {}
        self._on_cut = on_cut
        self._dialogues = dialogues or Dialogues()

    def write_all(self, kept: pl.DataFrame) -> None:
        """Banks, then every split's shards, cuts and demonstrations.

        Args:
            kept: kept segments with the columns of `NEEDED`, the place of their FLAC bytes among them.
        """
        for item in self._banks.items:
            flac = encode_flac(self._banks.samples[item.id], self.rate)
            store.write_bytes(self.folder / item.path, flac)
            # Simulated rooms are rounded to 16 bits here: places are rendered with what every later reader decodes.
            self._samples[item.id] = decode_flac(flac)
        self.write_lines("banks.jsonl", [vars(item) for item in self._banks.items])
        kept = kept.sort("cut")
        for split in SPLITS:
            self._write_split(split, kept.filter(pl.col("split") == split))
        if self.scenario.sources_with("preferences"):
            self.write_lines("pairs.jsonl", self._dialogues.pairs)

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

    def _write_split(self, split: Split, kept: pl.DataFrame) -> None:
        """Shard by shard, since the rows of a million cuts take gigabytes as Python knows them."""
        bank = Bank([item for item in self._banks.items if item.split == split], self._samples, self.rate)
        with store.new_file(self.folder / f"cuts.{split}.jsonl") as file:
            for shard, rows in enumerate(kept.iter_slices(CUTS_PER_SHARD)):
                file.write(self._write_shard(split, shard, rows.to_dicts(), bank))
        self.counts[f"cuts.{split}.jsonl"] = kept.height
        if self.scenario.job.task == "transcribe" or self.scenario.sources_with("demonstrations"):
            self._write_demonstrations(split, kept)

    def _write_demonstrations(self, split: Split, kept: pl.DataFrame) -> None:
        name, given = f"demonstrations.{split}.jsonl", self._dialogues.demonstrations[split]
        shows = self.scenario.job.task == "transcribe"
        transcribed = kept.filter(pl.lit(shows) & (pl.col("role") == "speech") & pl.col("stages").list.contains("align")).select("cut", "text")
        with store.new_file(self.folder / name) as file:
            for rows in transcribed.iter_slices(CUTS_PER_SHARD):
                file.write(store.json_lines([transcript_demonstration(row, split) for row in rows.to_dicts()]))
            file.write(store.json_lines(given))
        self.counts[name] = transcribed.height + len(given)

    def _write_shard(self, split: Split, shard: int, rows: list[dict[str, Any]], bank: Bank) -> bytes:
        """Write a shard, and return its lines."""
        places = {row["cut"]: self._evaluation_place(row, bank) for row in rows} if split != "train" else {}
        ranges = _plain(training_ranges(self.scenario))
        cuts = [cut_of(row, self.rate, _plain(places[row["cut"]]) if split != "train" else None if row["is_answer"] else ranges) for row in rows]
        folder, lines = f"shards/{split}", store.json_lines(cuts)
        name = f"{folder}/cuts.{shard:06d}.jsonl"
        store.write_bytes(self.folder / name, lines)
        self.counts[name] = len(cuts)
        self._write_tar(f"{folder}/{field_of('clean')}.{shard:06d}.tar", ((cut["recording"], flac_of(row)) for cut, row in zip(cuts, rows, strict=True)))
        if split != "train" and len(conditions(self.scenario)) > 1:
            self._write_conditions(folder, shard, rows, places, bank)
        else:
            for _ in rows:
                self._on_cut()
        return lines

    def _evaluation_place(self, row: dict[str, Any], bank: Bank) -> Place | None:
        """Where a cut is heard; what the assistant says is heard nowhere but in its own voice."""
        place = evaluation_place(self.scenario, row["cut"], bank, row["num_samples"] / self.rate)
        return Place() if row["is_answer"] and place is not None else place

    def _write_conditions(self, folder: str, shard: int, rows: list[dict[str, Any]], places: dict[str, Place | None], bank: Bank) -> None:
        """Render every cut of a shard in each condition, the costly parts once, and write one tar per condition."""
        heard: dict[str, list[tuple[dict[str, Any], bytes]]] = defaultdict(list)
        for row in rows:
            samples, place = decode_flac(flac_of(row)), places[row["cut"]]
            assert place is not None, "conditions beyond clean have a place"
            if row["is_answer"]:
                for condition in conditions(self.scenario)[1:]:
                    heard[condition].append((self._recording(row), flac_of(row)))
            else:
                scene = Scene.of(samples, place, bank)
                for condition, wet in rendered(scene, place):
                    heard[condition].append((self._recording(row), encode_flac(wet, self.rate)))
                    if condition == "place":
                        self.delivered.append({"cut": row["cut"], **delivered(scene, wet, place, bank, row["snr_db"])})
            self._on_cut()
        for condition, members in heard.items():
            self._write_tar(f"{folder}/{field_of(condition)}.{shard:06d}.tar", iter(members))

    def _write_tar(self, name: str, members: Iterator[tuple[dict[str, Any], bytes]]) -> None:
        with store.new_file(self.folder / name) as file:
            self.counts[name] = write_tar(file, members)

    def _recording(self, row: dict[str, Any]) -> dict[str, Any]:
        return recording_of(row["cut"], row["num_samples"], self.rate)


def _plain(place: Place | PlaceRanges | None) -> dict[str, Any] | None:
    return None if place is None else place.model_dump(mode="json")
