"""Chat templates of published models, as their shapes are: what is learnt is the answer and the end of its turn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import byte_level, chat_ml

from speccraft.errors import SpeccraftError
from speccraft.scenario.contracts import Message, Part
from speccraft.trainer.chat import by_template, end_of_answer
from speccraft.trainer.tokenizer import AUDIO, lay_out, with_audio

BODY = "{{ message['content'] | trim }}"
TEMPLATES = {
    "llama3": (
        "{{ '<s>' }}<|head|>system<|tail|>\n\nToday: {{ strftime_now('%d %b %Y') }}<|eot|>"
        "{% for message in messages %}<|head|>{{ message['role'] }}<|tail|>\n\n"
        + BODY
        + "<|eot|>{% endfor %}{% if add_generation_prompt %}<|head|>assistant<|tail|>\n\n{% endif %}",
        "<|eot|>",
    ),
    "gemma": (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "<s>{% for message in messages %}<|head|>{{ 'model' if message['role'] == 'assistant' else 'user' }}\n" + BODY + "<|eot|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|head|>model\n{% endif %}",
        "<|eot|>",
    ),
    "mistral": (
        "<s>{% for message in messages %}{% if message['role'] == 'user' %}[INST] " + BODY + " [/INST]{% else %} " + BODY + "</s>{% endif %}{% endfor %}",
        "</s>",
    ),
    "qwen3": (
        "{% for message in messages %}<|head|>{{ message['role'] }}\n{% if message['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
        "{{ message['content'] }}<|eot|>\n{% endfor %}{% if add_generation_prompt %}<|head|>assistant\n"
        "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}",
        "<|eot|>",
    ),
    "bare": (
        "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}",
        "</s>",
    ),
}
SPECIAL = ["<pad>", "<s>", "</s>", "<|head|>", "<|tail|>", "<|eot|>"]
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


def tokenizer_of(name: str) -> Any:
    made = byte_level(SPECIAL, pad_token="<pad>", eos_token="</s>")
    made.chat_template = TEMPLATES[name][0]
    return with_audio(made, "own")


MADE = {name: tokenizer_of(name) for name in TEMPLATES}


def dialogue(asked: str, answer: str) -> tuple[Message, ...]:
    heard = (Part(type="audio", cut="c"), Part(type="text", text=asked))
    return Message(role="user", content=heard), Message(role="assistant", content=(Part(type="text", text=answer),))


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=25, deadline=None)
@given(TEXT, TEXT)
def test_the_answer_and_the_end_of_its_turn_are_learnt_and_nothing_else(name: str, asked: str, answer: str) -> None:
    tokenizer = MADE[name]
    ids, learnt = lay_out(dialogue(asked, answer), tokenizer)
    words = [id for id, learn in zip(ids, learnt, strict=True) if learn]
    assert words[-1] == tokenizer.convert_tokens_to_ids(TEMPLATES[name][1]) == end_of_answer(tokenizer, lay_out)
    # Mistral's answers begin with a space that nobody writes for them
    assert tokenizer.decode(words[:-1]) == " " * (name == "mistral") + answer
    assert ids.count(tokenizer.convert_tokens_to_ids(AUDIO)) == 1


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_asked_before_an_answer_is_what_it_was_trained_after(name: str) -> None:
    tokenizer, (question, answer) = MADE[name], dialogue("what?", "seven")
    ids, learnt = lay_out((question, answer), tokenizer)
    opened, none = lay_out((question,), tokenizer, open_answer=True)
    assert not any(none)
    assert opened == ids[: learnt.index(True)]


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=10, deadline=None)
@given(st.sampled_from([*SPECIAL, AUDIO]))
def test_text_never_forges_a_special_token_or_audio(name: str, token: str) -> None:
    tokenizer = MADE[name]
    plain, forged = (lay_out(dialogue(text, text), tokenizer)[0] for text in ("x", f"x{token}"))
    special = set(tokenizer.all_special_ids) | {tokenizer.convert_tokens_to_ids(one) for one in (*SPECIAL, AUDIO)}
    assert [id for id in forged if id in special] == [id for id in plain if id in special]


def test_turns_before_the_last_are_learnt_too_and_a_tool_is_context() -> None:
    tokenizer = MADE["llama3"]
    more = (*dialogue("a", "one"), Message(role="tool", content=(Part(type="text", text="42"),)), *dialogue("b", "two")[1:])
    ids, learnt = lay_out(more, tokenizer)
    assert tokenizer.decode([id for id, learn in zip(ids, learnt, strict=True) if learn]) == "one<|eot|>two<|eot|>"


def test_the_date_is_always_the_same() -> None:
    ids, _ = lay_out(dialogue("a", "b"), MADE["llama3"])
    assert "26 Jul 2024" in MADE["llama3"].decode(ids)


def test_a_template_that_writes_its_own_audio_token_is_given_parts() -> None:
    tokenizer = chat_ml()
    ids, learnt = by_template(dialogue("<|AUDIO|>", "ba"), tokenizer, None)
    assert ids.count(tokenizer.convert_tokens_to_ids("<|AUDIO|>")) == 1
    assert tokenizer.decode([id for id, learn in zip(ids, learnt, strict=True) if learn]) == "ba<|im_end|>"


@pytest.mark.parametrize(
    ("template", "messages", "said"),
    [
        (TEMPLATES["gemma"][0], (Message(role="system", content=(Part(type="text", text="s"),)), *dialogue("a", "b")), "System role not supported"),
        ("{{ messages[0]['content'] }}", dialogue("a", "b"), "leaves out or moves"),
        ("{% for message in messages | reverse %}{{ message['content'] }}{% endfor %}", dialogue("a", "b"), "leaves out or moves"),
        ("{{ nothing.at_all() }}", dialogue("a", "b"), "does not take"),
    ],
)
def test_a_template_that_does_not_take_a_dialogue_is_an_error_with_a_way_out(template: str, messages: tuple[Message, ...], said: str) -> None:
    tokenizer = tokenizer_of("llama3")
    tokenizer.chat_template = template
    with pytest.raises(SpeccraftError, match=said) as raised:
        lay_out(messages, tokenizer)
    assert "model.base.chat=ours" in raised.value.try_this


def test_a_tokenizer_without_a_template_gets_ours_and_keeps_its_ids() -> None:
    tokenizer = byte_level(SPECIAL[1:], eos_token="</s>")
    before = tokenizer.get_vocab()
    with pytest.raises(SpeccraftError, match="no chat template"):
        with_audio(tokenizer, "own")
    made = with_audio(tokenizer, "ours")
    assert before.items() <= made.get_vocab().items()
    assert made.pad_token == "</s>"
    messages = dialogue("what?", "seven")
    ids, learnt = lay_out(messages, made)
    plain: list[dict[str, Any]] = [message.model_dump() for message in messages]
    assert made.apply_chat_template(plain, tokenize=True, return_dict=True)["input_ids"] == ids
    assert made.decode([id for id, learn in zip(ids, learnt, strict=True) if learn]) == "seven</s>"


def test_a_tokenizer_that_cannot_end_a_text_is_refused() -> None:
    with pytest.raises(SpeccraftError, match="ends a text"):
        with_audio(byte_level(SPECIAL), "ours")
