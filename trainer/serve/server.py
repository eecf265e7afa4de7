"""Open a run for serving, and serve it until somebody stops it."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import uvicorn

from speccraft.errors import BadEnvironment, UnreadableInput
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import Split

from ..data import read_demonstrations
from ..generate import instruction, load_run
from .address import Address, is_loopback
from .app import app_of
from .limits import Limits
from .service import Served, Service
from .standing import Standing

SPLITS: tuple[Split, ...] = ("test", "dev", "train")
"""Where the instruction is looked for, the smallest first."""
MOST_CONNECTIONS = 256
"""Open at once; more are told 503 by uvicorn."""


def served_of(run: Path, build: Path, scenario: Scenario) -> Served:
    """Load a run with what serving needs to know of the build it was trained on.

    Raises:
        UnreadableInput: there is no committed run.
        BrokenIntegrity: its checkpoint is not what the commit record says.
    """
    loaded = load_run(run)
    return Served(loaded, scenario.name, run.name, scenario, _instruction(build, loaded.stages))


def _instruction(build: Path, stages: tuple[str, ...]) -> str | None:
    """What the run was asked for a plain transcript with, most often; nothing after pre-training alone, None where it never was."""
    if "align" not in stages:
        return ""
    for split in SPLITS:
        asked = Counter(instruction(one.messages[:-1]) for one in read_demonstrations(build, split) if one.rule == "transcribe")
        if asked:
            return min(asked, key=lambda text: (-asked[text], text))
    return None


def serve(service: Service, address: Address, listening: socket.socket, on_ready: Callable[[str], None]) -> None:
    """Answer requests until SIGINT or SIGTERM; what is under way is finished first.

    Args:
        listening: what `listen` bound at the address.
        on_ready: told the page's address once requests are taken.
    """
    host = f"[{address.host}]" if ":" in address.host else address.host
    url = f"{'https' if address.certificate else 'http'}://{host}:{listening.getsockname()[1]}/"
    try:
        _Server(config_of(service, address), lambda: on_ready(url)).run(sockets=[listening])
    finally:
        service.close()


def config_of(service: Service, address: Address) -> uvicorn.Config:
    """How uvicorn serves a service.

    Raises:
        UnreadableInput: the certificate or its key is none.
    """
    certificate, key = address.certificate or (None, None)
    config = uvicorn.Config(
        app_of(service, token=address.token, only_local=is_loopback(address.host)),
        lifespan="on",
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=20,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except OSError as error:
        raise UnreadableInput(
            f"{certificate}: is no certificate in PEM, or {key} is not its key: {error}", try_this="a certificate chain and its key"
        ) from error
    return config


def listen(address: Address) -> socket.socket:
    """A socket that is bound, so that a port in use is told before a model is loaded.

    Raises:
        BadEnvironment: the port is in use, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((address.host, address.port))
    except OSError as error:
        made.close()
        raise BadEnvironment(f"cannot listen at {address.host}:{address.port}: {error.strerror}", try_this="another --port, or 0 for a free one") from error
    return made


def service_of(run: Path, build: Path, scenario: Scenario, limits: Limits, may_serve: Callable[[], None]) -> Service:
    """Load a run into a service.

    Args:
        may_serve: raises RefusedByRights where the run may not be used today; asked now and again while serving.

    Raises:
        RefusedByRights: it may not.
    """
    standing = Standing(may_serve)
    return Service(served_of(run, build, scenario), limits, standing)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_ready()
