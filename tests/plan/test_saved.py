"""A saved plan: the same world gives the same bytes, and whatever changes in the world is named."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from corpus import Corpus

from speccraft.errors import BrokenIntegrity, UnreadableInput, WrongUsage
from speccraft.ingest.rows import Dialogue, Inside, Row, Utterance
from speccraft.plan import plan, plan_of
from speccraft.plan.saved import differences, need_same_world, read, save
from speccraft.remote.connection import Object
from speccraft.remote.url import Url
from speccraft.scenario import load_scenario
from speccraft.scenario.contracts import Message, Part


def save_here(corpus: Corpus, path: Path, as_of: str = "2026-01-01") -> Path:
    loaded = load_scenario(corpus.scenario)
    save(plan_of(loaded, as_of=as_of), loaded, path)
    return path


def changes_since(corpus: Corpus, path: Path, tmp_path: Path) -> str:
    """What a plan made now says of a saved one, from the difference of the two files and from the check alike."""
    told = tuple(differences(read(path), read(save_here(corpus, tmp_path / "now.json"))))
    loaded = load_scenario(corpus.scenario)
    with pytest.raises(BrokenIntegrity, match="the world has changed since the plan was saved") as caught:
        need_same_world(read(path), plan_of(loaded, as_of="2026-01-01"), loaded)
    assert caught.value.details == told
    return "; ".join(told)


@pytest.fixture
def saved(corpus: Corpus, tmp_path: Path) -> Path:
    return save_here(corpus, tmp_path / "plan.json")


def test_the_same_world_gives_the_same_bytes_and_passes(corpus: Corpus, saved: Path, tmp_path: Path) -> None:
    assert save_here(corpus, tmp_path / "again.json").read_bytes() == saved.read_bytes()
    loaded = load_scenario(corpus.scenario)
    need_same_world(read(saved), plan_of(loaded, as_of="2026-01-01"), loaded)


def test_lengths_that_were_looked_up_for_showing_make_no_difference(corpus: Corpus, saved: Path) -> None:
    loaded = load_scenario(corpus.scenario)
    need_same_world(read(saved), plan_of(loaded, as_of="2026-01-01", lengths=True), loaded)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("text", "other words", "source 'words': 1 with other words or facts: words/anna-ba.wav"),
        ("speaker", "zoe", "source 'words': 1 with other words or facts: words/anna-ba.wav"),
        (
            "licence",
            "MIT",
            "source 'words': 1 with other words or facts: words/anna-ba.wav; source 'words': 1 that rights or rules judge otherwise: words/anna-ba.wav",
        ),
    ],
)
def test_a_row_that_says_something_else_is_named(corpus: Corpus, saved: Path, tmp_path: Path, field: str, value: str, told: str) -> None:
    corpus.edit_row("words/anna-ba.wav", **{field: value})
    assert changes_since(corpus, saved, tmp_path) == told


def test_new_and_missing_rows_are_counted_and_some_are_named(corpus: Corpus, saved: Path, tmp_path: Path) -> None:
    (corpus.folder / "noise" / "hiss0.wav").rename(corpus.folder / "noise" / "other.wav")
    for number in range(4):
        (corpus.folder / "rooms" / f"new{number}.wav").write_bytes(b"new")
    told = changes_since(corpus, saved, tmp_path)
    assert "source 'hiss': 1 new: other.wav" in told
    assert "source 'hiss': 1 gone: hiss0.wav" in told
    assert "source 'halls': 4 new: new0.wav, new1.wav, new2.wav and 1 more" in told


def test_a_file_with_other_bytes_or_touched_since_is_a_change_and_a_missing_one_too(corpus: Corpus, saved: Path, tmp_path: Path) -> None:
    bela, cleo = corpus.folder / "words" / "bela-ba.wav", corpus.folder / "words" / "cleo-ba.wav"
    os.utime(bela, ns=(1, 1))
    cleo.unlink()
    assert changes_since(corpus, saved, tmp_path) == "source 'words': 2 whose file was changed or touched: words/bela-ba.wav, words/cleo-ba.wav"


def test_a_scenario_with_another_text_is_shown_by_its_changed_lines(corpus: Corpus, saved: Path, tmp_path: Path) -> None:
    corpus.write_scenario(seed=12345)
    told = changes_since(corpus, saved, tmp_path)
    assert told.startswith("the scenario has ")
    assert "12345" in told


def test_another_day_of_judgement_is_a_change(corpus: Corpus, saved: Path, tmp_path: Path) -> None:
    told = list(differences(read(saved), read(save_here(corpus, tmp_path / "later.json", as_of="2027-01-01"))))
    assert told == ["rights were judged at 2026-01-01, not at 2027-01-01"]


def test_another_version_of_the_tool_is_a_change(saved: Path) -> None:
    then = read(saved)
    assert list(differences(then.model_copy(update={"version": "0.0.1"}), then)) == [f"speccraft was 0.0.1 and is {then.version}"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"speccraft_plan": 2}'])
def test_a_file_that_is_no_saved_plan_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(UnreadableInput, match="is no saved plan"):
        read(tmp_path / "plan.json")


def test_a_plan_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="cannot be read"):
        read(tmp_path / "none.json")


def test_another_consent_record_is_a_change_even_where_it_allows_as_much(corpus: Corpus, saved: Path) -> None:
    then = read(saved)
    (told,) = differences(then, then.model_copy(update={"voice": ".0123456789abcdef"}))
    assert told.startswith("the voice: its consent record")


def test_a_plan_is_never_written_over_something_else(corpus: Corpus, saved: Path) -> None:
    text = corpus.scenario.read_text()
    with pytest.raises(WrongUsage, match="exists and is no saved plan"):
        save_here(corpus, corpus.scenario)
    assert corpus.scenario.read_text() == text
    save_here(corpus, saved)


CHANGED: dict[str, Any] = {
    "input": "b", "recording": "tape", "start": 1.0, "end": 2.0, "channel": 1, "say": Utterance("hi", "en-us", 170, 50), "text": "di", "speaker": "bela",
    "session": "two", "language": "en-GB", "licence": "CC-BY-4.0", "attribution": "Bela", "split": "dev", "groups": (("accent", "scots"),),
    "problem": "broken", "inside": Inside("bytes", 1, 2),
    "remote": Object(Url("s3", "bucket/a.wav"), 44, "tag"), "part": "0.0",
    "dialogue": Dialogue("d", (Message(role="user", content=(Part(type="text", text="hi"),)),), "given"),
}  # fmt: skip
LOOKED_UP = {"path", "seconds", "length_from"}
"""Where a file lies and how long it is said to be decide nothing; the file itself is known by its size, time and inode."""


def test_every_field_of_a_row_is_one_of_these() -> None:
    assert {field.name for field in fields(Row)} == CHANGED.keys() | LOOKED_UP


@pytest.mark.parametrize("field", CHANGED)
def test_a_row_that_differs_in_any_field_is_a_change(corpus: Corpus, tmp_path: Path, field: str) -> None:
    loaded = load_scenario(corpus.scenario)
    row = Row("a", text="ba", speaker="anna", say=Utterance("hi", "en-us", 165, 50) if field == "say" else None)
    for name, one in (("then", row), ("now", replace(row, **{field: CHANGED[field]}))):
        rows = {source.id: (one,) if source.id == "words" else () for source in loaded.scenario.sources}
        save(plan(loaded.scenario, rows, as_of="2026-01-01"), loaded, tmp_path / f"{name}.json")
    assert list(differences(read(tmp_path / "then.json"), read(tmp_path / "now.json")))
