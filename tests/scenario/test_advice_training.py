"""The stages, what they train on, and what is written twice."""

from __future__ import annotations

import pytest
from scenario_world import about, conversing, said, source_as


def test_stages_stand_in_the_order_in_which_they_build_on_each_other() -> None:
    (found,) = about("SC223", "training: {stages: [align, pretrain]}\n")
    assert (found.severity, found.path, found.help) == ("error", "training.stages[1]", "write [pretrain, align]")
    assert found.related == ((6, 21, "this stage builds on it"),)
    (found,) = about("SC223", "training: {stages: [align, align]}\n")
    assert (found.message, found.help) == ("`align` stands here twice", "write [align]")


@pytest.mark.parametrize("stages", ["pretrain", "align", "pretrain, align"])
def test_stages_may_be_left_out(stages: str) -> None:
    assert said(f"training: {{stages: [{stages}]}}\n") == []


def test_a_preference_stage_shows_that_nothing_is_preferred() -> None:
    stages = "training: {stages: [pretrain, prefer]}\n"
    assert about("SC210", stages + "preference: null\n")[0].related == ((7, 13, "is empty"),)
    assert about("SC210", stages)[0].message.endswith("(no `preference` is written, so nothing is preferred)")


def test_whoever_trains_says_so() -> None:
    (found,) = about("SC214", "rights: {use: [evaluate]}\ntraining: {stages: [align]}\n")
    assert (found.severity, found.path, found.related) == ("error", "rights.use", ((7, 20, "these train"),))
    assert "so `pretrain` and `align` train" in about("SC214", "rights: {use: [evaluate]}\n")[0].message


@pytest.mark.parametrize(
    ("extra", "path", "first"),
    [
        ("rights: {use: [train, evaluate, train]}\n", "rights.use[2]", (6, 16)),
        ("rights: {accept: [MIT, MIT]}\n", "rights.accept[1]", (6, 19)),
        ("splits: {disjoint: [audio, audio]}\n", "splits.disjoint[1]", (6, 21)),
        ("roots: [a, a]\n", "roots[1]", (6, 9)),
        ("  - {id: b, format: folder, path: b, stages: [align, align]}\n", "sources[1].stages[1]", (6, 47)),
        ("  - {id: b, format: folder, path: b, endings: [.wav, .wav]}\n", "sources[1].endings[1]", (6, 48)),
        ("  - {id: b, format: synthesis, texts: [a, a], voices: [{id: v, voice: en}]}\n", "sources[1].texts[1]", (6, 40)),
        ("  - {id: b, format: synthesis, texts: [a], voices: [{id: v, voice: en}, {id: v, voice: de}]}\n", "sources[1].voices[1].id", (6, 58)),
        ("preference: {criteria: [safe, safe]}\n", "preference.criteria[1]", (6, 25)),
        ("splits: {unseen: {speaker: [a, a]}}\n", "splits.unseen.speaker[1]", (6, 29)),
    ],
)  # fmt: skip
def test_an_entry_that_stands_twice_is_a_warning_that_shows_the_first(extra: str, path: str, first: tuple[int, int]) -> None:
    (found,) = about("SC222", extra)
    assert (found.severity, found.path, found.related) == ("warning", path, ((*first, "first written here"),))


def test_languages_are_the_same_in_any_case() -> None:
    assert about("SC222", "", conversing().replace("[en]", "[en, EN]"))[0].path == "job.languages[1]"


def test_two_rules_of_one_name_are_an_error() -> None:
    (found,) = about("SC222", "manual: {rules: [{id: a, must: answer}, {id: a, must: refuse}]}\n", conversing())
    assert (found.severity, found.path, found.related) == ("error", "manual.rules[1].id", ((6, 23, "first used here"),))


def test_a_setting_of_another_detector_and_preferences_without_their_stage_show_what_was_chosen() -> None:
    (found,) = about("SC212", "segmentation: {detector: energy, aggressiveness: 1}\n")
    assert found.related == ((6, 26, "chosen here"),)
    assert [found.path for found in about("SC212", "segmentation: {detector: given, aggressiveness: 1, keep_pause_s: 0.2}\n")] == [
        "segmentation.aggressiveness",
        "segmentation.keep_pause_s",
    ]
    (found,) = about("SC212", "preference: {criteria: [safe]}\n")
    assert found.message.endswith("(no `training.stages` is written, so `stages: [pretrain, align]` holds)")


def test_a_stage_without_data_shows_what_the_sources_serve() -> None:
    (found,) = about("SC210", "", source_as("format: folder, path: a, stages: [align]"))
    assert found.related == ((5, 69, "without `pretrain`"),)
