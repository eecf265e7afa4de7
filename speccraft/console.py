"""How commands talk: data on stdout, messages and progress on stderr, one JSON object with --json, exit codes."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from speccraft.errors import BadEnvironment, SpeccraftError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.progress import Progress as RichProgress

    from speccraft.scenario.diagnostics import Diagnostic

INTERRUPTED, TERMINATED, HUNG_UP, OUR_BUG = 130, 143, 129, 70
LIMITS = {
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ESTALE),
    *(errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP),
}
"""Errors that a user can answer wherever they come up: what the machine ran out of, what is broken, and what is not allowed."""


class Command:
    """One run of one command: collects what it has to say and ends the process with its exit code.

    Inside the `with` block an expected error becomes a message and its exit code; anything else is our bug and says so.

    Args:
        shows: messages and progress are shown, or not; default unless `quiet` or `as_json`.
    """

    def __init__(self, name: str, *, as_json: bool, quiet: bool = False, shows: bool | None = None) -> None:
        self.exit_code = 0
        self.if_interrupted = "run the same command again to go on"
        self.artifacts: dict[str, str] = {}
        self.counts: dict[str, Any] = {}
        self.findings: list[dict[str, Any]] = []
        self._name, self._json = name, as_json
        self._shows = not (as_json or quiet) if shows is None else shows
        self._progress: RichProgress | None = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
        # Under nohup a hang-up is ignored, and stays so.
        if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
            signal.signal(signal.SIGHUP, lambda *_: sys.exit(HUNG_UP))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end_bars()
        if isinstance(error, SystemExit) and error.code not in (TERMINATED, HUNG_UP):
            return
        if isinstance(error, KeyboardInterrupt | SystemExit):
            # A second Ctrl-C would cut off what is still to be said about the first.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        if error is not None:
            self._fail(_limit_of_the_machine(error) or error)
        if self._json:
            try:
                _print(json.dumps(self._object(), indent=1, ensure_ascii=False))
            except BadEnvironment as full:
                self.exit_code = full.exit_code
        raise SystemExit(self.exit_code)

    def data(self, text: str) -> None:
        """Print a result, for people; `--json` replaces it."""
        # Bars that still run would draw what is printed on stderr, where they are.
        self._end_bars()
        if not self._json:
            _print(text)

    def say(self, text: str) -> None:
        """Tell what is going on."""
        if self._shows:
            print(text, file=sys.stderr)

    def show(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        """Report diagnostics, on stderr and in the JSON object."""
        from speccraft.scenario.diagnostics import render_all

        self.findings += [diagnostic.to_json() for diagnostic in diagnostics]
        if diagnostics and not self._json:
            print(render_all(diagnostics), file=sys.stderr)

    def artifact(self, kind: str, path: Path) -> None:
        """Name a file or folder that the command made or found."""
        self.artifacts[kind] = str(path)

    def progress(self, phase: str, done: int, total: int, note: str = "") -> None:
        """Move a phase's bar; without a terminal, say once when the phase is done."""
        if not self._shows:
            return
        if not sys.stderr.isatty():
            if done == total:
                print(f"{phase}: {total} {note}".rstrip(), file=sys.stderr)
            return
        bars = self._bars()
        if phase not in self._tasks:
            self._tasks[phase] = bars.add_task(phase, total=total, note="")
        bars.update(self._tasks[phase], completed=done, total=total, note=note)

    def _bars(self) -> RichProgress:
        if self._progress is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description:>20}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            )
            self._progress = Progress(*columns, console=Console(stderr=True))
            self._progress.start()
        return self._progress

    def _end_bars(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._tasks = None, {}

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, SpeccraftError):
            self.exit_code = error.exit_code
            self.show(error.findings)
            if not error.findings:
                self.findings.append({"severity": "error", "message": error.message, "help": error.try_this, "details": list(error.details)})
            self._error(f"error: {error.message}", error.try_this, error.details)
        elif isinstance(error, KeyboardInterrupt | SystemExit):
            self.exit_code = int(error.code or 0) if isinstance(error, SystemExit) else INTERRUPTED
            self.findings.append({"severity": "error", "message": "interrupted"})
            self._error(f"interrupted; {self.if_interrupted}", "")
        else:
            self.exit_code = OUR_BUG
            self.findings.append({"severity": "error", "message": f"{type(error).__name__}: {error}"})
            self._error(f"internal error: {type(error).__name__}: {error}", "this is a bug in speccraft; SPECCRAFT_DEBUG=1 shows where")
            if os.environ.get("SPECCRAFT_DEBUG"):
                import traceback

                traceback.print_exception(error)

    def _error(self, message: str, try_this: str, details: Sequence[str] = ()) -> None:
        from speccraft.scenario.diagnostics import printable

        if not self._json:
            lines = [message, *(f"  {detail}" for detail in details), *([f"help: {try_this}"] if try_this else [])]
            print("\n".join(map(printable, lines)), file=sys.stderr)

    def _object(self) -> dict[str, Any]:
        return {
            "ok": self.exit_code == 0,
            "command": self._name,
            "exit_code": self.exit_code,
            "artifacts": self.artifacts,
            "counts": self.counts,
            "findings": self.findings,
        }


def open_streams() -> None:
    """Open the standard streams that the shell has closed on nothing.

    Else the next file that is opened, a shard perhaps, would be the standard error of every library.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free: this one. Worker processes get it too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _limit_of_the_machine(error: BaseException) -> BadEnvironment | None:
    """What a user can answer where the machine has no more of something; None for any other error."""
    if isinstance(error, MemoryError) or (isinstance(error, ImportError) and "failed to map segment" in str(error)):
        return BadEnvironment("there is not enough memory", try_this="free some, raise the limit (ulimit -v), or use fewer --workers")
    if isinstance(error, OSError) and error.errno in LIMITS:
        where = f"{error.filename}: " if error.filename else ""
        return BadEnvironment(f"{where}{error.strerror}", try_this="look at free space, open files (ulimit -n) and processes (ulimit -u)")
    return None


def _print(text: str) -> None:
    """Print on stdout; a reader that goes away early, as `head` does, has seen enough.

    Raises:
        BadEnvironment: stdout cannot be written, as on a full disk.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        # What is still buffered would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise BadEnvironment(f"standard output: cannot write: {error.strerror}") from error
