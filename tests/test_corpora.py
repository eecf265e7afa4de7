"""The tiny corpus in every published layout builds into the same cuts as from its table."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from corpora_world import CORPORA, OFFICIAL, write_corpora
from corpus import SCENARIO, SPEAKERS, WORDS, Corpus, build_here, ledger_of, lines_of

from speccraft.build.run import Built


def built_from(corpus: Corpus, **source: Any) -> Built:
    # Two of the corpus' tones, padded to a second, are near enough to count as copies of each other.
    sources = [{"id": "words", "licence": "CC0-1.0", **source}, *SCENARIO["sources"][1:]]
    corpus.write_scenario(sources=sources, quality={"duplicates": "exact"}, privacy={"pseudonyms": False})
    return build_here(corpus)


def cuts_of(built: Built) -> list[dict[str, Any]]:
    return [cut | {"split": split} for split in ("train", "dev", "test") for cut in lines_of(built.artefact.path / f"cuts.{split}.jsonl")]


def said(cuts: list[dict[str, Any]]) -> Counter[tuple[str, str, str]]:
    return Counter((cut["supervisions"][0]["speaker"], cut["supervisions"][0]["text"], cut["split"]) for cut in cuts)


@pytest.mark.slow
@pytest.mark.parametrize("model", CORPORA)
def test_a_published_layout_builds_with_its_words_speakers_and_official_splits(corpus: Corpus, model: str) -> None:
    write_corpora(corpus)
    built = built_from(corpus, **CORPORA[model])
    expected = Counter((speaker, word, OFFICIAL.get(speaker, "train")) for speaker in SPEAKERS for word in WORDS)
    if model == "CommonVoiceSource":
        del expected["anna", "ba", "train"]  # only in its list `validated`
    assert said(cuts_of(built)) == expected
    assert set(ledger_of(built).filter(pl.col("source") == "words")["fate"]) == {"kept"}


def test_parts_of_one_long_recording_are_cut_where_the_table_says(corpus: Corpus) -> None:
    """All words of a speaker in one file, one second each: the parts hold the words that the table gives them."""
    lines = ["path,text,speaker,from,to"]
    for speaker in SPEAKERS:
        pieces = []
        for number, word in enumerate(WORDS):
            samples, rate = soundfile.read(corpus.folder / f"words/{speaker}-{word}.wav")
            pieces.append(np.pad(samples, (0, rate - len(samples))))
            lines.append(f"long/{speaker}.wav,{word},{speaker},{number},{number + 1}")
        corpus.add_file(f"long/{speaker}.wav", np.concatenate(pieces))
    (corpus.folder / "long.csv").write_text("\n".join(lines) + "\n")
    columns = {"audio": "path", "text": "text", "speaker": "speaker", "start": "from", "end": "to"}
    built = built_from(corpus, format="table", path="long.csv", columns=columns)
    assert Counter((speaker, word) for speaker, word, _ in said(cuts_of(built)).elements()) == Counter((s, w) for s in SPEAKERS for w in WORDS)
    assert sorted(ledger_of(built).filter(pl.col("source") == "words")["input"])[0] == "long/anna.wav#0.000-1.000"


def test_turns_of_an_annotation_build_with_their_speakers(corpus: Corpus) -> None:
    pieces, turns = [], []
    for number, (speaker, word) in enumerate((speaker, word) for speaker in SPEAKERS for word in WORDS):
        samples, rate = soundfile.read(corpus.folder / f"words/{speaker}-{word}.wav")
        pieces.append(np.pad(samples, (0, rate - len(samples))))
        turns.append(f'{number} {number + 1} "{word}"')
    corpus.add_file("calls/call.wav", np.concatenate(pieces))
    tiers = [f'"IntervalTier" "{speaker}" 0 99 {len(WORDS)} ' + " ".join(turns[at * len(WORDS) : (at + 1) * len(WORDS)]) for at, speaker in enumerate(SPEAKERS)]
    (corpus.folder / "calls/call.TextGrid").write_text(f'"ooTextFile" "TextGrid" 0 99 <exists> {len(tiers)} ' + " ".join(tiers))
    built = built_from(corpus, format="folder", path="calls")
    assert Counter((speaker, word) for speaker, word, _ in said(cuts_of(built)).elements()) == Counter((s, w) for s in SPEAKERS for w in WORDS)
