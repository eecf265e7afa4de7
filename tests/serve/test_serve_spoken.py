"""A run that speaks answers with sound, and the sound says that no person made it."""

from __future__ import annotations

import base64
import copy
import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
import soundfile
from serve_world import CONVERSES, Server, events_of, scenario_of, serving, sound_part, text_part, wav
from tones_world import RATE, WORDS, tone

from speccraft.trainer.serve.service import Served
from speccraft.trainer.speaking import with_speech
from speccraft.trainer.speech_tokens import KMeansMel


@pytest.fixture(scope="module")
def speaker(transcriber: Served) -> Served:
    """The run with units after its vocabulary, which nobody taught it: it speaks noise."""
    checkpoint = transcriber.run.checkpoint
    codec = KMeansMel.fitted([tone(word, 1.0) for word in WORDS], RATE, 8, seed=0)
    speaking = with_speech(replace(checkpoint, model=copy.deepcopy(checkpoint.model)), codec, seed=0)
    # what it wrote before it ends where it now begins to speak
    model = speaking.model
    ends = next(end for end in model.generation_config.eos_token_id if end != speaking.speech.marker)
    weight = model.get_output_embeddings().weight
    weight.data[speaking.speech.marker] = 1.5 * weight.data[ends]
    return replace(transcriber, run=replace(transcriber.run, checkpoint=speaking))


@pytest.fixture(scope="module")
def speaking(speaker: Served) -> Iterator[Server]:
    with serving(speaker) as server:
        yield server


ALOUD = {"modalities": ["text", "audio"], "audio": {"format": "wav", "voice": "alloy"}}


def test_an_answer_is_heard_and_its_file_says_that_it_is_synthetic(speaking: Server):
    message = speaking.chat(sound_part(wav(tone("zu", 0.3))), text_part("write it"), **ALOUD).json["choices"][0]["message"]
    assert message["audio"]["transcript"] == message["content"] == "zu!"
    with soundfile.SoundFile(io.BytesIO(base64.b64decode(message["audio"]["data"]))) as file:
        assert "synthetic speech" in file.comment
        assert (file.samplerate, file.frames > 100) == (RATE, True)


def test_a_stream_has_the_text_in_pieces_and_then_the_sound(speaking: Server):
    asked = sound_part(wav(tone("zu", 0.3)))
    events = events_of(speaking.chat(asked, text_part("write it"), stream=True, **ALOUD).body)
    deltas = [event["choices"][0]["delta"] for event in events]
    assert "".join(delta.get("content", "") for delta in deltas) == "zu!"
    assert [place for place, delta in enumerate(deltas) if "audio" in delta] == [len(deltas) - 2]


def test_who_asks_for_text_alone_gets_no_sound(speaking: Server):
    message = speaking.chat(sound_part(wav(tone("zu", 0.3))), text_part("write it")).json["choices"][0]["message"]
    assert message["content"] == "zu!"
    assert "audio" not in message


def test_words_of_the_manual_are_not_spoken_in_the_sound_of_others(speaker: Served):
    with serving(replace(speaker, scenario=scenario_of(CONVERSES))) as strict:
        answer = strict.chat(sound_part(wav(tone("zu", 0.3))), **ALOUD).json
        assert answer["speccraft"]["manual"]["replaced"]
        assert "audio" not in answer["choices"][0]["message"]
