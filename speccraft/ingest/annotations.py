"""Who speaks when: turns from RTTM, Praat TextGrid and CTM files that lie beside a recording."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from speccraft.ingest.lines import Line, lines_of
from speccraft.ingest.manifests import Unusable

PAUSE_S = 0.5
"""Words with a longer silence between them are two turns."""
LONGEST_TURN_S = 15.0
"""A turn made of words ends before the word that would make it longer."""
LARGEST_GRID_BYTES = 64 << 20
RTTM_OTHER = frozenset(["SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "SU", "IP", "CB", "A/P", "SPKR-INFO"])
"""Kinds of RTTM lines that state no turn."""
NO_WORDS = frozenset({"<eps>", "<sil>"})
TEXT_TIERS = frozenset({"text", "transcript", "transcription", "utterance", "utterances", "sentence", "sentences"})
WORD_TIERS, PHONE_TIERS = frozenset({"word", "words"}), frozenset({"phone", "phones", "phoneme", "phonemes"})


@dataclass(frozen=True)
class Turn:
    """A stretch of a recording in seconds; `channel` as its file writes it, `where` says at which line or interval it stands."""

    where: str
    start: float | None = None
    end: float | None = None
    channel: str | None = None
    speaker: str | None = None
    text: str | None = None
    problem: str = ""


def turns_of(path: Path, source_id: str) -> list[Turn]:
    """The turns of an annotation in the order of its file; one that makes no sense has a problem.

    Channels are kept only where the file tells more than one apart: most writers put 1 for a whole recording, whatever its channels.

    Raises:
        Unusable: the file cannot be understood as a whole.
        speccraft.errors.UnreadableInput: it cannot be read.
    """
    turns = list(READERS[path.suffix.lower()](path, source_id))
    if not turns:
        raise Unusable(f"{path.name} holds no turn")
    several = len({turn.channel for turn in turns if not turn.problem}) > 1
    return turns if several else [replace(turn, channel=None) for turn in turns]


def channel_number(written: str | None) -> int | None:
    """A channel counted from 0, of `1`, `2` ... or `A`, `B` ...

    Raises:
        Unusable: it is neither.
    """
    if written is None:
        return None
    if written.isascii() and written.isdigit() and 1 <= int(written[:4]) <= 32:
        return int(written) - 1
    if len(written) == 1 and "A" <= written.upper() <= "Z":
        return ord(written.upper()) - ord("A")
    raise Unusable(f"'{written}' is no channel: channels are 1, 2 ... or A, B ...")


def _rttm(path: Path, source_id: str) -> Iterator[Turn]:
    for line, fields in _fields(path, source_id):
        where = f"line {line.number}"
        if line.problem:
            yield Turn(where, problem=f"{where} {line.problem}")
        elif fields[0] == "SPEAKER" and len(fields) >= 8:
            yield _timed(Turn(where, channel=fields[2], speaker=None if fields[7] == "<NA>" else fields[7]), path, fields[1], fields[3], fields[4])
        elif fields[0] not in RTTM_OTHER:
            yield Turn(where, problem=f"{where} is no RTTM: SPEAKER, the recording, its channel, start, duration, two fields, and the speaker")


def _ctm(path: Path, source_id: str) -> Iterator[Turn]:
    words = []
    for line, fields in _fields(path, source_id):
        where = f"line {line.number}"
        if line.problem:
            words.append(Turn(where, problem=f"{where} {line.problem}"))
        elif len(fields) < 5:
            words.append(Turn(where, problem=f"{where} is no CTM: the recording, its channel, start, duration, and the word"))
        elif fields[4] not in NO_WORDS:
            words.append(_timed(Turn(where, channel=fields[1], text=fields[4]), path, fields[0], fields[2], fields[3]))
    return joined(words)


def joined(words: Iterable[Turn]) -> Iterator[Turn]:
    """Words of one channel and speaker as turns, parted at pauses; a word with a problem stays alone."""
    open_turns: dict[tuple[str | None, str | None], Turn] = {}
    for word in words:
        if word.problem or word.start is None or word.end is None:
            yield word
            continue
        key = (word.channel, word.speaker)
        turn = open_turns.get(key)
        if turn is not None and turn.start is not None and turn.end is not None:
            if turn.end - 0.05 <= word.start <= turn.end + PAUSE_S and word.end - turn.start <= LONGEST_TURN_S:
                open_turns[key] = replace(turn, end=max(turn.end, word.end), text=f"{turn.text} {word.text}")
                continue
            yield turn
        open_turns[key] = word
    yield from open_turns.values()


def _fields(path: Path, source_id: str) -> Iterator[tuple[Line, list[str]]]:
    """Lines of fields between blanks, comments left out."""
    for line in lines_of(path, source_id):
        fields = line.text.split()
        if line.problem or (fields and not fields[0].startswith((";;", "#"))):
            yield line, fields


def _timed(turn: Turn, path: Path, recording: str, start: str, duration: str) -> Turn:
    """A turn with its times, if they are numbers and it is about the recording beside it."""
    if not _is_about(recording, path.stem):
        return replace(turn, problem=f"{turn.where} is about the recording '{recording}'")
    begin, lasts = _seconds(start), _seconds(duration)
    if begin is None or lasts is None or lasts <= 0:
        return replace(turn, problem=f"{turn.where} has no times that make sense: '{start}', '{duration}'")
    return replace(turn, start=begin, end=round(begin + lasts, 6))


def _is_about(recording: str, stem: str) -> bool:
    """Whether an annotation's name for its recording is that of the file, or what is left of it without a part before or behind: `dev00`, `ami_dev00.flac`."""
    short, long = sorted((recording, stem), key=len)
    return short == long or any(long.startswith(short + mark) or long.endswith(mark + short) for mark in "_-.")


