"""The API that OpenAI's clients speak, and the page: routes, answers in their layout, and streams of them."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from .asked import IGNORED_IN_TRANSCRIPTION, Chat, chat_of
from .door import Door
from .limits import Rejected
from .service import Answered, OnText, Service
from .spoken import marked_wav

PAGE = {"/": ("page.html", "text/html"), "/page.js": ("page.js", "text/javascript"), "/page.css": ("page.css", "text/css")}
KEEP_ALIVE_S = 10.0
"""Silence in a stream after which a comment is sent, so that proxies do not hang up."""


def app_of(service: Service, *, token: str | None, only_local: bool) -> Starlette:
    """The application around a service; it is closed with it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.close)

    api = _Api(service)
    routes = [
        Route("/v1/models", api.models),
        Route("/v1/models/{name:path}", api.model),
        Route("/v1/chat/completions", api.chat, methods=["POST"]),
        Route("/v1/audio/transcriptions", api.transcriptions, methods=["POST"]),
        Route("/healthz", api.healthz),
        Route("/metrics", api.metrics),
        *(Route(path, _page(*file)) for path, file in PAGE.items()),
    ]
    door = Middleware(Door, token=token, only_local=only_local, most_bytes=service.limits.request_bytes, metrics=service.metrics)
    handlers: Any = {Rejected: api.rejected, HTTPException: api.unknown, ClientDisconnect: api.gone, Exception: api.broken}
    return Starlette(routes=routes, middleware=[door], exception_handlers=handlers, lifespan=lifespan)


