"""Remote recordings for a worker: fetched a few ahead of the one that is decoded, and removed when it is done with."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from speccraft import store
from speccraft.remote.connection import AT_ONCE, NotAsListed, Object, fetch, fetch_part
from speccraft.remote.mirror import STAND_IN
from speccraft.remote.url import ending

AHEAD = 6
"""Recordings that wait, fetched, for the one that is decoded."""
AHEAD_BYTES = 256 << 20
"""Bytes that wait, at which no further one is fetched."""
SIGN_OF_LIFE_S = 30.0
HEAD_BYTES, WHOLE_BYTES = 128 << 10, 2 << 20
"""Where files with a header say how long they are; the others have to be read whole, if they are not larger than that."""
HEADED = frozenset({".wav", ".flac", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".sph"})


def is_here(path: Path) -> bool:
    """Whether a path holds a file itself, not a text that stands for an object."""
    try:
        with path.open("rb") as file:
            return file.read(len(STAND_IN)) != STAND_IN
    except OSError:
        return False


class Ahead:
    """Copies of objects in a scratch folder: each is taken once, in the order given, and exists only while it is used.

    Args:
        parent: where the scratch folder is made; what a killed process leaves in it is whoever's who cleans there.
    """

    def __init__(self, wanted: Mapping[Any, Object], parent: Path) -> None:
        self._waiting, self._parent = deque(wanted.items()), parent
        self._coming: dict[Hashable, tuple[int, Future[Path]]] = {}
        self._numbers = count()
        self._at_end = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if self._waiting:
            self._folder = self._at_end.enter_context(store.scratch_folder(self._parent))
            self._pool = self._at_end.enter_context(ThreadPoolExecutor(AHEAD))
            self._at_end.callback(self._pool.shutdown, cancel_futures=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._at_end.close()

    @contextlib.contextmanager
    def copy(self, key: Hashable, *, on_wait: Callable[[], None] = lambda: None) -> Iterator[Path]:
        """The copy of an object.

        Args:
            on_wait: called every half minute until it has come, so that nobody takes a slow line for a hanging decoder.

        Raises:
            NotAsListed: it is gone or changed.
            BadEnvironment: it cannot be fetched.
        """
        while key not in self._coming:
            self._send()
        _, coming = self._coming.pop(key)
        while self._waiting and len(self._coming) < AHEAD and sum(size for size, _ in self._coming.values()) < AHEAD_BYTES:
            self._send()
        while not wait([coming], timeout=SIGN_OF_LIFE_S).done:
            on_wait()
        path = coming.result()
        try:
            yield path
        finally:
            store.remove(path)

    def _send(self) -> None:
        key, wanted = self._waiting.popleft()
        target = self._folder / f"{next(self._numbers)}{ending(wanted.url.key)}"
        self._coming[key] = wanted.size, self._pool.submit(fetch, wanted, target)


@contextlib.contextmanager
def heads(objects: Sequence[Object]) -> Iterator[list[Path]]:
    """Files that begin as these objects do and are as long, the rest of them a hole; a file is not there where that would not say how long it is."""
    with tempfile.TemporaryDirectory(prefix="speccraft-") as name:
        folder = Path(name)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            beginnings = [(str(number), content) for number, content in enumerate(pool.map(_beginning, objects)) if content]
        store.write_many(folder, beginnings, durable=False)
        for file, _ in beginnings:
            os.truncate(folder / file, objects[int(file)].size)
        yield [folder / str(number) for number in range(len(objects))]


def _beginning(wanted: Object) -> bytes:
    """As much of an object as says how long it is; nothing where that would be too much."""
    enough = HEAD_BYTES if ending(wanted.url.key) in HEADED else WHOLE_BYTES
    if not wanted.size or (wanted.size > enough and enough == WHOLE_BYTES):
        return b""
    with contextlib.suppress(NotAsListed):
        return fetch_part(wanted, 0, min(enough, wanted.size))
    return b""
