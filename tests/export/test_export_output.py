"""What a format writes into: a full disk leaves nothing behind, and a line is a line for every reader."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from export_world import exported
from hypothesis import given
from hypothesis import strategies as st

from speccraft import store
from speccraft.errors import BadEnvironment
from speccraft.export.output import _line
from speccraft.export.run import FORMATS
from speccraft.store import Artefact
from speccraft.verify import strict_json


@pytest.mark.parametrize("to", FORMATS)
def test_a_full_disk_says_so_and_leaves_no_export(build: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "disk", replace(store.disk, sync=full))
    with pytest.raises(BadEnvironment, match="No space left"):
        exported(build, tmp_path / "out", to)
    assert list((tmp_path / "out").iterdir()) == []


@given(st.text())
def test_any_text_is_one_line_of_strict_json_that_says_the_same(text: str) -> None:
    line = _line({"text": text})
    assert len(line.decode().splitlines()) == 1
    assert strict_json(line) == {"text": text}
