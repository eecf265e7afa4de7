"""Every row of docs/formats.md is true: such a file or corpus is made, read, and heard, or refused in the words of the table."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from foreign import reach_into
from media_world import media

from speccraft.ingest import read_source
from speccraft.ingest.packed import read_packed
from speccraft.ingest.rows import Row
from speccraft.scenario import Scenario
from speccraft.scenario.source import Source
from speccraft.sound.containers import CODECS, MEDIA
from speccraft.sound.decode import Undecodable, decode

PAGE = (Path(__file__).parents[2] / "docs/formats.md").read_text()


def table_under(heading: str) -> list[list[str]]:
    """The rows of the table of a section, without its head."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def signs(cell: str) -> list[bytes]:
    """The bytes that a cell of a table shows; four dots are any length."""
    return [sign.encode().decode("unicode_escape").encode("latin-1").replace(b"....", b"\0\0\0 ") for sign in code(cell)]


def tone(rate: int = 16000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)


def encoded(format: str = "WAV", subtype: str | None = None) -> bytes:
    rate = {"GSM610": 8000, "OPUS": 48000}.get(subtype or "", 16000)
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(rate), rate, format=format, subtype=subtype)
    return buffer.getvalue()


AUDIO = table_under("Audio")


@pytest.mark.parametrize(("format", "subtype"), [(code(row[1])[0], subtype) for row in AUDIO for subtype in code(row[2])])
def test_every_encoding_of_the_table_is_heard_as_it_was_written(tmp_path: Path, format: str, subtype: str) -> None:
    (tmp_path / "a.bin").write_bytes(encoded(format, subtype))
    samples = decode(tmp_path / "a.bin", 8000).samples / 32768
    assert np.abs(np.fft.rfft(samples)).argmax() * 8000 / len(samples) == pytest.approx(440, abs=3)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_the_table_names_every_encoding_that_can_be_written_of_its_containers() -> None:
    for row in AUDIO:
        format, told = code(row[1])[0], set(code(row[2]))
        unwritable = {"MPEG_LAYER_I", "MPEG_LAYER_II", "DWVW_12", "DWVW_16", "DWVW_24", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32"}
        rare = unwritable | ({"G721_32", "MPEG_LAYER_III"} if format == "WAV" else set())
        assert told == set(soundfile.available_subtypes(format)) - rare


CONTAINERS = table_under("Phones, browsers and video")
ENCODERS = {"amrnb": "amr_nb", "mp3float": "libmp3lame"}
MUXERS = {"matroska": "matroska", "aac": "adts", "amr": "amr", "asf": "asf", "mov": "mov"}
RATES = {"amrnb": 8000, "opus": 48000, "ac3": 48000, "eac3": 48000, "mp2": 48000}
ELSEWHERE = {("mov", "alac"): "ipod", ("mov", "amrnb"): "3gp", ("mov", "opus"): "mp4", ("mov", "flac"): "mp4"}


@pytest.mark.parametrize(("format", "codec"), [(code(row[1])[0], codec) for row in CONTAINERS for codec in code(row[3]) if codec != "amrwb"])
def test_every_encoding_in_a_container_is_heard_as_it_was_written(tmp_path: Path, format: str, codec: str) -> None:
    rate = RATES.get(codec, 16000)
    signal = tone(rate).astype(np.float32)
    kinds = {"u8": np.uint8, "s8": np.uint8, "s16": np.int16, "s24": np.int32, "s32": np.int32, "f64": np.float64}
    kind = kinds.get(codec[4:].rstrip("lbe"), np.float32) if codec.startswith("pcm_") else np.int16 if codec in ("flac", "mp2", "adpcm_ima_qt") else np.float32
    kind = np.int16 if codec in ("pcm_alaw", "pcm_mulaw") else kind
    full, middle = {np.uint8: (127, 128), np.int16: (32767, 0), np.int32: (2**31 - 1, 0)}.get(kind, (1, 0))
    track = np.round(signal.astype(np.float64) * full + middle).astype(kind) if full > 1 else signal.astype(kind)
    muxer = ELSEWHERE.get((format, codec), MUXERS[format])
    # FFmpeg's own encoder of Vorbis takes nothing but stereo.
    content = media(muxer, ENCODERS.get(codec, codec), np.stack([track] * 2, 1) if codec == "vorbis" else track, sampling_rate=rate)
    (tmp_path / "a.bin").write_bytes(content)
    with av.open(io.BytesIO(content), format=format) as container:
        assert container.streams.audio[0].codec_context.name == codec
    samples = decode(tmp_path / "a.bin", 8000).samples[500:7500] / 32768
    assert np.abs(np.fft.rfft(samples)).argmax() * 8000 / len(samples) == pytest.approx(440, abs=3)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.2 if codec == "amrnb" else 0.1)


