from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard
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
    assert header["license_name"] == "CC-BY-4.0 AND CC0-1.0 OR MIT"
    assert header["license_link"] == "README.md#sources-and-licences"
    assert "CC0-1.0 OR MIT" in body


def test_attribution_is_asked_for_where_a_licence_asks(tmp_path: Path) -> None:
    body = card(tmp_path / "by", some_cuts())[1]
    assert "Attribution (CC-BY-4.0): name the authors, with these lines:" in body
    assert "- digits: CC-BY-4.0" in body, "and nobody is named"
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
    write_report(write_folder(tmp_path, some_cuts(), banks=BANKS), replace(facts_of(), attributions=(("digits", "CC-BY-4.0", "Anna <b>& others"),)))
    assert "- digits: Anna &lt;b&gt;&amp; others, under CC-BY-4.0 (https://" in (tmp_path / "README.md").read_text().replace("\\", "")


def test_the_hub_reads_the_header(tmp_path: Path) -> None:
    card(tmp_path, some_cuts())
    data = DatasetCard.load(tmp_path / "README.md").data
    assert (data.pretty_name, data.language, data.multilinguality) == ("metro", ["en"], ["monolingual"])
    assert data.tags == ["audio", "speech", "speccraft", "croissant"]


def test_the_card_says_who_may_be_told_from_what_and_what_to_keep(tmp_path: Path) -> None:
    body = card(tmp_path, [cut_row(number, text="call +49 30 1234567") for number in range(6)])[1]
    assert "6 transcripts and 0 dialogues hold personal data (phone in 6)." in body
    assert "`ledger.parquet`, `segments.parquet`, `measures.parquet` name speakers and files" in body
    assert "called by pseudonyms" in body


def test_a_waiver_is_on_the_card(tmp_path: Path) -> None:
    waiver = {"source": "digits", "licence": None, "rows": 60, "day": "2026-01-01", "decided_by": "J. *Doe*", "reason": "ours", "until": None}
    write_report(write_folder(tmp_path, some_cuts()), facts_of(waivers=(waiver,)))
    assert r"- digits was let in by a waiver: decided by J. \*Doe\*, because ours" in (tmp_path / "README.md").read_text()
