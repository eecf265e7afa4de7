from __future__ import annotations

from pathlib import Path

import pytest

from speccraft.errors import WrongUsage
from speccraft.interview.compose import MODELINE
from speccraft.interview.templates import copies, find, listing, templates
from speccraft.scenario import load_scenario

NAMES = sorted(templates())


def test_every_example_is_a_template_with_a_line_about_it():
    assert "metro-digits" in NAMES
    for line, name in zip(listing().splitlines(), NAMES, strict=True):
        assert line.split()[0] == name
        assert len(line.split()) > 4
        assert "*" not in line


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_passes_check_keeps_its_name_and_reads_the_schema_beside_it(name: str, tmp_path: Path):
    for path, content in copies(find(name), tmp_path / "mine.yaml").items():
        path.write_bytes(content)
    loaded = load_scenario(tmp_path / "mine.yaml")
    assert loaded.scenario.name == name
    assert loaded.text.startswith(MODELINE + "\n")
    assert loaded.text.count("yaml-language-server") == 1
    assert load_scenario(find(name).folder / "scenario.yaml").scenario == loaded.scenario
    if loaded.scenario.rights.consents is not None:
        assert (tmp_path / loaded.scenario.rights.consents).is_file()


def test_a_copy_brings_texts_and_no_audio(tmp_path: Path):
    names = {path.name for path in copies(find("licensed-narrator"), tmp_path / "s.yaml")}
    assert names == {"s.yaml", "consents.yaml", "consents.log.jsonl", "consent-nora.txt"}


def test_an_unknown_template_gets_the_near_one_and_the_list():
    with pytest.raises(WrongUsage, match="did you mean metro-digits") as caught:
        find("metro-digit")
    assert [line.split()[0] for line in caught.value.details] == list(NAMES)
