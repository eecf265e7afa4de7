"""Judge a run against `acceptance.model`: every clause with target, measured value, interval and verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from speccraft.evaluation.wer import FEWEST_SPEAKERS
from speccraft.scenario.acceptance import ModelAcceptance
from speccraft.scenario.base import Words
from speccraft.scenario.contracts import Score

FEWEST_CUTS = 20
"""With fewer test cuts a clause is not proven, whatever was measured."""

_FIXES = {
    "wer.clean": "train longer or on more speech like the test cuts; read the worst transcripts below for wrong references",
    "wer.environment": "add noise and room sources of the place, lower environment.clean_fraction, or train longer",
    "wer.unseen": "add training speech of more speakers, unlike each other",
    "real_time_factor": "use a smaller model, shorter answers or faster hardware",
}
_NOT_MEASURED = {
    "wer.clean": ("no answer to a transcribed test cut", "give splits.test a share or name official splits, and evaluate the condition clean"),
    "wer.environment": ("no test cut was heard in the place", "declare environment.snr_db with noise, or rooms, or a channel, and build again"),
    "wer.unseen": ("no test cut belongs to the group unseen", "name a speaker in splits.unseen and build again"),
    "real_time_factor": ("no answer to a clean test cut", "evaluate the condition clean"),
    "manual": ("this version does not measure compliance with the manual", "leave the clause out, or judge it by hand"),
}


class Clause(Words):
    """One thing that was asked of the run, and what was found."""

    clause: str
    """`wer.clean`, `real_time_factor` ...: its name under `acceptance.model`."""
    condition: str | None
    """Condition it is measured in."""
    group: str | None
    """Group of cuts it is measured on."""
    target: float
    """What was asked: at most this, for a share at least this."""
    measured: float | None = None
    """What was found."""
    low: float | None = None
    """Lower end of the 95 % interval."""
    high: float | None = None
    """Upper end of the 95 % interval."""
    n: int = 0
    """Test cuts it rests on."""
    verdict: Literal["pass", "block", "not proven"]
    """`pass` only when the whole interval meets the target."""
    reason: str
    """Why."""
    fix: str = ""
    """What to try."""


class Verdict(Words):
    """The judgement of a run: PASS only when every clause passes."""

    verdict: Literal["PASS", "BLOCK"]
    """The whole."""
    clauses: tuple[Clause, ...]
    """Clause by clause."""
    notes: tuple[str, ...] = ()
    """What a reader should know and no clause asks."""

    @property
    def passed(self) -> bool:
        """Whether the run does what was asked."""
        return self.verdict == "PASS"


def judge(asked: ModelAcceptance, rows: Sequence[Score], sizes: Mapping[str, int], notes: Sequence[str] = ()) -> Verdict:
    """Judge scores against what was asked.

    Args:
        sizes: how many test cuts each group has; a score that rests on fewer proves nothing.
        notes: what else the reader should know.
    """
    clauses = tuple(_clauses(asked, rows, sizes))
    speakers = sum(group.startswith("speaker=") for group in sizes)
    said = list(notes)
    if not clauses:
        said.append("nothing was asked: acceptance.model has no clauses, so PASS says nothing about the model")
    if speakers < FEWEST_SPEAKERS:
        said.append(f"speakers: not proven ({speakers} in the test cuts; under {FEWEST_SPEAKERS} the intervals are over recordings)")
    return Verdict(verdict="PASS" if all(clause.verdict == "pass" for clause in clauses) else "BLOCK", clauses=clauses, notes=tuple(said))


def _clauses(asked: ModelAcceptance, rows: Sequence[Score], sizes: Mapping[str, int]) -> Iterator[Clause]:
    known = "seen" if "seen" in sizes else "all"
    where = {"clean": ("clean", known), "environment": ("place", known), "unseen": ("clean", "unseen")}
    for name, target in sorted(asked.wer.items()):
        condition, group = where[name]
        yield _judged(f"wer.{name}", target, _find(rows, "wer", condition, group), condition, group, sizes.get(group, 0))
    if asked.real_time_factor is not None:
        score = _find(rows, "real_time_factor", "clean", "all")
        yield _judged("real_time_factor", asked.real_time_factor, score, "clean", "all", sizes.get("all", 0))
    if asked.manual is not None:
        yield _judged("manual", asked.manual, None, None, None, 0)


def _find(rows: Sequence[Score], metric: str, condition: str, group: str) -> Score | None:
    return next((row for row in rows if (row.metric, row.condition, row.group) == (metric, condition, group)), None)


def _judged(clause: str, target: float, score: Score | None, condition: str | None, group: str | None, size: int) -> Clause:
    if score is None:
        reason, fix = _NOT_MEASURED[clause]
        return Clause(clause=clause, condition=condition, group=group, target=target, verdict="not proven", reason=reason, fix=fix)
    high = score.value if score.high is None else score.high
    low = score.value if score.low is None else score.low
    verdict, reason, fix = _verdict(clause, target, score.value, (low, high), score.n, size)
    return Clause(
        clause=clause,
        condition=condition,
        group=group,
        target=target,
        measured=score.value,
        low=score.low,
        high=score.high,
        n=score.n,
        verdict=verdict,
        reason=reason,
        fix=fix,
    )


def _verdict(
    clause: str, target: float, value: float, interval: tuple[float, float], n: int, size: int
) -> tuple[Literal["pass", "block", "not proven"], str, str]:
    if n < size:
        return "not proven", f"only {n} of {size} test cuts were answered", "evaluate all test cuts"
    low, high = interval
    if n < FEWEST_CUTS and low > target:
        return "block", "the whole interval misses the target", _FIXES[clause]
    if n < FEWEST_CUTS:
        return "not proven", f"{n} test cuts are too few, {FEWEST_CUTS} are needed", "give splits.test a larger share or add recordings"
    if value > target:
        return "block", "the measured value misses the target", _FIXES[clause]
    if high > target:
        return "block", "the value meets the target but its interval does not", "test on more speakers and recordings, or make the model better"
    return "pass", "the whole interval meets the target", ""
