"""Broken and hostile audio: a reason in the ledger for each, and never another signal than the file's (A01 to A24 of docs/faults.md)."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpus import RATE as CORPUS_RATE
from corpus import Corpus, build_here, bytes_of, ledger_of, make_corpus, word_samples
from faults_world import RATE, chunk, encoded, form, refusal, riff, tone, written
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from speccraft.build.units import RECORDINGS, Job, Part, Unit, run_unit
from speccraft.export.run import FORMATS, export
from speccraft.rights.doors import scenario_of
from speccraft.scenario.quality import Segmentation
from speccraft.sound.decode import Undecodable, decode

PCM = (tone(440, 0.25) * 32767).astype("<i2").tobytes()
DATA = chunk(b"data", PCM)
TONE = tone(440, 1.0)
MP3, OGG, OPUS, FLAC = (encoded(TONE, RATE, *kind) for kind in (("MP3", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", None)))
LONG_MP3 = encoded(np.concatenate([tone(440, 2.0), tone(440, 2.0, amplitude=0.01)]), RATE, "MP3")
NOISE = np.random.default_rng(1).normal(0, 0.1, 8 * RATE).astype(np.float32)
LONG_OGG, LONG_OPUS = encoded(NOISE, RATE, "OGG", "VORBIS"), encoded(NOISE, RATE, "OGG", "OPUS")
"""Of many pages."""
MPEG_FRAME = 1152
MP3_FRAME_BYTES = (120, 300)
"""Fewer and more bytes than the last frames of `LONG_MP3` have, without which it is whole."""


# A whole build says of every such file what is wrong with it


def signal(kind: str) -> np.ndarray:
    word = word_samples("ba").astype(np.float32)
    return {
        "silence": np.zeros(8000, np.float32),
        "faint": np.full(8000, 1 / 32768, np.float32),
        "one": np.array([0.1], np.float32),
        "antiphase": np.stack([word, -word], 1),
        "dead channel": np.stack([word, 0 * word], 1),
        "offset": 0.5 * word + 0.2,
        "hole": np.where(np.arange(len(word)) // 400 == 5, 0, word).astype(np.float32),
        "overloaded": 15 * word,
        "fast": word_samples("zu")[::3].astype(np.float32),
    }[kind]


WORD = encoded(signal("dead channel")[:, 0], CORPUS_RATE)
FILES: dict[str, tuple[bytes, str, str | None]] = {
    "a01-empty.wav": (b"", "failed", "empty"),
    "a01-header.wav": (riff(form(), chunk(b"data", b"")), "failed", "empty"),
    "a01-one.wav": (encoded(signal("one"), CORPUS_RATE), "dropped", "speech"),
    "a02-half.wav": (WORD[: len(WORD) // 2], "failed", "truncated"),
    "a03-pipe.wav": (riff(form(), chunk(b"data", PCM, stated=0)), "failed", "bad_header"),
    "a04-rate.wav": (riff(form(rate=1), DATA), "failed", "bad_header"),
    "a05-fmt.wav": (riff(form(tag=0x9999), DATA), "failed", "bad_header"),
    "a06-page.wav": (b"<!DOCTYPE html><title>404</title>", "failed", "not_audio"),
    "a07-mp3.wav": (encoded(word_samples("di", 1.31).astype(np.float32), CORPUS_RATE, "MP3"), "kept", None),
    "a10-chain.ogg": (OGG + OGG, "failed", "multi_stream"),
    "a12-nan.wav": (encoded(np.array([0.1, np.nan], np.float32), subtype="FLOAT"), "failed", "non_finite"),
    "a12-loud.wav": (encoded(signal("overloaded"), CORPUS_RATE, subtype="FLOAT"), "dropped", "quality.clipped_fraction"),
    "a13-silence.wav": (encoded(signal("silence"), CORPUS_RATE), "dropped", "speech"),
    "a13-faint.wav": (encoded(signal("faint"), CORPUS_RATE), "dropped", "speech"),
    "a13-antiphase.wav": (encoded(signal("antiphase"), CORPUS_RATE, subtype="FLOAT"), "dropped", "antiphase"),
    "a13-dead.wav": (encoded(signal("dead channel"), CORPUS_RATE), "kept", None),
    "a13-offset.wav": (encoded(signal("offset"), CORPUS_RATE), "kept", None),
    "a15-fast.wav": (encoded(signal("fast"), CORPUS_RATE), "dropped", "quality.characters_per_s"),
    "a18-fifo.wav": (b"", "failed", "not_regular"),
    "a18-away.wav": (b"", "failed", "missing"),
}


@pytest.fixture(scope="module")
def fates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The ledger of a build of all those files, by name."""
    quality = {"clipped_fraction": {"max": 0.01}, "characters_per_s": {"max": 30.0}, "duplicates": "exact"}
    corpus = make_corpus(tmp_path_factory.mktemp("broken"), quality=quality)
    for name, (content, *_) in FILES.items():
        corpus.add_row(f"broken/{name}", content, text="the words of a long sentence" if "fast" in name else "ba")
    (corpus.folder / "broken/a18-away.wav").unlink()
    (corpus.folder / "broken/a18-fifo.wav").unlink()
    os.mkfifo(corpus.folder / "broken/a18-fifo.wav")
    return {row["input"].removeprefix("broken/"): row for row in ledger_of(build_here(corpus)).to_dicts()}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_costs_its_row_and_the_ledger_says_why(fates: dict[str, dict[str, Any]], name: str) -> None:
    _, fate, rule = FILES[name]
    assert (fates[name]["fate"], fates[name]["rule"]) == (fate, rule), fates[name]
    assert (fate == "failed") == bool(fates[name]["reason"])


