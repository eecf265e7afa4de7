from __future__ import annotations

import json
import signal
from pathlib import Path
from types import SimpleNamespace

from speccraft.errors import SpeccraftError
from speccraft.trainer import launch


def failure(folder: Path, codes: dict[int, int], words: dict[int, dict]) -> SpeccraftError:
    """What is said of processes that ended with these codes, after these words."""
    for rank, said in words.items():
        (folder / str(rank)).mkdir()
        (folder / str(rank) / "stdout.log").write_text(json.dumps(said))
    error = SimpleNamespace(failures={rank: SimpleNamespace(exitcode=code) for rank, code in codes.items()})
    return launch._failure(error, folder)


def said(exit_code: int, message: str) -> dict:
    return {"exit_code": exit_code, "findings": [{"severity": "error", "message": message, "help": "try", "details": ["one"]}]}


def test_a_process_that_was_killed_is_the_reason_whatever_the_others_say(tmp_path: Path) -> None:
    error = failure(tmp_path, {0: 70, 1: -signal.SIGKILL}, {0: said(70, "Connection closed by peer")})
    assert error.exit_code == 6
    assert "process 1 was killed by SIGKILL" in error.message


def test_the_error_of_a_process_is_the_error_of_the_command_and_a_lost_connection_is_not(tmp_path: Path) -> None:
    error = failure(tmp_path, {0: 70, 1: 5}, {0: said(70, "Connection closed by peer"), 1: said(5, "damaged")})
    assert (error.exit_code, error.message, error.try_this, list(error.details)) == (5, "damaged", "try", ["one"])


def test_a_process_that_ends_without_a_word_is_said_with_its_exit_code(tmp_path: Path) -> None:
    assert "process 1 ended with exit code 3" in failure(tmp_path, {1: 3}, {}).message
