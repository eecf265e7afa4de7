"""benchmarks/serve.py asks a real server and tells what it took; here the server is the smallest that streams."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[2]


class Streams(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        for text in ("a", "b"):
            self.wfile.write(f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_every_number_of_clients_gets_a_row(tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", np.zeros(4000), 8000)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Streams)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    options = ["--seconds", "0.3", "--clients", "1", "3"]
    done = subprocess.run([sys.executable, ROOT / "benchmarks/serve.py", url, tmp_path / "a.wav", *options], capture_output=True, text=True, check=True)
    server.shutdown()
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert [int(row[1]) for row in rows] == [1, 3]
    assert all(int(row[2]) > 0 and row[8].strip() == "0" for row in rows)
