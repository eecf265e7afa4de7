"""Make demonstrations from a manual: what users say, recorded, spoken or written, with the answers that the rules ask for."""

from __future__ import annotations

import hashlib
import io
import wave
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speccraft import store
from speccraft.errors import SpeccraftError
from speccraft.ingest import reach_of
from speccraft.scenario import LoadedScenario, Scenario
from speccraft.scenario.contracts import Split
from speccraft.scenario.source import SynthesisVoice

from .chance import number_of, shared_out
from .dialogues import Shown, counted, shown_by_phrases
from .recorded import Recorded, answered

MADE = "made.jsonl"
"""Dialogues that are spoken by voices of espeak-ng, or written."""
AUDIO = "audio"
Progress = Callable[[str, int, int], None]
Speak = Callable[..., Any]


@dataclass(frozen=True)
class Compiled:
    """What was made: dialogues by rule and split, how users are heard, and why recordings were left out."""

    files: tuple[Path, ...]
    by_rule: dict[str, dict[str, int]]
    heard: dict[str, int]
    left_out: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def compile_manual(loaded: LoadedScenario, folder: Path, *, data: Path | None = None, on_progress: Progress = lambda *_: None) -> Compiled:
    """Write the demonstrations of a scenario's manual into a folder: `made.jsonl` with its `audio/`, and `<source>.jsonl` for each table of recordings.

    Each is what a source of the format `conversations` reads; the paths in `<source>.jsonl` start at the table's folder. The same scenario, seed and tables
    give the same bytes.

    Raises:
        SpeccraftError: there is nothing to make, or no answer is written for what is said.
        UnreadableInput: a table cannot be read.
        MissingExtra: voices are named and there is no espeak-ng.
    """
    scenario = loaded.scenario
    made = list(shown_by_phrases(scenario))
    reach = reach_of(loaded.path, scenario, data)
    tables = {orders.source: answered(scenario, orders, reach) for orders in scenario.manual.making.recordings}
    recorded = [one.shown for table in tables.values() for one in table.dialogues]
    if not made and not recorded:
        raise SpeccraftError("the manual says nothing to make demonstrations of", try_this="give its rules `examples`, or `making.recordings` with an intent")
    spoken = _spoken(scenario, made)
    texts = {(voice.id, text): (voice, text) for one, voice in zip(made, spoken, strict=True) if voice is not None for text in one.turns[::2]}
    records = [_made(scenario, one, voice) for one, voice in zip(made, spoken, strict=True)]
    files = [(f"{source}.jsonl", [_recorded(scenario, one) for one in table.dialogues]) for source, table in tables.items()]
    files += [(MADE, records)] if records else []
    for number, (voice, text) in enumerate(texts.values(), 1):
        store.write_bytes(folder / _audio_file(voice, text), _wav(voice, text))
        on_progress("speaking", number, len(texts))
    for name, lines in files:
        store.write_bytes(folder / name, store.json_lines(lines))
    heard = {"recorded": len(recorded), "spoken": sum(voice is not None for voice in spoken), "written": spoken.count(None)}
    left_out = sum((table.left_out for table in tables.values()), Counter[str]())
    paths = tuple(folder / name for name, lines in files if lines)
    return Compiled(paths, counted([*made, *recorded]), heard, dict(left_out), tuple(_notes(scenario, folder)))


def _notes(scenario: Scenario, folder: Path) -> Iterator[str]:
    if scenario.splits.given != "split":
        yield "`splits.given: split` is not set: the build draws splits of its own, and phrases that are kept for test may be trained on"
    names = {Path(source.path).name for source in scenario.sources if source.format == "conversations"}
    if not names:
        yield f"no source reads it yet: add one with `format: conversations` and the path {folder}/{MADE}"


