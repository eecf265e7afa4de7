"""Read conversations: messages with audio parts as transformers takes them, or ShareGPT as LLaMA-Factory writes it."""

from __future__ import annotations

from typing import Any

from speccraft.ingest.manifests import Unusable
from speccraft.ingest.rows import Dialogue, Reach, Row
from speccraft.ingest.turns import About, Audio, Turn, read_dialogues, turns_of
from speccraft.scenario.source_dialogues import ConversationsSource

GIVEN = "given"
"""The rule of a dialogue that names none."""
RESERVED = "transcribe"
"""The rule of dialogues that are made from transcripts, and proved against them."""


def read_conversations(source: ConversationsSource, *, reach: Reach, given: str | None = None) -> list[Row]:
    """The rows of every conversation: those of its audio, or itself where it is text alone.

    Args:
        given: field with the official split of a dialogue, if the scenario names one.

    Raises:
        UnreadableInput: the file cannot be read, or none of its records is a JSON object.
    """
    return read_dialogues(source, _conversation, reach, given)


def conversation_turns(fields: dict[str, Any]) -> list[Turn]:
    """The turns of a record's `messages` or `conversations`, after its `system`.

    Raises:
        Unusable: it has neither, both, or a turn that is none.
    """
    held = [name for name in ("messages", "conversations") if fields.get(name) is not None]
    if len(held) != 1:
        raise Unusable("it has both `messages` and `conversations`" if held else "it has neither `messages` nor `conversations`")
    system = fields.get("system")
    if system is not None and not isinstance(system, str):
        raise Unusable("`system` is no text")
    before = [Turn("system", system, "system")] if system else []
    return before + turns_of(fields[held[0]], held[0])


def _conversation(fields: dict[str, Any], about: About, name: str, audio: Audio) -> Dialogue:
    messages = audio.messages(conversation_turns(fields))
    if not any(message.role == "assistant" for message in messages[1:]):
        raise Unusable("no turn of the assistant follows another, so it shows nothing")
    if about.rule == RESERVED:
        raise Unusable(f"the rule `{RESERVED}` belongs to dialogues that are made from transcripts: give the audio as speech with its words")
    return Dialogue(name, messages, about.rule or GIVEN)
