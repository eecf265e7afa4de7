"""Files to models: what is not a readable file, and what is not one text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from speccraft.errors import InvalidScenario, UnreadableInput
from speccraft.scenario.text import MAX_BYTES, read_model


class Cake(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    eggs: int
    layers: tuple[str, ...] = ()


def written(folder: Path, content: bytes) -> Path:
    path = folder / "cake.yaml"
    path.write_bytes(content)
    return path


def test_a_file_becomes_a_model_and_its_text(tmp_path: Path) -> None:
    assert read_model(written(tmp_path, b"eggs: 3\nlayers: [cream]\n"), Cake) == (Cake(eggs=3, layers=("cream",)), "eggs: 3\nlayers: [cream]\n")


def test_a_byte_order_mark_and_foreign_line_ends_are_read(tmp_path: Path) -> None:
    assert read_model(written(tmp_path, b"\xef\xbb\xbfeggs: 3\r\nlayers: []\r\n"), Cake)[0].eggs == 3


@pytest.mark.parametrize(
    ("content", "code", "line", "col"),
    [
        (b"eggs: 3\nlayers: [cr\xe8me]\n", "SC107", 2, 12),
        ("eggs: 3\n".encode("utf-16"), "SC107", 1, 1),
        (b"eggs: 3\n# " + b"x" * MAX_BYTES, "SC106", 1, 1),
        (b"eggs: 3\n# \xed\xa0\x80\n", "SC107", 2, 3),
        (b"", "SC107", 1, 1),
    ],
    ids=["Latin-1", "UTF-16", "a large file", "a lone surrogate", "an empty file"],
)
def test_what_is_not_one_text_in_utf_8_is_refused(tmp_path: Path, content: bytes, code: str, line: int, col: int) -> None:
    with pytest.raises(InvalidScenario) as refusal:
        read_model(written(tmp_path, content), Cake)
    (found,) = refusal.value.findings
    assert (found.code, found.line, found.col) == (code, line, col)


@pytest.mark.parametrize(
    "name",
    ["pipe", "loop", ".", "none", "n" * 300, "a\0b", "/dev/zero"],
    ids=["a pipe", "a loop", "a folder", "nothing", "a long name", "a NUL in the name", "a device"],
)
def test_what_is_not_a_regular_file_is_unreadable(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UnreadableInput) as refusal:
        read_model(tmp_path / name, Cake)
    assert refusal.value.exit_code == 3
    assert [found.code for found in refusal.value.findings] == ["SC107"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    path = written(tmp_path, b"eggs: 3\n")
    path.chmod(0)
    with pytest.raises(UnreadableInput, match="Permission"):
        read_model(path, Cake)


def test_problems_of_the_text_and_of_the_model_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidScenario) as refusal:
        read_model(written(tmp_path, b"eggs: three\nlayers: [!x cream, 3]\nicing: 1\nicing: 2\n"), Cake)
    assert [(found.code, found.line, found.path) for found in refusal.value.findings] == [
        ("SC103", 1, "eggs"), ("SC106", 2, "layers[0]"), ("SC103", 2, "layers[1]"), ("SC101", 3, "icing"), ("SC105", 4, "icing"),
    ]  # fmt: skip


def test_a_value_that_could_not_be_read_is_not_blamed_twice(tmp_path: Path) -> None:
    with pytest.raises(InvalidScenario) as refusal:
        read_model(written(tmp_path, b"eggs: !x three\n"), Cake)
    assert [found.code for found in refusal.value.findings] == ["SC106"]
