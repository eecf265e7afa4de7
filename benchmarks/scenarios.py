"""What speccraft is asked to do on the benchmark corpus, as scenario files: the peers' job, the defaults, and all that can be measured."""

from __future__ import annotations

from pathlib import Path

from speccraft.scenario.quality import Quality, Rule
from speccraft.sound.spectral import SPECTRAL

HEAD = """\
speccraft: 1
name: {name}
job: {{task: converse, languages: [en], longest_utterance_s: 30}}
environment: {{sampling_rate: 16000}}
rights: {{accept: [CC0-1.0]}}
sources: [{{id: made, format: folder, path: {corpus}, licence: CC0-1.0, speaker_folder: 1, endings: [.flac, .wav, .mp3]}}]
segmentation: {{detector: webrtc, aggressiveness: 2, keep_pause_s: 0.3, untranscribed: pretrain}}
training: {{stages: [pretrain]}}
"""
PEERS_RULES = "snr_db: {min: 10}, clipped_fraction: {max: 0.001}, duration_s: {min: 0.5}"
KEEPS_ALL = "{min: -1000000}"
"""A rule that looks at its measure and drops nothing."""


def scenario_of(name: str, corpus: Path) -> str:
    """The text of one of `NAMES`.

    `peers` has the peers' rules and looks for exact repeats only; `defaults` says nothing of quality or splits; `everything` has a rule on every measure
    that needs no samples, takes the others on a sample, and keeps splits apart on every axis; `judged` has a rule on those too.
    """
    head = HEAD.format(name=f"bench-{name}", corpus=corpus.name)
    if name == "peers":
        return head + f"quality: {{duplicates: exact, {PEERS_RULES}}}\n"
    if name == "defaults":
        return head
    judged = [field for field, info in Quality.model_fields.items() if info.annotation == Rule | None]
    if name == "everything":
        judged = [field for field in judged if field not in SPECTRAL]
        head += f"quality: {{measure: [{', '.join(SPECTRAL)}], duplicates: near, "
    else:
        head += "quality: {duplicates: near, "
    rules = ", ".join(f"{field}: {KEEPS_ALL}" for field in judged)
    return head + f"{rules}}}\nsplits: {{disjoint: [speaker, session, recording, audio, text, near_audio, near_text]}}\n"


NAMES = ("peers", "defaults", "everything", "judged")


def write_scenario(name: str, corpus: Path, folder: Path) -> Path:
    """Write a scenario file to a folder."""
    path = folder / f"{name}.yaml"
    path.write_text(scenario_of(name, corpus))
    return path
