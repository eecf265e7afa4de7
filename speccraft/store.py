"""Commit records, atomic writes and locks: the only module that writes to a workspace."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from speccraft import __version__
from speccraft.digests import canonical_json as canonical_json
from speccraft.digests import digest_of as digest_of
from speccraft.digests import json_lines as json_lines
from speccraft.digests import key_of as key_of
from speccraft.digests import rows_in as rows_in
from speccraft.digests import sha256_of as sha256_of
from speccraft.errors import BadEnvironment, BrokenIntegrity, Locked, UnreadableInput
from speccraft.journal import last_logged as last_logged
from speccraft.journal import logged as logged
from speccraft.record import KINDS as KINDS
from speccraft.record import Artefact as Artefact
from speccraft.record import FileEntry as FileEntry
from speccraft.record import Parent as Parent
from speccraft.record import Record as Record

SCRATCH = ".scratch-"
"""What the names of folders begin with that are not committed yet, or not wholly removed."""
KEYS, NEEDS = "cache/keys", "cache/needs"
"""Notes of a workspace: which artefact work with a key ended in, and which cached units an artefact was made of."""
LOCK, LONGEST_HOLDER, LOOK_AGAIN_S = ".lock", 500, 0.2
"""The file that the holder of a workspace locks, how many bytes about the holder are read from it, and how often whoever waits looks again."""
SYNCS_AT_ONCE = 16


@dataclass(frozen=True)
class Disk:
    """What the store does to the file system, each operation in one place: the seam where a test lets any of them fail."""

    open: Callable[..., Any] = Path.open
    sync: Callable[[int], None] = os.fsync
    rename: Callable[[Path, Path], Any] = Path.replace
    make_folder: Callable[..., None] = Path.mkdir
    remove_file: Callable[..., None] = Path.unlink
    remove_folder: Callable[..., Any] = shutil.rmtree


disk = Disk()
"""The disk that everything below writes to."""


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file for writing; it appears under its name only when it is whole and on disk."""
    scratch = path.with_name(f".{os.getpid()}.tmp")
    try:
        disk.make_folder(path.parent, parents=True, exist_ok=True)
        disk.remove_file(scratch, missing_ok=True)
        # "x" and not "w", which would write through a link that somebody left under this name.
        with disk.open(scratch, "xb") as file:
            yield file
            file.flush()
            disk.sync(file.fileno())
        disk.rename(scratch, path)
        _sync(path.parent)
    except OSError as error:
        raise BadEnvironment(f"{path}: cannot write: {error.strerror or error}", try_this="check free space and permissions of the workspace") from error
    finally:
        with contextlib.suppress(OSError):
            disk.remove_file(scratch)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with new_file(path) as file:
        file.write(content)


def write_many(folder: Path, files: Iterable[tuple[str, bytes]], *, durable: bool = True) -> None:
    """Write many small files into a folder that is not committed yet, and sync them together, unless they can be made again.

    A reader sees none of them before the commit, so none has to appear whole. On a busy ext4 disk `write_bytes` took 6 ms a file,
    one sync after another 4 ms, and many at once, which the file system's journal takes together, 1 ms.
    """
    from concurrent.futures import ThreadPoolExecutor

    written = []
    try:
        for name, content in files:
            path = folder / name
            disk.make_folder(path.parent, parents=True, exist_ok=True)
            with disk.open(path, "wb") as file:
                file.write(content)
            written.append(path)
        if durable:
            with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:
                list(pool.map(_sync, written))
    except OSError as error:
        raise BadEnvironment(f"{folder}: cannot write: {error.strerror or error}", try_this="check free space and permissions of the workspace") from error


def place(scratch: Path, final: Path) -> None:
    """Move a finished scratch file or folder to its final place, once all of it is on disk."""
    try:
        for path in (scratch, *scratch.rglob("*")):
            _sync(path)
        disk.make_folder(final.parent, parents=True, exist_ok=True)
        disk.rename(scratch, final)
        _sync(final.parent)
    except OSError as error:
        raise BadEnvironment(f"{final}: cannot write: {error.strerror or error}", try_this="check free space and permissions") from error


def append_line(path: Path, row: Mapping[str, Any]) -> None:
    """Append one JSON line to a file that is not part of a committed folder."""
    try:
        disk.make_folder(path.parent, parents=True, exist_ok=True)
        with disk.open(path, "ab+") as file:
            # A line that a crash or a full disk cut off must not take this one with it.
            file.seek(max(0, file.tell() - 1))
            cut_off = file.read(1) not in (b"", b"\n")
            file.write(b"\n" * cut_off + json_lines([dict(row)]))
    except OSError as error:
        raise BadEnvironment(f"{path}: cannot write: {error.strerror}", try_this="check free space and permissions of the workspace") from error


