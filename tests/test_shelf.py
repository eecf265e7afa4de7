"""The shelves of a workspace: what is listed, what is thrown away, and above all what is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from corpus import Corpus, bytes_of, speccraft
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft import shelf, store
from speccraft.errors import BadEnvironment, Locked, UnreadableInput
from speccraft.verify import verify

DEAD = 2**22 + 7
"""A process number beyond what Linux gives out."""


def info(cuts: int = 1) -> dict[str, Any]:
    return {"verdict": "PASS", "as_of": "2026-01-01", "counts": {"cuts": cuts, "seconds": 3600.0 * cuts, "inputs": cuts}}


def unit(workspace: Path, key: str) -> store.Artefact:
    with store.scratch_folder(workspace / "cache/units") as scratch:
        store.write_bytes(scratch / "audio.bin", key.encode() * 100)
        return store.commit(scratch, workspace / "cache/units" / key, kind="unit", name="source", id=key)


def build(workspace: Path, number: int, *, units: tuple[str, ...] = (), name: str = "job") -> store.Artefact:
    """Commit a build, note what it was made of, and make it the current one, as the builder does."""
    home = workspace / "builds" / name
    with store.scratch_folder(home) as scratch:
        store.write_bytes(scratch / "cuts.train.jsonl", b"")
        made = store.commit(scratch, home, kind="build", name=name, info=info(number))
    for key in units:
        if not (workspace / "cache/units" / key).exists():
            unit(workspace, key)
    store.remember(workspace, f"key-{name}-{number}", made, units=units)
    store.set_current(workspace, made)
    store.log(workspace, "build", id=made.record.id)
    return made


def derived(workspace: Path, kind: str, id: str, *parents: store.Artefact) -> store.Artefact:
    home = workspace / store.KINDS[kind].folder / "job"
    with store.scratch_folder(home) as scratch:
        store.write_bytes(scratch / "x", id.encode())
        return store.commit(scratch, home / id, kind=kind, name="job", id=id, derives_from=[parent.as_parent for parent in parents])


def wasted(workspace: Path, keep: int | None = None) -> set[str]:
    collection = shelf.collect(shelf.shelf_of(workspace), keep)
    return {one.path.relative_to(workspace).as_posix() for one in collection.waste}


def collected(workspace: Path, keep: int | None = None) -> None:
    with shelf.held(workspace):
        shelf.remove(shelf.collect(shelf.shelf_of(workspace), keep))


def test_builds_stand_in_the_order_they_were_made_with_what_was_made_from_them(tmp_path: Path) -> None:
    made = [build(tmp_path, number) for number in (3, 1, 2)]
    run = derived(tmp_path, "run", "r1", made[0])
    evaluation = derived(tmp_path, "evaluation", "e1", run, made[0])
    found = shelf.shelf_of(tmp_path)
    assert found.builds == made
    assert [found.made_from(one) for one in made] == [[evaluation, run], [], []]
    assert found.current == {made[2].path}
    assert [shelf.facts_of(one).counts.cuts for one in found.builds] == [3, 1, 2]


def test_a_build_made_again_is_the_newest(tmp_path: Path) -> None:
    first, second = build(tmp_path, 1), build(tmp_path, 2)
    store.log(tmp_path, "build", id=first.record.id)
    assert shelf.shelf_of(tmp_path).builds == [second, first]


def test_another_build_can_be_made_the_current_one(tmp_path: Path) -> None:
    first, _ = build(tmp_path, 1), build(tmp_path, 2)
    shelf.use(tmp_path, first)
    assert store.current(tmp_path, "build", "job") == first


def test_a_damaged_build_is_told_and_never_removed(tmp_path: Path) -> None:
    damaged, whole = build(tmp_path, 1), build(tmp_path, 2)
    (damaged.path / "BUILD.json").write_bytes(b"{")
    found = shelf.shelf_of(tmp_path)
    assert found.builds == [whole]
    assert [str(damaged.path) in message for message in found.damaged] == [True]
    collected(tmp_path, keep=1)
    assert damaged.path.is_dir()


def test_a_record_without_the_facts_of_a_build_is_damaged(tmp_path: Path) -> None:
    with store.scratch_folder(tmp_path / "builds/job") as scratch:
        store.write_bytes(scratch / "x", b"")
        store.commit(scratch, tmp_path / "builds/job", kind="build", name="job", info={"verdict": 1})
    assert shelf.shelf_of(tmp_path).builds == []
    assert "lacks facts" in shelf.shelf_of(tmp_path).damaged[0]


def test_a_folder_that_is_no_workspace_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="not a workspace"):
        shelf.shelf_of(tmp_path)
    assert list(tmp_path.iterdir()) == []


# What is thrown away


def test_without_keep_every_build_stays_with_its_units(tmp_path: Path) -> None:
    build(tmp_path, 1, units=("a", "b"))
    build(tmp_path, 2, units=("b", "c"))
    unit(tmp_path, "nobody")
    assert wasted(tmp_path) == {"cache/units/nobody"}


def test_keep_leaves_the_newest_the_current_and_those_that_something_was_made_from(tmp_path: Path) -> None:
    made = [build(tmp_path, number, units=(f"u{number}", "all")) for number in range(1, 7)]
    derived(tmp_path, "run", "r1", made[1])
    derived(tmp_path, "evaluation", "e1", made[2])
    store.set_current(tmp_path, made[3])
    other = build(tmp_path, 9, name="other")
    gone = {1, 5}
    expected = {f"builds/job/{made[number - 1].record.id}" for number in gone} | {f"cache/units/u{number}" for number in gone}
    expected |= {f"cache/needs/{made[number - 1].record.id}" for number in gone} | {f"cache/keys/key-job-{number}" for number in gone}
    assert wasted(tmp_path, keep=1) == expected
    collected(tmp_path, keep=1)
    assert wasted(tmp_path, keep=1) == set()
    assert [one for one in made if one.path.exists()] == [made[number - 1] for number in (2, 3, 4, 6)]
    assert other.path.exists()
    assert store.current(tmp_path, "build", "job") == made[3]


def test_a_training_that_was_interrupted_keeps_its_build(tmp_path: Path) -> None:
    first, _, _ = build(tmp_path, 1), build(tmp_path, 2), build(tmp_path, 3)
    partial = tmp_path / "runs/job/r1.partial"
    with store.scratch_folder(partial) as scratch:
        store.write_bytes(scratch / "model", b"m")
        (partial / "checkpoints").mkdir()
        store.commit(scratch, partial / "checkpoints/align", kind="checkpoint", name="job", id="r1-align", derives_from=[first.as_parent])
    collected(tmp_path, keep=1)
    assert first.path.exists()
    assert partial.exists()
    assert len(shelf.shelf_of(tmp_path).builds) == 2


def test_a_build_that_does_not_say_what_it_needs_keeps_all_cached_work(tmp_path: Path) -> None:
    made = build(tmp_path, 1, units=("a",))
    unit(tmp_path, "b")
    (tmp_path / store.NEEDS / made.record.id).unlink()
    collection = shelf.collect(shelf.shelf_of(tmp_path))
    assert collection.waste == ()
    assert made.record.id in collection.notes[0]


def test_scratch_of_dead_processes_is_waste_and_that_of_live_ones_is_not(tmp_path: Path) -> None:
    build(tmp_path, 1, units=("a",))
    derived(tmp_path, "evaluation", "e1")
    dead = [
        f"cache/units/.scratch-{DEAD}",
        f"builds/job/.scratch-{DEAD}",
        f"builds/job/.scratch-{DEAD}-0123",
        f"evaluations/job/.scratch-{DEAD}",
        f"builds/job/.{DEAD}.tmp",
        f"cache/keys/.{DEAD}.tmp",
    ]
    kept = [f"evaluations/job/.scratch-{os.getppid()}", f"evaluations/job/.{os.getppid()}.tmp", "builds/job/.scratch-x", "builds/.hidden"]
    for name in (*dead, *kept):
        store.write_bytes(tmp_path / name / "x" if "scratch" in name else tmp_path / name, b"12345")
    assert wasted(tmp_path) == set(dead)
    assert shelf.collect(shelf.shelf_of(tmp_path)).bytes == 5 * len(dead)
    collected(tmp_path)
    assert not any((tmp_path / name).exists() for name in dead)
    assert all((tmp_path / name).exists() for name in kept)


def test_what_is_freed_is_what_the_files_hold(tmp_path: Path) -> None:
    made = build(tmp_path, 1, units=("a",))
    lost = unit(tmp_path, "lost")
    assert shelf.bytes_in(made.path) == sum(path.stat().st_size for path in made.path.rglob("*"))
    assert shelf.collect(shelf.shelf_of(tmp_path)).bytes == sum(path.stat().st_size for path in lost.path.rglob("*"))


def test_links_are_neither_followed_nor_removed(tmp_path: Path) -> None:
    workspace, outside = tmp_path / "work", tmp_path / "outside"
    build(workspace, 1, units=("a",))
    unit(outside, "mine")
    (workspace / "cache/units/linked").symlink_to(outside / "cache/units/mine")
    lost = unit(workspace, "lost")
    (lost.path / "link").symlink_to(outside)
    before = bytes_of(outside)
    assert wasted(workspace) == {"cache/units/lost"}
    assert shelf.collect(shelf.shelf_of(workspace)).bytes == sum(path.stat().st_size for path in lost.path.rglob("*") if not path.is_symlink())
    collected(workspace)
    assert bytes_of(outside) == before
    assert (workspace / "cache/units/linked").is_symlink()


def test_where_the_builds_are_a_link_nothing_they_may_need_is_removed(tmp_path: Path) -> None:
    workspace = tmp_path / "work"
    build(workspace, 1, units=("a",))
    (workspace / "builds").rename(tmp_path / "elsewhere")
    (workspace / "builds").symlink_to(tmp_path / "elsewhere")
    collection = shelf.collect(shelf.shelf_of(workspace), keep=1)
    assert collection.waste == ()
    assert "is a link" in collection.notes[0]


def test_a_removal_that_dies_leaves_whole_builds_and_what_the_next_one_removes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = build(tmp_path, 1), build(tmp_path, 2)
    with monkeypatch.context() as patch:
        patch.setattr("speccraft.store.disk", store.Disk(remove_folder=lambda path, **_: (path / "cuts.train.jsonl").unlink()))
        collected(tmp_path, keep=1)
    assert not old.path.exists()
    assert verify(new.path).problems == []
    (left,) = (tmp_path / "builds/job").glob(".scratch-*")
    collected(tmp_path, keep=1)
    assert not left.exists()


def test_what_cannot_be_removed_is_an_error_about_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path, 1)
    unit(tmp_path, "lost")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr("speccraft.store.disk", store.Disk(rename=refuse))
    with pytest.raises(BadEnvironment, match="cannot be removed"):
        collected(tmp_path)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    needs=st.lists(st.sets(st.sampled_from("abcd")), min_size=1, max_size=5),
    parents=st.sets(st.integers(0, 4)),
    current=st.integers(0, 4),
    keep=st.none() | st.integers(1, 4),
)
def test_whatever_was_built_what_is_needed_stays_and_a_second_collection_finds_nothing(
    tmp_path_factory: pytest.TempPathFactory, needs: list[set[str]], parents: set[int], current: int, keep: int | None
) -> None:
    workspace = tmp_path_factory.mktemp("any")
    made = [build(workspace, number, units=tuple(sorted(units))) for number, units in enumerate(needs, 1)]
    runs = [derived(workspace, "run", f"r{number}", made[number]) for number in parents if number < len(made)]
    store.set_current(workspace, made[current % len(made)])
    unit(workspace, "lost")
    collected(workspace, keep)
    found = shelf.shelf_of(workspace)
    stay = [one for number, one in enumerate(made) if keep is None or number >= len(made) - keep or number in parents or number == current % len(made)]
    assert found.builds == stay
    assert [one for one in found.artefacts if one.record.kind == "run"] == runs
    assert {one.record.id for one in found.artefacts if one.record.kind == "unit"} == {key for one in stay for key in needs[made.index(one)]}
    assert all(verify(one.path).problems == [] for one in found.artefacts)
    assert store.current(workspace, "build", "job") == made[current % len(made)]
    assert wasted(workspace, keep) == set()


# Against others


@pytest.fixture(params=["", "runs/job"])
def busy(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A workspace in which another process builds, or trains."""
    build(tmp_path, 1)
    derived(tmp_path, "run", "r1")
    code = "import sys, time, pathlib; from speccraft import store\nwith store.locked(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / request.param)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield tmp_path
    process.kill()
    process.wait()
    process.stdout.close()


