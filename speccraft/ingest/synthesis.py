"""Rows to be spoken by espeak-ng: every text in every voice, in as many takes as asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from speccraft.ingest.rows import Row, Utterance
from speccraft.scenario.source import SynthesisSource, SynthesisVoice

RATE_SPREAD, PITCH_SPREAD = 0.12, 8
"""Takes differ by up to this share of the speaking rate and this much of espeak's pitch."""
SLOWEST_WORDS_PER_MINUTE = 80
"""espeak-ng speaks no slower, whatever it is told."""


def read_synthesis(source: SynthesisSource) -> list[Row]:
    """One row per voice, text and take; takes of one text in one voice share a session."""
    return [row for voice in source.voices for number, text in enumerate(source.texts, 1) for row in _takes(source, voice, f"{voice.id}/{number:03d}", text)]


def _takes(source: SynthesisSource, voice: SynthesisVoice, session: str, text: str) -> Iterator[Row]:
    # Draws that repeat an earlier take are left out: they would be dropped as duplicates.
    spoken: dict[Utterance, None] = {}
    draw = 0
    while len(spoken) < source.takes:
        draw += 1
        spoken.setdefault(_utterance(voice, session, text, draw))
    for take, utterance in enumerate(spoken, 1):
        yield Row(input=f"{session}-{take}", say=utterance, text=text, speaker=voice.id, session=session, licence=source.licence)


def _utterance(voice: SynthesisVoice, session: str, text: str, draw: int) -> Utterance:
    bytes_of_draw = hashlib.blake2b(f"{session}/{draw}".encode(), digest_size=2).digest()
    faster, higher = (byte / 127.5 - 1 if draw > 1 else 0.0 for byte in bytes_of_draw)
    return Utterance(
        text=text,
        voice=voice.voice,
        words_per_minute=max(SLOWEST_WORDS_PER_MINUTE, round(voice.words_per_minute * (1 + RATE_SPREAD * faster))),
        pitch=min(99, max(0, round(voice.pitch + PITCH_SPREAD * higher))),
    )
