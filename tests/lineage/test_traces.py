"""Trace: a voice, a file and a cut are followed through builds and what was made of them; a run is followed back to its scenario."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from corpus import Corpus, lines_of, table_of
from lineage_world import VOICE, built, copy_of, derived, revoked, spoken, voices

from speccraft import store
from speccraft.errors import UnreadableInput
from speccraft.lineage.traces import Family, Node, marked_in, trace


def walk(nodes: list[Node]) -> list[Node]:
    return [one for node in nodes for one in (node, *walk(list(node.below)))]


def called(nodes: list[Node], what: str) -> Node:
    (found,) = [node for node in walk(nodes) if node.what == what]
    return found


def all_cuts(build: store.Artefact) -> dict[str, set[str]]:
    """Cut ids of the voice, by split, from the build's own tables."""
    kept = table_of(build, "segments").filter(speaker=VOICE, fate="kept")["segment"].to_list()
    return {split: {cut["id"] for cut in lines_of(build.path / f"cuts.{split}.jsonl")} & set(kept) for split in ("train", "dev", "test")}


def test_a_voice_is_followed_into_cuts_shards_and_dialogues_and_what_was_made_of_the_build(world: Corpus) -> None:
    made, _ = built(world)
    run = derived(world, "run", "r1", made.artefact)
    own = all_cuts(made.artefact)
    (split, ids) = next((split, ids) for split, ids in own.items() if ids)
    answers = b"".join(json.dumps({"cut": id}).encode() + b"\n" for id in [*ids, "another"])
    derived(world, "evaluation", "e1", run, made.artefact, hypotheses__jsonl=answers, MODEL_CARD__md=b"# card")
    nodes = trace(world.workspace, VOICE)
    assert [node.what for node in nodes] == [f"speaker {VOICE}"]
    assert set(called(nodes, f"{split} cuts").ids) == ids
    assert len(called(nodes, "recordings").ids) == 6
    shards = called(nodes, "shard files").ids
    assert all(name.startswith(f"shards/{split}/recording") for name in shards)
    assert set(called(nodes, "demonstrations").ids) == {f"{id}-transcribe" for id in ids}
    (below,) = called(nodes, "run").below
    assert (below.what, [node.what for node in below.below]) == ("evaluation", ["answers", "cards"])
    assert below.below[0].says.startswith("6 ")


def test_noise_is_followed_under_the_cuts_that_it_is_heard_under(world: Corpus) -> None:
    made, _ = built(world)
    banks = {item["id"]: item for item in lines_of(made.artefact.path / "banks.jsonl")}
    for number in range(3):
        nodes = trace(world.workspace, f"hiss{number}.wav")
        (clip,) = called(nodes, "clips of the noise and room banks").ids
        split = banks[clip]["split"]
        heard = {cut["id"] for cut in lines_of(made.artefact.path / f"cuts.{split}.jsonl")}
        if split != "train":
            noises = {cut["id"]: cut["custom"]["place"]["noise"] for cut in lines_of(made.artefact.path / f"cuts.{split}.jsonl")}
            heard = {id for id, noise in noises.items() if noise and noise["id"] == clip}
        told = [node for node in walk(nodes) if node.what == f"other {split} cuts"]
        assert {id for node in told for id in node.ids} == heard
        assert ("may be drawn" in told[0].says) == (split == "train") if told else not heard


def test_babble_made_of_training_speech_carries_the_voice_under_other_cuts(tmp_path: Path) -> None:
    corpus = voices(tmp_path / "corpus", environment__made=["babble"])
    made, _ = built(corpus)
    items = [item for item in lines_of(made.artefact.path / "banks.jsonl") if item["source"] == "babble"]
    table = table_of(made, "segments")
    speaker = table.filter(table["segment"].is_in(items[0]["made_of"]))["speaker"][0]
    cuts = set(table.filter(speaker=speaker)["segment"])
    nodes = trace(corpus.workspace, speaker)
    assert set(called(nodes, "clips of the noise and room banks").ids) == {item["id"] for item in items if cuts & set(item["made_of"])}
    others = {id for node in walk(nodes) if node.what.startswith("other") for id in node.ids}
    assert others
    assert not others & cuts


