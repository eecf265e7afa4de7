"""The store: what is committed is whole, what is not committed cannot be seen."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from speccraft import store
from speccraft.errors import BadEnvironment, BrokenIntegrity, Locked, UnreadableInput

FILES = {"a.txt": b"alpha", "deep/er/b.bin": bytes(range(256)), "empty": b""}
anything = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


def committed(parent: Path, files: dict[str, bytes] = FILES, **more: object) -> store.Artefact:
    with store.scratch_folder(parent) as scratch:
        for name, content in files.items():
            store.write_bytes(scratch / name, content)
        return store.commit(scratch, parent, kind="build", name="b", **more)


def run_python(code: str, *arguments: str | Path, before: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", before + textwrap.dedent(code), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


def visible(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir() if not path.name.startswith(".")) if parent.exists() else []


def test_a_committed_folder_lists_every_file_with_size_digest_and_count(tmp_path: Path) -> None:
    artefact = committed(tmp_path, counts={"a.txt": 7})
    assert {entry.path: (entry.bytes, entry.count) for entry in artefact.record.files} == {"a.txt": (5, 7), "deep/er/b.bin": (256, None), "empty": (0, None)}
    assert {entry.path: entry.sha256 for entry in artefact.record.files} == {name: store.sha256_of(artefact.path / name) for name in FILES}
    assert artefact.path == tmp_path / artefact.record.id


def test_the_same_content_gets_the_same_id_and_other_content_another(tmp_path: Path) -> None:
    one, again = committed(tmp_path), committed(tmp_path)
    assert one == again
    assert len({one.record.id, committed(tmp_path, FILES | {"c": b""}).record.id, committed(tmp_path, info={"x": 1}).record.id}) == 3
    assert len(visible(tmp_path)) == 3


def test_a_scratch_folder_is_gone_when_nothing_was_committed(tmp_path: Path) -> None:
    with store.scratch_folder(tmp_path) as scratch:
        store.write_bytes(scratch / "x", b"x")
    assert not scratch.exists()
    assert list(tmp_path.iterdir()) == []


COMMIT_AND_DIE_AT = """
    import os, sys
    from pathlib import Path
    from speccraft import store
    parent, left, synced = Path(sys.argv[1]), int(sys.argv[2]), os.fsync
    def dying(handle):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        synced(handle)
    store.disk = store.Disk(sync=dying)
    with store.scratch_folder(parent) as scratch:
        for name in ("a.txt", "deep/b.txt"):
            store.write_bytes(scratch / name, name.encode())
        store.commit(scratch, parent, kind="build", name="b")
"""


def test_a_process_that_dies_at_any_fsync_leaves_a_whole_artefact_or_nothing(tmp_path: Path) -> None:
    seen = []
    for step in range(1, 40):
        parent = tmp_path / str(step)
        died = run_python(COMMIT_AND_DIE_AT, parent, str(step)).returncode == 9
        for name in visible(parent):
            store.check_files(artefact := store.open_artefact(parent / name, "build"))
            assert len(artefact.record.files) == 2
        seen.append(len(visible(parent)))
        if not died:
            break
    assert not died, "every fsync of a commit was tried"
    assert seen[0] == 0
    assert seen[-1] == 1
    assert seen == sorted(seen)


def test_sweep_removes_what_a_killed_process_left_and_nothing_else(tmp_path: Path) -> None:
    keep = committed(tmp_path)
    run_python(COMMIT_AND_DIE_AT, tmp_path, "3")
    assert list(tmp_path.glob(".scratch-*"))
    store.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [keep.path]


def test_a_file_appears_under_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    store.write_bytes(tmp_path / "x", b"old")
    with contextlib.suppress(KeyError), store.new_file(tmp_path / "x") as file:
        file.write(b"half of the n")
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_bytes() == b"old"


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX processes")
@pytest.mark.parametrize("write", ["store.write_bytes(folder / 'x', bytes(5000))", "store.append_line(folder / 'log', {'x': 'y' * 5000})"])
def test_a_full_disk_is_an_error_about_the_environment_and_leaves_no_half_file(tmp_path: Path, write: str) -> None:
    code = f"""
import resource, sys
from pathlib import Path
from speccraft import errors, store
folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    {write}
except errors.BadEnvironment as error:
    print(error.message)
