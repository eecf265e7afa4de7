"""What a server takes at most, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one server: bytes of a request, seconds of audio, requests that wait, seconds that one may take, and requests answered at once."""

    request_bytes: int = 25 * 1024 * 1024
    audio_s: float = 30.0
    queue: int = 32
    timeout_s: float = 60.0
    batch: int = 8
    new_tokens: int = 1024
    messages: int = 64
    text_characters: int = 20_000


class Rejected(Exception):
    """A request that is not answered: the HTTP status, a stable code, and the reason in a sentence."""

    def __init__(self, status: int, code: str, reason: str, *, param: str | None = None) -> None:
        super().__init__(reason)
        self.status, self.code, self.reason, self.param = status, code, reason, param

    def body(self) -> dict[str, dict[str, str | None]]:
        """The error as OpenAI's clients read it."""
        kind = "server_error" if self.status >= 500 else "rate_limit_error" if self.status == 429 else "invalid_request_error"
        return {"error": {"message": self.reason, "type": kind, "code": self.code, "param": self.param}}
