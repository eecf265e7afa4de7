"""Where recordings come from: one model per source format, discriminated by `format`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Id, Words, measured_in, such_as
from .job import Stage, Style

Role = Literal["speech", "noise", "rir"]


class SourceBase(Words):
    """What every source states, whatever its format."""

    id: Annotated[Id, such_as("digits")]
    """Short name of the source, unique in the scenario. Ledger, reports and `environment.noise` refer to the source by it."""
    role: Annotated[Role, such_as("speech", "noise")] = "speech"
    """What the recordings are for: `speech` to learn from, `noise` to add, `rir` for rooms (impulse responses). Noise taken for speech would be
    transcribed, and speech taken for noise would babble behind every sentence."""
    stages: Annotated[tuple[Stage, ...], such_as(["pretrain", "align"])] = ("pretrain", "align")
    """Training stages that may use its recordings. Rough audio helps a model to listen and harms it where it learns how to answer."""
    licence: Annotated[str | None, such_as("CC-BY-4.0")] = None
    """SPDX expression that holds for every row without one of its own. Rows with neither are refused, for no licence means no permission."""
    attribution: Annotated[str | None, such_as("Jane Doe, Example Corpus")] = None
    """Whom the licence asks to name, for rows that state nobody. It is written to the dataset card, because CC-BY without a name is a breach."""
    on_refusal: Annotated[Literal["stop", "exclude"], such_as("exclude")] = "stop"
    """What a refused source does: stop the build, or be left out with its rows in the ledger. Stopping is the default, so nothing shrinks unnoticed."""
    style: Annotated[Style | None, such_as("scripted")] = None
    """How people speak in it: read text, free speech, or both; the job's style when left out. Hours of one style do not stand in for the other."""
    language: Annotated[str | None, such_as("en")] = None
    """BCP 47 tag of rows that state none; the job's first language when left out. A wrong tag lets foreign speech in, or drops the right one."""


class Columns(Words):
    """Which column of a table holds what."""

    audio: Annotated[str, such_as("path")]
    """Column with the path of the audio file, relative to the table's folder. It is the one column that every table needs."""
    text: Annotated[str | None, such_as("text")] = None
    """Column with the transcript. Rows without a transcript can be measured but not demonstrated or scored."""
    speaker: Annotated[str | None, such_as("speaker")] = None
    """Column that says who speaks. Without it nobody can be kept out of test, counted, or taken out again on request."""
    session: Annotated[str | None, such_as("session")] = None
    """Column with the recording session. One session shares room and microphone, so a session in two splits leaks both."""
    licence: Annotated[str | None, such_as("license")] = None
    """Column with the SPDX expression of the row. It wins over the source's `licence`, for corpora often mix licences."""
    attribution: Annotated[str | None, such_as("author")] = None
    """Column that says whom the row's licence asks to name. All names are gathered on the dataset card."""
    language: Annotated[str | None, such_as("locale")] = None
    """Column with the BCP 47 tag of the row. Rows in languages that the job does not list are dropped by it."""
    duration: Annotated[str | None, such_as("duration_s")] = None
    """Column with the seconds of the recording. It lets `plan` count hours without opening audio; the build measures them anyway."""


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
    """A folder of audio files; transcripts lie beside them as `.txt` or `.lab`."""

    format: Annotated[Literal["folder"], such_as("folder")]
    """`folder`: audio files with sidecar transcripts. It needs no table, and so has one licence and one language for all files."""
    path: Annotated[str, such_as("audio")]
    """The folder, relative to `--data` or the scenario's folder. All folders below it are searched; links that leave it are not followed."""
    endings: Annotated[tuple[str, ...], Field(min_length=1), such_as([".wav", ".flac"])] = (".wav", ".flac", ".ogg", ".mp3", ".opus")
    """File endings that count as audio; other files are ignored. Naming fewer keeps previews and lossy copies out of training."""
    speaker_folder: Annotated[Annotated[int, Field(ge=1)] | None, measured_in("folder level"), such_as(1)] = None
    """Which folder level below `path` names the speaker: 1 for `anna/x.wav`. Left out, nobody knows who speaks, and speakers cannot be kept apart."""


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


Source = Annotated[TableSource | FolderSource | SynthesisSource, Field(discriminator="format")]
