"""Targets that nothing measures, and targets that nothing can reach."""

from __future__ import annotations

import pytest
from scenario_world import about, conversing, said, source_as

SPOKEN = "format: synthesis, texts: [one, two], takes: 3, voices: [{id: anna, voice: en}, {id: ben, voice: en}]"
PLACE = "  - {id: n, role: noise, format: folder, path: p}\nenvironment: {snr_db: {low: 0, high: 9}, noise: [n]}\n"


def test_a_target_for_nobody_shows_the_empty_group_or_says_that_there_is_none() -> None:
    target = "acceptance: {model: {wer: {unseen: 0.3}}}\n"
    assert about("SC207", target + "splits: {unseen: {}}\n")[0].related == ((7, 18, "names nobody"),)
    assert about("SC207", target)[0].message.endswith("(no `splits.unseen` is written, so nobody is in it)")


def test_a_target_for_no_place_shows_the_environment() -> None:
    (found,) = about("SC208", "acceptance: {model: {wer: {environment: 0.3}}}\nenvironment: {place: here}\n")
    assert found.related == ((7, 14, "declares none of them"),)


def test_a_match_needs_a_band_to_lie_in() -> None:
    (found,) = about("SC208", "acceptance: {data: {environment_match: 0.9}}\nenvironment: {clipped_fraction: {low: 0, high: 0.01}}\n")
    assert (found.path, found.related) == ("acceptance.data.environment_match", ((7, 14, "declares neither"),))
    for measurable in ("channel: {codec: telephone}", "level_dbfs: {low: -40, high: -20}"):
        assert not about("SC208", f"acceptance: {{data: {{environment_match: 0.9}}}}\nenvironment: {{{measurable}}}\n")
    assert not about("SC208", PLACE + "acceptance: {data: {environment_match: 0.9}, model: {wer: {environment: 0.3}}}\n")


@pytest.mark.parametrize("manual", ["{persona: p}", "{rules: []}"])
def test_a_target_for_a_manual_needs_something_to_check(manual: str) -> None:
    (found,) = about("SC215", f"acceptance: {{model: {{manual: 0.9}}}}\nmanual: {manual}\n", conversing())
    assert (found.severity, found.related[0][:2]) == ("error", (7, 9))


@pytest.mark.parametrize("manual", ["{rules: [{id: a, must: refuse}]}", "{format: {kind: json, schema: {}}}"])
def test_rules_and_a_format_can_be_checked(manual: str) -> None:
    assert not about("SC215", f"acceptance: {{model: {{manual: 0.9}}}}\nmanual: {manual}\n", conversing())


def test_what_is_measured_on_test_recordings_needs_some() -> None:
    targets = "acceptance: {data: {environment_match: 0.9}, model: {wer: {clean: 0.2, environment: 0.3}, real_time_factor: 1}}\n"
    found = about("SC216", PLACE + targets + "splits: {test: 0}\n")
    assert [one.path for one in found] == [
        "acceptance.data.environment_match", "acceptance.model.wer.clean", "acceptance.model.wer.environment", "acceptance.model.real_time_factor",
    ]  # fmt: skip
    assert {one.related for one in found} == {((9, 16, "nothing goes to test"),)}


@pytest.mark.parametrize("more", ["given: split", "unseen: {speaker: [theo]}"])
def test_official_splits_and_unseen_speakers_are_test_recordings_too(more: str) -> None:
    assert not about("SC216", f"acceptance: {{model: {{wer: {{clean: 0.2}}}}}}\nsplits: {{test: 0, {more}}}\n")


def test_speakers_that_nobody_knows_cannot_be_counted() -> None:
    (found,) = about("SC217", "acceptance: {data: {speakers: 1}}\n")
    assert (found.severity, found.related) == ("warning", ((5, 5, "does not say who speaks"),))


@pytest.mark.parametrize(("wanted", "splits", "told"), [(2, "{}", False), (3, "{}", True), (2, "{unseen: {speaker: [ben]}}", True)])
def test_synthetic_speakers_are_counted_without_those_kept_out(wanted: int, splits: str, told: bool) -> None:
    assert bool(about("SC217", f"acceptance: {{data: {{speakers: {wanted}}}}}\nsplits: {splits}\n", source_as(SPOKEN))) is told


