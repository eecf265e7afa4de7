"""A plan in words for a terminal, and as HTML for a notebook: both say the same, section by section."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Sequence

from speccraft.plan.fates import conditions
from speccraft.plan.outlook import Outlook, SourceOutlook
from speccraft.plan.supply import StageSupply, hours_words
from speccraft.rights.papers import Papers
from speccraft.rights.waivers import Waiver
from speccraft.scenario.acceptance import OwnLicence
from speccraft.scenario.consent import Consent
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.diagnostics import printable

WIDTH = 110
MOST_REASONS = 8
LENGTH_WORDS = {
    "table": "by their table",
    "header": "by their file headers",
    "text": "by the text to be spoken",
    "average": "taken to be as long as the others of their source",
    "missing": "not there",
    "unknown": "of unknown length, not counted",
}


def describe(seen: Outlook) -> str:
    """The outlook of a plan as text."""
    lines = [printable(title(seen))]
    for heading, entries in sections(seen):
        lines += ["", heading]
        for entry in map(printable, entries):
            indent = len(entry) - len(entry.lstrip()) + 2
            lines += textwrap.wrap(entry.lstrip(), WIDTH - indent, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))
    return "\n".join(lines)


def as_html(seen: Outlook) -> str:
    """The outlook of a plan as a fragment of HTML: inert, everything escaped."""
    parts = [f"<h3>{html.escape(title(seen))}</h3>"]
    for heading, entries in sections(seen):
        parts.append(f"<h4>{html.escape(heading)}</h4>{_nested(entries)}")
    return "\n".join(parts)


def _nested(entries: Sequence[str]) -> str:
    """Entries as a list; those that begin with spaces as a list within the entry above."""
    items: list[tuple[str, list[str]]] = []
    for entry in entries:
        if entry.startswith(" ") and items:
            items[-1][1].append(entry.strip())
        else:
            items.append((entry.strip(), []))
    return "<ul>" + "".join(f"<li>{html.escape(entry)}{_nested(below) if below else ''}</li>" for entry, below in items) + "</ul>"


def _training(seen: Outlook) -> Iterator[str]:
    scenario = seen.plan.scenario
    yield f"recipe {seen.recipe.name}: {seen.recipe.why}"
    yield f"stages: {', then '.join(scenario.training.stages)}"
    if scenario.preference is not None and "prefer" in scenario.training.stages:
        made = scenario.preference.automatic_pairs
        yield f"prefer: by {scenario.preference.method}, {made:.0%} of the pairs by automatic rules on the model's own answers"


def title(seen: Outlook) -> str:
    """The job in a line."""
    scenario = seen.plan.scenario
    return f"{scenario.name}: {scenario.job.task}, {'/'.join(scenario.job.languages)}, {scenario.environment.place or 'no place named'}"


def sections(seen: Outlook) -> Iterator[tuple[str, list[str]]]:
    """Headings with their entries; entries that belong to the one above begin with spaces."""
    if seen.plan.stopped_by:
        yield "STOPPED BY RIGHTS", [*(f"{what}: {reason}" for what, reason in seen.plan.stopped_by.items()), f"try: {seen.plan.way_out}"]
    yield "Sources", [line for source in seen.sources for line in _source(source)]
    yield "Speech for each stage, as the splits would fall", list(_supply(seen))
    if seen.warnings:
        yield "In the way of acceptance", list(seen.warnings)
    if seen.plan.voice.consent is not None:
        yield "Voice", [_voice(seen.plan.voice.consent)]
    if seen.plan.scenario.rights.licences:
        yield "Licences of our own", [_licence(one, seen.plan.papers) for one in seen.plan.scenario.rights.licences]
    if seen.plan.waivers:
        yield "Waived: used although the licence lacks something", [_waiver(*one) for one in seen.plan.waivers]
    yield "Training", list(_training(seen))
    yield "Time and disk, estimated", list(_costs(seen))
    yield "Three questions", [line for answer in seen.questions for line in (f"{answer.question} {answer.answer}.", f"  {answer.consequence}")]


def _voice(consent: Consent) -> str:
    until = f"to {consent.until}" if consent.until else "until it is withdrawn"
    where = f" in {', '.join(consent.territory)}" if consent.territory else ""
    return f"{consent.speaker}, under consent {consent.id}: {', '.join(consent.uses)}, from {consent.since} {until}{where}, on the terms of {consent.terms}"


def _licence(one: OwnLicence, papers: Papers) -> str:
    if one.id in papers.unread:
        return f"{one.id}: refused, for {papers.unread[one.id]}"
    left = f", leaves {', '.join(one.consent)} to whoever is heard" if one.consent else ""
    named = ", wants somebody to be named" if one.attribution else ""
    return f"{one.id}: permits {', '.join(one.permits)}{left}, {'also' if one.commercial else 'not'} in business{named}; {one.text}, read by {one.read_by}"


def _waiver(source: str, licence: str | None, rows: int, waiver: Waiver) -> str:
    under, said = f"`{licence}`" if licence else "no stated licence", waiver.said
    return f"{source}: {rows} rows under {under}, for {', '.join(said.uses)}: {said.reason}; decided by {said.decided_by} on {waiver.day}"


def seconds_words(seconds: float) -> str:
    """A time that is only roughly known."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min" if seconds < 90 * 60 else f"about {seconds / 3600:.1f} h"