def test_nothing_is_removed_while_another_process_builds_or_trains(busy: Path) -> None:
    lost = unit(busy, "lost")
    with pytest.raises(Locked):
        collected(busy)
    assert lost.path.exists()


# As commands


@pytest.mark.slow
def test_the_commands_list_choose_and_collect(tmp_path: Path) -> None:
    first, second = build(tmp_path, 1, units=("a",)), build(tmp_path, 2, units=("b",))
    derived(tmp_path, "run", "r1", first)
    listed = speccraft("builds", tmp_path).stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [[f"job/{first.record.id}", "PASS"], ["*", f"job/{second.record.id}"]]
    assert "run job/r1" in listed[0]
    chosen = json.loads(speccraft("builds", tmp_path, "--use", first.record.id[:7], "--json").stdout)
    assert [(row["id"], row["current"], row["hours"]) for row in chosen["findings"]] == [(first.record.id, True, 1.0), (second.record.id, False, 2.0)]
    dry = speccraft("gc", tmp_path, "--keep", "1")
    assert "would be removed: 0" in dry.stdout
    shelf.use(tmp_path, second)
    unit(tmp_path, "lost")
    assert "would be removed: 1" in speccraft("gc", tmp_path).stdout
    assert (tmp_path / "cache/units/lost").exists()
    wet = json.loads(speccraft("gc", tmp_path, "--yes", "--json").stdout)
    assert (wet["counts"]["items"], wet["counts"]["removed"]) == (1, True)
    assert not (tmp_path / "cache/units/lost").exists()


