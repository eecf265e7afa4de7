"""Prove a build again from its own tables and audio: counts, conservation, splits and rights, without the code that built it.

The byte check of `verify` comes first. What is read here agrees with the commit record, so whatever is found was wrong before it was
committed: a defect of the builder, or an edit by somebody who made the digests anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from speccraft.verify import Problem, Report, verify

from .audio import audio_problems
from .consents import consents, log_of
from .dialogues import dialogues
from .evidence import Build, Unreadable, read_build
from .people import people
from .rights import description, rights, statements
from .splits import banks, demonstrations, splits, strata, unseen, untranscribed
from .tables import conservation, counts, facts, limits, personal, repeats

__all__ = ["verify_deep"]

CHECKS: tuple[Callable[[Build], Iterator[Problem]], ...] = (
    counts, facts, people, conservation, limits, personal, repeats, splits, unseen, untranscribed, strata, demonstrations, dialogues, banks, rights, consents,
    statements, description,
)  # fmt: skip
PROVED_AXES = {"recording", "speaker", "session", "text", "audio"}
"""Axes that the tables state; of `audio`, decoded cuts are compared."""


def verify_deep(path: Path | str, *, sample: int | None = None) -> Report:
    """Check a folder byte for byte, then prove a build from what is in it.

    Args:
        sample: cuts of each tar whose audio is decoded, evenly spread; all of them when None.
    """
    report = verify(path)
    if report.exit_code:
        report.notes.append("the tables were not looked at: first the bytes have to be right")
        return report
    if report.kind != "build":
        report.notes.append(f"a {report.kind} has no tables: its bytes were checked, there is nothing to prove beyond them")
        return report
    try:
        build = read_build(report.folder)
        for one in CHECKS:
            report.problems += one(build)
        report.problems += audio_problems(build, sample)
    except Unreadable as error:
        report.add("SC521", *error.args)
        return report
    unproved = sorted(set(build.certificate["axes"]) - PROVED_AXES)
    if build.info.get("consent_head") and log_of(build) is None:
        report.notes.append("BUILD.json: the consent log does not lie beside this workspace; `speccraft consent verify SCENARIO` compares it with this build")
    report.notes += [f"splits.json: the tables hold no values of the axis {axis}, so what is certified about it was not proved again" for axis in unproved]
    return report
