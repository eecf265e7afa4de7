"""Judge a build against its scenario: one finding a clause, and what else a person should know before training on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from speccraft.report.match import Match, environment_match, wilson
from speccraft.report.numerals import number, percent, plural
from speccraft.report.personal import told as told_personal
from speccraft.report.remedies import closer_match, more_hours, more_speakers, training_with_words
from speccraft.report.tables import SplitCertificate, Tables
from speccraft.report.waterfall import Flow, together
from speccraft.scenario.model import Scenario
from speccraft.scenario.source_base import HEARD

Severity = Literal["block", "warn", "note"]
SEVERITIES: tuple[Severity, ...] = ("block", "warn", "note")
UNMEASURED = {
    "environment.snr_db": "name noise sources under environment.noise",
    "environment.rt60_s": "name room sources under environment.rooms",
    "environment.level_dbfs": "listen to test cuts: no speech was found in them",
    "environment.channel": "listen to test cuts: they hold too little speech to find a bandwidth in",
}
"""What to do about an axis that nothing measured."""
MUCH_DROPPED = 0.2
FEW_SPEAKERS = 5
LEDGER_SLACK_S = 0.01


@dataclass(frozen=True)
class Finding:
    """One judgement about a build.

    Acceptance clauses carry numbers: `found` is None where nothing could be measured, and `low` and `high` are the 95 %
    interval of a share. `margin` is found minus wanted; negative is what is missing.
    """

    code: str
    severity: Severity
    clause: str
    message: str
    fix: str = ""
    unit: str = ""
    wanted: float | None = None
    found: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None

    @property
    def margin(self) -> float | None:
        """What is to spare, or missing where negative."""
        return None if self.wanted is None or self.found is None else round(self.found - self.wanted, 9)

    def as_row(self) -> dict[str, Any]:
        """The finding as it stands in `report.json`."""
        return {**self.__dict__, "margin": self.margin}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Finding:
        """The inverse of `as_row`."""
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Verdict:
    """PASS unless a finding blocks."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether no finding blocks."""
        return all(finding.severity != "block" for finding in self.findings)

    @property
    def word(self) -> Literal["PASS", "BLOCK"]:
        """The verdict as it is printed."""
        return "PASS" if self.passed else "BLOCK"

    @property
    def clauses(self) -> tuple[Finding, ...]:
        """Findings about acceptance clauses, met or missed."""
        return tuple(finding for finding in self.findings if finding.wanted is not None)


def judge(scenario: Scenario, tables: Tables, flows: Sequence[Flow]) -> Verdict:
    """Every finding about a build, blocking ones first."""
    speech = together(flows, HEARD)
    findings = [
        *_nothing_kept(tables),
        *_hours(scenario, tables, speech),
        *_speakers(scenario, tables),
        *_environment(scenario, tables.measures),
        *_unequal_sums(tables.ledger),
        *_shared_between_splits(scenario, tables.certificate),
        *_stopgaps(scenario, tables),
        *_thin_splits(scenario, tables.measures),
        *_lost_rows(tables.ledger),
        *_heavy_rules(speech, tables.speech_segments),
        *_blind_rules(scenario, tables.speech_segments),
        *_personal_data(scenario, tables),
    ]
    return Verdict(tuple(sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.code, finding.clause))))


def _nothing_kept(tables: Tables) -> Iterator[Finding]:
    if tables.measures.is_empty() and not tables.ledger.filter(pl.col("role").is_in(HEARD), pl.col("fate") == "kept").height:
        yield Finding("SC420", "block", "build", "nothing was kept: the build holds no cut", fix="the waterfall names the step that took everything")


def _hours(scenario: Scenario, tables: Tables, speech: Flow) -> Iterator[Finding]:
    train = training_with_words(scenario, tables.measures)
    for stage, wanted in scenario.acceptance.data.hours.items():
        found = round(math.fsum(train.filter(pl.col("stages").list.contains(stage))["seconds"]) / 3600, 6)
        met = found >= wanted
        yield Finding(
            "SC401",
            "note" if met else "block",
            f"acceptance.data.hours.{stage}",
            f"training speech for {stage}: {number(found)} h, at least {number(wanted)} h wanted",
            fix="" if met else more_hours(scenario, tables, speech, stage, wanted - found),
            unit="h",
            wanted=wanted,
            found=found,
        )


def _speakers(scenario: Scenario, tables: Tables) -> Iterator[Finding]:
    wanted = scenario.acceptance.data.speakers
    if wanted is None:
        return
    found = training_with_words(scenario, tables.measures)["speaker"].drop_nulls().n_unique()
    yield Finding(
        "SC402",
        "note" if found >= wanted else "block",
        "acceptance.data.speakers",
        f"speakers in training: {found}, at least {wanted} wanted",
        fix="" if found >= wanted else more_speakers(scenario, tables, wanted - found),
        wanted=wanted,
        found=found,
    )


