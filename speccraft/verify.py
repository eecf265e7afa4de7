"""Prove a committed folder byte for byte: an fsck that needs the standard library and shares no code with the writer.

    python verify.py FOLDER

Exit code 0: everything is as its commit record says; 5: something is not; 3: there is no readable commit record.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

FOLDERS = {"unit": "cache/units", "build": "builds", "run": "runs", "checkpoint": "checkpoints", "state": "states", "pairs": "pairs"}
FOLDERS |= {"evaluation": "evaluations", "export": "exports", "comparison": "comparisons", "revocation": "revocations"}
KINDS = {kind: (folder, f"{kind.upper()}.json") for kind, folder in FOLDERS.items()}
"""Where each kind of artefact lives in a workspace, and its commit record."""

NAMED_BY_CONTENT = ("build", "evaluation", "export", "comparison", "revocation")
"""Kinds whose id is the start of the digest of their content."""

RECORD_KEYS = {"record", "kind", "name", "id", "version", "derives_from", "info", "files"}
HEX64 = re.compile(r"[0-9a-f]{64}")
ID = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")  # names that look like the id of an artefact
CHUNK_BYTES = 1 << 20
MAX_MEMBER_JSON_BYTES = 1 << 20
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be."""

    code: str
    """SC501 record · SC502 place and id · SC503 missing · SC504 not a plain file inside · SC505 size · SC506 SHA-256 · SC507 not listed ·
    SC508 JSON · SC509 count · SC510 tar · SC511 shards and cuts do not line up · SC512 duplicate cut · SC513 parent."""
    file: str
    what: str


@dataclass
class Report:
    """Everything that was found about one committed folder."""

    folder: Path
    kind: str | None = None
    unreadable: str | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0

    @property
    def exit_code(self) -> int:
        """0 clean, 5 broken, 3 unreadable."""
        if self.unreadable is not None:
            return 3
        return 5 if self.problems else 0

    def add(self, code: str, file: str, what: str) -> None:
        """Note one problem and go on."""
        self.problems.append(Problem(code, file, what))


def verify(path: Path | str) -> Report:
    """Check a committed folder against its record, its record against itself and its parents, and its files against each other."""
    folder = Path(path).resolve()
    report = Report(folder)
    found = [(kind, name) for kind, (_, name) in KINDS.items() if (folder / name).is_file()]
    if len(found) != 1:
        report.unreadable = f"{folder}: holds {len(found)} commit records, not one" if folder.is_dir() else f"{folder}: not a folder"
        return report
    kind, record_name = found[0]
    report.kind = kind
    try:
        content = (folder / record_name).read_bytes()
    except OSError as error:
        report.unreadable = f"{folder / record_name}: {error.strerror}"
        return report
    record = _record(content, kind, record_name, report)
    if record is None:
        return report
    if (folder / record_name).is_symlink():
        report.add("SC504", record_name, "is not a plain file")
    _check_place(folder, record, record_name, report)
    rows = _check_files(folder, record, record_name, report)
    _check_shards(rows, kind, report)
    _check_duplicates(rows, report)
    _check_parents(folder, record, record_name, report)
    return report


# The record


def _record(content: bytes, kind: str, name: str, report: Report) -> dict[str, Any] | None:
    try:
        record = strict_json(content)
    except ValueError as error:
        report.add("SC501", name, f"is not strict JSON: {error}")
        return None
    wrong = list(_shape_problems(record, kind))
    for what in wrong:
        report.add("SC501", name, what)
    if wrong:
        return None
    if _canonical(record) != content:
        report.add("SC501", name, "is not written the way records are written")
    return dict(record)


