"""Corpora in the layouts that others publish: Hugging Face, WebDataset, LibriSpeech, Common Voice; and patterns of paths."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .base import such_as
from .source_base import Columns, SourceBase

PLACES = ("speaker", "session", "language")
"""What a path may name."""
_HOLE = re.compile(r"\{[^{}/]*\}|\*+")


def _well_formed(pattern: str) -> str:
    holes = _HOLE.findall(pattern)
    names = [hole[1:-1] for hole in holes if hole.startswith("{")]
    if unknown := [name for name in names if name not in PLACES]:
        raise ValueError(f"a path names {', '.join(f'{{{place}}}' for place in PLACES)}, not {{{unknown[0]}}}")
    if not names or len(set(names)) < len(names):
        raise ValueError("a pattern names the speaker, the session or the language, each once")
    levels = pattern.split("/")
    if "" in levels or ".." in levels or "**" in levels[:-1] or any("**" in level and level != "**" for level in levels):
        raise ValueError("a pattern is a relative path such as {speaker}/{session}/*; `**` is its last level, alone")
    if any(re.search(rf"(?:{_HOLE.pattern})(?:{_HOLE.pattern})", level) for level in levels if level != "**"):
        raise ValueError("between two names of one level stands something that parts them, such as `_`")
    return pattern


PathPattern = Annotated[str, AfterValidator(_well_formed)]
"""A path with holes: `{speaker}/{session}/*`."""


class CorpusSource(SourceBase):
    """A published corpus: a folder whose layout is known."""

    path: Annotated[str, such_as("corpora/en")]
    """The corpus, relative to `--data` or the scenario's folder. It is read where it lies; nothing is fetched, unpacked or run."""
    official_splits: Annotated[bool, such_as(False)] = True
    """Whether train, dev and test stay as the corpus has them. Scores can be compared with published ones only so; `false` draws the splits anew."""


class HuggingFaceSource(CorpusSource):
    """A Hugging Face dataset on disk: an audio folder with metadata, Parquet files, or what `save_to_disk` wrote."""

    format: Annotated[Literal["hf"], such_as("hf")]
    """`hf`: metadata beside audio files, or Parquet and Arrow files with the audio inside. No loading script of a dataset is ever run."""
    columns: Annotated[Columns, such_as({"audio": "audio", "text": "sentence", "speaker": "client_id"})] = Columns(audio="audio")
    """Names of the dataset's features; in an audio folder the audio column may be called `file_name`. Only what is named here is read."""


class WebDatasetSource(CorpusSource):
    """Tar shards in the manner of WebDataset: the members of one sample share a name and follow each other."""

    format: Annotated[Literal["webdataset"], such_as("webdataset")]
    """`webdataset`: `*.tar` with audio, `.txt` and `.json` members. Shards are read in place, so a corpus needs no second copy on disk."""
    keys: Annotated[dict[Literal["text", "speaker", "session", "language", "licence", "attribution", "duration"], str], such_as({"speaker": "speaker_id"})] = {}
    """What a key of the `.json` members is called where it has another name here. Keys that are neither named here nor known stay unread."""
    endings: Annotated[tuple[str, ...], Field(min_length=1), such_as([".flac"])] = (".wav", ".flac", ".ogg", ".mp3", ".opus")
    """Endings of members that are audio. A sample with two of them is a problem of its row, for nobody can tell which was meant."""


class LibriSpeechSource(CorpusSource):
    """LibriSpeech, or a corpus laid out like it: `speaker/chapter/speaker-chapter.trans.txt` beside FLAC files."""

    format: Annotated[Literal["librispeech"], such_as("librispeech")]
    """`librispeech`: one or more parts such as `train-clean-100`. Speakers and chapters come from the folders, splits from the names of the parts."""


CommonVoiceList = Literal["train", "dev", "test", "validated", "other"]


class CommonVoiceSource(CorpusSource):
    """One language of Common Voice: lists as TSV files, audio in `clips/`."""

    format: Annotated[Literal["commonvoice"], such_as("commonvoice")]
    """`commonvoice`: the folder that holds `clips`. Speakers are the pseudonyms (`client_id`) that Common Voice gives them."""
    lists: Annotated[tuple[CommonVoiceList, ...], Field(min_length=1), such_as(["train", "dev", "test", "validated"])] = ("train", "dev", "test")
    """Lists that are read, in this order; a clip in several enters once, under the first. `validated` adds clips that are in no official split."""
