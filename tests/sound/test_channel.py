"""Channels: the band and the bits go, the tone, the time and the shape stay."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate
from sound_world import band_db, level_db, tone, two_sentences, white

from speccraft.scenario.environment import BandChannel, Channel, CodedChannel, NoChannel, TelephoneChannel
from speccraft.sound.channel import through_channel, upper_limit_hz

BAND = BandChannel(codec="band", low_hz=150.0, high_hz=3800.0)
TELEPHONE = TelephoneChannel(codec="telephone")
CODED = [CodedChannel(codec=codec, bitrate_kbps=rate) for codec in ("opus", "mp3") for rate in (16, 64)]
RATES = [8000, 16000, 24000, 44100, 48000]


def speech(rate: int) -> np.ndarray:
    return (two_sentences(rate)[0] / 32768).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channel", [TELEPHONE, BAND, *CODED], ids=str)
def test_speech_keeps_its_length_level_and_time(channel: Channel, rate: int) -> None:
    clean = speech(rate)
    heard = through_channel(clean, channel, rate)
    assert (heard.shape, heard.dtype) == (clean.shape, np.float32)
    assert level_db(heard) == pytest.approx(level_db(clean), abs=3)
    lag = int(correlate(heard, clean, method="fft").argmax()) - (len(clean) - 1)
    assert abs(lag) / rate < 0.001


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channel", [TELEPHONE, BAND, *CODED], ids=str)
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


@pytest.mark.parametrize("channel", [TELEPHONE, BAND, *CODED], ids=str)
def test_a_channel_answers_the_same_twice_and_leaves_its_input_alone(channel: Channel) -> None:
    clean = speech(16000)
    before = clean.copy()
    np.testing.assert_array_equal(through_channel(clean, channel, 16000), through_channel(clean, channel, 16000))
    np.testing.assert_array_equal(clean, before)


@pytest.mark.parametrize("channel", [TELEPHONE, BAND, *CODED], ids=str)
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


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize(("low_hz", "high_hz"), [(0.0, 3000.0), (300.0, 3400.0), (50.0, 3900.0)])
def test_a_band_passes_what_lies_in_it_and_nothing_else(rate: int, low_hz: float, high_hz: float) -> None:
    noise = white(4 * rate)
    heard = through_channel(noise, BandChannel(codec="band", low_hz=low_hz, high_hz=high_hz), rate)
    lost = [band_db(noise, rate, low, high) - band_db(heard, rate, low, high) for low, high in [(low_hz + 120, high_hz - 120), (high_hz + 120, rate / 2)]]
    assert abs(lost[0]) < 0.2
    assert lost[1] > 40 or high_hz + 120 > rate / 2
    at_the_edge = through_channel(tone(high_hz, 1.0, rate), BandChannel(codec="band", low_hz=low_hz, high_hz=high_hz), rate)[rate // 4 : -rate // 4]
    assert level_db(at_the_edge) - level_db(tone(high_hz, 1.0, rate)) == pytest.approx(-6, abs=0.5)
    if low_hz > 100:
        assert band_db(noise, rate, 0, low_hz - 120) - band_db(heard, rate, 0, low_hz - 120) > 40


def test_a_band_that_ends_above_half_of_the_rate_takes_nothing_away() -> None:
    heard = through_channel(white(16000), BandChannel(codec="band", high_hz=9000.0), 16000)
    np.testing.assert_allclose(heard[500:-500], white(16000)[500:-500], atol=1e-3)


@pytest.mark.parametrize(
    ("channel", "rate"),
    [
        (TELEPHONE, 8000),
        (TELEPHONE, 16000),
        (BAND, 16000),
        *((CodedChannel(codec=codec, bitrate_kbps=kbps), 16000) for codec in ("opus", "mp3") for kbps in (8, 16, 32)),
    ],
    ids=str,
)
def test_nothing_that_could_be_heard_leaves_a_channel_above_its_limit(channel: Channel, rate: int) -> None:
    limit = upper_limit_hz(channel, rate)
    loudness = np.repeat(np.random.default_rng(0).uniform(0.05, 1, 40), rate // 10).astype(np.float32)
    noise = white(4 * rate) * loudness
    heard = through_channel(noise, channel, rate)
    above = (limit or rate / 2) + 200
    if above < rate / 2 - 200:
        assert band_db(noise, rate, above, rate / 2) - band_db(heard, rate, above, rate / 2) > 15
    else:
        assert band_db(noise, rate, rate / 2 - 800, rate / 2) - band_db(heard, rate, rate / 2 - 800, rate / 2) < 20


def test_a_channel_has_no_limit_where_it_passes_all_that_the_rate_has() -> None:
    assert upper_limit_hz(NoChannel(codec="none"), 16000) is None
    assert upper_limit_hz(CodedChannel(codec="opus", bitrate_kbps=64), 48000) == 20_000
    assert upper_limit_hz(CodedChannel(codec="opus", bitrate_kbps=64), 16000) is None
    assert upper_limit_hz(TELEPHONE, 16000) == 3400
    assert upper_limit_hz(BandChannel(codec="band", high_hz=7900.0), 16000) is None