def _environment(scenario: Scenario, measures: pl.DataFrame) -> Iterator[Finding]:
    match = environment_match(scenario.environment, measures)
    for axis in match.unmeasured:
        yield Finding(
            "SC416",
            # a place that was promised and is not there; without test cuts another finding says what is missing
            "block" if measures.filter(pl.col("split") == "test").height else "warn",
            axis,
            f"{axis} is declared and could not be measured on any in-place test cut",
            fix=UNMEASURED[axis],
        )
    wanted = scenario.acceptance.data.environment_match
    if wanted is not None:
        yield _environment_clause(wanted, match, scenario, measures)


def _environment_clause(wanted: float, match: Match, scenario: Scenario, measures: pl.DataFrame) -> Finding:
    clause = "acceptance.data.environment_match"
    if not match.n or not match.measured:
        message = "there is no in-place test cut to measure" if match.measured else "no band is declared to compare with"
        fix = "give the test split cuts and the environment noise or rooms" if match.measured else "declare environment.snr_db or environment.rt60_s"
        return Finding("SC403", "block", clause, f"not measured: {message}", fix=fix, unit="share", wanted=wanted)
    share = match.inside / match.n
    low, high = wilson(match.inside, match.n)
    met = share >= wanted and not match.unmeasured
    message = f"{match.inside} of {match.n} in-place test cuts lie in the declared bands"
    if match.unmeasured:
        message += f"; not measured: {', '.join(match.unmeasured)}"
    elif met and low < wanted:
        message += "; the interval reaches below what is wanted, a larger test split would settle it"
    fix = "" if met else closer_match(scenario.environment, measures, wanted)
    return Finding(
        "SC403",
        "note" if met else "block",
        clause,
        message,
        fix=fix,
        unit="share",
        wanted=wanted,
        found=None if match.unmeasured else round(share, 6),
        low=None if match.unmeasured else round(low, 6),
        high=None if match.unmeasured else round(high, 6),
        n=match.n,
    )


def _unequal_sums(ledger: pl.DataFrame) -> Iterator[Finding]:
    parts = pl.sum_horizontal(pl.col("seconds_kept", "seconds_dropped", "seconds_unvoiced"))
    wrong = ledger.filter((pl.col("seconds") - parts).abs() > LEDGER_SLACK_S).height
    if wrong:
        yield Finding(
            "SC419",
            "block",
            "ledger",
            f"the seconds of {wrong} ledger rows are not the sum of kept, dropped and unvoiced",
            fix="this is a defect of speccraft: please report it",
        )


def _stopgaps(scenario: Scenario, tables: Tables) -> Iterator[Finding]:
    """Rooms that nobody recorded, standing in for a source that has too few."""
    for source in scenario.environment.rooms:
        rooms = [item for item in tables.banks if item.source == source]
        simulated = sum(item.simulated for item in rooms)
        if simulated:
            message = f"source {source}: {simulated} of {len(rooms)} rooms are simulated, because too few are usable"
            yield Finding("SC421", "warn", "environment.rooms", message, fix="give the source three rooms or more inside environment.rt60_s")


def _shared_between_splits(scenario: Scenario, certificate: SplitCertificate) -> Iterator[Finding]:
    for axis, evidence in certificate.axes.items():
        if not evidence.n_shared:
            continue
        message = f"{plural(evidence.n_shared, 'value')} of the axis {axis} in more than one split"
        if axis in scenario.splits.disjoint:
            fix = "test scores would not tell how the model does on new data: this is a defect of speccraft, please report it"
            yield Finding("SC417", "block", f"splits.disjoint.{axis}", message, fix=fix)
        else:
            fix = f"the scenario does not ask for more; name {axis} under splits.disjoint to keep it apart"
            yield Finding("SC417", "note", f"splits.disjoint.{axis}", message, fix=fix)
    for role, banks in certificate.banks.items():
        if shared := shared_items(banks):
            message = f"{plural(len(shared), f'{role} item')} in more than one split: {_some(shared)}"
            yield Finding("SC417", "block", f"banks.{role}", message, fix="give the environment more noise clips or rooms")


def shared_items(banks: Mapping[str, Sequence[str]]) -> list[str]:
    """Bank items that serve more than one split."""
    uses = [item for items in banks.values() for item in set(items)]
    return sorted({item for item in uses if uses.count(item) > 1})


