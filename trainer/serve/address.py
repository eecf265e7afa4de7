"""Where a server listens, and what it asks of those who come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speccraft.errors import WrongUsage

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SHORTEST_TOKEN = 16


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    return host in LOOPBACK


@dataclass(frozen=True)
class Address:
    """Where a server listens, and what it asks of those who come.

    Args:
        token: what clients have to bring; needed on any address that others can reach.
        certificate: PEM files of a certificate and its key, for https: browsers on other devices give no microphone without it.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    certificate: tuple[Path, Path] | None = None

    def check(self) -> None:
        """See that the address may be listened at.

        Raises:
            WrongUsage: others can reach it, and no token is set.
        """
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise WrongUsage("--token: has fewer than 16 characters", try_this="SPECCRAFT_TOKEN=$(openssl rand -hex 16)")
        if not is_loopback(self.host) and self.token is None:
            raise WrongUsage(
                f"--host {self.host}: others can reach this address, and no token is set",
                try_this="set SPECCRAFT_TOKEN or --token, such as $(openssl rand -hex 16), or leave --host at 127.0.0.1",
            )
