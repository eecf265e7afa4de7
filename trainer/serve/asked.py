"""What clients send: chat completions with audio in them, read strictly; what would change the answer and is not supported is refused."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from speccraft.scenario.contracts import Message, Part

from .limits import Limits, Rejected

IGNORED = frozenset(
    {
        "temperature",
        "top_p",
        "seed",
        "user",
        "metadata",
        "store",
        "presence_penalty",
        "frequency_penalty",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
    }
)
"""Parameters of other models that are named in the answer's metadata and change nothing: answers are the likeliest ones."""
IGNORED_IN_TRANSCRIPTION = frozenset({"prompt", "language", "temperature", "chunking_strategy", "timestamp_granularities[]"})


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TextSent(_Sent):
    """A piece of text."""

    type: Literal["text"]
    text: str


class Sound(_Sent):
    """An audio file in base64; its bytes say what it is, whatever `format` says."""

    data: str
    format: Literal["wav", "mp3", "flac", "ogg", "opus", "webm", "m4a"] = "wav"


class SoundSent(_Sent):
    """A piece of audio."""

    type: Literal["input_audio"]
    input_audio: Sound


PartSent = Annotated[TextSent | SoundSent, Field(discriminator="type")]


class MessageSent(_Sent):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | tuple[PartSent, ...]


class StreamOptions(_Sent):
    """How a stream ends."""

    include_usage: bool = False


class Spoken(_Sent):
    """How a spoken answer is wanted."""

    format: Literal["wav"] = "wav"
    voice: str = ""


class TextFormat(_Sent):
    """Plain text: the format of answers is the manual's."""

    type: Literal["text"]


class Extras(_Sent):
    """What our page asks for beyond OpenAI's parameters."""

    transcript: bool = False


class ChatSent(BaseModel):
    """The body of a chat completion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    messages: Annotated[tuple[MessageSent, ...], Field(min_length=1)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    n: Literal[1] = 1
    modalities: Annotated[tuple[Literal["text", "audio"], ...], Field(min_length=1)] = ("text",)
    audio: Spoken | None = None
    response_format: TextFormat | None = None
    speccraft: Extras = Extras()


@dataclass(frozen=True)
class Chat:
    """A dialogue to be answered: audio stands in `messages` by the number of the file in `files`."""

    messages: tuple[Message, ...]
    files: tuple[bytes, ...]
    sent: ChatSent
    ignored: tuple[str, ...]


def chat_of(body: bytes, limits: Limits) -> Chat:
    """Read the body of a chat completion.

    Raises:
        Rejected: it is no JSON, lacks something, or asks for what is not supported; the parameter is named.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Rejected(400, "bad_json", "the body is no JSON") from None
    if not isinstance(told, dict):
        raise Rejected(400, "bad_json", "the body is no JSON object")
    ignored = tuple(sorted(IGNORED & told.keys()))
    known: Mapping[str, Any] = {name: value for name, value in told.items() if name not in ignored and value is not None}
    try:
        sent = ChatSent.model_validate(known)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(one) for one in first["loc"])
        reason = "is not supported" if first["type"] == "extra_forbidden" else first["msg"]
        raise Rejected(400, "bad_request", f"{where}: {reason}", param=where) from None
    return _chat(sent, ignored, limits)


def _chat(sent: ChatSent, ignored: tuple[str, ...], limits: Limits) -> Chat:
    if sent.messages[-1].role not in ("user", "tool"):
        raise Rejected(400, "bad_request", "the last message has to be the user's", param="messages")
    if len(sent.messages) > limits.messages:
        raise Rejected(413, "too_long", f"{len(sent.messages)} messages are more than the {limits.messages} that are taken", param="messages")
    files: list[bytes] = []
    messages = tuple(_message(one, files) for one in sent.messages)
    if sum(len(part.text or "") for message in messages for part in message.content) > limits.text_characters:
        raise Rejected(413, "too_long", f"more than {limits.text_characters} characters of text", param="messages")
    return Chat(messages, tuple(files), sent, ignored)


def _message(sent: MessageSent, files: list[bytes]) -> Message:
    role = "system" if sent.role == "developer" else sent.role
    parts: Sequence[PartSent] = (TextSent(type="text", text=sent.content),) if isinstance(sent.content, str) else sent.content
    content: list[Part] = []
    for part in parts:
        if isinstance(part, TextSent):
            content.append(Part(type="text", text=part.text))
        else:
            content.append(Part(type="audio", cut=str(len(files))))
            files.append(_bytes(part.input_audio.data))
    return Message(role=role, content=tuple(content))


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Rejected(400, "bad_audio", "input_audio.data is no base64", param="messages") from None
