"""The installed packages whose versions decide the bytes of units and builds."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping
from functools import cache

from speccraft import __version__
from speccraft.ingest.rows import TtsUtterance, Utterance

SOUND = ("numpy", "scipy", "soundfile", "soxr", "webrtcvad-wheels")
"""What every recording goes through."""
CONTAINERS, ESPEAK, TTS = ("av",), ("espeakng-loader",), ("torch", "transformers")
"""What some go through besides: video and phone formats, and the two ways to speak."""
DETECTORS: Mapping[str, tuple[str, ...]] = {"webrtc": (), "energy": (), "silero": ("onnxruntime", "silero-vad"), "given": ()}
"""What finding speech needs besides, by `segmentation.detector`."""
LOUDNESS = ("pyloudnorm",)
"""What the loudness of BS.1770 is measured with."""
NOT_INSTALLED = "none"


def speaking(said: Iterable[Utterance | TtsUtterance | None]) -> tuple[str, ...]:
    """The packages that speak these."""
    kinds = {type(say) for say in said}
    return (*(ESPEAK if Utterance in kinds else ()), *(TTS if TtsUtterance in kinds else ()))


@cache
def version_of(name: str) -> str:
    """The installed version of a package, or that there is none."""
    try:
        return __version__ if name == "speccraft" else importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return NOT_INSTALLED


def versions_of(names: Iterable[str]) -> dict[str, str]:
    """The installed version of each package."""
    return {name: version_of(name) for name in names}
