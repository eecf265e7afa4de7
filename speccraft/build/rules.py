"""The fate of every segment: quality rules, rooms out of band and exact duplicates, as expressions over the measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from speccraft.build.speech_rate import syllables
from speccraft.build.tables import JUDGED_BY
from speccraft.errors import SpeccraftError
from speccraft.report.tables import TEXT_MEASURES
from speccraft.scenario import Scenario
from speccraft.scenario.quality import Rule
from speccraft.scenario.source_base import HEARD

TEST_FIRST = pl.col("given").replace_strict({"test": 0, "dev": 1}, default=2, return_dtype=pl.Int8)
"""Of repeated recordings the one in an official test or dev split stays: results on it are to be compared."""
SPEECH_FIRST = pl.col("role") != "speech"
"""Then speech before dialogues: it has a transcript, and serves more stages."""
UNTRANSCRIBED = (pl.col("role") == "speech") & pl.col("text").is_null()
"""Speech without words, which serves pre-training alone: of repeated recordings it stays last."""
FATE_SCHEMA = {"rule": pl.String, "value": pl.String, "limit": pl.String}


def judged(segments: pl.DataFrame, scenario: Scenario) -> pl.DataFrame:
    """Speech segments with `TEXT_MEASURES` and the first rule that drops each: `rule`, `value`, `limit`, all null when kept.

    What was heard of channels in antiphase is dropped: a mix of them holds little of the voice. A measure that could not be taken drops nothing; the report
    says how often that was.

    Raises:
        SpeccraftError: a rule drops more than its `max_drop`.
    """
    speech = (pl.col("duration_s") * pl.col("speech_share")).replace(0.0, None)
    table = segments.filter(pl.col("role").is_in(HEARD))
    counts = {"characters_per_s": pl.col("text").str.len_chars(), "syllables_per_s": syllables(table)}
    table = table.with_columns((counts[name] / speech).round(6).alias(name) for name in TEXT_MEASURES)
    rules: list[tuple[str, str, Rule]] = [("longest_utterance_s", "duration_s", Rule(max=scenario.job.longest_utterance_s))]
    rules += [(f"quality.{measure}", measure, rule) for measure, rule in scenario.quality.rules().items()]
    drops = [(pl.col("antiphase").is_not_null(), _fate("antiphase", pl.col("antiphase"), "one of them, named in `columns.channel`"))]
    drops += [(_outside(measure, rule), _fate(name, pl.col(measure).cast(pl.String), _limit(rule))) for name, measure, rule in rules]
    table = _with_first_rule(table, drops).drop(JUDGED_BY)
    _need_moderation(table, scenario)
    return table


def judged_banks(segments: pl.DataFrame, recordings: pl.DataFrame, scenario: Scenario) -> pl.DataFrame:
    """Noise clips and rooms with their measured `rt60_s` and the first rule that drops each, as for speech."""
    measured = recordings.select("source", "input", "rt60_s")
    table = segments.filter(~pl.col("role").is_in(HEARD)).drop(JUDGED_BY).join(measured, on=["source", "input"], maintain_order="left")
    band = scenario.environment.rt60_s
    if band is None:
        return table.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in FATE_SCHEMA.items())
    outside = (pl.col("role") == "rir") & (pl.col("rt60_s").is_null() | ~pl.col("rt60_s").is_between(band.low, band.high))
    limit = _limit(Rule(min=band.low, max=band.high))
    return _with_first_rule(table, [(outside, _fate("environment.rt60_s", pl.col("rt60_s").cast(pl.String), limit))])


def without_repeats(segments: pl.DataFrame, recordings: pl.DataFrame) -> pl.DataFrame:
    """Drop recordings whose samples are those of an earlier one of their role that nothing has dropped yet; dialogues repeat speech, not the other way.

    A repeated clip is dropped like repeated speech: else one noise could serve training under one name and test under another.

    Args:
        recordings: `source`, `input`, `role`, `text`, `given`, `pcm_sha256` of every recording.
    """
    known = recordings.select("source", "input", "role", "text", "given", "pcm_sha256").filter(pl.col("pcm_sha256").is_not_null())
    left = segments.filter(pl.col("rule").is_null()).select("source", "input")
    # What is dropped for its own sake repeats nothing, and nothing repeats it: its samples may stand elsewhere with the right words.
    alike = known.filter(pl.col("pcm_sha256").is_duplicated()).join(left, on=["source", "input"], how="semi")
    name = pl.col("source") + ":" + pl.col("input")
    role = pl.when(pl.col("role").is_in(HEARD)).then(pl.lit("speech")).otherwise("role")
    firsts = alike.sort(UNTRANSCRIBED, TEST_FIRST, SPEECH_FIRST, "source", "input").with_columns(first=name.first().over(role, "pcm_sha256"))
    repeated = firsts.filter(pl.col("first") != name).select("source", "input", "first")
    if repeated.is_empty():
        return segments
    table = segments.join(repeated, on=["source", "input"], how="left", maintain_order="left")
    away = pl.when(pl.col("rule").is_null() & pl.col("first").is_not_null())
    columns = {"rule": pl.lit("duplicate"), "value": pl.col("first"), "limit": pl.lit("first of its samples")}
    return table.with_columns(away.then(said).otherwise(pl.col(column)).alias(column) for column, said in columns.items()).drop("first")


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


def without_untranscribed(segments: pl.DataFrame) -> pl.DataFrame:
    """Drop speech that nobody wrote down where what it hangs together with took it into dev or test: no answer can be compared with it."""
    away = pl.when(UNTRANSCRIBED & (pl.col("fate") == "kept") & (pl.col("split") != "train"))
    columns = {"rule": pl.lit("segmentation.untranscribed"), "value": pl.col("split"), "limit": pl.lit("train"), "fate": pl.lit("dropped")}
    return segments.with_columns(away.then(said).otherwise(pl.col(name)).alias(name) for name, said in columns.items())


def _with_first_rule(table: pl.DataFrame, drops: Sequence[tuple[pl.Expr, pl.Expr]]) -> pl.DataFrame:
    """The fate by the first condition that holds, put into words for what is dropped alone: for all, each rule would take as much memory as the table."""
    numbered = table.with_row_index("place")
    away = numbered.filter(pl.any_horizontal(condition for condition, _ in drops).fill_null(False))
    fates = away.select("place", pl.coalesce(pl.when(condition).then(fate) for condition, fate in drops).alias("drop")).unnest("drop")
    all_fates = numbered.select("place").join(fates, on="place", how="left", maintain_order="left").drop("place")
    return table.hstack(all_fates)


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