def _thin_splits(scenario: Scenario, measures: pl.DataFrame) -> Iterator[Finding]:
    splits = scenario.splits
    asked = {"train": True, "dev": splits.dev > 0, "test": splits.test > 0 or bool(splits.given) or bool(splits.unseen)}
    for split in (split for split, wanted in asked.items() if wanted):
        if measures.is_empty() or measures.filter(pl.col("split") == split).height:
            continue
        fix = "add speakers or sessions, or name an official split under splits.given"
        yield Finding("SC414", "warn", f"splits.{split}", f"the {split} split is empty", fix=fix)
    test = measures.filter(pl.col("split") == "test")
    speakers = test["speaker"].drop_nulls().n_unique()
    if test.height and speakers < FEW_SPEAKERS:
        message = f"the test split holds {plural(speakers, 'speaker')}: scores will tell little about new voices"
        yield Finding("SC415", "warn", "splits.test", message, fix=f"{FEW_SPEAKERS} or more speakers make intervals over speakers meaningful")


def _lost_rows(ledger: pl.DataFrame) -> Iterator[Finding]:
    outside = ledger.filter(pl.col("fate") == "dropped", pl.col("rule").str.starts_with("environment."))
    for source, rule in outside.select("source", "rule").unique().sort("source", "rule").iter_rows():
        rows = outside.filter(pl.col("source") == source, pl.col("rule") == rule)
        values = rows["value"].drop_nulls().unique().sort().to_list()
        limits = rows["limit"].drop_nulls().unique().sort().to_list()
        band, found = (f" ({_some(limits)})" if limits else ""), (f": {_some(values)}" if values else "")
        message = f"source {source}: {plural(rows.height, 'row')} outside {rule}{band}{found}"
        yield Finding("SC410", "warn", rule, message, fix="left out; widen the band only if the place is really like that")
    for code, fate, fix in (
        ("SC411", "failed", "the section on the waterfall names rows and reasons; repair or remove the files"),
        ("SC412", "refused", "the section on the waterfall names reasons; state a licence that permits the declared use, or leave the rows out"),
    ):
        for source, rows in ledger.filter(pl.col("fate") == fate).group_by("source").len().sort("source").iter_rows():
            yield Finding(code, "warn", f"sources.{source}", f"source {source}: {plural(rows, 'input row')} {fate}", fix=fix)


def _heavy_rules(speech: Flow, segments: pl.DataFrame) -> Iterator[Finding]:
    judged_rows = speech.rows("dropped") + speech.rows("kept")
    shares = {step.rule or "": step.rows / judged_rows for step in speech.dropped if judged_rows}
    for rule, count in segments.filter(pl.col("fate") == "dropped").group_by("rule").len().sort("rule").iter_rows():
        shares[rule or ""] = max(shares.get(rule or "", 0.0), count / segments.height)
    for rule, share in sorted(shares.items()):
        if share > MUCH_DROPPED:
            message = f"the rule {rule} dropped {percent(share)} of what it judged"
            look = "its distribution below" if rule.startswith("quality.") else "the rows that did not come through, below"
            yield Finding("SC413", "warn", rule, message, fix=f"look at {look}: is the scenario wrong, or the source?")


def _blind_rules(scenario: Scenario, segments: pl.DataFrame) -> Iterator[Finding]:
    for measure in scenario.quality.rules():
        unknown = segments.height - segments.filter(pl.col(measure).is_finite()).height
        if unknown:
            message = f"the rule quality.{measure} could not judge {unknown} of {plural(segments.height, 'segment')} and dropped none of them"
            yield Finding("SC418", "warn", f"quality.{measure}", message, fix="listen to some of them before relying on the rule")


def _personal_data(scenario: Scenario, tables: Tables) -> Iterator[Finding]:
    told = told_personal(scenario, tables.personal, tables.ledger)
    if told["cuts"] or told["dialogues"]:
        rules = ", ".join(f"{name} in {count}" for name, count in told["rules"].items() if count)
        message = f"{plural(told['cuts'], 'transcript')} and {plural(told['dialogues'], 'dialogue')} hold personal data: {rules}"
        fix = "take them out of the source, or leave them out with `pii: drop`: a model can repeat what it was trained on"
        yield Finding("SC422", "warn", "privacy.pii", message, fix=fix)
    if told["rows_dropped"]:
        rules = ", ".join(f"{name} in {count}" for name, count in told["rules_dropped"].items() if count)
        message = f"{plural(told['rows_dropped'], 'row')} left out, because what is written holds personal data: {rules}"
        yield Finding("SC422", "note", "privacy.pii", message)


def _some(items: Iterable[str], most: int = 3) -> str:
    items = list(items)
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
