"""The fate of every segment: exact duplicates, quality rules and rooms out of band, as expressions over the measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from speccraft.errors import SpeccraftError
from speccraft.scenario import Scenario
from speccraft.scenario.quality import Rule
from speccraft.scenario.source_base import HEARD

TEST_FIRST = pl.col("given").replace_strict({"test": 0, "dev": 1}, default=2, return_dtype=pl.Int8)
"""Of repeated recordings the one in an official test or dev split stays: results on it are to be compared."""
SPEECH_FIRST = pl.col("role") != "speech"
"""Then speech before dialogues: it has a transcript, and serves more stages."""
FATE_SCHEMA = {"rule": pl.String, "value": pl.String, "limit": pl.String}


def judged(segments: pl.DataFrame, recordings: pl.DataFrame, scenario: Scenario) -> pl.DataFrame:
    """Speech segments with `characters_per_s` and the first rule that drops each: `rule`, `value`, `limit`, all null when kept.

    A measure that could not be taken drops nothing; the report says how often that was.

    Raises:
        SpeccraftError: a rule drops more than its `max_drop`.
    """
    speech = (pl.col("duration_s") * pl.col("speech_share")).replace(0.0, None)
    table = segments.filter(pl.col("role").is_in(HEARD)).with_columns(characters_per_s=(pl.col("text").str.len_chars() / speech).round(6))
    table = table.join(_duplicates(recordings.filter(pl.col("role").is_in(HEARD))), on=["source", "input"], how="left")
    rules: list[tuple[str, str, Rule]] = [("longest_utterance_s", "duration_s", Rule(max=scenario.job.longest_utterance_s))]
    rules += [(f"quality.{measure}", measure, rule) for measure, rule in scenario.quality.rules().items()]
    drops = [(_outside(measure, rule), _fate(name, pl.col(measure).cast(pl.String), _limit(rule))) for name, measure, rule in rules]
    table = _with_first_rule(table, drops)
    _need_moderation(table, scenario)
    return table


def judged_banks(segments: pl.DataFrame, recordings: pl.DataFrame, scenario: Scenario) -> pl.DataFrame:
    """Noise clips and rooms with their measured `rt60_s` and the first rule that drops each, as for speech.

    A repeated clip is dropped like repeated speech: else one noise could serve training under one name and test under another.
    """
    table = segments.filter(~pl.col("role").is_in(HEARD)).join(recordings.select("source", "input", "rt60_s"), on=["source", "input"])
    table = table.join(_duplicates(recordings.filter(~pl.col("role").is_in(HEARD))), on=["source", "input"], how="left")
    band = scenario.environment.rt60_s
    if band is None:
        return _with_first_rule(table, [])
    outside = (pl.col("role") == "rir") & (pl.col("rt60_s").is_null() | ~pl.col("rt60_s").is_between(band.low, band.high))
    limit = _limit(Rule(min=band.low, max=band.high))
    return _with_first_rule(table, [(outside, _fate("environment.rt60_s", pl.col("rt60_s").cast(pl.String), limit))])


def without_copies(segments: pl.DataFrame, repeated: pl.DataFrame) -> pl.DataFrame:
    """Drop what is left of recordings that repeat an earlier one that is kept; copies that a quality rule dropped repeat nothing.

    A dialogue keeps its own: two answers may differ in nothing but their sound.

    Args:
        repeated: `source`, `input`, `copy_of`, `similarity`, as `near.copies` finds them.
    """
    if repeated.is_empty():
        return segments
    table = segments.join(repeated, on=["source", "input"], how="left", maintain_order="left")
    value = pl.format("{}, correlation {}", "copy_of", "similarity")
    away = pl.when(pl.col("rule").is_null() & pl.col("copy_of").is_not_null() & ~pl.col("role").is_in(HEARD[1:]))
    columns = {"rule": pl.lit("near_duplicate"), "value": value, "limit": pl.lit("first of its copies")}
    return table.with_columns(away.then(said).otherwise(pl.col(name)).alias(name) for name, said in columns.items()).drop("copy_of", "similarity")


def without_bridges(segments: pl.DataFrame, bridges: Mapping[str, tuple[str, str]]) -> pl.DataFrame:
    """Drop the recordings that tied too much together to be split.

    Args:
        bridges: axis and value that tied, by source:input.
    """
    if not bridges:
        return segments
    ties = [f"{axis} {value}" for axis, value in bridges.values()]
    table = pl.DataFrame({"member": list(bridges), "tie": ties}, schema={"member": pl.String, "tie": pl.String})
    joined = segments.with_columns(member=pl.col("source") + ":" + pl.col("input")).join(table, on="member", how="left", maintain_order="left")
    away = pl.when((pl.col("fate") == "kept") & pl.col("role").is_in(HEARD) & pl.col("tie").is_not_null())
    columns = {"rule": pl.lit("splits.bridge"), "value": pl.col("tie"), "limit": pl.lit("in one split"), "fate": pl.lit("dropped")}
    return joined.with_columns(away.then(said).otherwise(pl.col(name)).alias(name) for name, said in columns.items()).drop("member", "tie")


def _with_first_rule(table: pl.DataFrame, drops: Sequence[tuple[pl.Expr, pl.Expr]]) -> pl.DataFrame:
    """The fate by the first condition that holds, put into words for what is dropped alone: for all, each rule would take as much memory as the table."""
    repeated = (pl.col("duplicate_of").is_not_null(), _fate("duplicate", pl.col("duplicate_of"), "first of its samples"))
    drops = [repeated, *drops]
    numbered = table.with_row_index("place")
    away = numbered.filter(pl.any_horizontal(condition for condition, _ in drops).fill_null(False))
    fates = away.select("place", pl.coalesce(pl.when(condition).then(fate) for condition, fate in drops).alias("drop")).unnest("drop")
    all_fates = numbered.select("place").join(fates, on="place", how="left", maintain_order="left").drop("place")
    return table.drop("duplicate_of").hstack(all_fates)


def _duplicates(recordings: pl.DataFrame) -> pl.DataFrame:
    """Recordings whose decoded samples equal those of another of their role, with the input they repeat; dialogues repeat speech, not the other way."""
    known = recordings.select("source", "input", "role", "given", "pcm_sha256")
    decoded = known.filter(pl.col("pcm_sha256").is_not_null() & pl.col("pcm_sha256").is_duplicated()).sort(TEST_FIRST, SPEECH_FIRST, "source", "input")
    name = pl.col("source") + ":" + pl.col("input")
    first = name.first().over(pl.when(pl.col("role").is_in(HEARD)).then(pl.lit("speech")).otherwise("role"), "pcm_sha256")
    return decoded.with_columns(duplicate_of=first).filter(pl.col("duplicate_of") != name).select("source", "input", "duplicate_of")


def _outside(measure: str, rule: Rule) -> pl.Expr:
    below = pl.col(measure) < rule.min if rule.min is not None else pl.lit(False)
    above = pl.col(measure) > rule.max if rule.max is not None else pl.lit(False)
    return below | above


def _limit(rule: Rule) -> str:
    return " and ".join(part for part in (f">= {rule.min:g}" if rule.min is not None else "", f"<= {rule.max:g}" if rule.max is not None else "") if part)


def _fate(rule: str, value: pl.Expr, limit: str) -> pl.Expr:
    return pl.struct(rule=pl.lit(rule), value=value, limit=pl.lit(limit))


def _need_moderation(table: pl.DataFrame, scenario: Scenario) -> None:
    for measure, rule in scenario.quality.rules().items():
        away = table.filter(pl.col("rule") == f"quality.{measure}")
        share = away.height / max(1, table.height)
        if share > rule.max_drop:
            examples = ", ".join(f"{input} ({value})" for input, value in away.select("input", "value").head(3).iter_rows())
            raise SpeccraftError(
                f"quality.{measure} drops {away.height} of {table.height} utterances ({share:.0%}), more than its max_drop of {rule.max_drop:.0%}: "
                f"{examples} ...",
                try_this="loosen the rule, raise max_drop if that is meant",
            )