def test_people_beside_synthetic_voices_are_not_guessed() -> None:
    people = "  - {id: b, format: folder, path: b, speaker_folder: 1}\n"
    assert not about("SC217", people + "acceptance: {data: {speakers: 99, hours: {align: 99}}}\n", source_as(SPOKEN))


def test_synthetic_speech_lasts_no_longer_than_all_its_utterances() -> None:
    # 2 texts, 2 voices, 3 takes and 20 s are 240 s.
    assert not about("SC217", "acceptance: {data: {hours: {align: 0.066}}}\n", source_as(SPOKEN))
    (found,) = about("SC217", "acceptance: {data: {hours: {align: 0.067}}}\n", source_as(SPOKEN))
    assert found.related == ((5, 5, "12 recordings of at most 20 s"),)


def test_a_shortest_utterance_above_the_longest_shows_both() -> None:
    (found,) = about("SC218", "quality: {duration_s: {min: 8}}\n", source_as("format: folder, path: a").replace("[en]", "[en], longest_utterance_s: 5"))
    assert (found.severity, found.path, found.related) == ("error", "quality.duration_s.min", ((3, 63, "nothing longer is kept"),))
    assert "so nothing longer than 20 s is kept" in about("SC218", "quality: {duration_s: {min: 21}}\n")[0].message
    assert not about("SC218", "quality: {duration_s: {min: 20}}\n")


def test_percent_for_a_share_is_told_with_the_share() -> None:
    (found,) = about("SC218", "quality: {speech_share: {min: 30}}\n")
    assert found.help == "write 0.3 for 30 %"


@pytest.mark.parametrize(
    ("rule", "said"),
    [("peak_dbfs: {min: 3}", "at most 0"), ("zero_fraction: {min: 2}", "at most 1"), ("snr_db: {min: 200}", ""), ("longest_pause_s: {max: -1}", "at least 0")],
)
def test_a_rule_that_no_measure_can_meet_is_an_error(rule: str, said: str) -> None:
    assert [one.message.rpartition("is ")[2] for one in about("SC218", f"quality: {{{rule}}}\n")] == ([said] if said else [])


def test_a_bandwidth_that_the_sampling_rate_cannot_hold_shows_both() -> None:
    (found,) = about("SC218", "environment: {sampling_rate: 8000}\nquality: {bandwidth_hz: {min: 6000}}\n")
    assert found.related == ((6, 30, "holds nothing above 4000 Hz"),)
    assert not about("SC218", "environment: {sampling_rate: 16000}\nquality: {bandwidth_hz: {min: 6000}}\n")


def test_hours_of_another_stage_show_the_stages_or_say_which_run() -> None:
    hours = "acceptance: {data: {hours: {prefer: 1}}}\n"
    assert about("SC211", hours + "training: {stages: [align]}\n")[0].related == ((7, 20, "these run"),)
    assert about("SC211", hours)[0].message.endswith("(no `training.stages` is written, so `stages: [pretrain, align]` holds)")


def test_targets_that_can_be_met_are_left_alone() -> None:
    targets = "acceptance: {data: {hours: {pretrain: 1}, speakers: 5, environment_match: 0.9}, model: {wer: {clean: 0.2, environment: 0.3}}}\n"
    assert said(PLACE + targets, source_as("format: folder, path: a, speaker_folder: 1")) == []


@pytest.mark.parametrize(("target", "helps"), [(20, "write a share, not per cent: 0.2"), (1, "write a share, not per cent: 0.01"), (0.99, None)])
def test_a_target_that_every_model_meets_is_warned_about(target: float, helps: str | None) -> None:
    found = [one for one in said(f"acceptance: {{model: {{wer: {{clean: {target}}}}}}}\n") if one.code == "SC231"]
    assert [one.help for one in found] == ([] if helps is None else [helps])
