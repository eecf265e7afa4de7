"""Decoding: whole files come out as they are, and whatever is not whole audio is refused with a rule, never repaired."""

from __future__ import annotations

import contextlib
import os
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sound_world import encoded, level_db, tone, white, written

from speccraft.sound.decode import Undecodable, decode, decoding, resample, to_int16, to_mono
from speccraft.sound.frames import FULL_SCALE

WAV = encoded(tone(440, 0.25))
HEADER = WAV.index(b"data") + 8
CONTAINERS = [
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "ULAW"),
    ("WAV", "FLOAT"),
    ("WAVEX", "PCM_16"),
    ("RF64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]
WHOLE = {(format, subtype): encoded(tone(440, 0.25), 16000, format, subtype) for format, subtype in CONTAINERS}


def refusal(path: Path, sampling_rate: int = 16000) -> Undecodable:
    with pytest.raises(Undecodable) as caught:
        decode(path, sampling_rate)
    return caught.value


def wav(data: bytes, *, channels: int = 1, rate: int = 16000, bits: int = 16, stated: int | None = None) -> bytes:
    align = channels * bits // 8
    format = b"fmt " + struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    body = b"WAVE" + format + b"data" + struct.pack("<I", len(data) if stated is None else stated) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def flac_that_states(frames: int) -> bytes:
    content = bytearray(WHOLE["FLAC", "PCM_16"])
    content[21] = content[21] & 0xF0 | frames >> 32
    content[22:26] = (frames & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(content)


def test_a_whole_wav_comes_out_sample_by_sample(tmp_path: Path) -> None:
    samples = to_int16(white(1000))
    decoded = decode(written(tmp_path / "a.wav", encoded(samples)), 16000)
    np.testing.assert_array_equal(decoded.samples, samples)
    assert (decoded.samples.dtype, decoded.sampling_rate, decoded.source_rate, decoded.channels) == (np.int16, 16000, 16000, 1)


@pytest.mark.parametrize(("format", "subtype"), [*CONTAINERS, ("WAV", "PCM_U8"), ("WAV", "PCM_32"), ("WAV", "DOUBLE"), ("WAV", "ALAW"), ("AU", "PCM_16")])
def test_every_common_encoding_keeps_the_tone_and_its_level(tmp_path: Path, format: str, subtype: str) -> None:
    decoded = decode(written(tmp_path / "a", encoded(tone(440, 0.5), 16000, format, subtype)), 16000)
    assert np.abs(np.fft.rfft(decoded.samples[:8000])).argmax() == 220
    assert level_db(decoded.samples / 32768) == pytest.approx(-9.03, abs=0.5)


@given(cut=st.integers(1, len(WAV) - 1))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_wav_cut_off_at_any_byte_is_refused(tmp_path: Path, cut: int) -> None:
    error = refusal(written(tmp_path / "cut.wav", WAV[:cut]))
    assert error.rule == ("truncated" if cut >= HEADER else error.rule)
    assert error.rule in {"truncated", "not_audio", "bad_header", "empty"}


@given(container=st.sampled_from(CONTAINERS), share=st.floats(0.001, 0.97))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_of_any_proven_container_that_breaks_off_is_refused(tmp_path: Path, container: tuple[str, str], share: float) -> None:
    whole = WHOLE[container]
    # an MP3 may hold one frame less than it states, so what breaks off must be more
    kept = share * (0.5 if container[0] == "MP3" else 1.0)
    assert refusal(written(tmp_path / "cut", whole[: max(1, int(kept * len(whole)))])).rule in {"truncated", "not_audio", "bad_header", "empty", "corrupt"}


def test_an_mp3_that_lacks_a_fraction_of_its_last_frame_is_whole(tmp_path: Path) -> None:
    whole = WHOLE[next(container for container in CONTAINERS if container[0] == "MP3")]
    assert abs(len(decode(written(tmp_path / "cut", whole[:-8]), 16000).samples) - len(decode(written(tmp_path / "whole", whole), 16000).samples)) <= 1152


def test_a_headerless_file_is_refused_in_words(tmp_path: Path) -> None:
    error = refusal(written(tmp_path / "mono.raw", bytes(100)))
    assert error.rule == "not_audio"
    assert "sampling rate" in str(error)


def test_bytes_after_the_audio_do_no_harm(tmp_path: Path) -> None:
    whole = decode(written(tmp_path / "a.wav", WAV), 16000)
    longer = decode(written(tmp_path / "b.wav", WAV + b"LIST" + struct.pack("<I", 999) + b"x" * 17), 16000)
    np.testing.assert_array_equal(whole.samples, longer.samples)


@pytest.mark.parametrize(
    ("content", "rule", "words"),
    [
        (b"", "empty", "0 bytes"),
        (encoded(np.zeros(0, np.int16)), "empty", "no samples"),
        (WAV[:HEADER], "truncated", "lacks 8000 bytes"),
        (b"hello, I am no audio", "not_audio", "looks like text"),
        (b"\n <!DOCTYPE html><p>404</p>", "not_audio", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "not_audio", "git lfs pull"),
        (b"PK\x03\x04" + bytes(200), "not_audio", "archive"),
        (b"\x1f\x8b" + bytes(200), "not_audio", "archive"),
        (bytes(range(256)) * 8, "not_audio", "no format"),
        (wav(bytes(800), stated=8000), "truncated", "lacks 7200 bytes"),
        (wav(bytes(800), stated=0xFFFFFFFF), "bad_header", "written to a pipe"),
        (wav(bytes(800), stated=0), "bad_header", "800 bytes follow"),
        (wav(bytes(800), rate=1), "bad_header", "1 Hz"),
        (wav(bytes(800), rate=3999), "bad_header", "3999 Hz"),
        (wav(bytes(800), rate=2_000_000_000), "bad_header", "2000000000 Hz"),
        (wav(bytes(800), channels=33), "bad_header", "33 channels"),
        (flac_that_states(0), "bad_header", "written to a pipe"),
        (flac_that_states(2**36 - 1), "too_long", "6 hours"),
        (flac_that_states(2**30), "too_long", "6 hours"),
        (flac_that_states(8000), "corrupt", "damaged"),
        (encoded(np.array([0.1, np.nan], np.float32), subtype="FLOAT"), "non_finite", "NaN"),
        (encoded(np.array([0.1, -np.inf], np.float32), subtype="FLOAT"), "non_finite", "infinite"),
    ],
)
def test_what_is_no_whole_audio_is_refused_with_its_rule(tmp_path: Path, content: bytes, rule: str, words: str) -> None:
    error = refusal(written(tmp_path / "bad.wav", content))
    assert (error.rule, words in str(error)) == (rule, True), str(error)
    assert str(tmp_path) not in str(error), "the ledger names the input, the reason need not"


def test_a_flipped_byte_in_a_flac_is_noticed(tmp_path: Path) -> None:
    content = bytearray(WHOLE["FLAC", "PCM_16"])
    content[len(content) // 2] ^= 0xFF
    assert refusal(written(tmp_path / "a.flac", bytes(content))).rule == "corrupt"


def test_a_lie_about_the_length_costs_no_memory_and_no_time(tmp_path: Path) -> None:
    path = written(tmp_path / "sparse.wav", wav(bytes(800), stated=0x7FFFFFF0))
    os.truncate(path, 0x7FFFFFFF)
    tracemalloc.start()
    started = time.monotonic()
    rules = {refusal(path).rule, refusal(written(tmp_path / "a.flac", flac_that_states(2**36 - 1))).rule}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rules == {"too_long"}
    assert peak < 10_000_000
    assert time.monotonic() - started < 2


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "dangling.wav").symlink_to("nowhere.wav")
    rules = {name: refusal(tmp_path / name).rule for name in ("fifo.wav", "folder.wav", "loop.wav", "dangling.wav", "absent.wav")}
    assert rules == {"fifo.wav": "not_regular", "folder.wav": "not_regular", "loop.wav": "missing", "dangling.wav": "missing", "absent.wav": "missing"}
    assert refusal(Path("/dev/zero")).rule == "not_regular"


def test_content_counts_and_the_file_ending_does_not(tmp_path: Path) -> None:
    for name, content in (("mp3.wav", WHOLE["MP3", "MPEG_LAYER_III"]), ("wav.flac", WAV), ("flac", WHOLE["FLAC", "PCM_16"])):
        assert len(decode(written(tmp_path / name, content), 16000).samples) == 4000, name


def test_a_name_that_is_not_utf8_is_opened(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    assert len(decode(written(path, WAV), 16000).samples) == 4000


@pytest.mark.parametrize(("source_rate", "sampling_rate"), [(44100, 16000), (48000, 8000), (8000, 16000), (22050, 24000), (96000, 44100)])
def test_resampling_keeps_the_tone_its_level_and_the_duration(tmp_path: Path, source_rate: int, sampling_rate: int) -> None:
    decoded = decode(written(tmp_path / "a.wav", encoded(tone(1000, 1.0, source_rate), source_rate)), sampling_rate)
    assert abs(len(decoded.samples) - sampling_rate) <= 1
    spectrum = np.abs(np.fft.rfft(decoded.samples[:sampling_rate].astype(float), sampling_rate))
    assert spectrum.argmax() == 1000
    middle = decoded.samples[sampling_rate // 4 : -sampling_rate // 4] / 32768
    assert level_db(middle) == pytest.approx(level_db(tone(1000, 1.0)), abs=0.05)
    assert decoded.source_rate == source_rate


def test_what_lies_above_half_the_new_rate_is_gone_and_does_not_fold_back() -> None:
    assert level_db(resample(tone(7000, 1.0, 44100), 44100, 8000)[200:-200]) < -80


def test_a_single_sample_that_resampling_loses_is_empty(tmp_path: Path) -> None:
    path = written(tmp_path / "one.wav", encoded(np.array([1000], np.int16), 48000))
    assert refusal(path, 8000).rule == "empty"
    assert len(decode(path, 48000).samples) == 1


def test_stereo_is_mixed_to_the_mean(tmp_path: Path) -> None:
    left, right = tone(440, 0.1), tone(660, 0.1)
    decoded = decode(written(tmp_path / "a.wav", encoded(np.stack([left, right], 1), subtype="FLOAT")), 16000)
    np.testing.assert_allclose(decoded.samples / 32768, (left + right) / 2, atol=1e-4)
    assert decoded.channels == 2


def test_channels_that_cancel_out_leave_the_loudest_one(tmp_path: Path) -> None:
    voice = tone(440, 0.1)
    for other in (-voice, -0.9 * voice):
        decoded = decode(written(tmp_path / "a.wav", encoded(np.stack([voice, other], 1), subtype="FLOAT")), 16000)
        np.testing.assert_allclose(decoded.samples / 32768, voice, atol=1e-4)


@given(gains=st.lists(st.floats(-1, 1), min_size=1, max_size=6), seed=st.integers(0, 99))
@settings(deadline=None)
def test_no_mix_loses_more_than_the_voice_in_one_of_n_channels_would(gains: list[float], seed: int) -> None:
    channels = np.outer(white(400, seed), np.array(gains)).astype(np.float32)
    loudest = max(float(np.mean(channels[:, at].astype(float) ** 2)) for at in range(len(gains)))
    assert np.mean(to_mono(channels).astype(float) ** 2) >= 0.99 * loudest / 4 / len(gains)


def test_an_impulse_response_takes_the_first_channel(tmp_path: Path) -> None:
    left, right = tone(440, 0.1), tone(660, 0.1)
    decoded = decode(written(tmp_path / "a.wav", encoded(np.stack([left, right], 1), subtype="FLOAT")), 16000, channel=0)
    np.testing.assert_allclose(decoded.samples / 32768, left, atol=1e-4)


@given(st.lists(st.floats(-4, 4, width=32), max_size=50))
def test_sixteen_bits_clip_and_never_wrap(values: list[float]) -> None:
    samples = np.array(values, np.float32)
    np.testing.assert_allclose(to_int16(samples) / 32768, np.clip(samples, -1, 32767 / 32768), atol=0.5001 / 32768)


@given(
    content=st.binary(min_size=1, max_size=600),
    head=st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"ID3", b"FORM\0\0\0\0AIFF", b"RF64\xff\xff\xff\xffWAVEds64"]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_is_decoded_or_refused_and_nothing_else(tmp_path: Path, content: bytes, head: bytes) -> None:
    with contextlib.suppress(Undecodable):
        assert len(decode(written(tmp_path / "x", head + content), 16000).samples)


@pytest.mark.parametrize("rate", [11025, 22050, 44100, 96000])
def test_resampling_does_not_hide_what_was_clipped(rate: int, tmp_path: Path) -> None:
    loud = np.clip(3 * tone(220, 1.0, rate), -1, 1)
    truth = float(np.mean(np.abs(loud) >= FULL_SCALE / 32768))
    soundfile.write(tmp_path / "a.wav", loud, rate)
    found = decoding(tmp_path / "a.wav", 16000)
    left = float(np.mean(np.abs(np.concatenate(list(found.blocks)).astype(int)) >= FULL_SCALE))
    assert found.clipping.corrected(left) == pytest.approx(truth, abs=1e-3)
    assert left < 0.8 * truth


def test_where_the_rate_stays_nothing_is_corrected(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.clip(3 * tone(220, 1.0), -1, 1), 16000)
    found = decoding(tmp_path / "a.wav", 16000)
    list(found.blocks)
    assert found.clipping.corrected(0.25) == 0.25
