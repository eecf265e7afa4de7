"""Broken and hostile manifests and tables: every row is accounted for, nothing runs, nothing outside is read (M01 to M16 of docs/faults.md)."""

from __future__ import annotations

import gzip
import json
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from corpus import RATE, SCENARIO, Corpus, build_here, bytes_of, ledger_of, lines_of, make_corpus, speccraft, word_samples
from faults_world import encoded, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.evaluation.wer import normalised
from speccraft.export.run import FORMATS, export
from speccraft.ingest.lhotse import read_lhotse
from speccraft.ingest.nemo import read_nemo
from speccraft.ingest.rows import Reach, Row
from speccraft.ingest.table import read_table
from speccraft.rights.doors import scenario_of
from speccraft.scenario.source import TableSource
from speccraft.scenario.source_manifests import LhotseSource, NemoSource
from speccraft.verify import verify
from speccraft.verify_deep import verify_deep

HEADER = b"path,text,speaker\n"
ROW = b'{"path": "a.wav", "text": "t", "speaker": "s"}\n'


def rows_of(folder: Path, name: str, content: bytes) -> list[Row]:
    written(folder / name, content)
    source = TableSource.model_validate_json(
        json.dumps({"id": "s", "format": "table", "path": name, "columns": {"audio": "path", "text": "text", "speaker": "speaker"}})
    )
    return read_table(source, given=None, reach=Reach(folder, (folder,)))


def refusal(folder: Path, name: str, content: bytes) -> str:
    with pytest.raises(UnreadableInput) as caught:
        rows_of(folder, name, content)
    assert "source 's'" in caught.value.message
    assert name in caught.value.message
    return caught.value.message


# M01, M02


def by_table(folder: Path, path: str) -> Row:
    return rows_of(folder, "t.jsonl", json.dumps({"path": path, "text": "t", "speaker": "s"}).encode() + b"\n")[0]


def by_nemo(folder: Path, path: str) -> Row:
    written(folder / "m.json", json.dumps({"audio_filepath": path, "duration": 1.0, "text": "t"}).encode())
    return read_nemo(NemoSource(id="s", format="nemo", path="m.json"), reach=Reach(folder, (folder,)))[0]


def by_lhotse(folder: Path, path: str) -> Row:
    audio = [{"type": "file", "channels": [0], "source": path}]
    recording = {"id": "r", "sources": audio, "sampling_rate": 8000, "num_samples": 8000, "duration": 1.0, "channel_ids": [0]}
    written(folder / "cuts.jsonl", json.dumps({"id": "c", "start": 0, "duration": 1.0, "channel": 0, "type": "MonoCut", "recording": recording}).encode())
    return read_lhotse(LhotseSource(id="s", format="lhotse", path="cuts.jsonl"), reach=Reach(folder, (folder,)))[0]


@pytest.mark.parametrize("read", [by_table, by_nemo, by_lhotse])
@pytest.mark.parametrize(
    "path",
    [
        "../base2/a.wav", "../secret/a.wav", "/etc/passwd", "//etc/passwd", "a/../../secret/a.wav", "out/a.wav", "a\0.wav", "/dev/zero",
        "touch pwned |", "| touch pwned", "pipe:touch pwned", "x;touch pwned;.sph", "$(touch pwned)", "file:///etc/passwd", "http://127.0.0.1/a.wav",
        "\\\\host\\share\\a.wav", "C:\\a.wav", "~/a.wav", "~root/a.wav", "%2e%2e/secret/a.wav", "-",
    ],
)  # fmt: skip
def test_no_path_of_a_manifest_runs_or_reaches_anything_outside(tmp_path: Path, read: Callable[[Path, str], Row], path: str) -> None:
    base = tmp_path / "base"
    for folder in (base, tmp_path / "base2", tmp_path / "secret"):
        written(folder / "a.wav", b"")
    (base / "out").symlink_to(tmp_path / "secret")
    before = {one for one in tmp_path.rglob("*") if one.parent != base}
    row = read(base, path)
    assert row.path is None or (row.path.is_relative_to(base) and not row.path.exists())
    assert {one for one in tmp_path.rglob("*") if one.parent != base} == before
    assert not list(tmp_path.rglob("pwned"))


# M03


def test_names_that_look_alike_are_rows_of_their_own(tmp_path: Path) -> None:
    names = ["caf\u00e9.wav", "cafe\u0301.wav", "Cafe.wav", "cafe.wav"]
    corpus = make_corpus(tmp_path, environment=QUIET, sources=SCENARIO["sources"][:1])
    for number, name in enumerate(names):
        corpus.add_file(f"twins/{name}", word_samples("ba", pitch=1 + 0.1 * number))
        written(corpus.folder / "twins" / name.replace(".wav", ".txt"), b"ba")
    corpus.write_scenario(sources=[{"id": "twins", "format": "folder", "path": "twins", "licence": "CC0-1.0"}], environment=QUIET)
    ledger = ledger_of(build_here(corpus))
    assert sorted(ledger["input"]) == sorted(names)
    assert set(ledger["fate"]) == {"kept"}