def _shape_problems(record: Any, kind: str) -> Iterator[str]:
    if not isinstance(record, dict) or set(record) != RECORD_KEYS:
        yield f"does not have exactly the fields {', '.join(sorted(RECORD_KEYS))}"
        return
    if record["record"] != 1 or isinstance(record["record"], bool | float):
        yield f"is of format {record['record']!r}, this verifier knows format 1"
    if record["kind"] != kind:
        yield f"is the record of a {record['kind']!r} under the name of a {kind}"
    for key in ("name", "id", "version"):
        if not isinstance(record[key], str) or not record[key]:
            yield f"`{key}` is not a text"
    if not isinstance(record["info"], dict):
        yield "`info` is not an object"
    for key, fields in (
        ("files", {"path": str, "bytes": int, "sha256": str, "count": int | None}),
        ("derives_from", {"kind": str, "name": str, "id": str, "digest": str}),
    ):
        if not isinstance(record[key], list):
            yield f"`{key}` is not a list"
            continue
        for index, entry in enumerate(record[key]):
            if what := _entry_problem(entry, fields):
                yield f"`{key}` entry {index}: {what}"


def _entry_problem(entry: Any, fields: dict[str, Any]) -> str | None:
    if not isinstance(entry, dict) or set(entry) != set(fields):
        return f"does not have exactly the fields {', '.join(fields)}"
    for key, expected in fields.items():
        value = entry[key]
        if not isinstance(value, expected) or isinstance(value, bool) or (isinstance(value, int) and value < 0):
            return f"`{key}` is {value!r}"
        if key in ("sha256", "digest") and not HEX64.fullmatch(value):
            return f"`{key}` is not a SHA-256"
    if fields.get("kind") and entry["kind"] not in KINDS:
        return f"no such kind: {entry['kind']!r}"
    return None


def _check_place(folder: Path, record: dict[str, Any], name: str, report: Report) -> None:
    # The id is in the record, so a copy under another name is whole; only the name of another artefact would mislead.
    found, id, stage = folder.name, record["id"], folder.name
    if record["kind"] == "checkpoint" and folder.parent.name == KINDS["checkpoint"][0]:
        # It lies in its run as checkpoints/<stage> and is called <run id>-<stage>.
        found, (id, _, stage) = folder.parents[1].name, id.rpartition("-")
    if (found != id and ID.fullmatch(found)) or stage != folder.name:
        report.add("SC502", name, f"says id {record['id']!r}, the folder is {folder.name!r}")
    elif found != id:
        report.notes.append(f"the folder is called {found!r}, the id is {id!r}")
    home = PurePosixPath(KINDS[record["kind"]][0])
    if folder.parts[-2 - len(home.parts) : -2] == home.parts and folder.parent.name != record["name"]:
        report.add("SC502", name, f"says name {record['name']!r}, the folder above is {folder.parent.name!r}")
    if record["kind"] in NAMED_BY_CONTENT:
        content = {key: record[key] for key in ("kind", "name", "info", "files", "version", "derives_from")}
        if (expected := hashlib.sha256(_canonical(content)).hexdigest()[:16]) != record["id"]:
            report.add("SC502", name, f"its content has the id {expected}, it says {record['id']!r}")


def _check_parents(folder: Path, record: dict[str, Any], name: str, report: Report) -> None:
    for parent in record["derives_from"]:
        title = f"{parent['kind']} {parent['name']}/{parent['id']}"
        home, parent_record = KINDS[parent["kind"]]
        if not all(_is_plain_name(parent[key]) for key in ("name", "id")):
            report.add("SC513", name, f"parent {title}: not a name of an artefact")
            continue
        places = [above / home / parent["name"] / parent["id"] / parent_record for above in folder.parents]
        # Of one run: a checkpoint beside this one, or for automatic pairs in the folder of checkpoints.
        stage = parent["id"].rpartition("-")[2]
        places += [folder.parent / stage / parent_record, folder.parent / home / stage / parent_record]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            report.notes.append(f"parent {title} is not here, so its digest was not checked")
        elif _sha256(found) != parent["digest"]:
            report.add("SC513", name, f"parent {title} is not the one this was made from: {found} has another digest")


# The files


