"""The Ray cluster that units are done on: one that is there, or a Ray of our own that nobody else can use."""

from __future__ import annotations

import logging
import os
import re
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from speccraft.errors import BadEnvironment, MissingExtra, WrongUsage

try:
    import ray as ray
except ModuleNotFoundError:
    raise MissingExtra("--engine ray needs Ray", try_this="pip install 'speccraft[ray]'") from None

CONNECT_WAIT_S = 10.0
STORE_BYTES, STORE_BYTES_PER_CPU = 128 << 20, 32 << 20
"""Memory for what nodes hand back, in a Ray of our own: a few chunks for each CPU."""
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""What ends a process from outside, besides Ctrl-C."""


@contextmanager
def cluster(address: str, workers: int) -> Iterator[str | None]:
    """A connection to the cluster at an address, or to a Ray of our own that ends with it; one that the caller has made is used and left.

    What is yielded is the folder that units are to be done in, where we know one: what a killed process leaves there goes with it.
    """
    if ray.is_initialized():
        yield None
        return
    with ExitStack() as stack:
        terminable = stack.enter_context(_terminable())
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="speccraft-", ignore_cleanup_errors=True)) if address == "local" else None
        where = _own_ray(stack.enter_context(_folder_of_ray()), workers) if address == "local" else _reachable(address)
        try:
            ray.init(**where, log_to_driver=True, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
            first, *more = str(error).strip().splitlines() or [type(error).__name__]
            raise BadEnvironment(f"Ray at {address}: {first}", try_this="see that `ray status` works on this machine", details=more[-1:]) from error
        stack.callback(ray.shutdown)
        terminable()
        yield scratch


@contextmanager
def _terminable() -> Iterator[Callable[[], object]]:
    """Keep SIGTERM and SIGHUP what they were: Ray answers one in its own way, and its calls turn every exit but an interrupt into exit code 1.

    What is yielded has to be called when Ray has started.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before, told = {number: signal.getsignal(number) for number in ENDINGS}, list[int]()

    def interrupt(number: int, _frame: object) -> None:
        told.append(number)
        raise KeyboardInterrupt

    def listen() -> None:
        for number, handler in before.items():
            signal.signal(number, interrupt if callable(handler) else handler)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield listen
    except (KeyboardInterrupt, SystemExit) as end:
        restore()
        # Ray has answered SIGTERM with an exit of its own while it started.
        if isinstance(end, SystemExit):
            told.append(signal.SIGTERM)
        for number in told[:1]:
            signal.raise_signal(number)
        raise
    finally:
        restore()


def _folder_of_ray() -> tempfile.TemporaryDirectory[str]:
    """Where a Ray of our own has its sockets, whose paths have to be short, and its logs."""
    return tempfile.TemporaryDirectory(prefix="speccraft-ray-", dir=os.environ.get("RAY_TMPDIR", "/tmp"), ignore_cleanup_errors=True)


def _own_ray(folder: str, workers: int) -> dict[str, Any]:
    """How to start a Ray that nobody else can use, writes nothing outside its folder and tells nobody of us."""
    # Ray listens on every interface. Without a token in the environment it writes one into the home folder; it reads it once a process.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    return {
        "address": "local",
        "num_cpus": workers,
        "num_gpus": 0,
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES + workers * STORE_BYTES_PER_CPU,
        "_temp_dir": folder,
        # Chunks stay in memory, so a disk that is nearly full is no reason to complain.
        "_system_config": {"local_fs_capacity_threshold": 1.0},
    }


def _reachable(address: str) -> dict[str, Any]:
    """How to join the cluster at an address; Ray itself waits long for one that is not there, and then ends the process."""
    if address != "auto":
        found = re.fullmatch(r"\[?([^\[\]/]+)\]?:(\d+)", address)
        if found is None:
            raise WrongUsage(f"--address {address} is not the address of a Ray cluster", try_this="HOST:PORT of the cluster, such as 10.0.0.1:6379, or auto")
        try:
            socket.create_connection((found[1], int(found[2])), CONNECT_WAIT_S).close()
        except (OSError, OverflowError) as error:
            raise BadEnvironment(f"no Ray cluster answers at {address}: {error}", try_this="`ray status` on a node of the cluster tells its address") from error
    return {"address": address}
