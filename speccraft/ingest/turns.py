"""Turns of a dialogue as people write them, checked one by one, and the audio in them as rows of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from speccraft.ingest.lines import Record
from speccraft.ingest.manifests import Ids, Unusable, audio_file, audio_folder, checked, filled, language_tag
from speccraft.ingest.official import SPLIT_NAMES
from speccraft.ingest.records import records_in, without_nulls
from speccraft.ingest.rows import Dialogue, Reach, Row
from speccraft.scenario.contracts import Message, Part
from speccraft.scenario.source_dialogues import DialogueSource

PLACEHOLDER = "<audio>"
MOST_AUDIO = 1000
"""Pieces of audio in one dialogue: each becomes a row."""
Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
SHARED_ROLES: Mapping[str, Role] = {
    "system": "system", "human": "user", "gpt": "assistant", "tool": "tool", "observation": "tool", "function_call": "assistant",
}  # fmt: skip
"""What ShareGPT and LLaMA-Factory call them; an observation is what a tool answers to a call."""
UNREAD = ("images", "videos", "tools")
"""Fields that would change what a dialogue says."""
FILE_FIELDS = ("audio", "path", "audio_url", "url")
"""Under which of these fields an audio part names its file depends on the tool that wrote it."""
COLUMNS = (
    "id", "messages", "conversations", "system", "audios", "prompt", "chosen", "rejected", "rule", "criterion", "speaker", "session", "language",
    "licence", "license", "attribution", *UNREAD,
)  # fmt: skip


class About(BaseModel):
    """What a record says besides its turns; people add fields of their own."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    id: Annotated[str, Field(max_length=256)] | int | None = None
    rule: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = None
    criterion: str | None = None
    speaker: str | int | None = None
    session: str | int | None = None
    language: str | None = None
    licence: Annotated[str | None, Field(validation_alias=AliasChoices("licence", "license"))] = None
    attribution: str | None = None


class Piece(BaseModel):
    """A part of a message, as transformers' chat templates take it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: Literal["text", "audio"]
    text: str | None = None
    audio: str | None = None
    path: str | None = None
    audio_url: str | None = None
    url: str | None = None
    transcript: str | None = None

    @property
    def files(self) -> list[str]:
        """The files that it names."""
        return [file for field in FILE_FIELDS if (file := getattr(self, field))]


_PLACE = Piece(type="audio")


@dataclass(frozen=True)
class Turn:
    """One turn as it was written: who speaks, and text or a list of parts; `where` it stands, for messages about it."""

    role: Role
    content: Any
    where: str


@dataclass(frozen=True)
class Heard:
    """A piece of audio: the file that is written, what is said in it where a part states that, and whether the assistant says it."""

    file: str
    transcript: str | None
    by_assistant: bool


Parse: TypeAlias = "Callable[[dict[str, Any], About, str, Audio], Dialogue]"
"""Makes a dialogue of a record's fields, under a name; adds the audio that it meets."""


def read_dialogues(source: DialogueSource, parse: Parse, reach: Reach, given: str | None = None) -> list[Row]:
    """A row for each piece of audio in each dialogue, named `dialogue/part`, and one for each dialogue without any.

    Args:
        given: field with the official split of a dialogue, if the scenario names one.

    Raises:
        UnreadableInput: the file cannot be read, or none of its records is a JSON object.
    """
    file = reach.source(source.id, source.path)
    start, ids = audio_folder(source.id, source.audio_folder, file, reach), Ids()
    columns = COLUMNS if given is None else (*COLUMNS, given)
    return [row for record in records_in(file, source.id, columns) for row in _rows(record, f"{file.name}:{record.number}", parse, ids, start, reach, given)]


def turns_of(value: Any, where: str) -> list[Turn]:
    """A list of messages, each with `role` and `content`, or with `from` and `value`.

    Raises:
        Unusable: it is none, is empty, or a message has other fields or an unknown role.
    """
    if not isinstance(value, list) or not value:
        raise Unusable(f"`{where}` is empty" if value == [] else f"`{where}` is no list of messages")
    return [turn_of(one, f"{where}.{number}") for number, one in enumerate(value)]


def turn_of(value: Any, where: str) -> Turn:
    """One message.

    Raises:
        Unusable: it has other fields than `role` and `content`, or `from` and `value`; or an unknown role.
    """
    if not isinstance(value, dict):
        raise Unusable(f"`{where}` is no message")
    said, content, roles = ("from", "value", SHARED_ROLES) if "from" in value else ("role", "content", ROLES)
    for field in (said, content):
        if field not in value:
            raise Unusable(f"`{where}.{field}` is missing")
    if unknown := next((field for field in value if field not in (said, content) and value[field] is not None), None):
        raise Unusable(f"`{where}.{unknown[:80]}` is no field we know here")
    role = value[said]
    if not isinstance(role, str) or role not in roles:
        raise Unusable(f"`{where}.{said}` is {role!r:.40}; known are {', '.join(roles)}")
    return Turn(roles[role], value[content], where)


