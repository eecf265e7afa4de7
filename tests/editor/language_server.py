"""A minimal client of the language server protocol over stdio: enough to type into a file and see what an editor would show."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

TIMEOUT_S = 60
SETTINGS = {"yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}}
"""No schema store, so the server asks nobody on the network."""


class LanguageServer:
    """A running server; leave it as a context manager and it is gone."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        # One that never looks for its schemas elsewhere: proxies lead nowhere.
        nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
        self._process = subprocess.Popen(
            [*command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **nowhere}
        )
        self._inbox: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._diagnostics: dict[str, list[dict[str, Any]]] = {}
        self._sent = 0
        self._folder = folder
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> LanguageServer:
        root = self._folder.as_uri()
        item = {"documentationFormat": ["markdown"], "snippetSupport": True}
        document = {"completion": {"completionItem": item}, "hover": {"contentFormat": ["markdown"]}, "publishDiagnostics": {}}
        capabilities = {"textDocument": document, "workspace": {"configuration": True}}
        self._ask("initialize", {"processId": os.getpid(), "rootUri": root, "capabilities": capabilities, "workspaceFolders": [{"uri": root, "name": "here"}]})
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": SETTINGS})
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def open(self, path: Path, text: str) -> list[dict[str, Any]]:
        """Show a text as if it were the file, which was not shown before; returns the diagnostics of it."""
        self._tell("textDocument/didOpen", {"textDocument": {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}})
        while path.as_uri() not in self._diagnostics:
            self._take(self._inbox.get(timeout=TIMEOUT_S))
        return self._diagnostics[path.as_uri()]

    def completion(self, path: Path, line: int, character: int) -> dict[str, dict[str, Any]]:
        """What is offered at a position (from 0), by label."""
        answer = self._ask("textDocument/completion", _at(path, line, character))
        return {item["label"]: item for item in (answer["items"] if isinstance(answer, dict) else answer or [])}

    def hover(self, path: Path, line: int, character: int) -> str:
        """What is shown when the pointer rests at a position (from 0)."""
        answer = self._ask("textDocument/hover", _at(path, line, character))
        return answer["contents"]["value"] if answer else ""

    def _ask(self, method: str, params: Any) -> Any:
        self._sent += 1
        asked = self._sent
        self._send({"id": asked, "method": method, "params": params})
        while True:
            message = self._inbox.get(timeout=TIMEOUT_S)
            if message is not None and message.get("id") == asked and "method" not in message:
                assert "error" not in message, message
                return message["result"]
            self._take(message)

    def _tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _take(self, message: dict[str, Any] | None) -> None:
        """Keep what the server says by itself, and answer what it asks: its settings, and nothing else."""
        assert message is not None, "the language server has ended"
        if message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "id" in message and "method" in message:
            items = message["params"].get("items", []) if message["method"] == "workspace/configuration" else None
            self._send({"id": message["id"], "result": items and [SETTINGS.get(item["section"], {}) for item in items]})

    def _send(self, message: dict[str, Any]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(content), content))
        self._process.stdin.flush()

    def _listen(self) -> None:
        for message in self._messages():
            self._inbox.put(message)
        self._inbox.put(None)

    def _messages(self) -> Iterator[dict[str, Any]]:
        out = self._process.stdout
        assert out is not None
        while header := out.readline():
            length = int(header.split(b":")[1])
            while out.readline().strip():
                pass
            yield json.loads(out.read(length))


def _at(path: Path, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": character}}
