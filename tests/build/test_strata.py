"""Stratified splits in a whole build: groups go with the cuts, the certificate counts strata, and the deep proof counts them again."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from corpus import Corpus, build_here, called, lines_of, make_corpus

from speccraft import store
from speccraft.build.run import Built
from speccraft.scenario.contracts import SPLITS
from speccraft.verify_deep import verify_deep

ACCENTS = {"anna": "scots", "bela": "welsh", "cleo": "scots", "dora": "welsh", "emil": ""}


@pytest.fixture(scope="module")
def stratified(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_here(with_accents(make_corpus(tmp_path_factory.mktemp("strata"))))


def with_accents(corpus: Corpus, **splits: Any) -> Corpus:
    """The corpus with a column `accent`, and splits by it that keep recordings apart, not speakers."""
    rows = [row | {"accent": ACCENTS[row["speaker"]]} for row in corpus.rows]
    with (corpus.folder / "words.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    scenario = json.loads(corpus.scenario.read_text())
    scenario["sources"][0]["columns"]["groups"] = ["accent"]
    scenario["splits"] = {"dev": 0.2, "test": 0.2, "disjoint": ["recording", "audio"], "stratify": ["accent"], **splits}
    corpus.scenario.write_text(json.dumps(scenario))
    return corpus


def test_every_cut_says_its_groups_and_none_that_is_not_stated(stratified: Built) -> None:
    cuts = [cut for split in SPLITS for cut in lines_of(stratified.artefact.path / f"cuts.{split}.jsonl")]
    assert len(cuts) == 30
    people = {called(name, stratified): name for name in ACCENTS}
    for cut in cuts:
        accent = ACCENTS[people[cut["custom"]["speaker"]]]
        assert cut["custom"]["groups"] == ({"accent": accent} if accent else {})


def test_the_certificate_says_what_dev_and_test_have_of_every_stratum(stratified: Built) -> None:
    strata = json.loads((stratified.artefact.path / "splits.json").read_bytes())["strata"]
    assert [row["stratum"] for row in strata] == ["accent=not stated", "accent=scots", "accent=welsh"]
    for row in strata:
        for split in ("dev", "test"):
            assert row[split]["wanted"] == pytest.approx(0.2 * row["seconds"], abs=1e-3)
            # Recordings of half a second: each stratum has its share, to within half of one.
            assert row[split]["found"] == pytest.approx(row[split]["wanted"], abs=0.3)
            assert row[split]["short"] == pytest.approx(max(0.0, row[split]["wanted"] - row[split]["found"]), abs=1e-3)


def test_the_deep_proof_finds_nothing_wrong_with_it(stratified: Built) -> None:
    assert verify_deep(stratified.artefact.path).problems == []


def test_what_speakers_do_not_allow_is_told_as_short(corpus: Corpus) -> None:
    built = build_here(with_accents(corpus, disjoint=["speaker"]))
    strata = {row["stratum"]: row for row in json.loads((built.artefact.path / "splits.json").read_bytes())["strata"]}
    missing = strata["accent=not stated"]
    assert missing["test"]["short"] + missing["dev"]["short"] > 0
    assert verify_deep(built.artefact.path).problems == []


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("stratum", "accent=irish", "strata are not those of the cuts"),
        ("seconds", 1.0, "seconds are not what the cuts say"),
        ("test", {"wanted": 0.0, "found": 0.0, "short": 0.0}, "test.wanted, test.found"),
    ],
)
def test_strata_that_are_not_those_of_the_cuts_are_found(stratified: Built, tmp_path: Path, where: str, value: Any, said: str) -> None:
    build = Path(shutil.copytree(stratified.artefact.path, tmp_path / "copy"))
    certificate = json.loads((build / "splits.json").read_bytes())
    certificate["strata"][0][where] = value
    (build / "splits.json").write_bytes(store.canonical_json(certificate))
    record = json.loads((build / "BUILD.json").read_bytes())
    for entry in record["files"]:
        entry |= {"bytes": (build / entry["path"]).stat().st_size, "sha256": store.sha256_of(build / entry["path"])}
    content = {key: record[key] for key in ("kind", "name", "info", "files", "version", "derives_from")}
    record["id"] = store.digest_of(content)[:16]
    (build / "BUILD.json").write_bytes(store.canonical_json(record))
    assert any(problem.code == "SC526" and said in problem.what for problem in verify_deep(build).problems)
