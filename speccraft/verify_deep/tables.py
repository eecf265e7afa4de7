"""Prove counts, facts, conservation and limits again: the same truth in every file that states it."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.source_base import HEARD
from speccraft.verify import Problem

from .dialogues import in_text
from .evidence import SECONDS_TOLERANCE, Build, Unreadable, apart, at, differing, near, some

LATER = ("near_duplicate", "dialogue_incomplete", "splits.bridge", "segmentation.untranscribed")
"""What may still drop a recording after others were dropped as its duplicates."""


def counts(build: Build) -> Iterator[Problem]:
    """Record, certificate and tables count the same rows, cuts, seconds and speakers."""
    for entry in build.record["files"]:
        path = build.folder / entry["path"]
        if path.suffix == ".parquet" and entry["count"] != (rows := pl.scan_parquet(path).select(pl.len()).collect().item()):
            yield Problem("SC522", entry["path"], f"holds {rows} rows, the record says {entry['count']}")
    found = {"inputs": build.ledger.height, "cuts": build.cuts.height, "seconds": float(build.cuts["duration"].sum())}
    for name, count in found.items():
        if not near(said := at(build.info, "counts", name), count, 1e-3):
            yield Problem("SC522", "BUILD.json", f"info.counts.{name} is {said}, the tables hold {count}")
    for split in SPLITS:
        cuts = build.cuts.filter(pl.col("split") == split)
        found = {"cuts": cuts.height, "seconds": float(cuts["duration"].sum()), "speakers": cuts["speaker"].n_unique() if cuts.height else 0}
        said = at(build.certificate, "counts", split)
        if any(not near(at(said, name), value, 1e-3) for name, value in found.items()):
            yield Problem("SC522", "splits.json", f"counts.{split} is {said}, the cuts say {found}")


def facts(build: Build) -> Iterator[Problem]:
    """Every fact about a cut, in each file that states it."""
    for split in SPLITS:
        shards = b"".join(path.read_bytes() for path in sorted((build.folder / "shards" / split).glob("cuts.*.jsonl")))
        if shards != (build.folder / f"cuts.{split}.jsonl").read_bytes():
            yield Problem("SC523", f"cuts.{split}.jsonl", "its lines are not those of the shards")
    wrong = build.cuts.filter(
        pl.any_horizontal(
            pl.col("id").ne_missing(pl.col("recording_id")),
            ~((pl.col("duration") * pl.col("sampling_rate") - pl.col("num_samples")).abs() < 0.5).fill_null(False),
            ~((pl.col("duration") - pl.col("recording_duration")).abs() < SECONDS_TOLERANCE).fill_null(False),
            ~((pl.col("duration") - pl.col("said_duration")).abs() < SECONDS_TOLERANCE).fill_null(False),
            pl.col("speaker").ne_missing(pl.col("said_by")),
            pl.col("sampling_rate") != build.info.get("sampling_rate"),
        )
    )
    yield from some("SC523", "cuts.*.jsonl", "contradict themselves about id, length, rate or speaker", wrong["id"])
    kept = build.segments.filter(pl.col("role").is_in(HEARD), pl.col("fate") == "kept")
    same = ["source", "text", "seconds"]
    cuts = build.cuts.rename({"duration": "seconds"})
    yield from differing(cuts, kept.rename({"segment": "id"}), same, "segments.parquet", "kept speech")
    measures = build.measures.rename({"cut": "id"})
    yield from differing(cuts, measures, [*same, "licence", "split", "stages", "unseen"], "measures.parquet", "cuts")
    yield from differing(measures, kept.rename({"segment": "id"}), ["speaker", "duration_s", "peak_dbfs"], "segments.parquet", "measured speech")
    for name, table, key in (("segments", build.segments, ["segment"]), ("measures", build.measures, ["cut"]), ("ledger", build.ledger, ["source", "input"])):
        twice = table.filter(table.select(key).is_duplicated())
        yield from some("SC523", f"{name}.parquet", f"the same {' and '.join(key)} in several rows", twice[key[-1]])


# Conservation


def conservation(build: Build) -> Iterator[Problem]:
    """Every input has one fate, and its seconds and cuts are those of its segments."""
    kept = pl.col("fate") == "kept"
    sums = build.segments.group_by("source", "input").agg(
        found_role=pl.col("role").first(),
        roles=pl.col("role").n_unique(),
        found_kept=pl.col("seconds").filter(kept).sum(),
        found_dropped=pl.col("seconds").filter(~kept).sum(),
        found_cuts=kept.sum().cast(pl.Int64),
    )
    strangers = sums.join(build.ledger, on=["source", "input"], how="anti")
    yield from some("SC524", "ledger.parquet", "inputs of segments.parquet are not in it", strangers["input"])
    table = build.ledger.join(sums, on=["source", "input"], how="left").with_columns(pl.col("found_kept", "found_dropped", "found_cuts").fill_null(0))
    table = table.with_columns(in_text=(pl.col("source") + "/" + pl.col("input")).is_in(in_text(build)))
    total = pl.col("seconds_kept") + pl.col("seconds_dropped") + pl.col("seconds_unvoiced")
    ended, cuts = pl.col("fate").is_in(["kept", "dropped"]), pl.col("cuts")
    rules: dict[str, pl.Expr] = {
        "their fate is none that there is": ~pl.col("fate").is_in(["kept", "dropped", "failed", "refused"]),
        "kept without a cut, or with cuts and not kept": (pl.col("fate") == "kept") != (cuts > 0) | pl.col("in_text"),
        "their cuts are not those of their segments": cuts != pl.col("found_cuts"),
        "their role is not that of their segments": (pl.col("role") != pl.col("found_role")).fill_null(False) | (pl.col("roles") > 1).fill_null(False),
        "seconds kept are not those of their segments": apart("seconds_kept", "found_kept"),
        "seconds dropped are not those of their segments": apart("seconds_dropped", "found_dropped"),
        "kept + dropped + unvoiced are not the recording": ended & ((pl.col("seconds").fill_null(0) - total.fill_null(0)).abs() > SECONDS_TOLERANCE),
        "less than nothing unvoiced": pl.col("seconds_unvoiced").fill_null(0) < -SECONDS_TOLERANCE,
        "no rule says why they are not kept": (pl.col("fate") != "kept") & pl.col("rule").is_null(),
        "kept, and a rule says why not": (pl.col("fate") == "kept") & pl.col("rule").is_not_null(),
        "no reason says why": pl.col("fate").is_in(["failed", "refused"]) & pl.col("reason").is_null(),
    }
    for what, broken in rules.items():
        yield from some("SC524", "ledger.parquet", what, table.filter(broken.fill_null(True))["input"])
    odd = build.segments.filter(~pl.col("fate").is_in(["kept", "dropped"]) | (kept != pl.col("rule").is_null()))
    yield from some("SC524", "segments.parquet", "a fate without its rule, or a rule without its fate", odd["segment"])


def limits(build: Build) -> Iterator[Problem]:
    """What is kept is inside every limit of the scenario; what a limit dropped is outside of it."""
    speech = build.segments.filter(pl.col("role").is_in(HEARD))
    limits = {f"quality.{measure}": (measure, rule.min, rule.max) for measure, rule in build.scenario.quality.rules().items()}
    limits["longest_utterance_s"] = ("duration_s", None, build.scenario.job.longest_utterance_s)
    for rule, (measure, low, high) in limits.items():
        if measure not in speech.columns or not speech.schema[measure].is_numeric():
            raise Unreadable("segments.parquet", f"has no numbers {measure}, which the rule {rule} needs")
        outside = (pl.col(measure) < (low if low is not None else -1e308)) | (pl.col(measure) > (high if high is not None else 1e308))
        kept = speech.filter(pl.col("fate") == "kept", outside)
        yield from some("SC530", "segments.parquet", f"kept outside {rule}", kept["segment"])
        dropped = speech.filter(pl.col("rule") == rule, ~outside.fill_null(False))
        yield from some("SC530", "segments.parquet", f"dropped by {rule} and inside of it", dropped["segment"])


def personal(build: Build) -> Iterator[Problem]:
    """Where the scenario leaves personal data out, no transcript that is kept holds an e-mail address: the rule that is proved again of five."""
    if build.scenario.privacy.pii == "drop":
        held = build.cuts.filter(pl.col("text").str.contains(r"[\w.+-]@[\w-]+\.\w").fill_null(False))
        yield from some("SC530", "cuts.*.jsonl", "kept with personal data, which `privacy.pii` leaves out", held["id"])


def repeats(build: Build) -> Iterator[Problem]:
    """What is dropped as a duplicate repeats something of its role that was not dropped for its own sake."""
    name, role = pl.col("source") + ":" + pl.col("input"), pl.when(pl.col("role").is_in(HEARD)).then(pl.lit("speech")).otherwise("role")
    stood = build.segments.filter((pl.col("fate") == "kept") | pl.col("rule").is_in(LATER)).select(value=name, role=role)
    dropped = build.segments.filter(pl.col("rule") == "duplicate").select("segment", "value", role=role)
    baseless = dropped.join(stood, on=["value", "role"], how="anti")
    yield from some("SC530", "segments.parquet", "dropped as duplicates of nothing that was kept", baseless["segment"])