class Audio:
    """The audio of one dialogue while it is read, by turn and part.

    Args:
        listed: what `audios` holds; placeholders and parts that name no file take these in order.
    """

    def __init__(self, listed: Any) -> None:
        self._listed = [_listed(file, number) for number, file in enumerate([listed] if isinstance(listed, str) else listed)] if listed else []
        self._placed = 0
        self.found: dict[str, Heard] = {}

    def messages(self, turns: Sequence[Turn], above: str = "") -> tuple[Message, ...]:
        """Turns as messages whose audio parts name themselves, below `above` where that is given.

        Raises:
            Unusable: a turn says nothing, holds what is neither text nor audio, or is heard though it is not spoken.
        """
        return tuple(Message(role=turn.role, content=tuple(self._parts(turn, f"{above}{number}"))) for number, turn in enumerate(turns))

    def need_all_placed(self) -> None:
        """Check that placeholders and listed files are as many.

        Raises:
            Unusable: they are not.
        """
        if self._placed != len(self._listed):
            raise Unusable(f"there are {self._placed} places for audio (`{PLACEHOLDER}`, or parts without a file), and `audios` lists {len(self._listed)}")

    def _parts(self, turn: Turn, key: str) -> list[Part]:
        pieces = self._of_text(turn) if isinstance(turn.content, str) else _pieces(turn)
        parts: list[Part] = []
        for piece in pieces:
            if piece.type == "text":
                parts.append(Part(type="text", text=piece.text))
                continue
            if turn.role not in ("user", "assistant"):
                raise Unusable(f"`{turn.where}` is of the role {turn.role} and holds audio")
            here = f"{key}.{len(parts)}"
            self.found[here] = Heard(piece.files[0] if piece.files else self._next(), filled(piece.transcript), turn.role == "assistant")
            if len(self.found) > MOST_AUDIO:
                raise Unusable(f"holds more than {MOST_AUDIO} pieces of audio")
            parts.append(Part(type="audio", cut=here))
        if not parts:
            raise Unusable(f"`{turn.where}` says nothing")
        return parts

    def _of_text(self, turn: Turn) -> list[Piece]:
        first, *others = turn.content.split(PLACEHOLDER)
        pieces = [Piece.model_construct(type="text", text=first)]
        for text in others:
            pieces += [_PLACE, Piece.model_construct(type="text", text=text)]
        return [piece for piece in pieces if piece is _PLACE or filled(piece.text)]

    def _next(self) -> str:
        self._placed += 1
        return self._listed[self._placed - 1] if self._placed <= len(self._listed) else ""


def _pieces(turn: Turn) -> list[Piece]:
    """The parts of a message that is written as a list of them."""
    if not isinstance(turn.content, list):
        raise Unusable(f"the content of `{turn.where}` is neither text nor a list of parts")
    pieces = []
    for number, one in enumerate(turn.content):
        where = f"{turn.where}.content.{number}"
        if not isinstance(one, dict):
            raise Unusable(f"`{where}` is no part")
        try:
            piece = checked(Piece, without_nulls(one))
        except Unusable as problem:
            raise Unusable(f"{where}: {problem}") from problem
        if len(piece.files) > 1 or (piece.type == "text" and piece.files):
            raise Unusable(f"`{where}` names {len(piece.files)} files and is one part of {piece.type}")
        if bool(filled(piece.text)) != (piece.type == "text"):
            raise Unusable(
                f"`{where}` says nothing" if piece.type == "text" else f"`{where}` is audio and holds `text`; what is said in it is its `transcript`"
            )
        pieces.append(piece)
    return pieces


def _listed(file: Any, number: int) -> str:
    """An entry of `audios`: a path, or what `datasets` makes of one."""
    if isinstance(file, dict) and file.get("bytes") is None and set(file) <= {"path", "bytes"}:
        file = file.get("path")
    if not isinstance(file, str) or not file:
        raise Unusable(f"`audios.{number}` is no path of a file")
    return file


def _rows(record: Record, where: str, parse: Parse, ids: Ids, start: Path, reach: Reach, given: str | None) -> list[Row]:
    row = Row(input=record.named("id") or where)
    try:
        if record.problem:
            raise Unusable(record.problem)
        about = checked(About, record.fields)
        row = _described(row.having(input=_name(about.id) or where, split=_split(record.fields.get(given) if given else None)), about)
        ids.add(row.input, where)
        if unread := next((field for field in UNREAD if record.fields.get(field)), None):
            raise Unusable(f"`{unread}` is not read, and the dialogue would say something else without it")
        audios = record.fields.get("audios")
        if audios is not None and not isinstance(audios, str | list):
            raise Unusable("`audios` is no list of paths")
        audio = Audio(audios)
        dialogue = parse(record.fields, about, row.input, audio)
        audio.need_all_placed()
    except Unusable as problem:
        return [row.having(problem=f"{where}: {problem}")]
    if not audio.found:
        return [row.having(dialogue=dialogue, speaker=None)]
    return [_heard(row, dialogue, part, heard, where, start, reach) for part, heard in audio.found.items()]


def _heard(row: Row, dialogue: Dialogue, part: str, heard: Heard, where: str, start: Path, reach: Reach) -> Row:
    """The row of a piece of audio. The record's speaker is who talks to the assistant."""
    one = row.having(
        input=f"{dialogue.id}/{part}",
        dialogue=dialogue,
        part=part,
        recording=heard.file,
        text=heard.transcript,
        speaker=None if heard.by_assistant else row.speaker,
    )
    try:
        return one.having(path=audio_file(heard.file, start, reach))
    except Unusable as problem:
        return one.having(problem=f"{where}: {problem}")


def _described(row: Row, about: About) -> Row:
    return row.having(
        speaker=_name(about.speaker),
        session=_name(about.session),
        language=language_tag(about.language),
        licence=filled(about.licence),
        attribution=filled(about.attribution),
    )


def _split(written: Any) -> str | None:
    """The official split of a dialogue.

    Raises:
        Unusable: it is none that we know.
    """
    if written is None or written == "":
        return None
    if not isinstance(written, str) or written.lower() not in SPLIT_NAMES:
        raise Unusable(f"{written!r:.40} is not a split; known are {', '.join(SPLIT_NAMES)}")
    return SPLIT_NAMES[written.lower()]


def _name(written: str | int | None) -> str | None:
    return None if written is None else filled(str(written))
