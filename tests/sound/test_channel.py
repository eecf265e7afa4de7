"""Channels: the band and the bits go, the tone, the time and the shape stay."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate
from sound_world import band_db, level_db, tone, two_sentences, white

from speccraft.scenario.environment import Channel, CodedChannel, NoChannel, TelephoneChannel
from speccraft.sound.channel import through_channel

TELEPHONE = TelephoneChannel(codec="telephone")
CODED = [CodedChannel(codec=codec, bitrate_kbps=rate) for codec in ("opus", "mp3") for rate in (16, 64)]
RATES = [8000, 16000, 24000, 44100, 48000]


def speech(rate: int) -> np.ndarray:
    return (two_sentences(rate)[0] / 32768).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channel", [TELEPHONE, *CODED], ids=str)
def test_speech_keeps_its_length_level_and_time(channel: Channel, rate: int) -> None:
    clean = speech(rate)
    heard = through_channel(clean, channel, rate)
    assert (heard.shape, heard.dtype) == (clean.shape, np.float32)
    assert level_db(heard) == pytest.approx(level_db(clean), abs=3)
    lag = int(correlate(heard, clean, method="fft").argmax()) - (len(clean) - 1)
    assert abs(lag) / rate < 0.001


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channel", [TELEPHONE, *CODED], ids=str)
def test_a_tone_of_1_khz_passes_every_channel(channel: Channel, rate: int) -> None:
    heard = through_channel(tone(1000, 1.0, rate), channel, rate)
    assert np.abs(np.fft.rfft(heard * np.hanning(rate))).argmax() == 1000
    middle = slice(rate // 4, -rate // 4)
    assert level_db(heard[middle]) == pytest.approx(level_db(tone(1000, 1.0, rate)[middle]), abs=1.5)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_a_telephone_passes_its_band_and_no_other(rate: int) -> None:
    noise = white(4 * rate)
    heard = through_channel(noise, TELEPHONE, rate)
    lost = [band_db(noise, rate, low, high) - band_db(heard, rate, low, high) for low, high in [(20, 100), (800, 2500), (3800, 4000)]]
    assert lost[0] > 15
    assert abs(lost[1]) < 1.5
    assert lost[2] > 3
    if rate > 8000:
        assert band_db(heard, rate, 4100, rate / 2) < band_db(heard, rate, 800, 2500) - 60


def test_a_telephone_has_eight_bits() -> None:
    error = level_db(tone(1000, 1.0, 8000)) - level_db(through_channel(tone(1000, 1.0, 8000), TELEPHONE, 8000) - tone(1000, 1.0, 8000))
    assert 20 < error < 45


@pytest.mark.parametrize("codec", ["opus", "mp3"])
def test_more_bits_are_nearer_to_the_original(codec: str) -> None:
    clean = speech(16000)
    errors = [level_db(through_channel(clean, CodedChannel(codec=codec, bitrate_kbps=rate), 16000) - clean) for rate in (8, 24, 96)]
    assert errors[0] > errors[1] + 1 > errors[2] + 2


@pytest.mark.parametrize(
    ("codec", "bitrate_kbps", "rate"), [("opus", 16, 16000), ("opus", 64, 48000), ("mp3", 16, 8000), ("mp3", 64, 16000), ("mp3", 128, 48000)]
)
def test_the_bit_rate_is_about_the_one_that_was_asked(codec: str, bitrate_kbps: int, rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    write = soundfile.write

    def measured(buffer: io.BytesIO, *args: object, **settings: object) -> None:
        write(buffer, *args, **settings)
        sizes.append(buffer.getbuffer().nbytes)

    monkeypatch.setattr(soundfile, "write", measured)
    through_channel(white(10 * rate), CodedChannel(codec=codec, bitrate_kbps=bitrate_kbps), rate)
    assert sizes[0] * 8 / 10 / 1000 == pytest.approx(bitrate_kbps, rel=0.3)


@pytest.mark.parametrize("channel", [TELEPHONE, *CODED], ids=str)
def test_a_channel_answers_the_same_twice_and_leaves_its_input_alone(channel: Channel) -> None:
    clean = speech(16000)
    before = clean.copy()
    np.testing.assert_array_equal(through_channel(clean, channel, 16000), through_channel(clean, channel, 16000))
    np.testing.assert_array_equal(clean, before)


@pytest.mark.parametrize("channel", [TELEPHONE, *CODED], ids=str)
@pytest.mark.parametrize("num_samples", [1, 7, 160, 1999])
@pytest.mark.parametrize("rate", [8000, 48000])
def test_even_a_single_sample_passes(channel: Channel, num_samples: int, rate: int) -> None:
    for samples in (np.zeros(num_samples, np.float32), np.full(num_samples, 0.5, np.float32)):
        heard = through_channel(samples, channel, rate)
        assert heard.shape == samples.shape
        assert np.isfinite(heard).all()


def test_no_channel_changes_nothing() -> None:
    clean = speech(16000)
    assert through_channel(clean, NoChannel(codec="none"), 16000) is clean
