"""Faults that are nobody's field: paths that lead out, files that change, patterns that hang, and what is written out again."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus import Corpus, lines_of, plan_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from scenario_world import FULL, SHORTEST, SOURCE, about, source_as
from test_explain import completed

from speccraft.build.run import Built, build
from speccraft.errors import InvalidScenario, UnreadableInput
from speccraft.ingest import reach_of, read_sources
from speccraft.resources import data_folder
from speccraft.scenario import Scenario, load_scenario
from speccraft.scenario.diagnostics import render_all
from speccraft.scenario.explain import explanations
from speccraft.scenario.text import check, parse

ROOT = Path(__file__).parents[2]

# Paths: what they start from, and what they may reach (Y18).


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of recordings beside the scenario's, which is `project`."""
    recordings = tmp_path / "outside"
    recordings.mkdir()
    (recordings / "a.wav").touch()
    (tmp_path / "project").mkdir()
    return recordings


def rows_of(project: Path, path: str, roots: str = "[]", data: Path | None = None) -> list[Path | None]:
    """The files that a source of this path has, in a project without any but links."""
    scenario = project / "scenario.yaml"
    scenario.write_text(SHORTEST.replace(SOURCE, f"  - {{id: digits, format: folder, path: '{path}', licence: CC0-1.0}}\nroots: {roots}\n"))
    loaded = load_scenario(scenario)
    return [row.path for row in read_sources(loaded.scenario, reach_of(scenario, loaded.scenario, data))["digits"]]


