"""Sources described by the manifests of other toolkits: Lhotse, Lhotse Shar, NeMo and Kaldi."""

from __future__ import annotations

from typing import Annotated, Literal

from .base import such_as
from .contracts import Split
from .source_base import SourceBase


class ManifestSource(SourceBase):
    """A corpus as another toolkit describes it; such a corpus has a manifest for each of its splits."""

    split: Annotated[Split | None, such_as("test")] = None
    """Official split that the whole manifest is. Without it the splits are drawn anew, and no score can be compared with a published one."""


class LhotseSource(ManifestSource):
    """A Lhotse manifest in JSON Lines: recordings with their supervisions, or cuts."""

    format: Annotated[Literal["lhotse"], such_as("lhotse")]
    """`lhotse`: recordings and supervisions, or cuts, plain or gzipped. Only audio in files is read: a manifest can also name programs to run."""
    path: Annotated[str, such_as("data/cuts.jsonl.gz", "data/recordings.jsonl.gz")]
    """Manifest of cuts or of recordings, or a folder with `cuts.jsonl` or `recordings.jsonl` (`.gz`). What it is shows in its first record."""
    supervisions: Annotated[str | None, such_as("data/supervisions.jsonl.gz")] = None
    """Manifest of supervisions for one of recordings; in a folder, its `supervisions.jsonl`. Without it nobody knows what is said, when, and by whom."""
    audio_folder: Annotated[str | None, such_as("corpora/librispeech")] = None
    """Folder that relative audio paths start from; the manifest's own when left out. Lhotse takes them from wherever it happens to be started."""


class SharSource(ManifestSource):
    """A folder of Lhotse Shar shards, such as `shards/train` of a build."""

    format: Annotated[Literal["shar"], such_as("shar")]
    """`shar`: `cuts.*.jsonl` beside `recording.*.tar`. Audio is read where it lies in the tar, so that nothing is unpacked and no disk fills."""
    path: Annotated[str, such_as("data/shar")]
    """Folder of the shards, relative to `--data` or the scenario's folder. Every shard has to be whole, for readers of Shar lose the rest in silence."""


class NemoSource(ManifestSource):
    """A NeMo manifest: one JSON object per line with `audio_filepath`, `duration` and `text`."""

    format: Annotated[Literal["nemo"], such_as("nemo")]
    """`nemo`: a manifest whose lines name audio files; tarred data sets are not read. A line with `offset` is a part of its file."""
    path: Annotated[str, such_as("data/train_manifest.json")]
    """The manifest, plain or gzipped, relative to `--data` or the scenario's folder. Lines marked `_skipme` are counted and left out."""
    audio_folder: Annotated[str | None, such_as("corpora/callhome")] = None
    """Folder that relative `audio_filepath`s start from; the manifest's own when left out. NeMo tries both of them and takes what it finds first."""


class KaldiSource(ManifestSource):
    """A Kaldi data folder: `wav.scp`, and `segments`, `text`, `utt2spk`, `utt2lang`, `reco2dur` where they are."""

    format: Annotated[Literal["kaldi"], such_as("kaldi")]
    """`kaldi`: a data folder whose `wav.scp` names plain files. Commands that end in `|` are never run; write their output to files first."""
    path: Annotated[str, such_as("data/train")]
    """The data folder, relative to `--data` or the scenario's folder. Other tables in it, such as `feats.scp` and `spk2gender`, are not opened."""
    audio_folder: Annotated[str | None, such_as("egs/an4/s5")] = None
    """Folder that relative paths in `wav.scp` start from; the data folder when left out. Kaldi takes them from the folder of the recipe that ran."""