# A02


@given(lacking=st.integers(1, len(LONG_MP3) - 400))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(lacking=1)
@example(lacking=MP3_FRAME_BYTES[0])
@example(lacking=MP3_FRAME_BYTES[1])
def test_an_mp3_cut_off_anywhere_is_refused_or_lacks_no_more_than_a_frame(lacking: int) -> None:
    least, most = MP3_FRAME_BYTES
    if lacking >= most:
        assert refusal(LONG_MP3[:-lacking]).rule in {"truncated", "not_audio"}
        return
    with contextlib.nullcontext() if lacking <= least else contextlib.suppress(Undecodable):
        assert len(decode(LONG_MP3[:-lacking], RATE).samples) >= 4 * RATE - MPEG_FRAME


@pytest.mark.parametrize("file", [LONG_OGG, LONG_OPUS], ids=["Vorbis", "Opus"])
def test_an_ogg_that_ends_with_any_of_its_pages_but_the_last_is_truncated(file: bytes) -> None:
    """libsndfile takes the last page that is there for the end."""
    whole = pages(file)
    assert len(whole) > 6
    for count in range(3, len(whole)):
        kept = b"".join(whole[:count])
        assert [refusal(kept + more).rule for more in (b"", whole[count][:9], whole[count][:40])] == ["truncated"] * 3


# A03


@pytest.mark.parametrize("stated", [0, 4, 100, 10**6, 0xFFFFFFFF])
def test_the_size_that_riff_states_of_itself_changes_nothing_where_the_samples_are_all_there(stated: int) -> None:
    np.testing.assert_array_equal(decode(riff(form(), DATA, stated=stated), RATE).samples, np.frombuffer(PCM, "<i2"))


@pytest.mark.parametrize(
    ("stated", "rule", "words"),
    [
        (0, "bad_header", "8000 bytes follow"),
        (0xFFFFFFFF, "bad_header", "states no length"),
        (80_000, "truncated", "lacks 72000 bytes"),
        (0x7FFFF000, "truncated", "lacks"),
    ],
)
def test_a_lie_about_the_samples_of_a_wav_is_refused(stated: int, rule: str, words: str) -> None:
    error = refusal(riff(form(), chunk(b"data", PCM, stated=stated)))
    assert (error.rule, words in str(error)) == (rule, True), str(error)


