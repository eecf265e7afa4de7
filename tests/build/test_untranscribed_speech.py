"""Speech that nobody wrote down: dropped, or cut at its pauses and kept for pre-training alone, as the scenario says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from corpus import RATE, Corpus, build_here, ledger_of, lines_of, make_corpus, table_of, word_samples

from speccraft.build.run import Built
from speccraft.plan import plan_of
from speccraft.plan.supply import supply
from speccraft.scenario import load_scenario
from speccraft.scenario.contracts import SPLITS
from speccraft.verify_deep import verify_deep

PAUSE = np.zeros(RATE)
TALK = np.concatenate([part for seed in range(8) for part in (word_samples("ba", seed=seed), PAUSE)])
"""Twelve seconds: more than the five that an utterance may have."""


def corpus_in(folder: Path, untranscribed: str = "pretrain", **overrides: object) -> Corpus:
    corpus = make_corpus(folder, segmentation__untranscribed=untranscribed, **overrides)
    corpus.add_row("words/talk.wav", TALK, speaker="zoe", text="")
    corpus.add_row("words/long.wav", np.concatenate([TALK, 0.5 * TALK]), speaker="yan", text="ba ba ba ba")
    corpus.add_row("words/short.wav", word_samples("di", pitch=1.6), speaker="yan", text="di")
    return corpus


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_here(corpus_in(tmp_path_factory.mktemp("corpus")))


def fate(built: Built, input: str) -> tuple[str, str | None, int]:
    return ledger_of(built).filter(input=input).select("fate", "rule", "cuts").row(0)


def cuts_of(built: Built, input: str) -> pl.DataFrame:
    segments = table_of(built, "segments").filter(pl.col("input") == input, pl.col("fate") == "kept")
    return segments.join(table_of(built, "measures"), left_on="segment", right_on="cut", suffix="_cut")


def test_it_is_dropped_where_the_scenario_does_not_ask_for_it(tmp_path: Path) -> None:
    built = build_here(corpus_in(tmp_path, "drop"))
    assert fate(built, "words/talk.wav") == ("dropped", "transcript", 0)
    assert fate(built, "words/long.wav") == ("dropped", "longest_utterance_s", 0)


@pytest.mark.parametrize(("input", "words"), [("words/talk.wav", 8), ("words/long.wav", 16)])
def test_it_is_cut_at_its_pauses_and_serves_pre_training_alone_without_text(built: Built, input: str, words: int) -> None:
    cuts = cuts_of(built, input)
    assert fate(built, input) == ("kept", None, words)
    assert cuts["text"].null_count() == cuts["text_cut"].null_count() == words
    assert set(cuts["split"]) == {"train"}
    assert cuts["stages"].to_list() == [["pretrain"]] * words


def test_a_transcript_of_an_utterance_that_is_short_enough_stays(built: Built) -> None:
    cuts = cuts_of(built, "words/short.wav")
    assert cuts["text"].to_list() == ["di"]
    assert cuts["stages"].to_list() == [["pretrain", "align"]]


def test_nobody_is_shown_how_to_transcribe_it(built: Built) -> None:
    cuts = {cut["id"]: cut["supervisions"][0]["text"] for split in SPLITS for cut in lines_of(built.artefact.path / f"cuts.{split}.jsonl")}
    shown = [line for split in SPLITS for line in lines_of(built.artefact.path / f"demonstrations.{split}.jsonl")]
    assert all(cuts[line["messages"][0]["content"][0]["cut"]] for line in shown)
    assert len(shown) == sum(text is not None for text in cuts.values()) < len(cuts)


def test_dev_and_test_get_their_shares_of_what_has_words(built: Built) -> None:
    cuts = table_of(built, "measures").filter(pl.col("text").is_not_null())
    share = {split: cuts.filter(split=split)["seconds"].sum() / cuts["seconds"].sum() for split in ("dev", "test")}
    assert share == pytest.approx({"dev": 0.2, "test": 0.2}, abs=0.1)


@pytest.mark.slow
def test_no_target_of_hours_counts_it(tmp_path: Path) -> None:
    def found(folder: Path, untranscribed: str) -> float:
        built = build_here(corpus_in(folder, untranscribed, acceptance={"data": {"hours": {"pretrain": 0.001}}}))
        (finding,) = [one for one in json.loads((built.artefact.path / "report.json").read_bytes())["findings"] if one["code"] == "SC401"]
        return float(finding["found"])

    assert found(tmp_path / "kept", "pretrain") == pytest.approx(found(tmp_path / "dropped", "drop"), rel=0.35)


def test_what_a_stranger_said_untranscribed_is_dropped_for_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    built = build_here(corpus_in(tmp_path, splits__unseen={"speaker": ["zoe", "emil"]}))
    assert fate(built, "words/talk.wav") == ("dropped", "segmentation.untranscribed", 0)
    assert ledger_of(built).filter(input="words/talk.wav")["value"].to_list() == ["test"]
    assert verify_deep(built.artefact.path).problems == []


def test_the_deep_proof_agrees(built: Built) -> None:
    assert verify_deep(built.artefact.path).problems == []


def test_its_strata_are_proved_too(tmp_path: Path) -> None:
    corpus = corpus_in(tmp_path, splits__stratify=["session"], sources__0__columns__groups=["session"])
    assert verify_deep(build_here(corpus).artefact.path).problems == []


def test_the_plan_counts_it_apart(tmp_path: Path) -> None:
    scenarios = [load_scenario(corpus_in(tmp_path / way, way).scenario) for way in ("pretrain", "drop")]
    kept, dropped = (plan_of(scenario, lengths=True) for scenario in scenarios)
    assert supply(kept).untranscribed_hours == pytest.approx(3 * len(TALK) / RATE / 3600)
    assert supply(dropped).untranscribed_hours == 0
    assert supply(kept).stages[0].training_hours == supply(dropped).stages[0].training_hours
