"""Mirrors of remote prefixes, for readers of local files: small texts stand for what has not been fetched, such as all audio.

A mirror costs one listing. What readers read is fetched when a source is opened; audio only by the worker that decodes it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speccraft import store
from speccraft.errors import Locked, UnreadableInput
from speccraft.remote.connection import AT_ONCE, NotAsListed, Object, fetch, listing
from speccraft.remote.home import cache_folder
from speccraft.remote.url import Url, ending, fault_in, key_fault, same_file_names, url_of

AUDIO = frozenset({
    ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".asf", ".au", ".caf", ".flac", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4",
    ".mpga", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".sph", ".w64", ".wav", ".weba", ".webm", ".wma", ".wv",
})  # fmt: skip
"""Endings of what is fetched only to be decoded."""
STAND_IN = b"speccraft-remote 1\n"
"""How a text begins that stands for an object."""
MOST_NAMED = 5
INDEX = "index.jsonl"
LONGEST_WAIT_S = 600
"""So long a command waits for another that lists or fetches into the same mirror."""
Progress = Callable[[str, int, int], None]


@dataclass
class Mirror:
    """A remote prefix and the folder that mirrors it; `fetched` are the keys of which the content is here, `refused` those that cannot be files.

    `noted` is what the index was known by when this process last read or wrote it.
    """

    root: Url
    folder: Path
    objects: dict[str, Object]
    refused: dict[str, str]
    fetched: set[str]
    noted: tuple[int, ...] = ()

    def bring(self, path: Path, on_progress: Progress) -> None:
        """Fetch everything at or below a path of the mirror that is not audio.

        Raises:
            UnreadableInput: a key there cannot be a file, or changes while it is fetched.
            BadEnvironment: it cannot be fetched.
            Locked: another command does not end with it.
        """
        here = path.relative_to(self.folder).as_posix()
        below = (lambda key: True) if here == "." else (lambda key: key == here or key.startswith(f"{here}/"))
        if refused := sorted(key for key in self.refused if below(key)):
            more = f", and {len(refused) - MOST_NAMED} more" if len(refused) > MOST_NAMED else ""
            raise UnreadableInput(
                f"{self.root}: keys that cannot be files: " + "; ".join(f"{key!a} ({self.refused[key]})" for key in refused[:MOST_NAMED]) + more,
                try_this="rename these objects, or name a prefix without them",
            )
        if any(key not in self.fetched and ending(key) not in AUDIO and below(key) for key in self.objects):
            with _held(self.root, self.folder.parent, on_progress), contextlib.ExitStack() as at_end:
                self.need_same()
                wanted = [key for key in self.objects if key not in self.fetched and ending(key) not in AUDIO and below(key)]
                at_end.callback(self._note)
                self._fetch(wanted, on_progress)

    def need_same(self) -> None:
        """Whoever has read files of the mirror asks whether another command made other files of them meanwhile; what it fetched besides is taken over.

        Raises:
            UnreadableInput: it did, because the objects changed.
        """
        home = self.folder.parent
        if (now := _signature(home)) == self.noted:
            return
        there = _index(home)
        if there.keys() != self.objects.keys() or any(there[key][0] != one.tag for key, one in self.objects.items()):
            what = f"{self.root}: objects changed, and another command mirrored them while this one read them"
            raise UnreadableInput(what, try_this="run the command again when nobody writes there")
        self.fetched |= {key for key, (_, _, fetched) in there.items() if fetched}
        self.noted = now

    def _fetch(self, wanted: list[str], on_progress: Progress) -> None:
        done, total = 0, sum(self.objects[key].size for key in wanted)
        on_progress("fetch", 0, total)
        with store.scratch_folder(self.folder.parent) as scratch, ThreadPoolExecutor(AT_ONCE) as pool:
            coming = [(key, pool.submit(_fetched, self.objects[key], scratch / str(number))) for number, key in enumerate(wanted)]
            try:
                for key, future in coming:
                    store.place(future.result(), self.folder / key)
                    self.fetched.add(key)
                    on_progress("fetch", done := done + self.objects[key].size, total)
            finally:
                pool.shutdown(cancel_futures=True)

    def _note(self) -> None:
        store.write_bytes(self.folder.parent / INDEX, store.json_lines(_noted(self)))
        self.noted = _signature(self.folder.parent)


@dataclass(frozen=True)
class Mirrors:
    """The mirrors that a scenario reads from."""

    of: Mapping[Url, Mirror] = field(default_factory=dict)
    on_progress: Progress = lambda *_: None

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that mirror something."""
        return tuple(mirror.folder for mirror in self.of.values())

    def path_of(self, written: str | Path) -> Path | None:
        """Where an address is mirrored; None where it is no address, or lies in no mirror."""
        for root, mirror in self.of.items():
            if (url := _url_in(written)) is not None and (rest := url.below(root)) is not None:
                return mirror.folder / rest
        return None

    def bring(self, path: Path) -> None:
        """Fetch what a reader needs at a path, where it lies in a mirror."""
        if (mirror := self._around(path)) is not None:
            mirror.bring(path, self.on_progress)

    def need_same(self) -> None:
        """See `Mirror.need_same`; for every mirror."""
        for mirror in self.of.values():
            mirror.need_same()

    def object_at(self, path: Path) -> Object | None:
        """The object that a path mirrors."""
        mirror = self._around(path)
        return None if mirror is None else mirror.objects.get(path.relative_to(mirror.folder).as_posix())

    def name_of(self, path: Path) -> Path | Url:
        """A path as people know it: the address, where it mirrors one."""
        mirror = self._around(path)
        return path if mirror is None else mirror.root / ("" if path == mirror.folder else path.relative_to(mirror.folder).as_posix())

    def _around(self, path: Path) -> Mirror | None:
        return next((mirror for mirror in self.of.values() if path.is_relative_to(mirror.folder)), None)


