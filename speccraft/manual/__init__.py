"""The job manual at work: demonstrations are made from it, and held against it."""

from __future__ import annotations

from .compile import Compiled, compile_manual
from .lint import Linted, lint

__all__ = ["Compiled", "Linted", "compile_manual", "lint"]
