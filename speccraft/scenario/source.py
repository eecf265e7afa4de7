"""Where recordings come from: one model per source format, discriminated by `format`."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from .base import Id, Words, measured_in, such_as
from .source_base import AUDIO_ENDINGS, Columns, Role, SourceBase
from .source_corpora import CommonVoiceSource, HuggingFaceSource, LibriSpeechSource, PathPattern, WebDatasetSource
from .source_dialogues import ConversationsSource, PreferencesSource
from .source_manifests import KaldiSource, LhotseSource, NemoSource, SharSource
from .source_tts import TtsSource, TtsVoice

__all__ = [
    "Columns",
    "CommonVoiceSource",
    "ConversationsSource",
    "FolderSource",
    "HuggingFaceSource",
    "LibriSpeechSource",
    "PreferencesSource",
    "Role",
    "Source",
    "SourceBase",
    "SpokenSource",
    "SynthesisSource",
    "SynthesisVoice",
    "TableSource",
    "TtsSource",
    "TtsVoice",
    "WebDatasetSource",
]


class TableSource(SourceBase):
    """A CSV, TSV, JSON Lines or Parquet table with one row per audio file."""

    format: Annotated[Literal["table"], such_as("table")]
    """`table`: CSV, TSV, JSONL or Parquet by file ending. A table can state speaker, transcript and licence row by row, which a folder cannot."""
    path: Annotated[str, such_as("data/digits.csv")]
    """The table, relative to `--data` or the scenario's folder. A path that leaves both is refused unless one of `roots` holds it."""
    columns: Annotated[Columns, such_as({"audio": "path", "text": "text", "speaker": "speaker"})]
    """Column names in the table. Tables name things in their own way; what is not named here is not read."""
    where: Annotated[dict[str, str | tuple[str, ...]], such_as({"kind": "speech"}, {"lang": ["en", "de"]})] = {}
    """Keep only rows whose column equals the value, or one of the values. One manifest can so serve several sources without being copied."""


class FolderSource(SourceBase):
    """A folder of audio files; transcripts or annotations lie beside them."""

    format: Annotated[Literal["folder"], such_as("folder")]
    """`folder`: audio files with sidecars: `.txt`, `.lab` or `.json`, or turns as `.rttm`, `.TextGrid` or `.ctm`. It needs no table, and so has one
    licence and one language for all files but those whose `.json` states its own."""
    path: Annotated[str, such_as("audio")]
    """The folder, relative to `--data` or the scenario's folder. All folders below it are searched; links that leave it are not followed."""
    endings: Annotated[tuple[str, ...], Field(min_length=1), such_as([".wav", ".flac"])] = AUDIO_ENDINGS
    """File endings that count as audio; other files are ignored. Naming fewer keeps previews and lossy copies out of training."""
    speaker_folder: Annotated[Annotated[int, Field(ge=1)] | None, measured_in("folder level"), such_as(1)] = None
    """Which folder level below `path` names the speaker: 1 for `anna/x.wav`. Left out, nobody knows who speaks, and speakers cannot be kept apart."""
    pattern: Annotated[PathPattern | None, such_as("{speaker}/{session}/**", "{speaker}_{session}_*.wav")] = None
    """Where a path below the folder names `{speaker}`, `{session}` and `{language}`; `*` is anything within a level, `**` at the end anything below.
    It says more than `speaker_folder`, and a file that it does not fit is in the ledger, not in the data."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.pattern is not None and self.speaker_folder is not None:
            raise ValueError("name the speaker by `pattern` or by `speaker_folder`, not by both")
        return self


class SynthesisVoice(Words):
    """One synthetic speaker."""

    id: Annotated[Id, such_as("eve")]
    """Speaker id written to the cuts. Splits and counts treat each synthetic voice as a speaker by it."""
    voice: Annotated[str, such_as("en-us+f3")]
    """espeak-ng voice name with an optional variant, such as `en-us+f3`. Language and timbre both come from it."""
    words_per_minute: Annotated[int, Field(ge=80, le=400), measured_in("words/min"), such_as(165)] = 165
    """Speaking rate. Voices of one rate teach a model that everyone speaks so; people range from about 110 to 200."""
    pitch: Annotated[int, Field(ge=0, le=99), measured_in("espeak-ng pitch"), such_as(60)] = 50
    """espeak-ng pitch, 0 to 99. Different pitches keep synthetic speakers from being one voice under several names."""


class SynthesisSource(SourceBase):
    """Speech made by espeak-ng: every text in every voice."""

    format: Annotated[Literal["synthesis"], such_as("synthesis")]
    """`synthesis`: spoken by espeak-ng when the build runs. It gives a rehearsal without any recording; takes of one text in one voice share a session."""
    voices: Annotated[tuple[SynthesisVoice, ...], Field(min_length=1), such_as([{"id": "eve", "voice": "en-us+f3"}, {"id": "adam", "voice": "en-us+m2"}])]
    """The synthetic speakers. Held-out voices show whether a model learnt words or just one synthesiser setting."""
    texts: Annotated[tuple[str, ...], Field(min_length=1), such_as(["good morning", "where is the exit"])]
    """What they say; each text is one recording per voice and take. These are the only words a model can learn from the source."""
    takes: Annotated[int, Field(ge=1, le=20), measured_in("takes"), such_as(3)] = 1
    """Recordings per text and voice; takes differ a little in rate and pitch. One take alone is learnt by heart."""


Source = Annotated[
    TableSource
    | FolderSource
    | LhotseSource
    | SharSource
    | NemoSource
    | KaldiSource
    | HuggingFaceSource
    | WebDatasetSource
    | LibriSpeechSource
    | CommonVoiceSource
    | ConversationsSource
    | PreferencesSource
    | SynthesisSource
    | TtsSource,
    Field(discriminator="format"),
]
SpokenSource: TypeAlias = SynthesisSource | TtsSource
"""Sources of texts that are spoken when the build runs."""
