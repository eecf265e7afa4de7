"""Where copies of what is remote lie on this machine; all of it may be removed at any time."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`speccraft` in the user's cache folder, which `XDG_CACHE_HOME` names."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "speccraft"
