"""Signals, full disks, limits and odd terminals: the old state or the new one, an exit code, and no traceback (C01 to C13 of docs/faults.md)."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import RATE, SCENARIO, Corpus, build_here, bytes_of, command, lines_of, make_corpus, speccraft
from faults_world import encoded, written

from speccraft import store
from speccraft.build import run as build_run
from speccraft.build import tools, units
from speccraft.build.run import Built
from speccraft.console import Command
from speccraft.errors import BadEnvironment
from speccraft.scenario.quality import Segmentation
from speccraft.verify import verify

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits and signals of POSIX")
LONG_S = 150


@pytest.fixture(scope="module")
def long_corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A corpus that takes a second to decode."""
    corpus = make_corpus(tmp_path_factory.mktemp("long"), environment={"place": "studio", "sampling_rate": RATE}, sources=SCENARIO["sources"][:1])
    noise = np.random.default_rng(0).standard_normal(LONG_S * 48000).clip(-4, 4).astype(np.float32) * 0.1
    corpus.add_row("words/long.flac", encoded(noise, 48000, "FLAC"), speaker="long")
    return corpus


@contextlib.contextmanager
def begun(corpus: Corpus, workspace: Path, *, ignored: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """A build that has started its workers, in a process group of its own."""
    call = command("build-manifest", corpus.scenario, "--workspace", workspace, "--workers", "2", "--as-of", "2026-01-01")
    before = None if ignored is None else lambda: signal.signal(ignored, signal.SIG_IGN) and None
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=before)
    try:
        while not list(workspace.glob("cache/units/.scratch-*")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def survivors(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(int(entry.parent.name))
    return found


# C02


@pytest.mark.parametrize(
    ("numbers", "code"),
    [((signal.SIGHUP,), 129), ((signal.SIGINT, signal.SIGINT), 130), pytest.param((signal.SIGTERM, signal.SIGTERM), 143, marks=pytest.mark.slow)],
)
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for orphans in /proc")
def test_a_build_that_is_hung_up_on_or_told_twice_to_stop_ends_in_words_and_without_orphans(
    long_corpus: Corpus, tmp_path: Path, numbers: tuple[int, ...], code: int
) -> None:
    with begun(long_corpus, tmp_path) as process:
        for number in numbers:
            os.killpg(process.pid, number) if number == signal.SIGINT or len(numbers) == 1 else process.send_signal(number)
            time.sleep(0.02)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (code, "")
        assert "run the same command again" in err
        assert "Traceback" not in err
        until = time.monotonic() + 5
        while survivors(process.pid):
            assert time.monotonic() < until, "a worker outlived its supervisor"
            time.sleep(0.05)
    assert not list(tmp_path.glob("builds/*/*"))


@pytest.mark.slow
def test_under_nohup_a_build_outlives_its_terminal(long_corpus: Corpus, tmp_path: Path) -> None:
    with begun(long_corpus, tmp_path, ignored=signal.SIGHUP) as process:
        os.killpg(process.pid, signal.SIGHUP)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "builds/tiny" in out


# C03, C04


def limited(*limits: tuple[int, int]) -> Callable[[], None]:
    def set_limits() -> None:
        for which, most in limits:
            resource.setrlimit(which, (most, most))

    return set_limits


def build_under(corpus: Corpus, workspace: Path, *limits: tuple[int, int]) -> subprocess.CompletedProcess[str]:
    call = command("build-manifest", corpus.scenario, "--workspace", workspace, "--workers", "1")
    return subprocess.run(call, preexec_fn=limited(*limits), capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("which", "most", "words"),
    [
        pytest.param(resource.RLIMIT_FSIZE, 20_000, "cannot write: File too large", id="EFBIG"),
        pytest.param(resource.RLIMIT_NOFILE, 12, "Too many open files", id="EMFILE"),
    ],
)
def test_a_limit_of_the_machine_ends_with_6_and_names_it(corpus: Corpus, tmp_path: Path, which: int, most: int, words: str) -> None:
    done = build_under(corpus, tmp_path, (which, most))
    assert (done.returncode, done.stdout) == (6, ""), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("builds/*/*"))
    assert not list(tmp_path.glob("cache/units/.scratch*"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EAGAIN, errno.EIO, errno.EROFS])
def test_what_the_machine_ran_out_of_is_never_called_our_bug(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, Command("x", as_json=False):
        raise OSError(number, os.strerror(number), "some/file")
    assert ended.value.code == 6
    assert capsys.readouterr().err.startswith(f"error: some/file: {os.strerror(number)}\nhelp: ")


@pytest.mark.parametrize("error", [MemoryError(), ImportError("libx.so: failed to map segment from shared object")])
def test_too_little_memory_is_never_called_our_bug(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, Command("x", as_json=False):
        raise error
    assert ended.value.code == 6
    assert "there is not enough memory\nhelp: free some, raise the limit (ulimit -v)" in capsys.readouterr().err


def test_a_recording_that_needs_more_memory_than_a_worker_may_use_costs_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("speccraft.build.units.decoding", too_large)
    path = written(tmp_path / "a.wav", b"x")
    job = units.Job("a.wav", path, None, (units.Part("a.wav", whole=True),))
    folder = units.run_unit(units.Unit("u/0", "u", "speech", RATE, Segmentation(), 5.0, (job,)), tmp_path / "cache", lambda _name: None)
    assert [(row["input"], row["rule"]) for row in lines_of(folder / units.RECORDINGS)] == [("a.wav", "too_large")]


def test_a_file_that_we_forgot_to_look_for_is_our_bug(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, Command("x", as_json=False):
        raise FileNotFoundError(errno.ENOENT, "no such file")
    assert ended.value.code == 70
    assert "this is a bug" in capsys.readouterr().err


def test_a_disk_that_does_not_confirm_a_commit_is_said_and_the_commit_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed: list[Path] = []

    def rename(old: Path, new: Path) -> None:
        old.replace(new)
        renamed.append(new)

    def sync(_handle: int) -> None:
        if renamed and renamed[-1].name == "final":
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("speccraft.store.disk", store.Disk(sync=sync, rename=rename))
    with store.scratch_folder(tmp_path) as scratch:
        store.write_bytes(scratch / "a", b"a")
        with pytest.raises(BadEnvironment, match="is committed, but the disk does not confirm it"):
            store.commit(scratch, tmp_path / "final", kind="unit", name="u", id="final")
    assert verify(tmp_path / "final").problems == []


# C05


def test_signals_that_interrupt_system_calls_change_nothing(corpus: Corpus, tiny_build: tuple[Corpus, Built]) -> None:
    alarms: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _frame: alarms.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        built = build_here(corpus)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(alarms) > 100
    assert bytes_of(built.artefact.path) == bytes_of(tiny_build[1].artefact.path)


def test_a_disk_that_takes_a_byte_at_a_time_gets_every_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    class Slow(io.FileIO):
        def write(self, content: Any) -> int:
            return super().write(bytes(content)[:1])

    monkeypatch.setattr("speccraft.store.disk", store.Disk(open=lambda path, mode: io.BufferedWriter(Slow(path, mode))))
    store.write_bytes(tmp_path / "x", bytes(range(256)) * 50)
    assert (tmp_path / "x").read_bytes() == bytes(range(256)) * 50


# C07


class Loss:
    """A disk that keeps account of what a machine that loses its power now would lose."""

    def __init__(self) -> None:
        self.unsynced: set[Path] = set()
        self.lost: list[str] = []

    def disk(self) -> store.Disk:
        return store.Disk(open=self.open, sync=self.sync, rename=self.rename)

    def open(self, path: Path, mode: str) -> Any:
        if path.name != "log.jsonl":
            self.unsynced.add(path)
        return path.open(mode)

    def sync(self, handle: int) -> None:
        self.unsynced.discard(Path(f"/proc/self/fd/{handle}").readlink())

    def rename(self, old: Path, new: Path) -> None:
        self.lost += [f"{path} before {new}" for path in self.unsynced if path == old or path.is_relative_to(old)]
        old.replace(new)
        self.unsynced.add(new.parent)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks /proc which file was synced")
def test_nothing_of_a_build_is_unsynced_when_it_appears_or_when_it_is_done(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_process(missing: Any, cache: Path, *, on_done: Callable[..., None], **_: Any) -> dict[str, Path]:
        return {unit.name: units.run_unit(unit, cache, lambda _name: None) for unit in missing}

    disk = Loss()
    monkeypatch.setattr("speccraft.store.disk", disk.disk())
    monkeypatch.setattr(build_run, "run_local", in_process)
    built = build_here(corpus)
    assert disk.lost == []
    assert {path for path in disk.unsynced if path.is_relative_to(corpus.workspace / "builds")} == set()
    assert verify(built.artefact.path).problems == []


# C08


def as_owner_without_privileges(*arguments: str | Path) -> list[str]:
    """The command as somebody for whom permissions count; root may write everywhere."""
    if os.geteuid() != 0:
        return command(*arguments)
    if shutil.which("setpriv") is None:
        pytest.skip("root without setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command(*arguments)]


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    def set_mode(write: int) -> None:
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222 | write)

    set_mode(0)
    try:
        yield
    finally:
        set_mode(0o200)


@pytest.mark.slow
def test_sources_that_are_read_only_build_elsewhere_without_home_or_temporary_folder(corpus: Corpus, tmp_path: Path) -> None:
    arguments = ("build-manifest", corpus.scenario, "--workers", "1")
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": "/nonexistent", "OMP_NUM_THREADS": "1"}
    with read_only(corpus.folder):
        refused = subprocess.run(as_owner_without_privileges(*arguments), capture_output=True, text=True, check=False, timeout=120, env=environment)
        elsewhere = as_owner_without_privileges(*arguments, "--workspace", tmp_path / "work")
        done = subprocess.run(elsewhere, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert (refused.returncode, done.returncode) == (6, 0), refused.stderr + done.stderr
    assert "cannot write here: Permission denied\nhelp: name another --workspace" in refused.stderr


def test_what_is_written_has_the_mode_that_the_umask_asks_for(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        for mask, mode in ((0o077, 0o600), (0o022, 0o644)):
            os.umask(mask)
            with store.locked(tmp_path / f"{mask}"), store.scratch_folder(tmp_path / f"{mask}") as scratch:
                store.write_bytes(scratch / "a", b"a")
                store.write_many(scratch, [("b", b"b")])
                made = store.commit(scratch, tmp_path / f"{mask}" / "final", kind="unit", name="u", id="final")
            found = {path.name: path.stat().st_mode & 0o777 for path in (*made.path.iterdir(), tmp_path / f"{mask}/.lock")}
            assert set(found.values()) == {mode}, found
            assert made.path.stat().st_mode & 0o777 == 0o777 & ~mask
    finally:
        os.umask(before)


# C09


def in_shell(line: str, corpus: Corpus, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell line in which "$@" is the build."""
    call = command("build-manifest", corpus.scenario, "--workers", "1", "--as-of", "2026-01-01")
    return subprocess.run(["bash", "-c", line, "bash", *call], capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment})


@pytest.mark.parametrize("closed", [pytest.param(">&-", marks=pytest.mark.slow), pytest.param("2>&-", marks=pytest.mark.slow), "<&- >&- 2>&-"])
def test_a_build_whose_streams_are_closed_is_the_same_build(corpus: Corpus, tiny_build: tuple[Corpus, Built], closed: str) -> None:
    """Without a standard error, the next file that is opened would be one, and what decoders print would go there."""
    done = in_shell(f'"$@" {closed}', corpus)
    assert done.returncode == 0
    assert done.stdout == "" or ">&-" not in closed.split()
    (record,) = corpus.workspace.glob("builds/tiny/*/BUILD.json")
    assert bytes_of(record.parent) == bytes_of(tiny_build[1].artefact.path)


def test_an_output_that_is_read_in_part_is_no_error() -> None:
    for arguments in (("schema", "scenario"), ("explain", "SC101"), ("--help",)):
        line = subprocess.run(
            ["bash", "-c", '"$@" | head -c 1; echo " ${PIPESTATUS[0]}"', "bash", *command(*arguments)], capture_output=True, text=True, check=False, timeout=60
        )
        assert line.stderr == ""
        assert int(line.stdout.split()[-1]) in (0, 141)


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "1"},
        {"COLUMNS": "0", "LINES": "0", "TERM": ""},
    ],
    ids=["C", "dumb", "no columns"],
)
def test_a_terminal_that_knows_nothing_gets_every_message_in_plain_text(corpus: Corpus, environment: dict[str, str]) -> None:
    rows = corpus.rows
    corpus.write_rows([rows[0] | {"speaker": "Zo\u00eb \u00dcnal \u4e2d", "licence": "M\u00fcll"}, *rows[1:]])
    for arguments in (("plan", corpus.scenario), ("plan", corpus.folder / "n\u00efcht.yaml")):
        done = subprocess.run(command(*arguments), capture_output=True, check=False, timeout=60, env={**os.environ, **environment})
        assert done.returncode in (0, 1, 3, 4), done.stderr
        assert b"\x1b" not in done.stdout + done.stderr
        assert b"internal error" not in done.stderr


# C12, C13


def test_an_upgrade_between_two_builds_makes_another_build_and_takes_over_no_work(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    old = build_here(corpus)
    for module in ("speccraft.store", "speccraft.build.run"):
        monkeypatch.setattr(f"{module}.__version__", "99.0")
    version_of = tools.version_of
    monkeypatch.setattr(tools, "version_of", lambda name: "99.0" if name == "speccraft" else version_of(name))
    done: list[str] = []
    monkeypatch.setattr(build_run, "run_local", in_process_telling(done))
    new = build_here(corpus)
    assert (old.artefact.record.version, new.artefact.record.version) != (new.artefact.record.version, old.artefact.record.version)
    assert not new.reused
    assert new.artefact.record.id != old.artefact.record.id
    assert len(done) == 3, "every unit is made again"
    assert verify(old.artefact.path).problems == verify(new.artefact.path).problems == []


def in_process_telling(done: list[str]) -> Callable[..., dict[str, Path]]:
    def run(missing: Any, cache: Path, *, on_done: Callable[..., None], **_: Any) -> dict[str, Path]:
        done.extend(unit.name for unit in missing)
        return {unit.name: units.run_unit(unit, cache, lambda _name: None) for unit in missing}

    return run


def test_a_record_of_a_newer_format_is_refused_and_not_guessed_at(corpus: Corpus, tiny_build: tuple[Corpus, Built], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_build[1].artefact.path, tmp_path / tiny_build[1].artefact.record.id))
    record = json.loads((copy / "BUILD.json").read_bytes())
    (copy / "BUILD.json").write_bytes(store.canonical_json(record | {"record": 2}))
    for arguments in (("report", copy), ("verify", copy)):
        assert speccraft(*arguments).returncode == 5
