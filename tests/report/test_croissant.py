"""The Croissant description of a build: the reference implementation reads it without a remark, and every file, right and duty is in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
from corpus import build_here, called, lines_of, make_corpus

from speccraft import store
from speccraft.build.run import Built
from speccraft.report.croissant import FILE, NOT_TO_BE_PASSED_ON, Described, croissant
from speccraft.verify import verify

ATTRIBUTED = {
    "sources__0__licence": "CC-BY-SA-4.0",
    "sources__0__attribution": "Anna & \u201cothers\u201d, {not} a \\ macro",
    "sources__1__licence": "CC-BY-4.0",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_here(make_corpus(tmp_path_factory.mktemp("attributed"), **ATTRIBUTED))


def read(built: Built) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((built.artefact.path / FILE).read_bytes())
    return content


def remarks(path: Path) -> tuple[set[str], set[str]]:
    issues = mlcroissant.Dataset(str(path)).metadata.ctx.issues
    return issues.errors, issues.warnings


def test_mlcroissant_has_no_remark_and_loads_every_record(built: Built) -> None:
    path = built.artefact.path
    assert remarks(path / FILE) == (set(), set())
    data = mlcroissant.Dataset(str(path / FILE))
    assert [one.id for one in data.metadata.record_sets] == ["train", "dev", "test"]
    for split in ("train", "dev", "test"):
        records, cuts = list(data.records(split)), lines_of(path / f"cuts.{split}.jsonl")
        assert [(row[f"{split}/id"].decode(), row[f"{split}/texts"]) for row in records] == [
            (cut["id"], [cut["supervisions"][0]["text"].encode()]) for cut in cuts
        ]
        assert [row[f"{split}/speaker"].decode() for row in records] == [cut["custom"]["speaker"] for cut in cuts]
        assert [row[f"{split}/seconds"] for row in records] == pytest.approx([cut["duration"] for cut in cuts])
        assert {row[f"{split}/licence"] for row in records} == {b"CC-BY-SA-4.0"}


def test_its_files_are_those_of_the_record_without_what_stays_in_the_house(built: Built) -> None:
    listed = {one["contentUrl"]: (one["sha256"], one["contentSize"]) for one in read(built)["distribution"]}
    recorded = {file.path: (file.sha256, f"{file.bytes} B") for file in built.artefact.record.files}
    assert listed == {name: told for name, told in recorded.items() if name not in (*NOT_TO_BE_PASSED_ON, FILE)}
    assert FILE in recorded
    assert all(one["encodingFormat"] != "application/octet-stream" for one in read(built)["distribution"])


def test_verify_misses_it_and_knows_its_bytes(built: Built, tmp_path: Path) -> None:
    assert verify(built.artefact.path).exit_code == 0
    again = build_here(make_corpus(tmp_path, **ATTRIBUTED)).artefact
    assert (again.path / FILE).read_bytes() == (built.artefact.path / FILE).read_bytes()
    (again.path / FILE).unlink()
    assert [problem.file for problem in verify(again.path).problems] == [FILE]


def test_it_says_under_which_licences_whom_to_name_and_what_is_not_known(built: Built) -> None:
    told = read(built)
    by_sa, by, cc0 = (f"https://creativecommons.org/{one}/legalcode" for one in ("licenses/by-sa/4.0", "licenses/by/4.0", "publicdomain/zero/1.0"))
    assert told["license"] == [by, by_sa, cc0]
    assert told["creditText"][0].startswith(f"words: Anna & \u201cothers\u201d, {{not}} a \\ macro, under CC-BY-SA-4.0 ({by_sa}); changed")
    assert told["creditText"][1] == f"hiss: CC-BY-4.0 ({by}) asks to name the authors, and the source names nobody: find out before you pass it on"
    usage = told["usageInfo"]["text"]
    assert "Made for: train, evaluate." in usage
    assert all(line in usage for line in told["creditText"])
    assert "passed on is to be under CC-BY-SA-4.0" in usage


def test_people_go_by_pseudonyms_in_it(built: Built) -> None:
    content = (built.artefact.path / FILE).read_text()
    assert "anna" not in content.replace("words: Anna", "")
    assert "called by pseudonyms" in read(built)["rai:personalSensitiveInformation"]
    assert called("anna", built) in {
        row["custom"]["speaker"] for split in ("train", "dev", "test") for row in lines_of(built.artefact.path / f"cuts.{split}.jsonl")
    }


def test_an_empty_split_has_no_records_and_the_rest_is_described(tmp_path: Path) -> None:
    built = build_here(make_corpus(tmp_path, splits={"dev": 0.0, "test": 0.2}))
    assert [one["@id"] for one in read(built)["recordSet"]] == ["train", "test"]
    assert remarks(built.artefact.path / FILE) == (set(), set())


def test_waivers_and_licences_of_ones_own_are_in_it(tmp_path: Path) -> None:
    waiver = {"source": "calls", "decided_by": "J. Doe", "reason": "they are ours", "until": None}
    told = Described("calls", "Calls.", "2026-01-02", ["de"], ["train"], [("calls", "LicenseRef-our-callers")], [], [waiver])
    (tmp_path / FILE).write_bytes(croissant(told, tmp_path, []))
    content = json.loads((tmp_path / FILE).read_bytes())
    assert content["license"] == ["LicenseRef-our-callers"]
    assert "calls was let in by a waiver: decided by J. Doe, because they are ours." in content["usageInfo"]["text"]
    assert (content["version"], content["datePublished"]) == ("2026.1.2", "2026-01-02")
    assert remarks(tmp_path / FILE) == (set(), set())


@pytest.mark.parametrize("name", ["a", "metro-help-desk_2.0"])
def test_names_that_a_scenario_may_have_are_names_here(name: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(croissant(Described(name, "Words.", "2026-01-02", ["en"], ["train"], [("words", "CC0-1.0")], []), tmp_path, []))
    assert remarks(tmp_path / FILE) == (set(), set())


def test_it_is_written_without_mlcroissant() -> None:
    code = "import sys; import speccraft.report.croissant, speccraft.export.description; sys.exit('mlcroissant' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_of_a_kind_that_nobody_named_is_still_listed(tmp_path: Path) -> None:
    store.write_bytes(tmp_path / "notes.xyz", b"?")
    content = json.loads(croissant(Described("n", "Notes.", "2026-01-02", ["en"], ["train"], [], []), tmp_path, ["notes.xyz"]))
    (one,) = content["distribution"]
    assert (one["encodingFormat"], one["contentSize"]) == ("application/octet-stream", "1 B")
