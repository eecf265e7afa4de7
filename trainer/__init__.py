"""The GPU side: a recipe and a build in, a checkpoint and answers out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .generate import load_run
    from .model import SpeechLMForConditionalGeneration as SpeechLM

__all__ = ["SpeechLM", "load_run"]

_WHERE = {"SpeechLM": ("model", "SpeechLMForConditionalGeneration"), "load_run": ("generate", "load_run")}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: torch and transformers take seconds."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _WHERE[name]
    return getattr(import_module(f".{module}", __name__), attribute)
