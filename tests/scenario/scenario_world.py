"""One valid scenario that uses most fields, and the shortest one."""

from __future__ import annotations

from speccraft.scenario.advice import advise
from speccraft.scenario.diagnostics import Diagnostic
from speccraft.scenario.model import Scenario
from speccraft.scenario.text import check, parse

SHORTEST = """\
speccraft: 1
name: digits
job: {task: transcribe, languages: [en]}
sources:
  - {id: digits, format: folder, path: audio, licence: CC0-1.0}
"""

FULL = """\
speccraft: 1
name: metro
seed: 7
roots: [../data]
job:
  task: converse
  input: [speech]
  output: [text]
  languages: [en, de-CH]
  longest_utterance_s: 12
environment:
  place: metro platform
  snr_db: {low: 0, high: 20}
  rt60_s: {low: 0.2, high: 1.2}
  noise: [platform]
  rooms: [station]
  channel: {codec: opus, bitrate_kbps: 16}
voice: {kind: none}
rights: {use: [train, evaluate], accept: [CC0-1.0], commercial: true}
sources:
  - id: digits
    format: table
    path: digits.csv
    columns: {audio: path, text: text, speaker: who}
    where: {kind: speech, lang: [en, de]}
  - {id: platform, format: folder, path: noise, role: noise}
  - {id: station, format: folder, path: rooms, role: rir, endings: [.wav]}
  - id: spoken
    format: synthesis
    voices: [{id: anna, voice: en-us+f3, pitch: 60}]
    texts: [hello, "12:30"]
segmentation: {detector: webrtc, aggressiveness: 3}
quality: {snr_db: {min: 5, max_drop: 0.3}, clipped_fraction: {max: 0.01}}
splits: {dev: 0.1, test: 0.2, disjoint: [speaker], given: split, unseen: {speaker: [theo]}}
manual: {format: {kind: json, schema: {type: object}}, rules: [{id: no-advice, must: refuse, topic: medicine}]}
preference: {criteria: [natural]}
training: {recipe: tiny-cpu, stages: [pretrain, align, prefer]}
acceptance: {data: {hours: {pretrain: 0.1}, speakers: 5}, model: {wer: {clean: 0.15, unseen: 0.3}}}
"""

SOURCE = "  - {id: digits, format: folder, path: audio, licence: CC0-1.0}\n"
"""The only source of the shortest scenario."""


def said(extra: str, shortest: str = SHORTEST) -> list[Diagnostic]:
    """What is said about the shortest scenario with more lines at its end."""
    document = parse(shortest + extra, "a.yaml")
    return list(advise(check(document, Scenario), document))


def about(code: str, extra: str, shortest: str = SHORTEST) -> list[Diagnostic]:
    """What is said under one code."""
    return [one for one in said(extra, shortest) if one.code == code]


def source_as(fields: str) -> str:
    """The shortest scenario with another source."""
    return SHORTEST.replace(SOURCE, f"  - {{id: digits, licence: CC0-1.0, {fields}}}\n")


def conversing(fields: str = "") -> str:
    """The shortest scenario as a conversation."""
    return SHORTEST.replace("task: transcribe", f"task: converse{', ' if fields else ''}{fields}")
