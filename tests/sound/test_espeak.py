"""espeak-ng: the same words are the same samples, and what it does not know is an error, not another voice."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest

from speccraft.errors import BadEnvironment, MissingExtra, SpeccraftError
from speccraft.sound import espeak
from speccraft.sound.espeak import speak


def said(text: str = "where is the exit", voice: str = "en-us", words_per_minute: int = 160, pitch: int = 50) -> np.ndarray:
    return speak(text, voice=voice, words_per_minute=words_per_minute, pitch=pitch)[0]


def test_the_same_words_are_the_same_samples_whatever_was_said_before() -> None:
    first = said()
    said("something else", voice="en+f3", pitch=80)
    np.testing.assert_array_equal(said(), first)
    assert first.dtype == np.dtype("<i2")
    assert len(first) > 10000
    assert np.abs(first.astype(int)).max() > 1000


@pytest.mark.parametrize("voice", ["en-us+f2", "en-us+whisper"])
def test_the_breath_of_a_voice_does_not_change_with_the_clock(voice: str) -> None:
    first, second = said(voice=voice), int(time.time())
    while int(time.time()) == second:
        time.sleep(0.05)
    np.testing.assert_array_equal(said(voice=voice), first)


def test_another_process_says_the_same() -> None:
    said_there = "speak('one', voice='en-us', words_per_minute=160, pitch=50)[0].tobytes()"
    script = f"import hashlib; from speccraft.sound.espeak import speak; print(hashlib.sha256({said_there}).hexdigest())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(said("one").tobytes()).hexdigest()


def test_rate_pitch_voice_and_variant_are_heard() -> None:
    variations = [said(), said(words_per_minute=165), said(pitch=52), said(voice="en-us+f3"), said(voice="en-gb-scotland"), said("where is the lift")]
    assert len({samples.tobytes() for samples in variations}) == len(variations)
    assert len(said(words_per_minute=240)) < len(said(words_per_minute=120))
    assert speak("one", voice="en-us", words_per_minute=160, pitch=50)[1] == 22050


@pytest.mark.parametrize("voice", ["xx", "", "nowhere+f1", "en-us+zzz", "en-us+f99", "en-us+../mb/mb-us1", "en-us+"])
def test_an_unknown_voice_or_variant_is_an_error_and_not_another_voice(voice: str) -> None:
    with pytest.raises(SpeccraftError, match="no voice") as caught:
        said(voice=voice)
    assert voice in caught.value.message
    assert "en-us" in caught.value.try_this


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_nothing_to_say_is_silence(text: str) -> None:
    assert not said(text).any()


def test_text_is_words_and_not_markup_or_options() -> None:
    assert said("--version").any()
    assert not np.array_equal(said("<break time='9s'/>no"), said("no"))


def test_letters_beyond_ascii_are_spoken() -> None:
    assert len(said("Grüße aus Köln", voice="de")) > len(said("aus", voice="de"))


def test_a_text_that_takes_too_long_is_an_error_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "LONGEST_WAIT_S", 0.001)
    with pytest.raises(SpeccraftError, match="more than"):
        said()


def test_a_voice_that_crashes_espeak_ends_its_process_and_not_ours() -> None:
    with pytest.raises((BadEnvironment, SpeccraftError)):
        said(voice="../..")


def test_a_library_that_does_not_load_is_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "espeak_library", lambda: ("/nowhere/libespeak-ng.so", ""))
    with pytest.raises(MissingExtra, match="cannot be loaded"):
        said()
