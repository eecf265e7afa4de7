"""Versions of the format: refused alone, lifted one by one, with what changes in sight."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario_world import FULL, SHORTEST

from speccraft import __version__
from speccraft.errors import InvalidScenario, UnreadableInput
from speccraft.scenario import load_scenario, versions
from speccraft.scenario.diagnostics import Diagnostic
from speccraft.scenario.text import parse
from speccraft.scenario.versions import FORMAT, MIGRATIONS, diff, load_for_migration, migrate, version_problem

COMMENTED = """\
# What we are building, and why.
speccraft: 1   # the format

name:   metro     # two   spaces stay
job: {task: transcribe, langs: [en]}  # "langs" was the word then
"""


def to_version_2(text: str) -> str:
    """What was called `langs` is called `languages`."""
    return re.sub(r"\blangs:", "languages:", text)


def to_version_3(text: str) -> str:
    """A field was added at the end."""
    return text + "seed: 0  # was always 0 before\n"


LATER = {1: to_version_2, 2: to_version_3}


def refusal(tmp_path: Path, version: str, more: str = "") -> tuple[Diagnostic, ...]:
    path = tmp_path / "scenario.yaml"
    path.write_text(SHORTEST.replace("speccraft: 1", f"speccraft: {version}") + more)
    with pytest.raises(InvalidScenario) as caught:
        load_scenario(path)
    return caught.value.findings


def test_a_newer_version_names_the_speccraft_that_is_here_and_what_it_reads(tmp_path: Path) -> None:
    (found,) = refusal(tmp_path, "3")
    assert (found.code, found.line, found.col) == ("SC108", 1, 12)
    assert found.message == f"format version 3 needs a later speccraft than {__version__}, which reads version 1"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0", "there never was a format version 0; versions count from 1"),
        ("-1", "there never was a format version -1; versions count from 1"),
        ("1.0", "the version is a whole number, and this is a decimal number"),
        ("1e0", "the version is a whole number, and this is a decimal number"),
        ("true", "the version is a whole number, and this is true or false"),
        ("[1]", "the version is a whole number, and this is a list"),
        ("", "the version is a whole number, and this is empty"),
    ],
)
def test_a_version_that_never_was_says_what_to_write(tmp_path: Path, version: str, message: str) -> None:
    (found,) = refusal(tmp_path, version)
    assert (found.code, found.message, found.help) == ("SC108", message, "write `speccraft: 1`")


def test_a_quoted_version_is_a_mistake_like_any_other_and_told_with_the_others(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text('speccraft: "1"\nname: bad name\njob: {task: transcribe, languages: [en]}\nsources: [{id: a, format: folder, path: b}]\n')
    with pytest.raises(InvalidScenario) as caught:
        load_scenario(path)
    assert [(one.path, one.help) for one in caught.value.findings] == [("speccraft", "write 1 without quotes"), ("name", "did you mean 'bad-name'?")]


def test_another_version_is_told_alone(tmp_path: Path) -> None:
    later = "colour: blue\nname: twice\nenvironment: {noise: [nothing]}\n"
    assert [found.code for found in refusal(tmp_path, "2", later)] == ["SC108"]
    assert "SC101" in [found.code for found in refusal(tmp_path, "1", later)]


def test_a_file_without_a_version_lacks_a_field_like_any_other() -> None:
    assert version_problem(parse("name: x\n")) is None


def test_an_older_version_names_the_command_that_lifts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "FORMAT", 2)
    (found,) = refusal(tmp_path, "1")
    assert found.message == f"format version 1 is older than version 2, which speccraft {__version__} reads"
    assert found.help == f"see what would change with: speccraft check {tmp_path / 'scenario.yaml'} --migrate"


def test_versions_are_lifted_one_after_the_other_and_the_layout_stays() -> None:
    assert migrate(COMMENTED, to=2, migrations=LATER) == COMMENTED.replace("speccraft: 1 ", "speccraft: 2 ").replace("langs: [en]", "languages: [en]")
    lifted = migrate(COMMENTED, to=3, migrations=LATER)
    assert lifted.splitlines()[:4] == [*COMMENTED.splitlines()[:1], "speccraft: 3   # the format", *COMMENTED.splitlines()[2:4]]
    assert lifted.endswith("seed: 0  # was always 0 before\n")


def test_the_steps_of_a_migration_may_be_taken_apart() -> None:
    assert migrate(migrate(COMMENTED, to=2, migrations=LATER), to=3, migrations=LATER) == migrate(COMMENTED, to=3, migrations=LATER)


def test_a_text_of_the_wanted_version_stays_as_it_is() -> None:
    lifted = migrate(COMMENTED, to=3, migrations=LATER)
    assert migrate(lifted, to=3, migrations=LATER) == lifted
    assert migrate(FULL) == FULL


@pytest.mark.parametrize(("version", "message"), [("4", "needs a later speccraft"), ("0", "there never was"), ("true", "is true or false")])
def test_what_cannot_be_lifted_is_refused(version: str, message: str) -> None:
    with pytest.raises(InvalidScenario) as caught:
        migrate(COMMENTED.replace("speccraft: 1", f"speccraft: {version}"), to=3, migrations=LATER)
    assert message in caught.value.findings[0].message


def test_a_version_that_is_too_old_for_every_migration_is_refused() -> None:
    with pytest.raises(InvalidScenario) as caught:
        migrate(COMMENTED, to=3, migrations={2: to_version_3})
    assert caught.value.findings[0].code == "SC108"


def test_the_diff_shows_the_lines_that_change_and_no_other() -> None:
    shown = diff(COMMENTED, migrate(COMMENTED, to=2, migrations=LATER), "a.yaml")
    assert shown.splitlines()[:2] == ["--- a.yaml (as it is)", "+++ a.yaml (migrated)"]
    assert [line for line in shown.splitlines()[2:] if line[0] in "+-"] == [
        "-speccraft: 1   # the format",
        "+speccraft: 2   # the format",
        '-job: {task: transcribe, langs: [en]}  # "langs" was the word then',
        '+job: {task: transcribe, languages: [en]}  # "langs" was the word then',
    ]
    assert diff(COMMENTED, COMMENTED, "a.yaml") == ""


def test_a_diff_of_a_text_without_a_last_line_end_stays_one_line_a_line() -> None:
    assert diff("a: 1", "a: 2", "a.yaml").splitlines()[-4:] == ["-a: 1", "\\ No newline at end of file", "+a: 2", "\\ No newline at end of file"]


def test_a_file_is_read_for_migration_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_bytes(SHORTEST.replace("\n", "\r\n").encode())
    migrated = load_for_migration(path)
    assert (migrated.before, migrated.after, migrated.diff) == (path.read_bytes().decode(), migrated.before, "")
    with pytest.raises(UnreadableInput):
        load_for_migration(tmp_path / "none.yaml")


def test_there_is_a_migration_from_every_version_before_this_one() -> None:
    assert sorted(MIGRATIONS) == list(range(1, FORMAT))


other_lines = st.lists(st.sampled_from(["# speccraft: 1", "a: 'x'", "", "   # tail", "b: [1, 2] # speccraft: 1"]), max_size=6, unique=True)
line_ends = st.sampled_from(["\n", "\r\n", "\r"])


@given(other_lines, st.integers(0, 6), line_ends, st.sampled_from(["1", "01", "0x1", "+1"]))
def test_stamping_a_version_changes_nothing_else(lines: list[str], at: int, end: str, written: str) -> None:
    def text(version: str) -> str:
        return end.join([*lines[:at], f"speccraft: {version}  # here", *lines[at:]]) + end

    assert migrate(text(written), to=2, migrations={1: lambda same: same}) == text("2")