def _source(source: SourceOutlook) -> Iterator[str]:
    yield f"{source.id} ({source.role}, {source.format}): {source.entering} of {source.rows} rows enter"
    if source.role in ("demonstrations", "preferences"):
        count = source.heard + source.read
        yield f"  {count} dialogue{'' if count == 1 else 's'}: {source.heard} with audio, {source.read} in text alone"
    for fate, reason, count in source.others[:MOST_REASONS]:
        yield f"  {count} {fate}: {reason}"
    if rest := source.others[MOST_REASONS:]:
        yield f"  {sum(count for _, _, count in rest)} more for {len(rest)} other reasons"


def _supply(seen: Outlook) -> Iterator[str]:
    found = seen.supply
    for stage in found.stages:
        yield _stage(stage)
    people = f"{found.training_speakers} known speaker{'' if found.training_speakers == 1 else 's'}"
    people += "" if found.wanted_speakers is None else f", {found.wanted_speakers} wanted"
    train, dev, test = (hours_words(found.hours[split]) for split in SPLITS)
    yield f"train {train} ({people}), dev {dev}, test {test}"
    counted = [f"{count} {LENGTH_WORDS[name]}" for name, count in found.lengths.items()]
    if found.untranscribed_hours:
        amount = hours_words(found.untranscribed_hours)
        yield f"without words, for pre-training alone: {amount}; no target counts them, and a recipe learns from them by `pretrain.masked_weight`"
    yield f"lengths of recordings: {', '.join(counted) or 'none'}; silence and quality rules take their part when the build runs"
    yield f"test conditions: {', '.join(conditions(seen.plan.scenario))}"


def _stage(stage: StageSupply) -> str:
    wanted = "" if stage.wanted_hours is None else f", {hours_words(stage.wanted_hours)} wanted"
    return f"{stage.stage}: {hours_words(stage.training_hours)} for training{wanted}, of {hours_words(stage.hours)} in {stage.rows} recordings"


def _costs(seen: Outlook) -> Iterator[str]:
    cost = seen.estimate
    scaled = "" if cost.scale == 1 else f", with your last build here in mind, which took {cost.scale:.2g} times its estimate"
    yield f"build: {seconds_words(cost.build_s)}, {max(1, round(cost.bytes / 1e6))} MB{scaled}"
    yield from (f"  {part.what}: {seconds_words(part.seconds)}; {part.made}" for part in cost.costs if part.seconds or part.bytes)
    if cost.training:
        yield f"training: {seconds_words(cost.train_s)}"
        yield from (f"  {part.what}: {seconds_words(part.seconds)}; {part.made}" for part in cost.training)
    else:
        yield "training: this recipe does not state how fast it trains"
