"""What is written: shards in line with cuts, readable by Lhotse, every condition made again from what is stored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from corpus import RATE, Corpus, build_here, called, lines_of, make_corpus

from speccraft.build import writer
from speccraft.build.run import Built
from speccraft.plan import conditions
from speccraft.scenario import load_scenario
from speccraft.scenario.contracts import SNR_LADDER_DB, SPLITS, CutCustom, Demonstration, Place, PlaceRanges
from speccraft.sound.place import Bank, render_place
from speccraft.sound.shards import ShardReader, encode_flac, field_of


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build with shards of four cuts and simulated rooms beside one measured one."""
    corpus = make_corpus(tmp_path_factory.mktemp("sharded"), splits__test=0.4)
    for number in (1, 2):
        (corpus.folder / f"rooms/hall{number}.wav").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "CUTS_PER_SHARD", 4)
        return build_here(corpus)


def fields_in(folder: Path) -> dict[str, list[str]]:
    """Files of each Shar field of a split, in order."""
    fields: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        fields.setdefault(path.name.split(".")[0], []).append(str(path))
    return fields


@pytest.mark.parametrize("split", SPLITS)
def test_lhotse_reads_every_shard_with_every_condition(sharded: Built, split: str) -> None:
    from lhotse import CutSet

    fields = fields_in(sharded.artefact.path / "shards" / split)
    wanted = {"recording"} if split == "train" else {field_of(name) for name in ("clean", "place", *(f"snr_{snr}" for snr in SNR_LADDER_DB))}
    assert set(fields) == {"cuts", *wanted}
    assert len({len(files) for files in fields.values()}) == 1
    expected = lines_of(sharded.artefact.path / f"cuts.{split}.jsonl")
    reader = ShardReader(sharded.artefact.path / "shards" / split)
    seen = []
    for cut in CutSet.from_shar(fields=fields):
        seen.append(cut.id)
        for field in wanted:
            recording = cut.recording if field == "recording" else getattr(cut, field)
            samples = recording.load_audio()[0]
            assert len(samples) == cut.num_samples
            condition = "clean" if field == "recording" else field.removeprefix("recording_")
            assert np.array_equal(samples, reader.samples(cut.id, condition))
    assert seen == [cut["id"] for cut in expected] == sorted(seen)


def test_a_shard_holds_its_stretch_of_the_cuts(sharded: Built) -> None:
    for split in SPLITS:
        cuts = lines_of(sharded.artefact.path / f"cuts.{split}.jsonl")
        shards = [lines_of(path) for path in sorted((sharded.artefact.path / "shards" / split).glob("cuts.*.jsonl"))]
        assert [len(shard) for shard in shards[:-1]] == [4] * (len(shards) - 1)
        assert [cut for shard in shards for cut in shard] == cuts


def test_every_place_of_dev_and_test_can_be_rendered_again_from_what_is_stored(sharded: Built) -> None:
    path = sharded.artefact.path
    for split in ("dev", "test"):
        bank, reader = Bank.load(path, split, RATE), ShardReader(path / "shards" / split)
        for cut in lines_of(path / f"cuts.{split}.jsonl"):
            place = Place.model_validate_json(json.dumps(cut["custom"]["place"]))
            assert place.noise is not None
            steps = {"place": place.noise.snr_db} | {f"snr_{snr}": float(snr) for snr in SNR_LADDER_DB}
            for condition, snr_db in steps.items():
                drawn = place.model_copy(update={"noise": place.noise.model_copy(update={"snr_db": snr_db})})
                again = render_place(reader.samples(cut["id"]), drawn, bank)
                assert encode_flac(again, RATE) == reader.flac(cut["id"], condition)


def test_what_was_delivered_is_near_what_was_drawn(sharded: Built) -> None:
    import polars as pl

    measures = pl.read_parquet(sharded.artefact.path / "measures.parquet")
    placed = measures.filter(pl.col("split") != "train")
    assert (placed["delivered_snr_db"] - placed["place_snr_db"]).abs().max() < 0.5
    assert placed["place_snr_db"].is_between(0, 20).all()
    assert placed["place_rt60_s"].is_between(0.1, 1.0).all()
    assert measures.filter(pl.col("split") == "train")["place_snr_db"].is_null().all()