def _spoken(scenario: Scenario, made: Sequence[Shown]) -> list[SynthesisVoice | None]:
    """Who speaks each dialogue, or nobody: every rule and split has its share of both."""
    making = scenario.manual.making
    voices = _voices(scenario)
    met: Counter[tuple[str, Split]] = Counter()
    spoken: list[SynthesisVoice | None] = []
    for one in made:
        met[one.rule, one.split] += 1
        turn, choices = met[one.rule, one.split], voices[one.split]
        # The first of each rule and split is heard, then as many as the share allows.
        is_heard = bool(choices) and -int(-turn * making.spoken // 1) > -int(-(turn - 1) * making.spoken // 1)
        spoken.append(choices[number_of(scenario.seed, "voice", one.turns[0]) % len(choices)] if is_heard else None)
    return spoken


def _voices(scenario: Scenario) -> dict[Split, list[SynthesisVoice]]:
    """The voices of each split; none serves two where speakers are kept apart."""
    voices = {voice.id: voice for voice in scenario.manual.making.voices}
    if "speaker" not in scenario.splits.disjoint:
        return {"train": list(voices.values()), "dev": list(voices.values()), "test": list(voices.values())}
    shared = shared_out(list(voices), scenario.splits, scenario.seed, "voices")
    return {split: [voices[id] for id in sorted(ids)] for split, ids in shared.items()}


def _made(scenario: Scenario, one: Shown, voice: SynthesisVoice | None) -> dict[str, Any]:
    users = [_user(voice, text) for text in one.turns[::2]]
    who = {} if voice is None else {"speaker": voice.id}
    return {"id": _id(one), "rule": one.rule, "split": one.split, **who, "messages": _messages(scenario, users, one.turns[1::2])}


def _recorded(scenario: Scenario, one: Recorded) -> dict[str, Any]:
    """The line of a dialogue that begins with a recording; what follows it is written."""
    row = one.row
    first = {"type": "audio", "audio": row.input} | ({"transcript": row.text} if row.text else {})
    users = [first, *({"type": "text", "text": text} for text in one.shown.turns[2::2])]
    known = {"speaker": row.speaker, "session": row.session, "language": row.language, "licence": row.licence, "attribution": row.attribution}
    about = {name: value for name, value in known.items() if value is not None}
    messages = _messages(scenario, users, one.shown.turns[1::2])
    return {"id": Path(row.input).stem, "rule": one.shown.rule, "split": one.shown.split, **about, "messages": messages}


def _messages(scenario: Scenario, users: Sequence[dict[str, Any]], answers: Sequence[str]) -> list[dict[str, Any]]:
    persona = scenario.manual.persona
    messages: list[dict[str, Any]] = [{"role": "system", "content": persona}] if persona else []
    for user, answer in zip(users, answers, strict=True):
        messages += [{"role": "user", "content": [user]}, {"role": "assistant", "content": answer_content(answer)}]
    return messages


def answer_content(answer: str) -> list[dict[str, Any]]:
    """The parts of an assistant's turn: its words. A spoken answer would stand behind them as a part of the type audio."""
    return [{"type": "text", "text": answer}]


def _user(voice: SynthesisVoice | None, text: str) -> dict[str, Any]:
    if voice is None:
        return {"type": "text", "text": text}
    return {"type": "audio", "audio": _audio_file(voice, text), "transcript": text}


def _id(one: Shown) -> str:
    return f"{one.rule}-{hashlib.sha256(one.turns[0].encode()).hexdigest()[:12]}"


def _audio_file(voice: SynthesisVoice, text: str) -> str:
    facts = f"{voice.voice}|{voice.words_per_minute}|{voice.pitch}|{text}"
    return f"{AUDIO}/{voice.id}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.wav"


def _wav(voice: SynthesisVoice, text: str) -> bytes:
    from speccraft.sound.espeak import speak

    samples, sampling_rate = speak(text, voice=voice.voice, words_per_minute=voice.words_per_minute, pitch=voice.pitch)
    content = io.BytesIO()
    with wave.Wave_write(content) as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sampling_rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return content.getvalue()