# A04


@pytest.mark.parametrize(
    "fields",
    [{"rate": 0}, {"rate": 1}, {"rate": 2_000_000_000}, {"channels": 0}, {"channels": 255}, {"channels": 65535}, {"align": 0}, {"bits": 0}, {"bits": 7}],
    ids=str,
)
def test_a_header_with_impossible_numbers_is_refused_as_one(fields: dict[str, int]) -> None:
    assert refusal(riff(form(**fields), DATA)).rule == "bad_header"


@given(tag=st.integers(0, 65535), channels=st.integers(0, 65535), rate=st.integers(0, 2**32 - 1), bits=st.integers(0, 65535), align=st.integers(0, 65535))
@settings(max_examples=300, deadline=None)
def test_whatever_a_wav_header_states_is_decoded_within_bounds_or_refused(tag: int, channels: int, rate: int, bits: int, align: int) -> None:
    with contextlib.suppress(Undecodable):
        found = decode(riff(form(tag, channels, rate, bits, align), DATA), RATE)
        assert 4_000 <= found.source_rate <= 384_000
        assert 1 <= found.channels <= 32


# A05


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(riff(form(tag=0x9999), DATA), id="unknown encoding"),
        pytest.param(riff(DATA, form()), id="data before fmt"),
        pytest.param(riff(form()), id="no data"),
        pytest.param(riff(DATA), id="no fmt"),
        pytest.param(riff(b"junk" + struct.pack("<I", 3) + b"abc", form(), DATA), id="odd chunk without padding"),
        pytest.param(riff(form(), *[chunk(b"LIST", b"INFOINAM\4\0\0\0abc\0")] * 20_000, DATA), id="20,000 lists"),
        pytest.param(riff(chunk(b"LIST", b"INFO", stated=0x7FFFFFFF), form(), DATA), id="a list of 2 GB"),
        pytest.param(riff(form(), DATA, DATA), id="two data chunks"),
    ],
)
def test_a_wav_whose_chunks_make_no_sense_has_a_bad_header(content: bytes) -> None:
    error = refusal(content)
    assert error.rule == "bad_header"
    assert "begins as WAV" in str(error)


@pytest.mark.parametrize("more", [b"x", b"<x:xmpmeta>" * 50, chunk(b"LIST", b"INFO"), chunk(b"odd ", b"abc")], ids=["a byte", "XMP", "a list", "an odd chunk"])
def test_what_follows_the_samples_of_a_wav_is_passed_over(more: bytes) -> None:
    np.testing.assert_array_equal(decode(riff(form(), DATA) + more, RATE).samples, np.frombuffer(PCM, "<i2"))


# A06


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run git lfs pull"),
        (b"\n<html><h1>404 Not Found", "an HTML page, as a server sends"),
        (b'{"error": "no such key"}', "looks like text"),
        ("grüße an alle".encode(), "looks like text"),
        ("hello".encode("utf-16"), "looks like text"),
        (b"PK\x03\x04" + bytes(90), "a ZIP archive: unpack it"),
        (b"\x1f\x8b" + bytes(90), "a gzip archive: unpack it"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(90), "a 7z archive: unpack it"),
        (b"a.wav".ljust(257, b"\0") + b"ustar" + bytes(90), "a tar archive"),
        (b"Salted__" + bytes(range(90)), "an encrypted file: decrypt it"),
        (b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + bytes(90), "macOS"),
        (b"\x89PNG\r\n\x1a\n" + bytes(90), "an image"),
        (bytes(range(256)) * 9, "in no format libsndfile reads"),
        (bytes(5000), "in no format libsndfile reads"),
    ],
)
def test_a_file_that_is_no_audio_is_told_as_what_it_is(content: bytes, words: str) -> None:
    error = refusal(content)
    assert (error.rule, words in str(error)) == ("not_audio", True), str(error)


