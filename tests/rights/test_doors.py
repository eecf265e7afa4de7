"""Every way by which bytes enter a build or a run, or leave the house, leads past the gate: where it refuses everything, nothing gets through."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from consented import FORM, LOG, grant, waive, withdraw, write_consents
from corpora_world import CORPORA, write_corpora
from corpus import RATE, SCENARIO, Corpus, build_here, lines_of, make_corpus, plan_of, speccraft, word_samples
from dialogue_world import DIALOGUES, write_dialogues
from manifest_world import SOURCES, SUPERVISED, write_manifests
from vits_world import write_checkpoint

from speccraft.errors import BrokenIntegrity, InvalidScenario, RefusedByRights, SpeccraftError
from speccraft.export.run import export
from speccraft.plan import Plan, plan
from speccraft.rights import gate
from speccraft.rights.doors import door_of, need_base_models, need_build, need_voice, papers_of
from speccraft.rights.gate import Decision, Door
from speccraft.rights.papers import Papers
from speccraft.scenario import load_scenario
from speccraft.scenario.acceptance import Rights
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.source import Source
from speccraft.sound.rooms import simulate_room
from speccraft.store import Artefact

ROOT = Path(__file__).parent.parent.parent
DAY = "2026-06-15"
VOICE = {"kind": "licensed", "speaker": "nora", "consent": "nora-2026"}
SPEAKING: dict[str, Any] = {
    "job": {"task": "converse", "languages": ["en"], "output": ["text", "speech"], "longest_utterance_s": 5.0},
    "rights": {"use": ["train", "synthesise"], "consents": "consents.yaml"},
    "voice": VOICE,
}
SPOKEN = {"texts": ["ba"], "voices": [{"id": "eve", "voice": "en-us+f3"}]}
ROUTES: dict[str, dict[str, Any]] = {
    "table": SCENARIO["sources"][0],
    "folder": {"format": "folder", "path": "words"},
    **{source["format"]: source for source in (*SOURCES.values(), *CORPORA.values(), *DIALOGUES.values())},
    "lhotse, with supervisions": SUPERVISED,
    "synthesis": {"format": "synthesis", **SPOKEN},
    "tts": {"format": "tts", "path": "model", "texts": ["ba"], "voices": [{"id": "eve"}]},
    "noise": SCENARIO["sources"][1],
    "rir": SCENARIO["sources"][2],
    "noise from a manifest": {**SOURCES["LhotseSource"], "role": "noise"},
    "rir from a manifest": {**SOURCES["NemoSource"], "role": "rir"},
    "noise that is spoken": {"format": "synthesis", "role": "noise", **SPOKEN},
}
"""For every format and every role, a source that brings something in."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The tiny corpus in every format there is."""
    corpus = make_corpus(tmp_path_factory.mktemp("world") / "corpus")
    for row in corpus.rows:
        (corpus.folder / row["path"]).with_suffix(".txt").write_text(row["text"])
    write_manifests(corpus)
    write_corpora(corpus)
    write_dialogues(corpus)
    write_checkpoint(corpus.folder / "model", seed=0)
    return corpus


def bring(corpus: Corpus, route: str, **more: Any) -> None:
    """Write a scenario that takes one more source."""
    one = {"licence": "CC0-1.0", **ROUTES[route], "id": "extra", **more}
    environment = {**SCENARIO["environment"], "noise": ["hiss", "extra"] if one.get("role") == "noise" else ["hiss"]}
    environment["rooms"] = ["halls", "extra"] if one.get("role") == "rir" else ["halls"]
    corpus.write_scenario(sources=[*SCENARIO["sources"], one], environment=environment)


