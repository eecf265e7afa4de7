"""Dialogues that a source gave are learnt from as they stand in the build."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from corpus import SCENARIO, Corpus, build_here, make_corpus

from speccraft import store
from speccraft.errors import SpeccraftError
from speccraft.scenario.contracts import Message, Part
from speccraft.trainer.data import dialogues, read_cuts, transcripts
from speccraft.trainer.generate import hypotheses
from speccraft.trainer.recipe import Recipe
from speccraft.trainer.run import train
from speccraft.trainer.tokenizer import byte_tokenizer, lay_out

AUDIO = {"type": "audio", "path": "words/anna-ba.wav"}


def conversations(corpus: Corpus) -> None:
    """A job that converses, with nothing but conversations: heard, typed, and answered aloud."""
    records = [
        {"id": f"d{n}", "messages": [{"role": "user", "content": [AUDIO | {"path": row["path"]}]}, {"role": "assistant", "content": row["text"]}]}
        for n, row in enumerate(corpus.rows[:12])
    ]
    records += [{"id": f"t{n}", "messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "yes"}]} for n in range(12)]
    spoken = [AUDIO | {"path": corpus.rows[20]["path"]}, {"type": "text", "text": "zu"}]
    records.append({"id": "aloud", "messages": [{"role": "user", "content": "say it"}, {"role": "assistant", "content": spoken}]})
    (corpus.folder / "talks.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    source = {"id": "talks", "format": "conversations", "path": "talks.jsonl", "licence": "CC0-1.0"}
    job = {"task": "converse", "languages": ["en"], "longest_utterance_s": 5.0}
    corpus.write_scenario(sources=[source], job=job, environment={"sampling_rate": 8000}, training={"stages": ["align"]})


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> store.Artefact:
    corpus = make_corpus(tmp_path_factory.mktemp("talks"))
    conversations(corpus)
    return build_here(corpus).artefact


@pytest.mark.slow
def test_alignment_learns_from_dialogues_with_and_without_audio(build: store.Artefact, recipe: Recipe, tmp_path: Path) -> None:
    short = recipe.model_copy(update={"align": recipe.align.model_copy(update={"steps": 12})})
    run = train(build.path, tmp_path, short, stages=("align",), name="talks")
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 12
    with pytest.raises(SpeccraftError, match="no transcripts"):
        list(hypotheses(run.path, build.path))


def test_dialogues_are_not_pretrained_on(build: store.Artefact, recipe: Recipe, tmp_path: Path) -> None:
    cuts = read_cuts(build.path, "train")
    assert cuts
    assert len(transcripts(cuts)) == 0
    assert len(dialogues(build.path, "train", cuts)) > len(cuts)
    with pytest.raises(SpeccraftError, match="no training cut with a transcript"):
        train(build.path, tmp_path, recipe, stages=("pretrain",), name="talks")


def test_what_a_tool_answers_is_context_and_spoken_answers_are_heard_but_not_learnt() -> None:
    tokenizer = byte_tokenizer()
    messages = [
        Message(role="tool", content=(Part(type="text", text="21"),)),
        Message(role="assistant", content=(Part(type="audio", cut="c"), Part(type="text", text="ok"))),
    ]
    ids, learnt = lay_out(messages, tokenizer)
    assert tokenizer.convert_ids_to_tokens(ids) == ["<|user|>", "2", "1", "<|end|>", "<|assistant|>", "<|audio|>", "o", "k", "<|end|>"]
    assert learnt == [False] * 6 + [True] * 3
    assert tokenizer.apply_chat_template([message.model_dump() for message in messages], tokenize=True, return_dict=True)["input_ids"] == ids


@pytest.mark.slow
def test_the_speech_of_a_scenario_is_answered_where_dialogues_stand_beside_it(recipe: Recipe, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path)
    conversations(corpus)
    source = {"id": "talks", "format": "conversations", "path": "talks.jsonl", "licence": "CC0-1.0"}
    for row in corpus.rows[:12]:
        corpus.add_file(f"others/{row['path']}", (corpus.folder / row["path"]).read_bytes() + b"\0\0")
    corpus.write_scenario(sources=[SCENARIO["sources"][0], source], environment={"sampling_rate": 8000})
    both = build_here(corpus).artefact
    quick = {stage: getattr(recipe, stage).model_copy(update={"steps": 2}) for stage in ("pretrain", "align")}
    run = train(both.path, tmp_path / "runs", recipe.model_copy(update=quick), stages=("pretrain", "align"), name="both")
    transcribed = {id for id, cut in read_cuts(both.path, "test").items() if cut.text}
    assert {answer.cut for answer in hypotheses(run.path, both.path)} == transcribed
