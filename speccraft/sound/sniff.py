"""What a file looks like that cannot be decoded, in words that say what to do."""

from __future__ import annotations

LOOKS_LIKE = (
    (0, b"version https://git-lfs", "a Git LFS pointer: run git lfs pull"),
    (0, b"PK\x03\x04", "a ZIP archive: unpack it"),
    (0, b"\x1f\x8b", "a gzip archive: unpack it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (0, b"\xfd7zXZ\0", "an xz archive: unpack it"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it"),
    (257, b"ustar", "a tar archive: unpack it, or read it with `format: webdataset`"),
    (0, b"Salted__", "an encrypted file: decrypt it"),
    (0, b"age-encryption.org", "an encrypted file: decrypt it"),
    (0, b"-----BEGIN PGP", "an encrypted file: decrypt it"),
    (0, b"\0\x05\x16\x07", "what macOS keeps beside a file of the same name without ._: leave it out"),
    (0, b"%PDF", "a PDF"),
    (0, b"\x89PNG", "an image"),
    (0, b"\xff\xd8\xff", "an image"),
    (0, b"MThd", "MIDI: notes, not sound"),
)
"""Where the magic bytes of common mistakes stand, and what they are."""
AUDIO = (
    (b"RIFF", b"WAVE", "WAV"),
    (b"RIFX", b"WAVE", "WAV"),
    (b"RF64", b"WAVE", "RF64"),
    (b"FORM", b"AIF", "AIFF"),
    (b"fLaC", b"", "FLAC"),
    (b"OggS", b"", "Ogg"),
    (b".snd", b"", "AU"),
    (b"caff", b"", "CAF"),
)
"""How audio files begin, what stands at byte 8, and their name."""


def looks_like(start: bytes) -> tuple[str, str]:
    """Rule for the ledger and words about a file that does not decode, from its first 300 bytes."""
    if found := next((words for at, magic, words in LOOKS_LIKE if start[at:].startswith(magic)), None):
        return "not_audio", f"looks like {found}"
    if found := next((name for magic, kind, name in AUDIO if start.startswith(magic) and start[8:].startswith(kind)), None):
        return "bad_header", f"begins as {found}, and its header is damaged or names an encoding that is not read"
    if start[:64].lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "not_audio", "looks like an HTML page, as a server sends in place of a file that is not there"
    return "not_audio", "looks like text" if _is_text(start) else "is in no format libsndfile reads"


def _is_text(start: bytes) -> bool:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    # The last character may be cut in two.
    text = start.decode("utf-8", "ignore")
    return len(text.encode()) > len(start) - 4 and all(char in "\t\n\r" or char.isprintable() for char in text)
