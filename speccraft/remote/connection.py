"""One connection to each kind of object storage, what it lists and fetches, and its failures in words."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from speccraft.errors import BadEnvironment, MissingExtra, UnreadableInput
from speccraft.remote.url import PACKAGES, Url

AT_ONCE = 16
"""Objects that are fetched or sent at the same time."""


@dataclass(frozen=True)
class Object:
    """One object as it was listed: its address, size in bytes, and the tag that changes when its content does."""

    url: Url
    size: int
    tag: str


class NotAsListed(Exception):
    """An object is not what the listing said. `rule` is a short stable name for the ledger."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


@lru_cache
def connection(protocol: str) -> Any:
    """The fsspec file system of a protocol; credentials and endpoint are found by it, in the environment or the cloud's own files.

    Raises:
        MissingExtra: its package is not installed.
    """
    package = PACKAGES[protocol]
    if find_spec("fsspec") is None or find_spec(package) is None:
        extra = "'speccraft[remote]'" if package == "s3fs" else package
        raise MissingExtra(f"{protocol}:// needs {package}", try_this=f"pip install {extra}")
    import fsspec

    # A listing that is kept would hide what has changed since.
    return fsspec.filesystem(protocol, use_listings_cache=False, skip_instance_cache=True)


@contextlib.contextmanager
def answered(url: Url) -> Iterator[Any]:
    """The connection for an address; what goes wrong inside is told in words.

    Raises:
        UnreadableInput: there is no such bucket or object.
        BadEnvironment: access is denied, or the storage does not answer.
    """
    storage = connection(url.protocol)
    try:
        yield storage
    except FileNotFoundError as error:
        raise UnreadableInput(f"{url}: there is no such bucket, prefix or object", try_this="check the address and the endpoint") from error
    except PermissionError as error:
        raise BadEnvironment(f"{url}: access is denied", try_this="check the credentials in the environment or the cloud's own configuration files") from error
    except _failures(url.protocol) as error:
        reason = (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__
        raise BadEnvironment(f"{url}: {reason}", try_this="check the network, the endpoint and the credentials, and run it again") from error


def listing(root: Url) -> dict[str, Object]:
    """Every object below a prefix by the rest of its key; one that is an object itself is listed under an empty key.

    Raises:
        UnreadableInput: nothing is there.
        BadEnvironment: it cannot be listed.
    """
    with answered(root) as storage:
        found = storage.find(root.key, detail=True)
    objects = {}
    for name, about in found.items():
        rest = name.removeprefix(root.key).removeprefix("/")
        # An empty object that ends in a slash is how consoles draw a folder.
        if about.get("type") == "file" and not (rest.endswith("/") and not about["size"]):
            objects[rest] = Object(root / rest, int(about["size"]), _tag(about))
    if not objects:
        raise UnreadableInput(f"{root}: there is nothing", try_this="check the address and the endpoint")
    return objects


def fetch(wanted: Object, target: Path) -> Path:
    """Fetch an object into a file.

    Raises:
        NotAsListed: it is gone or changed.
        BadEnvironment: it cannot be fetched, or not be written here.
    """
    with answered(wanted.url) as storage:
        try:
            with _written(target):
                storage.get_file(wanted.url.key, str(target))
            # Asked after the bytes came: a change before or in between shows.
            now = storage.info(wanted.url.key)
        except FileNotFoundError as error:
            raise NotAsListed("missing", "the remote object is gone since it was listed") from error
    if _tag(now) != wanted.tag or target.stat().st_size != wanted.size:
        raise NotAsListed("changed", "the remote object was changed after it was listed")
    return target


OUR_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


@contextlib.contextmanager
def _written(target: Path) -> Iterator[None]:
    """Tell failures of this machine's disk from those of the storage: both are OSErrors."""
    try:
        yield
    except OSError as error:
        if error.errno not in OUR_DISK and error.filename != str(target):
            raise
        raise BadEnvironment(f"{target}: cannot write: {error.strerror or error}", try_this="check free space and permissions there") from error


def fetch_part(wanted: Object, start: int, size: int) -> bytes:
    """Some bytes of an object.

    Raises:
        NotAsListed: it is gone or changed.
        BadEnvironment: it cannot be fetched.
    """
    with answered(wanted.url) as storage:
        try:
            content: bytes = storage.cat_file(wanted.url.key, start=start, end=start + size)
            now = storage.info(wanted.url.key)
        except FileNotFoundError as error:
            raise NotAsListed("missing", "the remote object is gone since it was listed") from error
    if _tag(now) != wanted.tag:
        raise NotAsListed("changed", "the remote object was changed after it was listed")
    return content


def _tag(about: dict[str, Any]) -> str:
    """What changes with the content: the storage's own tag, or else the time of change."""
    for name in ("ETag", "etag", "generation", "LastModified", "last_modified", "updated", "mtime", "created"):
        if about.get(name):
            return str(about[name]).strip('"')
    return ""


def _failures(protocol: str) -> tuple[type[BaseException], ...]:
    """What the packages of a protocol raise when the storage, the network or the credentials fail."""
    match protocol:
        case "s3":
            import aiohttp
            import botocore.exceptions

            return (OSError, aiohttp.ClientError, botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
        case "gs":
            import aiohttp
            import google.auth.exceptions

            return (OSError, aiohttp.ClientError, google.auth.exceptions.GoogleAuthError)
        case _:
            import azure.core.exceptions

            return (OSError, azure.core.exceptions.AzureError)
