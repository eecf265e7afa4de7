"""Compare two builds: what their scenarios say, the verdicts, hours and people, how measures moved, and which cuts and inputs met another fate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from speccraft import store
from speccraft.report.aliases import Aliases, aliases_of, joined
from speccraft.report.diff_cuts import cut_changes, input_changes
from speccraft.report.diff_measures import measure_shifts
from speccraft.report.diff_page import render_diff
from speccraft.report.groups import SMALLEST_GROUP
from speccraft.report.numerals import plural
from speccraft.report.scenario_diff import scenario_changes
from speccraft.report.sides import Judged, Side, side_of
from speccraft.report.sums import exact_sum, total_of
from speccraft.report.visible import all_visible, shortened
from speccraft.report.waterfall import ORDER
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.voice import LicensedVoice

MOST_CHANGES, MOST_ROWS, MOST_SPEAKERS = 200, 120, 40
LONGEST_VALUE, LONGEST_NAME = 300, 120
STEPS = 4
Progress = Callable[[str, int, int], None]


def compare(before: store.Artefact, after: store.Artefact, on_progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Everything that differs between two builds, as one JSON object of bounded size; all text in it is visible text, and people go by what they may be called.

    Raises:
        UnreadableInput: another version of speccraft made one of them, and this one cannot read it.
        BrokenIntegrity: a file of one is not what its commit record says.
    """
    first, second = side_of(before), side_of(after)
    on_progress("compare", 1, STEPS)
    called = _called(first, second)
    cuts, inputs = cut_changes(first, second, called), input_changes(first, second, called)
    on_progress("compare", 2, STEPS)
    changes = scenario_changes(first.scenario, second.scenario)
    content = {
        "diff": 1,
        "before": _identity(first),
        "after": _identity(second),
        "notes": list(_notes(first, second, cuts, bool(changes))),
        "scenario": [{**asdict(change), **_values(change.before, change.after, called)} for change in changes[:MOST_CHANGES]],
        "more_changes": len(changes[MOST_CHANGES:]),
        "clauses": _clauses(first, second, called),
        "findings": _findings(first, second, called),
        "splits": _shares("split", first, second, order=SPLITS),
        "sources": _shares("source", first, second)[:MOST_ROWS],
        "fates": _fates(first, second),
        "speakers": _speakers(first, second, called),
        "pseudonyms": called.private,
    }
    on_progress("compare", 3, STEPS)
    content |= {"measures": measure_shifts(first, second), "cuts": cuts, "inputs": inputs}
    on_progress("compare", STEPS, STEPS)
    visible: dict[str, Any] = all_visible(content)
    return visible


def write_comparison(workspace: Path, before: store.Artefact, after: store.Artefact, content: Mapping[str, Any]) -> store.Artefact:
    """Commit a comparison of two builds with its page, as an artefact beside them: a committed build is never written again."""
    home = workspace / store.KINDS["comparison"].folder / after.record.name
    with store.scratch_folder(home) as scratch:
        store.write_bytes(scratch / page_name(before, after), render_diff(content).encode())
        store.write_bytes(scratch / "diff.json", store.canonical_json(content))
        return store.commit(scratch, home, kind="comparison", name=after.record.name, derives_from=[before.as_parent, after.as_parent])


def page_name(before: store.Artefact, after: store.Artefact) -> str:
    """What the page of a comparison is called."""
    return f"diff-{before.record.id}-{after.record.id}.html"


def _called(before: Side, after: Side) -> Aliases:
    private = before.scenario.privacy.pseudonyms or after.scenario.privacy.pseudonyms
    return joined(*(aliases_of(side.build, side.scenario, _people(side), private=private) for side in (before, after)))


def _people(side: Side) -> list[str]:
    """Everybody whose name could be shown: in the cuts, or in the scenario alone."""
    voice = side.scenario.voice
    named = {voice.speaker} if isinstance(voice, LicensedVoice) else set()
    return sorted({*side.cuts["speaker"].drop_nulls().unique(), *side.scenario.splits.unseen.get("speaker", ()), *named})


