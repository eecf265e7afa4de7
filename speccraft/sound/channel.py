"""What lies between microphone and model: telephone band and mu-law, Opus, MP3."""

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr

from speccraft.scenario.environment import Channel, CodedChannel, TelephoneChannel

OPUS_BITS = (6_000, 256_000)
"""Range of bit/s that libsndfile maps its compression level 1..0 to for mono Opus (ogg_opus.c)."""
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)


def through_channel(samples: np.ndarray, channel: Channel, sampling_rate: int) -> np.ndarray:
    """Send samples through a channel and back.

    Args:
        samples: float32 of shape (num_samples,).

    Returns:
        float32 of the same shape, in time with the input.
    """
    if isinstance(channel, TelephoneChannel):
        return _telephone(samples, sampling_rate)
    if isinstance(channel, CodedChannel):
        return _coded(samples, channel, sampling_rate)
    return samples


def _telephone(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    from audiomentations import BandPassFilter

    narrow = soxr.resample(samples, sampling_rate, 8000)
    low, high = 300.0, 3400.0
    centre, width = (low + high) / 2, (high - low) / ((low + high) / 2)
    band = BandPassFilter(
        min_center_freq=centre,
        max_center_freq=centre,
        min_bandwidth_fraction=width,
        max_bandwidth_fraction=width,
        min_rolloff=12,
        max_rolloff=12,
        zero_phase=True,
        p=1.0,
    )
    # The filter runs forwards and backwards and wants more than nine samples.
    longer = np.pad(narrow, (0, max(0, 16 - len(narrow)))).astype(np.float32)
    filtered = np.clip(band(samples=longer, sample_rate=8000), -1, 1)
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
