"""Dialogues of a build: which are whole once every recording has its fate, in which split they are, and what they say by cuts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from speccraft.ingest.rows import Dialogue
from speccraft.plan import Plan
from speccraft.plan.dialogues import INCOMPLETE, split_of_text
from speccraft.plan.groups import groups
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS, Demonstration, Message, Pair, Split

WHOLE = "every part of its dialogue"
PARTS = {"dialogue": pl.Int64, "part": pl.String, "member": pl.String}
ONE_ANSWER, TWO_ANSWERS = "answers_alike", "two answers that differ"
"""Rule that drops the audio of preferences whose two answers are the same samples, and what it asks for."""


@dataclass(frozen=True)
class Planned:
    """A dialogue that enters: its source, the recording (source:input) of each part that is heard, and its official split."""

    source: str
    dialogue: Dialogue
    recordings: Mapping[str, str]
    given: str | None


@dataclass(frozen=True)
class Dialogues:
    """What a build holds: lines of `demonstrations.<split>.jsonl` by split, and of `pairs.jsonl`."""

    demonstrations: dict[Split, list[dict[str, Any]]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    pairs: list[dict[str, Any]] = field(default_factory=list)

    def counts(self) -> dict[str, dict[str, int]]:
        """Dialogues in each split."""
        pairs = Counter(pair["split"] for pair in self.pairs)
        return {split: {"demonstrations": len(self.demonstrations[split]), "pairs": pairs[split]} for split in SPLITS}


def dialogues_of(plan: Plan) -> tuple[Planned, ...]:
    """The dialogues of a plan, in its order."""
    found: dict[tuple[str, str], Planned] = {}
    recordings: dict[tuple[str, str], dict[str, str]] = {}
    for item in plan.admitted:
        row, dialogue = item.row, item.row.dialogue
        if dialogue is not None:
            key = (item.source.id, dialogue.id)
            parts = recordings.setdefault(key, {})
            found.setdefault(key, Planned(item.source.id, dialogue, parts, row.split))
            if row.part:
                parts[row.part] = f"{item.source.id}:{row.input}"
    return tuple(found.values())


def with_two_answers(dialogues: Sequence[Planned], segments: pl.DataFrame, recordings: pl.DataFrame) -> tuple[tuple[Planned, ...], pl.DataFrame]:
    """The dialogues without preferences that have nothing to prefer, and the segments with a rule for what is heard in those.

    Answers may be copies in another codec or level: to tell those apart can be what is asked. The same samples under two names are one answer.
    """
    heard = recordings.filter(pl.col("role") == "preferences").select(pl.col("source") + ":" + pl.col("input"), "pcm_sha256")
    samples = dict(heard.filter(pl.col("pcm_sha256").is_not_null()).iter_rows())
    alike = [one for one in dialogues if one.dialogue.chosen and _said(one, one.dialogue.chosen, samples) == _said(one, one.dialogue.rejected, samples)]
    if not alike:
        return tuple(dialogues), segments
    gone = {id(one) for one in alike}
    rows = [(member, f"{one.source}/{one.dialogue.id}") for one in alike for member in one.recordings.values()]
    lost = pl.DataFrame(rows, schema={"member": pl.String, "pair": pl.String}, orient="row")
    joined = segments.with_columns(member=pl.col("source") + ":" + pl.col("input")).join(lost, on="member", how="left", maintain_order="left")
    away = pl.when(pl.col("rule").is_null() & pl.col("pair").is_not_null())
    columns = {"rule": pl.lit(ONE_ANSWER), "value": pl.format("both answers of {} have the same samples", "pair"), "limit": pl.lit(TWO_ANSWERS)}
    fated = joined.with_columns(away.then(said).otherwise(pl.col(name)).alias(name) for name, said in columns.items())
    return tuple(one for one in dialogues if id(one) not in gone), fated.drop("member", "pair")


def _said(planned: Planned, answer: Sequence[Message], samples: Mapping[str, str]) -> list[list[str | None]]:
    """What an answer says: its words, and digests of the samples that are heard in it."""
    recordings = planned.recordings
    return [[turn.role, *(part.text if part.cut is None else samples.get(recordings[part.cut], part.cut) for part in turn.content)] for turn in answer]


def parts_of(dialogues: Sequence[Planned], segments: pl.DataFrame) -> pl.DataFrame:
    """A row for each part that is heard: `dialogue` by position, `part`, its recording (`member`), the one that is `heard`, and whether that is `kept`.

    Where a recording repeats the samples of another, the other is heard, and stands in the build once.
    """
    rows = [(number, part, member) for number, one in enumerate(dialogues) for part, member in one.recordings.items()]
    fates = segments.select(member=pl.col("source") + ":" + pl.col("input"), fate="fate", rule="rule", value="value").unique("member", keep="first")
    parts = pl.DataFrame(rows, schema=PARTS, orient="row").join(fates, on="member", how="left", maintain_order="left")
    heard = parts.select("dialogue", "part", "member", heard=pl.when(pl.col("rule") == "duplicate").then("value").otherwise("member"))
    kept = fates.select(heard="member", kept=pl.col("fate") == "kept")
    return heard.join(kept, on="heard", how="left", maintain_order="left").with_columns(pl.col("kept").fill_null(False))


def without_incomplete(segments: pl.DataFrame, dialogues: Sequence[Planned]) -> pl.DataFrame:
    """Drop recordings of dialogues that only incomplete dialogues hear."""
    if not dialogues:
        return segments
    parts = parts_of(dialogues, segments).with_columns(whole=pl.col("kept").all().over("dialogue"))
    wanted = parts.filter("whole").select(member="heard").unique()
    gone = parts.filter(~pl.col("kept")).group_by("dialogue", maintain_order=True).agg(missing=pl.col("member").first())
    lost = parts.filter(~pl.col("whole")).join(wanted, on="member", how="anti").join(gone, on="dialogue", maintain_order="left").unique("member", keep="first")
    joined = segments.with_columns(member=pl.col("source") + ":" + pl.col("input")).join(
        lost.select("member", "missing"), on="member", how="left", maintain_order="left"
    )
    away = pl.when((pl.col("fate") == "kept") & pl.col("missing").is_not_null())
    columns = {"rule": pl.lit(INCOMPLETE), "value": pl.format("{} is not kept", "missing"), "limit": pl.lit(WHOLE), "fate": pl.lit("dropped")}
    return joined.with_columns(away.then(said).otherwise(pl.col(name)).alias(name) for name, said in columns.items()).drop("member", "missing")


def ties(dialogues: Sequence[Planned], segments: pl.DataFrame, repeated: pl.DataFrame) -> dict[str, str]:
    """For each recording that dialogues hear, the name of what it hangs together with; a copy hangs together with what it is a copy of.

    Args:
        repeated: `source`, `input`, `copy_of` of copies that do not have the same samples.
    """
    if not dialogues:
        return {}
    parts = parts_of(dialogues, segments)
    whole = parts.filter(pl.col("kept").all().over("dialogue"))
    heard = whole.group_by("dialogue", maintain_order=True).agg("heard")["heard"].to_list()
    in_dialogues = set(parts["heard"])
    copies = [(f"{source}:{input}", copy_of) for source, input, copy_of in repeated.select("source", "input", "copy_of").iter_rows()]
    return groups([*heard, *(pair for pair in copies if in_dialogues.intersection(pair))])


def told(dialogues: Sequence[Planned], segments: pl.DataFrame, scenario: Scenario) -> Dialogues:
    """The dialogues that are whole, with cuts where they are heard.

    Args:
        segments: every segment with its final `fate`, `cut` and `split`.
    """
    made = Dialogues()
    if not dialogues:
        return made
    kept = segments.filter(fate="kept").select("cut", "split", heard=pl.col("source") + ":" + pl.col("input"))
    cuts: dict[int, dict[str, tuple[str, Split]]] = {number: {} for number in range(len(dialogues))}
    for number, part, cut, split in parts_of(dialogues, segments).join(kept, on="heard").select("dialogue", "part", "cut", "split").iter_rows():
        cuts[number][part] = (cut, split)
    for number, planned in sorted(enumerate(dialogues), key=lambda item: (item[1].source, item[1].dialogue.id)):
        if cuts[number].keys() < set(planned.dialogue.audio):
            continue
        splits = {split for _, split in cuts[number].values()}
        assert len(splits) <= 1, f"{planned.dialogue.id} is heard in {splits}"
        split = splits.pop() if splits else planned.given or split_of_text(planned.dialogue, scenario.splits, scenario.seed)
        _add(made, planned, split, {part: cut for part, (cut, _) in cuts[number].items()})
    return made


def _add(made: Dialogues, planned: Planned, split: Any, cuts: Mapping[str, str]) -> None:
    dialogue, id = planned.dialogue, f"{planned.source}/{planned.dialogue.id}"
    messages = _with_cuts(dialogue.messages, cuts)
    if not dialogue.chosen:
        demonstration = Demonstration(id=id, split=split, rule=dialogue.shows, messages=messages)
        made.demonstrations[demonstration.split].append(demonstration.model_dump(mode="json", exclude_none=True))
        return
    chosen, rejected = (_with_cuts(answer, cuts) for answer in (dialogue.chosen, dialogue.rejected))
    pair = Pair(id=id, split=split, prompt=messages, chosen=chosen, rejected=rejected, criterion=dialogue.shows, origin="given", n_votes=0)
    made.pairs.append(pair.model_dump(mode="json", exclude_none=True))


def _with_cuts(messages: Sequence[Message], cuts: Mapping[str, str]) -> tuple[Message, ...]:
    """The same turns, with cuts in place of parts."""
    return tuple(
        message.model_copy(update={"content": tuple(part if part.cut is None else part.model_copy(update={"cut": cuts[part.cut]}) for part in message.content)})
        for message in messages
    )
