"""Noise made of a build's speech: of training cuts alone, other ones for every split, under their licences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from corpus import RATE, SCENARIO, Corpus, build_here, bytes_of, lines_of, make_corpus

from speccraft.build.made import CLIPS, make_noise
from speccraft.errors import SpeccraftError
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS
from speccraft.sound.shards import encode_flac
from speccraft.verify_deep import verify_deep

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


def test_answers_of_the_assistant_are_no_noise_and_too_few_cuts_are_refused(tmp_path: Path) -> None:
    cuts = kept(tmp_path, 4)
    answers = cuts.with_columns(is_answer=pl.col("speaker") == "s1")
    assert not [cut for clip, _ in make_noise(answers, scenario("babble")).clips for cut in clip.made_of if cut.startswith("words-001")]
    assert make_noise(cuts, scenario()).clips == ()
    with pytest.raises(SpeccraftError, match="babble cannot be made of 2 training cuts"):
        make_noise(cuts.head(2), scenario("babble"))


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