@dataclass(frozen=True)
class _Api:
    service: Service

    async def models(self, request: Request) -> Response:
        """The one model, by its name and by the run's own."""
        return JSONResponse({"object": "list", "data": [self._model(name) for name in self.service.names]})

    async def model(self, request: Request) -> Response:
        """One of its names."""
        self.service.need_model(name := request.path_params["name"])
        return JSONResponse(self._model(name))

    def _model(self, name: str) -> dict[str, Any]:
        served = self.service.served
        told = {"run": served.title, "task": served.scenario.job.task, "stages": served.run.stages, "speaks": self.service.model.speaks}
        limits = {"audio_s": self.service.longest_audio_s, "request_bytes": self.service.limits.request_bytes}
        return {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": "speccraft",
            "speccraft": told | limits | {"transcribes": served.instruction is not None},
        }

    async def healthz(self, request: Request) -> Response:
        """200 where requests are answered; 503 with the reason where not."""
        problem = "" if self.service.engine.alive else "the model's thread ended"
        try:
            await asyncio.to_thread(self.service.standing.need)
        except Rejected as no:
            problem = no.reason
        return JSONResponse({"status": problem or "ok"}, 503 if problem else 200)

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text format."""
        return PlainTextResponse(self.service.metrics.text(speccraft_queue_length=self.service.engine.waiting), media_type="text/plain; version=0.0.4")

    async def chat(self, request: Request) -> Response:
        """A chat completion, whole or as a stream of chunks."""
        await asyncio.to_thread(self.service.standing.need)
        chat = await asyncio.to_thread(chat_of, await self._body(request), self.service.limits)
        self.service.need_model(chat.sent.model)
        if chat.sent.stream:
            return await _streamed(lambda on_text, wanted: self.service.answered(chat, on_text, wanted), ChatStream(self.service, chat))
        answered = await self.service.answered(chat, lambda text: None, lambda: True)
        return JSONResponse(_completion(self.service, chat, answered), headers=_headers(self.service, answered))

    async def transcriptions(self, request: Request) -> Response:
        """A transcript as JSON, plain text, JSON with more in it, or a stream of events."""
        await asyncio.to_thread(self.service.standing.need)
        try:
            async with asyncio.timeout(self.service.limits.timeout_s), request.form(max_files=1, max_fields=32) as form:
                fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
                file = form.get("file")
                content = await file.read() if isinstance(file, UploadFile) else None
        except TimeoutError:
            raise Rejected(408, "timeout", "the request did not arrive in time") from None
        if content is None:
            raise Rejected(400, "bad_request", "multipart field `file` is missing", param="file")
        layout, ignored = self._transcription(fields)
        if fields.get("stream", "").lower() == "true":
            return await _streamed(lambda on_text, wanted: self.service.transcribed(content, on_text, wanted), TranscriptStream())
        answered = await self.service.transcribed(content, lambda text: None, lambda: True)
        headers = _headers(self.service, answered)
        if layout == "text":
            return PlainTextResponse(answered.text + "\n", headers=headers)
        more = _verbose(self.service, answered) if layout == "verbose_json" else {}
        return JSONResponse({"text": answered.text, **more, "speccraft": _told(answered, ignored)}, headers=headers)

    def _transcription(self, fields: dict[str, str]) -> tuple[str, tuple[str, ...]]:
        """The layout that is wanted, and the fields that change nothing."""
        self.service.need_model(fields.get("model", ""))
        layout = fields.get("response_format", "json")
        if layout not in ("json", "text", "verbose_json"):
            raise Rejected(400, "bad_request", f"response_format '{layout}' is not one of json, text, verbose_json", param="response_format")
        if unknown := sorted(fields.keys() - {"file", "model", "response_format", "stream"} - IGNORED_IN_TRANSCRIPTION):
            raise Rejected(400, "bad_request", f"{unknown[0]}: is not supported", param=unknown[0])
        return layout, tuple(sorted(fields.keys() & IGNORED_IN_TRANSCRIPTION))

    async def _body(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(self.service.limits.timeout_s):
                return await request.body()
        except TimeoutError:
            raise Rejected(408, "timeout", "the request did not arrive in time") from None

    async def rejected(self, request: Request, no: Rejected) -> Response:
        """Why a request is not answered."""
        self.service.metrics.count("speccraft_rejected_total", code=no.code)
        return JSONResponse(no.body(), no.status, {"retry-after": "1"} if no.status == 429 else None)

    async def unknown(self, request: Request, error: HTTPException) -> Response:
        """A path or a method that there is not, or a form that is none."""
        return JSONResponse(Rejected(error.status_code, "bad_request", str(error.detail)).body(), error.status_code, error.headers)

    async def gone(self, request: Request, error: ClientDisconnect) -> Response:
        """Nobody is there to read it."""
        return Response(status_code=400)

    async def broken(self, request: Request, error: Exception) -> Response:
        """Our bug, told without what it was about; the door does not see this answer."""
        self.service.metrics.count("speccraft_requests_total", path=request.url.path, status="500")
        return JSONResponse(Rejected(500, "internal", f"internal error: {type(error).__name__}").body(), 500)


def _headers(service: Service, answered: Answered) -> dict[str, str]:
    decided = {"x-speccraft-decided": answered.verdict.decided} if answered.verdict else {}
    return {"x-speccraft-run": service.served.title, "x-speccraft-synthetic": "true", **decided}


def _told(answered: Answered, ignored: tuple[str, ...]) -> dict[str, Any]:
    """What we tell beside an answer."""
    said = answered.said
    seconds = {"waited_s": said.waited_s, "first_token_s": said.first_s, "total_s": said.total_s, "audio_s": answered.audio_s}
    verdict = {"manual": answered.verdict.told()} if answered.verdict else {}
    rounded = {name: round(value, 4) for name, value in seconds.items()}
    return {"synthetic": True, "heard": answered.heard, **verdict, "seconds": rounded, "ignored": list(ignored)}


def _verbose(service: Service, answered: Answered) -> dict[str, Any]:
    """One segment from the beginning to the end: our models write no times."""
    seconds = round(answered.audio_s, 3)
    segment = {"id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": answered.text, "tokens": [], "temperature": 0.0}
    unknown = {"avg_logprob": 0.0, "compression_ratio": 0.0, "no_speech_prob": 0.0}
    language = service.served.scenario.job.languages[0]
    return {"task": "transcribe", "language": language, "duration": seconds, "segments": [segment | unknown]}


def _finish(answered: Answered) -> str:
    if answered.verdict is not None and answered.verdict.decided == "withheld":
        return "content_filter"
    return "stop" if answered.said.finished or (answered.verdict is not None and answered.verdict.replaced) else "length"


def _usage(answered: Answered) -> dict[str, int]:
    said = answered.said
    return {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.new_tokens, "total_tokens": said.prompt_tokens + said.new_tokens}


def _audio(service: Service, answered: Answered) -> dict[str, Any] | None:
    if answered.audio is None:
        return None
    wav = marked_wav(answered.audio, service.model.speaking_rate, service.served.title)
    return {"id": _id("audio"), "data": base64.b64encode(wav).decode(), "transcript": answered.text, "expires_at": int(time.time())}


def _completion(service: Service, chat: Chat, answered: Answered) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answered.text, "refusal": None}
    if "audio" in chat.sent.modalities and (audio := _audio(service, answered)) is not None:
        message["audio"] = audio
    choice = {"index": 0, "message": message, "finish_reason": _finish(answered), "logprobs": None}
    head = {"id": _id("chatcmpl"), "object": "chat.completion", "created": int(time.time()), "model": chat.sent.model}
    return {**head, "choices": [choice], "usage": _usage(answered), "speccraft": _told(answered, chat.ignored)}


class ChatStream:
    """The chunks of a streamed chat completion."""

    def __init__(self, service: Service, chat: Chat) -> None:
        self.service, self._chat = service, chat
        self._head = {"id": _id("chatcmpl"), "object": "chat.completion.chunk", "created": int(time.time()), "model": chat.sent.model}
        self._begun = False

    def piece(self, text: str) -> str:
        """A piece of the text; the first one names who speaks."""
        role = {} if self._begun else {"role": "assistant"}
        self._begun = True
        return self._chunk({**role, "content": text})

    def last(self, answered: Answered) -> str:
        """The sound where there is some, why the answer ends, and what we tell beside it."""
        events = [] if self._begun else [self.piece("")]
        if "audio" in self._chat.sent.modalities and (audio := _audio(self.service, answered)) is not None:
            events.append(self._chunk({"audio": audio}))
        events.append(self._chunk({}, _finish(answered), {"speccraft": _told(answered, self._chat.ignored)}))
        if self._chat.sent.stream_options is not None and self._chat.sent.stream_options.include_usage:
            events.append(_event({**self._head, "choices": [], "usage": _usage(answered)}))
        return "".join([*events, "data: [DONE]\n\n"])

    def _chunk(self, delta: dict[str, Any], finish: str | None = None, more: dict[str, Any] | None = None) -> str:
        return _event({**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}], **(more or {})})


class TranscriptStream:
    """The events of a streamed transcript."""

    def piece(self, text: str) -> str:
        """A piece of the text."""
        return _event({"type": "transcript.text.delta", "delta": text})

    def last(self, answered: Answered) -> str:
        """The whole text."""
        return _event({"type": "transcript.text.done", "text": answered.text, "speccraft": _told(answered, ())})


async def _streamed(ask: Callable[[OnText, Callable[[], bool]], Awaitable[Answered]], stream: ChatStream | TranscriptStream) -> Response:
    """Server-sent events of an answer; what is rejected before its first piece gets a status of its own."""
    loop, pieces, gone = asyncio.get_running_loop(), asyncio.Queue[str | None](), threading.Event()

    def on_text(text: str) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, text)

    task = asyncio.ensure_future(ask(on_text, lambda: not gone.is_set()))
    task.add_done_callback(lambda done: pieces.put_nowait(None))
    first = await pieces.get()
    if first is None and task.exception() is not None:
        await task

    async def events() -> AsyncIterator[str]:
        piece = first
        try:
            while piece is not None:
                yield stream.piece(piece)
                while True:
                    try:
                        piece = await asyncio.wait_for(pieces.get(), KEEP_ALIVE_S)
                        break
                    except TimeoutError:
                        yield ": waiting\n\n"
            try:
                yield stream.last(await task)
            except Rejected as no:
                yield _event(no.body())
        finally:
            gone.set()
            task.cancel()

    return StreamingResponse(events(), media_type="text/event-stream", headers={"x-speccraft-synthetic": "true"})


def _event(told: dict[str, Any]) -> str:
    return f"data: {json.dumps(told, ensure_ascii=False)}\n\n"


def _id(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex}"


def _page(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")

    async def page(request: Request) -> Response:
        return Response(text, media_type=media_type)

    return page
