"""The sources against each other, against the job, and against the splits."""

from __future__ import annotations

import pytest
from scenario_world import SHORTEST, SOURCE, about, conversing, said, source_as

TABLE = "format: table, path: t.csv, columns: {audio: path, text: text%s}%s"


def table(columns: str = "", more: str = "") -> str:
    return source_as(TABLE % (columns, more))


@pytest.mark.parametrize(
    ("columns", "one", "other"),
    [("text: path", "a path", "a transcript"), ("licence: path", "a path", "a licence"), ("text: t, language: t", "a transcript", "a language")],
)
def test_a_column_that_is_to_hold_two_things_shows_both_places(columns: str, one: str, other: str) -> None:
    (found,) = about("SC226", "", source_as(f"format: table, path: t.csv, columns: {{audio: path, {columns}}}"))
    assert (found.severity, other in found.message, [text for _, _, text in found.related]) == ("error", True, [f"here it holds {one}"])


def test_columns_that_may_be_one_are_left_alone() -> None:
    assert said("", table(", speaker: who, session: who, attribution: who")) == []


NOISE = "environment: {snr_db: {low: 0, high: 9}, noise: [n]}\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("format: folder, path: a", "format: folder, path: ./a/"),
        ("format: folder, path: a, endings: [.WAV, .mp3]", "format: folder, path: a, endings: [.wav]"),
        (TABLE % ("", ""), TABLE % ("", "")),
        (TABLE % ("", ", where: {kind: speech}"), TABLE % ("", "")),
        (TABLE % ("", ", where: {kind: x, lang: en}"), TABLE % ("", ", where: {kind: x}")),
    ],
)
def test_recordings_that_are_speech_and_noise_are_told_at_both_sources(one: str, other: str) -> None:
    (found,) = about("SC224", f"  - {{id: n, role: noise, {other}}}\n{NOISE}", source_as(one))
    assert (found.severity, found.path, found.related[0][2]) == ("error", "sources[1].path", "`digits` has role `speech` and the same recordings")
    (found,) = about("SC224", f"  - {{id: n, {other}}}\n", source_as(one))
    assert found.severity == "warning"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("format: folder, path: a", "format: folder, path: b"),
        ("format: folder, path: a, endings: [.wav]", "format: folder, path: a, endings: [.mp3]"),
        (TABLE % ("", ", where: {kind: speech}"), TABLE % ("", ", where: {kind: noise}")),
        (TABLE % ("", ", where: {kind: speech}"), TABLE % ("", ", where: {place: street}")),
        (TABLE % ("", ""), "format: table, path: t.csv, columns: {audio: far}"),
        (TABLE % ("", ""), "format: folder, path: t.csv"),
    ],
)
def test_recordings_that_may_differ_are_left_alone(one: str, other: str) -> None:
    assert not about("SC224", f"  - {{id: n, role: noise, {other}}}\n{NOISE}", source_as(one))


def test_a_source_in_a_language_that_the_job_does_not_speak_is_told_with_the_languages() -> None:
    (found,) = about("SC219", "", source_as("format: folder, path: a, language: de"))
    assert (found.severity, found.related) == ("error", ((3, 36, "the languages of the job"),))
    (found,) = about("SC219", "", table(", language: lang", ", language: de"))
    assert found.severity == "warning"


@pytest.mark.parametrize("fields", ["language: en-GB", "language: EN", "language: de, role: noise", "language: german", ""])
def test_a_source_that_the_job_understands_is_left_alone(fields: str) -> None:
    assert not about("SC219", "", source_as(f"format: folder, path: a, {fields}"))


def test_read_speech_for_free_speech_is_a_warning_that_shows_both() -> None:
    scripted = source_as("format: folder, path: a, style: scripted").replace("[en]", "[en], style: spontaneous")
    (found,) = about("SC220", "", scripted)
    assert (found.severity, found.path, [text for _, _, text in found.related]) == ("warning", "job.style", ["this speech is scripted"])


@pytest.mark.parametrize(("job", "source"), [("mixed", "scripted"), ("scripted", "mixed"), ("scripted", "scripted")])
def test_styles_that_go_together_are_left_alone(job: str, source: str) -> None:
    assert not about("SC220", "", source_as(f"format: folder, path: a, style: {source}").replace("[en]", f"[en], style: {job}"))


