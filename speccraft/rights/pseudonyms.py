"""Call people by pseudonyms: the same in every file of a build, others under another key, and no way back without the key.

The pseudonym of a name is the start of its keyed BLAKE2b digest (RFC 7693). Whoever has the key can try names until one fits. A key that nobody wrote
follows from the scenario's name and seed, which stand in every build: it keeps a reader from names, and not somebody with a list of them.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from speccraft.errors import UnreadableInput
from speccraft.scenario import Scenario

SPEAKER, SESSION, RECORDING = "spk", "ses", "rec"
"""What stands before the digits; the same name is another one as a speaker and as a session."""
DIGITS = 8
ENOUGH_DIGITS = 32
"""For names whose first digits agree: of 9,300 speakers, two do in one build of a hundred."""
FEWEST_KEY_BYTES, MOST_KEY_BYTES = 16, 4096


def pseudonym(name: str, key: bytes, kind: str = SPEAKER, digits: int = DIGITS) -> str:
    """What a name is called under a key of at most 64 bytes: `spk-` and 8 hexadecimal digits."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=key, person=kind.encode(), digest_size=ENOUGH_DIGITS // 2)
    return f"{kind}-{digest.hexdigest()[:digits]}"


def pseudonyms(names: Iterable[str], key: bytes, kind: str = SPEAKER) -> dict[str, str]:
    """A pseudonym for each name, no two alike: longer ones where the first digits agree."""
    short = {name: pseudonym(name, key, kind) for name in names}
    many = Counter(short.values())
    return {name: one if many[one] == 1 else pseudonym(name, key, kind, ENOUGH_DIGITS) for name, one in short.items()}


def key_of(scenario: Scenario, folder: Path) -> bytes | None:
    """The key that a scenario's pseudonyms are made with, 32 bytes; None where it wants none.

    Args:
        folder: the scenario's, where `privacy.pseudonym_key` starts from.

    Raises:
        UnreadableInput: the file of the key cannot be read, or is no key.
    """
    privacy = scenario.privacy
    if not privacy.pseudonyms:
        return None
    if privacy.pseudonym_key is None:
        return derived_key(scenario)
    return hashlib.blake2b(_secret(folder / privacy.pseudonym_key, privacy.pseudonym_key), digest_size=32).digest()


def derived_key(scenario: Scenario) -> bytes:
    """The key of a scenario that names none: of its name and seed."""
    return hashlib.blake2b(f"{scenario.name}\0{scenario.seed}".encode(), digest_size=32).digest()


@dataclass(frozen=True)
class Names:
    """What the speakers and sessions of a build are called in the files that may leave the house; without a key by their names."""

    speakers: Mapping[str, str]
    sessions: Mapping[str, str]
    key: bytes | None

    @classmethod
    def of(cls, speakers: Iterable[str], sessions: Iterable[str], key: bytes | None) -> Names:
        """Names for everybody in a build."""
        if key is None:
            return cls({name: name for name in speakers}, {name: name for name in sessions}, None)
        return cls(pseudonyms(speakers, key), pseudonyms(sessions, key, SESSION), key)

    def speaker(self, name: str) -> str:
        """What a speaker is called; one who is not in the build too."""
        return self.speakers.get(name) or self._called(name, SPEAKER)

    def session(self, name: str) -> str:
        """What a session is called; one that is not in the build too."""
        return self.sessions.get(name) or self._called(name, SESSION)

    def recording(self, name: str) -> str:
        """What a recording is called: files are often named after people."""
        return self._called(name, RECORDING)

    def _called(self, name: str, kind: str) -> str:
        return name if self.key is None else pseudonym(name, self.key, kind)


def _secret(path: Path, said: str) -> bytes:
    """The bytes of a key file; never waits for a pipe and never reads a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file name holds a NUL character"
        raise _no_key(said, f"cannot be read: {reason}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _no_key(said, "is not a plain file")
        content = file.read(MOST_KEY_BYTES + 1).strip()
    if not FEWEST_KEY_BYTES <= len(content) <= MOST_KEY_BYTES:
        raise _no_key(said, f"holds {len(content)} bytes, not {FEWEST_KEY_BYTES} to {MOST_KEY_BYTES}")
    return content


def _no_key(said: str, reason: str) -> UnreadableInput:
    return UnreadableInput(f"privacy.pseudonym_key: {said} {reason}", try_this="make one, for example by `head -c 32 /dev/urandom | base64 > FILE`")
