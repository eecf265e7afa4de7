"""A revocation knows a voice by salted hashes, and marks what was made with it, however far down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft import store
from speccraft.errors import BrokenIntegrity, RefusedByRights
from speccraft.rights.revocations import FEWEST_SHARED_KEYS, marked, need_finished, need_usable, revocations_of, salted

SALT = "5a" * 16
KEYS = st.sets(st.integers(0, 2**32 - 1), min_size=1, max_size=64)


def committed(workspace: Path, kind: str, id: str, *parents: store.Artefact) -> store.Artefact:
    home = workspace / store.KINDS[kind].folder / "job"
    with store.scratch_folder(home) as scratch:
        store.write_bytes(scratch / "x", id.encode())
        return store.commit(scratch, home / id, kind=kind, name="job", id=id, derives_from=[parent.as_parent for parent in parents])


def revocation(workspace: Path, *affected: store.Artefact, contents: tuple[str, ...] = (), prints: tuple[frozenset[int], ...] = ()) -> store.Artefact:
    info: dict[str, Any] = {"salt": SALT, "speaker": salted(SALT, "anna"), "reason": "asked us to", "day": "2026-01-01"}
    home = workspace / store.KINDS["revocation"].folder / "job"
    with store.scratch_folder(home) as scratch:
        listed = [{"kind": one.record.kind, "name": "job", "id": one.record.id, "digest": one.digest} for one in affected]
        store.write_bytes(scratch / "affected.json", json.dumps({"artefacts": listed}).encode())
        blocked = {"contents": [salted(SALT, one) for one in contents], "prints": [[salted(SALT, key) for key in keys] for keys in prints]}
        store.write_bytes(scratch / "blocked.json", json.dumps(blocked).encode())
        return store.commit(scratch, home, kind="revocation", name="job", info=info)


def test_what_derives_from_a_marked_build_is_marked_at_any_depth_and_its_siblings_are_not(tmp_path: Path) -> None:
    build, other = committed(tmp_path, "build", "b1"), committed(tmp_path, "build", "b2")
    run = committed(tmp_path, "run", "r1", build)
    later = committed(tmp_path, "run", "r2", run)
    evaluation = committed(tmp_path, "evaluation", "e1", later)
    apart = committed(tmp_path, "run", "r3", other)
    assert marked(tmp_path, build) is None
    made = revocation(tmp_path, build)
    for one in (build, run, later, evaluation):
        assert marked(tmp_path, one) == f"it holds a voice that was revoked on 2026-01-01 (asked us to); revocation job/{made.record.id}"
    assert [marked(tmp_path, one) for one in (other, apart)] == [None, None]


def test_a_copy_of_a_marked_build_is_marked_where_the_revocation_is_known(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    build = committed(elsewhere, "build", "b1")
    revocation(home, build)
    assert marked(home, build)
    assert marked(elsewhere, build) is None


def test_what_is_marked_is_used_only_where_somebody_says_so(tmp_path: Path) -> None:
    build = committed(tmp_path, "build", "b1")
    assert need_usable(tmp_path, build, despite_revocation=False) is None
    revocation(tmp_path, build)
    with pytest.raises(RefusedByRights, match="asked us to") as error:
        need_usable(tmp_path, build, despite_revocation=False)
    assert error.value.exit_code == 4
    assert "--despite-revocation" in error.value.try_this
    assert "asked us to" in str(need_usable(tmp_path, build, despite_revocation=True))


@settings(max_examples=30)
@given(own=KEYS, shared=st.integers(0, 64))
def test_a_recording_is_a_copy_from_ten_shared_keys_on(tmp_path_factory: pytest.TempPathFactory, own: set[int], shared: int) -> None:
    workspace = tmp_path_factory.mktemp("revocations")
    revocation(workspace, prints=(frozenset(own), frozenset({1})))
    (one,) = revocations_of(workspace)
    some = [*sorted(own)[:shared]]
    strangers = [key for key in range(100, 200) if key not in own]
    assert one.holds_copy([*some, *strangers]) == (len(some) >= FEWEST_SHARED_KEYS)


def test_names_and_samples_are_known_by_salted_hashes_alone(tmp_path: Path) -> None:
    made = revocation(tmp_path, contents=("a" * 64,))
    (one,) = revocations_of(tmp_path)
    assert (one.names("anna"), one.names("Anna"), one.holds_samples("a" * 64), one.holds_samples("b" * 64)) == (True, False, True, False)
    assert salted(SALT, "anna") != salted("a5" * 16, "anna")
    content = b"".join(path.read_bytes() for path in made.path.iterdir())
    assert b"anna" not in content
    assert b"a" * 20 not in content


@pytest.mark.parametrize("name", ["blocked.json", "affected.json", "REVOCATION.json"])
def test_a_revocation_that_was_edited_or_lost_a_file_lets_nothing_in(tmp_path: Path, name: str) -> None:
    build = committed(tmp_path, "build", "b1")
    made = revocation(tmp_path, build)
    (made.path / name).write_bytes(b"{}")
    with pytest.raises(BrokenIntegrity):
        marked(tmp_path, build)
    (made.path / name).unlink()
    with pytest.raises(Exception, match=r"REVOCATION\.json|revocation"):
        revocations_of(tmp_path)


def test_while_a_revocation_is_not_finished_nothing_is_built(tmp_path: Path) -> None:
    need_finished(tmp_path)
    revocation(tmp_path)
    need_finished(tmp_path)
    store.write_bytes(tmp_path / "revocations/job/pending.json", b"{}")
    with pytest.raises(RefusedByRights, match="not finished"):
        need_finished(tmp_path)
