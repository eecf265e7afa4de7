"""Preferences: TRL's shapes, with the prompt written or implied, and what is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from foreign import ANYTHING, changed, paths_in, reach_into, write_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from speccraft.ingest.preferences import read_preferences
from speccraft.ingest.rows import Row
from speccraft.scenario.contracts import Message
from speccraft.scenario.source import PreferencesSource

PLAIN: dict[str, Any] = {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."}
ASKED = {"role": "user", "content": [{"type": "audio", "path": "a.wav"}, {"type": "text", "text": "Well?"}]}
HEARD: dict[str, Any] = {
    "id": "p1", "criterion": "efficient",
    "prompt": [{"role": "system", "content": "Be brief."}, ASKED],
    "chosen": [{"role": "assistant", "content": [{"type": "audio", "path": "yes.wav"}]}],
    "rejected": [{"role": "assistant", "content": "It depends."}],
}  # fmt: skip


def read(folder: Path, *records: Any, name: str = "p.jsonl", **fields: Any) -> list[Row]:
    write_lines(folder / name, list(records))
    return read_preferences(PreferencesSource(id="s", format="preferences", path=name, **fields), reach=reach_into(folder))


def told(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(turn.role, "".join(part.text or f"[{part.cut}]" for part in turn.content)) for turn in messages]


def halves(row: Row) -> tuple[list[tuple[str, str]], ...]:
    assert row.dialogue is not None, row.problem
    return tuple(map(told, (row.dialogue.messages, row.dialogue.chosen, row.dialogue.rejected)))


def test_the_audio_of_prompt_and_answers_is_rows_of_one_preference(tmp_path: Path) -> None:
    asked, answered = read(tmp_path, HEARD)
    assert [(row.input, row.path) for row in (asked, answered)] == [("p1/1.0", tmp_path / "a.wav"), ("p1/chosen.0.0", tmp_path / "yes.wav")]
    assert halves(asked) == ([("system", "Be brief."), ("user", "[1.0]Well?")], [("assistant", "[chosen.0.0]")], [("assistant", "It depends.")])
    assert asked.dialogue is not None
    assert asked.dialogue.shows == "efficient"
    assert [asked.dialogue.is_answer(row.part) for row in (asked, answered)] == [False, True]


def test_plain_text_is_a_question_and_two_answers(tmp_path: Path) -> None:
    [row] = read(tmp_path, PLAIN, criterion="natural")
    assert halves(row) == ([("user", "The sky is")], [("assistant", " blue.")], [("assistant", " green.")])
    assert row.dialogue is not None
    assert (row.is_text, row.dialogue.shows) == (True, "natural")


def test_an_implied_prompt_is_what_both_begin_with_in_whole_words_or_turns(tmp_path: Path) -> None:
    texts = {"chosen": "What colour is it? Yes, red.", "rejected": "What colour is it? Yellow."}
    turns = {"chosen": [ASKED, {"role": "assistant", "content": "Yes."}], "rejected": [ASKED, {"role": "assistant", "content": "No."}]}
    text, turn = read(tmp_path, texts, turns)
    assert halves(text) == ([("user", "What colour is it?")], [("assistant", "Yes, red.")], [("assistant", "Yellow.")])
    assert halves(turn) == ([("user", "[0.0]Well?")], [("assistant", "Yes.")], [("assistant", "No.")])


def test_sharegpt_keeps_the_prompt_in_its_conversations(tmp_path: Path) -> None:
    record = {
        "conversations": [{"from": "human", "value": "<audio>?"}],
        "audios": ["a.wav"],
        "chosen": {"from": "gpt", "value": "Yes."},
        "rejected": {"from": "gpt", "value": "No."},
    }
    [row] = read(tmp_path, record)
    assert (row.path, halves(row)) == (tmp_path / "a.wav", ([("user", "[0.0]?")], [("assistant", "Yes.")], [("assistant", "No.")]))


def test_files_are_listed_for_prompt_chosen_and_rejected_in_this_order(tmp_path: Path) -> None:
    rows = read(tmp_path, {"prompt": "<audio>?", "chosen": "<audio>", "rejected": "<audio>", "audios": ["q.wav", "c.wav", "r.wav"]})
    assert [(row.part, row.path and row.path.name) for row in rows] == [("0.0", "q.wav"), ("chosen.0.0", "c.wav"), ("rejected.0.0", "r.wav")]


def test_parquet_says_the_same(tmp_path: Path) -> None:
    wrapped = [
        {**turn, "content": [{"type": "text", "text": turn["content"]}] if isinstance(turn["content"], str) else turn["content"]} for turn in HEARD["prompt"]
    ]
    record = {**HEARD, "prompt": wrapped, "rejected": [{"role": "assistant", "content": [{"type": "text", "text": "It depends."}]}]}
    expected = read(tmp_path, record)
    pq.write_table(pa.Table.from_pylist([record]), tmp_path / "p.parquet")
    assert read_preferences(PreferencesSource(id="s", format="preferences", path="p.parquet"), reach=reach_into(tmp_path)) == expected


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"prompt": "x", "chosen": "y"}, "`rejected` is missing"),
        ({"prompt": "x", "rejected": "y"}, "`chosen` is missing"),
        ({**PLAIN, "chosen": PLAIN["rejected"]}, "`chosen` and `rejected` say the same"),
        ({"prompt": "?", "chosen": "<audio>", "rejected": "<audio>", "audios": ["a.wav", "a.wav"]}, "say the same"),
        ({**PLAIN, "prompt": " "}, "`prompt` says nothing"),
        ({**PLAIN, "chosen": ""}, "`chosen` says nothing"),
        ({**PLAIN, "prompt": []}, "`prompt` is empty"),
        ({**PLAIN, "prompt": 5}, "`prompt` is no list of messages"),
        ({"chosen": "Yes.", "rejected": "Yellow."}, "begin with no word in common"),
        ({"chosen": [ASKED], "rejected": [ASKED]}, "do not begin with the same turns and end with others"),
        ({"chosen": "a b", "rejected": [ASKED]}, "not both text or both messages"),
        ({**HEARD, "chosen": [ASKED]}, "`chosen` holds no turn of the assistant"),
        ({**HEARD, "rejected": [{"role": "assistant", "content": "no", "weight": 0}]}, "`rejected.0.weight` is no field"),
        ({**PLAIN, "images": ["x.png"]}, "`images` is not read"),
    ],
)
def test_a_preference_that_makes_no_sense_is_one_row_with_its_line_number(tmp_path: Path, record: dict[str, Any], problem: str) -> None:
    good, bad = read(tmp_path, PLAIN, record)
    assert good.problem == ""
    assert bad.problem.startswith("p.jsonl:2: ")
    assert problem in bad.problem


def test_preferences_are_for_the_stage_that_learns_from_them() -> None:
    with pytest.raises(ValidationError, match="preferences are for the stage `prefer`"):
        PreferencesSource(id="s", format="preferences", path="p", stages=("align",))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    record=st.sampled_from([HEARD, PLAIN]),
    changes=st.dictionaries(st.sampled_from([*paths_in(HEARD), ("audios",), ("conversations",)]), ANYTHING, min_size=1, max_size=4),
)
def test_whatever_a_line_holds_it_is_rows_of_one_preference_or_one_row_with_a_problem(tmp_path: Path, record: dict, changes: dict) -> None:
    try:
        foreign = changed(record, changes)
    except (IndexError, KeyError, TypeError):
        return
    first, *rest = read(tmp_path, PLAIN, foreign)
    assert first.problem == ""
    assert rest
    for row in rest:
        assert row.problem or row.is_text or (row.path is not None and row.path.is_relative_to(tmp_path))
        assert row.dialogue is not None or (row.problem and len(rest) == 1)
    if rest[0].dialogue is not None:
        assert [row.part for row in rest if row.part] == list(rest[0].dialogue.audio)
        assert told(rest[0].dialogue.chosen) != told(rest[0].dialogue.rejected)