_NUMBER = re.compile(r"\d{1,9}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,2})?|\.\d{1,20}")


def _seconds(written: str) -> float | None:
    return float(written) if _NUMBER.fullmatch(written) else None


_TOKENS = re.compile(r'"((?:[^"]|"")*+)"|![^\n]*|([^\s"!]\S*)')
"""A string in quotes, a comment, or a word: Praat's text format is its strings, free-standing numbers and flags; all else is for the eye."""


@dataclass(frozen=True)
class _Text:
    """A string of a TextGrid; numbers are floats."""

    text: str


def _textgrid(path: Path, source_id: str) -> Iterator[Turn]:
    tokens = iter(_tokens(_grid_text(path)))
    try:
        if (next(tokens), next(tokens)) != (_Text("ooTextFile"), _Text("TextGrid")):
            raise Unusable(f"{path.name} is no TextGrid")
        _numbers(tokens, 2)
        (tiers,) = _numbers(tokens, 1)
        found = [_tier(tokens) for _ in _counted(tiers)]
    except (StopIteration, ValueError) as error:
        raise Unusable(f"{path.name} is no TextGrid in Praat's text format, or breaks off") from error
    told = {speaker for name, _ in found for speaker in _told(name.casefold())}
    for name, intervals in found:
        yield from _turns_of_tier(name, intervals, told)


def _told(name: str) -> set[str]:
    """Whose sentences a tier holds; words without a speaker are anybody's."""
    prefix, _, kind = name.rpartition(" - ")
    if kind in WORD_TIERS | PHONE_TIERS:
        return set()
    return {prefix} if kind in TEXT_TIERS else {name, ""}


Interval = tuple[float, float, str]


def _tier(tokens: Iterator[float | _Text]) -> tuple[str, list[Interval]]:
    """Name and intervals of the next tier; one of points has none."""
    kind, name = next(tokens), next(tokens)
    if not isinstance(name, _Text) or kind not in (_Text("IntervalTier"), _Text("TextTier")):
        raise ValueError("no tier")
    _numbers(tokens, 2)
    (size,) = _numbers(tokens, 1)
    intervals = []
    for _ in _counted(size):
        times = _numbers(tokens, 2 if kind == _Text("IntervalTier") else 1)
        mark = next(tokens)
        if not isinstance(mark, _Text):
            raise ValueError("no text")
        if len(times) == 2 and mark.text.strip():
            intervals.append((*times, " ".join(mark.text.split())))
    return name.text.strip(), intervals


def _turns_of_tier(name: str, intervals: list[Interval], told: set[str]) -> Iterator[Turn]:
    """Turns of one tier, by its name: `words`, `utterances`, a speaker, or `speaker - words` as aligners write.

    Phones are no turns, nor are words where another tier holds the speaker's sentences.
    """
    prefix, _, kind = name.rpartition(" - ")
    known = kind.casefold() in TEXT_TIERS | WORD_TIERS | PHONE_TIERS
    words = kind.casefold() in WORD_TIERS
    if kind.casefold() in PHONE_TIERS or (words and prefix.casefold() in told):
        return
    speaker = (prefix if known else name) or None
    turns = [Turn(f"tier '{name}', interval {number}", start, end, None, speaker, text) for number, (start, end, text) in enumerate(intervals, 1)]
    yield from joined(turns) if words else turns


def _tokens(text: str) -> Iterator[float | _Text]:
    for match in _TOKENS.finditer(text):
        if match[1] is not None:
            yield _Text(match[1].replace('""', '"'))
        elif match[2] is not None and (number := _seconds(match[2].removeprefix("-"))) is not None:
            yield -number if match[2].startswith("-") else number


def _numbers(tokens: Iterator[float | _Text], count: int) -> tuple[float, ...]:
    found = tuple(token for token in islice(tokens, count) if isinstance(token, float))
    if len(found) < count:
        raise ValueError("no number")
    return found


def _counted(number: float) -> range:
    """As many as a file says; one that lies runs out of tokens first."""
    if number != int(number) or number < 0:
        raise ValueError("no count")
    return range(int(number))


def _grid_text(path: Path) -> str:
    if not path.is_file():
        raise Unusable(f"{path.name} is no file")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_GRID_BYTES + 1)
    except OSError as error:
        raise Unusable(f"{path.name} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_GRID_BYTES:
        raise Unusable(f"{path.name} is larger than {LARGEST_GRID_BYTES >> 20} MiB")
    try:
        # Praat itself writes UTF-16 where a text is not ASCII.
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unusable(f"{path.name} is neither UTF-8 nor UTF-16 at byte {error.start + 1}") from error


READERS: dict[str, Callable[[Path, str], Iterable[Turn]]] = {".rttm": _rttm, ".textgrid": _textgrid, ".ctm": _ctm}
"""Readers by file ending, in lower case."""