def append_after(path: Path, line: bytes, *, size: int) -> bool:
    """Append a line to a file and wait for the disk, but only where the file still has `size` bytes: whoever was faster is not written over.

    Returns:
        Whether it was appended; False where the file has another size by now, and what was to be appended has to be thought over.
    """
    import fcntl

    try:
        disk.make_folder(path.parent, parents=True, exist_ok=True)
        with disk.open(path, "ab") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_size != size:
                return False
            file.write(line)
            file.flush()
            disk.sync(file.fileno())
        _sync(path.parent)
    except OSError as error:
        raise BadEnvironment(f"{path}: cannot write: {error.strerror}", try_this="check free space and permissions") from error
    return True


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder beside its final place, removed at the end unless it was committed; every thread may hold one."""
    # The main thread's number is that of the process, and no other thread of the machine has it.
    folder = parent / f"{SCRATCH}{threading.get_native_id()}"
    try:
        disk.remove_folder(folder, ignore_errors=True)
        disk.make_folder(folder, parents=True)
    except OSError as error:
        raise BadEnvironment(f"{parent}: cannot write here: {error.strerror or error}", try_this="name another --workspace") from error
    try:
        yield folder
    finally:
        disk.remove_folder(folder, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove the scratch folders that killed processes left behind; only for the holder of the workspace's lock."""
    for folder in parent.glob(f"{SCRATCH}*"):
        disk.remove_folder(folder, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a file, or a folder in such a way that no half of it can ever be seen under its name.

    Raises:
        BadEnvironment: it cannot be removed.
    """
    try:
        if path.is_symlink() or not path.is_dir():
            disk.remove_file(path, missing_ok=True)
            return
        if not path.name.startswith(SCRATCH):
            disk.rename(path, path := path.with_name(f"{SCRATCH}{os.getpid()}-{path.name}"))
        disk.remove_folder(path, ignore_errors=True)
    except OSError as error:
        raise BadEnvironment(f"{path}: cannot be removed: {error.strerror or error}", try_this="check the permissions of the workspace") from error


def commit(
    scratch: Path,
    final: Path,
    *,
    kind: str,
    name: str,
    id: str = "",
    derives_from: Sequence[Parent] = (),
    info: Mapping[str, Any] | None = None,
    counts: Mapping[str, int] | None = None,
) -> Artefact:
    """Seal a finished folder: list and hash its files, write the record last, rename into place.

    With an empty `id` the artefact is named by the digest of its content, and `final` is the folder it goes into.
    Committing the same content twice returns the artefact that is already there.
    """
    files = tuple(
        FileEntry(path=relative, bytes=path.stat().st_size, sha256=sha256_of(path), count=(counts or {}).get(relative))
        for relative, path in sorted((p.relative_to(scratch).as_posix(), p) for p in scratch.rglob("*") if p.is_file())
    )
    parents = [parent.model_dump() for parent in derives_from]
    content = {
        "kind": kind,
        "name": name,
        "info": dict(info or {}),
        "files": [file.model_dump() for file in files],
        "version": __version__,
        "derives_from": parents,
    }
    if not id:
        id = digest_of(content)[:16]
        final = final / id
    record = Record(kind=kind, name=name, id=id, version=__version__, derives_from=tuple(derives_from), info=dict(info or {}), files=files)
    write_bytes(scratch / KINDS[kind].record, canonical_json(record.model_dump(mode="json")))
    try:
        for folder in {path.parent for path in scratch.rglob("*")}:
            _sync(folder)
        disk.rename(scratch, final)
    except OSError as error:
        if not (final / KINDS[kind].record).exists():
            raise BadEnvironment(
                f"{final}: cannot be committed: {error.strerror}", try_this="remove that folder if it is there and holds nothing of yours"
            ) from error
    try:
        _sync(final.parent)
    except OSError as error:
        raise BadEnvironment(f"{final}: is committed, but the disk does not confirm it: {error.strerror}", try_this="check the disk") from error
    return open_artefact(final, kind)


def open_artefact(folder: Path, kind: str) -> Artefact:
    """Read a commit record; the files themselves are checked by `check_files` or `verify`.

    Raises:
        UnreadableInput: there is no commit record.
        BrokenIntegrity: the record is damaged or of another kind.
    """
    path = folder / KINDS[kind].record
    try:
        content = path.read_bytes()
    except OSError as error:
        others = [f"a {name}" for name, other in KINDS.items() if (folder / other.record).is_file()]
        reason = f"it is {others[0]}" if others else f"{path.name}: {error.strerror}"
        raise UnreadableInput(
            f"{folder}: not a committed {kind} ({reason})", try_this=f"name a {kind}'s folder, or a scenario for its current {kind}"
        ) from error
    try:
        record = Record.model_validate_json(content)
    except ValidationError as error:
        raise BrokenIntegrity(
            f"{path}: the commit record is damaged (problems: {error.error_count()})", try_this=f"remove {folder} and run the command that made it again"
        ) from error
    if record.kind != kind:
        raise BrokenIntegrity(f"{path}: is the record of a {record.kind}, not of a {kind}")
    return Artefact(folder, record, hashlib.sha256(content).hexdigest())


def check_files(artefact: Artefact, *, prefix: str = "") -> None:
    """Check presence, size and SHA-256 of an artefact's files before they are used.

    Raises:
        BrokenIntegrity: a file is missing, is not what the record says, or is not in the record.
    """
    listed = {KINDS[artefact.record.kind].record, *(entry.path for entry in artefact.record.files)}
    for found in artefact.path.rglob("*"):
        # A reader that lists folders would take a shard too many for one of the artefact's.
        if (name := found.relative_to(artefact.path).as_posix()).startswith(prefix) and name not in listed and (found.is_symlink() or not found.is_dir()):
            raise BrokenIntegrity(f"{found}: is not in {KINDS[artefact.record.kind].record}", try_this=f"speccraft verify {artefact.path}")
    for entry in artefact.record.files:
        if not entry.path.startswith(prefix):
            continue
        path = artefact.path / entry.path
        if not path.is_file() or path.stat().st_size != entry.bytes or sha256_of(path) != entry.sha256:
            raise BrokenIntegrity(f"{path}: differs from {KINDS[artefact.record.kind].record}", try_this=f"speccraft verify {artefact.path}")


def is_whole(folder: Path, kind: str) -> bool:
    """Whether a folder of the cache is committed and every byte is as recorded; a damaged one is removed, to be made again."""
    if not folder.exists():
        return False
    try:
        check_files(open_artefact(folder, kind))
    except (BrokenIntegrity, UnreadableInput):
        disk.remove_folder(folder, ignore_errors=True)
        return False
    return True


def set_current(workspace: Path, artefact: Artefact) -> None:
    """Point `<kind>/<name>/current` at a committed artefact."""
    write_bytes(_current(workspace, artefact.record.kind, artefact.record.name), f"{artefact.record.id}\n".encode())


def current(workspace: Path, kind: str, name: str) -> Artefact | None:
    """The newest committed artefact of a kind and name, or None."""
    pointer = _current(workspace, kind, name)
    if not pointer.exists():
        return None
    return open_artefact(pointer.parent / pointer.read_text().strip(), kind)


def remember(workspace: Path, key: str, artefact: Artefact, *, units: Sequence[str] = ()) -> None:
    """Note that work with this key ended in this artefact, and the cached units it took. Keys may hold paths and times, so they stay out of commit records."""
    write_bytes(workspace / NEEDS / artefact.record.id, "".join(f"{unit}\n" for unit in units).encode())
    write_bytes(workspace / KEYS / key, f"{artefact.record.id}\n".encode())


def recall(workspace: Path, key: str, kind: str, name: str) -> Artefact | None:
    """The committed artefact that work with this key ended in, or None."""
    note = workspace / KEYS / key
    if not note.exists():
        return None
    folder = workspace / KINDS[kind].folder / name / note.read_text().strip()
    return open_artefact(folder, kind) if folder.is_dir() else None


def forget(workspace: Path, units: Collection[str]) -> None:
    """Remove cached units, and before them the notes about what was made of them: work that needs one of them is then done again."""
    made = {note.name for note in (workspace / NEEDS).glob("*") if not set(note.read_text(errors="replace").split()).isdisjoint(units)}
    for note in (workspace / KEYS).glob("*"):
        if note.read_text(errors="replace").strip() in made:
            remove(note)
    for unit in units:
        if (folder := workspace / KINDS["unit"].folder / unit).exists():
            remove(folder)


@contextlib.contextmanager
def locked(workspace: Path, *, patience_s: float = 0.0, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the workspace for one writing process; the kernel frees it when the process dies.

    Args:
        patience_s: so long another process is waited for.
        on_wait: told, again and again, that it is.

    Raises:
        Locked: another process holds it.
        BadEnvironment: nothing can be written there.
    """
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        lock = os.open(workspace / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise BadEnvironment(f"{workspace}: cannot write here: {error.strerror}", try_this="name another --workspace") from error
    try:
        deadline = time.monotonic() + patience_s
        while not _taken(lock, workspace):
            if time.monotonic() >= deadline:
                holder = os.pread(lock, LONGEST_HOLDER, 0).decode(errors="replace").strip()
                message = f"{workspace}: another speccraft process is writing here" + (f" ({holder})" if holder else "")
                raise Locked(message, try_this="wait for it to end, or use another --workspace")
            on_wait()
            time.sleep(LOOK_AGAIN_S)
        # For whoever is locked out; the lock is the kernel's, so on a full disk it holds without this.
        with contextlib.suppress(OSError):
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"process {os.getpid()} on {platform.node()} since {datetime.now(UTC).isoformat(timespec='seconds')}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def _taken(lock: int, workspace: Path) -> bool:
    """Whether a lock was free, and is ours now."""
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise BadEnvironment(f"{workspace}: cannot be locked: {error.strerror}", try_this="name a --workspace on a disk of this machine") from error
    return True


def log(workspace: Path, event: str, **details: Any) -> None:
    """Append to `log.jsonl` what may hold clocks and paths, which no digested file may."""
    append_line(workspace / "log.jsonl", {"at": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **details})


def _current(workspace: Path, kind: str, name: str) -> Path:
    return workspace / KINDS[kind].folder / name / "current"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        disk.sync(handle)
    finally:
        os.close(handle)
