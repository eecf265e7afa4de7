"""Where recordings come from: one model per source format, discriminated by `format`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Id, Words
from .job import Stage, Style

Role = Literal["speech", "noise", "rir"]


class SourceBase(Words):
    """What every source states, whatever its format."""

    id: Id
    """Short name of the source, unique in the scenario."""
    role: Role = "speech"
    """`speech` to learn from, `noise` to add, `rir` for rooms (impulse responses)."""
    stages: tuple[Stage, ...] = ("pretrain", "align")
    """Training stages that may use its recordings."""
    licence: str | None = None
    """SPDX expression that holds for every row without one of its own. Rows with neither are refused."""
    attribution: str | None = None
    """Whom the licence asks to name, for rows that state nobody; written to the dataset card."""
    on_refusal: Literal["stop", "exclude"] = "stop"
    """What a refused source does: stop the build, or be left out with its rows in the ledger."""
    style: Style | None = None
    """Read text, free speech, or both; the job's style when left out."""
    language: str | None = None
    """BCP 47 tag of rows that state none; the job's first language when left out."""


class Columns(Words):
    """Which column of a table holds what."""

    audio: str
    """Path of the audio file, relative to the table's folder."""
    text: str | None = None
    """Transcript."""
    speaker: str | None = None
    """Who speaks."""
    session: str | None = None
    """Recording session."""
    licence: str | None = None
    """SPDX expression of the row."""
    attribution: str | None = None
    """Whom the row's licence asks to name."""
    language: str | None = None
    """BCP 47 tag of the row."""


class TableSource(SourceBase):
    """A CSV, TSV, JSON Lines or Parquet table with one row per audio file."""

    format: Literal["table"]
    """`table`: CSV, TSV, JSONL or Parquet by file ending."""
    path: str
    """The table, relative to `--data` or the scenario's folder."""
    columns: Columns
    """Column names in the table."""
    where: dict[str, str | tuple[str, ...]] = {}
    """Keep only rows whose column equals the value, or one of the values."""


class FolderSource(SourceBase):
    """A folder of audio files; transcripts lie beside them as `.txt` or `.lab`."""

    format: Literal["folder"]
    """`folder`: audio files with sidecar transcripts."""
    path: str
    """The folder, relative to `--data` or the scenario's folder."""
    endings: Annotated[tuple[str, ...], Field(min_length=1)] = (".wav", ".flac", ".ogg", ".mp3", ".opus")
    """File endings that count as audio; other files are ignored."""
    speaker_folder: Annotated[int, Field(ge=1)] | None = None
    """Which folder level below `path` names the speaker: 1 for `anna/x.wav`. Left out, nobody knows who speaks."""


class SynthesisVoice(Words):
    """One synthetic speaker."""

    id: Id
    """Speaker id written to the cuts."""
    voice: str
    """espeak-ng voice name with an optional variant, such as `en-us+f3`."""
    words_per_minute: Annotated[int, Field(ge=80, le=400)] = 165
    """Speaking rate."""
    pitch: Annotated[int, Field(ge=0, le=99)] = 50
    """espeak-ng pitch, 0 to 99."""


class SynthesisSource(SourceBase):
    """Speech made by espeak-ng: every text in every voice."""

    format: Literal["synthesis"]
    """`synthesis`: spoken by espeak-ng when the build runs. Takes of one text in one voice share a session."""
    voices: Annotated[tuple[SynthesisVoice, ...], Field(min_length=1)]
    """The synthetic speakers."""
    texts: Annotated[tuple[str, ...], Field(min_length=1)]
    """What they say; each text is one recording per voice and take."""
    takes: Annotated[int, Field(ge=1, le=20)] = 1
    """Recordings per text and voice; takes differ a little in rate and pitch."""


Source = Annotated[TableSource | FolderSource | SynthesisSource, Field(discriminator="format")]
