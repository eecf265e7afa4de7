"""Rows to be spoken by espeak-ng: every text in every voice, in as many takes as asked."""

from __future__ import annotations

import hashlib

from speccraft.ingest.rows import Row, Utterance
from speccraft.scenario.source import SynthesisSource, SynthesisVoice

RATE_SPREAD, PITCH_SPREAD = 0.12, 8
"""Takes differ by up to this share of the speaking rate and this much of espeak's pitch."""


def read_synthesis(source: SynthesisSource) -> list[Row]:
    """One row per voice, text and take; takes of one text in one voice share a session."""
    return [
        _row(source, voice, number, text, take) for voice in source.voices for number, text in enumerate(source.texts, 1) for take in range(1, source.takes + 1)
    ]


def _row(source: SynthesisSource, voice: SynthesisVoice, number: int, text: str, take: int) -> Row:
    session = f"{voice.id}/{number:03d}"
    draw = hashlib.blake2b(f"{session}/{take}".encode(), digest_size=2).digest()
    faster, higher = (byte / 127.5 - 1 if take > 1 else 0.0 for byte in draw)
    utterance = Utterance(
        text=text,
        voice=voice.voice,
        words_per_minute=round(voice.words_per_minute * (1 + RATE_SPREAD * faster)),
        pitch=min(99, max(0, round(voice.pitch + PITCH_SPREAD * higher))),
    )
    return Row(input=f"{session}-{take}", say=utterance, text=text, speaker=voice.id, session=session, licence=source.licence)
