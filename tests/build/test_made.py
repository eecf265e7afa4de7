"""Noise made of a build's speech: of training cuts alone, other ones for every split, under their licences."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from corpus import RATE, SCENARIO, Corpus, build_here, bytes_of, lines_of, make_corpus

from speccraft.build import made as made_module
from speccraft.build.made import CLIPS, make_noise
from speccraft.errors import SpeccraftError
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS
from speccraft.sound.shards import encode_flac
from speccraft.verify_deep import verify_deep
from speccraft.verify_deep.evidence import read_build
from speccraft.verify_deep.splits import banks

BOTH = ("babble", "speech-shaped")


def scenario(*made: str, seed: int = 0) -> Scenario:
    return Scenario.model_validate_json(json.dumps({**SCENARIO, "seed": seed, "environment": {**SCENARIO["environment"], "made": list(made)}}))


def band_db(samples: np.ndarray, rate: int, low: float, high: float) -> float:
    """Energy between two frequencies in dB."""
    power = np.abs(np.fft.rfft(samples.astype(np.float64) * np.hanning(len(samples)))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    return float(10 * np.log10(power[(hertz >= low) & (hertz < high)].sum() + 1e-20))


def kept(folder: Path, speakers: int, cuts_each: int = 3, seconds: float = 1.0) -> pl.DataFrame:
    """Kept speech: every speaker is a tone of their own, and every fifth speaker is in test."""
    rows: list[dict[str, Any]] = []
    content = b""
    for speaker in range(speakers):
        for take in range(cuts_each):
            hertz = 500 + 50 * speaker
            flac = encode_flac(0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE), RATE)
            split, licence = ("test" if speaker % 5 == 4 else "train"), ("CC0-1.0" if speaker else "CC-BY-4.0 AND MIT")
            rows.append(
                {"cut": f"words-{speaker:03}-{take}", "speaker": f"s{speaker}", "licence": licence, "split": split, "is_answer": False}
                | {"num_samples": round(seconds * RATE), "file": str(folder / "audio"), "offset": len(content), "size": len(flac)}
            )
            content += flac
    (folder / "audio").write_bytes(content)
    return pl.DataFrame(rows)


def test_nobody_of_dev_or_test_is_heard_and_every_split_has_its_own_speakers(tmp_path: Path) -> None:
    cuts = kept(tmp_path, 25)
    made = make_noise(cuts, scenario("babble"))
    speaker, split = (dict(zip(cuts["cut"], cuts[name], strict=True)) for name in ("speaker", "split"))
    heard: dict[str, set[str]] = {name: set() for name in SPLITS}
    for clip, home in made.clips:
        assert {split[cut] for cut in clip.made_of} == {"train"}
        heard[home] |= {speaker[cut] for cut in clip.made_of}
    assert all(heard.values())
    assert not heard["train"] & heard["test"] | heard["train"] & heard["dev"] | heard["dev"] & heard["test"]
    assert "of other speakers" in made.notes[0]
    for clip, _ in made.clips[:2]:
        tones = {speaker: band_db(clip.samples, RATE, 500 + 50 * speaker - 10, 500 + 50 * speaker + 10) for speaker in range(25)}
        loud = {f"s{speaker}" for speaker, level in tones.items() if level > max(tones.values()) - 20}
        assert loud == {speaker[cut] for cut in clip.made_of}, "who is written down is who is heard"


def test_with_few_speakers_splits_have_their_own_stretches_and_the_certificate_says_so(tmp_path: Path) -> None:
    made = make_noise(kept(tmp_path, 4), scenario("babble"))
    cuts = [{cut for clip, home in made.clips if home == split for cut in clip.made_of} for split in SPLITS]
    assert all(cuts)
    assert not cuts[0] & cuts[1] | cuts[0] & cuts[2] | cuts[1] & cuts[2]
    assert "of other stretches" in made.notes[0]


def test_a_clip_is_under_the_licence_of_everything_in_it(tmp_path: Path) -> None:
    for clip, _ in make_noise(kept(tmp_path, 6), scenario(*BOTH)).clips:
        first = any(cut.startswith("words-000") for cut in clip.made_of)
        assert clip.licence == ("CC-BY-4.0 AND CC0-1.0 AND MIT" if first else "CC0-1.0")


def test_noise_with_the_spectrum_of_speech_lies_where_the_speech_lies(tmp_path: Path) -> None:
    made = make_noise(kept(tmp_path, 4), scenario("speech-shaped"))
    assert {split: sum(home == split for _, home in made.clips) for split in SPLITS} == dict(CLIPS)
    samples = [clip.samples for clip, _ in made.clips]
    assert all(band_db(one, RATE, 450, 700) > band_db(one, RATE, 1000, 3000) + 30 for one in samples)
    assert not any(np.array_equal(one, other) for number, one in enumerate(samples) for other in samples[:number])


def test_the_same_cuts_and_seed_make_the_same_noise_in_whatever_order_they_come(tmp_path: Path) -> None:
    cuts = kept(tmp_path, 4)
    one, again, other = (make_noise(table, scenario(*BOTH, seed=seed)).clips for table, seed in ((cuts, 0), (cuts.reverse(), 0), (cuts, 1)))
    assert all(np.array_equal(left.samples, right.samples) for (left, _), (right, _) in zip(one, again, strict=True))
    assert not any(np.array_equal(left.samples, right.samples) for (left, _), (right, _) in zip(one, other, strict=True))


def test_answers_of_the_assistant_are_no_noise_and_only_what_is_asked_for_is_made(tmp_path: Path) -> None:
    cuts = kept(tmp_path, 4)
    answers = cuts.with_columns(is_answer=pl.col("speaker") == "s1")
    assert not [cut for clip, _ in make_noise(answers, scenario("babble")).clips for cut in clip.made_of if cut.startswith("words-001")]
    assert make_noise(cuts, scenario()).clips == ()


@pytest.mark.parametrize("made", [("babble",), ("speech-shaped",), BOTH])
@pytest.mark.parametrize("count", [0, 2])
def test_of_too_few_cuts_nothing_is_made_and_the_notes_say_so(made: tuple[str, ...], count: int, tmp_path: Path) -> None:
    nothing = make_noise(kept(tmp_path, 4).head(count), scenario(*made))
    assert nothing.clips == ()
    assert nothing.notes == (f"{' and '.join(made)} cannot be made of {count} training cuts: there is none",)


def test_who_is_in_dev_or_test_too_is_not_heard_where_splits_share_speakers(tmp_path: Path) -> None:
    cuts = kept(tmp_path, 20).with_columns(split=pl.when(pl.col("cut").is_in(["words-003-0", "words-007-1"])).then(pl.lit("dev")).otherwise("split"))
    heard = {cut[:9] for clip, _ in make_noise(cuts, scenario("babble")).clips for cut in clip.made_of}
    assert len(heard) == 14
    assert not heard & {"words-003", "words-007"}
    strangers = cuts.with_columns(speaker=pl.when(pl.col("split") != "train").then("speaker"))
    heard = {cut[:9] for clip, _ in make_noise(strangers, scenario("babble")).clips for cut in clip.made_of}
    assert {"words-003", "words-007"} <= heard, "nobody knows who they are"
    assert make_noise(cuts, scenario("babble")).notes[0].endswith("; 4 training cuts of speakers who are in dev or test too are not heard in it")
    spoken = {cut for clip, _ in make_noise(cuts, scenario("speech-shaped")).clips for cut in clip.made_of}
    assert "words-003-1" in spoken, "a mean spectrum is nobody's voice"


def test_babble_of_speakers_who_are_all_in_test_too_is_refused(tmp_path: Path) -> None:
    cuts = kept(tmp_path, 4).with_columns(split=pl.when(pl.col("cut").str.ends_with("-0")).then(pl.lit("test")).otherwise("split"))
    with pytest.raises(SpeccraftError, match="of 0 training cuts: 8 more are of speakers") as caught:
        make_noise(cuts, scenario("babble"))
    assert "splits.disjoint" in caught.value.try_this


def test_nobody_is_two_voices_and_the_note_says_how_many_there_are(tmp_path: Path) -> None:
    few = make_noise(kept(tmp_path, 1, cuts_each=5), scenario("babble"))
    assert "voices at once: 1 in train, 1 in dev, 1 in test;" in few.notes[0]
    one = kept(tmp_path, 1, cuts_each=8).with_columns(speaker=pl.lit(None, pl.String))
    made = make_noise(one, scenario("babble"))
    assert "voices at once: 4 in train, 2 in dev, 2 in test;" in made.notes[0]
    drawn = list(made_module._talkers({"a": one.head(2).to_dicts(), "b": one.tail(6).to_dicts()}, RATE, np.random.default_rng(0)))
    assert len(drawn) == 2


def test_a_build_of_which_a_rule_drops_all_commits_and_its_report_blocks(corpus: Corpus) -> None:
    corpus.write_scenario(environment__made=[*BOTH], environment__noise=[], quality={"level_dbfs": {"min": -1.0}})
    path = build_here(corpus).artefact.path
    report = json.loads((path / "report.json").read_text())
    assert report["verdict"] == "BLOCK"
    assert "SC420" in {finding["code"] for finding in report["findings"]}
    assert any("cannot be made of 0 training cuts" in note for note in json.loads((path / "splits.json").read_text())["notes"])
    assert verify_deep(path).problems == []


def test_the_proof_finds_who_is_in_test_and_in_babble(corpus: Corpus) -> None:
    corpus.write_scenario(environment__made=["babble"], splits={"dev": 0.03, "test": 0.03, "disjoint": ["recording"]})
    path = build_here(corpus).artefact.path
    assert [*banks(read_build(path))] == []
    known = {cut["custom"]["speaker"] for split in ("dev", "test") for cut in lines_of(path / f"cuts.{split}.jsonl")}
    cut = next(cut["id"] for cut in lines_of(path / "cuts.train.jsonl") if cut["custom"]["speaker"] in known)
    rows = lines_of(path / "banks.jsonl")
    next(row for row in rows if row["id"] == "babble-train-1")["made_of"].append(cut)
    copy = Path(shutil.copytree(path, corpus.folder / "copy"))
    (copy / "banks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (problem,) = banks(read_build(copy))
    assert problem.code == "SC529"
    assert "dev or test too" in str(problem)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Path]:
    events = {"sources": ["hiss"], "per_minute": {"low": 60.0, "high": 120.0}, "snr_db": {"low": 0.0, "high": 5.0}}
    environment = {"made": [*BOTH, "simulated-rooms"], "events": events, "dry": ["hiss"], "distance_m": {"low": 0.5, "high": 3.0}}
    corpus = make_corpus(tmp_path_factory.mktemp("crowded"), **{f"environment__{name}": value for name, value in environment.items()})
    return corpus, build_here(corpus).artefact.path


def test_a_build_with_everything_made_is_proved_and_the_same_on_any_number_of_workers(crowded: tuple[Corpus, Path], tmp_path: Path) -> None:
    corpus, path = crowded
    report = verify_deep(path)
    assert (report.exit_code, report.problems) == (0, [])
    assert bytes_of(build_here(corpus, tmp_path / "again", workers=2).artefact.path) == bytes_of(path)


def test_cuts_of_test_say_what_was_drawn_for_them(crowded: tuple[Corpus, Path]) -> None:
    _, path = crowded
    places = [cut["custom"]["place"] for cut in lines_of(path / "cuts.test.jsonl")]
    assert sum(len(place["events"]) for place in places)
    assert all(place["room"]["distance_m"] and place["noise"] for place in places)
    items = {item["id"]: item for item in lines_of(path / "banks.jsonl")}
    drawn = [sound["id"] for place in places for sound in (place["noise"], *place["events"])]
    assert {items[id]["split"] for id in drawn} == {"test"}
    assert {items[id]["source"] for id in drawn} & set(BOTH)
