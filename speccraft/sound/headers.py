"""How long audio files say they are: headers read in a process that may die, so that nothing is decoded and nobody waits.

Run as a module it says that it is ready, then reads one path a line (JSON) and answers one number a line (seconds, or null).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from select import select

from speccraft.errors import BadEnvironment

LONGEST_WAIT_S = 5.0
"""A header that takes longer is given up; a 30-hour MP3 without an index takes that long."""
READER_MEMORY_BYTES = 2 << 30


def header_seconds(paths: Iterable[Path]) -> Iterator[float | None]:
    """Seconds that each file states, in order; None where it states none, cannot be read, or ends the reader.

    Raises:
        BadEnvironment: no reader can be started.
    """
    reader: subprocess.Popen[bytes] | None = None
    try:
        for path in paths:
            if reader is None:
                reader = _start()
            answer = _ask(reader, path)
            if answer is None:
                _end(reader)
                reader = None
            yield json.loads(answer) if answer else None
    finally:
        if reader is not None:
            _end(reader)


def _start() -> subprocess.Popen[bytes]:
    # -P: whatever lies in the working directory, a `json.py` among somebody's recordings too, is not imported.
    command = [sys.executable, "-P", "-m", "speccraft.sound.headers"]
    reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert reader.stdout is not None
    # Its imports may be slow, and are not counted as the first file's time.
    if not reader.stdout.readline():
        _end(reader)
        raise BadEnvironment("the process that reads audio headers does not start", try_this=f"{' '.join(command)} says why")
    return reader


def _ask(reader: subprocess.Popen[bytes], path: Path) -> bytes | None:
    """The reader's line about one file; None where it died or hangs."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        reader.stdin.write(json.dumps(os.fspath(path)).encode() + b"\n")
        reader.stdin.flush()
    ready, _, _ = select([reader.stdout], [], [], LONGEST_WAIT_S)
    return (reader.stdout.readline() or None) if ready else None


def _end(reader: subprocess.Popen[bytes]) -> None:
    reader.kill()
    reader.communicate()


def _answer() -> None:
    import resource

    from speccraft.sound.decode import stated_seconds

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (READER_MEMORY_BYTES if most == resource.RLIM_INFINITY else min(READER_MEMORY_BYTES, most), most))
    print("ready", flush=True)
    for line in sys.stdin:
        seconds = None
        # TypeError: soundfile's answer to a headerless `.raw`.
        with contextlib.suppress(OSError, ValueError, TypeError, MemoryError):
            path = Path(os.fsdecode(json.loads(line)))
            # A pipe or device would wait for ever.
            if path.is_file():
                seconds = stated_seconds(path)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    _answer()