QUIET = {"place": "studio", "sampling_rate": RATE}


# M05


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\n\n"])
def test_byte_order_marks_line_ends_and_blank_lines_change_no_row_of_a_table(tmp_path: Path, name: str, end: bytes, mark: bytes, last: bytes) -> None:
    lines = [ROW.rstrip()] * 2 if name == "t.jsonl" else [line.replace(b",", b"," if name == "t.csv" else b"\t") for line in (HEADER.rstrip(), b"a.wav,t,s")]
    lines = lines if name == "t.jsonl" else [*lines, lines[1]]
    found = rows_of(tmp_path, name, mark + (end.join(lines) + last).replace(b"\n", end) if end == b"\n" else mark + end.join(lines) + last.replace(b"\n", end))
    assert [(row.input, row.text, row.speaker) for row in found] == [("a.wav", "t", "s")] * 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", HEADER + b"a.wav,caf\xe9,s\n", "line 2 is not UTF-8 at byte 10"),
        ("t.csv", HEADER + b"a.wav,t,s\nb.wav,t", "line 3 has 2 fields, and the header 3"),
        ("t.csv", HEADER + b'a.wav,t,s\nb.wav,"t', "line 3"),
        ("t.csv", HEADER + b"a.wav,t,s\n" + bytes(90), "line 3 has 1 fields"),
        ("t.csv", HEADER + b"a.wav,t,s,more\n", "line 2 has 4 fields"),
        ("t.csv", (HEADER + b"a.wav,t,s\n").decode().encode("utf-16"), "is UTF-16: save it as UTF-8"),
        ("t.tsv", HEADER.replace(b",", b"\t") + b"a.wav\tt\n", "line 2 has 2 fields"),
        ("t.jsonl", ROW + b'{"path": "b.wav", "te', "line 2 is no JSON"),
        ("t.jsonl", ROW + b'{"path": "caf\xe9"}\n', "line 2 is not UTF-8 at byte 14"),
        ("t.jsonl", ROW + bytes(90), "line 2 is no JSON"),
        ("t.jsonl", ROW + b"[1]\n", "line 2 is no JSON object"),
    ],
)
def test_a_table_that_is_damaged_names_the_line(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    assert words in refusal(tmp_path, name, content)


# M06


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_a_table_that_would_unpack_itself_is_refused(tmp_path: Path, name: str) -> None:
    bomb = gzip.compress(HEADER + b"a.wav,t,s\n" * 1_000_000)
    tracemalloc.start()
    assert "is compressed with gzip: unpack it" in refusal(tmp_path, name, bomb)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", HEADER + b"a.wav," + b"x" * (5 << 20) + b",s\n", "field of 5242880 bytes"),
        ("t.jsonl", ROW + b'{"path": "' + b"x" * (5 << 20) + b'"}\n', "line 2 is longer than 4194304 bytes"),
        ("t.jsonl", gzip.compress(b" " * 1000 + ROW, 9) + gzip.compress((b" " * 1023 + b"\n") * 40_000, 9), "expands to more than"),
    ],
)
def test_a_line_or_field_without_end_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    assert words in refusal(tmp_path, name, content)


# M07, M08


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"path": "a.wav", "path": "b.wav"}', "holds the key 'path' twice"),
        (b'{"path": NaN}', "holds NaN"),
        (b'{"path": 1e400}', "1e400"),
        (b'{"path": "\\ud800"}', "half a character"),
        (b'{"path": ' + b"9" * 5000 + b"}", "5000 digits"),
        (b'{"path": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
    ],
    ids=["twice", "NaN", "1e400", "surrogate", "digits", "deep"],
)
def test_json_that_readers_understand_in_different_ways_is_refused(tmp_path: Path, line: bytes, words: str) -> None:
    message = refusal(tmp_path, "t.jsonl", ROW + line + b"\n")
    assert "line 2" in message
    assert words in message


# M09


