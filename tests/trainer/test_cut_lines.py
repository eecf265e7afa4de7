"""Files of lines by number and name: any line without holding the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.trainer.lines import Lines, Names

NAMES = st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=5), unique=True, max_size=12)


@given(rows=st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=9) | st.integers(-9, 9)), max_size=8), wanted=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_any_line_is_read_back_and_all_are_seen_in_order(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], wanted: Any) -> None:
    path: Path = tmp_path_factory.mktemp("lines") / "rows.jsonl"
    path.write_bytes("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "surrogatepass"))
    seen: list[dict[str, Any]] = []
    lines = Lines.of(path, seen.append)
    assert seen == rows
    for number in wanted.sample(range(len(rows)), len(rows)):
        assert json.loads(lines[number]) == rows[number]


@given(names=NAMES, others=NAMES)
def test_names_and_numbers_are_inverse(names: list[str], others: list[str]) -> None:
    found = Names(names)
    assert (len(found), list(found)) == (len(names), names)
    assert [found.number(name) for name in names] == list(range(len(names)))
    assert [found[number] for number in range(len(names))] == names
    assert found.numbers(others).tolist() == [names.index(name) if name in names else -1 for name in others]


def test_a_name_that_is_not_there_is_a_key_error() -> None:
    for names in ([], ["a", "c"]):
        with pytest.raises(KeyError, match="b"):
            Names(names).number("b")
