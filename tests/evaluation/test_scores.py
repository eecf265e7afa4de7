"""Scores by condition and group."""

from __future__ import annotations

import jiwer
import pytest
from evaluation_world import SPEAKERS, WORDS, World, cut
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft import store
from speccraft.errors import BrokenIntegrity
from speccraft.evaluation.scores import HeldOutCut, condition_order, groups_of, held_out_cuts, scores
from speccraft.scenario.contracts import Hypothesis, Score


def row(rows: list[Score], metric: str, condition: str, group: str) -> Score:
    return next(one for one in rows if (one.metric, one.condition, one.group) == (metric, condition, group))


def test_every_metric_stands_for_every_condition_and_group(world: World) -> None:
    rows = scores(list(world.answers(lambda text, condition: text)), held_out_cuts(world.build))
    groups = {"all", "seen", "unseen", *(f"speaker={one}" for one in SPEAKERS)}
    conditions = {"clean", "place", "snr_20", "snr_0"}
    for metric in ("wer", "wer_raw", "cer", "exact_match"):
        assert {(one.condition, one.group) for one in rows if one.metric == metric} == {(c, g) for c in conditions for g in groups}
    assert {(one.condition, one.group) for one in rows if one.metric == "real_time_factor"} == {(c, "all") for c in conditions}


def test_n_counts_the_cuts_of_the_group(world: World) -> None:
    rows = scores(list(world.answers(lambda text, condition: text)), held_out_cuts(world.build))
    assert [row(rows, "wer", "clean", group).n for group in ("all", "seen", "unseen", "speaker=anna")] == [150, 125, 25, 25]


def test_a_score_is_what_jiwer_says_about_the_same_answers(world: World) -> None:
    answers = list(world.answers(lambda text, condition: text if condition == "clean" else "one one"))
    rows = scores(answers, held_out_cuts(world.build))
    noisy = [one for one in answers if one.condition == "snr_0"]
    assert row(rows, "wer", "snr_0", "all").value == pytest.approx(jiwer.wer([one.reference for one in noisy], [one.text for one in noisy]))
    assert row(rows, "cer", "snr_0", "all").value == pytest.approx(jiwer.cer([one.reference for one in noisy], [one.text for one in noisy]))
    assert row(rows, "wer", "clean", "all").value == 0


def test_the_real_time_factor_is_computation_over_audio(world: World) -> None:
    rows = scores(list(world.answers(lambda text, condition: text)), held_out_cuts(world.build))
    assert row(rows, "real_time_factor", "clean", "all").value == pytest.approx(0.05 / 0.5)


def test_case_and_punctuation_count_in_the_raw_rate_alone(world: World) -> None:
    rows = scores(list(world.answers(lambda text, condition: f"{text.title()}!")), held_out_cuts(world.build))
    assert row(rows, "wer", "clean", "all").value == 0
    assert row(rows, "wer_raw", "clean", "all").value == 1


def test_without_unseen_cuts_there_is_neither_seen_nor_unseen() -> None:
    cuts = {"a": HeldOutCut.model_validate_json(store.canonical_json(cut("anna", "one", 0)))}
    assert list(groups_of(cuts)) == ["all", "speaker=anna"]


def test_a_group_without_reference_words_has_no_rate_and_does_not_crash(world: World) -> None:
    cuts = held_out_cuts(world.build)
    answers = [Hypothesis(cut=id, condition="clean", prompt="", text="boo", reference="...", seconds=0.1) for id in cuts]
    assert {one.metric for one in scores(answers, cuts)} == {"wer_raw", "exact_match", "real_time_factor"}


def test_the_order_of_the_answers_changes_nothing(world: World) -> None:
    answers = list(world.answers(lambda text, condition: "one"))
    cuts = held_out_cuts(world.build)
    assert scores(answers, cuts) == scores(answers[::-1], cuts)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=4, max_size=4), st.integers(0, 3), st.text(max_size=12))
def test_replacing_a_right_answer_by_a_wrong_one_never_lowers_the_rate(said: list[str], index: int, wrong: str) -> None:
    cuts = {one.id: one for one in (HeldOutCut.model_validate_json(store.canonical_json(cut("anna", word, take))) for take, word in enumerate(WORDS[:4]))}
    said[index] = cuts[list(cuts)[index]].text

    def rate(texts: list[str]) -> dict[str, float]:
        answers = [
            Hypothesis(cut=id, condition="clean", prompt="", text=text, reference=one.text, seconds=0)
            for (id, one), text in zip(cuts.items(), texts, strict=True)
        ]
        return {one.metric: one.value for one in scores(answers, cuts) if one.group == "all"}

    before, after = rate(said), rate([*said[:index], wrong, *said[index + 1 :]])
    assert after["wer"] >= before["wer"]
    assert after["cer"] >= before["cer"]
    assert after["exact_match"] <= before["exact_match"]


def test_conditions_go_from_clean_over_louder_noise_to_the_place() -> None:
    assert sorted(["place", "telephone", "snr_0", "clean", "snr_20", "snr_5"], key=condition_order) == [
        "clean",
        "snr_20",
        "snr_5",
        "snr_0",
        "place",
        "telephone",
    ]


def test_a_line_that_is_not_a_cut_is_an_integrity_error(world: World) -> None:
    (world.build.path / "cuts.test.jsonl").write_text('{"id": 3}\n')
    with pytest.raises(BrokenIntegrity, match=r"cuts\.test\.jsonl"):
        held_out_cuts(world.build)
