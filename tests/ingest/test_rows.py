"""Reach: whatever a path says, it ends inside the roots or nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest.rows import Reach, Row


@pytest.fixture
def reach(tmp_path: Path) -> Reach:
    for folder in ("data/a", "more", "secret"):
        (tmp_path / folder).mkdir(parents=True)
    return Reach(base=tmp_path / "data", roots=(tmp_path / "data", tmp_path / "more"))


@pytest.mark.parametrize("path", ["a/x.wav", "./a/../x.wav", "../more/x.wav", "a", "", "~/x.wav", "http://host/x.wav", "x" * 5000])
def test_what_stays_inside_is_resolved(reach: Reach, path: str) -> None:
    resolved = reach.resolve(path)
    assert resolved is not None
    assert any(resolved.is_relative_to(root) for root in reach.roots)


@pytest.mark.parametrize("path", ["../secret/x.wav", "/etc/passwd", "..", "a/../../secret", "../data-2/x.wav", "a\0.wav", "\0", "../more/../secret"])
def test_what_leaves_every_root_is_none(reach: Reach, path: str) -> None:
    assert reach.resolve(path) is None


def test_an_absolute_path_inside_a_root_is_fine(reach: Reach) -> None:
    assert reach.resolve(str(reach.roots[1] / "x.wav")) == reach.roots[1] / "x.wav"


def test_links_are_followed_before_judging(reach: Reach, tmp_path: Path) -> None:
    (reach.base / "out").symlink_to(tmp_path / "secret")
    (reach.base / "over").symlink_to(tmp_path / "more")
    assert reach.resolve("out/x.wav") is None
    assert reach.resolve("over/x.wav") == tmp_path / "more/x.wav"
    assert reach.resolve("over/../x.wav") is None, "the link's parent is not the folder's"


def test_links_are_followed_in_folders_that_were_resolved_before(reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "secret/x.wav").touch()
    (reach.base / "a/link.wav").symlink_to(tmp_path / "secret/x.wav")
    (reach.base / "a/fine.wav").symlink_to(tmp_path / "more/x.wav")
    assert reach.resolve("a/x.wav") == reach.base / "a/x.wav"
    assert reach.resolve("a/link.wav") is None
    assert reach.resolve("a/missing/../link.wav") is None, "what cannot be looked at through a missing folder is a link all the same"
    assert reach.resolve("a/fine.wav") == tmp_path / "more/x.wav"


def test_links_that_run_in_a_circle_lead_nowhere_outside(reach: Reach) -> None:
    (reach.base / "loop").symlink_to("loop")
    assert reach.resolve("loop") == reach.base / "loop"
    assert reach.resolve("loop/../../secret") is None


def test_a_path_starts_where_it_is_told(reach: Reach) -> None:
    assert reach.resolve("x.wav", start=reach.base / "a") == reach.base / "a/x.wav"
    assert reach.resolve("../../secret", start=reach.base / "a") is None


@given(st.lists(st.sampled_from(["..", ".", "a", "out", "loop", "link", "/", "secret", "more", "x.wav", "\0"]), max_size=8).map("/".join))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_escapes(reach: Reach, tmp_path: Path, path: str) -> None:
    for name, target in (("out", tmp_path / "secret"), ("loop", Path("loop")), ("link", tmp_path / "secret/x.wav"), ("a/link", Path("../link"))):
        if not (reach.base / name).is_symlink():
            (reach.base / name).symlink_to(target)
    resolved = reach.resolve(path)
    assert resolved is None or any(Path(*resolved.parts[: len(root.parts)]) == root for root in reach.roots)
    if resolved is not None:
        assert resolved == Path(os.path.realpath(reach.base / path))


def test_a_source_must_exist_inside(reach: Reach) -> None:
    assert reach.source("s", "a") == reach.base / "a"
    with pytest.raises(UnreadableInput, match=r"source 's': ../secret lies outside") as outside:
        reach.source("s", "../secret")
    assert "roots" in outside.value.try_this
    with pytest.raises(UnreadableInput, match="does not exist") as missing:
        reach.source("s", "b")
    assert "--data" in missing.value.try_this


def test_a_renamed_row_keeps_everything_else() -> None:
    row = Row(input="a", text="hi", split="dev")
    assert row.renamed("b") == Row(input="b", text="hi", split="dev")


def test_a_misspelt_path_is_answered_with_the_near_one(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").touch()
    with pytest.raises(UnreadableInput) as caught:
        Reach(base=tmp_path, roots=(tmp_path,)).source("s", "manifst.jsonl")
    assert caught.value.try_this == "did you mean manifest.jsonl?"
