"""Who may come in and with how much: Host, Origin, token and size of every request, before anything is read."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from .address import LOOPBACK
from .limits import Rejected
from .metrics import Metrics

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
OPEN_PATHS = frozenset({"/", "/page.js", "/page.css", "/healthz"})
"""What is shown without a token: the page asks for it, and whether we are alive is no secret."""
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src blob: data:; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "cache-control": "no-store",
}


class Door:
    """ASGI middleware that lets requests in, and counts them.

    Args:
        token: what clients have to bring as `Authorization: Bearer`; None where everybody on this machine may come.
        only_local: whether the Host has to be one of this machine's own names, so that no web page reaches us under a name of its own.
        most_bytes: of a request's body.
    """

    def __init__(self, app: Any, *, token: str | None, only_local: bool, most_bytes: int, metrics: Metrics) -> None:
        self._app, self._token, self._only_local, self._most_bytes, self._metrics = app, token, only_local, most_bytes, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or say why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = self._counting(scope, send)
        try:
            self._let_in(scope["path"], Headers(scope=scope))
        except Rejected as no:
            self._metrics.count("speccraft_rejected_total", code=no.code)
            await JSONResponse(no.body(), no.status, {"connection": "close"})(scope, receive, sent)
            return
        await self._app(scope, self._bounded(receive), sent)

    def _let_in(self, path: str, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._only_local and _name(host) not in LOOPBACK:
            raise Rejected(403, "wrong_host", "the Host of the request is not this machine")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Rejected(403, "wrong_origin", "the request comes from a page of somebody else")
        if self._token is not None and path not in OPEN_PATHS:
            brought = headers.get("authorization", "").removeprefix("Bearer ").strip()
            if not hmac.compare_digest(brought.encode(), self._token.encode()):
                raise Rejected(401, "invalid_api_key", "a token is needed: Authorization: Bearer TOKEN")
        stated = headers.get("content-length", "0")
        if not stated.isdigit() or int(stated) > self._most_bytes:
            raise self._too_large()

    def _too_large(self) -> Rejected:
        return Rejected(413, "too_large", f"the request is larger than the {self._most_bytes} bytes that are taken")

    def _bounded(self, receive: Receive) -> Receive:
        """Counts the body as it comes in, for not every client states its length."""
        taken = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most_bytes:
                raise self._too_large()
            return message

        return counted

    def _counting(self, scope: Scope, send: Send) -> Send:
        async def counted(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
                # a path that does not exist is anybody's text, and would be a row of its own
                route = scope["path"] if message["status"] != 404 else "other"
                self._metrics.count("speccraft_requests_total", path=route, status=str(message["status"]))
            await send(message)

        return counted


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
