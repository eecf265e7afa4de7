"""What hangs together by dialogues: their audio is in one split, and enters whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from speccraft.ingest.rows import Dialogue
from speccraft.scenario.contracts import Message, Split
from speccraft.scenario.quality import Splits

INCOMPLETE = "dialogue_incomplete"
"""Rule that drops the audio of dialogues of which another part is missing."""


def split_of_text(dialogue: Dialogue, splits: Splits, seed: int) -> Split:
    """The split of a dialogue in which nothing is heard, by what is asked: who asks the same in the same words is in the same split."""
    asked = " ".join(_words(_question(dialogue.messages)).lower().split())
    place = int.from_bytes(hashlib.sha256(f"{seed}|{asked}".encode()).digest()[:8], "big") / 2**64
    return "test" if place < splits.test else "dev" if place < splits.test + splits.dev else "train"


def _question(messages: Sequence[Message]) -> Sequence[Message]:
    """The turns before the first answer."""
    first = next((number for number, message in enumerate(messages) if message.role == "assistant"), len(messages))
    return [message for message in messages[:first] if message.role != "system"]


def _words(messages: Sequence[Message]) -> str:
    return " ".join(part.text or "" for message in messages for part in message.content)
