"""Headers: lengths as files state them, in order, and nothing that a file or the reader does stops the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from media_world import media
from sound_world import encoded, tone, written

from speccraft.errors import BadEnvironment
from speccraft.sound import headers
from speccraft.sound.headers import header_seconds

FORMATS = [("WAV", None), ("FLAC", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("AIFF", None), ("CAF", None), ("RF64", None)]


def wav(path: Path, seconds: float = 1.25, sampling_rate: int = 16000) -> Path:
    return written(path, encoded(tone(440, seconds, sampling_rate), sampling_rate))


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every reader process that the test has started."""
    start, started = headers._start, []

    def noted() -> subprocess.Popen[bytes]:
        started.append(start())
        return started[-1]

    monkeypatch.setattr(headers, "_start", noted)
    return started


@pytest.mark.parametrize(("format", "subtype"), FORMATS)
def test_the_length_of_every_format_is_what_was_written(tmp_path: Path, format: str, subtype: str | None) -> None:
    lengths = [0.5, 1.25, 3.0]
    stereo = np.stack([tone(440, 1.25), tone(880, 1.25)], axis=1)
    paths = [written(tmp_path / f"{seconds}", encoded(tone(440, seconds), 16000, format, subtype)) for seconds in lengths]
    paths.append(written(tmp_path / "stereo", encoded(stereo, 48000, format, subtype)))
    assert list(header_seconds(paths)) == pytest.approx([*lengths, 1.25 / 3], abs=1e-3)


@pytest.mark.parametrize(
    ("format", "codec", "options"),
    [("ipod", "aac", {}), ("ipod", "aac", {"movflags": "faststart"}), ("mov", "pcm_s16le", {}), ("matroska", "flac", {}), ("asf", "wmav2", {})],
)
def test_the_length_of_every_container_is_what_was_written(tmp_path: Path, format: str, codec: str, options: dict[str, str]) -> None:
    paths = [written(tmp_path / f"{seconds}", media(format, codec, tone(440, seconds), options=options)) for seconds in (0.5, 3.0)]
    paths.append(written(tmp_path / "film", media("matroska", "aac", tone(440, 1.25), video_s=3.0)))
    paths.append(written(tmp_path / "half", paths[1].read_bytes()[:40]))
    assert list(header_seconds(paths)) == [pytest.approx(0.5, abs=0.07), pytest.approx(3.0, abs=0.07), pytest.approx(1.25, abs=0.07), None]


def test_answers_keep_the_order_of_the_files_and_repeat_with_them(tmp_path: Path) -> None:
    lengths = np.random.default_rng(0).permutation(np.arange(1, 31) / 16).tolist()
    paths = [wav(tmp_path / f"{number}.wav", seconds, 8000) for number, seconds in enumerate(lengths)]
    assert list(header_seconds([*paths, *reversed(paths)])) == [*lengths, *reversed(lengths)]


def test_files_are_asked_for_one_after_another_and_none_needs_no_reader(tmp_path: Path, readers: list[subprocess.Popen[bytes]]) -> None:
    asked = []

    def paths() -> Iterator[Path]:
        for number in range(3):
            asked.append(number)
            yield wav(tmp_path / f"{number}.wav")

    assert list(header_seconds([])) == []
    assert readers == []
    answers = header_seconds(paths())
    assert (next(answers), asked) == (1.25, [0])
    assert (list(answers), asked) == ([1.25, 1.25], [0, 1, 2])
    assert len(readers) == 1


def test_what_states_no_length_gives_none_waits_for_nothing_and_keeps_the_reader(tmp_path: Path, readers: list[subprocess.Popen[bytes]]) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "dangling.wav").symlink_to("gone")
    whole = encoded(tone(440, 1.25))
    odd = [
        tmp_path / "gone.wav",
        tmp_path / "pipe.wav",
        tmp_path / "folder.wav",
        tmp_path / "loop.wav",
        tmp_path / "dangling.wav",
        tmp_path / ("x" * 3000),
        Path("a\0b.wav"),
        Path("/dev/zero"),
        written(tmp_path / "empty.wav", b""),
        written(tmp_path / "text.wav", b"hello, you\n" * 100),
        written(tmp_path / "half.wav", whole[:20]),
        written(tmp_path / "nothing.wav", encoded(np.zeros(0, np.float32))),
        written(tmp_path / "headerless.raw", whole),
    ]
    last = wav(tmp_path / "last.wav")
    assert list(header_seconds([*odd, last])) == [None] * len(odd) + [1.25]
    assert len(readers) == 1


