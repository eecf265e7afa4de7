"""What every source states, whatever its format, and how the columns of a table are named."""

from __future__ import annotations

from typing import Annotated, Literal

from .base import Id, Words, such_as
from .job import Stage, Style

AUDIO_ENDINGS = (
    *(".wav", ".flac", ".ogg", ".mp3", ".opus", ".oga", ".aif", ".aiff", ".aifc", ".au", ".caf", ".sph", ".rf64", ".w64"),
    *(".m4a", ".m4b", ".aac", ".amr", ".mp4", ".mov", ".3gp", ".webm", ".mkv", ".mka", ".wma"),
)
"""How files end that are read; those of the second line need PyAV, and without it each is a failed row that says so."""
Role = Literal["speech", "noise", "rir"]
HEARD = ("speech", "demonstrations", "preferences")
"""Roles of sources whose recordings become cuts; dialogues hear theirs, so they are speech with dialogues around it."""


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
    licence_choice: Annotated[str | None, such_as("CC-BY-4.0")] = None
    """Which alternative is taken where a licence offers a choice (`OR`): whoever comes later has to know under what the recordings were used. Without it
    such rows are refused."""
    attribution: Annotated[str | None, such_as("Jane Doe, Example Corpus")] = None
    """Whom the licence asks to name, for rows that state nobody. It is written to the dataset card, because CC-BY without a name is a breach."""
    on_refusal: Annotated[Literal["stop", "exclude"], such_as("exclude")] = "stop"
    """What a source does of which every row is refused: stop the build, or be left out. Single refused rows stand in the ledger and stop nothing."""
    style: Annotated[Style | None, such_as("scripted")] = None
    """How people speak in it: read text, free speech, or both; the job's style when left out. `plan` holds it against the job's."""
    language: Annotated[str | None, such_as("en")] = None
    """BCP 47 tag of rows that state none; the job's first language when left out. A wrong tag lets foreign speech in, or drops the right one."""

    @property
    def paths(self) -> dict[str, str]:
        """Fields that name a file or folder to read, with what they name."""
        return {name: value for name in ("path", "supervisions", "audio_folder") if isinstance(value := getattr(self, name, None), str)}


class Columns(Words):
    """Which column of a table holds what."""

    audio: Annotated[str, such_as("path")]
    """Column with the path of the audio file, relative to the table's folder. It is the one column that every table needs."""
    text: Annotated[str | None, such_as("text")] = None
    """Column with the transcript. Speech without one is dropped, and the ledger says so: nothing here learns from it yet."""
    speaker: Annotated[str | None, such_as("speaker")] = None
    """Column that says who speaks. Without it nobody can be kept out of test, counted, or taken out again on request."""
    session: Annotated[str | None, such_as("session")] = None
    """Column with the recording session. One session shares room and microphone, so a session in two splits leaks both."""
    groups: Annotated[tuple[str, ...], such_as(["gender", "accent"])] = ()
    """Columns that say which groups the speaker belongs to. They go with every cut, and `splits.stratify` shares dev and test out by them."""
    licence: Annotated[str | None, such_as("license")] = None
    """Column with the SPDX expression of the row. It wins over the source's `licence`, for corpora often mix licences."""
    attribution: Annotated[str | None, such_as("author")] = None
    """Column that says whom the row's licence asks to name. All names are gathered on the dataset card."""
    language: Annotated[str | None, such_as("locale")] = None
    """Column with the BCP 47 tag of the row. Rows in languages that the job does not list are dropped by it."""
    duration: Annotated[str | None, such_as("duration_s")] = None
    """Column with the seconds of the recording, or of its part. It lets `plan` count hours without opening audio; the build measures them anyway."""
    start: Annotated[str | None, such_as("start_s")] = None
    """Column with the seconds at which the row begins in its recording. Rows of one file are then its parts, kept together by the split axis `recording`."""
    end: Annotated[str | None, such_as("end_s")] = None
    """Column with the seconds at which the row ends in its recording. Without it a row ends after its `duration`, or with the recording."""
    channel: Annotated[str | None, such_as("channel")] = None
    """Column with the channel of the recording, counted from 0. Calls often keep one speaker per channel, which a mix would lose."""
