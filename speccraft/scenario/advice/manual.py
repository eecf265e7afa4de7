"""Can the manual be read: its patterns, phrases, schemas, and the recordings that it answers."""

from __future__ import annotations

from collections.abc import Iterator

from speccraft.scenario.document import Where
from speccraft.scenario.json_schema import faults_in
from speccraft.scenario.manual import JsonFormat
from speccraft.scenario.model import Scenario
from speccraft.scenario.pattern import MAX_COST, BadPattern, cost, matcher
from speccraft.scenario.phrases import BadPhrase, phrase_of

from .remark import Remark, Written


def patterns(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Patterns of rules are regular expressions, and all of them together are compiled in a moment."""
    spent = 0.0
    for index, rule in enumerate(scenario.manual.rules):
        where: Where = ("manual", "rules", index, "pattern")
        if rule.pattern is None:
            continue
        spent += cost(rule.pattern)
        if spent > MAX_COST:
            help = "write [a-z] or [0-9] for classes of all alphabets, and fewer repetitions"
            yield Remark("SC227", f"the patterns up to here hold more than {MAX_COST:,} Unicode classes, with repetitions written out", where, help)
            return
        try:
            matcher(rule.pattern)
        except BadPattern as error:
            help = "put `\\` before a character that is meant as it is written; look-around and back-references are not known"
            yield Remark("SC227", f"is no regular expression: {error}", where, help)


def phrases(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Phrases can be read, and every slot in them has values."""
    manual = scenario.manual
    for where, text in _phrases(scenario):
        try:
            unknown = sorted(phrase_of(text).slots - {name for name, values in manual.slots.items() if values})
        except BadPhrase as error:
            yield Remark("SC233", f"is no phrase: {error}", where, "write `(this|that)`, `[optional]` and `{slot}`")
            continue
        if unknown:
            help = f"list its values: `slots: {{{unknown[0]}: [...]}}` under `manual:`"
            yield Remark("SC233", f"says `{{{unknown[0]}}}`, and `manual.slots` lists nothing under that name", where, help)


def schemas(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Every keyword of a schema is one that answers are held against."""
    manual = scenario.manual
    given: list[tuple[Where, object]] = [(("manual", "rules", index, "schema"), rule.schema_) for index, rule in enumerate(manual.rules) if rule.schema_]
    if isinstance(manual.format, JsonFormat):
        given.append((("manual", "format", "schema"), manual.format.schema_))
    for where, schema in given:
        for fault in faults_in(schema):
            yield Remark("SC233", fault, where, "leave it out, or say it with the keywords that are checked")


def orders(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Recordings that the manual answers are a table's, and held-out values are values."""
    tables = [source.id for source in scenario.sources_with("speech") if source.format == "table"]
    for index, one in enumerate(scenario.manual.making.recordings):
        if one.source not in tables:
            where: Where = ("manual", "making", "recordings", index, "source")
            yield Remark("SC233", f"`{one.source}` is no table of speech", where, f"tables are {', '.join(tables)}" if tables else "add a source that is one")
    for name, values in scenario.manual.making.held_out.items():
        known = scenario.manual.slots.get(name, ())
        if unknown := [value for value in values if value not in known]:
            yield Remark("SC233", f"`{unknown[0]}` is no value of the slot `{name}`", ("manual", "making", "held_out", name), "name values of `manual.slots`")


def _phrases(scenario: Scenario) -> Iterator[tuple[Where, str]]:
    manual = scenario.manual
    for intent, texts in manual.phrases.items():
        yield from ((("manual", "phrases", intent, index), text) for index, text in enumerate(texts))
    for number, rule in enumerate(manual.rules):
        here: Where = ("manual", "rules", number)
        yield from (((*here, "examples", index), text) for index, text in enumerate(rule.examples))
        yield from (((*here, "near_misses", index, "user"), near.user) for index, near in enumerate(rule.near_misses))
