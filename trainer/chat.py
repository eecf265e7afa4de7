"""Dialogues in the layout of a tokenizer's own chat template, with audio in them, and what of them the assistant is to learn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError

from speccraft.errors import SpeccraftError
from speccraft.scenario.contracts import Message, Part

OPEN, CLOSE = "\ue000", "\ue001"
"""Private-use characters around the number of a part, which stands for it while the template is filled."""
ALWAYS = "{%- macro strftime_now(form) -%}26 Jul 2024{%- endmacro -%}"
"""Before every template, for those that ask for the date: a prompt that changes every day could not be trained on twice. It is Llama 3's own default."""

TOLD = (Message(role="user", content=(Part(type="text", text="a"),)), Message(role="assistant", content=(Part(type="text", text="b"),)))
"""The least dialogue, for looking at a layout."""


def by_template(messages: Sequence[Message], tokenizer: Any, audio: str | None, *, open_answer: bool = False) -> tuple[list[int], list[bool]]:
    """Token ids of a dialogue and which of them the assistant is to learn: its words, and the token that ends its turn.

    The template is filled with a mark for each part, and what stands between the marks is tokenised apart from the parts, so that text can never
    forge a special token.

    Args:
        audio: token of one piece of audio; None where the template itself writes it for parts of type `audio`.
        open_answer: end with the assistant's turn opened, ready to be answered.

    Raises:
        SpeccraftError: the template does not take such a dialogue.
    """
    parts = [(turn, part) for turn, message in enumerate(messages) for part in message.content]
    pieces = re.split(f"{OPEN}([0-9]+){CLOSE}", _filled(messages, tokenizer, audio, open_answer))
    marks = [int(number) for number in pieces[1::2]]
    if marks != [number for number, (_, part) in enumerate(parts) if audio is not None or part.type == "text"]:
        raise SpeccraftError("the tokenizer's chat template leaves out or moves parts of a dialogue", try_this="--set model.base.chat=ours")
    turns = [None, *(parts[number][0] for number in marks), None]
    answers = {turn for turn, message in enumerate(messages) if message.role == "assistant"}
    ids: list[int] = []
    learnt: list[bool] = []
    end = 0
    for place, (literal, before, after) in enumerate(zip(pieces[::2], turns[:-1], turns[1:], strict=True)):
        if place:
            said = _part_tokens(parts[marks[place - 1]][1], tokenizer, audio)
            ids, learnt = ids + said, learnt + [before in answers] * len(said)
        lead = _lead(tokenizer, tokenizer.get_chat_template(), audio) if after in answers and after != before else ""
        lead = lead if literal.endswith(lead) else ""
        context, begun = _tokens(tokenizer, literal[: len(literal) - len(lead)]), _tokens(tokenizer, lead)
        end = _end_of_turn(context, tokenizer) if before in answers and before != after else 0
        ids, learnt = ids + context + begun, learnt + [True] * end + [False] * (len(context) - end) + [True] * len(begun)
    if messages[-1].role == "assistant" and not end:
        # a template without an end of turn would teach to go on for ever
        ids, learnt = [*ids, tokenizer.eos_token_id], [*learnt, True]
    return ids, learnt


@lru_cache(maxsize=8)
def _lead(tokenizer: Any, template: str, audio: str | None) -> str:
    """What stands between an opened turn of the assistant and its words, such as Mistral's space: nobody writes it for a model that answers."""
    rendered = _filled(TOLD, tokenizer, audio, False)
    opened = _filled(TOLD[:1], tokenizer, audio, True).replace(f"{OPEN}0{CLOSE}", "")
    begun = rendered[: rendered.index(f"{OPEN}1{CLOSE}")].replace(f"{OPEN}0{CLOSE}", "")
    return begun.removeprefix(opened) if begun.startswith(opened) else ""


def end_of_answer(tokenizer: Any, lay_out: Any) -> int:
    """Id of the token that ends an answer in a layout."""
    ids, learnt = lay_out(TOLD, tokenizer)
    return next(id for id, learn in zip(reversed(ids), reversed(learnt), strict=True) if learn)


def _filled(messages: Sequence[Message], tokenizer: Any, audio: str | None, open_answer: bool) -> str:
    """The template around the marks of the parts."""
    number = 0
    turns: list[dict[str, Any]] = []
    for message in messages:
        content: list[dict[str, str]] = []
        for part in message.content:
            mark = f"{OPEN}{number}{CLOSE}"
            content.append({"type": "audio", "audio_url": "", "audio": ""} if audio is None and part.type == "audio" else {"type": "text", "text": mark})
            number += 1
        # what a tool answers is context, as what a user says is
        role = "user" if message.role == "tool" else message.role
        turns.append({"role": role, "content": content if audio is None else "".join(piece["text"] for piece in content)})
    try:
        # thinking is off in the turns that are learnt, and in the answer that is opened
        options = {"chat_template": ALWAYS + tokenizer.get_chat_template(), "enable_thinking": False}
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=open_answer, **options))
    except (TemplateError, ValueError, TypeError) as error:
        told = str(error).splitlines()[0]
        raise SpeccraftError(f"the tokenizer's chat template does not take a dialogue: {told}", try_this="--set model.base.chat=ours") from error


def _part_tokens(part: Part, tokenizer: Any, audio: str | None) -> list[int]:
    if part.type == "audio":
        return [tokenizer.convert_tokens_to_ids(audio)]
    return list(tokenizer(part.text, split_special_tokens=True, add_special_tokens=False).input_ids)


def _tokens(tokenizer: Any, literal: str) -> list[int]:
    return list(tokenizer(literal, add_special_tokens=False).input_ids) if literal else []


def _end_of_turn(after: Sequence[int], tokenizer: Any) -> int:
    """How many of the ids that follow an answer belong to it: those up to the first special token, which ends the turn."""
    special = _special_ids(tokenizer)
    return next((place + 1 for place, id in enumerate(after) if id in special), 0)


@lru_cache(maxsize=8)
def _special_ids(tokenizer: Any) -> frozenset[int]:
    return frozenset({*tokenizer.all_special_ids, *(id for id, token in tokenizer.added_tokens_decoder.items() if token.special)})