def _identity(side: Side) -> dict[str, Any]:
    record = side.build.record
    return {
        "name": record.name,
        "id": record.id,
        "sha256": side.build.digest,
        "version": record.version,
        "as_of": side.info["as_of"],
        "verdict": side.verdict,
        "scenario_sha256": side.info["scenario"]["digest"],
        "cuts": side.cuts.height,
        "seconds": round(total_of(side.cuts["seconds"]), 3),
        "speakers": side.cuts["speaker"].drop_nulls().n_unique(),
        "inputs": side.inputs.height,
    }


def _notes(before: Side, after: Side, cuts: Mapping[str, Any], has_changes: bool) -> Iterator[str]:
    """What a reader has to know before any number below."""
    old, new = before.build.record, after.build.record
    if before.build.digest == after.build.digest:
        yield "both are the same build"
    if old.name != new.name:
        yield f"the builds are of different scenarios, '{old.name}' and '{new.name}'"
    if old.version != new.version:
        yield f"different versions of speccraft made them, {old.version} and {new.version}: a difference may come from that"
    tools = {**before.info["tools"], **after.info["tools"]}
    other = [f"{name} {_or_none(before, name)} and {_or_none(after, name)}" for name in sorted(tools) if _or_none(before, name) != _or_none(after, name)]
    if other:
        yield f"they were made with different tools: {', '.join(other)}"
    if before.info["as_of"] != after.info["as_of"]:
        yield f"rights were judged on different days, {before.info['as_of']} and {after.info['as_of']}"
    if before.info["scenario"]["digest"] != after.info["scenario"]["digest"] and not has_changes:
        yield "the texts of the scenarios differ, and what they say does not"
    if before.cuts.height and after.cuts.height and not cuts["stayed"]:
        yield "no cut is in both: ids are made of source, path, samples and times, so that another sampling rate, or another id of a source, makes other cuts"
    for row in cuts["moved"]:
        if (row["before"], row["after"]) == ("test", "train"):
            yield f"{plural(row['cuts'], 'cut')} moved from test to train: a model of the later build has heard a part of the earlier test split"


def _or_none(side: Side, tool: str) -> str:
    return str(side.info["tools"].get(tool, "none"))


def _values(before: str | None, after: str | None, called: Aliases) -> dict[str, str | None]:
    shown = {"before": before, "after": after}
    return {side: value and shortened(called.in_text(value), LONGEST_VALUE) for side, value in shown.items()}


def _clauses(before: Side, after: Side, called: Aliases) -> list[dict[str, Any]]:
    """Every clause of acceptance that either scenario declares, wanted and found."""
    old, new = (_by_clause(side) for side in (before, after))
    return [
        {
            "clause": clause,
            "unit": (new.get(clause) or old[clause]).unit,
            "before": _judged(old.get(clause)),
            "after": _judged(new.get(clause)),
            "message": shortened(called.in_text((new.get(clause) or old[clause]).message)),
        }
        for clause in sorted({*old, *new})
    ]


def _by_clause(side: Side) -> dict[str, Judged]:
    return {finding.clause: finding for finding in side.findings if finding.wanted is not None}


def _judged(finding: Judged | None) -> dict[str, Any] | None:
    return None if finding is None else {"wanted": finding.wanted, "found": finding.found, "met": finding.severity != "block"}


def _findings(before: Side, after: Side, called: Aliases) -> list[dict[str, Any]]:
    """Findings beside the clauses that only one of the builds has; one that is worded with another number is gone and come."""
    old, new = ({(one.code, one.clause, one.message): one for one in side.findings if one.wanted is None} for side in (before, after))
    rows = [("gone", one) for key, one in old.items() if key not in new] + [("new", one) for key, one in new.items() if key not in old]
    shown = [{"change": change, "code": one.code, "severity": one.severity, "message": shortened(called.in_text(one.message))} for change, one in rows]
    return sorted(shown, key=lambda row: (row["code"], row["message"], row["change"]))[:MOST_ROWS]


