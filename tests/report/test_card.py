from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from report_world import BANKS, cut_row, facts_of, some_cuts, write_folder
from ruamel.yaml import YAML

from speccraft.report.card import card_of, plain
from speccraft.report.page import write_report
from speccraft.sound.place import BankItem


def card(folder: Path, cuts: list[dict[str, Any]], banks: list[BankItem] = BANKS, **changes: Any) -> tuple[dict[str, Any], str]:
    write_report(write_folder(folder, cuts, banks=banks), facts_of(changes))
    _, header, body = (folder / "README.md").read_text().split("---\n", 2)
    return YAML(typ="safe").load(StringIO(header)), body


def test_the_header_is_yaml_and_holds_measured_facts(tmp_path: Path) -> None:
    header, _ = card(tmp_path, some_cuts())
    assert header["language"] == ["en"]
    assert header["license"] == ["cc-by-4.0", "cc0-1.0"]
    assert header["size_categories"] == ["n<1K"]
    assert header["task_categories"] == ["automatic-speech-recognition"]


def test_a_licence_the_hub_does_not_know_is_named_as_other(tmp_path: Path) -> None:
    header, body = card(tmp_path, some_cuts(), [BankItem("t", "trains", "noise", "train", "x.flac", 1.0, "CC0-1.0 OR MIT")])
    assert header["license"] == ["cc-by-4.0", "other"]
    assert "CC0-1.0 OR MIT" in header["license_name"]
    assert "CC0-1.0 OR MIT" in body


def test_attribution_is_asked_for_where_a_licence_asks(tmp_path: Path) -> None:
    assert "name the authors" in card(tmp_path / "by", some_cuts())[1]
    assert "No licence above asks for attribution" in card(tmp_path / "none", [], [])[1]


def test_the_unseen_group_is_told_apart(tmp_path: Path) -> None:
    cuts = [*some_cuts(), cut_row(99, "test", speaker="theo", unseen=True)]
    assert "holds 1 test cut of 1 speaker" in card(tmp_path, cuts)[1]


def test_the_card_follows_from_the_data_of_the_report_alone(tmp_path: Path) -> None:
    card(tmp_path, some_cuts())
    assert card_of(json.loads((tmp_path / "report.json").read_text())) == (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("place", ["a | b", "[x](javascript:1)", "<img src=x>", "`rm`", "# no heading"])
def test_a_place_with_markup_stays_text(place: str, tmp_path: Path) -> None:
    _, body = card(tmp_path, some_cuts(), environment={"place": place})
    assert plain(place) in body
    assert f" {place}" not in body


@pytest.mark.parametrize(("cuts", "size"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**9, "n>10M")])
def test_the_size_category_follows_the_number_of_cuts(cuts: int, size: str, tmp_path: Path) -> None:
    card(tmp_path, some_cuts())
    report = json.loads((tmp_path / "report.json").read_text())
    report["totals"]["cuts"] = cuts
    assert f'"{size}"' in card_of(report)


def test_whoever_is_to_be_named_is_named(tmp_path: Path) -> None:
    write_report(write_folder(tmp_path, some_cuts(), banks=BANKS), replace(facts_of(), attributions=(("voices", "CC-BY-4.0", "Anna <b>& others"),)))
    assert "- voices, CC-BY-4.0: Anna &lt;b&gt;&amp; others" in (tmp_path / "README.md").read_text().replace("\\", "")
