"""Containers: the one audio stream comes out as it went in, and what is not whole, not alone, not ours or another file's is refused."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import tracemalloc
import uuid
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from media_world import media
from sound_world import encoded, tone, white, written

from speccraft.sound import containers
from speccraft.sound.containers import MEDIA, medium_of, track_of
from speccraft.sound.decode import Undecodable, decode, stated_seconds, to_int16

SPOKEN = tone(440, 2.0)
WHOLE = {
    "m4a": media("ipod", "aac", SPOKEN),
    "faststart": media("ipod", "aac", SPOKEN, options={"movflags": "faststart"}),
    "fragments": media("mp4", "aac", SPOKEN, options={"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "500000"}),
    "webm": media("webm", "libopus", tone(440, 2.0, 48000), sampling_rate=48000),
    "mkv": media("matroska", "pcm_s16le", SPOKEN),
    "wma": media("asf", "wmav2", SPOKEN),
}
LIVE = media("webm", "libopus", tone(440, 2.0, 48000), sampling_rate=48000, options={"live": "1"})
"""As a browser records it: nobody knew how long it would be."""
STREAMED = {"adts": media("adts", "aac", SPOKEN), "amr": media("amr", "amr_nb", tone(440, 2.0, 8000), sampling_rate=8000)}
KEY = "00112233445566778899aabbccddeeff"
ENCRYPTED = media("mp4", "aac", SPOKEN, options={"encryption_scheme": "cenc-aes-ctr", "encryption_key": KEY, "encryption_kid": KEY})


def refusal(content: bytes | Path) -> Undecodable:
    with pytest.raises(Undecodable) as caught:
        decode(content, 16000)
    return caught.value


def samples_of(content: bytes) -> np.ndarray:
    """All channels, as they leave the container."""
    medium = medium_of(content[:16])
    assert medium is not None
    return np.concatenate(list(track_of(io.BytesIO(content), medium).blocks))


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(
    ("format", "codec", "subtype", "dtype"),
    [
        ("matroska", "pcm_s16le", "PCM_16", np.int16),
        ("mov", "pcm_s16be", "PCM_16", np.int16),
        ("mov", "pcm_s24le", "PCM_24", np.int32),
        ("matroska", "pcm_s32le", "PCM_32", np.int32),
        ("mov", "pcm_u8", "PCM_U8", np.uint8),
        ("mov", "pcm_f32le", "FLOAT", np.float32),
        ("matroska", "pcm_f64le", "DOUBLE", np.float64),
        ("mov", "pcm_alaw", "ALAW", np.int16),
        ("mov", "pcm_mulaw", "ULAW", np.int16),
        ("matroska", "flac", "PCM_16", np.int16),
        ("ipod", "alac", "PCM_16", np.int16),
    ],
)
def test_the_same_samples_in_a_container_equal_the_wav_exactly(format: str, codec: str, subtype: str, dtype: type, channels: int) -> None:
    signal = np.stack([white(40000, seed) for seed in range(channels)], 1).astype(np.float64).clip(-0.99, 0.99)
    if subtype in ("ALAW", "ULAW"):
        # Encoders round differently; what one has rounded, the other keeps.
        signal = soundfile.read(io.BytesIO(encoded(signal, 16000, "WAV", subtype)), always_2d=True)[0]
    whole = {np.int16: lambda: to_int16(signal), np.int32: lambda: np.round(signal * 2**31).astype(np.int32) & ~0xFF, np.uint8: lambda: _u8(signal)}
    track = whole[dtype]() if dtype in whole else signal.astype(dtype)  # type: ignore[index]
    in_wav = (track.astype(np.float64) - 128) / 128 if dtype == np.uint8 else track
    wav = encoded(in_wav, 16000, "WAV", subtype)
    for rate in (16000, 8000):
        np.testing.assert_array_equal(decode(media(format, codec, track), rate).samples, decode(wav, rate).samples)


def _u8(signal: np.ndarray) -> np.ndarray:
    return np.round(signal * 128 + 128).clip(0, 255).astype(np.uint8)


def test_many_blocks_equal_the_wav_and_end_with_the_last_sample() -> None:
    track = to_int16(np.stack([white(700_001), white(700_001, 1) * 2], 1))
    np.testing.assert_array_equal(decode(media("matroska", "pcm_s16le", track), 16000).samples, decode(encoded(track), 16000).samples)


@pytest.mark.parametrize("name", [*WHOLE, *STREAMED])
def test_a_whole_file_keeps_tone_level_and_length_and_states_how_long_it_is(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "a.wav", {**WHOLE, **STREAMED}[name])
    decoded = decode(path, 16000)
    middle = decoded.samples[8000:24000] / 32768
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.2 if name == "amr" else 0.05)
    assert len(decoded.samples) / 16000 == pytest.approx(2.0, abs=0.12)
    assert stated_seconds(path) == pytest.approx(2.0, abs=0.12)
    assert (decoded.channels, decoded.source_rate) == (1, {"webm": 48000, "amr": 8000}.get(name, 16000))


def test_encoder_delay_is_taken_away() -> None:
    click = np.zeros(32000, np.float32)
    click[16000] = 1.0
    for content in (media("ipod", "aac", click), media("webm", "libopus", click, sampling_rate=48000)):
        assert abs(int(np.abs(samples_of(content)[:, 0]).argmax()) - 16000) <= 1


def test_a_channel_can_be_chosen_and_one_that_is_not_there_is_refused() -> None:
    both = np.stack([tone(440, 1.0), tone(880, 1.0)], 1)
    content = media("mov", "pcm_f32le", both)
    assert np.abs(np.fft.rfft(decode(content, 16000, channel=1).samples)).argmax() == 880
    with pytest.raises(Undecodable, match="has 2 channels"):
        decode(content, 16000, channel=2)


@pytest.mark.parametrize("format", ["mp4", "matroska"])
def test_of_a_video_the_audio_is_read_whether_it_is_shorter_or_begins_later(format: str) -> None:
    for start in (0.0, 1.0):
        decoded = decode(media(format, "aac", SPOKEN, video_s=5.0, starts_at_s=start), 16000)
        assert len(decoded.samples) / 16000 == pytest.approx(2.0, abs=0.15)
        assert np.abs(np.fft.rfft(decoded.samples[8000:24000])).argmax() == 440


def test_no_video_decoder_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    # What FFmpeg would learn by decoding a frame of video: the pixel format.
    content = media("matroska", "pcm_s16le", SPOKEN, video_s=1.0)
    found = []
    opened = av.open

    def noted(*arguments: object, **options: object) -> object:
        container = opened(*arguments, **options)
        found.extend(stream.codec_context.pix_fmt for stream in container.streams.video)
        return container

    monkeypatch.setattr(av, "open", noted)
    decode(content, 16000)
    assert found == [None]
    with opened(io.BytesIO(content)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_several_audio_streams_are_refused_and_named() -> None:
    error = refusal(media("matroska", "pcm_s16le", SPOKEN, np.stack([SPOKEN, SPOKEN], 1), languages=("eng", "deu")))
    assert error.rule == "multi_stream"
    assert "has 2 audio streams (pcm_s16le, 1 channel, eng; pcm_s16le, 2 channels, deu)" in str(error)
    assert "-map 0:a:0" in str(error)


def test_a_video_without_audio_is_refused() -> None:
    error = refusal(media("mp4", "aac", video_s=1.0))
    assert (error.rule, "without audio" in str(error)) == ("not_audio", True)


@given(name=st.sampled_from(sorted(WHOLE)), share=st.floats(0.001, 0.9999))
@settings(max_examples=150, deadline=None)
@example(name="faststart", share=0.06765479727541905)
def test_a_file_that_is_cut_off_anywhere_is_refused(name: str, share: float) -> None:
    content = WHOLE[name]
    assert refusal(content[: max(16, int(len(content) * share))]).rule in {"truncated", "corrupt", "not_audio", "empty"}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("lost", [1, 7, 500])
def test_how_much_is_missing_is_said(name: str, lost: int) -> None:
    error = refusal(WHOLE[name][:-lost])
    assert error.rule == "truncated"
    # The last thing in a fragmented file says nothing but how long it is itself.
    assert f"lacks {lost} bytes" in str(error) or (name == "fragments" and "lacks" in str(error))


@pytest.mark.parametrize("content", [STREAMED["adts"], STREAMED["amr"], LIVE], ids=["adts", "amr", "live"])
def test_what_states_no_length_is_refused_when_it_breaks_off_inside_a_packet(content: bytes) -> None:
    whole = len(decode(content, 16000).samples)
    rules = []
    for cut in range(len(content) // 2, len(content) // 2 + 40):
        try:
            assert len(decode(content[:cut], 16000).samples) < whole
        except Undecodable as error:
            rules.append(error.rule)
    assert len(rules) >= 36
    assert set(rules) <= {"truncated", "corrupt"}


def test_a_browsers_recording_without_a_length_is_read_and_plan_knows_none(tmp_path: Path) -> None:
    path = written(tmp_path / "a.webm", LIVE)
    assert len(decode(path, 16000).samples) == 32000
    assert stated_seconds(path) is None


def test_a_header_that_lies_about_the_length_is_refused() -> None:
    content = bytearray(WHOLE["mkv"])
    at = content.index(b"\x44\x89\x88") + 3
    assert struct.unpack(">d", content[at : at + 8]) == (2000.0,)
    tag = content.index(b"00:00:02.0")
    for seconds, said in ((3.0, b"00:00:03.0"), (90000.0, b"25:00:00.0")):
        content[at : at + 8], content[tag : tag + 10] = struct.pack(">d", seconds * 1000), said
        error = refusal(bytes(content))
        assert error.rule == ("truncated" if seconds < 100 else "too_long")
    assert "more than 6 hours" in str(error)


def test_longer_audio_than_allowed_is_refused_whatever_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "LONGEST_S", 1)
    assert refusal(WHOLE["m4a"]).rule == "too_long"
    assert refusal(LIVE).rule == "too_long"


@pytest.mark.parametrize("name", ["m4a", "webm", "mkv", "fragments"])
def test_what_is_damaged_in_the_middle_is_decoded_whole_or_refused(name: str) -> None:
    rng, rules = np.random.default_rng(0), set[str]()
    whole = len(decode(WHOLE[name], 16000).samples)
    for at in rng.integers(len(WHOLE[name]) // 4, len(WHOLE[name]) * 3 // 4, 20):
        content = bytearray(WHOLE[name])
        content[at : at + 40] = rng.bytes(40)
        try:
            assert abs(len(decode(bytes(content), 16000).samples) - whole) <= 16000 * containers.LENGTH_SLACK_S
        except Undecodable as error:
            rules.add(error.rule)
    assert rules <= {"corrupt", "truncated"}
    assert rules or name == "mkv"


def test_a_gap_in_time_is_refused_and_said_where() -> None:
    long = media("webm", "libopus", tone(440, 12.0, 48000), sampling_rate=48000, options={"live": "1", "cluster_time_limit": "1000"})
    clusters = [at for at in range(len(long)) if long.startswith(b"\x1f\x43\xb6\x75", at)]
    assert len(clusters) > 4
    error = refusal(long[: clusters[2]] + long[clusters[3] :])
    assert error.rule == "corrupt"
    assert "breaks off at 1.97 s and goes on at 2.97 s" in str(error)


@pytest.mark.parametrize("mark", [b"enca", b"drms"])
def test_encrypted_mp4_is_refused_as_such(mark: bytes) -> None:
    error = refusal(ENCRYPTED.replace(b"enca", mark).replace(b"sinf", b"sinf" if mark == b"enca" else b"free"))
    assert (error.rule, "encrypted" in str(error)) == ("encrypted", True)


@pytest.mark.parametrize(
    ("guid", "content"),
    [
        ("2211B3FB-BD23-11D2-B4B7-00A0C955FC6E", b"".join(struct.pack("<I", 4) + word for word in (b"abcd", b"DRM\0", b"key\0", b"url\0"))),
        ("298AE614-2622-4C17-B935-DAE07EE9289C", struct.pack("<I", 4) + b"abcd"),
    ],
)
def test_protected_wma_is_refused_as_such(guid: str, content: bytes) -> None:
    file = bytearray(WHOLE["wma"])
    added = uuid.UUID(guid).bytes_le + struct.pack("<Q", 24 + len(content)) + content
    size, objects = struct.unpack_from("<QI", file, 16)
    struct.pack_into("<QI", file, 16, size + len(added), objects + 1)
    file[30:30] = added
    assert refusal(bytes(file)).rule == "encrypted"


def test_protected_webm_is_refused_as_such() -> None:
    # ContentEncodings > ContentEncoding > type 1, ContentEncryption > key id; it stands in the track entry, whose parents grow with it.
    encryption = _ebml("6d80", _ebml("6240", _ebml("5033", b"\x01") + _ebml("5035", _ebml("47e2", b"abcd"))))
    tracks = LIVE[: LIVE.index(bytes.fromhex("1f43b675"))].rindex(bytes.fromhex("1654ae6b"))
    width = 9 - LIVE[tracks + 4].bit_length()
    length = int.from_bytes(LIVE[tracks + 4 : tracks + 4 + width], "big") & ((1 << 7 * width) - 1)
    body = LIVE[tracks + 4 + width : tracks + 4 + width + length]
    assert body[0] == 0xAE
    entry_width = 9 - body[1].bit_length()
    changed = _ebml("1654ae6b", _ebml("ae", body[1 + entry_width :] + encryption))
    content = LIVE[:tracks] + changed + LIVE[tracks + 4 + width + length :]
    error = refusal(content)
    assert (error.rule, "encrypted" in str(error)) == ("encrypted", True)


def _ebml(name: str, content: bytes) -> bytes:
    return bytes.fromhex(name) + (len(content) | 1 << 28).to_bytes(4, "big") + content


PLAYLISTS = {
    "a.m4a": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n",
    "a.webm": "ffconcat version 1.0\nfile '{other}'\n",
    "a.mkv": "<?xml version='1.0'?><MPD><BaseURL>{other}</BaseURL></MPD>",
    "a.mp4": "[playlist]\nFile1={other}\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_is_refused_and_what_it_names_is_not_opened(tmp_path: Path, name: str) -> None:
    # A pipe that nobody writes to: whoever opens it would wait for ever.
    os.mkfifo(tmp_path / "other.m4a")
    path = written(tmp_path / name, PLAYLISTS[name].format(other=tmp_path / "other.m4a").encode())
    error = refusal(path)
    assert (error.rule, "looks like text" in str(error)) == ("not_audio", True)


@pytest.mark.parametrize("name", PLAYLISTS)
@pytest.mark.parametrize("medium", MEDIA, ids=lambda medium: medium.format)
def test_ffmpeg_itself_takes_no_playlist_for_a_file_of_ours(tmp_path: Path, name: str, medium: containers.Medium) -> None:
    os.mkfifo(tmp_path / "other.m4a")
    with pytest.raises(Undecodable):
        track_of(io.BytesIO(PLAYLISTS[name].format(other=tmp_path / "other.m4a").encode()), medium)


def test_whatever_file_ffmpeg_asks_for_besides_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No file of ours makes it ask: here it is given a name to open, with the options that it gets from us.
    other = written(tmp_path / "other.m4a", WHOLE["m4a"])
    opened = av.open
    monkeypatch.setattr(av, "open", lambda _file, **options: opened(str(other), **options))
    error = refusal(WHOLE["m4a"])
    assert (error.rule, f"refers to another file ({str(other)[:80]})" in str(error)) == ("not_audio", True)


def test_an_encoding_that_is_not_ours_is_refused_and_named() -> None:
    error = refusal(media("matroska", "wavpack", SPOKEN))
    assert (error.rule, "(wavpack)" in str(error)) == ("codec_unsupported", True)


@given(head=st.sampled_from([medium.signs[0] for medium in MEDIA]), content=st.binary(max_size=600))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_behind_a_known_sign_is_refused_and_nothing_else(head: bytes, content: bytes) -> None:
    start = b"\0\0\0\x10" if head == b"ftyp" else b""
    with pytest.raises(Undecodable):
        decode(start + head + content, 16000)


@given(name=st.sampled_from(sorted(WHOLE)), at=st.floats(0, 1), junk=st.binary(min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
@example(name="faststart", at=0.04, junk=b"\0\0\x10")
def test_any_damage_ends_in_samples_or_a_refusal(name: str, at: float, junk: bytes) -> None:
    content = bytearray(WHOLE[name])
    start = int(at * (len(content) - 1))
    content[start : start + len(junk)] = junk
    # More memory than there is can be what a damaged box asks for: a worker makes a row of that.
    with contextlib.suppress(Undecodable, MemoryError):
        assert len(decode(bytes(content), 16000).samples)


def test_an_hour_needs_no_more_memory_than_some_minutes() -> None:
    peaks = []
    for minutes in (2, 12):
        content = media("matroska", "pcm_s16le", np.tile(to_int16(SPOKEN), 30 * minutes))
        medium = medium_of(content[:16])
        assert medium is not None
        tracemalloc.start()
        assert sum(len(block) for block in track_of(io.BytesIO(content), medium).blocks) == minutes * 60 * 16000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2


def test_a_file_is_recognised_by_content_and_found_under_any_name(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    assert len(decode(written(path, WHOLE["m4a"]), 16000).samples) == 32768


def test_without_the_decoder_the_refusal_says_what_to_install(tmp_path: Path) -> None:
    written(tmp_path / "a.m4a", WHOLE["m4a"])
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from pathlib import Path\n"
        "from speccraft.sound.decode import decode, stated_seconds, Undecodable\n"
        "print(stated_seconds(Path('a.m4a')))\n"
        "try: decode(Path('a.m4a'), 16000)\n"
        "except Undecodable as error: print(error.rule, error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.splitlines() == [
        "None",
        "codec_unsupported is MP4, M4A, 3GP or QuickTime, which needs an optional decoder: pip install 'speccraft[media]', "
        "or convert it, for example with ffmpeg -i IN OUT.flac",
    ], ran.stderr


def test_other_audio_does_not_load_the_decoder(tmp_path: Path) -> None:
    written(tmp_path / "a.wav", encoded(SPOKEN))
    code = "import sys; from pathlib import Path; from speccraft.sound.decode import decode; decode(Path('a.wav'), 16000); print('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "False\n"