def test_a_path_starts_from_the_scenario_wherever_the_command_does(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(outside, outside.parent / "project" / "mine")
    monkeypatch.chdir("/")
    assert rows_of(outside.parent / "project", "mine") == [outside.parent / "project/mine/a.wav"]


def test_a_path_starts_from_the_data_folder_when_one_is_named(outside: Path) -> None:
    assert rows_of(outside.parent / "project", "outside", data=outside.parent) == [outside / "a.wav"]


@pytest.mark.parametrize("path", ["../outside", "x/../../outside", "OUTSIDE", "../project/../outside"])
def test_a_path_that_leads_out_is_refused_and_says_where_to_list_it(outside: Path, path: str) -> None:
    written = path.replace("OUTSIDE", str(outside))
    with pytest.raises(UnreadableInput, match="lies outside the data folder") as refusal:
        rows_of(outside.parent / "project", written)
    assert "roots:" in refusal.value.try_this
    assert rows_of(outside.parent / "project", written, roots="[../outside]") == [outside / "a.wav"]


def test_a_link_that_leads_out_is_refused_like_the_path_that_it_stands_for(outside: Path) -> None:
    (outside.parent / "project/link").symlink_to(outside)
    with pytest.raises(UnreadableInput, match="lies outside the data folder"):
        rows_of(outside.parent / "project", "link")
    assert rows_of(outside.parent / "project", "link", roots="[../outside]") == [outside / "a.wav"]


def test_a_file_that_is_a_link_out_is_a_row_with_a_problem(outside: Path) -> None:
    (outside.parent / "project/mine").mkdir()
    (outside.parent / "project/mine/a.wav").symlink_to(outside / "a.wav")
    assert rows_of(outside.parent / "project", "mine") == [None]


@pytest.mark.parametrize(
    "path", ["~/outside", "~", "~anna/x", "$HOME/outside", "${HOME}", "%USERPROFILE%/x", "C:\\data", "c:/data", "..\\outside", "\\\\host\\x"]
)
def test_what_a_shell_would_expand_is_not_and_check_says_so(path: str) -> None:
    (found,) = about("SC230", "", source_as(f"format: folder, path: '{path}'"))
    assert (found.severity, found.path) == ("error", "sources[0].path")
    assert about("SC230", f"roots: ['{path}']\nrights: {{consents: '{path}'}}\ntraining: {{recipe: '{path}'}}\n")[0].path == "roots[0]"


@pytest.mark.parametrize("path", ["a~b", "./~", "data/$x", "50%", "a:b", "weird\\name", "~tilde~.csv", "../a", "/a", "%", "$"])
def test_a_name_that_only_looks_odd_is_a_name(path: str) -> None:
    assert not about("SC230", "", source_as(f"format: folder, path: '{path}'"))


parts = st.sampled_from(["..", ".", "mine", "link", "loop", "outside", "project", "", "~", "$HOME", "%TEMP%", "a.wav", "C:"])


@given(st.lists(parts, min_size=1, max_size=7).map("/".join))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_source_path_ever_opens_what_lies_outside(outside: Path, path: str) -> None:
    project = outside.parent / "project"
    for name, target in (("link", outside), ("loop", "loop")):
        if not (project / name).is_symlink():
            (project / name).symlink_to(target)
    try:
        rows = rows_of(project, path)
    except (InvalidScenario, UnreadableInput):
        return
    assert all(row is None or row.is_relative_to(project) for row in rows)


# The scenario changes while it is built (Y19).


@pytest.mark.slow
def test_what_is_committed_is_the_text_that_was_read(corpus: Corpus, tiny_build: tuple[Corpus, Built]) -> None:
    before = corpus.scenario.read_text()
    loaded, plan, told = load_scenario(corpus.scenario), plan_of(corpus), []

    def change(phase: str, done: int, total: int) -> None:
        told.append(phase)
        corpus.write_scenario(seed=len(told), name="other", splits={"test": 0.9, "dev": 0.0})

    built = build(loaded, plan, workspace=corpus.workspace, workers=1, on_progress=change)
    assert {"decode and measure", "write"} <= set(told)
    assert corpus.scenario.read_text() != before
    scenario = built.artefact.record.info["scenario"]
    assert (scenario["text"], scenario["digest"]) == (before, loaded.digest)
    assert (built.artefact.record.name, built.artefact.record.info["seed"]) == ("tiny", 0)
    undisturbed = tiny_build[1].artefact
    assert lines_of(built.artefact.path / "cuts.test.jsonl") == lines_of(undisturbed.path / "cuts.test.jsonl")


# No field is a wildcard or an expression that may hang (Y20); `manual.rules[].pattern` stands in test_pattern.py.


@pytest.mark.parametrize("wanted", ["'*'", "'(a+)+$'", "'a.*'", "'?nna'", "['**', '[a-z]*']"])
def test_where_compares_and_never_searches(tmp_path: Path, wanted: str) -> None:
    (tmp_path / "t.csv").write_text(f"path,who\na.wav,anna\nb.wav,{'a' * 5000}b\n")
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(source_as(f"format: table, path: t.csv, columns: {{audio: path}}, where: {{who: {wanted}}}"))
    loaded = load_scenario(scenario)
    with pytest.raises(UnreadableInput, match=r"no row of t\.csv is selected"):
        read_sources(loaded.scenario, reach_of(scenario, loaded.scenario, None))


@pytest.mark.parametrize(("path", "endings"), [("audio/**", ".wav"), ("/**", ".wav"), ("audio", ".*"), ("audio", "*"), ("a*", ".wav")])
def test_stars_in_paths_and_endings_are_stars(tmp_path: Path, path: str, endings: str) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio/a.wav").touch()
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(source_as(f"format: folder, path: '{path}', endings: ['{endings}']"))
    loaded = load_scenario(scenario)
    with pytest.raises(UnreadableInput):
        read_sources(loaded.scenario, reach_of(scenario, loaded.scenario, None))


# What is written out again is the same (Y22).


def scenarios() -> Iterator[object]:
    yield pytest.param(FULL, id="full")
    yield from (pytest.param(completed(one.right), id=code) for code, one in explanations().items() if one.right)
    for path in sorted([*data_folder("recipes").parent.glob("examples/*/scenario.yaml"), *ROOT.glob("speccraft/*scenario.yaml")]):
        yield pytest.param(path.read_text(), id=path.parent.name)


@pytest.mark.parametrize("text", scenarios())
def test_a_scenario_that_is_written_out_as_yaml_is_read_as_the_same(text: str, tmp_path: Path) -> None:
    scenario = check(parse(text), Scenario)
    written = io.StringIO()
    YAML(typ="safe", pure=True).dump(scenario.model_dump(mode="json", by_alias=True), written)
    path = tmp_path / "scenario.yaml"
    path.write_text(written.getvalue())
    assert load_scenario(path).scenario == scenario


# What is left of the list: many problems at once (Y16), blanks that are none (Y11), and languages that look like truths (Y05).


def test_five_hundred_problems_are_all_told_in_order_and_twenty_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(SHORTEST + "".join(f"colour{number}: blue\n" for number in range(500)))
    with pytest.raises(InvalidScenario) as refusal:
        load_scenario(path)
    found = refusal.value.findings
    assert [one.line for one in found] == list(range(6, 506))
    assert render_all(found).count("error[SC101]") == 20
    assert render_all(found).endswith("480 more (--json has all of them)")


def test_a_no_break_space_does_not_indent_and_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(SHORTEST + "splits:\n\u00a0\u00a0test: 0.2\n")
    with pytest.raises(InvalidScenario) as refusal:
        load_scenario(path)
    assert "<U+00A0><U+00A0>test" in render_all(refusal.value.findings)


@pytest.mark.parametrize("tag", ["NO", "no", "on", "y-x-1"])
def test_norwegian_is_a_language(tag: str) -> None:
    scenario = check(parse(SHORTEST.replace("[en]", f"[{tag}]")), Scenario)
    assert scenario.job.languages == (tag,)
    assert bool(about("SC221", "", SHORTEST.replace("[en]", f"[{tag}]"))) is tag.startswith("y-")
