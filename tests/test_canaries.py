"""Canaries: names of people and personal data in every place where they come in, looked for in every file that speccraft makes."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from corpus import RATE, Corpus, build_here, called, lines_of, make_corpus, word_samples

from speccraft import store
from speccraft.evaluation.evaluate import evaluate, scores_of
from speccraft.export.run import FORMATS, export
from speccraft.rights.doors import scenario_of
from speccraft.scenario.contracts import Hypothesis
from speccraft.verify_deep import verify_deep

NAMES = ("Wilhelmina", "zwitscher", "canary-7")
"""Parts of the names of a speaker, of another who goes by an address, and of a session and files."""
PERSONAL = {
    "email": "piep@canary.example",
    "phone": "+49 30 55501234",
    "card": "4111 1111 1111 1111",
    "iban": "GB82 WEST 1234 5698 7654 32",
    "ip": "192.0.2.77",
}
PRIVATE = {"ledger.parquet", "segments.parquet", "measures.parquet"}
TRANSCRIPTS = {f"{name}.{split}.jsonl" for name in ("cuts", "demonstrations") for split in ("train", "dev", "test")}
RECIPE = """{"recipe": 1, "threads": 1, "features": {"n_mels": 20},
"model": {"encoder": {"kind": "whisper", "layers": 1, "width": 32, "heads": 2}, "language_model": {"layers": 1, "width": 32, "heads": 2}},
"pretrain": {"steps": 2, "learning_rate": 0.001, "batch_audio_s": 4.0}, "align": {"steps": 2, "learning_rate": 0.001, "batch_audio_s": 4.0}}"""


def corpus_with_canaries(folder: Path, **overrides: Any) -> Corpus:
    """The tiny corpus: people with telling names, said to be so in the table, in file names and sessions; personal data in what everybody says."""
    corpus = make_corpus(folder, **overrides)
    people = {"anna": "Wilhelmina Canary", "bela": "zwitscher@canary.example"}
    texts = iter([*PERSONAL.values()] * 2)
    rows = []
    for row in corpus.rows:
        path = row["path"].replace("anna", "canary-7").replace("bela", "Wilhelmina")
        (corpus.folder / row["path"]).rename(corpus.folder / path)
        said = f"write {next(texts)} down" if row["text"] in ("ba", "di") else row["text"]
        rows.append(row | {"path": path, "text": said, "speaker": people.get(row["speaker"], row["speaker"]), "session": f"canary-7 {row['speaker']}"})
    corpus.write_rows(rows)
    corpus.add_row("words/canary-7-broken.wav", b"RIFF", speaker="Wilhelmina Canary")
    corpus.add_row("words/Wilhelmina-again.wav", (corpus.folder / "words/canary-7-zu.wav").read_bytes(), speaker="Wilhelmina Canary", text="zu")
    corpus.add_row("words/canary-7-refused.wav", word_samples("ko", seed=8), speaker="Wilhelmina Canary", licence="My-Own-1.0")
    corpus.add_file("noise/canary-7.wav", 0.1 * np.random.default_rng(9).standard_normal(2 * RATE).clip(-4, 4))
    return corpus


def contents_of(path: Path) -> Iterator[bytes]:
    """Everything that a file holds, unpacked: its name, its bytes, members of tars, cells and schemas of Parquet, and what gzip hides."""
    content = path.read_bytes()
    yield str(path).encode()
    yield content
    if path.suffix == ".tar":
        with tarfile.open(fileobj=io.BytesIO(content)) as members:
            for member in members:
                yield member.name.encode()
                file = members.extractfile(member)
                yield file.read() if file else b""
    if path.suffix == ".parquet":
        yield repr(pq.read_schema(path).metadata).encode()
        yield repr(pq.read_table(path).to_pylist()).encode()
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)


def holding(folder: Path, *canaries: str) -> set[str]:
    """The files below a folder that hold any of some texts, by name; those of the cache of decoded sound are not looked at."""
    found = set()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and inside.parts[0] != "cache":
            relative = [content.replace(str(folder).encode(), b"") for content in contents_of(path)]
            if any(canary.encode() in content for canary in canaries for content in relative):
                found.add(inside.as_posix())
    return found


def files_named(found: set[str]) -> set[str]:
    return {path.rpartition("/")[2] for path in found}


@dataclass(frozen=True)
class World:
    """A workspace in which everything was made once, and exports for others in each format."""

    workspace: Path
    build: store.Artefact
    evaluation: store.Artefact

    @property
    def exports(self) -> list[Path]:
        return [record.parent for record in self.workspace.rglob("EXPORT.json")]


def made(folder: Path, train: Callable[..., store.Artefact], **overrides: Any) -> World:
    """Build, train, evaluate and export in every format."""
    corpus = corpus_with_canaries(folder, **overrides)
    build = build_here(corpus).artefact
    scenario = scenario_of(build)
    run = train(build, corpus.workspace, scenario.name)
    answers = [
        Hypothesis(cut=cut["id"], condition=condition, prompt="", text="write it " + cut["supervisions"][0]["text"], reference=text, seconds=0.1)
        for condition in ("clean", "place")
        for cut in lines_of(build.path / "cuts.test.jsonl")
        if (text := cut["supervisions"][0]["text"])
    ]
    evaluation, _ = evaluate(run, build, corpus.workspace, scenario, answers)
    for to in FORMATS:
        export(build, scenario, to=to, workspace=corpus.workspace, conditions=("clean", "place"))
    return World(corpus.workspace, build, evaluation)


def really_trained(build: store.Artefact, workspace: Path, name: str) -> store.Artefact:
    from speccraft.trainer.recipe import Recipe
    from speccraft.trainer.run import train

    return train(build.path, workspace, Recipe.model_validate_json(RECIPE), stages=("pretrain", "align"), name=name)


def pretended(build: store.Artefact, workspace: Path, name: str) -> store.Artefact:
    """A run that nobody trained."""
    runs = workspace / store.KINDS["run"].folder / name
    with store.scratch_folder(runs) as scratch:
        store.write_bytes(scratch / "recipe.yaml", b"name: tiny-cpu\n")
        return store.commit(scratch, runs / ("0" * 16), kind="run", name=name, id="0" * 16, derives_from=[build.as_parent], info={"stages": ["pretrain"]})


@pytest.fixture(scope="module")
def flagged(tmp_path_factory: pytest.TempPathFactory) -> World:
    return made(tmp_path_factory.mktemp("flagged"), pretended, splits__disjoint=["audio"], sources__0__on_refusal="exclude")


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> World:
    return made(tmp_path_factory.mktemp("dropped"), pretended, splits__disjoint=["speaker", "audio"], privacy__pii="drop", splits__unseen={"speaker": ["emil"]})


def test_names_of_people_stand_in_the_private_tables_alone(flagged: World) -> None:
    assert files_named(holding(flagged.workspace, *NAMES)) == PRIVATE


def test_the_record_holds_a_name_that_the_scenario_itself_writes(tmp_path: Path) -> None:
    world = made(tmp_path, pretended, splits__unseen={"speaker": ["Wilhelmina Canary"], "session": ["canary-7 bela", "canary-7 nobody"]})
    assert files_named(holding(world.workspace, *NAMES)) == {*PRIVATE, "BUILD.json"}
    unseen = [row for row in lines_of(world.build.path / "cuts.test.jsonl") if row["custom"]["unseen"]]
    assert len({row["custom"]["speaker"] for row in unseen}) == 2, "the speaker and the one of the session are strangers"
    assert {row.group for row in scores_of(world.evaluation.path)} >= {"unseen", f"speaker={unseen[0]['custom']['speaker']}"}
    assert verify_deep(world.build.path).problems == []


def test_what_is_flagged_stands_where_transcripts_stand_and_in_nothing_that_leaves(flagged: World) -> None:
    found = holding(flagged.workspace, *PERSONAL.values())
    home = f"builds/tiny/{flagged.build.record.id}"
    in_shards = {path for path in found if path.startswith(f"{home}/shards/")}
    assert {path for path in in_shards if not path.endswith("/cuts.000000.jsonl")} == set()
    answered = {f"evaluations/tiny/{flagged.evaluation.record.id}/hypotheses.jsonl"}
    inside = {f"{home}/{name}" for name in (TRANSCRIPTS | PRIVATE - {"ledger.parquet"})}
    assert found - in_shards - answered <= inside
    assert {f"{home}/cuts.train.jsonl", f"{home}/segments.parquet"} <= found, "else nothing was tested"


def test_a_flag_counts_what_each_rule_found_in_report_and_findings(flagged: World) -> None:
    told = json.loads((flagged.build.path / "report.json").read_bytes())
    texts = [cut["supervisions"][0]["text"] for split in ("train", "dev", "test") for cut in lines_of(flagged.build.path / f"cuts.{split}.jsonl")]
    assert told["personal_data"]["rules"] == {rule: sum(data in text for text in texts) for rule, data in PERSONAL.items()}
    assert set(told["personal_data"]["rules"].values()) == {2}
    (finding,) = [one for one in told["findings"] if one["code"] == "SC422"]
    assert finding["message"].startswith("10 transcripts and 0 dialogues hold personal data: card in 2, email in 2")
    card = (flagged.build.path / "README.md").read_text()
    assert "10 transcripts and 0 dialogues hold personal data (card in 2, email in 2" in card


def test_exports_for_others_leave_out_what_is_flagged_and_their_cards_say_so(flagged: World, tmp_path: Path) -> None:
    build, scenario = flagged.build, scenario_of(flagged.build)
    cuts = sum(len(lines_of(build.path / f"cuts.{split}.jsonl")) for split in ("train", "dev", "test"))
    assert len(flagged.exports) == len(FORMATS)
    for folder in flagged.exports:
        record = store.open_artefact(folder, "export").record
        assert sum(count for name, count in record.info["counts"].items() if not name.endswith("_place")) == cuts - 10
        assert record.info["held_back"] == dict.fromkeys(sorted(PERSONAL), 2)
        assert "hold personal data (card in 2, email in 2, iban in 2, ip in 2, phone in 2) are left out" in (folder / "README.md").read_text()
    whole = export(build, scenario, to="nemo", workspace=tmp_path, out=tmp_path, internal=True)
    assert sum(whole.record.info["counts"].values()) == cuts
    assert "manifest.jsonl" in files_named(holding(whole.path, *PERSONAL.values()))


def test_what_is_dropped_stands_nowhere_and_the_ledger_says_why(dropped: World) -> None:
    assert holding(dropped.workspace, *PERSONAL.values()) == set()
    ledger = pl.read_parquet(dropped.build.path / "ledger.parquet").filter(rule="pii")
    assert set(ledger["fate"]) == {"dropped"}
    assert sorted(ledger["reason"]) == sorted(f"what is written holds personal data: {rule}" for rule in PERSONAL for _ in range(2))
    told = json.loads((dropped.build.path / "report.json").read_bytes())["personal_data"]
    assert told["rules_dropped"] == dict.fromkeys(told["rules"], 2)
    assert told["cuts"] == 0
    assert verify_deep(dropped.build.path).problems == []


def test_two_scenarios_with_one_key_call_a_person_the_same_and_another_key_otherwise(tmp_path: Path) -> None:
    called = []
    for name, key in (("one", b"a key of sixteen bytes"), ("two", b"a key of sixteen bytes\n"), ("three", b"another key, long enough")):
        corpus = make_corpus(tmp_path / name, name=f"tiny-{name}", privacy__pseudonym_key="people.key")
        (corpus.folder / "people.key").write_bytes(key)
        build = build_here(corpus).artefact
        assert holding(corpus.workspace, key.decode().strip()) == set()
        assert verify_deep(build.path).problems == []
        called.append({cut["custom"]["speaker"] for split in ("train", "dev", "test") for cut in lines_of(build.path / f"cuts.{split}.jsonl")})
    assert called[0] == called[1]
    assert not called[0] & called[2]
    assert len(called[0]) == 5


def test_another_key_is_another_build_and_the_same_key_the_same(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, privacy__pseudonym_key="people.key")
    (corpus.folder / "people.key").write_bytes(b"a key of sixteen bytes")
    first, again = build_here(corpus), build_here(corpus)
    assert (first.artefact.record.id, first.reused, again.reused) == (again.artefact.record.id, False, True)
    (corpus.folder / "people.key").write_bytes(b"another key, long enough")
    assert build_here(corpus).artefact.record.id != first.artefact.record.id


def test_report_cuts_and_scores_call_a_speaker_by_one_pseudonym(flagged: World, dropped: World) -> None:
    told = {row["name"] for row in json.loads((flagged.build.path / "report.json").read_bytes())["groups"]["speaker"]}
    assert told == {called(name, flagged.build) for name in ("Wilhelmina Canary", "zwitscher@canary.example", "cleo", "dora", "emil")}
    theirs = called("emil", dropped.build)
    assert theirs in {row["custom"]["speaker"] for row in lines_of(dropped.build.path / "cuts.test.jsonl")}
    assert f"speaker={theirs}" in {row.group for row in scores_of(dropped.evaluation.path)}
    assert json.loads((dropped.build.path / "splits.json").read_bytes())["unseen"] == {"speaker": [theirs]}


@pytest.mark.slow
def test_a_run_holds_neither_names_nor_what_was_flagged(tmp_path: Path) -> None:
    world = made(tmp_path, really_trained, splits__disjoint=["audio"], splits__unseen={"speaker": ["Wilhelmina Canary"]})
    assert next((world.workspace / "runs").rglob("*.safetensors"))
    assert holding(world.workspace / "runs", *NAMES, *PERSONAL.values()) == set()