def test_wideband_amr_is_decoded_frame_by_frame() -> None:
    # Nothing at hand encodes it: frames of 23.85 kbit/s (RFC 4867) with whatever bits.
    frames = [bytes([8 << 3 | 4]) + np.random.default_rng(number).bytes(60) for number in range(50)]
    decoded = decode(b"#!AMR-WB\n" + b"".join(frames), 16000)
    assert (decoded.source_rate, len(decoded.samples)) == (16000, 50 * 320)


def test_the_table_names_every_container_sign_and_encoding() -> None:
    told = [(row[0], code(row[1])[0], [sign.removeprefix(b"\0\0\0 ") for sign in signs(row[2])]) for row in CONTAINERS]
    assert told == [(medium.name, medium.format, list(medium.signs)) for medium in MEDIA]
    assert {codec for row in CONTAINERS for codec in code(row[3])} == set(CODECS)


@pytest.mark.parametrize(("name", "sign"), table_under("Not read"))
def test_what_is_not_read_is_named_and_says_what_to_do(tmp_path: Path, name: str, sign: str) -> None:
    if "without a header" in name:
        (tmp_path / "a.raw").write_bytes(bytes(1000))
        with pytest.raises(Undecodable, match="headerless"):
            decode(tmp_path / "a.raw", 16000)
        return
    [start] = signs(sign)
    (tmp_path / "a.wav").write_bytes(start + bytes(range(256)) * 4)
    with pytest.raises(Undecodable) as caught:
        decode(tmp_path / "a.wav", 16000)
    assert f"is {name}, which is not read" in str(caught.value)
    assert "ffmpeg" in str(caught.value)
    assert caught.value.rule == "not_audio"


def read(folder: Path, **source: Any) -> tuple[Row, ...]:
    scenario = Scenario.model_validate(
        {"speccraft": 1, "name": "x", "job": {"task": "transcribe", "languages": ("en",)}, "sources": ({"id": "s", **source},), "splits": {"given": "split"}}
    )
    return read_source(scenario.sources[0], scenario, reach_into(folder))


def test_a_table_has_rows_columns_and_parts(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded())
    columns = {"audio": "path", "text": "words", "start": "from", "end": "to", "channel": "ch"}
    records = [{"path": "a.wav", "words": "hi", "from": "0.25", "to": "0.5", "ch": "0", "split": "dev"}]
    frame = pa.Table.from_pylist(records)
    pq.write_table(frame, tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, records)))
    for name, mark in (("t.csv", ","), ("t.tsv", "\t")):
        (tmp_path / name).write_text("\n".join(mark.join(line) for line in (records[0].keys(), records[0].values())) + "\n")
    for name in ("t.csv", "t.tsv", "t.jsonl", "t.parquet"):
        [row] = read(tmp_path, format="table", path=name, columns=columns)
        assert (row.input, row.text, row.split, row.start, row.end, row.channel) == ("a.wav#0.250-0.500,channel0", "hi", "dev", 0.25, 0.5, 0)


BESIDE = {
    ".txt": "hi\n",
    ".lab": "hi",
    ".json": '{"text": "hi", "speaker": "ann", "session": "s", "language": "en", "licence": "MIT", "attribution": "Ann", "duration": 1.0}',
    ".rttm": "SPEAKER a 1 0 0.5 <NA> <NA> ann <NA> <NA>\nSPEAKER a 2 0 0.5 <NA> <NA> ben <NA> <NA>\n",
    ".ctm": "a A 0 0.25 hi\na A 0.3 0.2 there\n",
    ".TextGrid": '"ooTextFile" "TextGrid" 0 1 <exists> 2 "IntervalTier" "ann" 0 1 1 0 0.5 "hi" "IntervalTier" "phones" 0 1 1 0 0.5 "h"',
}
SAID = {
    ".txt": [("hi", None, None)],
    ".lab": [("hi", None, None)],
    ".json": [("hi", "ann", None)],
    ".rttm": [(None, "ann", 0), (None, "ben", 1)],
    ".ctm": [("hi there", None, None)],
    ".TextGrid": [("hi", "ann", None)],
}


def test_the_table_names_every_file_that_is_read_beside_audio() -> None:
    assert [ending for row in table_under("Beside an audio file") for ending in code(row[0])] == [".txt", ".lab", ".json", ".rttm", ".ctm", ".TextGrid"]


@pytest.mark.parametrize("ending", BESIDE)
def test_what_lies_beside_an_audio_file_says_what_the_table_says(tmp_path: Path, ending: str) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f/a.wav").write_bytes(encoded())
    (tmp_path / f"f/a{ending}").write_text(BESIDE[ending])
    assert [(row.text, row.speaker, row.channel) for row in read(tmp_path, format="folder", path="f")] == SAID[ending]


def folder(path: Path) -> dict[str, Any]:
    (path / "f/ann").mkdir(parents=True)
    (path / "f/ann/a.wav").write_bytes(encoded())
    (path / "f/ann/a.txt").write_text("hi")
    return {"path": "f", "pattern": "{speaker}/*"}


