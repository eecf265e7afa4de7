"""Read preferences: TRL's `prompt`, `chosen` and `rejected`, as text or as messages, with the prompt written or implied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speccraft.ingest.conversations import conversation_turns
from speccraft.ingest.manifests import Unusable
from speccraft.ingest.rows import Dialogue, Reach, Row
from speccraft.ingest.turns import About, Audio, Turn, read_dialogues, turn_of, turns_of
from speccraft.scenario.contracts import Message
from speccraft.scenario.source_dialogues import PreferencesSource


def read_preferences(source: PreferencesSource, *, reach: Reach) -> list[Row]:
    """The rows of every preference: those of its audio, or itself where it is text alone.

    Raises:
        UnreadableInput: the file cannot be read, or none of its records is a JSON object.
    """

    def preference(fields: dict[str, Any], about: About, name: str, audio: Audio) -> Dialogue:
        prompt, chosen, rejected = _halves(fields)
        messages = audio.messages(prompt)
        answers = [audio.messages(turns, f"{which}.") for which, turns in (("chosen", chosen), ("rejected", rejected))]
        for which, answer in zip(("chosen", "rejected"), answers, strict=True):
            if not any(message.role == "assistant" for message in answer):
                raise Unusable(f"`{which}` holds no turn of the assistant")
        if _said(answers[0], audio) == _said(answers[1], audio):
            raise Unusable("`chosen` and `rejected` say the same")
        return Dialogue(name, messages, about.criterion or source.criterion, *answers)

    return read_dialogues(source, preference, reach)


def _halves(fields: dict[str, Any]) -> tuple[list[Turn], list[Turn], list[Turn]]:
    """Prompt, chosen and rejected answer; ShareGPT keeps the prompt in `conversations`, and each answer is one message."""
    chosen, rejected = fields.get("chosen"), fields.get("rejected")
    if chosen is None or rejected is None:
        raise Unusable(f"`{'chosen' if chosen is None else 'rejected'}` is missing")
    if fields.get("messages") is not None or fields.get("conversations") is not None:
        return conversation_turns(fields), _answer(chosen, "chosen"), _answer(rejected, "rejected")
    prompt = fields.get("prompt")
    if prompt is None:
        return _implied(chosen, rejected)
    asked = [Turn("user", prompt, "prompt")] if isinstance(prompt, str) else turns_of(prompt, "prompt")
    return asked, _answer(chosen, "chosen"), _answer(rejected, "rejected")


def _answer(value: Any, where: str) -> list[Turn]:
    if isinstance(value, str):
        return [Turn("assistant", value, where)]
    return [turn_of(value, where)] if isinstance(value, dict) else turns_of(value, where)


def _implied(chosen: Any, rejected: Any) -> tuple[list[Turn], list[Turn], list[Turn]]:
    """The prompt is what both begin with: whole turns, or whole words."""
    if isinstance(chosen, str) and isinstance(rejected, str):
        common = chosen[: _shared(chosen, rejected)]
        # Where the answers begin with the same letters, they begin before those.
        end = max((number + 1 for number, letter in enumerate(common) if letter.isspace()), default=0)
        parts = [Turn("user", common[:end].strip(), "prompt"), Turn("assistant", chosen[end:], "chosen"), Turn("assistant", rejected[end:], "rejected")]
        if not parts[0].content:
            raise Unusable("there is no `prompt`, and `chosen` and `rejected` begin with no word in common")
        return parts[:1], parts[1:2], parts[2:]
    if not (isinstance(chosen, list) and isinstance(rejected, list)):
        raise Unusable("`chosen` and `rejected` are not both text or both messages")
    shared = _shared(chosen, rejected)
    if not shared or shared == min(len(chosen), len(rejected)):
        raise Unusable("there is no `prompt`, and `chosen` and `rejected` do not begin with the same turns and end with others")
    return turns_of(chosen[:shared], "chosen"), turns_of(chosen[shared:], "chosen"), turns_of(rejected[shared:], "rejected")


def _shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How much of two texts or lists is the same from the beginning."""
    return next((number for number, (first, second) in enumerate(zip(one, other, strict=False)) if first != second), min(len(one), len(other)))


def _said(answer: tuple[Message, ...], audio: Audio) -> list[list[str | None]]:
    """What an answer says, by the files that are heard."""
    return [[turn.role, *(part.text if part.cut is None else audio.found[part.cut].file for part in turn.content)] for turn in answer]