def _check_files(folder: Path, record: dict[str, Any], record_name: str, report: Report) -> dict[str, list[str | None]]:
    """Check every listed file, name every other one; return the ids in each JSONL file and tar, in order."""
    ids: dict[str, list[str | None]] = {}
    listed = Counter(entry["path"] for entry in record["files"])
    for path, times in listed.items():
        if times > 1:
            report.add("SC501", record_name, f"lists {path} {times} times")
    for entry in record["files"]:
        if _check_bytes(folder, entry, report):
            ids[entry["path"]] = _check_content(folder / entry["path"], entry, report)
    for path in _files_under(folder):
        if path not in listed and path != record_name:
            report.add("SC507", path, "is not in the commit record")
    return ids


def _check_bytes(folder: Path, entry: dict[str, Any], report: Report) -> bool:
    """Whether the file can be read and is what the record says."""
    path, parts = entry["path"], PurePosixPath(entry["path"]).parts
    if not parts or path != "/".join(parts) or not all(_is_plain_name(part) for part in parts):
        report.add("SC504", path, "does not lie inside the folder")
        return False
    try:
        above = [os.lstat(folder.joinpath(*parts[:depth])).st_mode for depth in range(1, len(parts))]
        status = os.lstat(folder / path)
        if not all(stat.S_ISDIR(mode) for mode in above) or not stat.S_ISREG(status.st_mode):
            report.add("SC504", path, "is not a plain file")
            return False
        digest = _sha256(folder / path)
    except FileNotFoundError:
        report.add("SC503", path, "is missing")
        return False
    except OSError as error:
        report.add("SC503", path, f"cannot be read: {error.strerror}")
        return False
    report.files += 1
    report.bytes += status.st_size
    if status.st_size != entry["bytes"]:
        report.add("SC505", path, f"has {status.st_size} bytes, the record says {entry['bytes']}")
    if digest != entry["sha256"]:
        report.add("SC506", path, "has other content than the record says")
    return True


def _check_content(path: Path, entry: dict[str, Any], report: Report) -> list[str | None]:
    """The ids in a JSONL file or a tar, in order, after checking its form and its count."""
    name = entry["path"]
    reader = {".json": _json_ids, ".jsonl": _jsonl_ids, ".tar": _tar_ids}.get(path.suffix)
    ids = reader(path, name, report) if reader else []
    if path.suffix in (".jsonl", ".tar") and entry["count"] is not None and entry["count"] != len(ids):
        report.add("SC509", name, f"holds {len(ids)}, the record says {entry['count']}")
    return ids


def _json_ids(path: Path, name: str, report: Report) -> list[str | None]:
    try:
        strict_json(path.read_bytes())
    except ValueError as error:
        report.add("SC508", name, f"is not strict JSON: {error}")
    return []


def _jsonl_ids(path: Path, name: str, report: Report) -> list[str | None]:
    ids: list[str | None] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = strict_json(line)
            except ValueError as error:
                report.add("SC508", f"{name}:{number}", f"is not strict JSON: {error}")
                row = None
            if row is not None and (not isinstance(row, dict) or not line.endswith(b"\n")):
                report.add("SC508", f"{name}:{number}", "is not an object on a line of its own")
            ids.append(row["id"] if isinstance(row, dict) and isinstance(row.get("id"), str) else None)
    return ids


def _tar_ids(path: Path, name: str, report: Report) -> list[str | None]:
    """Ids of the pairs X.flac, X.json in a Shar tar, with X.txt after them in a WebDataset tar; nothing is ever extracted."""
    endings = (".flac", ".json", ".txt") if report.kind == "export" else (".flac", ".json")
    try:
        with tarfile.open(path, mode="r:") as tar:
            members = [(member, _member_json(tar, member)) for member in tar]
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        report.add("SC510", name, f"is not a whole tar: {error}")
        return []
    for member, _ in members:
        if not member.isreg():
            report.add("SC510", name, f"member {member.name!r} is not a plain file")
    names = [member.name for member, _ in members]
    ids: list[str | None] = [one.removesuffix(".flac") for one in names if one.endswith(".flac")]
    if names != [f"{id}{ending}" for id in ids for ending in endings]:
        report.add("SC510", name, f"its members are not groups of {', '.join(f'X{ending}' for ending in endings)}")
    for member, content in members:
        if member.name.endswith(".json") and content != member.name.removesuffix(".json"):
            report.add("SC510", name, f"member {member.name!r} does not describe the audio before it")
    return ids


