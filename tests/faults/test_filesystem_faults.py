"""Two processes, clocks that jump, links that lead anywhere: one wins, nobody is harmed (F01 to F11 of docs/faults.md)."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus import RATE, SCENARIO, Corpus, build_here, bytes_of, command, ledger_of, make_corpus, speccraft, word_samples

from speccraft import shelf, store
from speccraft.build.run import Built
from speccraft.errors import BadEnvironment, BrokenIntegrity, Locked
from speccraft.verify import verify

HOLD = "import sys, time, pathlib; from speccraft import store\nwith store.locked(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@contextlib.contextmanager
def held(workspace: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes to the workspace."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(workspace)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


# F01


def test_who_is_locked_out_is_told_by_whom_and_since_when(corpus: Corpus) -> None:
    with held(corpus.workspace) as other:
        done = speccraft("build-manifest", corpus.scenario)
    assert (done.returncode, done.stdout) == (7, "")
    assert f"another speccraft process is writing here (process {other.pid} on {os.uname().nodename} since 2" in done.stderr


@pytest.mark.slow
def test_of_two_builds_at_once_one_wins_and_the_other_says_so(corpus: Corpus, tiny_build: tuple[Corpus, Built]) -> None:
    call = command("build-manifest", corpus.scenario, "--workers", "1", "--as-of", "2026-01-01")
    lock = corpus.workspace / ".lock"
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        until = time.monotonic() + 60
        while not (lock.is_file() and f"process {first.pid} " in lock.read_text()):
            assert time.monotonic() < until
            time.sleep(0.002)
        # Held still while it builds, so that the second comes in the middle of it.
        first.send_signal(signal.SIGSTOP)
        try:
            second = subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)
        finally:
            first.send_signal(signal.SIGCONT)
        _, errors = first.communicate(timeout=120)
    assert (first.returncode, second.returncode) == (0, 7), errors + second.stderr
    assert f"another speccraft process is writing here (process {first.pid} on" in second.stderr
    (record,) = corpus.workspace.glob("builds/tiny/*/BUILD.json")
    assert bytes_of(record.parent) == bytes_of(tiny_build[1].artefact.path)


def test_what_is_committed_is_read_while_another_process_writes(tiny_build: tuple[Corpus, Built]) -> None:
    corpus, built = tiny_build
    with held(corpus.workspace):
        assert [speccraft(*arguments).returncode for arguments in (("verify", built.artefact.path), ("report", corpus.scenario))] == [0, 0]


# F02


def test_the_same_content_put_twice_at_once_is_there_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from speccraft import store\nparent = Path(sys.argv[1])\n"
        "for _ in range(20):\n    with store.scratch_folder(parent) as scratch:\n        store.write_bytes(scratch / 'a', b'a')\n"
        "        print(store.commit(scratch, parent, kind='build', name='b').path.name)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    names = {name for process in both for name in process.communicate(timeout=60)[0].split()}
    assert [process.returncode for process in both] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == list(names)
    assert verify(tmp_path / names.pop()).problems == []


# F03


def test_a_lock_that_a_dead_process_left_is_free_whatever_stands_in_it(tmp_path: Path) -> None:
    with held(tmp_path) as process:
        process.kill()
        process.wait()
        until = time.monotonic() + 5
        while True:
            try:
                with store.locked(tmp_path):
                    break
            except Locked:
                assert time.monotonic() < until
    (tmp_path / ".lock").write_text(f"process {os.getpid()} on another-machine since 1970-01-01T00:00:00+00:00\n")
    os.utime(tmp_path / ".lock", (0, 0))
    with store.locked(tmp_path), pytest.raises(Locked, match=f"process {os.getpid()} on"), store.locked(tmp_path):
        pass


def test_a_lock_is_never_stolen_for_its_age(tmp_path: Path) -> None:
    with held(tmp_path):
        os.utime(tmp_path / ".lock", (0, 0))
        (tmp_path / ".lock").write_text("")
        with pytest.raises(Locked), store.locked(tmp_path):
            pass


# F06


def test_times_of_files_from_any_age_change_nothing(corpus: Corpus, tiny_build: tuple[Corpus, Built]) -> None:
    ages = [0, 1, 10**9, 2**31 + 10, 7_000_000_000, int(time.time()) + 10**8]
    for number, path in enumerate(sorted(corpus.folder.rglob("*.wav"))):
        os.utime(path, (ages[number % len(ages)],) * 2)
    assert bytes_of(build_here(corpus).artefact.path) == bytes_of(tiny_build[1].artefact.path)


def test_the_newest_build_is_the_one_that_was_made_last_whatever_the_clock_said(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import datetime

    first = build_here(corpus, as_of="2026-01-01").artefact

    class Back(datetime):
        @classmethod
        def now(cls, tz: object = None) -> Back:  # type: ignore[override]
            return cls.fromtimestamp(0)

    monkeypatch.setattr("speccraft.store.datetime", Back)
    second = build_here(corpus, as_of="2026-01-02").artefact
    for path, at in ((first.path, 4_000_000_000), (second.path, 1)):
        os.utime(path, (at, at))
    assert [one.record.id for one in shelf.shelf_of(corpus.workspace).builds] == [first.record.id, second.record.id]
    current = store.current(corpus.workspace, "build", "tiny")
    assert current is not None
    assert current.record.id == second.record.id
    kept = shelf.collect(shelf.shelf_of(corpus.workspace), keep=1)
    assert [waste.path for waste in kept.waste if waste.path.parent.name == "tiny"] == [first.path]


# F07


def test_links_that_run_in_a_circle_and_many_names_of_one_file_end(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, sources=SCENARIO["sources"][:1], environment={"place": "studio", "sampling_rate": RATE})
    folder = corpus.folder / "tree"
    corpus.add_file("tree/deep/a.wav", word_samples("ba"))
    corpus.add_file("tree/b.wav", word_samples("di"))
    for words in (folder / "deep/a.txt", folder / "b.txt", *(folder / f"b{number}.txt" for number in range(5)), folder / "deep/self.txt"):
        words.write_text("a word")
    (folder / "deep/up").symlink_to(folder)
    (folder / "deep/self").symlink_to("self")
    (folder / "deep/self.wav").symlink_to("self.wav")
    for number in range(5):
        os.link(folder / "b.wav", folder / f"b{number}.wav")
    corpus.write_scenario(
        sources=[{"id": "tree", "format": "folder", "path": "tree", "licence": "CC0-1.0"}], environment={"place": "studio", "sampling_rate": RATE}
    )
    fates = {row["input"]: (row["fate"], row["rule"]) for row in ledger_of(build_here(corpus)).to_dicts()}
    assert fates == {
        "b.wav": ("kept", None),
        **{f"b{number}.wav": ("dropped", "duplicate") for number in range(5)},
        "deep/a.wav": ("kept", None),
        "deep/self.wav": ("failed", "missing"),
    }


def test_a_tree_deeper_than_any_path_is_read_or_refused_in_words(corpus: Corpus) -> None:
    inside = corpus.folder / "tree"
    inside.mkdir()
    here = Path.cwd()
    try:
        os.chdir(inside)
        for _ in range(30):
            Path("d" * 200).mkdir()
            os.chdir("d" * 200)
        os.chdir(here)
        corpus.add_file("tree/a.wav", word_samples("ba"))
        corpus.write_scenario(
            sources=[{"id": "tree", "format": "folder", "path": "tree", "licence": "CC0-1.0"}], environment={"place": "studio", "sampling_rate": RATE}
        )
        done = speccraft("plan", corpus.scenario)
    finally:
        os.chdir(here)
        shutil.rmtree(inside)
    assert done.returncode == 3
    assert "File name too long" in done.stderr


# F09, F10, F11


@pytest.mark.parametrize("length", [1, 100, 255])
def test_a_name_of_any_length_can_be_written(tmp_path: Path, length: int) -> None:
    store.write_bytes(tmp_path / ("x" * length), b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["x" * length]


def test_a_name_that_is_too_long_is_an_error_about_the_environment(tmp_path: Path) -> None:
    with pytest.raises(BadEnvironment, match="File name too long"):
        store.write_bytes(tmp_path / ("x" * 256), b"x")
    assert list(tmp_path.iterdir()) == []
    done = speccraft("gc", tmp_path / ("x" * 5000))
    assert done.returncode in (3, 6)
    assert "Traceback" not in done.stderr


def test_what_is_not_finished_lies_beside_its_place_and_never_on_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename from another disk would fail, or copy."""
    moved: list[tuple[Path, Path]] = []
    monkeypatch.setattr("speccraft.store.disk", store.Disk(rename=lambda old, new: (moved.append((old, new)), old.replace(new))))
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    with store.scratch_folder(tmp_path / "a") as scratch:
        store.write_bytes(scratch / "x", b"x")
        store.commit(scratch, tmp_path / "a", kind="build", name="b")
    assert len(moved) == 3
    assert all(old.parent == new.parent for old, new in moved)


def test_a_link_under_the_name_of_a_scratch_file_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    work = tmp_path / "work"
    work.mkdir()
    for name in (f".{os.getpid()}.tmp", f".scratch-{os.getpid()}"):
        (work / name).symlink_to(victim)
    store.write_bytes(work / "x", b"x")
    with contextlib.suppress(BadEnvironment), store.scratch_folder(work) as scratch:
        store.write_bytes(scratch / "y", b"y")
    assert victim.read_text() == "mine"
    assert (work / "x").read_bytes() == b"x"
    assert not (work / "x").is_symlink()


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(BadEnvironment, match="cannot write here"), store.locked(tmp_path / "work"):
        pass
    assert not (tmp_path / "victim").exists()


def test_a_folder_of_links_in_place_of_a_committed_one_is_found(tmp_path: Path) -> None:
    with store.scratch_folder(tmp_path) as scratch:
        store.write_bytes(scratch / "a", b"a")
        made = store.commit(scratch, tmp_path, kind="build", name="b")
    (made.path / "more").symlink_to(tmp_path)
    with pytest.raises(BrokenIntegrity, match=r"is not in BUILD\.json"):
        store.check_files(made)
    assert {problem.code for problem in verify(made.path).problems} == {"SC507"}
