"""Corpora written by the toolkits' own writers are built: every utterance has its fate, and every cut is the words it says."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpus import RATE, SCENARIO, SPEAKERS, WORDS, Corpus, build_here, ledger_of, lines_of, make_corpus, word_samples

from speccraft.scenario.contracts import SPLITS
from speccraft.sound.shards import ShardReader

lhotse = pytest.importorskip("lhotse")

Part = tuple[str, str, float, float]
"""Speaker, word, start and duration in seconds of an utterance in its speaker's recording."""
AS_WRITTEN = {"pseudonyms": False}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """The tiny corpus, with one recording per speaker beside its files: `long/anna.wav`."""
    made = make_corpus(tmp_path)
    for number, speaker in enumerate(SPEAKERS):
        words = [word_samples(word, pitch=1 + 0.07 * number, seed=number) for word in WORDS]
        made.add_file(f"long/{speaker}.wav", np.concatenate(words))
    return made


def parts() -> list[Part]:
    seconds = len(word_samples("ba")) / RATE
    return [(speaker, word, number * seconds, seconds) for speaker in SPEAKERS for number, word in enumerate(WORDS)]


def manifests_of(corpus: Corpus) -> tuple[Any, Any]:
    """Lhotse's recordings and supervisions of the long files."""
    recordings = [lhotse.Recording.from_file(corpus.folder / f"long/{speaker}.wav") for speaker in SPEAKERS]
    supervisions = [
        lhotse.SupervisionSegment(
            id=f"{speaker}-{word}", recording_id=speaker, start=start, duration=seconds, channel=0, text=word, speaker=speaker, language="English"
        )
        for speaker, word, start, seconds in parts()
    ]
    return lhotse.RecordingSet.from_recordings(recordings), lhotse.SupervisionSet.from_segments(supervisions)


def write_recordings(corpus: Corpus) -> dict[str, Any]:
    recordings, supervisions = manifests_of(corpus)
    recordings.to_file(corpus.folder / "recordings.jsonl.gz")
    supervisions.to_file(corpus.folder / "supervisions.jsonl.gz")
    return {"format": "lhotse", "path": "recordings.jsonl.gz", "supervisions": "supervisions.jsonl.gz"}


def cuts_of(corpus: Corpus) -> Any:
    recordings, supervisions = manifests_of(corpus)
    return lhotse.CutSet.from_manifests(recordings=recordings, supervisions=supervisions)


def write_cuts(corpus: Corpus) -> dict[str, Any]:
    cuts_of(corpus).to_file(corpus.folder / "cuts.jsonl.gz")
    return {"format": "lhotse", "path": "."}


def write_shar(corpus: Corpus) -> dict[str, Any]:
    (corpus.folder / "shar").mkdir()
    cuts_of(corpus).trim_to_supervisions(keep_overlapping=False).to_shar(corpus.folder / "shar", fields={"recording": "flac"}, shard_size=7)
    return {"format": "shar", "path": "shar"}