def refuse_everything(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Shut the gate; what it was asked is noted."""
    asked: list[dict[str, Any]] = []

    def shut(papers: Papers, **about: Any) -> Decision:
        asked.append(about)
        return Decision(False, reason="the gate is shut")

    monkeypatch.setattr(gate, "may", shut)
    return asked


def test_every_format_and_every_role_is_a_route_here() -> None:
    formats = {model.model_fields["format"].annotation for model in get_args(get_args(Source)[0])}
    assert {source["format"] for source in ROUTES.values()} == {name for one in formats for name in get_args(one)}
    assert {source.get("role", "speech") for source in ROUTES.values()} >= {"speech", "noise", "rir"}


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_brings_rows_in_and_none_when_the_gate_refuses_everything(route: str, world: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(world, route)
    entering = plan_of(world)
    assert any(item.source.id == "extra" for item in entering.admitted), "a route by which nothing comes in shows nothing"
    asked = refuse_everything(monkeypatch)
    made = plan_of(world)
    assert made.admitted == ()
    assert set(made.stopped_by) == {"source 'words'", "source 'hiss'", "source 'halls'", "source 'extra'"}
    source = next(one for one in made.scenario.sources if one.id == "extra")
    assert {one["door"] for one in asked if one["source"] == "extra"} == {door_of(source)}


@pytest.mark.slow
@pytest.mark.parametrize("route", ["folder", "noise", "rir", "conversations"])
def test_what_is_refused_and_may_be_left_out_is_neither_in_cuts_nor_banks_nor_dialogues(route: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    write_dialogues(corpus)
    corpus.add_file("more/one.wav", {"rir": simulate_room(0.3, RATE, np.random.default_rng(9))}.get(route, word_samples("ri", pitch=1.4, seed=9)))
    (corpus.folder / "more" / "one.txt").write_text("ri")
    bring(corpus, route, on_refusal="exclude", **({} if route == "conversations" else {"path": "more"}))
    real = gate.may
    monkeypatch.setattr(gate, "may", lambda papers, **about: Decision(False, reason="shut") if about["source"] == "extra" else real(papers, **about))
    built = build_here(corpus).artefact
    assert set(pl.read_parquet(built.path / "ledger.parquet").filter(source="extra")["fate"]) == {"refused"}
    assert "extra" not in made_of(built)
    monkeypatch.undo()
    assert "extra" in made_of(build_here(corpus).artefact)


def made_of(built: Artefact) -> set[str]:
    """The sources of everything that a build holds: cuts, noise and rooms that somebody recorded, dialogues."""
    cuts = {cut["custom"]["source"] for split in SPLITS for cut in lines_of(built.path / f"cuts.{split}.jsonl")}
    told = {line["id"].split("/")[0] for path in built.path.glob("demonstrations.*.jsonl") for line in lines_of(path)}
    return cuts | told | {item["source"] for item in lines_of(built.path / "banks.jsonl") if not item["simulated"]}


def test_a_build_is_not_begun_where_the_gate_refuses_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    refuse_everything(monkeypatch)
    with pytest.raises(RefusedByRights, match="the gate is shut"):
        build_here(corpus)
    assert not corpus.workspace.exists()


def test_a_stage_of_dialogues_brings_in_neither_prompts_nor_answers_nor_text(world: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(world, "preferences")
    doors = {item.source.role for item in plan_of(world).admitted if item.row.dialogue is not None}
    assert doors == {"preferences"}
    refuse_everything(monkeypatch)
    assert not [item for item in plan_of(world).admitted if item.row.dialogue is not None]


# What takes up a build


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    corpus = make_corpus(tmp_path_factory.mktemp("built") / "corpus", environment__made=["babble"])
    return build_here(corpus).artefact


def test_a_run_takes_up_no_build_where_the_gate_refuses_everything(built: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from speccraft.trainer.recipe import load_recipe
    from speccraft.trainer.run import train

    need_build(built, papers_of(built, built.path.parents[3], DAY))
    asked = refuse_everything(monkeypatch)
    with pytest.raises(RefusedByRights, match="holds what rights refuse by now") as raised:
        train(built.path, tmp_path, load_recipe("tiny-cpu"), stages=("pretrain",), name="tiny")
    assert [line.split(" cuts or clips of ")[1] for line in raised.value.details] == [f"source '{id}': the gate is shut" for id in ("halls", "hiss", "words")]
    assert {one["door"] for one in asked} == {"speech", "noise", "rir"}
    assert {one["speaker"] for one in asked if one["door"] == "speech"} == {"anna", "bela", "cleo", "dora", "emil"}
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_given_to_others_where_the_gate_refuses_everything(built: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario(built.path.parents[3] / "scenario.yaml").scenario
    refuse_everything(monkeypatch)
    with pytest.raises(RefusedByRights, match="refused by rights"):
        export(built, scenario, to="nemo", workspace=tmp_path)
    assert not list(tmp_path.glob("exports/*/*"))


@pytest.mark.parametrize(
    "base",
    [
        {"kind": "speech-lm", "encoder": {"path": "e", "licence": "MIT"}, "language_model": {"path": "l", "licence": "MIT"}},
        *({"kind": kind, "checkpoint": {"path": "c", "licence": "MIT"}} for kind in ("whisper", "ctc", "audio-llm")),
    ],
    ids=lambda base: str(base["kind"]),
)
def test_no_base_model_enters_where_the_gate_refuses_everything(built: Artefact, base: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic import TypeAdapter

    from speccraft.trainer.base import Base
    from speccraft.trainer.sources import admit

    wanted: Any = TypeAdapter(Base).validate_json(json.dumps(base))
    papers = papers_of(built, built.path.parents[3], DAY)
    admit(wanted, papers)
    asked = refuse_everything(monkeypatch)
    with pytest.raises(RefusedByRights, match="base model"):
        admit(wanted, papers)
    assert {one["door"] for one in asked} == {"base-model"}


def test_every_kind_of_base_model_is_tried_here_and_the_others_have_no_weights() -> None:
    from speccraft.trainer.base import Base

    kinds = {kind for model in get_args(get_args(Base)[0]) for kind in get_args(model.model_fields["kind"].annotation)}
    assert kinds == {"fresh", "speech-lm", "whisper", "ctc", "audio-llm"}


def test_a_base_model_needs_a_licence_that_permits_what_is_intended() -> None:
    """L11."""
    papers = Papers(Rights(use=("train", "redistribute-model"), commercial=True), DAY)
    need_base_models({"encoder": "Apache-2.0", "language_model": "MIT"}, papers)
    with pytest.raises(RefusedByRights) as raised:
        need_base_models({"encoder": None, "language_model": "CC-BY-NC-4.0", "third": "llama3"}, papers)
    assert raised.value.details == (
        "encoder: no licence is stated",
        "language_model: CC-BY-NC-4.0 does not permit commercial use",
        "third: 'llama3' is not an SPDX expression",
    )


def test_the_gate_is_asked_through_its_module_everywhere() -> None:
    """So that one patch shuts every door; who imports the function itself would go past it."""
    for path in [*ROOT.glob("speccraft/**/*.py"), *ROOT.glob("trainer/**/*.py")]:
        assert not re.search(r"rights\.gate import .*\bmay\b", path.read_text()), path


def test_every_door_of_the_gate_is_one_that_something_comes_in_by() -> None:
    text = "".join(path.read_text() for path in [*ROOT.glob("speccraft/**/*.py")] if path.name != "gate.py")
    roles = {"speech", "noise", "rir", "demonstrations", "preferences"}
    for door in set(get_args(Door)) - roles - {"export"}:
        assert f'"{door}"' in text, door


# The voice (L19)


def speaking(tmp_path: Path, **changes: Any) -> Corpus:
    corpus = make_corpus(tmp_path / "corpus", **SPEAKING)
    write_consents(corpus.folder, changes)
    return corpus


@pytest.mark.slow
def test_a_persons_voice_is_asked_for_at_plan_build_train_and_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = speaking(tmp_path)
    built = build_here(corpus).artefact
    need_voice(load_scenario(corpus.scenario).scenario, corpus.folder, DAY)
    real = gate.may
    monkeypatch.setattr(gate, "may", lambda papers, **about: Decision(False, reason="shut") if about["door"] == "voice" else real(papers, **about))
    assert plan_of(corpus).stopped_by == {"the voice": "shut"}
    with pytest.raises(RefusedByRights, match="the voice: shut"):
        build_here(corpus)
    with pytest.raises(RefusedByRights, match="the voice is refused by rights: shut"):
        need_build(built, papers_of(built, corpus.folder, DAY))
    with pytest.raises(RefusedByRights, match="the voice is refused by rights: shut"):
        need_voice(load_scenario(corpus.scenario).scenario, corpus.folder, DAY)


@pytest.mark.slow
def test_a_voice_whose_consent_was_withdrawn_after_the_build_trains_and_serves_no_more(tmp_path: Path) -> None:
    from speccraft.trainer.recipe import load_recipe
    from speccraft.trainer.run import train

    corpus = speaking(tmp_path)
    built = build_here(corpus).artefact
    withdraw(corpus.folder, "nora")
    with pytest.raises(RefusedByRights, match="consent `nora-2026` was withdrawn on 2021-01-01"):
        train(built.path, corpus.workspace, load_recipe("tiny-cpu"), stages=("pretrain",), name="tiny")
    with pytest.raises(RefusedByRights, match="was withdrawn"):
        need_voice(load_scenario(corpus.scenario).scenario, corpus.folder, DAY)


@pytest.mark.slow
def test_a_voice_that_may_not_speak_is_an_error_of_check_at_its_place(tmp_path: Path) -> None:
    corpus = speaking(tmp_path)
    assert speccraft("check", corpus.scenario).returncode == 0
    (corpus.folder / LOG).unlink()
    done = speccraft("check", corpus.scenario)
    assert done.returncode == 1
    assert "error[SC303]: voice.consent: consent `nora-2026` is not in the consent log" in done.stderr


# People, licences of one's own and waivers in a build


def callers(corpus: Corpus, **changes: Any) -> None:
    """Let the words be of callers who were asked, and put the terms beside the scenario."""
    (corpus.folder / "callers.txt").write_bytes(FORM)
    own = {"id": "LicenseRef-callers", "text": "callers.txt", "permits": ["evaluate"], "consent": ["train"], "read_by": "J. Doe"}
    own |= {"sha256": write_consents(corpus.folder, granted=False)[0]["evidence_sha256"]}
    sources = [{**SCENARIO["sources"][0], "licence": "LicenseRef-callers"}, *SCENARIO["sources"][1:]]
    corpus.write_scenario(rights={"use": ["train", "evaluate"], "consents": "consents.yaml", "licences": [own | changes]}, sources=sources)


def reasons(made: Plan) -> set[str]:
    return {item.reason for item in made.turned_away if item.fate == "refused"}


def test_callers_are_in_the_build_each_by_a_consent_of_their_own(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    callers(corpus)
    people = [{"id": f"{name}-1", "speaker": name, "uses": ["train"], "evidence": f"{name}.txt"} for name in ("anna", "bela")]
    for person in people:
        (corpus.folder / person["evidence"]).write_text(f"{person['speaker']} agrees")
        person["evidence_sha256"] = _sha256(corpus.folder / person["evidence"])
    rows = write_consents(corpus.folder, *people, granted=False)
    assert plan_of(corpus).stopped_by.keys() == {"source 'words'"}
    grant(corpus.folder, *rows)
    made = plan_of(corpus)
    assert {item.row.speaker for item in made.admitted if item.source.id == "words"} == {"anna", "bela"}
    assert reasons(made) == {"LicenseRef-callers leaves train to whoever is heard, and no consent record is about its speaker"}
    withdraw(corpus.folder, "anna")
    assert {item.row.speaker for item in plan_of(corpus).admitted if item.source.id == "words"} == {"bela"}
    (corpus.folder / "bela.txt").write_text("bela never agreed")
    assert not [item for item in plan_of(corpus).admitted if item.source.id == "words"]


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "callers.txt").write_text("other terms"), "the text of LicenseRef-callers, callers.txt, is not the document"),
        (lambda folder: (folder / "callers.txt").unlink(), "the text of LicenseRef-callers, callers.txt, is missing"),
    ],
)
def test_a_licence_of_ones_own_permits_nothing_without_the_text_that_was_read(tmp_path: Path, spoil: Any, said: str) -> None:
    """L07."""
    corpus = make_corpus(tmp_path / "corpus")
    callers(corpus, permits=["train", "evaluate"], consent=[])
    assert plan_of(corpus).stopped_by == {}
    spoil(corpus.folder)
    assert [reason for reason in reasons(plan_of(corpus)) if said in reason]


@pytest.mark.slow
def test_what_is_waived_enters_and_says_so_in_plan_record_report_and_export(tmp_path: Path) -> None:
    """L12."""
    corpus = make_corpus(tmp_path / "corpus", sources__1__licence="CC-BY")
    assert plan_of(corpus).stopped_by.keys() == {"source 'hiss'"}
    waive(corpus.folder, "hiss", "CC-BY")
    built = build_here(corpus).artefact
    (waived,) = built.record.info["waivers"]
    assert {key: waived[key] for key in ("source", "licence", "rows", "reason", "decided_by", "day")} == {
        "source": "hiss", "licence": "CC-BY", "rows": 3, "reason": "the author wrote to us", "decided_by": "J. Doe", "day": "2021-01-01",
    }  # fmt: skip
    assert json.loads((built.path / "report.json").read_bytes())["waivers"] == [waived]
    assert {item["licence"] for item in lines_of(built.path / "banks.jsonl") if item["source"] == "hiss"} == {waived["id"]}
    scenario = load_scenario(corpus.scenario).scenario
    with pytest.raises(RefusedByRights):
        export(built, scenario, to="pointers", workspace=tmp_path, conditions=("clean", "place"))
    need_build(built, papers_of(built, corpus.folder, DAY))
    assert speccraft("verify", built.path, "--deep").returncode == 0


@pytest.mark.slow
def test_no_option_flag_or_edited_record_is_a_waiver(tmp_path: Path) -> None:
    """L12: only the consent log waives."""
    corpus = make_corpus(tmp_path / "corpus", sources__1__licence="CC-BY")
    for name in ("--force", "--yes", "--no-rights", "--allow-unlicensed"):
        assert speccraft("build-manifest", corpus.scenario, name).returncode in (2, 4)
    assert speccraft("build-manifest", corpus.scenario, "--quiet").returncode == 4
    with pytest.raises(InvalidScenario):
        load_scenario(_with(corpus, '"waivers": [],\n "name"'))


def _with(corpus: Corpus, text: str) -> Path:
    corpus.scenario.write_text(corpus.scenario.read_text().replace('"name"', text, 1))
    return corpus.scenario


# The head of the log


@pytest.mark.slow
def test_the_head_of_the_log_is_in_the_build_and_another_head_is_another_build(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    before = build_here(corpus).artefact
    assert before.record.info["consent_head"] == ""
    entry = waive(corpus.folder, "hiss", "CC-BY")
    after = build_here(corpus).artefact
    assert after.record.info["consent_head"] == entry.hash
    assert after.record.id != before.record.id
    assert after.record.files == before.record.files


@pytest.mark.slow
def test_what_was_taken_out_of_the_log_stops_build_train_and_proof(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    waive(corpus.folder, "hiss", "CC-BY")
    withdraw(corpus.folder, "anna")
    built = build_here(corpus).artefact
    assert not pl.read_parquet(built.path / "measures.parquet").filter(speaker="anna").height
    assert speccraft("consent", "verify", corpus.scenario).returncode == 0
    (corpus.folder / LOG).write_bytes((corpus.folder / LOG).read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(BrokenIntegrity, match="the consent log is not the one"):
        build_here(corpus)
    with pytest.raises(BrokenIntegrity, match="the consent log is not the one"):
        need_build(built, papers_of(built, corpus.folder, DAY))
    for command in (("consent", "verify", corpus.scenario), ("verify", built.path, "--deep")):
        done = speccraft(*command)
        assert done.returncode == 5, done.stdout + done.stderr
        assert "no longer" in done.stdout or "does not" in done.stdout


def test_a_broken_log_stops_the_plan(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    (corpus.folder / LOG).write_text("{}\n")
    done = speccraft("plan", corpus.scenario)
    assert done.returncode == 5
    assert "the consent log is broken: line 1 is no entry" in done.stderr


def test_an_unknown_speaker_is_nobody_known_in_the_plan(world: Corpus) -> None:
    """L09."""
    from speccraft.ingest.rows import Row

    scenario = load_scenario(world.scenario).scenario
    rows = {source.id: () for source in scenario.sources} | {"words": (Row("a", text="ba", speaker=" Unknown"), Row("b", text="ba", speaker="anna"))}
    assert [item.row.speaker for item in plan(scenario, rows, as_of=DAY).admitted] == [None, "anna"]


def test_nothing_raises_but_what_a_user_can_answer(tmp_path: Path) -> None:
    corpus = speaking(tmp_path, uses=["train"])
    with pytest.raises(SpeccraftError, match="does not allow synthesise, clone"):
        build_here(corpus)
