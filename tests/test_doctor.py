"""The doctor tries what is needed, says what to do, and ends with 6 where nothing can work."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from speccraft import doctor
from speccraft.doctor import Condition, examine

pytest.importorskip("espeakng_loader")


def states(workspace: Path) -> dict[str, Condition]:
    return {condition.what: condition for condition in examine(workspace)}


@pytest.mark.slow
def test_a_machine_with_everything_is_ready_and_only_a_lock_stays(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "from speccraft.cli import main; main()", "doctor", "--json", "--workspace", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["ok"], told["counts"]) == (0, True, {"checks": len(told["findings"]), "errors": 0})
    assert {one["what"]: one["severity"] for one in told["findings"]}["espeak-ng"] == "ok"
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_workspace_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert states(tmp_path / "work")["workspace"].state == "error"


def test_a_file_where_the_workspace_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("no folder")
    [found] = [one for one in doctor._disk(tmp_path / "work") if one.what == "workspace"]
    assert found.state == "error"
    assert found.try_this


def test_a_missing_package_is_an_error_and_a_missing_extra_a_note_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["numpy>=1.26", "no-such-package>=1", "nowhere-to-be-found>=2; extra == 'train'", "mypy; extra == 'dev'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: asked)
    found = {one.what: one for one in doctor._packages(tmp_path)}
    assert (found["packages"].state, found["packages"].message) == ("error", "missing: no-such-package")
    assert (found["extra train"].state, found["extra train"].try_this) == ("note", "pip install 'speccraft[train]', if it is needed")
    assert set(found) == {"packages", "extra train"}


def test_a_sound_library_that_cannot_read_mp3_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(file: object, data: object, rate: int, *, format: str, subtype: str) -> None:
        if format == "MP3":
            raise ValueError("Unknown format: 'MP3'")
        real(file, data, rate, format=format, subtype=subtype)

    real = soundfile.write
    monkeypatch.setattr(soundfile, "write", write)
    [found] = doctor._sound(tmp_path)
    assert found.state == "error"
    assert "MP3" in found.message
    assert "FLAC" not in found.message
