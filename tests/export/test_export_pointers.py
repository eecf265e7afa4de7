"""The pointers: whoever has the build's shards and the manifest gets exactly the bytes that are meant."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from corpus import lines_of
from export_world import BOTH, cuts_of, exported, need_same_samples, pcm, subsets_of, text_of

from speccraft.store import Artefact


def test_a_pointer_finds_its_bytes_in_the_shards_and_proves_them(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "pointers", conditions=BOTH)
    for name, (split, condition) in subsets_of(build).items():
        rows, found = lines_of(folder / f"pointers.{name}.jsonl"), {}
        for row in rows:
            content = (build.path / row["shard"]).read_bytes()[row["offset"] : row["offset"] + row["bytes"]]
            assert hashlib.sha256(content).hexdigest() == row["sha256"]
            found[row["id"]] = pcm(content)
        assert [(row["id"], row["text"], row["duration"]) for row in rows] == [(cut["id"], text_of(cut), cut["duration"]) for cut in cuts_of(build, split)]
        need_same_samples(found, build, split, condition)


def test_the_build_and_the_shards_that_are_pointed_into_are_named_with_their_digests(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "pointers", splits=("test",), conditions=("place",))
    named = json.loads((folder / "build.json").read_bytes())
    assert named["build"] == {"kind": "build", "name": build.record.name, "id": build.record.id, "digest": build.digest}
    pointed = {row["shard"] for row in lines_of(folder / "pointers.test_place.jsonl")}
    shards = {shard["path"]: shard["sha256"] for shard in named["shards"]}
    assert shards == {path: hashlib.sha256((build.path / path).read_bytes()).hexdigest() for path in pointed}


def test_no_audio_is_copied(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "pointers", conditions=BOTH)
    assert not any(b"fLaC" in path.read_bytes() or b"RIFF" in path.read_bytes() for path in folder.rglob("*") if path.is_file())
