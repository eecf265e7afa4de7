"""Lines of untrusted files: bounded, strict, and counted; what is wrong with one is its problem, what is wrong with the file an error."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest import lines
from speccraft.ingest.lines import Line, Record, record_of, records_of
from speccraft.ingest.manifests import MOST_SECONDS
from speccraft.ingest.tars import LONGEST_NAME


def read(path: Path, content: bytes) -> list[Record]:
    path.write_bytes(content)
    return list(records_of(path, "s"))


def refusal(path: Path, content: bytes) -> str:
    with pytest.raises(UnreadableInput) as caught:
        read(path, content)
    assert "source 's'" in caught.value.message
    assert str(path) in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_byte_order_marks_other_line_ends_blank_lines_and_a_missing_last_end_are_accepted(tmp_path: Path, pack) -> None:
    found = read(tmp_path / "m", pack(b'\xef\xbb\xbf{"a": 1}\r\n\n  \r\n{"a": "\xc3\xbc"}'))
    assert found == [Record(1, {"a": 1}), Record(4, {"a": "ü"})]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a": NaN}', "holds NaN"),
        (b'{"a": -Infinity}', "holds -Infinity"),
        (b'{"a": 1e400}', "1e400"),
        (b'{"a": ' + b"9" * 500 + b"}", "500 digits"),
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "key 'c' twice"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": "\xe9"}', "is not UTF-8 at byte 8"),
        (b"\0" * 512, "is no JSON"),
        (b'{"a": 1', "is no JSON"),
        (b"[1]", "no JSON object"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
        (b'{"a": ' + b"[" * 100_000, "deep"),
        (b'"' + b'\\"' * 100_000 + b"[" * 50, "is no JSON"),
        (b'{"a": "' + b"x" * lines.LONGEST_LINE + b'"}', "longer than"),
    ],
)
def test_a_broken_line_is_a_problem_and_the_next_is_read(tmp_path: Path, line: bytes, problem: str) -> None:
    wrong, right = read(tmp_path / "m", line + b'\n{"a": 1}\n')
    assert problem in wrong.problem
    assert (wrong.number, wrong.fields) == (1, {})
    assert right == Record(2, {"a": 1})
    assert "line 1" in refusal(tmp_path / "m", line + b"\n\n")


def test_brackets_inside_strings_are_no_nesting() -> None:
    text = json.dumps({"a": "[" * 99, "b": '\\"{' * 99})
    assert record_of(Line(1, text)).fields["a"] == "[" * 99


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)))
def test_every_json_object_is_read_as_python_reads_it(value: object) -> None:
    assert record_of(Line(1, json.dumps({"value": value}))).fields == {"value": value}
    assert record_of(Line(1, json.dumps({"value": value}, ensure_ascii=False))).fields == {"value": value}


def test_a_gzip_bomb_is_refused_in_little_memory(tmp_path: Path) -> None:
    line = b" " * 1023 + b"\n"
    bomb = gzip.compress(line * 40 * 1024, 9)
    assert len(bomb) < 2**18
    tracemalloc.start()
    message = refusal(tmp_path / "m.gz", bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "expands to more than" in message
    assert peak < 40 * 2**20


def test_one_endless_line_is_refused_in_little_memory(tmp_path: Path) -> None:
    bomb = gzip.compress(b" " * (100 * 2**20), 1)
    tracemalloc.start()
    refusal(tmp_path / "m.gz", bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 2**20


def test_a_manifest_of_repeated_lines_is_no_bomb(tmp_path: Path) -> None:
    line = json.dumps({"audio_filepath": "a.wav", "text": "the same words again", "duration": 3.5}).encode() + b"\n"
    assert len(read(tmp_path / "m.gz", gzip.compress(line * 20_000))) == 20_000


def test_a_cut_off_or_damaged_gzip_says_after_which_line(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(b'{"a": "%d"}\n' % number**7 for number in range(20_000)))
    assert "after line 1" in refusal(tmp_path / "m.gz", packed[: len(packed) // 2])
    assert "after line" in refusal(tmp_path / "m.gz", packed[:100] + b"\xff" * 50 + packed[150:])
    assert "after line 0" in refusal(tmp_path / "m.gz", b"\x1f\x8b\x00junk")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "nothing"):
        with pytest.raises(UnreadableInput, match="is no file"):
            list(records_of(path, "s"))
    assert "is empty" in refusal(tmp_path / "m", b"\xef\xbb\xbf\n \n")


def test_the_page_of_formats_names_the_bounds_that_hold() -> None:
    page = (Path(__file__).parents[2] / "docs/formats.md").read_text()
    for words in (
        f"| a line | {lines.LONGEST_LINE >> 20} MiB",
        f"| {lines.MOST_EXPANDED} times its size, or {lines.SMALL >> 20} MiB",
        f"| {lines.DEEPEST} levels",
        f"numbers of {lines.LONGEST_NUMBER} digits",
        f"| {LONGEST_NAME >> 10} KiB",
        f"| {MOST_SECONDS:,.0f} s",
    ):
        assert words in page
