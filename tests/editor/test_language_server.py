"""What an editor shows of a scenario, asked of the real yaml-language-server."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from language_server import LanguageServer

from speccraft.scenario.environment import Environment
from speccraft.scenario.fields import Wanted
from speccraft.scenario.source import FolderSource, Source

ROOT = Path(__file__).parents[2]
COMMAND = os.environ.get("SPECCRAFT_YAML_LANGUAGE_SERVER", "")
FORMATS = list(Wanted.of(Source).variants)
SCENARIOS = [*sorted(ROOT.glob("examples/*/scenario.yaml")), ROOT / "speccraft" / "demo_scenario.yaml"]
VALID = "speccraft: 1\nname: a\njob: {task: transcribe, languages: [en]}\nsources: [{id: a, format: folder, path: p}]\n"
ERROR = 1

NAMES = (f"{number}.yaml" for number in itertools.count())

pytestmark = pytest.mark.skipif(
    not COMMAND,
    reason="SPECCRAFT_YAML_LANGUAGE_SERVER is not set: `npm install --prefix DIR yaml-language-server`, then name DIR/node_modules/.bin/yaml-language-server",
)


def modeline(schema: str) -> str:
    return f"# yaml-language-server: $schema={ROOT}/schemas/{schema}.schema.json\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    with LanguageServer(shlex.split(COMMAND), tmp_path_factory.mktemp("editor")) as running:
        yield running


@pytest.fixture
def offered(server: LanguageServer, tmp_path: Path):
    """What completion offers where a `|` stands in a scenario: label, inserted text and documentation."""

    def ask(text: str) -> dict[str, tuple[str, str]]:
        path, line, character = shown(server, tmp_path, text)
        items = server.completion(path, line, character)
        fields = {label: item for label, item in items.items() if "```" not in str(item.get("documentation"))}  # not the skeletons of whole models
        return {label: (item["insertText"], str(item.get("documentation"))) for label, item in fields.items()}

    return ask


@pytest.fixture
def hovered(server: LanguageServer, tmp_path: Path):
    """What is shown of the place where a `|` stands in a scenario."""
    return lambda text: server.hover(*shown(server, tmp_path, text))


@pytest.fixture
def complaints(server: LanguageServer, tmp_path: Path):
    """The diagnostics of a text that names its schema."""

    def ask(text: str, path: Path | None = None) -> list[tuple[int, int, str]]:
        found = server.open(path or tmp_path / next(NAMES), text)
        assert all(one["severity"] == ERROR for one in found)
        return [(one["range"]["start"]["line"], one["range"]["start"]["character"], one["message"]) for one in found]

    return ask


def shown(server: LanguageServer, folder: Path, text: str) -> tuple[Path, int, int]:
    """Open a scenario without its `|`, and say where that stood."""
    before, _, after = (modeline("scenario") + text).partition("|")
    path = folder / next(NAMES)
    server.open(path, before + after)
    return path, before.count("\n"), len(before) - before.rfind("\n") - 1


def test_completion_in_a_section_lists_its_fields_with_what_they_are(offered) -> None:
    found = offered("environment:\n  |\n")
    assert found.keys() == Environment.model_fields.keys()
    assert "Signal-to-noise ratio in dB" in found["snr_db"][1]


def test_completion_of_an_optional_range_writes_a_range(offered) -> None:
    inserted, _ = offered("environment:\n  |\n")["snr_db"]
    assert inserted.split() == ["snr_db:", "${1:low}:", "${2:0}", "${3:high}:", "${4:20}"]


def test_the_task_of_a_job_completes_to_its_two_values_with_what_they_mean(offered) -> None:
    found = offered("job:\n  task: |\n")
    assert found.keys() == {"transcribe", "converse"}
    assert "write down what was said" in found["transcribe"][1]


def test_a_source_first_asks_for_its_format_and_then_for_the_fields_of_that(offered) -> None:
    assert offered("sources:\n  - |\n").keys() == {"format"}
    assert offered("sources:\n  - format: |\n").keys() == set(FORMATS)
    assert offered("sources:\n  - format: folder\n    |\n").keys() == FolderSource.model_fields.keys() - {"format"}


def test_a_channel_offers_every_codec_and_what_belongs_to_the_chosen_one(offered) -> None:
    assert offered("environment:\n  channel:\n    codec: |\n").keys() == {"none", "telephone", "opus", "mp3"}
    assert offered("environment:\n  channel:\n    codec: opus\n    |\n").keys() == {"bitrate_kbps"}


def test_hover_shows_meaning_unit_and_an_example(hovered) -> None:
    page = hovered("environment:\n  snr|_db: {low: 0, high: 20}\n")
    assert Environment.model_fields["snr_db"].description.split(". ")[0] in page
    assert "(dB)" in page
    assert "```yaml\nlow: 0\nhigh: 20\n```" in page


@pytest.mark.parametrize("text", ["chann|el: {codec: opus}", "channel: {co|dec: opus}"])
def test_hover_on_a_choice_shows_the_field_and_not_one_of_its_models(hovered, text: str) -> None:
    page = hovered(f"environment: {{{text}}}\n")
    assert ("What lies between microphone and model" in page) != ("`telephone`: 300-3400 Hz" in page)
    assert "A lossy codec" not in page


def test_an_unknown_key_is_an_error_at_its_place(complaints) -> None:
    found = complaints(modeline("scenario") + VALID + "environment: {snr_dB: {low: 0, high: 1}}\n")
    assert found == [(5, 14, "Property snr_dB is not allowed.")]


def test_a_wrong_choice_is_told_with_all_that_are_allowed_and_nothing_else(complaints) -> None:
    ((_, _, codec),) = complaints(modeline("scenario") + VALID + "environment: {channel: {codec: opuss}}\n")
    ((_, _, format),) = complaints(modeline("scenario") + VALID.replace("folder", "fodler"))
    assert codec.endswith('"none", "telephone", "opus", "mp3".')
    assert format.endswith(", ".join(f'"{name}"' for name in FORMATS) + ".")


def test_a_field_that_the_choice_needs_is_missed(complaints) -> None:
    assert {message for *_, message in complaints(modeline("scenario") + VALID + "voice: {kind: licensed}\n")} == {
        'Missing property "speaker".',
        'Missing property "consent".',
    }


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.parent.name)
def test_a_valid_scenario_has_no_error_in_the_editor(complaints, path: Path) -> None:
    text = path.read_text()
    # One planted error shows that the schema was found, in the examples through the modeline that they ship with; more would be false ones.
    text = text if "$schema=" in text else modeline("scenario") + text
    assert [message for *_, message in complaints(text + "planted: 1\n", path)] == ["Property planted is not allowed."]


@pytest.mark.parametrize("path", sorted(ROOT.glob("recipes/*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_recipe_has_no_error_in_the_editor(complaints, path: Path) -> None:
    assert [message for *_, message in complaints(modeline("recipe") + path.read_text() + "planted: 1\n", path)] == ["Property planted is not allowed."]
