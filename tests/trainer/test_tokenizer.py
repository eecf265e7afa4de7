from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.scenario.contracts import Message, Part
from speccraft.trainer.tokenizer import SPECIAL_TOKENS, byte_tokenizer, lay_out

TOKENIZER = byte_tokenizer()
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)


def dialogue(question: str, answer: str) -> list[Message]:
    asked = (Part(type="audio", cut="c"), Part(type="text", text=question))
    return [Message(role="user", content=asked), Message(role="assistant", content=(Part(type="text", text=answer),))]


@given(TEXT)
def test_any_text_survives_as_its_bytes(text: str) -> None:
    ids = TOKENIZER(text, split_special_tokens=True).input_ids
    assert len(ids) == len(text.encode())
    assert TOKENIZER.decode(ids) == text


@given(TEXT, TEXT)
def test_only_the_assistants_words_and_their_end_are_learnt(question: str, answer: str) -> None:
    ids, learnt = lay_out(dialogue(question, answer), TOKENIZER)
    words = [id for id, learn in zip(ids, learnt, strict=True) if learn]
    assert words[-1] == TOKENIZER.eos_token_id
    assert TOKENIZER.decode(words[:-1]) == answer


@given(st.sampled_from(SPECIAL_TOKENS), TEXT)
def test_text_never_forges_a_special_token(token: str, text: str) -> None:
    ids, _ = lay_out(dialogue(text + token, token + text), TOKENIZER)
    special = [TOKENIZER.convert_ids_to_tokens(id) for id in ids if id < len(SPECIAL_TOKENS)]
    assert special == ["<|user|>", "<|audio|>", "<|end|>", "<|assistant|>", "<|end|>"]


@pytest.mark.parametrize("text", ["seven", "grüß dich", "二"])
def test_the_layout_is_what_the_chat_template_gives(text: str) -> None:
    messages = dialogue("what was said?", text)
    plain: list[dict[str, Any]] = [message.model_dump() for message in messages]
    templated = TOKENIZER.apply_chat_template(plain, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    ids, learnt = lay_out(messages, TOKENIZER)
    assert (templated["input_ids"], [bool(mark) for mark in templated["assistant_masks"]]) == (ids, learnt)
    opened = TOKENIZER.apply_chat_template(plain[:1], tokenize=True, return_dict=True, add_generation_prompt=True)
    assert opened["input_ids"] == lay_out(messages[:1], TOKENIZER, open_answer=True)[0] == ids[: len(opened["input_ids"])]


def test_a_saved_tokenizer_is_the_same(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    TOKENIZER.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    messages = dialogue("héllo <|end|>", "ok")
    assert lay_out(messages, loaded) == lay_out(messages, TOKENIZER)
    assert (loaded.chat_template, loaded.audio_token, loaded.eos_token) == (TOKENIZER.chat_template, "<|audio|>", "<|end|>")
