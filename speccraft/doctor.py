"""Is this machine ready: what speccraft needs here, each tried rather than looked up."""

from __future__ import annotations

import importlib.metadata
import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from speccraft import store
from speccraft.errors import SpeccraftError
from speccraft.machine import CORES, free_bytes, memory_limits

LITTLE_DISK_GB, LITTLE_MEMORY_GB = 5.0, 4.0
"""Below these the demo still runs, and little else does."""
ENCODINGS = (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS"))


@dataclass(frozen=True)
class Condition:
    """One thing that was tried: `ok`, a `note` that something optional is missing, or an `error` without which nothing works."""

    what: str
    state: Literal["ok", "note", "error"]
    message: str
    try_this: str = ""


def examine(workspace: Path) -> Iterator[Condition]:
    """Try everything, one after the other.

    Args:
        workspace: where builds and runs are to live; only a lock file stays in it.
    """
    for check in CHECKS:
        yield from check(workspace)


def _machine(workspace: Path) -> Iterator[Condition]:
    gb = min(int(limit) for limit in _memory_bytes()) / 2**30
    few = gb < LITTLE_MEMORY_GB
    yield Condition("cores", "ok", f"{CORES} that this process may use")
    yield Condition("memory", "note" if few else "ok", f"{gb:.1f} GiB", f"{LITTLE_MEMORY_GB:g} GiB and more; --workers 1 takes the least" if few else "")


def _memory_bytes() -> list[int]:
    page, unlimited = os.sysconf("SC_PAGE_SIZE"), 1 << 62
    soft, hard, pages, *group = memory_limits()
    bounds = [int(pages) * page, *(int(one) for one in (soft, hard, *group) if str(one).isdigit())]
    return [bound for bound in bounds if 0 < bound < unlimited]


def _disk(workspace: Path) -> Iterator[Condition]:
    gb = free_bytes(workspace) / 2**30
    little = gb < LITTLE_DISK_GB
    yield Condition("disk", "note" if little else "ok", f"{gb:.1f} GiB free for {workspace}", "another --workspace, or `speccraft gc`" if little else "")
    try:
        with store.locked(workspace), store.scratch_folder(workspace) as scratch:
            store.write_bytes(scratch / "tried", b"speccraft")
    except SpeccraftError as error:
        yield Condition("workspace", "error", error.message, error.try_this or "another --workspace")
    else:
        yield Condition("workspace", "ok", f"{workspace} can be locked and written")


def _packages(workspace: Path) -> Iterator[Condition]:
    """What pip was told to install with speccraft, and what came of it; extras are notes."""
    extras: dict[str, list[str]] = {}
    for needed in importlib.metadata.requires("speccraft") or ():
        name = re.split(r"[^A-Za-z0-9_.-]", needed, maxsplit=1)[0]
        found = re.search(r"extra == ['\"]([^'\"]+)['\"]", needed)
        if name != "speccraft" and not _version(name):
            extras.setdefault(found[1] if found else "", []).append(name)
    missing = extras.pop("", [])
    yield Condition("packages", "error" if missing else "ok", _listed(missing) or "complete", "pip install speccraft" if missing else "")
    for extra, names in sorted(extras.items()):
        if extra != "dev":
            yield Condition(f"extra {extra}", "note", _listed(names), f"pip install 'speccraft[{extra}]', if it is needed")


def _listed(missing: Sequence[str]) -> str:
    return f"missing: {', '.join(missing)}" if missing else ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _sound(workspace: Path) -> Iterator[Condition]:
    import numpy as np
    import soundfile

    samples, broken = np.sin(np.arange(8000) / 5).astype(np.float32) / 2, []
    for format, subtype in ENCODINGS:
        try:
            soundfile.write(buffer := io.BytesIO(), samples, 16000, format=format, subtype=subtype)
            buffer.seek(0)
            soundfile.read(buffer)
        except (soundfile.LibsndfileError, ValueError) as error:
            broken.append(f"{format} {subtype}: {error}")
    if broken:
        yield Condition("audio", "error", "; ".join(broken), "pip install --force-reinstall soundfile; libsndfile reads and writes MP3 from 1.1 on")
    else:
        yield Condition("audio", "ok", f"libsndfile {soundfile.__libsndfile_version__} reads and writes WAV, FLAC, MP3 and Opus")


def _voices(workspace: Path) -> Iterator[Condition]:
    from speccraft.sound.espeak import speak

    try:
        samples, rate = speak("ready", voice="en", words_per_minute=160, pitch=50)
    except SpeccraftError as error:
        yield Condition("espeak-ng", "note", error.message, f"{error.try_this or 'install espeak-ng'}; only synthetic voices and the demo need it")
    else:
        yield Condition("espeak-ng", "ok", f"says a word ({len(samples) / rate:.1f} s)")


def _accelerator(workspace: Path) -> Iterator[Condition]:
    import torch

    cards = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    told = f"torch {torch.__version__}, " + (", ".join(cards) if cards else "no GPU: recipe tiny-cpu trains in minutes here, the others want one")
    yield Condition("training", "ok" if cards else "note", told)


CHECKS: Sequence[Callable[[Path], Iterator[Condition]]] = (_machine, _disk, _packages, _sound, _voices, _accelerator)
"""What is tried, in order; a new one is a function and an entry."""