def mirrors_for(prefixes: Iterable[Url], paths: Iterable[Url], on_progress: Progress) -> Mirrors:
    """Mirrors of some prefixes, and of what some paths mean that lie in none of them: a prefix, or an object with what lies beside it.

    Raises:
        UnreadableInput: nothing is at an address.
        MissingExtra: a package is not installed.
        BadEnvironment: it cannot be listed.
        Locked: another command does not end with it.
    """
    found: dict[Url, Mirror] = {}
    for url in (*sorted(set(prefixes), key=lambda one: len(one.key)), *paths):
        if all(url.below(root) is None for root in found):
            root, objects = _folder_of(url)
            found[root] = _mirror(root, objects, on_progress)
    return Mirrors(found, on_progress)


def _folder_of(url: Url) -> tuple[Url, dict[str, Object]]:
    objects = listing(url)
    return (url, objects) if "" not in objects else (url.parent, listing(url.parent))


def _url_in(written: str | Path) -> Url | None:
    return None if fault_in(str(written)) else url_of(written)


@contextlib.contextmanager
def _held(root: Url, home: Path, on_progress: Progress) -> Iterator[None]:
    """Hold a mirror for one writing process; another is waited for, and that is told."""
    waiting = False

    def tell() -> None:
        nonlocal waiting
        if not waiting:
            on_progress("wait for another command here, at most s", LONGEST_WAIT_S, LONGEST_WAIT_S)
        waiting = True

    with contextlib.ExitStack() as lock:
        try:
            lock.enter_context(store.locked(home, patience_s=LONGEST_WAIT_S, on_wait=tell))
        except Locked as error:
            what = f"{root}: another speccraft process has listed or fetched it for {LONGEST_WAIT_S} s: {error.message}"
            raise Locked(what, try_this="wait for it to end, or let XDG_CACHE_HOME name another folder") from error
        yield


def _mirror(root: Url, listed: Mapping[str, Object], on_progress: Progress) -> Mirror:
    """Bring a mirror up to date with a listing."""
    home = cache_folder() / "sources" / root.digest
    refused = dict(_refused(listed))
    objects = {key: one for key, one in sorted(listed.items()) if key not in refused}
    mirror = Mirror(root, (home / "files").resolve(), objects, refused, set())
    with _held(root, home, on_progress):
        store.sweep(home)
        mirror.noted = _signature(home)
        before, there = _index(home), dict(_files_in(mirror.folder))
        gone = there.keys() - objects.keys()
        as_noted = {key for key, one in objects.items() if key in there and key in before and before[key][:2] == (one.tag, there[key])}
        mirror.fetched |= {key for key in as_noted if before[key][2]}
        stale = [key for key in objects if key not in as_noted]
        if stale or gone or before.keys() != objects.keys():
            # First: whoever still reads the files knows from it that they became others. After a crash from here on, what is not as it says is written again.
            mirror._note()
            for key in gone:
                store.remove(mirror.folder / key)
            for key in stale:
                if key not in there and (mirror.folder / key).is_dir():
                    store.remove(mirror.folder / key)  # what lay below it is gone
            store.write_many(mirror.folder, ((key, _stand_in(objects[key])) for key in stale), durable=False)
    return mirror


def _refused(listed: Mapping[str, Object]) -> Iterator[tuple[str, str]]:
    """Keys that cannot be files beside the others, and why."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    folders = {key[:at] for key in listed for at in range(len(key)) if key[at] == "/"}
    for key in listed:
        if fault := key_fault(key):
            yield key, fault
        elif key in folders:
            yield key, "others lie below it as if it were a folder"
        else:
            alike[same_file_names(key)].append(key)
    for keys in alike.values():
        if len(keys) > 1:
            yield from ((key, "another differs from it only in letter case or composed characters") for key in keys)


def _stand_in(one: Object) -> bytes:
    return STAND_IN + json.dumps({"url": str(one.url), "size": one.size, "tag": one.tag}, ensure_ascii=False).encode() + b"\n"


def _noted(mirror: Mirror) -> Iterator[dict[str, Any]]:
    for key, one in mirror.objects.items():
        fetched = key in mirror.fetched
        yield {"key": key, "tag": one.tag, "bytes": one.size if fetched else len(_stand_in(one)), "fetched": fetched}


def _index(home: Path) -> dict[str, tuple[str, int, bool]]:
    """What the last run noted of each key: its tag, the size of its file here, and whether that is the content; nothing where the note is damaged."""
    try:
        with (home / INDEX).open("rb") as file:
            return {row["key"]: (row["tag"], row["bytes"], row["fetched"]) for row in map(json.loads, file)}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _signature(home: Path) -> tuple[int, ...]:
    """What the index is known by without a look into it; nothing where there is none."""
    try:
        status = (home / INDEX).stat()
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _files_in(folder: Path) -> Iterator[tuple[str, int]]:
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            yield path.relative_to(folder).as_posix(), path.lstat().st_size


def _fetched(one: Object, target: Path) -> Path:
    try:
        fetch(one, target)
    except NotAsListed as error:
        raise UnreadableInput(f"{one.url}: {error}", try_this="run the command again when nobody writes there") from error
    return target
