"""The consent log: nothing in it can be changed, moved or taken out without anybody noticing."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import BadEnvironment, BrokenIntegrity, UnreadableInput, WrongUsage
from speccraft.rights.log import ConsentLog, append, log_path, read_log
from speccraft.scenario import Scenario

HERE = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
BODIES = st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=20) | st.integers() | st.lists(st.text(max_size=5), max_size=3), max_size=4)
KINDS = st.sampled_from(["grant", "withdraw", "waive"])


def filled(path: Path, *bodies: dict[str, Any]) -> ConsentLog:
    path.unlink(missing_ok=True)
    for number, body in enumerate(bodies or ({"speaker": "nora"}, {"speaker": "b\u00e9n"}, {"speaker": "\u2028"})):
        append(path, "grant", body, f"2026-01-0{number + 1}")
    return read_log(path)


def test_a_log_that_is_not_there_is_empty_and_has_no_head(tmp_path: Path) -> None:
    assert read_log(tmp_path / "consents.log.jsonl") == ConsentLog(tmp_path / "consents.log.jsonl")
    assert (ConsentLog(tmp_path).head, ConsentLog(tmp_path).day) == ("", "")


@given(st.lists(st.tuples(KINDS, BODIES), max_size=5))
@HERE
def test_what_is_appended_is_read_again_in_its_order_and_the_head_is_of_all_of_it(tmp_path: Path, said: list[tuple[Any, dict[str, Any]]]) -> None:
    path = tmp_path / "log.jsonl"
    path.unlink(missing_ok=True)
    heads = [""]
    for kind, body in said:
        heads.append(append(path, kind, body, "2026-01-01").hash)
        assert read_log(path).head == heads[-1]
    log = read_log(path)
    assert [(entry.kind, entry.body) for entry in log.entries] == said
    assert len({*heads}) == len(heads)
    assert all(log.holds(head) for head in heads)


def test_the_same_decisions_have_the_same_head_wherever_the_log_lies(tmp_path: Path) -> None:
    assert filled(tmp_path / "a").head == filled(tmp_path / "deep" / "b").head


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@HERE
def test_any_flipped_bit_is_found(tmp_path: Path, place: float, bit: int) -> None:
    filled(path := tmp_path / "log.jsonl")
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(BrokenIntegrity, match="the consent log is broken: line"):
        read_log(path)
    with pytest.raises(BrokenIntegrity):
        append(path, "withdraw", {}, "2026-01-09")
    assert path.read_bytes() == content


@given(place=st.floats(0, 1), added=st.binary(max_size=3), gone=st.integers(0, 3))
@HERE
def test_bytes_that_come_or_go_are_found_and_lines_that_go_from_its_end_show_by_the_head(tmp_path: Path, place: float, added: bytes, gone: int) -> None:
    log = filled(path := tmp_path / "log.jsonl")
    content = path.read_bytes()
    at = int(place * len(content))
    path.write_bytes(changed := content[:at] + added + content[at + gone :])
    try:
        found = read_log(path)
    except BrokenIntegrity:
        return
    assert changed == content or not found.holds(log.head)


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2), (1, 2), (0, 0, 1, 2), (2,)])
def test_lines_that_are_moved_repeated_or_taken_out_are_found(tmp_path: Path, order: tuple[int, ...]) -> None:
    filled(path := tmp_path / "log.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[number] for number in order))
    with pytest.raises(BrokenIntegrity):
        read_log(path)


def test_a_line_whose_hash_was_made_anew_does_not_fit_those_behind_it(tmp_path: Path) -> None:
    filled(path := tmp_path / "log.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    filled(other := tmp_path / "other.jsonl", {"speaker": "mallory"})
    path.write_bytes(b"".join([*other.read_bytes().splitlines(keepends=True), *lines[1:]]))
    with pytest.raises(BrokenIntegrity, match="line 2 does not follow"):
        read_log(path)


@pytest.mark.parametrize("line", [b"{}\n", b"\n", b"[]\n", b"null\n", b'{"kind": "erase"}\n', b"\xff\n", b"[" * 5000 + b"\n", b'{"body":{"a":"\\ud800"}}\n'])
def test_what_is_no_entry_is_found(tmp_path: Path, line: bytes) -> None:
    filled(path := tmp_path / "log.jsonl")
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(BrokenIntegrity, match="line 4 is no entry"):
        read_log(path)


@pytest.mark.parametrize(
    ("old", "new"), [(b'{"', b'{ "'), (b"\xc3\xa9", b"\\u00e9"), (b'{"before"', b'{"day":"2020-01-01","before"'), (b'"number":1', b'"number":1.0')]
)
def test_a_line_that_says_the_same_in_other_bytes_is_found(tmp_path: Path, old: bytes, new: bytes) -> None:
    filled(path := tmp_path / "log.jsonl")
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(BrokenIntegrity, match=r"is not written as entries are|is no entry"):
        read_log(path)


def test_a_circle_of_links_or_a_folder_is_no_empty_log(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    for name in ("loop", "folder"):
        with pytest.raises(UnreadableInput):
            read_log(tmp_path / name)


def test_a_day_before_the_last_entry_cannot_be_written(tmp_path: Path) -> None:
    filled(path := tmp_path / "log.jsonl")
    with pytest.raises(WrongUsage, match="its last entry is of 2026-01-03, so none of 2026-01-02 can follow"):
        append(path, "withdraw", {"speaker": "nora"}, "2026-01-02")
    assert append(path, "withdraw", {"speaker": "nora"}, "2026-01-03").number == 4


def test_a_log_that_cannot_be_written_says_so_and_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from speccraft import store

    log = filled(path := tmp_path / "log.jsonl")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "disk", store.Disk(sync=full))
    with pytest.raises(BadEnvironment, match="No space left"):
        append(path, "withdraw", {"speaker": "nora"}, "2026-01-09")
    monkeypatch.undo()
    assert read_log(path).holds(log.head)


def _append_many(path: Path, name: str) -> None:
    for number in range(15):
        append(path, "grant", {"speaker": name, "number": number}, "2026-01-01")


def test_two_who_write_at_once_both_have_their_say(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    writers = [multiprocessing.get_context("fork").Process(target=_append_many, args=(path, name)) for name in ("anna", "bela")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    said = [(entry.body["speaker"], entry.body["number"]) for entry in read_log(path).entries]
    assert sorted(said) == [(name, number) for name in ("anna", "bela") for number in range(15)]


@pytest.mark.parametrize(
    ("consents", "log"), [(None, "consents.log.jsonl"), ("consents.yaml", "consents.log.jsonl"), ("legal/people.yaml", "legal/people.log.jsonl")]
)
def test_the_log_lies_beside_the_consents_file(tmp_path: Path, consents: str | None, log: str) -> None:
    scenario = {"speccraft": 1, "name": "s", "job": {"task": "transcribe", "languages": ["en"]}, "rights": {"consents": consents} if consents else {}}
    sources = [{"id": "s", "format": "folder", "path": "audio"}]
    assert log_path(Scenario.model_validate_json(json.dumps(scenario | {"sources": sources})), tmp_path) == tmp_path / log
