"""Checkpoints that speak: the same words, voice and seed are the same samples, and what is not a whole VITS checkpoint is refused."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from vits_world import write_checkpoint

from speccraft.errors import BadEnvironment, MissingExtra, UnreadableInput
from speccraft.sound import tts
from speccraft.sound.decode import Undecodable
from speccraft.sound.tts import TtsCheckpoint, read_checkpoint, speak_with


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("tts") / "checkpoint")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A checkpoint to spoil."""
    for path in folder.iterdir():
        (tmp_path / "copy").mkdir(exist_ok=True)
        (tmp_path / "copy" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "copy"


def look(folder: Path) -> TtsCheckpoint:
    return read_checkpoint(folder, lambda name: folder / name)


def said(folder: Path, text: str = "where is the exit", *, speaker: int = 0, speaking_rate: float = 1.0, seed: int = 1) -> np.ndarray:
    return speak_with(folder, text, sha256=look(folder).sha256, speaker=speaker, speaking_rate=speaking_rate, seed=seed)[0]


def test_the_same_words_are_the_same_samples_whatever_was_said_before_and_whoever_draws_numbers(folder: Path) -> None:
    import torch

    first = said(folder)
    said(folder, "something else", speaker=2, seed=7)
    torch.manual_seed(3)
    np.testing.assert_array_equal(said(folder), first)
    assert first.dtype == np.float32
    assert np.abs(first).max() <= 1
    assert len(first) > 4000


def test_speaking_leaves_torchs_numbers_and_threads_as_they_were(folder: Path) -> None:
    import torch

    torch.manual_seed(3)
    wanted, threads = torch.rand(4), torch.get_num_threads()
    torch.manual_seed(3)
    said(folder)
    assert torch.equal(torch.rand(4), wanted)
    assert torch.get_num_threads() == threads


def test_text_speaker_rate_and_seed_are_heard(folder: Path) -> None:
    variations = [said(folder), said(folder, "where is the lift"), said(folder, speaker=1), said(folder, speaking_rate=1.3), said(folder, seed=2)]
    assert len({samples.tobytes() for samples in variations}) == len(variations)
    assert len(said(folder, speaking_rate=2.0)) < len(said(folder, speaking_rate=0.5))


@pytest.mark.slow
def test_another_process_with_a_workers_memory_and_threads_says_the_same(folder: Path) -> None:
    script = (
        "import resource, sys, hashlib; resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))\n"
        "from pathlib import Path; from speccraft.sound.tts import speak_with\n"
        "samples, rate = speak_with(Path(sys.argv[1]), 'one', sha256=sys.argv[2], speaker=1, speaking_rate=1.0, seed=5)\n"
        "print(rate, hashlib.sha256(samples.tobytes()).hexdigest())"
    )
    command = [sys.executable, "-c", script, str(folder), look(folder).sha256]
    here = hashlib.sha256(said(folder, "one", speaker=1, seed=5).tobytes()).hexdigest()
    for threads in ("1", "2"):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": threads})
        assert (done.stdout.split(), done.stderr) == (["16000", here], "")


def test_a_checkpoint_of_one_speaker_speaks(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "single", speakers=1)
    assert look(folder).speakers == 1
    assert len(said(folder)) > 4000


def test_looking_at_a_checkpoint_imports_no_torch(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from speccraft.sound.tts import read_checkpoint\n"
        "read_checkpoint(Path(sys.argv[1]), lambda name: Path(sys.argv[1], name))\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True).stdout == "False False\n"


def test_what_the_files_hold_is_the_checkpoint_and_not_where_they_lie(folder: Path, copy: Path, tmp_path: Path) -> None:
    assert look(copy).sha256 == look(folder).sha256
    assert look(write_checkpoint(tmp_path / "other", seed=1)).sha256 != look(folder).sha256
    for name in ("config.json", "vocab.json", "added_tokens.json"):
        before = look(copy).sha256
        (copy / name).write_text((copy / name).read_text() + " ")
        assert look(copy).sha256 != before, name


def test_a_file_that_has_not_changed_is_hashed_once(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look(copy)
    monkeypatch.setattr(tts.hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    look(copy)


def test_a_text_keeps_letters_and_loses_the_punctuation_that_nobody_says(folder: Path) -> None:
    checkpoint = look(folder)
    assert checkpoint.sayable("Where is\tthe  exit?!") == ("Where is the exit", [])
    assert checkpoint.sayable("it's a well-known “place” …") == ("it's a well-known place", [])
    assert checkpoint.sayable("Straße 7 & Größe 7") == ("Strae Gre", ["ß", "7", "&", "ö"])
    assert checkpoint.sayable("the exit,please: U.S.A. \u2013 now") == ("the exit please U S A now", [])
    assert checkpoint.sayable("…") == ("", [])
    assert checkpoint.sayable("<unk>")[1] == ["<", ">"]


def test_capitals_are_unknown_to_a_checkpoint_that_does_not_lower_them(copy: Path) -> None:
    settings = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps(settings | {"normalize": False}))
    assert look(copy).sayable("Hi")[1] == ["H"]


def test_every_text_that_can_be_said_reaches_the_model_with_all_its_letters(folder: Path) -> None:
    _, tokenizer = tts._loaded(folder, look(folder).sha256)
    for text in ("Where is the exit", "it's well-known", "A", "zebra  crossing"):
        spoken, unknown = look(folder).sayable(text)
        assert unknown == []
        assert len(tokenizer(spoken)["input_ids"]) == 2 * len(spoken) + 1


def spoilt(change: Callable[[Path], object], copy: Path) -> UnreadableInput:
    change(copy)
    with pytest.raises(UnreadableInput) as caught:
        look(copy)
    assert str(copy) in caught.value.message
    return caught.value


@pytest.mark.parametrize("name", tts.NEEDED)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    assert f"lacks {name}" in spoilt(lambda at: (at / name).unlink(), copy).message


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "G_1000.pth"])
def test_pickled_weights_are_refused_and_not_opened(copy: Path, name: str) -> None:
    error = spoilt(lambda at: (at / "model.safetensors").rename(at / name), copy)
    assert f"pickled ({name})" in error.message
    assert "safetensors" in error.try_this


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("config.json", {"model_type": "bark"}, "model_type"),
        ("config.json", {"num_speakers": 0}, "num_speakers"),
        ("config.json", {"sampling_rate": 10}, "sampling_rate"),
        ("tokenizer_config.json", {"phonemize": True}, "phonemes"),
        ("tokenizer_config.json", {"is_uroman": True}, "Roman letters"),
        ("vocab.json", {"a": "one"}, "vocab.json: a"),
    ],
)
def test_other_models_and_tokenizers_are_refused(copy: Path, name: str, changes: dict[str, object], told: str) -> None:
    def change(at: Path) -> None:
        (at / name).write_text(json.dumps(json.loads((at / name).read_text()) | changes))

    assert told in spoilt(change, copy).message


