"""What lies between microphone and model: a band of frequencies, telephone band and mu-law, Opus, MP3."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import soundfile
import soxr

from speccraft.scenario.environment import BandChannel, Channel, CodedChannel, TelephoneChannel
from speccraft.sound.convolve import Response

OPUS_BITS = (6_000, 256_000)
"""Range of bit/s that libsndfile maps its compression level 1..0 to for mono Opus (ogg_opus.c)."""
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
TELEPHONE_HZ = (300.0, 3400.0)
STEEPEST_HZ, STOPPED_DB = 200.0, 60.0
"""Width of a band's edge, narrower where it begins lower, and what is left behind it."""
UPPER_HZ = {
    "opus": ((8, 4200.0), (12, 8500.0), (256, 20_000.0)),
    "mp3": ((8, 3000.0), (16, 5600.0), (24, 6050.0), (32, 8300.0), (48, 11_300.0), (64, 16_600.0), (256, 20_400.0)),
}
"""Up to a bit rate in kbit/s, the highest frequency in Hz that passes at 15 dB less: measured with modulated white noise at 8 to 48 kHz, through
the encoders of libsndfile 1.2.2; a higher sampling rate reaches no lower."""
WHOLE = 0.9
"""A channel that passes this share of the band that the sampling rate has takes nothing away that could be measured."""


def through_channel(samples: np.ndarray, channel: Channel, sampling_rate: int) -> np.ndarray:
    """Send samples through a channel and back.

    Args:
        samples: float32 of shape (num_samples,).

    Returns:
        float32 of the same shape, in time with the input.
    """
    if not len(samples):
        return samples
    if isinstance(channel, TelephoneChannel):
        return _telephone(samples, sampling_rate)
    if isinstance(channel, CodedChannel):
        return _coded(samples, channel, sampling_rate)
    if isinstance(channel, BandChannel):
        return _band(channel.low_hz, channel.high_hz, sampling_rate).applied(samples)
    return samples


def upper_limit_hz(channel: Channel, sampling_rate: int) -> float | None:
    """Highest frequency in Hz that a channel passes; None where it passes all that the sampling rate has."""
    if isinstance(channel, TelephoneChannel):
        limit = TELEPHONE_HZ[1]
    elif isinstance(channel, BandChannel):
        limit = channel.high_hz
    elif isinstance(channel, CodedChannel):
        limit = next(limit for most, limit in UPPER_HZ[channel.codec] if channel.bitrate_kbps <= most)
    else:
        return None
    return limit if limit < WHOLE * sampling_rate / 2 else None


@cache
def _band(low_hz: float, high_hz: float, sampling_rate: int) -> Response:
    """A linear-phase filter by a Kaiser window (Oppenheim and Schafer), in time with its input."""
    edge = min(STEEPEST_HZ, low_hz or STEEPEST_HZ)
    half = int(np.ceil((STOPPED_DB - 8) / (2.285 * 2 * np.pi * edge / sampling_rate) / 2))
    at = np.arange(-half, half + 1)
    low, high = (min(2 * hertz / sampling_rate, 1.0) for hertz in (low_hz, high_hz))
    ideal = high * np.sinc(high * at) - low * np.sinc(low * at)
    window = np.kaiser(len(at), 0.1102 * (STOPPED_DB - 8.7))
    return Response((ideal * window).astype(np.float32), half)


def _telephone(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    narrow = soxr.resample(samples, sampling_rate, 8000)
    filtered = np.clip(_band(*TELEPHONE_HZ, 8000).applied(narrow), -1, 1)
    # G.711 mu-law: 8 bits over a logarithmic scale.
    companded = np.sign(filtered) * np.log1p(255 * np.abs(filtered)) / np.log(256)
    decoded = np.round(companded * 127) / 127
    expanded = np.sign(decoded) * np.expm1(np.abs(decoded) * np.log(256)) / 255
    return _fit(soxr.resample(expanded.astype(np.float32), 8000, sampling_rate), len(samples))


def _coded(samples: np.ndarray, channel: CodedChannel, sampling_rate: int) -> np.ndarray:
    rate = min((r for r in OPUS_RATES if r >= sampling_rate), default=48000) if channel.codec == "opus" else sampling_rate
    resampled = np.clip(soxr.resample(samples, sampling_rate, rate), -1, 1)
    buffer = io.BytesIO()
    if channel.codec == "opus":
        low, high = OPUS_BITS
        level = 1 - (np.clip(channel.bitrate_kbps * 1000, low, high) - low) / (high - low)
        soundfile.write(buffer, resampled, rate, format="OGG", subtype="OPUS", compression_level=float(level))
    else:
        # libsndfile maps level 1..0 to the bit rates that MPEG 1, 2 and 2.5 have at their sampling rates,
        # LAME takes the nearest one that there is; level 1 itself is refused.
        low, high = (32, 320) if rate >= 32000 else (8, 160) if rate >= 16000 else (8, 64)
        level = min(1 - (np.clip(channel.bitrate_kbps, low, high) - low) / (high - low), 0.999)
        soundfile.write(buffer, resampled, rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=float(level), bitrate_mode="CONSTANT")
    buffer.seek(0)
    decoded, _ = soundfile.read(buffer, dtype="float32")
    return _fit(_in_time(soxr.resample(decoded, rate, sampling_rate), samples), len(samples))


def _in_time(decoded: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Undo the codec's delay: the lag where decoded and original agree best, within 100 ms at 48 kHz."""
    from scipy.signal import correlate

    if not np.any(decoded) or not np.any(original):
        return decoded
    lag = int(correlate(decoded, original, method="fft").argmax()) - (len(original) - 1)
    return decoded[lag:] if 0 < lag < 4800 else decoded


def _fit(samples: np.ndarray, num_samples: int) -> np.ndarray:
    return np.pad(samples[:num_samples], (0, max(0, num_samples - len(samples)))).astype(np.float32)