def test_cuts_keep_the_contract_ranges_for_training_and_drawn_places_else(sharded: Built) -> None:
    for split in SPLITS:
        for cut in lines_of(sharded.artefact.path / f"cuts.{split}.jsonl"):
            custom = CutCustom.model_validate_json(json.dumps(cut["custom"]))
            assert isinstance(custom.place, PlaceRanges if split == "train" else Place)


def test_a_place_belongs_to_the_cut_and_stays_when_other_cuts_leave(sharded: Built, corpus: Corpus) -> None:
    corpus.write_scenario(splits__test=0.4)
    for number in (1, 2):
        (corpus.folder / f"rooms/hall{number}.wav").unlink()
    corpus.write_rows([row for row in corpus.rows if row["text"] != "ba"])
    fewer = build_here(corpus)
    places = [{cut["id"]: cut["custom"]["place"] for cut in lines_of(built.artefact.path / "cuts.test.jsonl")} for built in (sharded, fewer)]
    assert places[1]
    assert all(places[0][id] == place for id, place in places[1].items())


def test_transcription_is_demonstrated_by_every_cut_that_aligns(sharded: Built) -> None:
    for split in SPLITS:
        path = sharded.artefact.path
        rows = [Demonstration.model_validate_json(json.dumps(row)) for row in lines_of(path / f"demonstrations.{split}.jsonl")]
        assert [row.messages[0].content[0].cut for row in rows] == [cut["id"] for cut in lines_of(path / f"cuts.{split}.jsonl")]
        assert {row.split for row in rows} == {split}


def test_a_source_for_pretraining_alone_demonstrates_nothing(corpus: Corpus) -> None:
    sources = json.loads(corpus.scenario.read_text())["sources"]
    corpus.write_scenario(sources=[sources[0] | {"stages": ["pretrain"]}, *sources[1:]], training={"stages": ["pretrain"]})
    built = build_here(corpus)
    assert [lines_of(built.artefact.path / f"demonstrations.{split}.jsonl") for split in SPLITS] == [[], [], []]


def test_a_scenario_without_a_place_has_one_condition(corpus: Corpus) -> None:
    sources = json.loads(corpus.scenario.read_text())["sources"]
    corpus.write_scenario(environment={"sampling_rate": RATE}, sources=sources[:1])
    assert conditions(load_scenario(corpus.scenario).scenario) == ("clean",)
    path = build_here(corpus).artefact.path
    assert set(fields_in(path / "shards/test")) == {"cuts", "recording"}
    assert {cut["custom"]["place"] for split in SPLITS for cut in lines_of(path / f"cuts.{split}.jsonl")} == {None}
    assert lines_of(path / "banks.jsonl") == []


def test_a_channel_alone_is_a_place_without_a_ladder(corpus: Corpus) -> None:
    sources = json.loads(corpus.scenario.read_text())["sources"]
    corpus.write_scenario(environment={"sampling_rate": RATE, "channel": {"codec": "telephone"}}, sources=sources[:1])
    path = build_here(corpus).artefact.path
    assert set(fields_in(path / "shards/test")) == {"cuts", "recording", "recording_place"}


def test_clean_audio_is_the_recording_sample_for_sample(tiny_build: tuple[Corpus, Built]) -> None:
    import soundfile

    corpus, built = tiny_build
    by_cut = {}
    for split in SPLITS:
        reader = ShardReader(built.artefact.path / "shards" / split)
        by_cut |= {
            (cut["custom"]["speaker"], cut["supervisions"][0]["text"]): reader.samples(cut["id"])
            for cut in lines_of(built.artefact.path / f"cuts.{split}.jsonl")
        }
    for row in corpus.rows:
        recorded, _ = soundfile.read(corpus.folder / row["path"], dtype="float32")
        assert np.array_equal(by_cut[called(row["speaker"], built), row["text"]], recorded)
