"""Hugging Face: Parquet shards whose schema tells `datasets` that a column is audio."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from speccraft import store
from speccraft.export.contents import Contents, Row
from speccraft.export.output import Output

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP = 100
"""Row groups of some megabytes: what is read and held at once, here and in the Hub's viewer."""
_TYPES = {
    **dict.fromkeys(("id", "text", "language", "speaker", "session", "source", "style", "stages", "split", "condition", "licence", "attribution"), "string"),
    "duration": "float64",
    "unseen": "bool",
    "sampling_rate": "int32",
    "num_samples": "int64",
}


def write(contents: Contents, out: Output) -> None:
    """Write `data/<subset>-NNNNN-of-NNNNN.parquet`, one for each shard of the build, with the FLAC bytes inside."""
    schema = _schema(contents.build.record.info["sampling_rate"])
    for subset in contents.subsets:
        for number, rows in enumerate(contents.shards(subset)):
            _write_shard(f"data/{subset.name}-{number:05d}-of-{len(subset.shards):05d}.parquet", rows, schema, out)


def data_files(subset: str) -> str:
    """Pattern of a subset's files, for the card."""
    return f"data/{subset}-[0-9]*.parquet"


def _write_shard(name: str, rows: list[Row], schema: pa.Schema, out: Output) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with store.new_file(out.folder / name) as file, pq.ParquetWriter(file, schema) as writer:
        for start in range(0, len(rows), ROWS_PER_GROUP):
            group = [_record(row) for row in out.told(rows[start : start + ROWS_PER_GROUP])]
            writer.write_table(pa.Table.from_pylist(group, schema=schema), row_group_size=ROWS_PER_GROUP)
    out.counts[name] = len(rows)


def _record(row: Row) -> dict[str, Any]:
    return {"audio": {"bytes": row.audio.flac(), "path": f"{row.facts.id}.flac"}, **vars(row.facts)}


def _schema(sampling_rate: int) -> pa.Schema:
    import pyarrow as pa

    audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features: dict[str, Any] = {"audio": {"sampling_rate": sampling_rate, "_type": "Audio"}}
    features |= {name: {"dtype": dtype, "_type": "Value"} for name, dtype in _TYPES.items()}
    columns = [("audio", audio), *((name, pa.type_for_alias(dtype)) for name, dtype in _TYPES.items())]
    return pa.schema(columns, metadata={"huggingface": json.dumps({"info": {"features": features}})})