def _member_json(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str | None:
    """The id that a JSON member states."""
    if not member.isreg() or not member.name.endswith(".json") or member.size > MAX_MEMBER_JSON_BYTES:
        return None
    file = tar.extractfile(member)
    row = strict_json(file.read()) if file else None
    return row.get("id") if isinstance(row, dict) else None


# The files against each other


def _check_shards(ids: dict[str, list[str | None]], kind: str, report: Report) -> None:
    """Every tar of a shard holds the shard's cuts in order, and the shards of a split hold the split's cuts in order."""
    shards: dict[str, dict[str, dict[str, list[str | None]]]] = defaultdict(lambda: defaultdict(dict))
    for path, found in ids.items():
        if match := re.fullmatch(r"shards/([^/]+)/([^/.]+)\.(\d+)\.(?:jsonl|tar)", path):
            split, name, number = match.groups()
            shards[split][number][name] = found
    for split, numbered in sorted(shards.items()):
        names = {name for shard in numbered.values() for name in shard}
        for number, shard in sorted(numbered.items()):
            for name in sorted(names | {"cuts"}):
                if name not in shard:
                    report.add("SC511", f"shards/{split}/{name}.{number}", "is missing beside the other files of its shard")
                elif shard[name] != shard.get("cuts", shard[name]):
                    report.add("SC511", f"shards/{split}/{name}.{number}", f"its ids are not those of cuts.{number}.jsonl in that order")
    for split in SPLITS if kind == "build" else ():
        path = f"cuts.{split}.jsonl"
        in_shards = [id for _, shard in sorted(shards[split].items()) for id in shard.get("cuts", [])]
        if ids.get(path, []) != in_shards:
            report.add("SC511", path, f"its ids are not those of shards/{split} in that order")


def _check_duplicates(ids: dict[str, list[str | None]], report: Report) -> None:
    splits = defaultdict(list)
    for split in SPLITS:
        for number, id in enumerate(ids.get(f"cuts.{split}.jsonl", []), 1):
            if id is None:
                report.add("SC512", f"cuts.{split}.jsonl:{number}", "has no id")
            splits[id].append(split)
    for id, found in splits.items():
        if id is not None and len(found) > 1:
            report.add("SC512", f"cuts.{found[-1]}.jsonl", f"cut {id} also stands in {', '.join(found[:-1])}")


# Small parts


def strict_json(content: bytes) -> Any:
    """Parse UTF-8 JSON; a duplicate key, NaN, an infinity and nesting without end are errors.

    Raises:
        ValueError: the bytes are not strict JSON.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
    if twice:
        raise ValueError(f"key {twice[0]!r} stands twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _canonical(value: Any) -> bytes:
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _is_plain_name(part: str) -> bool:
    return part not in ("", ".", "..") and not re.search(r"[/\\\0]", part)


def _files_under(folder: Path) -> Iterator[str]:
    """Everything below a folder that is not itself a plain folder, links not followed."""
    for root, folders, files in os.walk(folder):
        links = [name for name in folders if Path(root, name).is_symlink()]
        yield from (Path(root, name).relative_to(folder).as_posix() for name in (*files, *links))


def main(arguments: list[str]) -> int:
    """Verify one folder and print what was found."""
    if len(arguments) != 1:
        print("usage: python verify.py FOLDER", file=sys.stderr)
        return 2
    report = verify(arguments[0])
    for problem in report.problems:
        print(f"{problem.code} {ascii(problem.file)[1:-1]}: {ascii(problem.what)[1:-1]}")
    for note in report.notes:
        print(f"note: {ascii(note)[1:-1]}")
    print(report.unreadable or f"{report.kind}: {report.files} files, {report.bytes} bytes, {len(report.problems)} problems")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
