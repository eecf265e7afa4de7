"""The job in Ray Data: flat_map, map, filter, map, Parquet shards, which Ray fuses. `python -m benchmarks.peers.ray_data_build CORPUS OUT --workers 1`."""

from __future__ import annotations

import json
import os
from typing import Any

# Ray reads these when it is imported: no token file in the home folder, no telemetry.
os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}

import pyarrow.parquet
import ray

from benchmarks.peers.recipe import arguments, audio_files, decoded, flac, is_good, measures, pieces

OBJECT_STORE_BYTES = 512 << 20
FILES_PER_BLOCK = 64
Row = dict[str, Any]


def cut_up(row: Row) -> list[Row]:
    """A row for each piece of speech in a file."""
    samples = decoded(row["path"])
    return [
        {"id": f"{row['path']}-{number:04d}", "samples": samples[piece.start : piece.end], "speech_share": piece.speech_share, "noise_power": piece.noise_power}
        for number, piece in enumerate(pieces(samples))
    ]


def measured(row: Row) -> Row:
    """The row with its measures."""
    return row | measures(row["samples"], row["speech_share"], row["noise_power"])


def encoded(row: Row) -> Row:
    """The row with FLAC bytes in place of samples."""
    return {name: value for name, value in row.items() if name != "samples"} | {"flac": flac(row["samples"])}


def main() -> None:
    """Build, and say how many rows are kept."""
    options = arguments(__doc__)
    # "local", because without it a cluster that someone else runs on this machine would do the work.
    ray.init(
        address="local", num_cpus=options.workers, include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, log_to_driver=False, logging_level="warning"
    )
    files = [{"path": str(path)} for path in audio_files(options.corpus)]
    blocks = max(options.workers, -(-len(files) // FILES_PER_BLOCK))
    data = ray.data.from_items(files, override_num_blocks=blocks).flat_map(cut_up).map(measured).filter(is_good).map(encoded)
    shards = options.out.absolute() / "shards"
    data.write_parquet(str(shards))
    ray.shutdown()
    print(json.dumps({"kept": sum(pyarrow.parquet.read_metadata(path).num_rows for path in shards.glob("*.parquet"))}))


if __name__ == "__main__":
    main()
