"""The machine: cores that we may use, and the disk that a folder is on or would be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from speccraft.machine import free_bytes, memory_limits

SLACK = 2 << 30
"""Others write to the same disk while the tests run."""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes to cores")
def test_only_cores_that_the_process_may_use_are_counted() -> None:
    allowed = sorted(os.sched_getaffinity(0))
    code = "import os, sys; os.sched_setaffinity(0, map(int, sys.argv[1:])); from speccraft.machine import CORES; print(CORES)"
    for some in (allowed[:1], allowed):
        ran = subprocess.run([sys.executable, "-c", code, *map(str, some)], capture_output=True, text=True, check=True, timeout=60)
        assert int(ran.stdout) == len(some)


def test_a_system_without_affinity_counts_all_cores() -> None:
    code = "import os; del os.sched_getaffinity; os.cpu_count = lambda: {}; from speccraft.machine import CORES; print(CORES)"
    for counted, said in (("7", 7), ("None", 1)):
        ran = subprocess.run([sys.executable, "-c", code.format(counted)], capture_output=True, text=True, check=True, timeout=60)
        assert int(ran.stdout) == said


@pytest.mark.parametrize("name", [".", "not/yet/there", "dangling", "file", "file/below"])
def test_free_disk_is_that_of_the_nearest_folder_there_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "file").write_bytes(b"x")
    assert free_bytes(tmp_path / name) == pytest.approx(shutil.disk_usage(tmp_path).free, abs=SLACK)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second disk")
def test_another_disk_has_its_own_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {tmp_path: 7, Path("/dev/shm"): 8}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free[path]))
    assert [free_bytes(disk / "not/yet") for disk in free] == [7, 8]


def test_another_limit_of_memory_is_told_from_the_last() -> None:
    code = "import resource, sys; from speccraft.machine import memory_limits; {}; print(memory_limits())"
    lower = "resource.setrlimit(resource.RLIMIT_AS, (8 << 30, resource.RLIM_INFINITY))"
    commands = [[sys.executable, "-c", code.format(do)] for do in ("pass", lower)]
    same, other = (subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout for command in commands)
    assert same == f"{memory_limits()}\n"
    assert other != same


def test_a_relative_folder_starts_at_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert free_bytes(Path("not/yet")) == pytest.approx(shutil.disk_usage(tmp_path).free, abs=SLACK)
