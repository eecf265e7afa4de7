"""Work out the shortest way to a clause that is missed: what to add, and what could be let through or left out instead."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from speccraft.report.match import in_place_tests, insides
from speccraft.report.numerals import duration, number, percent, plural
from speccraft.report.sums import at_rank, total_of
from speccraft.report.tables import Tables
from speccraft.report.waterfall import Flow
from speccraft.scenario.environment import Environment
from speccraft.scenario.model import Scenario

STEPS = 40
"""Limits of the recorded SNR that are tried, evenly spread over the test cuts."""
Ways = Iterator[str]


def training_with_words(scenario: Scenario, measures: pl.DataFrame) -> pl.DataFrame:
    """The training cuts that targets count: what nobody wrote down serves pre-training beside them."""
    spoken_of = {source.id for source in scenario.sources if source.role != "speech"}
    return measures.filter(pl.col("split") == "train", pl.col("text").is_not_null() | pl.col("source").is_in(spoken_of))


def more_hours(scenario: Scenario, tables: Tables, speech: Flow, stage: str, short_h: float) -> str:
    """What brings a stage the training speech it lacks: to add it, with the speakers that are missing too, or what is there already and does not count.

    Args:
        speech: the waterfall of all speech.
        short_h: hours that are missing.
    """
    short = 3600 * short_h
    add = f"add at least {duration(short)} of speech from sources that serve the stage {stage}"
    if missing := missing_speakers(scenario, tables):
        add += f", from at least {plural(missing, 'more speaker')}"
    return _sentence([add, *_untranscribed(scenario, tables, stage, short), *_loosened(tables, short), *_refused(tables, speech, short), *_heaviest(speech)])


def more_speakers(scenario: Scenario, tables: Tables, missing: int) -> str:
    """What brings training the speakers it lacks."""
    train = tables.measures.filter(pl.col("split") == "train")
    nameless = train.filter(pl.col("speaker").is_null()).height
    add = f"add recordings of {plural(missing, 'more speaker')}"
    ways = [add + f", or map the speaker column (nobody is named in {plural(nameless, 'cut')})" if nameless else add]
    elsewhere = _people(tables.measures.filter(pl.col("split") != "train")) - _people(train)
    if len(elsewhere) >= missing:
        ways.append(f"leave more to training: dev and test alone hold {plural(len(elsewhere), 'speaker')} (splits.dev, splits.test)")
    lost = _people(tables.speech_segments.filter(pl.col("fate") == "dropped")) - _people(tables.measures)
    if len(lost) >= missing:
        ways.append(f"look at the rules that took every cut of {plural(len(lost), 'speaker')}")
    return _sentence(ways)


def missing_speakers(scenario: Scenario, tables: Tables) -> int:
    """How many speakers training lacks of those that `acceptance.data.speakers` wants."""
    wanted = scenario.acceptance.data.speakers or 0
    return max(0, wanted - len(_people(training_with_words(scenario, tables.measures)))) if wanted else 0


def closer_match(environment: Environment, measures: pl.DataFrame, wanted: float) -> str:
    """Which axis leaves its band, and what would bring the share of in-place test cuts inside up to what is wanted."""
    declared = insides(environment)
    test = in_place_tests(measures).with_columns(_inside=pl.all_horizontal(declared.values()))
    outside = {axis: test.filter(~condition).height for axis, condition in declared.items()}
    worst = max(outside, key=lambda axis: outside[axis])
    told = ", ".join(f"{axis} in {plural(count, 'cut')}" for axis, count in sorted(outside.items(), key=lambda pair: -pair[1]) if count)
    ways = [f"outside of their bands are {told}", *_quieter_recordings(test, measures, wanted), *_without_a_source(test, wanted)]
    if worst == "environment.snr_db" and environment.snr_db is not None:
        ways += _wider_snr(test, wanted)
    return _sentence(ways)


def _sentence(ways: list[str]) -> str:
    first, *others = ways
    return "; ".join([first, *(f"or {way}" for way in others)])


def _people(table: pl.DataFrame) -> set[str]:
    return set(table["speaker"].drop_nulls().unique())


def _untranscribed(scenario: Scenario, tables: Tables, stage: str, short: float) -> Ways:
    train = tables.measures.filter(pl.col("split") == "train")
    silent = total_of(train["seconds"]) - total_of(training_with_words(scenario, tables.measures)["seconds"])
    if silent >= short and stage != "prefer":
        yield f"write down {duration(short)} of the {duration(silent)} that stand in training without words"


def _loosened(tables: Tables, short: float) -> Ways:
    """The rule of which the least has to be given up: half of what it took, say, and the limit that lets that half through."""
    kept = total_of(tables.measures["seconds"])
    trained = total_of(tables.measures.filter(pl.col("split") == "train")["seconds"]) / kept if kept else 1.0
    dropped = tables.speech_segments.filter(pl.col("fate") == "dropped", pl.col("rule").str.starts_with("quality."), pl.col("text").is_not_null())
    for (rule,), rows in sorted(dropped.group_by("rule"), key=lambda group: -total_of(group[1]["seconds"])):
        measure = str(rule).removeprefix("quality.")
        if measure in rows.columns and trained * total_of(rows["seconds"]) >= short > 0:
            yield _limit_that_lets_through(str(rule), measure, rows, short / trained)
            return


def _limit_that_lets_through(rule: str, measure: str, rows: pl.DataFrame, seconds: float) -> str:
    # What lies closest to the range that is kept comes first: limits are written as ">= 5", "<= 20" or both.
    limit = rows["limit"][0] or ""
    low = float(limit.partition(">= ")[2].split(" ")[0]) if ">= " in limit else None
    below = rows.filter(pl.col(measure) < low) if low is not None else rows.clear()
    side, end = (below, "min") if total_of(below["seconds"]) >= seconds else (rows.join(below, on="segment", how="anti"), "max")
    ordered = side.sort(measure, descending=end == "min").with_columns(total=pl.col("seconds").cum_sum())
    enough = ordered.filter(pl.col("total") >= seconds)
    if not enough.height:
        return f"loosen {rule}, which took {duration(total_of(rows['seconds']))}"
    return f"set {rule}.{end} to {number(enough[measure][0])}: about {duration(seconds)} of what it took come back"


def _refused(tables: Tables, speech: Flow, short: float) -> Ways:
    if speech.seconds("refused") >= short:
        yield f"settle the rights of what was refused ({duration(speech.seconds('refused'))})"


def _heaviest(speech: Flow) -> Ways:
    losses = [(step.rule or step.kind, step.seconds) for step in speech.steps if step.kind in ("failed", "dropped")]
    heaviest, seconds = max(losses, key=lambda loss: loss[1], default=("", 0.0))
    if seconds > 0:
        yield f"look at {heaviest} first: most speech was lost to it ({duration(seconds)})"


def _quieter_recordings(test: pl.DataFrame, measures: pl.DataFrame, wanted: float) -> Ways:
    """The lowest limit of the recorded SNR under which what is left of the test cuts reaches the share."""
    known = test["snr_db"].drop_nulls().sort()
    known = known.filter(known.is_finite())
    for index in range(1, STEPS if len(known) else 0):
        limit = float(known[index * len(known) // STEPS])
        left = test.filter(pl.col("snr_db").is_null() | (pl.col("snr_db") >= limit))
        if left.height and left["_inside"].sum() >= wanted * left.height:
            lost = measures.filter(pl.col("snr_db") < limit).height
            yield f"set quality.snr_db.min to {number(limit)}: recordings with noise of their own go ({plural(lost, 'cut')}, {percent(lost / measures.height)})"
            return


def _without_a_source(test: pl.DataFrame, wanted: float) -> Ways:
    """The source without which the others reach the share, the smallest one that does it."""
    for source in test["source"].value_counts().sort("count", "source")["source"]:
        left = test.filter(pl.col("source") != source)
        inside = left.filter("_inside").height
        if left.height and inside >= wanted * left.height:
            yield f"drop source {source}: the others reach {percent(inside / left.height)}"
            return


def _wider_snr(test: pl.DataFrame, wanted: float) -> Ways:
    """A band that holds the share that is wanted, as much above as below."""
    found = test["delivered_snr_db"].drop_nulls().sort()
    if len(found):
        edge = (1 - wanted) / 2
        low, high = (at_rank(found, q) for q in (edge, 1 - edge))
        yield f"declare environment.snr_db {number(low)} to {number(high)} dB, if the place is really like that"
