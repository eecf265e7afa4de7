"""Made noise: babble and speech-shaped noise of a build's own training cuts, with the cuts that each clip was made of."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from speccraft.build.banks import NOTHING_MADE, Clip, Made, dealt
from speccraft.build.tables import flac_of
from speccraft.errors import SpeccraftError
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS, Split
from speccraft.scenario.environment import BABBLE, MADE_NOISE
from speccraft.sound.babble import babble, long_term_spectrum, speech_shaped
from speccraft.sound.place import generator_for
from speccraft.sound.shards import decode_flac

NEEDED = ("cut", "speaker", "licence", "split", "is_answer", "num_samples", "file", "offset", "size")
"""What has to be known of kept cuts to make noise of them."""
TALKERS = 8
"""Voices in babble, where there are so many: with fewer, words are understood; with many more it turns into steady noise."""
CLIP_S = 20.0
CLIPS: Mapping[Split, int] = {"train": 4, "dev": 1, "test": 2}
FEWEST_SPEAKERS = 15
"""With fewer, a fifth of the speakers is no crowd, and babble is told apart by cuts instead."""
MOST_CUTS = 5000
"""Training cuts that are chosen from, from everywhere: noise of an hour needs no more, and a million rows take gigabytes."""
SPECTRUM_CUTS = 200
"""Training cuts whose mean spectrum stands for all of them."""


def make_noise(kept: pl.DataFrame, scenario: Scenario) -> Made:
    """Make what `environment.made` names of the training cuts of a build; nobody who is known to speak in dev or test speaks in it.

    Nothing is made, and a note says so, where a build keeps fewer than three training cuts: what took them is for its report to say.

    Args:
        kept: kept speech with the columns of `NEEDED`.

    Raises:
        SpeccraftError: fewer than three training cuts are of speakers who are not in dev or test too.
    """
    noises = [one for one in MADE_NOISE if one in scenario.environment.made]
    if not noises:
        return NOTHING_MADE
    # What the assistant says is heard nowhere but in its own voice.
    training = kept.filter(split="train", is_answer=False).sort("cut")
    if training.height < len(SPLITS):
        return Made(notes=(f"{' and '.join(noises)} cannot be made of {training.height} training cuts: there is none",))
    elsewhere = kept.filter(pl.col("split") != "train")["speaker"].drop_nulls().unique()
    parts = [_babble(training, elsewhere, scenario) if noise == BABBLE else _shaped(noise, _some(training), scenario) for noise in noises]
    return Made(tuple(clip for part in parts for clip in part.clips), tuple(note for part in parts for note in part.notes))


def _some(training: pl.DataFrame) -> list[dict[str, Any]]:
    return training.gather_every(-(-training.height // MOST_CUTS) or 1).to_dicts()


def _babble(training: pl.DataFrame, elsewhere: pl.Series, scenario: Scenario) -> Made:
    rate, clips = scenario.environment.sampling_rate, []
    own = training.filter(~pl.col("speaker").is_in(elsewhere.implode()).fill_null(False))
    left_out = training.height - own.height
    if own.height < len(SPLITS):
        raise SpeccraftError(
            f"{BABBLE} cannot be made of {own.height} training cuts: {left_out} more are of speakers who are in dev or test too",
            try_this=f"add 'speaker' to splits.disjoint, take {BABBLE} out of environment.made, or add speech",
        )
    pools, of = _pools(_some(own), scenario.seed)
    note = _note({split: min(TALKERS, len(pool)) for split, pool in pools.items()}, of, left_out)
    for split in SPLITS:
        for number in range(1, CLIPS[split] + 1):
            rng = generator_for(scenario.seed, f"{BABBLE}/{split}/{number}", 0)
            talkers = list(_talkers(pools[split], round(CLIP_S * rate), rng))
            samples = babble([[decode_flac(flac_of(cut)) for cut in cuts] for cuts in talkers], round(CLIP_S * rate), rate)
            clips.append((_clip(BABBLE, split, number, samples, [cut for said in talkers for cut in said]), split))
    return Made(tuple(clips), (note,))


def _note(voices: Mapping[Split, int], of: str, left_out: int) -> str:
    many = f"{TALKERS} voices at once" if min(voices.values()) == TALKERS else f"voices at once: {', '.join(f'{n} in {split}' for split, n in voices.items())}"
    note = f"babble is made of training cuts alone, {many}; that of dev and test of other {of} than that of training"
    note += "" if of == "speakers" else f", for training has fewer than {FEWEST_SPEAKERS} known speakers"
    return note + (f"; {left_out} training cuts of speakers who are in dev or test too are not heard in it" if left_out else "")


def _pools(cuts: list[dict[str, Any]], seed: int) -> tuple[dict[Split, dict[str, list[dict[str, Any]]]], str]:
    """For each split the cuts that its babble may use, by voice; and what the splits do not share."""
    speakers = {cut["speaker"] for cut in cuts} - {None}
    by_speaker = len(speakers) >= FEWEST_SPEAKERS
    split_of = dict(dealt(sorted(speakers) if by_speaker else [cut["cut"] for cut in cuts], seed))
    pools: dict[Split, dict[str, list[dict[str, Any]]]] = {split: defaultdict(list) for split in SPLITS}
    for cut in cuts:
        split = split_of.get(cut["speaker"] if by_speaker else cut["cut"])
        if split is not None:  # among known speakers, a stranger may be any of them
            pools[split][cut["speaker"] or cut["cut"]].append(cut)
    return pools, "speakers" if by_speaker else "stretches"


def _talkers(pool: dict[str, list[dict[str, Any]]], num_samples: int, rng: np.random.Generator) -> Iterator[list[dict[str, Any]]]:
    """What each voice says: cuts of one speaker in a drawn order, until they last or there are no more; nobody is two voices."""
    voices = sorted(pool)
    for talker in rng.permutation(len(voices))[:TALKERS]:
        own, said = pool[voices[talker]], []
        for number in rng.permutation(len(own)):
            said.append(own[number])
            if sum(cut["num_samples"] for cut in said) >= num_samples:
                break
        yield said


def _shaped(noise: str, cuts: list[dict[str, Any]], scenario: Scenario) -> Made:
    rate, clips = scenario.environment.sampling_rate, []
    some = sorted(cuts, key=lambda cut: hashlib.sha256(f"{scenario.seed}|{cut['cut']}".encode()).hexdigest())[:SPECTRUM_CUTS]
    spectrum = long_term_spectrum([decode_flac(flac_of(cut)) for cut in some], rate)
    note = f"{noise} noise has the mean spectrum of {len(some)} training cuts; dev and test hear other noise with the same spectrum"
    for split in SPLITS:
        for number in range(1, CLIPS[split] + 1):
            samples = speech_shaped(spectrum, round(CLIP_S * rate), generator_for(scenario.seed, f"{noise}/{split}/{number}", 0))
            clips.append((_clip(noise, split, number, samples, some), split))
    return Made(tuple(clips), (note,))


def _clip(noise: str, split: Split, number: int, samples: np.ndarray, cuts: list[dict[str, Any]]) -> Clip:
    """A made clip, under the licences of everything that it was made of."""
    licences = sorted({id for cut in cuts for id in cut["licence"].split(" AND ")})
    made_of = tuple(sorted({cut["cut"] for cut in cuts}))
    return Clip(f"{noise}-{split}-{number}", noise, "noise", " AND ".join(licences), samples, simulated=True, made_of=made_of)
