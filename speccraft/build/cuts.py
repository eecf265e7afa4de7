"""Kept segments as Lhotse cuts, and plain-transcript demonstrations made from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from speccraft.scenario.contracts import Split
from speccraft.sound.shards import recording_of

TRANSCRIBE_PROMPT = "Transcribe the speech."


def cut_id(source: str, input: str, pcm_sha256: str, start: int, num_samples: int) -> str:
    """The id of a cut: its source and 16 hex digits of what it is; never a counter, a clock or a uuid."""
    digest = hashlib.sha256("\0".join((source, input, pcm_sha256, str(start), str(start + num_samples))).encode()).hexdigest()
    return f"{source}-{digest[:16]}"


def cut_of(row: Mapping[str, Any], sampling_rate: int, place: dict[str, Any] | None) -> dict[str, Any]:
    """One line of `cuts.<split>.jsonl`: a Lhotse MonoCut whose audio lies in the shards, with a `CutCustom` of plain data.

    Args:
        place: a `Place` or `PlaceRanges` as plain data.
    """
    recording = recording_of(row["cut"], row["num_samples"], sampling_rate)
    custom = {
        "source": row["source"],
        "speaker": row["speaker"],
        "session": row["session"],
        "groups": json.loads(row["groups"]),
        "stages": row["stages"],
        "style": row["style"],
        "licence": row["licence"],
        "unit": row["unit"],
        "unseen": row["unseen"],
        "place": place,
    }
    supervision = {
        "id": row["cut"],
        "recording_id": row["cut"],
        "start": 0.0,
        "duration": recording["duration"],
        "channel": 0,
        "text": row["text"],
        "language": row["language"],
        "speaker": row["speaker"],
    }
    return {
        "id": row["cut"],
        "type": "MonoCut",
        "start": 0.0,
        "duration": recording["duration"],
        "channel": 0,
        "recording": recording,
        "supervisions": [supervision],
        "custom": custom,
    }


def transcript_demonstration(row: Mapping[str, Any], split: Split) -> dict[str, Any]:
    """The dialogue that shows a transcription, a `Demonstration` as plain data: the cut and an instruction in, its words out."""
    asked = [{"type": "audio", "cut": row["cut"]}, {"type": "text", "text": TRANSCRIBE_PROMPT}]
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": [{"type": "text", "text": row["text"]}]}]
    return {"id": f"{row['cut']}-transcribe", "split": split, "rule": "transcribe", "messages": messages}
