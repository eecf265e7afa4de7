"""Keep transformers, TRL and their friends offline and quiet; called before any of them is imported."""

from __future__ import annotations

import os
import warnings

SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Nothing is fetched and nobody is told: recipes name local paths, and TRL would report its use."""


def go_offline() -> None:
    """Set the environment for this process and its workers, and silence progress bars and notices meant for developers."""
    os.environ.update(SETTINGS)
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.filterwarnings("ignore", module=r"(transformers|trl|accelerate|lhotse|torch\.utils\.data)\.")
    # of WavLM's attention, told in torch's name
    warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
