"""Rows to be spoken by a text-to-speech checkpoint: every text in every voice, in as many takes as asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from speccraft.errors import UnreadableInput
from speccraft.ingest.rows import Reach, Row, TtsUtterance
from speccraft.scenario.source_tts import TtsSource, TtsVoice

if TYPE_CHECKING:
    from speccraft.sound.tts import TtsCheckpoint


def read_tts(source: TtsSource, *, reach: Reach) -> list[Row]:
    """One row per voice, text and take; takes of one text in one voice share a session.

    Raises:
        UnreadableInput: the checkpoint cannot be read, or has fewer speakers than a voice asks for.
    """
    # Here, because `check` imports the readers and no audio.
    from speccraft.sound.tts import read_checkpoint

    folder = reach.source(source.id, source.path)
    checkpoint = read_checkpoint(folder, lambda name: reach.resolve(name, folder))
    for voice in source.voices:
        if voice.speaker >= checkpoint.speakers:
            some = f"{checkpoint.speakers} speaker{'' if checkpoint.speakers == 1 else 's'}"
            raise UnreadableInput(
                f"source '{source.id}': voice '{voice.id}' is speaker {voice.speaker}, and the checkpoint has {some}", try_this="speakers count from 0"
            )
    return [row for voice in source.voices for number, text in enumerate(source.texts, 1) for row in _takes(source, voice, checkpoint, number, text)]


def _takes(source: TtsSource, voice: TtsVoice, checkpoint: TtsCheckpoint, number: int, text: str) -> Iterator[Row]:
    spoken, unknown = checkpoint.sayable(text)
    session = f"{voice.id}/{number:03d}"
    problem = ""
    if unknown:
        problem = f"the checkpoint cannot say {', '.join(map(repr, unknown[:8]))}: write the text in its letters"
    elif not spoken:
        problem = "the checkpoint says nothing of this text"
    for take in range(1, source.takes + 1):
        say = TtsUtterance(spoken, checkpoint.folder, checkpoint.sha256, voice.speaker, voice.speaking_rate, _seed(spoken, voice, take))
        row = Row(input=f"{session}-{take}", text=text, speaker=voice.id, session=session, licence=source.licence, problem=problem)
        yield row if problem else replace(row, say=say)


def _seed(text: str, voice: TtsVoice, take: int) -> int:
    """What a take is drawn from: it stays when other texts, voices or takes come and go."""
    return int.from_bytes(hashlib.blake2b(f"{voice.id}/{voice.speaker}/{take}/{text}".encode(), digest_size=4).digest())