def a_table(path: Path) -> dict[str, Any]:
    (path / "a.wav").write_bytes(encoded())
    (path / "t.csv").write_text("path,words,who\na.wav,hi,ann\n")
    return {"path": "t.csv", "columns": {"audio": "path", "text": "words", "speaker": "who"}}


def hf(path: Path) -> dict[str, Any]:
    (path / "d/data").mkdir(parents=True)
    cells = pa.array([{"bytes": encoded(), "path": None}], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pa.table({"audio": cells, "words": ["hi"], "who": ["ann"]}), path / "d/data/train-00000-of-00001.parquet")
    return {"path": "d", "columns": {"audio": "audio", "text": "words", "speaker": "who"}}


def webdataset(path: Path) -> dict[str, Any]:
    with tarfile.open(path / "w.tar", "w") as tar:
        for name, content in (("a.wav", encoded()), ("a.txt", b"hi"), ("a.json", b'{"speaker": "ann"}')):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return {"path": "w.tar"}


def librispeech(path: Path) -> dict[str, Any]:
    chapter = path / "train-clean-5/ann/1"
    chapter.mkdir(parents=True)
    (chapter / "ann-1-0000.flac").write_bytes(encoded("FLAC"))
    (chapter / "ann-1.trans.txt").write_text("ann-1-0000 hi\n")
    return {"path": "train-clean-5"}


def commonvoice(path: Path) -> dict[str, Any]:
    (path / "en/clips").mkdir(parents=True)
    (path / "en/clips/a.mp3").write_bytes(encoded("MP3"))
    (path / "en/train.tsv").write_text("client_id\tpath\tsentence\nann\ta.mp3\thi\n")
    return {"path": "en", "lists": ("train",)}


CORPORA: dict[str, Callable[[Path], dict[str, Any]]] = {
    "table": a_table,
    "folder": folder,
    "hf": hf,
    "webdataset": webdataset,
    "librispeech": librispeech,
    "commonvoice": commonvoice,
}


@pytest.mark.parametrize("format", CORPORA)
def test_a_corpus_of_every_format_says_who_speaks_what_and_can_be_heard(tmp_path: Path, format: str) -> None:
    [row] = read(tmp_path, format=format, **CORPORA[format](tmp_path))
    assert (row.text, row.speaker, row.problem) == ("hi", "ann", "")
    assert row.path is not None
    content = row.path.read_bytes() if row.inside is None else read_packed(row.path, row.inside)
    (tmp_path / "heard").write_bytes(content)
    samples = decode(tmp_path / "heard", 8000).samples
    assert np.abs(np.fft.rfft(samples)).argmax() * 8000 / len(samples) == pytest.approx(440, abs=3)


DONE = [{"role": "assistant", "content": "Done."}]


def dialogue_rows(folder: Path, format: str, written: str) -> tuple[Row, ...]:
    record = json.loads(written)
    if "…" in record.get("messages", ()):
        record["messages"] = [*record["messages"][:-1], *DONE]
    (folder / "d.jsonl").write_text(json.dumps(record) + "\n")
    return read(folder, format=format, path="d.jsonl")


@pytest.mark.parametrize(("format", "written", "told"), [(code(row[0])[0], code(row[1])[0], code(row[2])) for row in table_under("Dialogues")])
def test_a_dialogue_of_the_table_says_what_the_table_says(tmp_path: Path, format: str, written: str, told: list[str]) -> None:
    rows = dialogue_rows(tmp_path, format, written)
    assert {row.problem for row in rows} == {""}
    dialogue = rows[0].dialogue
    assert dialogue is not None
    halves = (("", dialogue.messages), ("chosen ", dialogue.chosen), ("rejected ", dialogue.rejected))
    said = [(f"{half}{turn.role}", "".join(part.text or f"[{part.cut}]" for part in turn.content)) for half, turns in halves for turn in turns]
    assert [f"{who}: {what.strip()}" for who, what in said] == told
    assert [row.part for row in rows] == (list(dialogue.audio) or [""])
    assert all((row.path is None) == row.is_text for row in rows)


@pytest.mark.parametrize(("format", "written", "wrong"), table_under("Dialogues that are refused"))
def test_a_dialogue_that_is_refused_is_told_in_the_words_of_the_table(tmp_path: Path, format: str, written: str, wrong: str) -> None:
    [row] = dialogue_rows(tmp_path, code(format)[0], code(written)[0])
    assert wrong in row.problem


def test_the_table_has_a_row_for_every_format_of_a_scenario_and_no_other() -> None:
    formats = {get_args(source.model_fields["format"].annotation)[0] for source in get_args(get_args(Source)[0])}
    assert sorted(code(row[0])[0] for row in table_under("Sources")) == sorted(formats)