def _shares(column: str, before: Side, after: Side, order: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Cuts, seconds and speakers of each value of a column, in both builds; in a given order, or by name."""
    old, new = ({row.pop("name"): row for row in _grouped(side, column).to_dicts()} for side in (before, after))
    return [{"name": name, "before": old.get(name), "after": new.get(name)} for name in order or sorted({*old, *new})]


def _grouped(side: Side, column: str) -> pl.DataFrame:
    totals = {"cuts": pl.len().cast(pl.Int64), "seconds": exact_sum(pl.col("seconds")).round(3), "speakers": pl.col("speaker").drop_nulls().n_unique()}
    return side.cuts.group_by(name=column).agg(**totals)


def _fates(before: Side, after: Side) -> list[dict[str, Any]]:
    """Rows and seconds of every source by fate and rule: the two waterfalls side by side."""
    old, new = ({(flow.role, flow.source, step.kind, step.rule): step for flow in side.flows for step in flow.steps} for side in (before, after))
    keys = sorted({*old, *new}, key=lambda key: (key[0] != "speech", key[0], key[1], ORDER.index(key[2]), key[3] or ""))
    rows = [
        {
            "source": source,
            "role": role,
            "fate": kind,
            "rule": rule,
            **{side: {"rows": steps[key].rows, "seconds": round(steps[key].seconds, 3)} if key in steps else None for side, steps in sides},
        }
        for key in keys
        for (role, source, kind, rule), sides in [(key, (("before", old), ("after", new)))]
    ]
    differing = [row for row in rows if row["before"] != row["after"]]
    return differing[:MOST_ROWS]


def _speakers(before: Side, after: Side, called: Aliases) -> dict[str, Any]:
    """Who came, who left, and whose share changed; people with fewer than 5 cuts in both builds stand together, so that nobody is singled out."""
    old, new = (_grouped(side, "speaker").drop("speakers") for side in (before, after))
    table = old.join(new, on="name", how="full", coalesce=True, suffix="_after", nulls_equal=True).with_columns(
        way=pl.when(pl.col("cuts").is_null()).then(pl.lit("came")).when(pl.col("cuts_after").is_null()).then(pl.lit("left")).otherwise(pl.lit("stayed"))
    )
    counts = dict(table.filter(pl.col("name").is_not_null())["way"].value_counts().iter_rows())
    changed = table.filter(~(pl.col("cuts").eq_missing(pl.col("cuts_after")) & pl.col("seconds").eq_missing(pl.col("seconds_after"))))
    large = pl.max_horizontal("cuts", "cuts_after") >= SMALLEST_GROUP
    rows = [
        {
            "name": shortened(called.of(row["name"]), LONGEST_NAME),
            "way": row["way"],
            "before": _shown(row["cuts"], row["seconds"]),
            "after": _shown(row["cuts_after"], row["seconds_after"]),
        }
        for row in changed.filter(large).sort(_change(), "name", descending=[True, False], nulls_last=True).iter_rows(named=True)
    ]
    return {
        "came": counts.get("came", 0),
        "left": counts.get("left", 0),
        "stayed": counts.get("stayed", 0),
        "rows": rows[:MOST_SPEAKERS],
        "more": len(rows[MOST_SPEAKERS:]),
        "small": changed.filter(~large).height,
    }


def _change() -> pl.Expr:
    return (pl.col("seconds_after").fill_null(0.0) - pl.col("seconds").fill_null(0.0)).abs().round(3)


def _shown(cuts: int | None, seconds: float | None) -> dict[str, Any] | None:
    """What is told of one person: not how little there is."""
    if cuts is None:
        return None
    return {"cuts": cuts, "seconds": seconds} if cuts >= SMALLEST_GROUP else {"cuts": None, "seconds": None}
