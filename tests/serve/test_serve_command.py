"""`speccraft serve` as its users run it: a process, clients, and Ctrl-C."""

from __future__ import annotations

import base64
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from documented import ROOT, blocks
from serve_world import Server, World, wav
from tones_world import tone

SPECCRAFT = Path(sys.executable).with_name("speccraft")
TOKEN = "0123456789abcdef"


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[str]
    url: str


def start(world: World, *options: str) -> Running:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [str(SPECCRAFT), "serve", str(world.run), "--port", "0", *options], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
    )
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told += line
        if found := re.search(r"at (http\S+/)", line):
            return Running(process, found[1])
    pytest.fail(f"it ended: {told}")


@pytest.fixture(scope="module")
def running(world: World) -> Iterator[Running]:
    found = start(world, "--token", TOKEN)
    yield found
    if found.process.poll() is None:
        found.process.send_signal(signal.SIGINT)
        found.process.wait(30)


@pytest.mark.slow
def test_the_official_client_works_unchanged(running: Running):
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{running.url}v1", api_key=TOKEN, max_retries=0)
    assert client.models.list().data[0].id == "tones"
    said = wav(tone("zu", 0.3))
    file = io.BytesIO(said)
    assert client.audio.transcriptions.create(model="tones", file=("a.wav", file)).text == "zu!"
    assert client.audio.transcriptions.create(model="tones", file=("a.wav", said), response_format="text").strip() == "zu!"
    verbose = client.audio.transcriptions.create(model="tones", file=("a.wav", said), response_format="verbose_json")
    assert (verbose.text, verbose.duration) == ("zu!", 0.3)
    events = list(client.audio.transcriptions.create(model="tones", file=("a.wav", said), stream=True))
    assert events[-1].text == "".join(event.delta for event in events[:-1]) == "zu!"
    audio = {"type": "input_audio", "input_audio": {"data": base64.b64encode(said).decode(), "format": "wav"}}
    messages = [{"role": "user", "content": [audio, {"type": "text", "text": "write it"}]}]
    whole = client.chat.completions.create(model="tones", messages=messages)
    assert whole.choices[0].message.content == "zu!"
    assert whole.model_extra["speccraft"]["synthetic"] is True
    pieces = client.chat.completions.create(model="tones", messages=messages, stream=True)
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == "zu!"
    with pytest.raises(openai.BadRequestError, match="cannot be used"):
        client.audio.transcriptions.create(model="tones", file=("a.wav", b"no audio"))
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{running.url}v1", api_key="wrong", max_retries=0).models.list()


@pytest.mark.slow
def test_what_the_document_tells_people_to_run_works_as_it_stands_there(server: Server, tmp_path: Path):
    (tmp_path / "question.wav").write_bytes(wav(tone("ba", 0.3)))
    (curl,), (python,) = (blocks(ROOT / "docs/serve.md", language) for language in ("sh", "python"))
    for line in ([*shlex.split(curl), "-sS"], [sys.executable, "-c", python]):
        here = [word.replace("http://127.0.0.1:8000/", server.url) for word in line]
        done = subprocess.run(here, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert "ba!" in done.stdout
    assert all(f"/v1/{name}" in (ROOT / "docs/serve.md").read_text() for name in ("audio/transcriptions", "chat/completions", "models"))


@pytest.mark.slow
def test_ctrl_c_ends_it_without_a_traceback_and_leaves_no_process(running: Running):
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
    running.process.send_signal(signal.SIGINT)
    _, told = running.process.communicate(timeout=30)
    assert running.process.returncode == 130
    assert "Traceback" not in told
    assert "ended" in told
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def refused(world: World, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SPECCRAFT), "serve", str(world.run), *options], capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def test_an_address_that_others_reach_needs_a_token(world: World):
    done = refused(world, "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "no token is set" in done.stderr
    assert refused(world, "--host", "0.0.0.0", "--token", "short").returncode == 2
