"""The Kaldi data directory: its rules, and lhotse's own reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from export_world import BOTH, cuts_of, exported, need_same_samples, pcm, subsets_of
from hypothesis import given
from hypothesis import strategies as st
from lhotse.kaldi import load_kaldi_data_dir

from speccraft.export.kaldi import kaldi_text, speaker_ids
from speccraft.scenario.contracts import SPLITS
from speccraft.store import Artefact

FILES = ("wav.scp", "text", "utt2spk", "utt2dur", "reco2dur", "utt2lang")
NAMES = st.lists(st.text(max_size=4) | st.sampled_from(["a", "a-b", "a b", "a_b", "", "-", "a!", "A"]), unique=True, max_size=8)


def pairs(path: Path) -> list[tuple[str, str]]:
    """Key and value of every line, as Kaldi splits them."""
    lines = path.read_bytes().decode().removesuffix("\n").split("\n")
    return [(line.split(" ", 1)[0], line.partition(" ")[2]) for line in lines]


def c_sorted(keys: list[str]) -> bool:
    """Whether keys stand in the order of `LC_ALL=C sort`, each once."""
    coded = [key.encode() for key in keys]
    return coded == sorted(set(coded))


def test_every_file_keeps_the_rules_of_validate_data_dir(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "kaldi", conditions=BOTH)
    for name in subsets_of(build):
        files = {file: pairs(folder / "data" / name / file) for file in FILES}
        utterances = [key for key, _ in files["utt2spk"]]
        assert all([key for key, _ in lines] == utterances for lines in files.values())
        assert c_sorted(utterances)
        speakers = list(dict.fromkeys(speaker for _, speaker in files["utt2spk"]))
        assert c_sorted(speakers), "sorted by utterance is sorted by speaker"
        assert all(utterance.startswith(f"{speaker}-") for utterance, speaker in files["utt2spk"])
        spk2utt = pairs(folder / "data" / name / "spk2utt")
        assert [(utterance, speaker) for speaker, of in spk2utt for utterance in of.split(" ")] == files["utt2spk"]
        assert [speaker for speaker, _ in spk2utt] == speakers
        assert not any("|" in path or " " in path for _, path in files["wav.scp"])
        assert all(text == text.strip() and not re.search(r"[^\S ]|  |[\x00-\x1f\x7f-\x9f]", text) for _, text in files["text"])


def test_lhotse_reads_the_same_utterances_texts_speakers_durations_and_samples(build: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = exported(build, tmp_path, "kaldi", conditions=BOTH)
    monkeypatch.chdir(folder)  # Kaldi recipes run where their paths start
    for name, (split, condition) in subsets_of(build).items():
        recordings, supervisions, _ = load_kaldi_data_dir(Path("data") / name, sampling_rate=8000)
        cuts = {cut["id"]: cut for cut in cuts_of(build, split)}
        assert supervisions is not None
        found = {one.id.partition("-")[2]: one for one in supervisions}
        assert {id: (one.text, one.duration, one.language) for id, one in found.items()} == {
            id: (kaldi_text(cut["supervisions"][0]["text"]), cut["duration"], "en") for id, cut in cuts.items()
        }
        assert {recording.id.partition("-")[2]: recording.num_samples for recording in recordings} == {
            id: cut["recording"]["num_samples"] for id, cut in cuts.items()
        }
        need_same_samples({recording.id.partition("-")[2]: pcm(Path(recording.sources[0].source)) for recording in recordings}, build, split, condition)


def test_whoever_is_not_known_is_a_speaker_of_one_utterance(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "kaldi")
    unknown = [cut for split in SPLITS for cut in cuts_of(build, split) if cut["custom"]["speaker"] is None]
    strangers = [speaker for path in folder.glob("data/*/utt2spk") for _, speaker in pairs(path) if speaker.startswith("unknown_")]
    assert len(strangers) == len(set(strangers)) == len(unknown) > 0


@given(NAMES, NAMES)
def test_speakers_keep_their_order_as_prefixes_and_stay_apart(names: list[str], cuts: list[str]) -> None:
    ids = speaker_ids(names)
    assert ids.keys() == set(names)
    assert len(set(ids.values())) == len(names)
    assert all(id and not re.search(r"[\s|-]", id) for id in ids.values())
    utterances = sorted((f"{id}-{cut}".encode(), id.encode()) for id in ids.values() for cut in cuts)
    assert [speaker for _, speaker in utterances] == sorted(speaker for _, speaker in utterances)


@given(st.text())
def test_a_text_is_words_between_single_spaces(text: str) -> None:
    assert kaldi_text(text) == " ".join(kaldi_text(text).split())
    assert len(kaldi_text(text).splitlines()) <= 1
