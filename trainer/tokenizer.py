"""A byte tokenizer that needs no download, any other that is given ears, and the chat layout that every stage trains on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from speccraft.errors import SpeccraftError
from speccraft.scenario.contracts import Message

from .chat import by_template

SPECIAL_TOKENS = ("<|pad|>", "<|audio|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
PAD, AUDIO, END = SPECIAL_TOKENS[:3]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + ('user' if message['role'] == 'tool' else message['role']) + '|>' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'audio' %}<|audio|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|end|>"
    "{% endgeneration %}"
    "{% else %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'audio' %}<|audio|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|end|>"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""One token a role, one `<|audio|>` for each piece of audio, `<|end|>` after each turn. What a tool answers is a turn of the user: context, never learnt."""

TEMPLATE_FOR_OTHERS = CHAT_TEMPLATE.replace("<|end|>", "{{ eos_token }}")
"""The same layout for tokenizers with an end of text of their own."""


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Every byte is a token; no text is out of vocabulary."""
    vocabulary = {token: id for id, token in enumerate((*SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet())))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    roles = {f"{role}_token": f"<|{role}|>" for role in ("audio", "system", "user", "assistant")}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, extra_special_tokens=roles)
    fast.chat_template = CHAT_TEMPLATE
    return fast


def with_audio(tokenizer: Any, chat: Literal["own", "ours"]) -> Any:
    """Give a published tokenizer the tokens that dialogues with audio need; ids that it has stay what they are.

    Args:
        chat: its own chat template, or ours, which adds a token for each role.

    Raises:
        SpeccraftError: it has no chat template of its own, or no end of text.
    """
    if chat == "own" and not tokenizer.chat_template:
        raise SpeccraftError("the language model's tokenizer has no chat template", try_this="--set model.base.chat=ours")
    if tokenizer.eos_token is None:
        raise SpeccraftError("the language model's tokenizer has no token that ends a text", try_this="the tokenizer of an instruct model")
    roles = SPECIAL_TOKENS[3:] if chat == "ours" else ()
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in (AUDIO, *roles)], special_tokens=True)
    if chat == "ours":
        tokenizer.chat_template = TEMPLATE_FOR_OTHERS
    if tokenizer.pad_token is None:
        # batches are masked, so that padding may be any token
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def lay_out(messages: Sequence[Message], tokenizer: Any, *, open_answer: bool = False) -> tuple[list[int], list[bool]]:
    """Token ids of a dialogue, one `<|audio|>` for each piece of audio, and which of them the assistant is to learn.

    Gives what the tokenizer's chat template gives, except that text can never forge a special token: a transcript that
    contains `<|assistant|>` stays text.

    Args:
        open_answer: end with the assistant's turn opened, ready to be answered.

    Raises:
        SpeccraftError: a chat template that is not ours does not take the dialogue.
    """
    if tokenizer.chat_template not in (CHAT_TEMPLATE, TEMPLATE_FOR_OTHERS):
        return by_template(messages, tokenizer, AUDIO, open_answer=open_answer)
    ids: list[int] = []
    learnt: list[bool] = []

    def add(new: Sequence[int], learn: bool) -> None:
        ids.extend(new)
        learnt.extend([learn] * len(new))

    for message in messages:
        add([tokenizer.convert_tokens_to_ids(f"<|{'user' if message.role == 'tool' else message.role}|>")], False)
        for part in message.content:
            if part.type == "audio":
                add([tokenizer.convert_tokens_to_ids(AUDIO)], False)
            else:
                add(tokenizer(part.text, split_special_tokens=True, add_special_tokens=False).input_ids, message.role == "assistant")
        add([tokenizer.eos_token_id], message.role == "assistant")
    if open_answer:
        add([tokenizer.convert_tokens_to_ids("<|assistant|>")], False)
    return ids, learnt
