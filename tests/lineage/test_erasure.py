"""The erasure report says what was removed, what cannot be reached and what is to be trained again, and names nobody."""

from __future__ import annotations

from pathlib import Path

from corpus import Corpus
from lineage_world import VOICE, built, derived, revoked

from speccraft import store
from speccraft.lineage.erasure import erasure_of, page
from speccraft.lineage.inside import Inside

CUT = {"train": ("c1", "c2"), "dev": (), "test": ()}


def artefact(workspace: Path, kind: str, id: str) -> store.Artefact:
    home = workspace / store.KINDS[kind].folder / "job"
    with store.scratch_folder(home) as scratch:
        store.write_bytes(scratch / "x", id.encode())
        return store.commit(scratch, home / id, kind=kind, name="job", id=id)


def test_checkpoints_that_trained_on_the_voice_are_to_be_trained_again_and_others_are_not(tmp_path: Path) -> None:
    build = artefact(tmp_path, "build", "b1")
    one, other = (artefact(tmp_path, "checkpoint", id) for id in ("r1-pretrain", "r2-pretrain"))
    trained, tested = Inside(cuts=CUT), Inside(cuts={"train": (), "dev": (), "test": ("c3",)})
    heard = Inside(cuts={}, clips=("n1",), heard={"train": ("c9",)})
    for inside, expected in ((trained, True), (heard, True), (tested, False)):
        erasure = erasure_of(tmp_path, [(build, inside)], [(one, inside)], [])
        assert (erasure.retrain == ("checkpoint job/r1-pretrain",)) is expected
    both = erasure_of(tmp_path, [(build, trained)], [(one, trained), (other, tested)], [])
    assert both.marked == ("build job/b1", "checkpoint job/r1-pretrain", "checkpoint job/r2-pretrain")
    assert both.counts["cuts"] == 2


def test_what_left_the_house_is_named_as_not_reachable(tmp_path: Path) -> None:
    build, export = artefact(tmp_path, "build", "b1"), artefact(tmp_path, "export", "x1")
    store.log(tmp_path, "export", id="x2", build="b1", path="/mnt/partner/x2")
    store.log(tmp_path, "export", id="x3", build="another", path="/mnt/partner/x3")
    inside = Inside(inputs={("words", "anna.wav"): "kept"}, cuts=CUT)
    erasure = erasure_of(tmp_path, [(build, inside)], [(export, inside)], [], ["a damaged folder"])
    told = "\n".join(erasure.unreachable)
    assert "1 in source 'words'" in told
    assert "export job/x1" in told
    assert "/mnt/partner/x2" in told
    assert "/mnt/partner/x3" not in told
    assert "a damaged folder" in told
    assert "backups" in told
    assert "anna" not in page(erasure, reason="asked", day="2026-01-01")


def test_the_page_has_every_section_and_a_reason_cannot_add_one(world: Corpus) -> None:
    made, _ = built(world)
    derived(world, "run", "r1", made.artefact)
    done = revoked(world, reason="asked us\n## Removed")
    assert done.revocation is not None
    text = (done.revocation.path / "ERASURE.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## What held the voice",
        "## Removed",
        "## Marked: used only with `--despite-revocation`; `speccraft gc WORKSPACE --revoked --yes` removes them",
        "## To be trained again: these checkpoints have learnt from the voice",
        "## Not reachable from here",
    ]
    assert VOICE not in text
    assert f"- build tiny/{made.artefact.record.id}" in text
    assert "- run tiny/r1" in text
