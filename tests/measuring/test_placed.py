"""A cut in its place: what is written is what the shards hold and the trainer hears, with the parameters that were drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from corpus import SCENARIO, Corpus, build_here, lines_of, make_corpus

from speccraft import store
from speccraft.build.run import Built
from speccraft.errors import BrokenIntegrity, UnreadableInput, WrongUsage
from speccraft.measuring.placed import Version, find_cut, versions
from speccraft.rights.doors import scenario_of
from speccraft.sound.mix import active_frames, active_power, power
from speccraft.sound.shards import ShardReader, decode_flac


@pytest.fixture(scope="module")
def build(tiny_build: tuple[Corpus, Built]) -> store.Artefact:
    return tiny_build[1].artefact


def ids(build: store.Artefact, split: str) -> list[str]:
    return [row["id"] for row in lines_of(build.path / f"cuts.{split}.jsonl")]


def heard(build: store.Artefact, id: str, **of: int) -> dict[str, Version]:
    return {version.condition: version for version in versions(build, scenario_of(build), find_cut(build, id), **of)}


def test_a_test_cut_comes_in_every_fixed_condition_as_the_shards_hold_it(build: store.Artefact) -> None:
    id = ids(build, "test")[0]
    made = heard(build, id)
    assert list(made) == ["clean", "place", "snr_20", "snr_10", "snr_5", "snr_0"]
    shards = ShardReader(build.path / "shards" / "test")
    assert all(version.flac == shards.flac(id, condition) for condition, version in made.items())


def test_the_parameters_are_those_of_the_cut_and_of_its_clip_and_room(build: store.Artefact) -> None:
    row = lines_of(build.path / "cuts.test.jsonl")[0]
    made, drawn = heard(build, row["id"]), row["custom"]["place"]
    banks = {item["id"]: item for item in lines_of(build.path / "banks.jsonl")}
    told = made["place"].parameters
    assert (told["noise.id"], told["noise.start"], told["noise.snr_db"]) == (drawn["noise"]["id"], drawn["noise"]["start"], drawn["noise"]["snr_db"])
    assert told["noise.source"] == "hiss"
    assert (told["room.id"], told["room.rt60_s"]) == (drawn["room"]["id"], banks[drawn["room"]["id"]]["rt60_s"])
    assert [made[f"snr_{snr}"].parameters["noise.snr_db"] for snr in (20, 10, 5, 0)] == [20, 10, 5, 0]
    assert json.dumps([version.place for version in made.values()])


def test_the_audio_has_the_ratio_that_was_asked_for(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", environment__rooms=None, environment__rt60_s=None, sources=SCENARIO["sources"][:2])
    build = build_here(corpus).artefact
    made = heard(build, ids(build, "test")[0])
    clean = decode_flac(made["clean"].flac).astype(np.float64)
    active = active_frames(clean, 8000)
    for snr in (20, 10, 5, 0):
        wet = decode_flac(made[f"snr_{snr}"].flac).astype(np.float64)
        gain = float(np.dot(wet, clean) / np.dot(clean, clean))
        ratio = 10 * np.log10(active_power(gain * clean, active, 8000) / power(wet - gain * clean))
        assert ratio == pytest.approx(snr, abs=0.5)
        assert made[f"snr_{snr}"].measured["delivered_snr_db"] <= snr + 0.1


def test_a_training_cut_sounds_as_the_trainer_hears_it(build: store.Artefact) -> None:
    torch = pytest.importorskip("torch")
    assert torch
    from speccraft.trainer.data import PlacedAudio, read_cuts
    from speccraft.trainer.recipe import Augment

    id = ids(build, "train")[3]
    for seed, epoch in ((0, 0), (0, 1), (0, 2), (5, 1)):
        audio = PlacedAudio(build.path, read_cuts(build.path, "train"), 8000, Augment(), seed).hear(id, epoch)
        made = heard(build, id, epoch=epoch, seed=seed)
        assert list(made) == ["clean", f"epoch_{epoch}"]
        assert decode_flac(made[f"epoch_{epoch}"].flac) == pytest.approx(np.asarray(audio.samples), abs=1 / 32768)


def test_without_an_epoch_it_is_the_first_and_epochs_differ(build: store.Artefact) -> None:
    id = ids(build, "train")[0]
    assert heard(build, id)["epoch_0"] == heard(build, id, epoch=0)["epoch_0"]
    assert len({next(version.flac for name, version in heard(build, id, epoch=epoch).items() if name != "clean") for epoch in range(6)}) > 1


def test_a_fixed_place_takes_no_epoch(build: store.Artefact) -> None:
    with pytest.raises(WrongUsage, match="is a test cut, whose place is fixed"):
        heard(build, ids(build, "test")[0], epoch=1)


def test_a_build_without_a_place_has_the_clean_cut_alone(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", environment={"place": "bench", "sampling_rate": 8000}, sources=SCENARIO["sources"][:1])
    build = build_here(corpus).artefact
    for split in ("train", "test"):
        assert list(heard(build, ids(build, split)[0])) == ["clean"]


def test_a_cut_is_found_by_a_part_of_its_id_that_no_other_has(build: store.Artefact) -> None:
    id = ids(build, "dev")[0]
    assert find_cut(build, id[-8:]) == find_cut(build, id)
    assert find_cut(build, id).split == "dev"
    with pytest.raises(UnreadableInput, match="part of the ids of 30 cuts"):
        find_cut(build, "words")
    with pytest.raises(UnreadableInput, match="no cut called") as caught:
        find_cut(build, f"{id}0")
    assert id in caught.value.try_this


def test_damaged_shards_are_not_believed(tmp_path: Path, corpus: Corpus) -> None:
    build = build_here(corpus).artefact
    tar = build.path / "shards" / "test" / "recording_place.000000.tar"
    content = bytearray(tar.read_bytes())
    content[len(content) // 2] ^= 1
    tar.write_bytes(content)
    with pytest.raises(BrokenIntegrity, match=r"recording_place\.000000\.tar"):
        heard(build, ids(build, "test")[0])
