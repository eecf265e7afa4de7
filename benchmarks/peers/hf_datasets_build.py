"""The job in Hugging Face datasets: map, map, filter, map, Parquet shards. `python -m benchmarks.peers.hf_datasets_build CORPUS OUT --workers 1`.

A piece's samples travel as bytes in the Arrow cache, so nothing is decoded twice. `datasets.Audio` needs torchcodec, which pays more for a FLAC than soundfile.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from datasets import Dataset, disable_progress_bars

from benchmarks.peers.recipe import ROWS_PER_SHARD, arguments, audio_files, decoded, flac, is_good, measures, pieces

FILES_AT_ONCE = 8
Rows = dict[str, list[Any]]


def cut_up(batch: Rows) -> Rows:
    """A row for each piece of speech in a batch of files."""
    rows: Rows = {"id": [], "pcm": [], "speech_share": [], "noise_power": []}
    for path in batch["path"]:
        samples = decoded(path)
        for number, piece in enumerate(pieces(samples)):
            rows["id"].append(f"{path}-{number:04d}")
            rows["pcm"].append(samples[piece.start : piece.end].tobytes())
            rows["speech_share"].append(piece.speech_share)
            rows["noise_power"].append(piece.noise_power)
    return rows


def measured(row: dict[str, Any]) -> dict[str, float]:
    """The measures of a piece, to be added to its row."""
    return measures(np.frombuffer(row["pcm"], np.int16), row["speech_share"], row["noise_power"])


def encoded(row: dict[str, Any]) -> dict[str, bytes]:
    """A piece as FLAC."""
    return {"flac": flac(np.frombuffer(row["pcm"], np.int16))}


def main() -> None:
    """Build, and say how many rows are kept."""
    options = arguments(__doc__)
    disable_progress_bars()
    processes = None if options.workers == 1 else options.workers
    cache = options.out / "cache"
    cache.mkdir()

    def cached(name: str) -> dict[str, Any]:
        return {"num_proc": processes, "cache_file_name": str(cache / f"{name}.arrow")}

    files = Dataset.from_dict({"path": [str(path) for path in audio_files(options.corpus)]})
    found = files.map(cut_up, batched=True, batch_size=FILES_AT_ONCE, remove_columns=["path"], **cached("pieces"))
    kept = found.map(measured, **cached("measures")).filter(is_good, **cached("good"))
    shards = kept.map(encoded, remove_columns=["pcm"], **cached("flac"))
    count = max(1, -(-len(shards) // ROWS_PER_SHARD))
    for number in range(count):
        shards.shard(count, number, contiguous=True).to_parquet(options.out / f"{number:06d}.parquet")
    print(json.dumps({"kept": len(shards)}))


if __name__ == "__main__":
    main()
