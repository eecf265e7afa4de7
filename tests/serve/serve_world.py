"""A run that learnt three words of tones, and servers of it on loopback."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import tones_world as tones
import uvicorn
from tones_world import RATE

from speccraft.scenario import Scenario
from speccraft.scenario.text import check, parse
from speccraft.trainer.run import train
from speccraft.trainer.serve.address import Address
from speccraft.trainer.serve.limits import Limits
from speccraft.trainer.serve.server import config_of, listen
from speccraft.trainer.serve.service import Served, Service
from speccraft.trainer.serve.standing import Standing

CONVERSES = """speccraft: 1
name: tones
job: {task: converse, languages: [en]}
environment: {sampling_rate: 8000}
sources: [{id: tones, format: folder, path: tones, licence: CC0-1.0}]
manual:
  rules:
    - {id: no-zu, must: refuse, topic: zu}
    - {id: ask-first, must: confirm, topic: di, says: ["Shall I di?"]}
    - {id: politely, must: answer, topic: ba, use: [please], severity: warn}
"""


@dataclass(frozen=True)
class World:
    """A workspace with a build and a run, both called `tones`."""

    workspace: Path
    run: Path
    build: Path


def make_world(folder: Path) -> World:
    """Build and train; some seconds."""
    workspace = folder / "speccraft-work"
    made = tones.make_build(workspace / "builds" / "tones")
    build = made.rename(made.with_name("tones"))
    run = train(build, workspace, tones.tiny_recipe(), stages=("pretrain", "align"), name="tones")
    return World(workspace, run.path, build)


def scenario_of(text: str) -> Scenario:
    return check(parse(text, "scenario.yaml"), Scenario)


def wav(samples: np.ndarray, rate: int = RATE, format: str = "WAV") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format=format)
    return content.getvalue()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    service: Service

    def get(self, path: str, **headers: str) -> Answer:
        return self.send(path, None, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(path, content, **{"Content-Type": "application/json", **headers})

    def chat(self, *parts: Any, **more: Any) -> Answer:
        return self.post("v1/chat/completions", {"model": "tones", "messages": [{"role": "user", "content": list(parts)}], **more})

    def transcribe(self, content: bytes, **fields: str) -> Answer:
        return self.send("v1/audio/transcriptions", *multipart(content, {"model": "tones", **fields}))

    def send(self, path: str, body: bytes | None, kind: str = "", **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(self.url + path, body, sent)
        try:
            with urllib.request.urlopen(request, timeout=60) as found:
                return Answer(found.status, dict(found.headers), found.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())


def multipart(content: bytes, fields: dict[str, str]) -> tuple[bytes, str]:
    texts = "".join(f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    head = '--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    return texts.encode() + head.encode() + content + b"\r\n--xyz--\r\n", "multipart/form-data; boundary=xyz"


def sound_part(content: bytes, format: str = "wav") -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(content).decode(), "format": format}}


def text_part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def events_of(body: bytes) -> list[Any]:
    """The JSON objects of a stream."""
    return [json.loads(piece[6:]) for piece in body.decode().split("\n\n") if piece.startswith("data: {")]


@contextlib.contextmanager
def serving(served: Served, limits: Limits | None = None, standing: Standing | None = None, address: Address | None = None) -> Iterator[Server]:
    """A server on a free port in a thread of this process."""
    address = address or Address(port=0)
    service = Service(served, limits or Limits(), standing or Standing(lambda: None))
    listening = listen(address)
    server = uvicorn.Server(config_of(service, address))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while thread.is_alive() and not server.started:
        time.sleep(0.02)
    try:
        yield Server(f"http://127.0.0.1:{listening.getsockname()[1]}/", service)
    finally:
        server.should_exit = True
        thread.join(20)
