"""Kept segments as Lhotse cuts, and plain-transcript demonstrations made from them."""

from __future__ import annotations

import hashlib
from typing import Any

from speccraft.scenario.contracts import CutCustom, Demonstration, Message, Part, Place, PlaceRanges, Split
from speccraft.sound.shards import recording_of

TRANSCRIBE_PROMPT = "Transcribe the speech."


def cut_id(source: str, input: str, pcm_sha256: str, start: int, num_samples: int) -> str:
    """The id of a cut: its source and 16 hex digits of what it is; never a counter, a clock or a uuid."""
    digest = hashlib.sha256("\0".join((source, input, pcm_sha256, str(start), str(start + num_samples))).encode()).hexdigest()
    return f"{source}-{digest[:16]}"


def cut_of(row: dict[str, Any], sampling_rate: int, place: Place | PlaceRanges | None) -> dict[str, Any]:
    """One line of `cuts.<split>.jsonl`: a Lhotse MonoCut whose audio lies in the shards."""
    recording = recording_of(row["cut"], row["num_samples"], sampling_rate)
    custom = CutCustom(
        source=row["source"],
        speaker=row["speaker"],
        session=row["session"],
        stages=tuple(row["stages"]),
        style=row["style"],
        licence=row["licence"],
        unit=row["unit"],
        unseen=row["unseen"],
        place=place,
    )
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
        "custom": custom.model_dump(mode="json"),
    }


def transcript_demonstration(row: dict[str, Any], split: Split) -> dict[str, Any]:
    """The dialogue that shows a transcription: the cut and an instruction in, its words out."""
    demonstration = Demonstration(
        id=f"{row['cut']}-transcribe",
        split=split,
        rule="transcribe",
        messages=(
            Message(role="user", content=(Part(type="audio", cut=row["cut"]), Part(type="text", text=TRANSCRIBE_PROMPT))),
            Message(role="assistant", content=(Part(type="text", text=row["text"]),)),
        ),
    )
    return demonstration.model_dump(mode="json", exclude_none=True)
