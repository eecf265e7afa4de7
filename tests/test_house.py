"""The house stays one you would live in: floors, file sizes, captions, one writer, no pickle."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*ROOT.glob("speccraft/**/*.py"), *ROOT.glob("trainer/**/*.py")])
LONGEST_FILE_LINES = 420
FLOORS = {
    "errors": 0, "verify": 0, "record": 0, "digests": 0, "journal": 0,
    "resources": 1, "store": 1, "machine": 1,
    "remote": 1.5,
    "scenario": 2, "shelf": 2,
    "rights": 3, "sound": 3, "verify_deep": 3,  # it proves what the others made: it imports none of their rooms
    "ingest": 4,
    "plan": 5,
    "report": 6,  # below build: a build is committed with its report inside
    "evaluation": 7, "build": 7,
    "locate": 8, "console": 8, "demo": 8, "doctor": 8, "interview": 8, "export": 8, "lineage": 8, "manual": 8,
    "measuring": 8.5,  # a place that was recorded is told as the interview tells one
    "notebook": 9,
    "cli": 10,
}  # fmt: skip
TRAINER_MAY_IMPORT = {"errors", "resources", "scenario", "rights", "store", "verify", "sound", "trainer"}
EXCEPTIONS = {("errors", "scenario")}
"""Imports that cross a floor: an error carries diagnostics, a name that only type checking needs."""
JUDGES_ANSWERS = "speccraft.evaluation.manual"
"""The one module of the evaluation that the trainer may import (design: "the house"): the job manual's checks hold while serving too."""


def room_of(module: str) -> str:
    """`speccraft.build.run` is in room `build`; the package itself is in no room."""
    return module.split(".")[1] if module.startswith("speccraft.") else ""


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("speccraft", *parts) if parts[0] == "trainer" else parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    """Absolute names of the speccraft modules a file imports, anywhere in it."""
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            name = ".".join(part for part in (base, node.module or "") if part)
            found |= {f"{name}.{alias.name}" if name == "speccraft" else name for alias in node.names}
    return {name for name in found if name.startswith("speccraft.")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_its_own_floor_or_lower(path: Path):
    room = room_of(module_of(path))
    for name in imports_of(path):
        other = room_of(name)
        if other in ("", "__version__", room) or (room, other) in EXCEPTIONS:
            continue
        if room == "trainer":
            assert other in TRAINER_MAY_IMPORT or name == JUDGES_ANSWERS, f"{path.name} imports {name}"
        elif other == "trainer":
            assert room in ("cli", "notebook") or path.name == "schema.py", f"only commands, notebooks and the schema writer reach the trainer, not {path.name}"
        elif room:
            assert FLOORS[other] < FLOORS[room], f"{path.name} on floor {FLOORS[room]} imports {name} from floor {FLOORS[other]}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_with_one_sentence_and_is_short(path: Path):
    text = path.read_text()
    assert (ast.get_docstring(ast.parse(text)) or "").splitlines()[0].endswith((".", "!", "?"))
    assert len(text.splitlines()) <= LONGEST_FILE_LINES


def test_every_module_stands_in_the_readme_map_with_its_own_caption():
    listed = dict(re.findall(r"^(\S+\.py)\s{2,}(.+)$", (ROOT / "README.md").read_text(), re.MULTILINE))
    captions = {str(path.relative_to(ROOT)): (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0] for path in FILES}
    assert listed == captions


@pytest.mark.parametrize("path", [path for path in FILES if path.name != "store.py"], ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_store_writes_files(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"write_text", "mkdir", "touch", "to_file", "symlink_to"} or _may_make_folders(path, node.attr), (
                f"{path.name}:{node.lineno}"
            )
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            assert name != "open" or not any(mode in {"w", "wb", "a", "ab", "x", "xb"} for mode in modes), f"{path.name}:{node.lineno}"


def _may_make_folders(path: Path, attribute: str) -> bool:
    return attribute == "mkdir" and path.parent.name == "trainer"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_unpickles_evaluates_or_trusts_remote_code(path: Path):
    text = path.read_text()
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert not names & {"eval", "exec", "pickle"}
    assert not re.search(r"torch\.load|trust_remote_code\s*=\s*True|\.extractall\(|shell\s*=\s*True", text)


def test_no_two_test_files_have_one_name() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py") if path.name not in ("conftest.py", "__init__.py"))
    assert [name for name, count in names.items() if count > 1] == []
