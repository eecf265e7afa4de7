"""Copies and bridges in a whole build: in the ledger with what they repeat or tie, in the certificate, and never in two splits."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import soundfile
from corpus import RATE, Corpus, build_here, called, ledger_of, make_corpus, word_samples

from speccraft.build.run import Built
from speccraft.rights.pseudonyms import SESSION
from speccraft.verify import verify


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """The tiny corpus, and another source with a word of bela's as a quieter MP3, cut by 40 ms, said to be zoe's."""
    corpus = make_corpus(tmp_path)
    coded = io.BytesIO()
    soundfile.write(coded, 0.5 * word_samples("zu", pitch=1.07, seed=1)[300:], RATE, format="MP3")
    corpus.add_file("found/zoe/copy.mp3", coded.getvalue())
    corpus.add_file("found/zoe/copy.txt", b"zu")
    found = {"id": "yard", "format": "folder", "path": "found", "speaker_folder": 1, "licence": "CC0-1.0"}
    corpus.write_scenario(sources=[*json.loads(corpus.scenario.read_text())["sources"], found])
    return corpus


def certificate_of(built: Built) -> Mapping[str, Any]:
    return json.loads((built.artefact.path / "splits.json").read_bytes())


def rewrite(corpus: Corpus, **sections: Any) -> None:
    corpus.scenario.write_text(json.dumps(json.loads(corpus.scenario.read_text()) | sections))


def test_a_copy_in_another_source_is_dropped_and_names_what_it_repeats(corpus: Corpus) -> None:
    built = build_here(corpus)
    (row,) = ledger_of(built).filter(source="yard").to_dicts()
    assert (row["fate"], row["rule"], row["limit"], row["cuts"]) == ("dropped", "near_duplicate", "first of its copies", 0)
    assert row["value"].startswith("words:words/bela-zu.wav, correlation 0.9")
    assert ledger_of(built).filter(rule="near_duplicate").height == 1
    assert certificate_of(built)["axes"]["near_audio"] == {"declared": False, "train": 18, "dev": 6, "test": 6, "n_shared": 0, "shared": []}
    assert verify(built.artefact.path).exit_code == 0


def test_copies_that_are_kept_stand_in_one_split(corpus: Corpus) -> None:
    rewrite(corpus, quality={"duplicates": "exact"}, splits={"dev": 0.2, "test": 0.2, "disjoint": ["near_audio"]})
    built = build_here(corpus)
    assert set(ledger_of(built)["fate"]) == {"kept"}
    axis = certificate_of(built)["axes"]["near_audio"]
    assert (axis["declared"], axis["n_shared"], axis["train"] + axis["dev"] + axis["test"]) == (True, 0, 30)


def test_an_axis_that_nobody_looked_at_is_not_in_the_certificate(corpus: Corpus) -> None:
    rewrite(corpus, quality={"duplicates": "exact"})
    assert {"near_audio", "near_text"}.isdisjoint(certificate_of(build_here(corpus))["axes"])


def test_a_bridge_is_in_the_ledger_and_the_certificate(corpus: Corpus) -> None:
    corpus.write_rows(
        [row | {"text": f"{row['text']} said by {row['speaker']}", "session": "" if row["path"] != "words/anna-ba.wav" else "bela-1"} for row in corpus.rows]
    )
    rows = [row | ({"session": "all"} if row["path"].endswith("-ko.wav") else {}) for row in corpus.rows]
    corpus.write_rows(rows)
    rewrite(corpus, splits={"dev": 0.2, "test": 0.2, "disjoint": ["speaker", "session"]})
    built = build_here(corpus)
    dropped = ledger_of(built).filter(rule="splits.bridge")
    assert 1 <= dropped.height <= 4
    assert set(dropped["value"]) == {"session all"}
    assert certificate_of(built)["bridges"] == {f"session {called('all', built, SESSION)}": dropped.height}
    assert certificate_of(built)["axes"]["session"]["n_shared"] == 0
    assert {split for split, count in certificate_of(built)["counts"].items() if count["cuts"]} == {"train", "dev", "test"}
    assert verify(built.artefact.path).exit_code == 0


def test_near_texts_stand_in_one_split(corpus: Corpus) -> None:
    sentence = "the north wind and the sun were disputing which was the stronger when a traveller came along"
    corpus.write_rows([row | {"text": f"{sentence} {row['text']}" if row["path"].endswith("-ba.wav") else row["path"]} for row in corpus.rows])
    rewrite(corpus, splits={"dev": 0.2, "test": 0.2, "disjoint": ["near_text"]})
    axis = certificate_of(build_here(corpus))["axes"]["near_text"]
    assert (axis["declared"], axis["n_shared"]) == (True, 0)