# A09


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), file=st.sampled_from([FLAC, LONG_OGG, LONG_OPUS]))
@settings(max_examples=150, deadline=None)
def test_a_flipped_bit_in_the_sound_of_a_flac_or_ogg_is_noticed(where: float, bit: int, file: bytes) -> None:
    """Both have checksums, and libsndfile leaves out the pages of an Ogg whose checksum is wrong; what stands before the first of them describes the file."""
    first = 200 if file is FLAC else file.index(b"OggS", file.index(b"OggS", 4) + 4)
    spoilt = bytearray(file)
    spoilt[first + int(where * (len(file) - first))] ^= 1 << bit
    assert refusal(bytes(spoilt)).rule in {"corrupt", "truncated"}


def test_what_follows_the_last_page_of_an_ogg_is_passed_over_unless_pages_follow_it() -> None:
    np.testing.assert_array_equal(decode(OGG + bytes(3_000_000), RATE).samples, decode(OGG, RATE).samples)
    first, *rest = pages(LONG_OGG)
    assert refusal(b"".join([first, *rest[:4], b"x" * (1 << 20), *rest[4:]])).rule == "corrupt"


def test_a_huge_tag_before_an_mp3_is_passed_over() -> None:
    size = 10_000_000
    tag = b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)
    np.testing.assert_array_equal(decode(tag + MP3, RATE).samples, decode(MP3, RATE).samples)


def frames_of(mp3: bytes) -> bytes:
    """The frames of an MP3 without the first, which holds the index."""
    return mp3[mp3.index(mp3[:2], 4) :]


@pytest.mark.parametrize("frames", [0, 1, 10**6, 2**31, 2**32 - 1])
def test_an_mp3_whose_index_lies_is_refused(frames: int) -> None:
    at = max(LONG_MP3.find(b"Xing"), LONG_MP3.find(b"Info")) + 8
    assert refusal(LONG_MP3[:at] + struct.pack(">I", frames) + LONG_MP3[at + 4 :]).rule in {"bad_header", "not_audio", "too_long", "truncated"}


def test_an_mp3_of_changing_bit_rate_without_an_index_is_whole_or_refused() -> None:
    """libsndfile guesses the length from the first frame, and reads no further."""
    loud = np.concatenate([np.random.default_rng(0).normal(0, 0.2, RATE), tone(440, 4.0, amplitude=0.05)]).astype(np.float32)
    error = refusal(frames_of(encoded(loud, RATE, "MP3")))
    assert error.rule == "bad_header"
    assert "ffmpeg -i IN -c copy OUT.mp3" in str(error)


def test_an_mp3_of_constant_bit_rate_needs_no_index() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.random.default_rng(0).normal(0, 0.2, 2 * RATE), RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    assert abs(len(decode(frames_of(buffer.getvalue()), RATE).samples) - 2 * RATE) <= 3 * MPEG_FRAME


# A10


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(OGG + OGG, "one after another", id="chained Vorbis"),
        pytest.param(OPUS + OPUS, "one after another", id="chained Opus"),
        pytest.param(OGG + OPUS, "one after another", id="chained, of two kinds"),
        pytest.param(MP3 + MP3, "makes a decoder stop", id="two MP3 files in one"),
    ],
)
def test_a_file_of_several_streams_is_refused_and_not_read_in_part(content: bytes, words: str) -> None:
    error = refusal(content)
    assert error.rule in {"multi_stream", "bad_header"}
    assert words in str(error)


def pages(ogg: bytes) -> list[bytes]:
    return [b"OggS" + page for page in ogg.split(b"OggS")[1:]]


def test_two_streams_at_once_in_an_ogg_are_refused() -> None:
    (first, *rest), (second, *more) = pages(OPUS), pages(encoded(tone(660, 1.0), RATE, "OGG", "OPUS"))
    error = refusal(b"".join([first, second, *rest, *more]))
    assert error.rule in {"multi_stream", "bad_header"}