@pytest.mark.parametrize("content", ["", "[]", "{", "\udcff", " " * (5 << 20)], ids=["empty", "list", "half", "bytes", "long"])
def test_settings_that_are_not_json_are_refused(copy: Path, content: str) -> None:
    spoilt(lambda at: (at / "config.json").write_bytes(content.encode(errors="surrogateescape")), copy)


def test_an_adapter_and_links_that_lead_away_are_refused(copy: Path) -> None:
    (copy / "adapter_config.json").write_text("{}")
    with pytest.raises(UnreadableInput, match="adapter"):
        look(copy)
    with pytest.raises(UnreadableInput, match=r"vocab\.json leads out"):
        read_checkpoint(copy, lambda name: None if name == "vocab.json" else copy / name)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="lacks config"):
        look(tmp_path)
    with pytest.raises(UnreadableInput, match="lacks config"):
        look(tmp_path / "nothing")


def test_weights_that_are_missing_are_refused_and_not_drawn_at_random(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    lacking = sorted(weights)[0]
    save_file({name: weight for name, weight in weights.items() if name != lacking}, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UnreadableInput, match="lacks 1 weights"):
        said(copy)


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95cos\nsystem\n", b"\xff" * 1000])
def test_weights_that_are_not_safetensors_do_not_load(copy: Path, content: bytes) -> None:
    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(UnreadableInput, match="does not load"):
        said(copy)


def test_a_checkpoint_that_has_changed_since_the_plan_is_not_spoken_with(copy: Path) -> None:
    planned = look(copy).sha256
    write_checkpoint(copy, seed=9)
    with pytest.raises(BadEnvironment, match="not the checkpoint that was planned with"):
        speak_with(copy, "one", sha256=planned, speaker=0, speaking_rate=1.0, seed=1)


def test_sound_that_is_no_number_is_refused(copy: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    weights = {name: torch.full_like(weight, torch.nan) if "decoder" in name else weight for name, weight in load_file(copy / "model.safetensors").items()}
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Undecodable) as caught:
        said(copy)
    assert caught.value.rule == "non_finite"


@pytest.mark.slow
def test_memory_that_does_not_suffice_is_told_as_such(folder: Path) -> None:
    script = (
        "import resource, sys; from pathlib import Path; from speccraft.sound.tts import speak_with\n"
        "def say(text): return speak_with(Path(sys.argv[1]), text, sha256=sys.argv[2], speaker=1, speaking_rate=0.5, seed=5)\n"
        "say('one')\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)\n"
        "try: say('one ' * 2000)\n"
        "except MemoryError: print('too large')\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder), look(folder).sha256], capture_output=True, text=True, check=False)
    assert done.stdout == "too large\n", done.stderr[-500:]


def test_without_transformers_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tts._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra) as caught:
        said(folder)
    assert "speccraft[train]" in caught.value.try_this
