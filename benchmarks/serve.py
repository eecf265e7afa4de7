"""How fast a server answers: time to first token and real-time factor under 1, 4 and 16 clients that ask one after the other.

speccraft serve RUN &
python benchmarks/serve.py http://127.0.0.1:8000/ question.wav
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import soundfile

HEADING = """| clients | answers | answers/s | first token, median / 95 % (ms) | all, median / 95 % (ms) | audio s per s | real-time factor | told 429 |
|--:|--:|--:|--:|--:|--:|--:|--:|"""


@dataclass
class Seen:
    """What the clients of one measurement saw, in seconds."""

    first: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    rejected: int = 0


def asked(file: Path, model: str) -> bytes:
    """The body of a streamed chat completion about a WAV, MP3 or FLAC file."""
    sound = {"data": base64.b64encode(file.read_bytes()).decode(), "format": file.suffix[1:].lower()}
    messages = [{"role": "user", "content": [{"type": "input_audio", "input_audio": sound}]}]
    return json.dumps({"model": model, "stream": True, "messages": messages}).encode()


def ask(url: str, body: bytes, token: str, seen: Seen) -> None:
    """One request, read to its end.

    Raises:
        RuntimeError: the server answers with an error other than 429.
    """
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=120)
    began, first = time.perf_counter(), 0.0
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    if answer.status == 429:
        answer.read()
        seen.rejected += 1
        time.sleep(0.1)
        return
    if answer.status != 200:
        raise RuntimeError(answer.read().decode())
    for line in answer:
        if line.startswith(b"data: {") and not first and json.loads(line[6:])["choices"][0]["delta"].get("content"):
            first = time.perf_counter() - began
    connection.close()
    seen.first.append(first or time.perf_counter() - began)
    seen.total.append(time.perf_counter() - began)


def measured(url: str, bodies: Sequence[bytes], token: str, clients: int, seconds: float) -> tuple[Seen, float]:
    """What so many clients saw in about so many seconds, and how long it took."""
    seen, until = Seen(), time.perf_counter() + seconds

    def client(number: int) -> None:
        turn = number
        while time.perf_counter() < until:
            ask(url, bodies[turn % len(bodies)], token, seen)
            turn += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen, time.perf_counter() - began


def row(clients: int, seen: Seen, took: float, audio_s: float) -> str:
    """One line of the table; the real-time factor is the wall time for a second of audio."""
    heard = len(seen.total) * audio_s
    first, total = (f"{1000 * statistics.median(times):.0f} / {1000 * statistics.quantiles(times, n=20)[-1]:.0f}" for times in (seen.first, seen.total))
    told = (clients, len(seen.total), f"{len(seen.total) / took:.1f}", first, total, f"{heard / took:.1f}", f"{took / heard:.4f}", seen.rejected)
    return f"| {' | '.join(map(str, told))} |"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", default="speccraft")
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=10.0, help="for each number of clients")
    options = parser.parse_args()
    token = os.environ.get("SPECCRAFT_TOKEN", "")
    bodies = [asked(file, options.model) for file in options.files]
    audio_s = statistics.mean(soundfile.info(file).duration for file in options.files)
    ask(options.url, bodies[0], token, Seen())  # the decoder starts with the first request
    print(f"{audio_s:.2f} s of audio a request\n\n{HEADING}")
    for clients in options.clients:
        print(row(clients, *measured(options.url, bodies, token, clients, options.seconds), audio_s), flush=True)


if __name__ == "__main__":
    main()
