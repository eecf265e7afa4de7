from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from speccraft.report.opus import encode_opus, ogg_crc, with_serial


def tone(seconds: float, rate: int) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def ogg_of_libsndfile(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 16000, format="OGG", subtype="OPUS")
    return buffer.getvalue()


@pytest.mark.parametrize("rate", [8000, 16000, 32000, 44100])
def test_a_clip_keeps_its_length_and_its_sound_and_takes_a_tenth_of_the_bytes(rate: int) -> None:
    samples = tone(2.0, rate)
    found = encode_opus(samples, rate)
    heard, decoded_rate = soundfile.read(io.BytesIO(found))
    assert len(heard) / decoded_rate == pytest.approx(2.0, abs=0.01)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(samples**2)), rel=0.1)
    assert len(found) < 2 * 4000


def test_the_same_samples_give_the_same_bytes_and_other_samples_another_serial_number() -> None:
    one, again, other = (encode_opus(tone(seconds, 16000), 16000) for seconds in (0.5, 0.5, 0.6))
    assert one == again
    assert one[14:18] != other[14:18]


def test_our_checksum_is_the_one_that_libsndfile_writes() -> None:
    page = ogg_of_libsndfile(tone(0.1, 16000))
    page = page[: 27 + page[26] + sum(page[27 : 27 + page[26]])]
    assert struct.unpack("<I", page[22:26])[0] == ogg_crc(page[:22] + bytes(4) + page[26:])


def test_a_new_serial_number_changes_nothing_but_headers() -> None:
    ogg = ogg_of_libsndfile(tone(1.5, 16000))
    changed = with_serial(ogg)
    assert len(changed) == len(ogg)
    assert np.array_equal(soundfile.read(io.BytesIO(changed))[0], soundfile.read(io.BytesIO(ogg))[0])


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros(1, np.float32), np.full(400, 7.0, np.float32)])
def test_nothing_one_sample_and_too_loud_ones_can_be_encoded(samples: np.ndarray) -> None:
    assert encode_opus(samples, 16000).startswith(b"OggS")