"""
    done = run_python(code, tmp_path)
    assert "cannot write" in done.stdout, done.stderr
    assert not (tmp_path / "x").exists()
    assert not list(tmp_path.glob(".*"))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> store.Artefact:
    return committed(tmp_path_factory.mktemp("sealed"))


@given(position=st.integers(0, 255), bit=st.integers(0, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_any_flipped_bit_is_found(sealed: store.Artefact, position: int, bit: int) -> None:
    name = next(name for name, content in FILES.items() if position < len(content))
    content = FILES[name]
    damaged = bytearray(content)
    damaged[position] ^= 1 << bit
    path = sealed.path / name
    try:
        path.write_bytes(damaged)
        with pytest.raises(BrokenIntegrity, match=path.name):
            store.check_files(sealed)
    finally:
        path.write_bytes(content)
    store.check_files(sealed)


def test_a_missing_file_a_longer_file_and_a_folder_in_its_place_are_found(tmp_path: Path) -> None:
    artefact = committed(tmp_path)
    path = artefact.path / "a.txt"
    for damage in (path.unlink, lambda: path.write_bytes(b"alpha!"), lambda: (path.unlink(), path.mkdir())):
        damage()
        with pytest.raises(BrokenIntegrity):
            store.check_files(artefact)
    store.check_files(artefact, prefix="deep/")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{}", b"[]", b"\xff\xfe", b'{"record": 2, "kind": "build", "name": "b", "id": "x", "version": "0", "files": []}']
)
def test_a_damaged_record_is_an_integrity_error_that_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    artefact = committed(tmp_path)
    (artefact.path / "BUILD.json").write_bytes(content)
    with pytest.raises(BrokenIntegrity, match="damaged") as caught:
        store.open_artefact(artefact.path, "build")
    assert str(artefact.path) in caught.value.try_this


def test_a_folder_without_a_record_is_unreadable_and_one_of_another_kind_is_broken(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="not a committed build"):
        store.open_artefact(tmp_path, "build")
    artefact = committed(tmp_path)
    (artefact.path / "RUN.json").write_bytes((artefact.path / "BUILD.json").read_bytes())
    with pytest.raises(BrokenIntegrity, match="record of a build, not of a run"):
        store.open_artefact(artefact.path, "run")


def test_committing_onto_a_folder_that_is_no_artefact_says_so_and_keeps_it(tmp_path: Path) -> None:
    mine = tmp_path / "taken" / "mine.txt"
    store.write_bytes(mine, b"mine")
    with store.scratch_folder(tmp_path) as scratch:
        store.write_bytes(scratch / "x", b"x")
        with pytest.raises(BadEnvironment, match="taken"):
            store.commit(scratch, tmp_path / "taken", kind="unit", name="u", id="taken")
    assert mine.read_bytes() == b"mine"


def test_a_damaged_cache_folder_is_removed_and_a_whole_one_stays(tmp_path: Path) -> None:
    artefact = committed(tmp_path)
    assert store.is_whole(artefact.path, "build")
    (artefact.path / "a.txt").write_bytes(b"alphA")
    assert not store.is_whole(artefact.path, "build")
    assert not artefact.path.exists()
    assert not store.is_whole(artefact.path, "build")


def test_current_names_the_artefact_that_was_set_last(tmp_path: Path) -> None:
    shelf = tmp_path / "builds" / "b"
    assert store.current(tmp_path, "build", "b") is None
    first, second = committed(shelf), committed(shelf, {"other": b""})
    for artefact in (first, second, first):
        store.set_current(tmp_path, artefact)
        assert store.current(tmp_path, "build", "b") == artefact
    assert store.current(tmp_path, "build", "other") is None


def test_work_is_recalled_by_key_until_its_artefact_is_gone(tmp_path: Path) -> None:
    artefact = committed(tmp_path / "builds" / "b")
    store.remember(tmp_path, "key", artefact)
    assert store.recall(tmp_path, "key", "build", "b") == artefact
    assert store.recall(tmp_path, "other", "build", "b") is None
    artefact.path.rename(tmp_path / "elsewhere")
    assert store.recall(tmp_path, "key", "build", "b") is None


def test_a_parent_names_the_digest_of_the_record_it_had(tmp_path: Path) -> None:
    artefact = committed(tmp_path)
    assert artefact.as_parent.digest == store.sha256_of(artefact.path / "BUILD.json")


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the workspace."""
    code = "import sys, time, pathlib; from speccraft import store\nwith store.locked(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_locked_out_until_the_first_dies(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(Locked, match="another speccraft process"), store.locked(tmp_path):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    for _ in range(50):
        try:
            with store.locked(tmp_path):
                return
        except Locked:
            time.sleep(0.1)
    pytest.fail("the kernel did not free the lock of a dead process")