@pytest.mark.parametrize(("use", "says"), [("zzz", "no build is called"), ("", "no build is called")])
def test_a_build_that_is_not_there_cannot_be_chosen_and_those_that_are_there_are_named(tmp_path: Path, use: str, says: str) -> None:
    made = build(tmp_path, 1)
    done = speccraft("builds", tmp_path, "--use", use)
    assert done.returncode == 3
    assert says in done.stderr
    assert made.record.id in done.stderr


@pytest.mark.slow
def test_a_scenario_stands_for_its_own_builds(corpus: Corpus) -> None:
    assert speccraft("build-manifest", corpus.scenario, "--as-of", "2026-01-01", "--workers", "1").returncode == 0
    build(corpus.workspace, 1, name="other")
    rows = json.loads(speccraft("builds", corpus.scenario, "--json").stdout)["findings"]
    assert [(row["name"], row["cuts"], row["current"]) for row in rows] == [("tiny", 30, True)]
    assert "would be removed: 0" in speccraft("gc", corpus.scenario).stdout
    store.write_bytes(corpus.workspace / "builds" / "tiny" / f".scratch-{DEAD}" / "x", b"x")
    assert speccraft("gc", corpus.scenario, "--yes").returncode == 0
    again = speccraft("build-manifest", corpus.scenario, "--as-of", "2026-01-01", "--workers", "1")
    assert "nothing has changed" in again.stderr
