"""The console: data on stdout, messages on stderr, one JSON object, one exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from speccraft import errors
from speccraft.console import Command


def ended(command: Command, action) -> int:
    """The exit code that a command ends with."""
    with pytest.raises(SystemExit) as caught, command:
        action()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def fail_with(error: BaseException):
    def action() -> None:
        raise error

    return action


@pytest.fixture(autouse=True)
def _same_signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SpeccraftError("x"), 1),
        (errors.InvalidScenario("x"), 1),
        (errors.UnreadableInput("x"), 3),
        (errors.RefusedByRights("x"), 4),
        (errors.BrokenIntegrity("x"), 5),
        (errors.BadEnvironment("x"), 6),
        (errors.Locked("x"), 7),
        (errors.MissingExtra("x"), 8),
        (ZeroDivisionError("x"), 70),
        (KeyboardInterrupt(), 130),
        (SystemExit(143), 143),
        (SystemExit(2), 2),
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_every_end_has_its_exit_code_and_no_traceback(error: BaseException, code: int, as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(Command("x", as_json=as_json), fail_with(error)) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    if as_json and code != 2:
        printed = json.loads(out)
        assert (printed["ok"], printed["exit_code"], printed["command"]) == (False, code, "x")
        assert printed["findings"]
        assert err == ""
    else:
        assert out == ""


def test_an_error_says_what_is_wrong_and_what_to_try_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    ended(Command("x", as_json=False, quiet=True), fail_with(errors.UnreadableInput("no such\x1b[31m file", try_this="look again")))
    out, err = capsys.readouterr()
    assert out == ""
    assert "error: no such" in err
    assert "help: look again" in err
    assert "\x1b" not in err


def test_details_of_an_error_stand_on_lines_of_their_own_and_nothing_untrusted_makes_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    ended(Command("x", as_json=False), fail_with(errors.BrokenIntegrity("it changed", details=["first", "second\nerror: forged"], try_this="look")))
    assert capsys.readouterr().err.splitlines() == ["error: it changed", "  first", "  second<U+000A>error: forged", "help: look"]


def test_a_bug_shows_where_only_when_asked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ended(Command("x", as_json=False), fail_with(ZeroDivisionError("oops")))
    assert "internal error: ZeroDivisionError: oops" in capsys.readouterr().err
    monkeypatch.setenv("SPECCRAFT_DEBUG", "1")
    ended(Command("x", as_json=False), fail_with(ZeroDivisionError("oops")))
    assert "Traceback" in capsys.readouterr().err


def speak(command: Command) -> None:
    command.data("the result")
    command.say("by the way")
    command.progress("decode", 1, 2)
    command.progress("decode", 2, 2)
    command.artifact("build", Path("/b"))
    command.counts = {"cuts": 1}


def test_data_goes_to_stdout_and_the_rest_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    command = Command("x", as_json=False)
    assert ended(command, lambda: speak(command)) == 0
    assert capsys.readouterr() == ("the result\n", "by the way\ndecode: 2\n")


def test_quiet_leaves_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    command = Command("x", as_json=False, quiet=True)
    assert ended(command, lambda: speak(command)) == 0
    assert capsys.readouterr() == ("the result\n", "")


def test_json_is_one_object_on_stdout_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    command = Command("x", as_json=True)
    assert ended(command, lambda: speak(command)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {"ok": True, "command": "x", "exit_code": 0, "artifacts": {"build": "/b"}, "counts": {"cuts": 1}, "findings": []}


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")
def test_on_a_terminal_progress_is_a_bar_and_data_stays_on_stdout() -> None:
    import pty

    code = "from speccraft.console import Command\nwith Command('x', as_json=False) as c:\n c.progress('do', 1, 2)\n c.progress('do', 2, 2)\n c.data('result')"
    ours, theirs = pty.openpty()
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"}, check=True, timeout=60)
    os.close(theirs)
    assert done.stdout == b"result\n"
    assert b"2/2" in os.read(ours, 65536)
    os.close(ours)
