"""The demonstrations of a scenario, each with the line it stands on, what is heard in it, its split, and whether it enters the build."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speccraft import store
from speccraft.evaluation.manual import NOT
from speccraft.ingest import reach_of
from speccraft.ingest.records import records_in
from speccraft.ingest.rows import Dialogue, Reach
from speccraft.ingest.turns import COLUMNS
from speccraft.plan import Plan
from speccraft.scenario import LoadedScenario
from speccraft.scenario.contracts import SPLITS, Message
from speccraft.scenario.source_dialogues import ConversationsSource


@dataclass
class Line:
    """One demonstration where it is written.

    `heard` holds what is said in its audio by part, None where nobody wrote it down; `files` the audio itself. `problems` say why it does not enter, or does
    not enter whole. `conditions` are `clean` and `place`, as the build renders its audio; none are known without a build.
    """

    source: str
    file: str
    number: int
    dialogue: Dialogue | None = None
    split: str | None = None
    heard: dict[str, str | None] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    conditions: frozenset[str] = frozenset()

    @property
    def shows(self) -> str:
        """The rule that it shows, without what marks a near miss."""
        return self.dialogue.shows.removeprefix(NOT) if self.dialogue else ""

    @property
    def is_near_miss(self) -> bool:
        """Whether it shows where the rule does not hold."""
        return self.dialogue is not None and self.dialogue.shows.startswith(NOT)

    @property
    def is_heard(self) -> bool:
        """Whether the user is heard in it."""
        return bool(self.files)

    @property
    def turns(self) -> Iterator[tuple[tuple[Message, ...], str, str | None]]:
        """For each answer to the user: the messages before it, the answer's words, and the user's last words, None where nobody wrote them down."""
        messages = self.dialogue.messages if self.dialogue else ()
        for at, message in enumerate(messages):
            if message.role == "assistant" and at and messages[at - 1].role == "user":
                yield messages[:at], self._words(message) or "", self._words(messages[at - 1])

    def _words(self, message: Message) -> str | None:
        said = [part.text if part.cut is None else self.heard.get(part.cut) for part in message.content]
        return None if any(one is None for one in said) else " ".join(one or "" for one in said)


def lines_of(loaded: LoadedScenario, plan: Plan, *, data: Path | None = None, build: Path | None = None) -> list[Line]:
    """Every demonstration that the sources of a scenario hold, in the order of the files.

    Raises:
        UnreadableInput: a file cannot be read.
    """
    reach = reach_of(loaded.path, loaded.scenario, data)
    lines: dict[tuple[str, str], Line] = {}
    for source in loaded.scenario.sources:
        if isinstance(source, ConversationsSource):
            lines |= {(source.id, name): line for name, line in _written(source, reach)}
    for item in plan.admitted:
        if item.row.dialogue is not None and (line := lines.get((item.source.id, item.row.dialogue.id))):
            _hear(line, item.row)
    for gone in plan.turned_away:
        name = gone.row.dialogue.id if gone.row.dialogue is not None else gone.row.input.split("#")[0]
        if line := lines.get((gone.source.id, name)):
            _hear(line, gone.row)
            what = f"`{gone.row.recording or gone.row.part}` " if gone.row.part else ""
            line.problems.append(f"{what}is {gone.fate} by the rule `{gone.rule}`: {gone.reason}")
    if build is not None:
        _in_build(lines, build)
    return list(lines.values())


def _written(source: ConversationsSource, reach: Reach) -> Iterator[tuple[str, Line]]:
    file = reach.source(source.id, source.path)
    for record in records_in(file, source.id, COLUMNS):
        yield record.named("id") or f"{file.name}:{record.number}", Line(source.id, str(file), record.number)


def _hear(line: Line, row: Any) -> None:
    line.dialogue = row.dialogue or line.dialogue
    line.split = row.split or line.split
    if row.part:
        line.heard[row.part] = row.text
        line.files[row.part] = str(row.path)


def _in_build(lines: Mapping[tuple[str, str], Line], build: Path) -> None:
    """What a build made of each: its split, the conditions it is heard in, and that it is there at all."""
    told = {}
    for split in SPLITS:
        places = _places(build / f"cuts.{split}.jsonl")
        for one in _json_lines(build / f"demonstrations.{split}.jsonl"):
            cuts = [part["cut"] for message in one["messages"] for part in message["content"] if part.get("cut")]
            told[one["id"]] = (split, frozenset().union(*(_conditions(places.get(cut), split) for cut in cuts)))
    fates = _fates(build)
    for (source, name), line in lines.items():
        if f"{source}/{name}" in told:
            line.split, line.conditions = told[f"{source}/{name}"]
        elif not line.problems:
            inputs = [name, *(f"{name}/{part}" for part in line.files)]
            why = next((fates[source, input] for input in inputs if (source, input) in fates), "it was not there when the build was made")
            line.problems.append(f"is not in the build: {why}")


def _conditions(place: Mapping[str, Any] | None, split: str) -> frozenset[str]:
    if place is None:
        return frozenset({"clean"})
    # Dev and test are rendered as recorded as well; training draws, and leaves a share as recorded.
    is_clean = split != "train" or place.get("clean_fraction", 0) > 0
    return frozenset({"place", "clean"} if is_clean else {"place"})


def _places(path: Path) -> dict[str, Mapping[str, Any] | None]:
    return {cut["id"]: cut.get("custom", {}).get("place") for cut in _json_lines(path)}


def _fates(build: Path) -> dict[tuple[str, str], str]:
    """Why inputs are not kept, by source and input."""
    import polars as pl

    ledger = pl.read_parquet(build / "ledger.parquet").filter(pl.col("fate") != "kept")
    rows = ledger.select("source", "input", "fate", "rule", pl.col("value").cast(pl.String)).iter_rows()
    return {(source, input): f"{input} is {fate} by the rule `{rule}` ({value})" for source, input, fate, rule, value in rows}


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        yield from store.rows_in(path)
