"""What the trainer offers to a notebook, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tones_world import INSTRUCTION, RATE, tone

from speccraft import store
from speccraft.errors import SpeccraftError, UnreadableInput
from speccraft.trainer import SpeechLM, load_run
from speccraft.trainer.generate import LoadedRun, answer

CORE = ("encoders", "features", "model", "batch", "masked", "compose", "adapters", "ctc", "whisper")
OTHERS = ("lhotse", "trl", "peft", "accelerate", "datasets", "soundfile", "soxr", "polars", "pydantic", "ruamel", "ruamel.yaml", "jiwer", "typer")


@pytest.fixture(scope="module")
def run(trained: store.Artefact) -> LoadedRun:
    return load_run(trained.path)


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_trainer_imports_no_torch() -> None:
    told = python("import sys, speccraft.trainer; print([name for name in ('torch', 'transformers', 'lhotse', 'numpy') if name in sys.modules])")
    assert told.strip() == "[]"


@pytest.mark.slow
def test_the_core_needs_torch_and_transformers_alone() -> None:
    # as where they are not installed: neither imported nor found
    python(f"import sys; sys.modules |= dict.fromkeys({OTHERS}); [__import__(f'speccraft.trainer.{{name}}') for name in {CORE}]")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import speccraft.trainer

    with pytest.raises(AttributeError, match="nothing_like_it"):
        speccraft.trainer.nothing_like_it  # noqa: B018


def test_speech_lm_is_the_model_that_runs_hold(run: LoadedRun) -> None:
    assert type(run.checkpoint.model) is SpeechLM


def test_one_is_answered_by_a_text_and_many_by_a_list(run: LoadedRun) -> None:
    waves = [tone("ba", 0.3), tone("zu", 0.4)]
    assert run.generate(waves, INSTRUCTION) == answer(run, waves, INSTRUCTION) == [run.generate(wave, INSTRUCTION) for wave in waves]


def test_a_recording_is_heard_as_its_waveform_is_at_the_runs_rate(run: LoadedRun, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "ba.wav", tone("ba", 0.3), RATE, subtype="FLOAT")
    assert run.generate(tmp_path / "ba.wav", INSTRUCTION) == run.generate(tone("ba", 0.3), INSTRUCTION) == "ba!"
    soundfile.write(tmp_path / "twice.wav", np.repeat(tone("ba", 0.3), 2), 2 * RATE)
    assert run.generate(tmp_path / "twice.wav", INSTRUCTION) == "ba!"


def test_text_and_audio_are_asked_together_and_answered_in_order(run: LoadedRun) -> None:
    together = run.generate(["hello", tone("di", 0.3), "hello"], INSTRUCTION)
    assert together[1] == run.generate(tone("di", 0.3), INSTRUCTION)
    assert together[0] == together[2] == run.generate("hello")


def test_what_cannot_be_heard_is_an_error_with_a_way_out(run: LoadedRun, tmp_path: Path) -> None:
    (tmp_path / "no.wav").write_bytes(b"not audio")
    with pytest.raises(UnreadableInput, match=r"no\.wav"):
        run.generate(tmp_path / "no.wav")
    with pytest.raises(SpeccraftError, match="longer than the 2 s"):
        run.generate(np.zeros(3 * RATE, np.float32))
