"""What docs/rights.md tells people to run works as it stands there, and what it tells is so."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from documented import ROOT, blocks, commands, run

from speccraft.rights import gate
from speccraft.rights.papers import Papers
from speccraft.scenario.acceptance import Rights
from speccraft.scenario.text import check, parse

DOCUMENT = ROOT / "docs/rights.md"


@pytest.mark.slow
def test_every_command_of_the_document_runs_as_it_stands_there(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples/licensed-narrator", tmp_path / "examples/licensed-narrator", ignore=shutil.ignore_patterns("speccraft-work"))
    told = []
    for line in commands(DOCUMENT):
        done = run(line, tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        told.append(done.stdout)
    assert "granted  nora-2026" in told[0]
    assert "waived" in told[-1]
    assert "decided by J. Doe" in told[-1]


def test_the_yaml_of_the_document_is_what_rights_may_say() -> None:
    (example,) = blocks(DOCUMENT, "yaml")
    indented = "\n".join(line.removeprefix("  ") for line in example.splitlines()[1:])
    assert check(parse(indented), Rights).licences[0].consent == ("train",)


def test_the_table_of_the_document_says_what_the_gate_does() -> None:
    rows = re.findall(r"^\| (`.+`.*|nothing.*) \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert len(rows) == 7
    for written, what in rows:
        for licence in re.findall("`([^`]+)`", written):
            assert gate.may(Papers(Rights(), ""), door="speech", licence=licence).allowed == ("refused" not in what.split(";")[0]), licence