def write_nemo(corpus: Corpus) -> dict[str, Any]:
    lines = [
        {"audio_filepath": f"long/{speaker}.wav", "offset": start, "duration": seconds, "text": word, "lang": "en", "speaker": speaker}
        for speaker, word, start, seconds in parts()
    ]
    (corpus.folder / "manifest.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {"format": "nemo", "path": "manifest.json"}


def write_kaldi(corpus: Corpus) -> dict[str, Any]:
    from lhotse.kaldi import export_to_kaldi

    export_to_kaldi(*manifests_of(corpus), corpus.folder / "kaldi")
    return {"format": "kaldi", "path": "kaldi"}


WRITERS: dict[str, Callable[[Corpus], dict[str, Any]]] = {
    "recordings": write_recordings,
    "cuts": write_cuts,
    "shar": write_shar,
    "nemo": write_nemo,
    "kaldi": write_kaldi,
}


def use(corpus: Corpus, fields: dict[str, Any]) -> None:
    """Make the manifest the scenario's speech."""
    corpus.write_scenario(sources=[{"id": "words", "licence": "CC0-1.0", **fields}, *SCENARIO["sources"][1:]], privacy=AS_WRITTEN)


@pytest.mark.slow
@pytest.mark.parametrize("form", WRITERS)
def test_a_corpus_of_long_recordings_is_built_from_its_manifest(corpus: Corpus, form: str) -> None:
    use(corpus, WRITERS[form](corpus))
    built = build_here(corpus)
    ledger = ledger_of(built).filter(source="words")
    assert ledger["fate"].to_list() == ["kept"] * len(parts())
    assert ledger["seconds"].sum() == pytest.approx(sum(seconds for *_, seconds in parts()))
    said = {(speaker, word): recorded(corpus, speaker, start, seconds) for speaker, word, start, seconds in parts()}
    found = []
    for split in SPLITS:
        shards = ShardReader(built.artefact.path / "shards" / split)
        for cut in lines_of(built.artefact.path / f"cuts.{split}.jsonl"):
            key = (cut["supervisions"][0]["speaker"], cut["supervisions"][0]["text"])
            found.append(key)
            heard = (shards.samples(cut["id"]) * 32768).astype(np.int16)
            assert len(heard) > 0.2 * RATE
            assert heard.tobytes() in said[key]
            assert cut["supervisions"][0]["language"] == "en"
    assert sorted(found) == sorted(said)


def recorded(corpus: Corpus, speaker: str, start: float, seconds: float) -> bytes:
    first = round(start * RATE)
    return soundfile.read(corpus.folder / f"long/{speaker}.wav", dtype="int16")[0][first : first + round(seconds * RATE)].tobytes()


@pytest.mark.slow
def test_the_shards_of_a_build_are_sources_for_the_next_in_their_official_splits(corpus: Corpus) -> None:
    corpus.write_scenario(privacy=AS_WRITTEN)
    first = build_here(corpus).artefact
    shards = (first.path / "shards").relative_to(corpus.folder)
    sources = [{"id": split, "format": "shar", "path": f"{shards}/{split}", "split": split, "licence": "CC0-1.0"} for split in SPLITS]
    corpus.write_scenario(sources=[*sources, *SCENARIO["sources"][1:]], privacy=AS_WRITTEN)
    second = build_here(corpus).artefact
    for split in SPLITS:
        cuts, again = (lines_of(build.path / f"cuts.{split}.jsonl") for build in (first, second))
        ledger = ledger_of(second).filter(source=split)
        assert sorted(ledger["input"]) == sorted(cut["id"] for cut in cuts)
        assert set(ledger["fate"]) == {"kept"}
        assert sorted(map(told, again)) == sorted(map(told, cuts))


def told(cut: dict[str, Any]) -> tuple[str, ...]:
    supervision, custom = cut["supervisions"][0], cut["custom"]
    return supervision["text"], supervision["speaker"], custom["session"], custom["licence"]


def test_a_broken_line_costs_its_own_row_and_no_other(corpus: Corpus) -> None:
    fields = write_cuts(corpus)
    lines = gzip.decompress((corpus.folder / "cuts.jsonl.gz").read_bytes()).splitlines()
    hostile = json.loads(lines[0])
    hostile["recording"]["sources"][0] = {"type": "command", "channels": [0], "source": f"touch {corpus.folder}/pwned"}
    (corpus.folder / "cuts.jsonl.gz").write_bytes(gzip.compress(b"\n".join([json.dumps(hostile).encode(), *lines[1:]])))
    use(corpus, fields)
    ledger = ledger_of(build_here(corpus)).filter(source="words")
    assert ledger["fate"].value_counts().sort("fate")["count"].to_list() == [len(WORDS), len(parts()) - len(WORDS)]
    assert not (corpus.folder / "pwned").exists()
