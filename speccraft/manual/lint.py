"""Hold demonstrations against the manual: do they parse, enter, keep its rules and show all of them, without leaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from speccraft.evaluation.manual import NOT, Outcome, check, check_format, check_near_miss, triggered, triggers
from speccraft.ingest.conversations import GIVEN
from speccraft.plan import plan_of
from speccraft.scenario import LoadedScenario
from speccraft.scenario.contracts import SPLITS, Split
from speccraft.scenario.diagnostics import Diagnostic, Severity, in_order
from speccraft.scenario.document import Document, Where
from speccraft.scenario.manual import Manual, ManualRule
from speccraft.scenario.text import read_document

from .alike import alike
from .contradict import contradictions
from .gather import Line, lines_of


@dataclass(frozen=True)
class Coverage:
    """How often a rule is shown: demonstrations by split, with the user heard or written, in which condition, and where it does not hold.

    `clean` and `place` are None without a build.
    """

    rule: str
    must: str
    splits: dict[Split, int]
    voice: int
    text: int
    clean: int | None
    place: int | None
    near_misses: int


@dataclass(frozen=True)
class Linted:
    """What was found, in order of the files, how the rules are covered, and how many demonstrations there are."""

    findings: tuple[Diagnostic, ...]
    coverage: tuple[Coverage, ...]
    demonstrations: int

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing but notes."""
        return all(one.severity == "note" for one in self.findings)


def lint(loaded: LoadedScenario, *, data: Path | None = None, build: Path | None = None, as_of: str | None = None) -> Linted:
    """Judge the demonstrations of a scenario's sources, and its manual itself.

    Args:
        build: folder of a committed build; with it the splits and conditions are those of the build, and every demonstration has to be in it.

    Raises:
        UnreadableInput: a source cannot be read.
    """
    plan = plan_of(loaded, data=data, as_of=as_of)
    lines = lines_of(loaded, plan, data=data, build=build)
    manual, document = loaded.scenario.manual, read_document(loaded.path)
    table = tuple(_covered(rule, lines, build is not None) for rule in manual.rules)
    found = [*_about_lines(lines, manual), *_about_pairs(lines, manual), *_about_rules(loaded, document), *_gaps(loaded, document, table)]
    return Linted(in_order(found), table, len(lines))


def _about_lines(lines: Sequence[Line], manual: Manual) -> Iterator[Diagnostic]:
    for line in lines:
        for problem in line.problems:
            yield _at(line, "SC431", problem)
        if line.dialogue is None:
            continue
        rule = manual.rule(line.shows)
        if rule is None:
            named = "names no rule" if line.shows == GIVEN else f"names the rule `{line.dialogue.shows}`, which the manual does not have"
            yield _at(line, "SC433", named, help=f"rules are {', '.join(one.id for one in manual.rules)}" if manual.rules else "the manual has no rules")
        yield from _about_answers(line, rule, manual)


def _about_answers(line: Line, named: ManualRule | None, manual: Manual) -> Iterator[Diagnostic]:
    heard = {part: text for part, text in line.heard.items() if text is not None}
    for number, (before, answer, question) in enumerate(line.turns):
        form = check_format(manual, answer)
        if form.passed is False:
            yield _broken(line, None, answer, form)
        rules = {rule.id: rule for rule in triggered(manual, before, heard)}
        if number == 0 and named is not None and line.is_near_miss:
            if question and triggers(named, manual, question):
                yield _at(line, "SC433", f"shows a near miss of `{named.id}`, and '{question:.60}' triggers it")
            yield from [_broken(line, named, answer, outcome)] if (outcome := check_near_miss(named, manual, answer)).passed is False else []
            rules.pop(named.id, None)
        elif number == 0 and named is not None:
            rules[named.id] = named
        for rule in rules.values():
            outcome = check(rule, manual, question or "", answer)
            if outcome.passed is False and not (rule.must == "format" and form.passed is False):
                yield _broken(line, rule, answer, outcome)


def _broken(line: Line, rule: ManualRule | None, answer: str, outcome: Outcome) -> Diagnostic:
    what = "the format of the manual" if rule is None else f"the rule `{NOT if line.is_near_miss and rule.id == line.shows else ''}{rule.id}`"
    severity: Severity = "warning" if rule is not None and rule.severity == "warn" else "error"
    return _at(line, "SC432", f"breaks {what}: '{answer:.80}' {outcome.why}", severity)


def _about_pairs(lines: Sequence[Line], manual: Manual) -> Iterator[Diagnostic]:
    for pair in alike(lines, manual):
        other = f"{Path(pair.first.file).name}:{pair.first.number}"
        yield _at(pair.second, pair.code, f"{pair.message} ({other})", pair.severity)


def _about_rules(loaded: LoadedScenario, document: Document) -> Iterator[Diagnostic]:
    for clash in contradictions(loaded.scenario):
        where: Where = ("manual", "rules", clash.number, "id")
        related = () if clash.other is None else ((document.shown(("manual", "rules", clash.other, "id")), "the other rule"),)
        yield document.diagnostic("SC437", clash.message, where, related=related)


def _covered(rule: ManualRule, lines: Sequence[Line], is_built: bool) -> Coverage:
    shown = [line for line in lines if line.shows == rule.id and not line.problems]
    cases = [line for line in shown if not line.is_near_miss]
    splits = {split: sum(line.split == split for line in cases) for split in SPLITS}
    heard = [line for line in cases if line.is_heard]
    clean, place = (sum(name in line.conditions for line in heard) if is_built else None for name in ("clean", "place"))
    return Coverage(rule.id, rule.must, splits, len(heard), len(cases) - len(heard), clean, place, len(shown) - len(cases))


def _gaps(loaded: LoadedScenario, document: Document, table: Sequence[Coverage]) -> Iterator[Diagnostic]:
    scenario = loaded.scenario
    for number, (rule, row) in enumerate(zip(scenario.manual.rules, table, strict=True)):
        where: Where = ("manual", "rules", number, "id")
        cases = row.voice + row.text
        is_general = rule.must == "format" and triggers(rule, scenario.manual, "anything at all")
        if check(rule, scenario.manual, "", "").passed is None:
            yield document.diagnostic(
                "SC436", "states no condition that a machine can check", where, severity="note", help="add a `pattern`, `use` or `one_of`"
            )
        if is_general:
            continue
        if not cases:
            yield document.diagnostic("SC436", "no demonstration shows the rule", where, help="add `examples` and run `speccraft manual compile`")
            continue
        missing = [
            (row.near_misses == 0, "no near miss of the rule is shown, so that it may be overdone"),
            (row.voice == 0 and "speech" in scenario.job.input, "the rule is never shown with the user heard"),
            (row.text == 0 and "text" in scenario.job.input, "the rule is never shown with the user writing"),
            (row.place == 0 and row.voice > 0 and scenario.environment.does_something, "the rule is never heard in the place"),
            (row.clean == 0 and row.voice > 0, "the rule is only heard in the place, never clean"),
            (scenario.splits.test > 0 and any(row.splits.values()) and not row.splits["test"], "no demonstration of the rule is in test"),
        ]
        yield from (document.diagnostic("SC436", message, where, severity="warning") for is_missing, message in missing if is_missing)


def _at(line: Line, code: str, message: str, severity: Severity = "error", help: str = "") -> Diagnostic:
    return Diagnostic(code, severity, message, line.file, line.number, 1, line.number, 1, help=help)