def test_a_cut_a_pseudonym_and_an_input_are_traced_as_well(world: Corpus) -> None:
    made, _ = built(world)
    (split, ids) = next((split, ids) for split, ids in all_cuts(made.artefact).items() if ids)
    id = min(ids)
    nodes = trace(world.workspace, id)
    assert nodes[0].what == f"cut {id}"
    assert called(nodes, f"{split} cuts").ids == (id,)
    (pseudonym,) = {cut["custom"]["speaker"] for cut in lines_of(made.artefact.path / f"cuts.{split}.jsonl") if cut["id"] in ids}
    if pseudonym != VOICE:
        assert [one.below for one in trace(world.workspace, pseudonym)] == [one.below for one in trace(world.workspace, VOICE)]
    for name in (f"words/{VOICE}-ba.wav", f"words:words/{VOICE}-ba.wav"):
        assert called(trace(world.workspace, name), "recordings").ids == (f"words:words/{VOICE}-ba.wav",)


def test_a_file_is_known_by_its_samples_whatever_it_is_called(world: Corpus, tmp_path: Path) -> None:
    built(world)
    (tmp_path / "found.wav").write_bytes((world.folder / f"words/{VOICE}-ba.wav").read_bytes())
    (tmp_path / "stranger.flac").write_bytes(copy_of(spoken("nobody", "ba")))
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    assert called(trace(world.workspace, str(tmp_path / "found.wav")), "recordings").ids == (f"words:words/{VOICE}-ba.wav",)
    for name in ("stranger.flac", "broken.wav"):
        with pytest.raises(UnreadableInput):
            trace(world.workspace, str(tmp_path / name))


def test_a_run_is_followed_back_to_its_scenario_and_on_to_what_was_made_of_it(world: Corpus) -> None:
    made, _ = built(world)
    run = derived(world, "run", "abcdef01", made.artefact)
    evaluation = derived(world, "evaluation", "e1", run, made.artefact)
    for word in ("abcdef01", "abcd", str(run.path)):
        back, on = trace(world.workspace, word)
        assert [node.what for node in walk([back])] == ["run", "build", "scenario", "source", "source", "source"]
        assert (on.what, on.name) == ("evaluation", "tiny/e1")
    (back,) = trace(world.workspace, evaluation.record.id)
    assert [node.what for node in walk([back])][:3] == ["evaluation", "run", "build"]
    store.remove(made.artefact.path)
    assert "build (not here any more)" in [node.what for node in walk(trace(world.workspace, "abcdef01"))]


def test_a_checkpoint_stands_below_its_run_and_a_marked_run_says_so(world: Corpus) -> None:
    made, _ = built(world)
    run = derived(world, "run", "r1", made.artefact)
    with store.scratch_folder(run.path) as scratch:
        store.write_bytes(scratch / "model.safetensors", b"x")
        parents = [made.artefact.as_parent]
        (run.path / "checkpoints").mkdir()
        store.commit(scratch, run.path / "checkpoints/pretrain", kind="checkpoint", name="tiny", id="r1-pretrain", derives_from=parents)
    (damaged := run.path.with_name("r2.partial") / "checkpoints/align/CHECKPOINT.json").parent.mkdir(parents=True)
    damaged.write_text("{}")
    family = Family.of(world.workspace)
    assert "r1-pretrain" in {one.record.id for one in family.made_from(run)}
    assert any("align" in problem for problem in family.damaged)
    done = revoked(world)
    assert any("align" in line for line in done.erasure.unreachable), "what cannot be read is not passed over in silence"
    assert "revoked: " in called(trace(world.workspace, VOICE), "run").says
    assert {one.record.id for one in marked_in(world.workspace)} == {made.artefact.record.id, "r1"}, "checkpoints go with their run"


def test_a_word_that_means_nothing_is_an_error_that_names_what_may_be_meant(world: Corpus) -> None:
    built(world)
    with pytest.raises(UnreadableInput, match="'anja'") as error:
        trace(world.workspace, "anja")
    assert "anna" in error.value.try_this


def test_a_tree_names_a_few_ids_and_counts_all() -> None:
    node = Node("train cuts", ids=tuple("abcdefg"), below=(Node("cards", "x", "y"),))
    assert list(node.lines()) == ["7 train cuts: a, b, c, d, e, and 2 more", "  cards x (y)"]
    assert node.as_data()["below"][0]["name"] == "x"