@pytest.mark.parametrize("id", ["007", "1e5", "TRUE", "0x1F", "NaN", "null", "1.0", "2026-01-02", "-0", "1_000"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet"])
def test_an_id_stays_the_text_that_it_is(tmp_path: Path, name: str, id: str) -> None:
    record = {"path": "a.wav", "text": id, "speaker": id}
    if name == "t.parquet":
        pl.DataFrame([record, record]).write_parquet(tmp_path / name)
        content = (tmp_path / name).read_bytes()
    elif name == "t.jsonl":
        content = json.dumps(record).encode() * 1 + b"\n"
    else:
        between = "," if name == "t.csv" else "\t"
        content = "\n".join([between.join(record), between.join(record.values())]).encode()
    row = rows_of(tmp_path, name, content)[0]
    assert (row.text, row.speaker) == (id, id)


def test_a_column_of_several_types_is_text(tmp_path: Path) -> None:
    values: list[Any] = ["007", 7, 7.0, 7.5, True, None, 10**20]
    content = b"".join(json.dumps({"path": "a.wav", "text": "t", "speaker": value}).encode() + b"\n" for value in values)
    assert [row.speaker for row in rows_of(tmp_path, "t.jsonl", content)] == ["007", "7", "7", "7.5", "true", None, str(10**20)]


# M10


def test_what_is_listed_and_not_there_and_what_is_there_and_not_listed_is_told(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path)
    corpus.write_rows([*corpus.rows, corpus.rows[0] | {"path": "words/away.wav"}])
    corpus.add_file("words/orphan.wav", word_samples("ba", 1.4))
    ledger = {row["input"]: row for row in ledger_of(build_here(corpus)).to_dicts()}
    assert (ledger["words/away.wav"]["fate"], ledger["words/away.wav"]["rule"]) == ("failed", "missing")
    assert "words/orphan.wav" not in ledger, "a table says what belongs to it; a folder source would count the file"


# M11


TEXTS = [
    "</script><script>alert(1)</script>", "=cmd|' /C calc'!A0", "+1", "@SUM(A1)", "-2+3", "\u202eevil\u202c", "a\u200bb", "\u05e9\u05dc\u05d5\u05dd",
    "\u0928\u092e\u0938\u094d\u200d\u0924\u0947", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u0410nna", "[laugh] uh- [/etc]", "a\u0301 \u00e1", "{{7*7}} ${x} %s",
]  # fmt: skip


def test_a_transcript_is_kept_as_it_was_written_and_passes_every_export(tmp_path: Path) -> None:
    """What only some medium takes for a command stays text: reports escape it, and no export is a spreadsheet."""
    corpus = make_corpus(tmp_path / "corpus", sources__0__licence="CC-BY-4.0", splits__disjoint=["audio"])
    corpus.write_rows([row | {"text": TEXTS[number % len(TEXTS)]} for number, row in enumerate(corpus.rows)])
    built = build_here(corpus).artefact
    kept = [row["supervisions"][0]["text"] for split in ("train", "dev", "test") for row in json_rows(built.path / f"cuts.{split}.jsonl")]
    assert set(kept) == set(TEXTS)
    for to in FORMATS:
        made = export(built, scenario_of(built), to=to, workspace=tmp_path / "none", out=tmp_path / to)
        assert verify(made.path).problems == []
        assert not [path for path in made.path.rglob("*") if path.suffix in {".csv", ".tsv", ".xlsx"}]
    told = [row["text"] for row in json_rows(next((tmp_path / "nemo").rglob("manifest.jsonl")))]
    assert set(told) <= set(TEXTS)
    page = (built.path / "report.html").read_text()
    assert "<script>alert" not in page


def json_rows(path: Path) -> list[dict[str, Any]]:
    # Not `splitlines`, which ends lines inside some texts.
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


@pytest.mark.parametrize("text", [" ", "\u00a0", "\t", ""])
def test_a_transcript_of_blanks_is_no_transcript(tmp_path: Path, text: str) -> None:
    assert rows_of(tmp_path, "t.jsonl", json.dumps({"path": "a.wav", "text": text, "speaker": "s"}).encode())[0].text is None


# M12


@pytest.mark.parametrize(
    "text", ["\u0928\u092e\u0938\u094d\u0924\u0947", "\u0939\u093f\u0928\u094d\u0926\u0940", "\u0645\u06cc\u062e\u0648\u0627\u0647\u0645", "ภาษาไทย"]
)
def test_the_normalisation_of_scores_keeps_the_marks_that_letters_need(text: str) -> None:
    assert normalised(text) == text


# M13


def test_the_same_rows_in_another_order_and_other_workers_give_the_same_bytes(tiny_build: Any, corpus: Corpus) -> None:
    rows = corpus.rows
    random.Random(0).shuffle(rows)
    corpus.write_rows(rows)
    made = build_here(corpus, workers=2)
    assert bytes_of(made.artefact.path) == bytes_of(tiny_build[1].artefact.path)


# M15


NAMES = [
    "line\nbreak.wav", "tab\there.wav", "-rf.wav", "--help.wav", "'single' \"double\".wav", "\x1b[2J\x1b]0;title\x07.wav", "\u202egnp.wav",
    "\u2066x\u2069.wav", "\U0001f600.wav", "\u00e9.wav", "e\u0301.wav", "UPPER.wav", "upper.wav", "CON.wav", "aux.wav", "trailing .wav", " leading.wav",
    "semi;colon & pipe|.wav", "$(id).wav", "`id`.wav", "%s%n.wav", "back\\slash.wav", "a:b.wav", "star*?.wav", "comma,quote\".wav", "<img src=x>.wav",
    "[red]rich.wav", "x" * 251 + ".wav",
]  # fmt: skip


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A folder of recordings under names that trip things up, built; speakers are as strange."""
    corpus = make_corpus(tmp_path_factory.mktemp("strange"), environment=QUIET, sources=SCENARIO["sources"][:1])
    speakers = ["a\u202eb", "x\x1b[31m", "\u00e9", "e\u0301", "tab\tname"]
    for number, name in enumerate(NAMES):
        corpus.add_file(f"odd/{speakers[number % 5]}/{name}", word_samples(("ba", "di", "zu", "ko", "ne", "ri")[number % 6], 1 + 0.02 * number, seed=number))
        written(corpus.folder / f"odd/{speakers[number % 5]}/{Path(name).stem}.txt", name.encode())
    written(Path(os.fsdecode(os.fsencode(corpus.folder) + b"/odd/caf\xe9.wav")), encoded(word_samples("ba"), RATE))
    source = {"id": "odd", "format": "folder", "path": "odd", "licence": "CC-BY-4.0", "speaker_folder": 1}
    corpus.write_scenario(sources=[source], environment=QUIET, splits={"disjoint": ["speaker", "audio"]}, quality={"duplicates": "exact"})
    return corpus


def test_strange_names_are_built_proved_and_exported_like_any_other(strange: Corpus, tmp_path: Path) -> None:
    built = build_here(strange)
    ledger = {row["input"]: row for row in ledger_of(built).to_dicts()}
    assert len(ledger) == len(NAMES) + 1
    assert [(row["rule"], row["value"]) for row in ledger.values() if row["fate"] != "kept" and "udce9" not in row["input"]] == []
    assert ledger["caf\\udce9.wav"]["reason"] == "the file name is not UTF-8"
    assert verify(built.artefact.path).problems == []
    assert verify_deep(built.artefact.path).problems == []
    for to in FORMATS:
        made = export(built.artefact, scenario_of(built.artefact), to=to, workspace=tmp_path / "none", out=tmp_path / to)
        assert verify(made.path).problems == []


@pytest.mark.slow
def test_strange_names_reach_no_terminal_as_they_are(strange: Corpus) -> None:
    build_here(strange)
    for arguments in (
        ("plan", strange.scenario),
        ("report", strange.scenario, "--why", "x\x1b[31m/\x1b[2J\x1b]0;title\x07.wav"),
    ):
        done = speccraft(*arguments)
        assert done.returncode in (0, 1, 3), done.stderr
        assert not set("\x1b\x07\u202e\u2066") & set(done.stdout + done.stderr)
        assert "Traceback" not in done.stderr


def test_what_a_build_names_is_ascii_and_differs_by_more_than_case(strange: Corpus) -> None:
    """So that it lies the same on disks that fold case or take accents apart (F08)."""
    names = list(bytes_of(build_here(strange).artefact.path))
    assert all(name.isascii() and name.isprintable() and " " not in name for name in names)
    assert len({name.lower() for name in names}) == len(names)


@given(name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_name_that_a_table_writes_is_found(tmp_path: Path, name: str) -> None:
    if len(name.encode()) > 200 or name in (".", "..") or name != name.strip():
        return
    path = written(tmp_path / "d" / name, b"")
    content = json.dumps({"path": f"d/{name}", "text": "t", "speaker": "s"}).encode()
    assert [row.path for row in rows_of(tmp_path, "t.jsonl", content)] == [path]
    path.unlink()


# M16


@pytest.mark.parametrize("field", ["byte_order", "schema_version"])
def test_a_field_that_a_newer_toolkit_wrote_is_the_problem_of_its_row(tmp_path: Path, field: str) -> None:
    audio = [{"type": "file", "channels": [0], "source": "a.wav"}]
    recording = {"id": "r", "sources": audio, "sampling_rate": 8000, "num_samples": 8000, "duration": 1.0, field: 2}
    written(tmp_path / "cuts.jsonl", json.dumps({"id": "c", "start": 0, "duration": 1.0, "channel": 0, "type": "MonoCut", "recording": recording}).encode())
    (row,) = read_lhotse(LhotseSource(id="s", format="lhotse", path="cuts.jsonl"), reach=Reach(tmp_path, (tmp_path,)))
    assert f"`{field}` is no field we know here; a newer version may have written it" in row.problem
    assert lines_of(tmp_path / "cuts.jsonl")
