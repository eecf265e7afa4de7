"""Tables: four formats, the same rows; what cannot be used is a row with a problem, what cannot be read an error."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest.rows import Reach, Row
from speccraft.ingest.table import SPLIT_NAMES, read_table
from speccraft.scenario.source import Columns, TableSource

RECORDS = [
    {"path": "a.wav", "words": "hello, you", "who": "ann", "set": "train"},
    {"path": "b/ü.wav", "words": None, "who": "ben", "set": None},
    {"path": "c.wav", "words": 'say "no"', "who": "cy", "set": "Validation"},
]
COLUMNS = {"text": "words", "speaker": "who"}


def read(path: Path, *, where: dict[str, str | tuple[str, ...]] | None = None, given: str | None = None, **columns: str) -> list[Row]:
    folder = path.parent
    source = TableSource(id="s", format="table", path=path.name, columns=Columns(**{"audio": "path", **columns}), where=where or {})
    return read_table(source, given=given, reach=Reach(base=folder, roots=(folder,)))


def refusal(path: Path, **columns: str) -> UnreadableInput:
    with pytest.raises(UnreadableInput) as caught:
        read(path, **columns)
    assert "source 's'" in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def csv(path: Path) -> None:
    pl.DataFrame(RECORDS).write_csv(path)


def tsv(path: Path) -> None:
    lines = [RECORDS[0].keys(), *(["" if value is None else value for value in record.values()] for record in RECORDS)]
    write(path, "\n".join("\t".join(line) for line in lines) + "\n")


def jsonl(path: Path) -> None:
    write(path, "\n".join(json.dumps(record) for record in RECORDS) + "\n\n")


def parquet(path: Path) -> None:
    pl.DataFrame(RECORDS).write_parquet(path)


FORMATS: dict[str, Callable[[Path], None]] = {"t.csv": csv, "t.tsv": tsv, "t.jsonl": jsonl, "T.NDJSON": jsonl, "t.parquet": parquet}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name)
    assert read(tmp_path / name, given="set", **COLUMNS) == [
        Row(input="a.wav", path=tmp_path / "a.wav", text="hello, you", speaker="ann", split="train"),
        Row(input="b/ü.wav", path=tmp_path / "b/ü.wav", text=None, speaker="ben", split=None),
        Row(input="c.wav", path=tmp_path / "c.wav", text='say "no"', speaker="cy", split="dev"),
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_where_keeps_rows_that_equal_a_value_or_one_of_several(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name)
    assert [row.input for row in read(tmp_path / name, where={"who": "ben"})] == ["b/ü.wav"]
    assert [row.input for row in read(tmp_path / name, where={"who": ("cy", "ann", "zoe")})] == ["a.wav", "c.wav"]
    assert [row.input for row in read(tmp_path / name, where={"who": ("cy", "ann"), "set": "train"})] == ["a.wav"]
    with pytest.raises(UnreadableInput, match="no row of"):
        read(tmp_path / name, where={"who": "Ben"})
    with pytest.raises(UnreadableInput, match="no column 'kind'"):
        read(tmp_path / name, where={"kind": "x"})


@pytest.mark.parametrize("name", FORMATS)
def test_a_missing_column_is_named_beside_those_there_are(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name)
    error = refusal(tmp_path / name, text="transcript", session="room")
    assert "'transcript', 'room'" in error.message
    assert error.try_this == "it has path, words, who, set"


def test_a_split_column_the_table_lacks_gives_no_split(tmp_path: Path) -> None:
    csv(tmp_path / "t.csv")
    assert [row.split for row in read(tmp_path / "t.csv", given="official")] == [None] * 3


def test_official_split_names_are_understood_in_any_case_and_others_are_a_problem(tmp_path: Path) -> None:
    names = [*SPLIT_NAMES, "TEST", "dev ", "", "eval", "train,test"]
    pl.DataFrame({"path": [f"{n}.wav" for n in range(len(names))], "set": names}).write_csv(tmp_path / "t.csv")
    rows = read(tmp_path / "t.csv", given="set")
    assert [row.split for row in rows] == [*SPLIT_NAMES.values(), "test", "dev", None, None, None]
    assert [bool(row.problem) for row in rows] == [False] * 9 + [True] * 2
    assert "'eval' is not a split" in rows[-2].problem
    assert rows[-2].path is None


def test_one_column_may_serve_two_fields(tmp_path: Path) -> None:
    csv(tmp_path / "t.csv")
    [row, *_] = read(tmp_path / "t.csv", speaker="who", session="who", given="set", language="set")
    assert (row.speaker, row.session, row.language, row.split) == ("ann", "ann", "train", "train")


def test_paths_that_leave_the_roots_are_rows_with_a_problem_that_keep_what_is_known(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "secret.wav").write_bytes(b"x")
    (data / "link.wav").symlink_to(tmp_path / "secret.wav")
    (data / "loop.wav").symlink_to("loop.wav")
    paths = ["../secret.wav", "/etc/passwd", "link.wav", "a\0.wav", str(tmp_path / "secret.wav"), "ok.wav", "loop.wav", "x" * 3000]
    write(data / "t.jsonl", "\n".join(json.dumps({"path": path, "who": "ann"}) for path in paths))
    rows = read(data / "t.jsonl", speaker="who")
    assert [row.input for row in rows] == paths
    assert ["leaves" in row.problem for row in rows] == [True] * 5 + [False] * 3
    assert all((row.path is None) == bool(row.problem) and row.speaker == "ann" for row in rows)


def test_paths_start_at_the_tables_own_folder(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    csv(tmp_path / "tables/t.csv")
    source = TableSource(id="s", format="table", path="tables/t.csv", columns=Columns(audio="path"))
    [row, *_] = read_table(source, given=None, reach=Reach(base=tmp_path, roots=(tmp_path,)))
    assert row.path == tmp_path / "tables/a.wav"


def test_an_empty_audio_cell_is_a_row_too(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "t.csv", "path,who\n,ann\n  ,ben\nc.wav,cy\n"), speaker="who")
    assert [row.input for row in rows] == ["(no audio path)", "(no audio path)", "c.wav"]
    assert [row.speaker for row in rows] == ["ann", "ben", "cy"]
    assert [row.problem for row in rows] == ["the audio column is empty"] * 2 + [""]


def test_cells_are_trimmed_and_empty_ones_are_unknown(tmp_path: Path) -> None:
    [row] = read(write(tmp_path / "t.csv", 'path,words,who\n a.wav ,"  hi ", \n'), **COLUMNS)
    assert (row.input, row.text, row.speaker) == ("a.wav", "hi", None)


@pytest.mark.parametrize(
    "content", [b"path,words\r\na.wav,hi\r\n", "\ufeffpath,words\na.wav,hi\n".encode(), b"path,words\na.wav,hi", b"words,path\nhi,a.wav\n"]
)
def test_crlf_a_byte_order_mark_and_a_missing_last_newline_do_no_harm(tmp_path: Path, content: bytes) -> None:
    assert [(row.input, row.text) for row in read(write(tmp_path / "t.csv", content), text="words")] == [("a.wav", "hi")]


def test_a_tsv_has_no_quotes_and_loses_no_row_to_one(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "t.tsv", 'path\twords\na.wav\t"hello\nb.wav\tworld\nc.wav\tyou"\nd.wav\t"q"\n'), text="words")
    assert [(row.input, row.text) for row in rows] == [("a.wav", '"hello'), ("b.wav", "world"), ("c.wav", 'you"'), ("d.wav", '"q"')]


def test_a_quoted_csv_cell_may_hold_a_comma_and_a_line_break(tmp_path: Path) -> None:
    [row, last] = read(write(tmp_path / "t.csv", 'path,words\na.wav,"one, ""two""\nthree"\nb.wav,x\n'), text="words")
    assert row.text == 'one, "two"\nthree'
    assert last.input == "b.wav"


def test_numbers_dates_and_leading_zeros_stay_as_written(tmp_path: Path) -> None:
    [row] = read(write(tmp_path / "t.csv", "path,words,who\n001.wav,1e3,2020-01-01\n"), **COLUMNS)
    assert (row.input, row.text, row.speaker) == ("001.wav", "1e3", "2020-01-01")


def test_numbers_in_json_and_parquet_are_text(tmp_path: Path) -> None:
    write(tmp_path / "t.jsonl", '{"path": "a.wav", "words": 7, "who": true}\n')
    pl.DataFrame({"path": ["a.wav"], "words": [7], "who": [True]}).write_parquet(tmp_path / "t.parquet")
    for name in ("t.jsonl", "t.parquet"):
        [row] = read(tmp_path / name, **COLUMNS)
        assert (row.text, row.speaker) == ("7", "true")
        assert len(read(tmp_path / name, where={"words": "7"})) == 1


def test_a_field_that_only_later_json_lines_have_is_a_column(tmp_path: Path) -> None:
    write(tmp_path / "t.jsonl", '{"path": "a.wav"}\n' * 300 + '{"path": "b.wav", "words": "x", "deep": {"a": [1]}}\n')
    rows = read(tmp_path / "t.jsonl", text="words")
    assert (len(rows), rows[0].text, rows[-1].text) == (301, None, "x")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b""),
        ("t.tsv", b""),
        ("t.jsonl", b""),
        ("t.parquet", b""),
        ("t.csv", b"path,words\n"),
        ("t.csv", b"path,words\na.wav,caf\xe9\n"),
        ("t.csv", b"path,words\na.wav,x,y\n"),
        ("t.csv", b'path,words\na.wav,"x\n'),
        ("t.csv", "path,words\na.wav,x\n".encode("utf-16")),
        ("t.csv", b"path;words\na.wav;x\n"),
        ("t.jsonl", b'{"path": "a.wav"\n'),
        ("t.jsonl", b'{"path": "a.wav", "words": ""}\nhello\n'),
        ("t.jsonl", b'[{"path": "a.wav", "words": ""}]\n'),
        ("t.jsonl", b'{"path": "caf\xe9.wav", "words": ""}\n'),
        ("t.jsonl", b'{"path": {"deep": 1}, "words": ""}\n'),
        ("t.parquet", b"PAR1 no table PAR1"),
        ("t.xlsx", b"PK\x03\x04"),
        ("t", b"path,words\na.wav,x\n"),
    ],
)
def test_a_table_that_cannot_be_read_is_an_error_with_the_files_name(tmp_path: Path, name: str, content: bytes) -> None:
    assert name in refusal(write(tmp_path / name, content), text="words").message


def test_a_folder_where_the_table_should_be_is_an_error(tmp_path: Path) -> None:
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        (tmp_path / name).mkdir()
        refusal(tmp_path / name)


def test_a_damaged_parquet_is_an_error_and_does_not_end_the_process(tmp_path: Path) -> None:
    parquet(tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    rng, read_anyway = random.Random(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] ^= rng.randrange(1, 256)
        write(tmp_path / "t.parquet", bytes(damaged))
        with contextlib.suppress(UnreadableInput):
            read_anyway += len(read(tmp_path / "t.parquet", **COLUMNS)) > 0
    assert read_anyway < 150


def test_a_misspelt_column_is_answered_with_the_near_one(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "path,transcript\na.wav,hello\n")
    assert refusal(path, text="transcripts").try_this.startswith("did you mean 'transcript' for 'transcripts'?")


DURATIONS = ["2.5", " 3 ", "1e-1", "", "abc", "0", "-1", "nan", "inf", "-inf", "1,5", "00:03", "1e6", "1e308"]
SECONDS = [2.5, 3.0, 0.1, None]
"""What the first of them mean; the others are no lengths."""


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet"])
def test_a_duration_is_a_number_above_zero_or_a_problem_in_its_own_words(tmp_path: Path, name: str) -> None:
    table = pl.DataFrame({"path": [f"{number}.wav" for number in range(len(DURATIONS))], "s": DURATIONS})
    writers = {
        "t.csv": table.write_csv,
        "t.tsv": lambda path: table.write_csv(path, separator="\t", quote_style="never"),
        "t.jsonl": table.write_ndjson,
        "t.parquet": table.write_parquet,
    }
    writers[name](tmp_path / name)
    rows = read(tmp_path / name, duration="s")
    assert [row.seconds for row in rows] == SECONDS + [None] * 10
    assert [row.length_from for row in rows] == ["table"] * 3 + [None] * 11
    assert [row.problem for row in rows] == [""] * 4 + [f"'{written}' is no length in seconds" for written in DURATIONS[4:]]
    assert [row.path is None for row in rows] == [False] * 4 + [True] * 10


def test_durations_that_json_and_parquet_hold_as_numbers_are_numbers(tmp_path: Path) -> None:
    write(tmp_path / "t.jsonl", "".join(f'{{"path": "a.wav", "s": {value}}}\n' for value in ("2.5", "3", "1e-7", "null", "0")))
    rows = read(tmp_path / "t.jsonl", duration="s")
    assert [row.seconds for row in rows] == [2.5, 3.0, 1e-7, None, None]
    assert [bool(row.problem) for row in rows] == [False] * 4 + [True]


@pytest.mark.parametrize(("dtype", "third"), [(pl.Float64, 0.1), (pl.Float32, 0.1), (pl.Int32, None), (pl.Decimal(10, 3), 0.1)])
def test_every_number_type_of_parquet_is_read(tmp_path: Path, dtype: pl.DataType, third: float | None) -> None:
    values = pl.Series("s", [2.0, 3.0, third, None], dtype=pl.Float64).cast(dtype)
    pl.DataFrame({"path": ["a.wav"] * 4, "s": values}).write_parquet(tmp_path / "t.parquet")
    assert [row.seconds for row in read(tmp_path / "t.parquet", duration="s")] == [2.0, 3.0, third, None]


def test_numbers_of_parquet_that_are_not_finite_are_a_problem(tmp_path: Path) -> None:
    pl.DataFrame({"path": ["a.wav"] * 3, "s": [float("nan"), float("inf"), -1.0]}).write_parquet(tmp_path / "t.parquet")
    rows = read(tmp_path / "t.parquet", duration="s")
    assert [row.seconds for row in rows] == [None] * 3
    assert all("is no length in seconds" in row.problem for row in rows)


def test_all_problems_of_a_row_are_told_at_once_beside_what_is_known(tmp_path: Path) -> None:
    [row] = read(write(tmp_path / "t.csv", "path,who,set,s\n,ann,eval,abc\n"), speaker="who", given="set", duration="s")
    audio, duration, split = row.problem.split("; ", 2)
    assert (audio, duration) == ("the audio column is empty", "'abc' is no length in seconds")
    assert split.startswith("'eval' is not a split; known are train")
    assert (row.input, row.speaker, row.path, row.split, row.seconds, row.length_from) == ("(no audio path)", "ann", None, None, None, None)


def test_without_a_duration_column_no_length_is_known(tmp_path: Path) -> None:
    [row] = read(write(tmp_path / "t.csv", "path,duration\na.wav,2.5\n"))
    assert (row.seconds, row.length_from, row.problem) == (None, None, "")


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=6) | st.floats().map(str) | st.integers().map(str))
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_for_a_duration_gives_a_length_that_can_be_or_none(tmp_path: Path, written: str) -> None:
    write(tmp_path / "t.jsonl", json.dumps({"path": "a.wav", "s": written}) + "\n")
    [row] = read(tmp_path / "t.jsonl", duration="s")
    assert row.seconds is None or 0 < row.seconds < 1e6
    assert (row.seconds is None) == (bool(row.problem) or not written.strip())


def test_start_end_and_channel_make_rows_parts_of_recordings(tmp_path: Path) -> None:
    lines = ["path,from,to,ch,len,words", "a.wav,0.5,2,0,,hi", "a.wav,2,,1,1.5,ho", "a.wav,,,1.0,,hu", "b.wav,,,,3,he"]
    rows = read(write(tmp_path / "t.csv", "\n".join(lines)), start="from", end="to", channel="ch", duration="len", text="words")
    assert [(row.input, row.recording, row.start, row.end, row.channel, row.seconds) for row in rows] == [
        ("a.wav#0.500-2.000,channel0", "a.wav", 0.5, 2.0, 0, 1.5),
        ("a.wav#2.000-,channel1", "a.wav", 2.0, 3.5, 1, 1.5),
        ("a.wav#channel1", "a.wav", None, None, 1, None),
        ("b.wav", None, None, None, None, 3.0),
    ]
    assert {row.problem for row in rows} == {""}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.wav,-1,2,0,", "'-1' is no start in seconds"),
        ("a.wav,x,2,0,", "'x' is no start in seconds"),
        ("a.wav,nan,2,0,", "'nan' is no start in seconds"),
        ("a.wav,3,2,0,", "cannot end at 2 s"),
        ("a.wav,2,2,0,", "cannot end at 2 s"),
        ("a.wav,0,1e300,0,", "is no end in seconds"),
        ("a.wav,0,1,-1,", "'-1' is no channel"),
        ("a.wav,0,1,0.5,", "'0.5' is no channel"),
        ("a.wav,0,1,99,", "'99' is no channel"),
        ("a.wav,0,1,0,5", "it is not 5 s long"),
        ("../up.wav,0,1,0,", "leaves the data folder"),
    ],
)
def test_times_that_make_no_sense_are_the_problem_of_their_row(tmp_path: Path, line: str, words: str) -> None:
    table = write(tmp_path / "t.csv", f"path,from,to,ch,len\n{line}\na.wav,0,1,0,1\n")
    broken, good = read(table, start="from", end="to", channel="ch", duration="len")
    assert words in broken.problem
    assert broken.path is None
    assert good.problem == ""


def test_columns_of_groups_are_read_where_a_row_states_them(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "path,who,gender,accent\na.wav,ann,female,\nb.wav,ben, male ,scots\n")
    source = TableSource(id="s", format="table", path=path.name, columns=Columns(audio="path", speaker="who", groups=("gender", "accent")))
    rows = read_table(source, given=None, reach=Reach(base=tmp_path, roots=(tmp_path,)))
    assert [row.groups for row in rows] == [(("gender", "female"),), (("gender", "male"), ("accent", "scots"))]
    with pytest.raises(UnreadableInput, match="has no column 'device'"):
        read_table(source.model_copy(update={"columns": Columns(audio="path", groups=("device",))}), given=None, reach=Reach(base=tmp_path, roots=(tmp_path,)))