def test_an_error_inside_the_lock_stays_what_it_is_and_frees_it(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), store.locked(tmp_path):
        raise PermissionError("about something else")
    with store.locked(tmp_path):
        pass


def test_a_workspace_that_cannot_be_is_an_error_about_the_environment(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadEnvironment, match="cannot write"), store.locked(tmp_path / "file" / "work"):
        pass


def test_an_unregistered_kind_cannot_be_committed_opened_or_made_current(tmp_path: Path) -> None:
    with store.scratch_folder(tmp_path) as scratch, pytest.raises(KeyError):
        store.commit(scratch, tmp_path, kind="surprise", name="s")
    with pytest.raises(KeyError):
        store.open_artefact(tmp_path, "surprise")
    assert visible(tmp_path) == []


def test_every_kind_derives_from_registered_kinds_and_has_a_record_and_folder_of_its_own() -> None:
    assert all(parent in store.KINDS for kind in store.KINDS.values() for parent in kind.derives_from)
    for field in ("record", "folder"):
        assert len({getattr(kind, field) for kind in store.KINDS.values()}) == len(store.KINDS)


@given(value=anything)
def test_canonical_json_is_the_same_for_equal_values_whatever_the_order_of_keys(value: object) -> None:
    turned = dict(reversed(value.items())) if isinstance(value, dict) else value
    try:
        assert store.canonical_json(value) == store.canonical_json(turned)
    except UnicodeEncodeError:
        assert "\\ud" in repr(value), "only lone surrogates have no UTF-8"


@given(rows=st.lists(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")) | st.integers(), max_size=3)))
def test_json_lines_hold_one_row_a_line(rows: list[dict[str, object]]) -> None:
    import json

    lines = store.json_lines(rows).split(b"\n")[:-1]
    assert [json.loads(line) for line in lines] == rows


def test_nan_never_reaches_a_file() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        store.json_lines([{"x": float("nan")}])


def test_a_folder_of_another_kind_is_named_as_what_it_is(tmp_path: Path) -> None:
    with store.scratch_folder(tmp_path) as scratch:
        store.write_bytes(scratch / "a.txt", b"a")
        build = store.commit(scratch, tmp_path / "one", kind="build", name="one", id="one")
    with pytest.raises(UnreadableInput, match="it is a build") as caught:
        store.open_artefact(build.path, "run")
    assert "remove" not in caught.value.try_this


def test_the_newest_entry_about_an_event_with_a_detail_is_found(tmp_path: Path) -> None:
    assert store.last_logged(tmp_path, "build", having="s") is None
    for event, details in (("build", {"s": 1}), ("build", {"s": 2}), ("build", {"other": 3}), ("run", {"s": 4})):
        store.log(tmp_path, event, **details)
    found = store.last_logged(tmp_path, "build", having="s") or {}
    assert (found["event"], found["s"]) == ("build", 2)
    assert "at" in found
    assert store.last_logged(tmp_path, "build", having="gone") is store.last_logged(tmp_path, "gone", having="s") is None


@pytest.mark.parametrize("rest", [b'{"event": "build", "s"', b'{"event": "build", "s": 9', b"\xff\xfe\x00", b"[1]\n", b'"build"\n', b"7\n", b"\n\n", b"null\n"])
def test_a_line_that_was_cut_off_or_is_no_entry_is_passed_over_and_takes_no_other_with_it(tmp_path: Path, rest: bytes) -> None:
    store.log(tmp_path, "build", s=1)
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write(rest)
    assert (store.last_logged(tmp_path, "build", having="s") or {})["s"] == 1
    store.log(tmp_path, "build", s=2)
    assert (store.last_logged(tmp_path, "build", having="s") or {})["s"] == 2


@given(path=st.text(st.characters(blacklist_categories=["Cs"])))
@example(path="a\u2028b\u0085c\u2029\x0b\x1c")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_logged_path_holds_its_entry_is_found(tmp_path: Path, path: str) -> None:
    store.log(tmp_path, "build", s=path)
    assert (store.last_logged(tmp_path, "build", having="s") or {})["s"] == path


def test_a_log_that_cannot_be_read_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    assert store.last_logged(tmp_path, "build", having="s") is None


def test_appended_lines_stand_each_for_itself_and_the_first_begins_the_file(tmp_path: Path) -> None:
    for number in range(3):
        store.append_line(tmp_path / "deep/a.jsonl", {"n": number})
    assert (tmp_path / "deep/a.jsonl").read_bytes() == b'{"n":0}\n{"n":1}\n{"n":2}\n'
