"""Workspaces in object storage: commands work in a copy on this machine, committed artefacts are sent, and fetched where they are needed.

Readers believe the commit record, which is sent last: what an interrupted upload left is not there for anybody.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from speccraft import store
from speccraft.errors import BrokenIntegrity, UnreadableInput
from speccraft.remote.connection import AT_ONCE, answered
from speccraft.remote.home import cache_folder
from speccraft.remote.url import Url, key_fault, url_of
from speccraft.verify import verify

ORIGIN, CURRENT = "origin", "current"
SENT = "cache/sent"
Progress = Callable[[str, int, int], None]


def copy_of(workspace: Url) -> Path:
    """The folder of this machine that stands for a remote workspace."""
    folder = cache_folder() / "workspaces" / workspace.digest
    if not (folder / ORIGIN).is_file():
        store.write_bytes(folder / ORIGIN, f"{workspace}\n".encode())
    return folder


def origin_of(workspace: Path) -> Url | None:
    """The remote workspace that a folder stands for; None where it stands for itself."""
    path = workspace / ORIGIN
    return url_of(path.read_text().strip()) if path.is_file() else None


def send(workspace: Path, artefact: store.Artefact, on_progress: Progress = lambda *_: None) -> Url | None:
    """Send a committed artefact to the remote workspace, its record last, and make it the current one there if it is here; where it went, if anywhere.

    Raises:
        BrokenIntegrity: another artefact of this name and id is there.
        BadEnvironment: it cannot be sent; the same command goes on where it stopped.
    """
    origin = origin_of(workspace)
    if origin is None:
        return None
    kind, record = store.KINDS[artefact.record.kind], artefact.record
    target, content = origin / kind.folder / record.name / record.id, (artefact.path / kind.record).read_bytes()
    there = _content(target / kind.record)
    if there is None:
        _send_files(workspace, artefact, target, on_progress)
        with answered(target) as storage:
            storage.pipe_file((target / kind.record).key, content)
    elif there != content:
        what = f"{target}: holds another {record.kind} under the id of {artefact.path}"
        raise BrokenIntegrity(what, try_this="look at both; what is committed is never written again")
    pointer = artefact.path.parent / CURRENT
    if pointer.is_file() and pointer.read_text().strip() == record.id:
        with answered(target) as storage:
            storage.pipe_file((target.parent / CURRENT).key, pointer.read_bytes())
    return target


def bring_current(workspace: Path, kind: str, name: str, on_progress: Progress = lambda *_: None) -> None:
    """Fetch the newest artefact of a kind and name from where the workspace comes from, if that has one."""
    if (origin := origin_of(workspace)) is None:
        return
    content = _content(origin / store.KINDS[kind].folder / name / CURRENT)
    if content is not None:
        id = content.decode(errors="replace").strip()
        bring(workspace, kind, name, id, on_progress)
        store.write_bytes(workspace / store.KINDS[kind].folder / name / CURRENT, f"{id}\n".encode())


def bring(workspace: Path, kind: str, name: str, id: str, on_progress: Progress = lambda *_: None) -> None:
    """Fetch an artefact from where the workspace comes from, unless it is here, and prove every byte of it.

    Raises:
        UnreadableInput: it is not there either, or not committed.
        BrokenIntegrity: it is not what its record says.
        BadEnvironment: it cannot be fetched.
    """
    origin, folder = origin_of(workspace), workspace / store.KINDS[kind].folder / name / id
    if origin is None or (folder / store.KINDS[kind].record).is_file():
        return
    source = origin / store.KINDS[kind].folder / name / id
    if key_fault(f"{name}/{id}") or "/" in id:
        raise BrokenIntegrity(f"{source.parent}: {CURRENT} names no {kind}", try_this="send a build again, or name the folder of one")
    content = _content(source / store.KINDS[kind].record)
    if content is None:
        raise UnreadableInput(f"{source}: no committed {kind} is there", try_this="run the command that makes it again: an upload may have been interrupted")
    with store.scratch_folder(folder.parent) as scratch:
        # Under its own name, so that the verifier can hold name and record against each other.
        whole = scratch / kind / store.KINDS[kind].folder / name / id
        _fetch_files(source, whole, [store.KINDS[kind].record, *_listed(source, content)], on_progress)
        report = verify(whole)
        if report.exit_code:
            found = [f"{one.code}  {one.file}: {one.what}" for one in report.problems]
            raise BrokenIntegrity(f"{source}: is not what its record says", details=found[:10], try_this="send it again from a whole copy")
        store.place(whole, folder)


def here(path: Path, on_progress: Progress = lambda *_: None) -> Path:
    """A path as it is, or for the address of an artefact the copy of it, fetched and proven.

    Raises:
        UnreadableInput: the address is not one of an artefact.
    """
    url = url_of(path)
    if url is None:
        return path
    parts = url.key.split("/")
    kind = next((kind for kind, home in store.KINDS.items() if len(parts) > 3 and parts[-3] == home.folder), None)
    if kind is None:
        raise UnreadableInput(f"{url}: is no artefact of a remote workspace", try_this="WORKSPACE/builds/NAME/ID, or a scenario with --workspace")
    workspace = copy_of(Url(url.protocol, "/".join(parts[:-3])))
    bring(workspace, kind, parts[-2], parts[-1], on_progress)
    return workspace / parts[-3] / parts[-2] / parts[-1]


def _content(url: Url) -> bytes | None:
    """A small object; None where it is not there."""
    with answered(url) as storage:
        try:
            return bytes(storage.cat_file(url.key))
        except FileNotFoundError:
            return None


def _send_files(workspace: Path, artefact: store.Artefact, target: Url, on_progress: Progress) -> None:
    """Send the files of an artefact, without those that an interrupted try from this machine has sent and that are still there."""
    note = workspace / SENT / f"{artefact.record.kind}-{artefact.record.id}.jsonl"
    noted = {json.loads(line)["path"] for line in note.read_text().splitlines()} if note.is_file() else set[str]()
    with answered(target) as storage:
        sizes = {key: about["size"] for key, about in storage.find(target.key, detail=True).items()} if noted else {}
    waiting = [entry for entry in artefact.record.files if entry.path not in noted or sizes.get((target / entry.path).key) != entry.bytes]

    def one(entry: store.FileEntry) -> None:
        with answered(target) as storage:
            storage.put_file(str(artefact.path / entry.path), (target / entry.path).key)

    total, done = sum(entry.bytes for entry in waiting), 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sending = [(entry, pool.submit(one, entry)) for entry in waiting]
        try:
            for entry, sent in sending:
                sent.result()
                store.append_line(note, {"path": entry.path})
                on_progress("send", done := done + entry.bytes, total)
        finally:
            pool.shutdown(cancel_futures=True)


def _listed(source: Url, content: bytes) -> list[str]:
    """The files that a record lists, if each can be a file below its folder."""
    try:
        paths = [entry.path for entry in store.Record.model_validate_json(content).files]
    except ValidationError as error:
        raise BrokenIntegrity(
            f"{source}: the commit record is damaged (problems: {error.error_count()})", try_this="send it again from a whole copy"
        ) from error
    if wrong := next((path for path in paths if key_fault(path)), None):
        raise BrokenIntegrity(f"{source}: its record lists {wrong!a}: {key_fault(wrong)}")
    return paths


def _fetch_files(source: Url, folder: Path, paths: Sequence[str], on_progress: Progress) -> None:
    """Fetch files into a folder; one that is not there is left out, for the verifier to find."""

    def one(path: str) -> None:
        store.disk.make_folder((folder / path).parent, parents=True, exist_ok=True)
        with answered(source) as storage, contextlib.suppress(FileNotFoundError):
            storage.get_file((source / path).key, str(folder / path))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        fetching = [pool.submit(one, path) for path in paths]
        try:
            for number, fetched in enumerate(fetching, start=1):
                fetched.result()
                on_progress("fetch files", number, len(paths))
        finally:
            pool.shutdown(cancel_futures=True)