def test_one_source_without_a_style_of_its_own_has_that_of_the_job() -> None:
    scripted = source_as("format: folder, path: a, style: scripted").replace("[en]", "[en], style: spontaneous")
    assert not about("SC220", "  - {id: b, format: folder, path: b}\n", scripted)


@pytest.mark.parametrize(
    ("axis", "source", "severity"),
    [
        ("speaker", "format: folder, path: a", "warning"),  # a sidecar or an annotation beside the audio may tell
        ("session", "format: folder, path: a, speaker_folder: 1", "warning"),
        ("speaker", TABLE % ("", ""), "error"),
    ],
)
def test_nobody_can_be_kept_out_of_training_when_nobody_is_known(axis: str, source: str, severity: str) -> None:
    (found,) = about("SC229", f"splits: {{unseen: {{{axis}: [theo]}}}}\n", source_as(source))
    assert (found.severity, found.path, found.related) == (severity, f"splits.unseen.{axis}", ((5, 5, f"does not say the {axis}"),))


def test_an_unseen_voice_that_no_synthesis_has_is_an_error_at_its_name() -> None:
    spoken = source_as("format: synthesis, voices: [{id: eve, voice: en}], texts: [a]")
    (found,) = about("SC229", "splits: {unseen: {speaker: [eve, theo]}}\n", spoken)
    assert (found.severity, found.path, found.message) == ("error", "splits.unseen.speaker[1]", "no voice is called `theo`")


@pytest.mark.parametrize("source", ["format: folder, path: a, speaker_folder: 1", TABLE % (", speaker: who", "")])
def test_an_unseen_speaker_need_not_be_an_axis_of_the_splits(source: str) -> None:
    assert said("splits: {disjoint: [audio], unseen: {speaker: [theo]}}\n", source_as(source)) == []


def test_official_splits_of_a_folder_show_the_folder() -> None:
    assert about("SC209", "splits: {given: split}\n")[0].related == ((5, 26, "a folder has no columns"),)


def test_the_shortest_scenario_is_left_alone() -> None:
    assert said("", SHORTEST) == []


@pytest.mark.parametrize(
    ("axis", "source", "known"),
    [
        ("speaker", "format: folder, path: a, pattern: '{speaker}/*'", True),
        ("session", "format: folder, path: a, pattern: '{speaker}/*'", False),
        ("session", "format: folder, path: a, pattern: '{speaker}/{session}/**'", True),
        ("speaker", "format: hf, path: a, columns: {audio: audio, speaker: who}", True),
        ("speaker", "format: hf, path: a", False),
        ("session", "format: librispeech, path: a", True),
        ("speaker", "format: commonvoice, path: a", True),
        ("session", "format: commonvoice, path: a", False),
    ],
)
def test_layouts_patterns_and_columns_say_who_can_be_kept_out(axis: str, source: str, known: bool) -> None:
    assert bool(about("SC229", f"splits: {{unseen: {{{axis}: [theo]}}}}\n", source_as(source))) is not known


@pytest.mark.parametrize(
    ("one", "other", "again"),
    [
        ("format: librispeech, path: a", "format: librispeech, path: ./a", True),
        ("format: librispeech, path: a", "format: librispeech, path: b", False),
        ("format: librispeech, path: a", "format: hf, path: a", False),
        ("format: commonvoice, path: a, lists: [train]", "format: commonvoice, path: a, lists: [test]", False),
        ("format: commonvoice, path: a", "format: commonvoice, path: a, lists: [test]", True),
    ],
)
def test_a_published_corpus_enters_once(one: str, other: str, again: bool) -> None:
    assert bool(about("SC224", f"  - {{id: more, {other}}}\n", source_as(one))) is again


def test_paths_of_every_format_are_taken_as_they_are_written() -> None:
    assert about("SC230", "", source_as("format: webdataset, path: ~/shards"))


def test_demonstrations_alone_are_something_to_learn_from_and_serve_no_pretraining() -> None:
    alone = conversing().replace(SOURCE, "  - {id: talks, format: conversations, path: talks.jsonl, licence: CC0-1.0}\n")
    assert said("training: {stages: [align]}\n", alone) == []
    assert [one.code for one in said("training: {stages: [pretrain, align]}\n", alone)] == ["SC210"]


def test_preferences_alone_are_nothing_to_begin_with() -> None:
    alone = conversing().replace(SOURCE, "  - {id: judged, format: preferences, path: judged.jsonl, licence: CC0-1.0}\n")
    assert [one.code for one in about("SC204", "", alone)] == ["SC204"]
