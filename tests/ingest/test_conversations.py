"""Conversations: the shapes that people write, the rows that they become, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from foreign import ANYTHING, changed, paths_in, reach_into, write_lines
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from speccraft.errors import UnreadableInput
from speccraft.ingest.conversations import read_conversations
from speccraft.ingest.rows import Row
from speccraft.ingest.turns import MOST_AUDIO
from speccraft.scenario.source import ConversationsSource

HEARD: dict[str, Any] = {
    "id": "d1", "speaker": 84, "session": "monday", "language": "English", "license": "CC-BY-4.0", "attribution": "Anna Muster", "rule": "confirm-purchase",
    "messages": [
        {"role": "system", "content": "Sell coffee."},
        {"role": "user", "content": [{"type": "audio", "path": "a.wav", "transcript": "a latte"}, {"type": "text", "text": "What now?"}]},
        {"role": "assistant", "content": [{"type": "audio", "audio": "yes.wav"}, {"type": "text", "text": "One latte?"}]},
        {"role": "user", "content": [{"type": "audio", "audio_url": "b.wav"}]},
        {"role": "assistant", "content": "Done."},
    ],
}  # fmt: skip
SHARED: dict[str, Any] = {
    "conversations": [{"from": "human", "value": "<audio>What is<audio>\nthis?"}, {"from": "gpt", "value": "Glass."}],
    "audios": ["1.mp3", "2.mp3"],
    "system": "Listen.",
}
TYPED: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}]}


def read(folder: Path, *records: Any, name: str = "c.jsonl", **fields: Any) -> list[Row]:
    write_lines(folder / name, list(records))
    return read_conversations(ConversationsSource(id="s", format="conversations", path=name, **fields), reach=reach_into(folder))


def said(row: Row) -> list[tuple[str, list[str | None]]]:
    assert row.dialogue is not None
    return [(turn.role, [part.text if part.cut is None else f"[{part.cut}]" for part in turn.content]) for turn in row.dialogue.messages]


def test_every_piece_of_audio_of_messages_is_a_row_that_knows_its_dialogue(tmp_path: Path) -> None:
    first, answer, second = read(tmp_path, HEARD)
    assert [row.input for row in (first, answer, second)] == ["d1/1.0", "d1/2.0", "d1/3.0"]
    assert [row.path for row in (first, answer, second)] == [tmp_path / name for name in ("a.wav", "yes.wav", "b.wav")]
    assert (first.speaker, first.session, first.language, first.licence, first.attribution) == ("84", "monday", "en", "CC-BY-4.0", "Anna Muster")
    assert [row.text for row in (first, answer, second)] == ["a latte", None, None]
    assert (answer.speaker, second.speaker) == (None, "84"), "the speaker talks to the assistant, who is somebody else"
    assert first.dialogue is answer.dialogue is second.dialogue
    assert first.dialogue is not None
    assert first.dialogue.shows == "confirm-purchase"
    assert [first.dialogue.is_answer(row.part) for row in (first, answer, second)] == [False, True, False]
    assert said(first) == [
        ("system", ["Sell coffee."]),
        ("user", ["[1.0]", "What now?"]),
        ("assistant", ["[2.0]", "One latte?"]),
        ("user", ["[3.0]"]),
        ("assistant", ["Done."]),
    ]


def test_sharegpt_with_placeholders_takes_its_files_in_order(tmp_path: Path) -> None:
    one, two = read(tmp_path, SHARED)
    assert [(row.input, row.path) for row in (one, two)] == [("c.jsonl:1/1.0", tmp_path / "1.mp3"), ("c.jsonl:1/1.2", tmp_path / "2.mp3")]
    assert said(one) == [("system", ["Listen."]), ("user", ["[1.0]", "What is", "[1.2]", "\nthis?"]), ("assistant", ["Glass."])]
    assert one.dialogue is not None
    assert one.dialogue.shows == "given"


def test_roles_of_sharegpt_are_those_of_llama_factory(tmp_path: Path) -> None:
    names = {"system": "system", "human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool", "tool": "tool"}
    turns = [{"from": name, "value": "x"} for name in names]
    [row] = read(tmp_path, {"conversations": turns})
    assert [role for role, _ in said(row)] == list(names.values())


def test_messages_may_hold_placeholders_and_parts_without_a_file_too(tmp_path: Path) -> None:
    texts = {**TYPED, "messages": [{"role": "user", "content": "<audio>?"}, TYPED["messages"][1]], "audios": "x.wav"}
    parts = {**TYPED, "messages": [{"role": "user", "content": [{"type": "audio"}]}, TYPED["messages"][1]], "audios": [{"path": "y.wav", "bytes": None}]}
    assert [row.path for row in read(tmp_path, texts, parts)] == [tmp_path / "x.wav", tmp_path / "y.wav"]


def test_a_dialogue_in_text_alone_is_a_row_without_audio(tmp_path: Path) -> None:
    [row] = read(tmp_path, TYPED)
    assert (row.input, row.path, row.problem, row.is_text) == ("c.jsonl:1", None, "", True)
    assert said(row) == [("user", ["Hello?"]), ("assistant", ["Hello."])]


@pytest.mark.parametrize("form", ["lines", "gzip", "array", "indented array", "parquet"])
def test_lines_arrays_and_parquet_say_the_same(tmp_path: Path, form: str) -> None:
    # One column has one type: in Parquet, content is a list in every row.
    records = [
        {**HEARD, "speaker": "84"},
        {**TYPED, "id": "d2", "messages": [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in TYPED["messages"]]},
    ]
    for turn in records[0]["messages"] if form == "parquet" else []:
        turn["content"] = [{"type": "text", "text": turn["content"]}] if isinstance(turn["content"], str) else turn["content"]
    expected = read(tmp_path, *records)
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(records), tmp_path / "c.parquet")
        name = "c.parquet"
    elif form == "gzip":
        write_lines(tmp_path / (name := "c.jsonl.gz"), records)
    elif form == "lines":
        name = "c.jsonl"
    else:
        (tmp_path / (name := "c.json")).write_text(json.dumps(records, indent=2 if form == "indented array" else None))
    found = read_conversations(ConversationsSource(id="s", format="conversations", path=name), reach=reach_into(tmp_path))
    assert found == expected
    assert len(found) == 4


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({("messages",): []}, "`messages` is empty"),
        ({("messages",): None}, "neither `messages` nor `conversations`"),
        ({("conversations",): [{"from": "human", "value": "x"}]}, "both `messages` and `conversations`"),
        ({("messages", 1, "role"): "narrator"}, "`messages.1.role` is 'narrator'; known are system"),
        ({("messages", 1, "role"): ["user"]}, "`messages.1.role` is ['user']"),
        ({("messages", 1, "tool_calls"): [{}]}, "`messages.1.tool_calls` is no field"),
        ({("messages", 1, "content"): ""}, "`messages.1` says nothing"),
        ({("messages", 1, "content"): " \n"}, "`messages.1` says nothing"),
        ({("messages", 1, "content"): []}, "`messages.1` says nothing"),
        ({("messages", 1, "content"): 5}, "neither text nor a list of parts"),
        ({("messages", 1, "content", 1, "text"): " "}, "`messages.1.content.1` says nothing"),
        ({("messages", 1, "content", 0, "type"): "image"}, "messages.1.content.0: `type`"),
        ({("messages", 1, "content", 0, "input_audio"): {"data": "UklGRg=="}}, "messages.1.content.0: `input_audio` is no field"),
        ({("messages", 1, "content", 0, "base64"): "UklGRg=="}, "`base64` is no field"),
        ({("messages", 1, "content", 0, "audio"): "other.wav"}, "names 2 files"),
        ({("messages", 1, "content", 1, "path"): "other.wav"}, "names 1 files and is one part of text"),
        ({("messages", 1, "content", 0, "text"): "a latte"}, "`transcript`"),
        ({("messages", 0, "content"): [{"type": "audio", "path": "a.wav"}]}, "is of the role system and holds audio"),
        ({("messages", 4, "role"): "user", ("messages", 2, "role"): "user"}, "no turn of the assistant follows another"),
        ({("messages", 4, "content"): "<audio>"}, "there are 1 places for audio"),
        ({("audios",): ["x.wav"]}, "there are 0 places for audio"),
        ({("audios",): [{"bytes": "UklGRg=="}]}, "`audios.0` is no path"),
        ({("audios",): {"a": 1}}, "`audios` is no list of paths"),
        ({("tools",): "[{}]"}, "`tools` is not read"),
        ({("images",): ["x.png"]}, "`images` is not read"),
        ({("rule",): "transcribe"}, "belongs to dialogues that are made from transcripts"),
        ({("rule",): "no rule at all"}, "`rule`"),
        ({("system",): 5}, "`system` is no text"),
        ({("id",): "d0"}, "the id 'd0' stands in c.jsonl:1 already"),
        ({("speaker",): True}, "`speaker"),
    ],
)
def test_a_dialogue_that_makes_no_sense_is_one_row_with_its_line_number(tmp_path: Path, changes: dict[Any, Any], problem: str) -> None:
    good, bad = read(tmp_path, {**TYPED, "id": "d0"}, changed(HEARD, changes))
    assert good.problem == ""
    assert bad.problem.startswith("c.jsonl:2: ")
    assert problem in bad.problem
    assert (bad.path, bad.dialogue) == (None, None)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/a.wav",
        "http://x/a.wav",
        "data:audio/wav;base64,UklGRg==",
        "s3://bucket/a.wav",
        "file:///etc/passwd",
        "pipe:ls",
        "../x.wav",
        "/etc/passwd",
    ],
)
def test_audio_that_is_no_file_in_reach_is_refused_by_name_and_nothing_is_fetched(tmp_path: Path, address: str) -> None:
    _, answer, second = read(tmp_path, changed(HEARD, {("messages", 1, "content", 0, "path"): address}))
    first, *_ = read(tmp_path, changed(HEARD, {("messages", 1, "content", 0, "path"): address}))
    assert (first.path, answer.problem, second.problem) == (None, "", "")
    assert ("leaves the data folder" if address[0] in "./" else f"'{address}' is a command or an address") in first.problem


def test_bounds_hold_for_audio_in_a_dialogue_and_for_depth(tmp_path: Path) -> None:
    many = {
        **SHARED,
        "conversations": [{"from": "human", "value": "<audio>" * (MOST_AUDIO + 1)}, SHARED["conversations"][1]],
        "audios": ["a"] * (MOST_AUDIO + 1),
    }
    deep = '{"messages": ' + "[" * 40 + "]" * 40 + "}"
    rows = read(tmp_path, many, deep, TYPED)
    assert f"more than {MOST_AUDIO} pieces" in rows[0].problem
    assert "deep" in rows[1].problem
    assert rows[2].problem == ""


def test_relative_audio_starts_at_the_file_or_the_named_folder(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    assert read(tmp_path, SHARED, audio_folder="corpus")[0].path == tmp_path / "corpus/1.mp3"


def test_an_element_that_is_no_dialogue_is_a_row_and_a_list_that_is_cut_off_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(f'[{json.dumps(TYPED)}, 5, {{"messages": [,]}}, {json.dumps(TYPED)[:-9]}')
    rows = read_conversations(ConversationsSource(id="s", format="conversations", path="c.json"), reach=reach_into(tmp_path))
    assert [row.problem for row in rows] == [
        "",
        "c.json:2: is no JSON object",
        "c.json:3: is no JSON: Expecting value at character 15",
        "c.json:4: has no end: the file may be cut off",
    ]


def test_what_holds_no_dialogue_at_all_is_refused(tmp_path: Path) -> None:
    for content, told in (("[]", "is an empty list"), ("[1, 2]", "without a JSON object"), ("", "is empty"), ("PAR1 nothing", "cannot be read after row 0")):
        (tmp_path / "c.json").write_text(content)
        with pytest.raises(UnreadableInput, match=told):
            read_conversations(ConversationsSource(id="s", format="conversations", path="c.json"), reach=reach_into(tmp_path))
    cells = pa.array([[{"bytes": b"RIFF", "path": None}]], pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())])))
    pq.write_table(pa.table({"audios": cells}), tmp_path / "c.parquet")
    with pytest.raises(UnreadableInput, match="the column `audios` holds binary"):
        read_conversations(ConversationsSource(id="s", format="conversations", path="c.parquet"), reach=reach_into(tmp_path))


def test_demonstrations_are_for_the_stage_that_learns_from_them() -> None:
    with pytest.raises(ValidationError, match="demonstrations are for the stage `align`"):
        ConversationsSource(id="s", format="conversations", path="c", stages=("pretrain",))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    record=st.sampled_from([HEARD, SHARED]),
    changes=st.dictionaries(st.sampled_from([*paths_in(HEARD), *paths_in(SHARED)]), ANYTHING, min_size=1, max_size=4),
    raw=st.binary(max_size=40),
)
def test_whatever_a_line_holds_it_is_rows_of_one_dialogue_or_one_row_with_a_problem(tmp_path: Path, record: dict, changes: dict, raw: bytes) -> None:
    sound = {**TYPED, "id": "sound"}
    try:
        foreign = changed(record, changes)
    except (IndexError, KeyError, TypeError):
        return
    rows = read(tmp_path, sound, foreign, raw.replace(b"\n", b" "))
    assert rows[0].problem == ""
    last = rows[1:] if not raw.replace(b"\n", b" ").decode(errors="replace").strip() else rows[1:-1]
    assert last
    assert len({row.dialogue and row.dialogue.id for row in last}) == 1
    for row in last:
        assert row.problem or row.is_text or (row.path is not None and row.path.is_relative_to(tmp_path))
        assert row.dialogue is not None or (row.problem and len(last) == 1)
    if last[0].dialogue is not None:
        assert [row.part for row in last if row.part] == list(last[0].dialogue.audio)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([json.dumps(TYPED), "[", "]", "{", "}", ",", '"', "\\", " ", "5", "null", '"a,]"']), max_size=12))
@example([json.dumps(TYPED), "}"])
def test_whatever_an_array_holds_nothing_but_its_elements_is_read(tmp_path: Path, pieces: list[str]) -> None:
    text = "[" + "".join(pieces)
    (tmp_path / "c.json").write_text(text)
    source = ConversationsSource(id="s", format="conversations", path="c.json")
    try:
        valid = json.loads(text)
    except ValueError:
        valid = None
    try:
        rows = read_conversations(source, reach=reach_into(tmp_path))
    except UnreadableInput:
        assert valid is None or not any(isinstance(one, dict) for one in valid)
        return
    if valid is None:
        assert any(row.problem for row in rows)
    else:
        assert len(rows) == len(valid)