def test_a_flac_written_to_a_pipe_states_no_length(tmp_path: Path) -> None:
    content = bytearray(encoded(tone(440, 1.25), 16000, "FLAC"))
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])  # STREAMINFO: 36 bits of total samples
    assert list(header_seconds([written(tmp_path / "a.flac", bytes(content))])) == [None]


@pytest.mark.parametrize("name", [b"a\nb.wav", b"\xff\xfe.wav", "ü 日本.wav".encode(), b'"quoted\\.wav', b" .wav", b"null", b"a\r.wav", b"\x1b[2J.wav"])
def test_any_file_name_is_read(tmp_path: Path, name: bytes) -> None:
    path = wav(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)))
    assert list(header_seconds([path, tmp_path / "gone", path])) == [1.25, None, 1.25]


def test_a_relative_path_starts_at_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wav(tmp_path / "a.wav")
    monkeypatch.chdir(tmp_path)
    assert list(header_seconds([Path("a.wav")])) == [1.25]


def test_modules_that_lie_in_the_working_folder_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("soundfile", "json", "speccraft", "select"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    assert list(header_seconds([wav(tmp_path / "a.wav")])) == [1.25]


def test_a_reader_that_is_killed_costs_one_file(tmp_path: Path, readers: list[subprocess.Popen[bytes]]) -> None:
    answers = header_seconds([wav(tmp_path / f"{number}.wav", 1 + number / 4) for number in range(5)])
    assert [next(answers), next(answers)] == [1.0, 1.25]
    readers[0].send_signal(signal.SIGKILL)
    assert list(answers) == [None, 1.75, 2.0]
    assert [reader.poll() is None for reader in readers] == [False, False]


def test_a_reader_that_hangs_costs_one_file_and_no_more_than_the_longest_wait(
    tmp_path: Path, readers: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = header_seconds([wav(tmp_path / f"{number}.wav", 1 + number / 4) for number in range(4)])
    assert next(answers) == 1.0
    readers[0].send_signal(signal.SIGSTOP)
    monkeypatch.setattr(headers, "LONGEST_WAIT_S", 0.2)
    assert next(answers) is None
    assert readers[0].returncode == -signal.SIGKILL
    monkeypatch.setattr(headers, "LONGEST_WAIT_S", 60)
    assert list(answers) == [1.5, 1.75]


def test_no_reader_outlives_its_use(tmp_path: Path, readers: list[subprocess.Popen[bytes]]) -> None:
    paths = [wav(tmp_path / "a.wav")] * 3
    list(header_seconds(paths))
    left_early = header_seconds(paths)
    next(left_early)
    assert readers[1].poll() is None
    left_early.close()
    assert [reader.returncode for reader in readers] == [-signal.SIGKILL] * 2


def test_a_reader_that_cannot_start_is_an_error_and_not_a_folder_without_lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(BadEnvironment, match="does not start"):
        list(header_seconds([wav(tmp_path / "a.wav")]))


def test_a_memory_limit_below_the_readers_own_is_kept(tmp_path: Path) -> None:
    wav(tmp_path / "a.wav")
    code = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); from speccraft.sound.headers import *; "
    ran = subprocess.run(
        [sys.executable, "-c", code + "print(list(header_seconds([Path('a.wav')])))"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.stderr) == ("[1.25]\n", "")


def test_nothing_is_printed_whatever_a_decoder_complains_about(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = encoded(tone(440, 1), 16000, "MP3")
    half = written(tmp_path / "half.mp3", content[: len(content) // 2])
    soundfile.info(half)
    assert "Xing stream size" in capfd.readouterr().err
    list(header_seconds([half, written(tmp_path / "text.wav", b"hello")]))
    assert capfd.readouterr() == ("", "")
