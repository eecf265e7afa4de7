"""Speak a text with a VITS checkpoint of transformers from a local folder: the same text, voice and seed are the same samples.

Only `speak_with` imports torch and transformers; what a checkpoint is shows in its JSON files alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from speccraft.errors import BadEnvironment, MissingExtra, UnreadableInput
from speccraft.sound.decode import RATES_HZ, Undecodable

NEEDED = ("config.json", "model.safetensors", "tokenizer_config.json", "vocab.json")
OPTIONAL = ("added_tokens.json", "special_tokens_map.json")
MOST_JSON_BYTES = 4 << 20
PICKLED = (".bin", ".pt", ".pth", ".ckpt")
"""Endings of weights that opening may run a program from."""
SAID = frozenset("#%&*@/\\'-\u2010\u2011\u2019")
"""Punctuation that has a name to be said, or belongs to words as hyphen and apostrophe do; all other may be left out."""
Parsed = TypeVar("Parsed")


class _Model(BaseModel):
    """What we need to know of `config.json`."""

    model_config = ConfigDict(strict=True)
    model_type: Literal["vits"]
    num_speakers: Annotated[int, Field(ge=1)] = 1
    sampling_rate: Annotated[int, Field(ge=RATES_HZ[0], le=RATES_HZ[1])] = 16_000


class _Tokenizer(BaseModel):
    """What we need to know of `tokenizer_config.json`; what it leaves out is as in transformers."""

    model_config = ConfigDict(strict=True)
    normalize: bool = True
    phonemize: bool = True
    is_uroman: bool = False


_Vocabulary = TypeAdapter(dict[str, Annotated[int, Field(ge=0)]], config=ConfigDict(strict=True))


@dataclass(frozen=True)
class TtsCheckpoint:
    """A checkpoint that can be spoken with: `sha256` is that of its files, `letters` are the characters that it can say."""

    folder: Path
    sha256: str
    speakers: int
    letters: frozenset[str]
    lowers: bool
    """Whether capitals that it does not know are read as small letters."""

    def sayable(self, text: str) -> tuple[str, list[str]]:
        """A text as the checkpoint is given it, and the characters that it cannot say."""
        kept, unknown = [], []
        for char in text:
            forms = (char, char.lower()) if self.lowers else (char,)
            if any(form and self.letters.issuperset(form) for form in forms):
                kept.append(char)
            elif char.isspace() or (unicodedata.category(char).startswith("P") and char not in SAID):
                kept.append(" ")
            elif char not in unknown:
                unknown.append(char)
        return " ".join("".join(kept).split()), unknown


def read_checkpoint(folder: Path, within: Callable[[str], Path | None]) -> TtsCheckpoint:
    """Look at the checkpoint in a folder; nothing of it is loaded.

    Args:
        within: where a file of the folder is, None where a link leads out of what may be read.

    Raises:
        UnreadableInput: a file is missing, leads elsewhere or is not what it should be; the weights are pickled; the model is not VITS,
            or does not read letters.
    """
    paths = {name: within(name) for name in (*NEEDED, *OPTIONAL) if (folder / name).is_file()}
    if missing := [name for name in NEEDED if name not in paths]:
        _refuse_missing(folder, missing)
    if outside := [name for name, path in paths.items() if path is None]:
        raise UnreadableInput(f"{folder}: {', '.join(outside)} leads out of the data folder and `roots`", try_this="name the folder it leads to in `roots:`")
    if (folder / "adapter_config.json").exists():
        raise UnreadableInput(f"{folder}: is an adapter to another checkpoint", try_this="merge it into its base model, and name the folder of that")
    model = _parsed(folder / "config.json", _Model.model_validate_json)
    tokenizer = _parsed(folder / "tokenizer_config.json", _Tokenizer.model_validate_json)
    vocabulary: Mapping[str, int] = _parsed(folder / "vocab.json", _Vocabulary.validate_json)
    if tokenizer.phonemize or tokenizer.is_uroman:
        needs = "phonemes of another program" if tokenizer.phonemize else "other scripts turned into Roman letters"
        raise UnreadableInput(f"{folder}: reads {needs}, which is not supported", try_this="take a checkpoint that reads letters, such as those of MMS-TTS")
    letters = frozenset(char for char in vocabulary if len(char) == 1)
    return TtsCheckpoint(folder, _digest(folder), model.num_speakers, letters, tokenizer.normalize)


def speak_with(folder: Path, text: str, *, sha256: str, speaker: int, speaking_rate: float, seed: int) -> tuple[np.ndarray, int]:
    """Say a text; the noise that VITS draws rhythm and tone from, at the scales in its `config.json`, comes from the seed.

    The checkpoint is loaded once in a process and kept. Samples are the same on any number of workers, not on every processor and version of torch.

    Returns:
        float32 samples of shape (num_samples,), in [-1, 1], and their sampling rate in Hz.

    Raises:
        MissingExtra: torch or transformers is not installed.
        UnreadableInput: the checkpoint does not load, lacks weights, or is not the one that was planned with.
        Undecodable: what it says is not sound.
    """
    model, tokenizer = _loaded(folder, sha256)
    import torch

    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    speaker_id = speaker if model.config.num_speakers > 1 else None
    with _one_thread(), torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(seed)
        try:
            samples = model(input_ids=ids, speaker_id=speaker_id, speaking_rate=speaking_rate).waveform[0].numpy()
        except RuntimeError as error:
            if "memory" in str(error):
                raise MemoryError from error
            raise UnreadableInput(f"{folder}: the checkpoint cannot say '{text[:40]}': {_first_line(error)}") from error
    if not np.isfinite(samples).all():
        raise Undecodable("non_finite", "what the checkpoint says is NaN or infinite")
    return samples.clip(-1.0, 1.0), model.config.sampling_rate


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    # How sums are shared out among threads changes their last bits.
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=1)
def _loaded(folder: Path, sha256: str) -> tuple[Any, Any]:
    """The model and its tokenizer, checked to be the ones that were planned with."""
    if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")):
        raise MissingExtra("speaking with a checkpoint needs transformers", try_this="pip install 'speccraft[train]'")
    if _digest(folder) != sha256:
        help = "build again; on a cluster, keep the checkpoint at the same path on every node"
        raise BadEnvironment(f"{folder}: is not the checkpoint that was planned with", try_this=help)
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    import torch
    from safetensors import SafetensorError
    from transformers import VitsModel, VitsTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model, found = VitsModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, output_loading_info=True, dtype=torch.float32)
        tokenizer = VitsTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        raise UnreadableInput(f"{folder}: the checkpoint does not load: {_first_line(error)}", try_this="save it again with save_pretrained") from error
    if lacking := [*found["missing_keys"], *found["mismatched_keys"]]:
        # transformers would draw them at random.
        raise UnreadableInput(f"{folder}: the checkpoint lacks {len(lacking)} weights, such as {lacking[0]}", try_this="save it again with save_pretrained")
    return model.eval(), tokenizer


def _refuse_missing(folder: Path, missing: list[str]) -> None:
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED) if folder.is_dir() else []
    if pickled and "model.safetensors" in missing:
        raise UnreadableInput(
            f"{folder}: its weights are pickled ({pickled[0]}), and opening them may run a program",
            try_this="save the checkpoint as safetensors: model.save_pretrained(FOLDER) where you trust it",
        )
    raise UnreadableInput(f"{folder}: is no checkpoint that can be read: it lacks {', '.join(missing)}", try_this="name the folder that save_pretrained wrote")


def _parsed(path: Path, parse: Callable[[bytes], Parsed]) -> Parsed:
    if path.stat().st_size > MOST_JSON_BYTES:
        raise UnreadableInput(f"{path}: has more than {MOST_JSON_BYTES >> 20} MiB, which no such file needs")
    try:
        return parse(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnreadableInput(f"{path}: {where + ': ' if where else ''}{first['msg']}", try_this="speccraft speaks with checkpoints of VITS") from error


def _digest(folder: Path) -> str:
    """SHA-256 of the names and contents of the files that are loaded."""
    listed = []
    for name in (*NEEDED, *OPTIONAL):
        path = folder / name
        if path.is_file():
            status = path.stat()
            listed.append([name, _content_digest(path, status.st_size, status.st_mtime_ns, status.st_ino)])
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


@lru_cache(maxsize=64)
def _content_digest(path: Path, *_stamp: int) -> str:
    """SHA-256 of a file, read once as long as its size, time of change and inode stay."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