# A11


@pytest.mark.parametrize(("format", "subtype", "tolerance"), [("MP3", None, MPEG_FRAME), ("OGG", "OPUS", 0), ("OGG", "VORBIS", 0)])
@pytest.mark.parametrize("samples", [RATE // 4, RATE, 5 * RATE // 3])
def test_what_an_encoder_adds_is_not_heard(format: str, subtype: str | None, tolerance: int, samples: int) -> None:
    assert abs(len(decode(encoded(TONE.repeat(2)[:samples], RATE, format, subtype), RATE).samples) - samples) <= tolerance


# A12


def test_samples_too_small_for_a_float_are_silence() -> None:
    assert not decode(encoded(np.full(4000, 1e-40, np.float32), subtype="FLOAT"), RATE).samples.any()


def test_samples_too_large_for_a_float_are_not_finite() -> None:
    assert refusal(encoded(np.array([1e300, 0.1]), subtype="DOUBLE")).rule == "non_finite"


# A13


@pytest.mark.parametrize("kind", ["antiphase", "dead channel"])
def test_a_voice_survives_whatever_its_channels_do_to_each_other(kind: str) -> None:
    heard = decode(encoded(signal(kind), CORPUS_RATE, subtype="FLOAT"), CORPUS_RATE).samples / 32768
    voice = signal(kind)[:, 0]
    assert np.mean(heard**2) >= 0.24 * np.mean(voice**2)
    assert abs(np.corrcoef(heard, voice)[0, 1]) > 0.999


def test_the_ledger_says_which_channels_cancel_each_other_and_which_are_dead(fates: dict[str, dict[str, Any]]) -> None:
    reversed_one, dead = fates["a13-antiphase.wav"], fates["a13-dead.wav"]
    assert (reversed_one["value"], reversed_one["limit"]) == ("channels 0 and 1, correlation -1.00", "one of them, named in `columns.channel`")
    assert (dead["channels"], dead["dead_channels"], dead["duplicated_channels"]) == (2, 1, 0)
    assert fates["a13-offset.wav"]["dead_channels"] is None


# A16


def test_a_gsm_file_is_heard_although_other_toolkits_refuse_it() -> None:
    assert len(decode(encoded(tone(440, 1.0, 8000), 8000, "WAV", "GSM610"), 8000).samples) >= 8000


# A17


def test_a_recording_of_more_than_four_gigabytes_is_judged_by_its_header(tmp_path: Path) -> None:
    size = 5 << 30
    sizes = struct.pack("<QQQI", size + 80, size, size // 2, 0)
    path = written(tmp_path / "day.wav", b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", sizes) + form() + b"data\xff\xff\xff\xff")
    os.truncate(path, path.stat().st_size + size)
    started = time.monotonic()
    assert refusal(path).rule == "too_long"
    assert time.monotonic() - started < 2


def test_hours_of_audio_take_no_more_memory_than_minutes(tmp_path: Path) -> None:
    from speccraft.sound.decode import decoding

    size = 3 * 3600 * 8000 * 2
    path = written(tmp_path / "long.wav", riff(form(rate=8000), b"data" + struct.pack("<I", size), stated=size + 36))
    os.truncate(path, path.stat().st_size + size)
    tracemalloc.start()
    assert sum(map(len, decoding(path, 8000).blocks)) == size // 2
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


# A18


def test_a_socket_in_place_of_a_file_is_refused_without_waiting(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as open_socket:
        open_socket.bind(os.path.relpath(tmp_path / "s.wav"))
        assert refusal(tmp_path / "s.wav").rule == "not_regular"


def unit_of(*paths: Path) -> Unit:
    jobs = tuple(Job(path.name, path, None, (Part(path.name, whole=True),)) for path in paths)
    return Unit("u/00000", "u", "speech", CORPUS_RATE, Segmentation(detector="energy"), 600.0, jobs)


def replaced(path: Path) -> None:
    written(path.with_suffix(".new"), encoded(word_samples("zu"), CORPUS_RATE)).replace(path)


def written_over(path: Path) -> None:
    path.write_bytes(encoded(word_samples("zu"), CORPUS_RATE))
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize(("change", "rule"), [(replaced, "changed"), (written_over, "changed"), (Path.unlink, "missing")])
def test_a_file_that_changes_between_the_plan_and_the_read_is_not_taken_for_the_other(tmp_path: Path, change: Callable[[Path], None], rule: str) -> None:
    from corpus import lines_of

    paths = [written(tmp_path / f"{name}.wav", encoded(word_samples("ba"), CORPUS_RATE)) for name in ("first", "second")]
    folder = run_unit(unit_of(*paths), tmp_path / "cache", lambda name: change(paths[1]) if name == "second.wav" else None)
    assert {row["input"]: row["rule"] for row in lines_of(folder / RECORDINGS)} == {"first.wav": None, "second.wav": rule}


# A19


FAMILIES = ("WAV IMA_ADPCM", "WAV MS_ADPCM", "AIFF PCM_24", "AU ULAW", "CAF PCM_16", "FLAC PCM_16", "OGG OPUS", "MP3 MPEG_LAYER_III")
SEEDS = [encoded(tone(440, 0.05), RATE, *family.split()) for family in FAMILIES]


@given(
    seed=st.sampled_from(SEEDS), flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8), first=st.booleans()
)
@settings(max_examples=300, deadline=None)
def test_mutated_files_of_every_family_are_decoded_or_refused(seed: bytes, flips: list[tuple[float, int]], first: bool) -> None:
    mutated = bytearray(seed)
    for where, value in flips:
        mutated[int(where * (min(len(seed), 120) if first else len(seed)))] = value
    with contextlib.suppress(Undecodable):
        assert decode(bytes(mutated), RATE).samples.dtype == np.int16


# A20


@pytest.mark.parametrize(("source", "wanted"), [(384_000, 8_000), (4_000, 48_000), (383_999, 8_001), (4_001, 47_999)])
def test_an_absurd_ratio_of_sampling_rates_costs_no_time(source: int, wanted: int) -> None:
    started = time.process_time()
    assert len(decode(encoded(tone(440, 1.0, source), source), wanted).samples) == pytest.approx(wanted, abs=2)
    assert time.process_time() - started < 2


# A22


def test_what_tags_say_about_people_reaches_no_build_and_no_export(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", sources__0__licence="CC-BY-4.0", quality={"duplicates": "exact"})
    canary = "Canary Wharf 51.5054 -0.0235"
    for number, (format, name) in enumerate((("WAV", "a.wav"), ("FLAC", "b.flac"), ("OGG", "c.ogg"), ("MP3", "d.mp3"))):
        tagged = encoded(word_samples("ko", 1.2 + 0.05 * number), CORPUS_RATE, format, title=canary, artist=canary, comment=canary)
        assert canary.encode() in tagged or format == "MP3"
        corpus.add_row(f"tagged/{name}", tagged, text="ko")
    built = build_here(corpus)
    kept = {row["input"] for row in ledger_of(built).to_dicts() if row["fate"] == "kept"}
    assert kept >= {f"tagged/{name}" for name in ("a.wav", "b.flac", "c.ogg", "d.mp3")}
    folders = [built.artefact.path, corpus.workspace / "cache"]
    folders += [export(built.artefact, scenario_of(built.artefact), to=to, workspace=tmp_path / "none", out=tmp_path / to).path for to in FORMATS]
    for folder in folders:
        assert not [name for name, content in bytes_of(folder).items() if b"Canary" in content]


def test_the_folder_of_the_sources_is_left_as_it_is(corpus: Corpus) -> None:
    before = bytes_of(corpus.folder)
    build_here(corpus)
    shutil.rmtree(corpus.workspace)
    assert bytes_of(corpus.folder) == before
