"""What a model refuses, told in the words of the file: place, kind of mistake, near miss."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scenario_world import FULL

from speccraft.errors import InvalidScenario
from speccraft.scenario.diagnostics import Diagnostic
from speccraft.scenario.document import lines_of
from speccraft.scenario.model import Scenario
from speccraft.scenario.text import check, parse

# fmt: off
SUCH_AS = "such as {place: metro platform, sampling_rate: 16000, channel: {codec: opus, bitrate_kbps: 16}}"

MISTAKES = [
    ("a misspelt field", "environment: {snr_dB: {low: 0, high: 1}}", "SC101", 15, "environment.snr_dB", "did you mean 'snr_db'?"),
    ("American spelling", "sources: [{id: a, format: folder, path: p, license: MIT}]", "SC101", 44, "sources[0].license", "did you mean 'licence'?"),
    ("a field of another section", "rights: {speaker: anna}", "SC101", 10, "rights.speaker", "it belongs under `voice:`"),
    ("a field of the top", "job: {task: transcribe, languages: [en], seed: 3}", "SC101", 42, "job.seed", "it belongs at the top level"),
    ("a field of a source", "columns: {audio: a}", "SC101", 1, "columns", "it belongs into an entry of `sources`"),
    ("a field of another choice", "environment: {channel: {codec: none, bitrate_kbps: 9}}", "SC101", 38, "environment.channel.bitrate_kbps",
     "it goes with `codec: opus`"),
    ("an alias, not the name in the code", "manual: {format: {kind: json, schema_: {}}}", "SC101", 31, "manual.format.schema_", "did you mean 'schema'?"),
    ("a missing field", "environment: {snr_db: {low: 0}}", "SC102", 15, "environment.snr_db.high",
     "add `high: 20` (Highest value wanted, in the unit of the field)"),
    ("a missing section", "-job", "SC102", 1, "job", "add `job: {task: transcribe, languages: [en]}` (What the assistant does)"),
    ("a missing choice", "voice: {speaker: anna}", "SC102", 1, "voice.kind", "add `kind:` with one of `none`, `stock` or `licensed`"),
    ("a misspelt choice field", "voice: {kynd: none}", "SC102", 1, "voice.kind", "write 'kind' for 'kynd'"),
    ("text for a number", "seed: 16k", "SC103", 7, "seed", "write the number alone: 16000"),
    ("a quoted number", 'seed: "16"', "SC103", 7, "seed", "write 16 without quotes"),
    ("a decimal for a whole number", "seed: 16.0", "SC103", 7, "seed", "write 16"),
    ("yes for true", "rights: {commercial: yes}", "SC103", 22, "rights.commercial", "write true"),
    ("off for false", "rights: {commercial: off}", "SC103", 22, "rights.commercial", "write false"),
    ("a truth for a number", "seed: true", "SC103", 7, "seed", ""),
    ("a number for text", "name: 3", "SC103", 7, "name", 'put it into quotes: "3"'),
    ("one value for a list", "roots: data", "SC103", 8, "roots", "write [data]"),
    ("a list for a mapping", "environment: [a]", "SC103", 14, "environment", SUCH_AS),
    ("an empty section", "environment:", "SC103", 1, "environment", "write a value, or remove the line"),
    ("neither alternative", "sources: [{id: a, format: table, path: p, columns: {audio: a}, where: {x: 3}}]", "SC103", 75, "sources[0].where.x",
     'put it into quotes: "3"'),
    ("an item of an alternative", "sources: [{id: a, format: table, path: p, columns: {audio: a}, where: {x: [y, 3]}}]", "SC103", 79, "sources[0].where.x[1]",
     'put it into quotes: "3"'),
    ("a value that is not offered", "rights: {use: [tran]}", "SC104", 16, "rights.use[0]", "did you mean 'train'?"),
    ("a quoted number that is offered", 'environment: {sampling_rate: "16000"}', "SC104", 30, "environment.sampling_rate", "write 16000 without quotes"),
    ("a key that is not offered", "acceptance: {data: {hours: {pretrian: 1}}}", "SC104", 29, "acceptance.data.hours.pretrian", "did you mean 'pretrain'?"),
    ("a choice that is not offered", "voice: {kind: stok}", "SC104", 15, "voice.kind", "did you mean 'stock'?"),
    ("no text as a choice", "voice: {kind: [stock]}", "SC104", 15, "voice.kind", ""),
    ("below the range", "seed: -1", "SC104", 7, "seed", ""),
    ("above the range", "segmentation: {aggressiveness: 4}", "SC104", 32, "segmentation.aggressiveness", ""),
    ("an empty list", "sources: []", "SC104", 10, "sources", ""),
    ("an id with a blank", "name: metro desk", "SC104", 7, "name", "did you mean 'metro-desk'?"),
    ("a band upside down", "environment: {rt60_s: {low: 2, high: 1}}", "SC104", 15, "environment.rt60_s", ""),
    ("a rule without a limit", "quality: {snr_db: {}}", "SC104", 11, "quality.snr_db", ""),
    ("a later format", "speccraft: 2", "SC104", 12, "speccraft", ""),
]
# fmt: on
KEPT = {
    "speccraft": "speccraft: 1",
    "name": "name: x",
    "job": "job: {task: transcribe, languages: [en]}",
    "sources": "sources: [{id: a, format: folder, path: p}]",
}


def findings(text: str, model: type[BaseModel] = Scenario) -> tuple[Diagnostic, ...]:
    try:
        check(parse(text, "a.yaml"), model)
    except InvalidScenario as error:
        return error.findings
    return ()


def with_line(line: str) -> str:
    """A valid scenario but for its first line, which takes the place of the section it writes; `-job` leaves one out."""
    section = line.removeprefix("-").partition(":")[0]
    rest = [text for name, text in KEPT.items() if name != section]
    return "\n".join([*([] if line.startswith("-") else [line]), *rest]) + "\n"


@pytest.mark.parametrize(("line", "code", "col", "path", "help"), [pytest.param(*case[1:], id=case[0]) for case in MISTAKES])
def test_a_mistake_is_told_once_at_its_place_with_what_to_write(line: str, code: str, col: int, path: str, help: str) -> None:
    (found,) = findings(with_line(line))
    assert (found.code, found.line, found.col, found.path, found.help) == (code, 1, col, path, help)


def test_the_texts_of_this_table_are_valid_without_the_mistakes() -> None:
    assert findings(with_line("seed: 0")) == ()


def test_a_misspelt_field_that_is_needed_is_not_also_missing() -> None:
    assert [found.path for found in findings(with_line("nmae: x").replace("name: x\n", ""))] == ["nmae"]


def test_items_that_are_wrong_do_not_also_make_their_list_too_short() -> None:
    assert [found.path for found in findings(with_line("sources: [{id: a, format: folder}]"))] == ["sources[0].path"]


def test_limits_that_contradict_each_other_show_both_places() -> None:
    (found,) = findings(with_line("splits:\n  dev: 0.6\n  test: 0.5"))
    assert (found.line, found.col, found.related) == (1, 1, ((2, 8, "`dev` is set here"), (3, 9, "`test` is set here")))


def test_a_value_given_by_an_alias_is_shown_where_it_is_written() -> None:
    found = findings(with_line("environment:\n  snr_db: &band {low: 0, high: x}\n  rt60_s: *band"))
    assert [(one.path, one.line, one.col) for one in found] == [("environment.rt60_s.high", 2, 32), ("environment.snr_db.high", 2, 32)]


def test_a_mistake_of_the_whole_file_has_a_place() -> None:
    class Whole(BaseModel):
        a: int
        b: int

        @model_validator(mode="after")
        def _agrees(self) -> Whole:
            raise ValueError("a and b quarrel {over braces}")

    (found,) = findings("# comment\na: 1\nb: 2\n", Whole)
    assert (found.line, found.col, found.message, len(found.related)) == (2, 1, "a and b quarrel {over braces}", 2)


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["leaf"]
    colour: Annotated[str, Field(min_length=2, max_length=6)] = "green"


class Twig(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["twig", "branch"]
    length_m: float | list[float] | None = None
    grows: Annotated[list[Annotated[Leaf | Twig, Field(discriminator="kind")]], Field(max_length=2)] = []
    pair: tuple[int, str] = (0, "")
    named: dict[str, Leaf] = {}


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        ("kind: twig\ngrows: [{kind: leaf, colour: 3}]\n", "SC103", "grows[0].colour"),
        ("kind: twig\ngrows: [{kind: branch, grows: [{kind: twig, lenght_m: 1}]}]\n", "SC101", "grows[0].grows[0].lenght_m"),
        ("kind: twig\ngrows: [{kind: leaf}, {kind: leaf}, {kind: leaf}]\n", "SC104", "grows"),
        ("kind: twig\ngrows: [{kind: leaf, colour: x}]\n", "SC104", "grows[0].colour"),
        ("kind: twig\nlength_m: [1.5, x]\n", "SC103", "length_m[1]"),
        ("kind: twig\npair: [1, 2]\n", "SC103", "pair[1]"),
        ("kind: twig\nnamed: {leaf: {kind: leaf, colour: 3}}\n", "SC103", "named.leaf.colour"),
        ("kind: twig\nnamed: {leaf: {}}\n", "SC102", "named.leaf.kind"),
    ],
)  # fmt: skip
def test_any_model_is_followed_through_lists_choices_and_mappings(text: str, code: str, path: str) -> None:
    assert [(found.code, found.path) for found in findings(text, Twig)] == [(code, path)]


values = ["", "3", "-1.5", "yes", "true", "null", "[]", "[1, a]", "{}", "{a: 1}", "{kind: none}", "'x'", "speech", "[{}]", "[[]]", "1" * 18, "\u202a", '"']
junk = st.sampled_from(values)
keys = st.sampled_from(["task", "kind", "codec", "format", "low", "id", "seed", "job", "columns", "where", "a b", "1", "true", "schema", "noise"])


@st.composite
def changed(draw: st.DrawFn) -> str:
    """The full scenario with one to three lines changed."""
    lines = FULL.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        key, colon, value = lines[at].partition(":")
        others = ["", f"{key}:", value, f"{key}{draw(keys)}{colon}{value}", f"{key}: {draw(junk)}", lines[at].replace(",", ":", 1)]
        lines[at] = draw(st.sampled_from(others))
    return "\n".join(lines)


@given(changed())
def test_any_change_of_a_scenario_is_accepted_or_told_at_a_place_inside_the_text(text: str) -> None:
    lines = lines_of(text)
    for found in findings(text):
        assert 1 <= found.line <= len(lines)
        assert 1 <= found.col <= len(lines[found.line - 1]) + 1
        assert found.message


def test_what_else_is_wrong_in_a_section_whose_kind_is_misspelt_is_told_at_once() -> None:
    found = findings(with_line("voice: {kind: licenced, speaker: 7}"))
    assert {(one.code, one.path) for one in found} == {("SC104", "voice.kind"), ("SC103", "voice.speaker"), ("SC102", "voice.consent")}


@pytest.mark.parametrize(
    ("line", "help"),
    [
        ("acceptance: {data: {environment_match: '0,9'}}", "decimals take a dot: 0.9"),
        ("splits: {dev: 10%}", "write a share: 0.1"),
        ("splits: {dev: 10}", "write a share, not per cent: 0.1"),
        ("budget: {gpu_hours: 8h}", "write the number alone: 8"),
        ("environment: {sampling_rate: 16.000}", "did you mean 16000?"),
        ("environment: {snr_db: 10}", "such as {low: 0.0, high: 20.0}"),
        ("environment: {snr_db: {low: 5,5, high: 25}}", 'decimals take a dot; a key would be written "5"'),
    ],
)
def test_numbers_as_people_write_them_are_answered_with_the_number(line: str, help: str) -> None:
    assert help in [one.help for one in findings(with_line(line))]
