"""Addresses in object storage: which are allowed, how a path names one, and which keys may become files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from speccraft.errors import WrongUsage

PACKAGES: Mapping[str, str] = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
"""The protocols that are allowed, with the package that speaks each. `file` is not among them: it would lead past `roots`."""
LONGEST_PART_BYTES = 255
"""Bytes of a file's name on Linux and macOS."""
# A `Path` has one slash where the address had two. One letter and a colon is a Windows drive.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]+):/+(.*)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Url:
    """An object or prefix: protocol, and bucket and key without a slash at either end."""

    protocol: str
    key: str

    def __str__(self) -> str:
        return f"{self.protocol}://{self.key}"

    def __truediv__(self, below: str) -> Url:
        return Url(self.protocol, f"{self.key}/{below}") if below else self

    @property
    def parent(self) -> Url:
        """The prefix above; a bucket is its own."""
        return Url(self.protocol, self.key.rpartition("/")[0] or self.key)

    @property
    def digest(self) -> str:
        """What folders that belong to it are called."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    def below(self, root: Url) -> str | None:
        """The way from a prefix to here, empty where this is the prefix; None where it does not lead here."""
        if self == root:
            return ""
        start = f"{root.key}/"
        return self.key.removeprefix(start) if self.protocol == root.protocol and self.key.startswith(start) else None


def looks_remote(written: str | Path | None) -> bool:
    """Whether a path, as it is written or as a `Path` made of it, is an address."""
    return written is not None and _ADDRESS.match(str(written)) is not None


def url_of(written: str | Path | None) -> Url | None:
    """The address that a path is, or None where it is a path.

    Raises:
        WrongUsage: it is an address that is not allowed. The message does not repeat it, for it may hold a password.
    """
    if not looks_remote(written):
        return None
    if fault := fault_in(str(written)):
        raise WrongUsage(fault, try_this=f"BUCKET/PREFIX behind one of {', '.join(f'{protocol}://' for protocol in PACKAGES)}")
    found = _ADDRESS.match(str(written))
    assert found is not None
    return Url(found[1].lower(), found[2].strip("/"))


def fault_in(written: str) -> str:
    """What is wrong with an address, in words that do not repeat it; empty where nothing is, or it is a path."""
    found = _ADDRESS.match(written)
    if found is None:
        return ""
    protocol, rest = found[1].lower(), found[2]
    if protocol not in PACKAGES:
        return f"`{protocol[:40]}://` is not read; remote are only {', '.join(PACKAGES)}"
    host = rest.partition("/")[0]
    # Azure writes CONTAINER@ACCOUNT, which is no secret.
    if "@" in host and (protocol != "abfs" or ":" in host):
        return "an address with a user name or password is refused: credentials come from the environment or the cloud's own configuration files"
    if "?" in rest or "#" in rest:
        return "an address with `?` or `#` is refused: what stands behind it may be a token"
    key = rest.strip("/")
    if not key or host != key.partition("/")[0]:
        return "the address names no bucket"
    return key_fault(key) and f"the address cannot be used: {key_fault(key)}"


def key_fault(key: str) -> str:
    """Why a key cannot be a file below a folder; empty where it can."""
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "it has an empty part, `.` or `..`"
    if "\\" in key or _CONTROL.search(key):
        return "it has a backslash or control character"
    if "?versionId=" in key:
        return "it would be read as the version of another object"
    try:
        longest = max(len(part.encode()) for part in parts)
    except UnicodeEncodeError:
        return "it is not Unicode"
    return f"a part of it is longer than {LONGEST_PART_BYTES} bytes" if longest > LONGEST_PART_BYTES else ""


def same_file_names(key: str) -> str:
    """What two keys share that are one file where letter case or composed characters do not count."""
    import unicodedata

    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", key).casefold())


def ending(key: str) -> str:
    """The ending of a key's last part, in small letters and with its dot."""
    return PurePosixPath(key).suffix.lower()
