"""A bucket of a real S3 server, and what tests put into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus import Corpus

from speccraft.remote.connection import connection


@dataclass(frozen=True)
class Bucket:
    """A bucket; keys are below it."""

    name: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def put(self, key: str, content: bytes) -> None:
        # Not by a path: s3fs reads some keys as versions of others.
        connection("s3").call_s3("put_object", Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        return bytes(connection("s3").cat_file(f"{self.name}/{key}"))

    def remove(self, key: str) -> None:
        connection("s3").rm_file(f"{self.name}/{key}")

    def listed(self, prefix: str = "") -> list[str]:
        return [key.removeprefix(f"{self.name}/") for key in connection("s3").find(f"{self.name}/{prefix}".rstrip("/"))]

    def put_corpus(self, corpus: Corpus, prefix: str) -> str:
        """Everything of a corpus but its scenario; the address that it is at."""
        for path in sorted(corpus.folder.rglob("*")):
            if path.is_file() and path != corpus.scenario:
                self.put(f"{prefix}/{path.relative_to(corpus.folder).as_posix()}", path.read_bytes())
        return f"{self.url}/{prefix}"


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Requests that this process makes, by operation."""
    storage, counts = connection("s3"), Counter[str]()
    call = storage._call_s3

    async def counting(method: str, *arguments: Any, **more: Any) -> Any:
        counts[method] += 1
        return await call(method, *arguments, **more)

    storage._call_s3 = counting
    try:
        yield counts
    finally:
        del storage._call_s3


def mirrored(cache: Path) -> dict[str, bytes]:
    """The files of every mirror."""
    folders = cache.glob("speccraft/sources/*/files")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
