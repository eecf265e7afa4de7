"""Everything there is to say about a plan before it is carried out: what enters, what is missing, which recipe, what it costs, what to decide."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from speccraft.plan.estimate import Estimate, Work, estimate
from speccraft.plan.fates import Plan, conditions
from speccraft.plan.questions import Answer, questions
from speccraft.plan.recipe import RecipeChoice, recipe_for
from speccraft.plan.remarks import remarks
from speccraft.plan.supply import Supply, missing, supply


@dataclass(frozen=True)
class SourceOutlook:
    """What becomes of a source's rows: how many enter, and (fate, reason, rows) of the others, most rows first.

    `heard` and `read` are the dialogues that enter, with audio and in text alone.
    """

    id: str
    role: str
    format: str
    rows: int
    entering: int
    others: tuple[tuple[str, str, int], ...]
    heard: int = 0
    read: int = 0


@dataclass(frozen=True, repr=False)
class Outlook:
    """A plan, seen from all sides."""

    plan: Plan
    sources: tuple[SourceOutlook, ...]
    supply: Supply
    missing: tuple[str, ...]
    recipe: RecipeChoice
    estimate: Estimate
    questions: tuple[Answer, ...]
    free_bytes: int | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What would make the build fail or block, as far as it can be seen now."""
        disk = ""
        if self.free_bytes is not None and self.estimate.bytes > self.free_bytes:
            disk = f"the build takes about {self.estimate.bytes / 1e9:.1f} GB, and {self.free_bytes / 1e9:.1f} GB of disk are free"
        return (*filter(None, (self.supply.split_problem, disk)), *remarks(self.plan), *self.missing)

    def as_data(self) -> dict[str, Any]:
        """The outlook as plain data, for `--json`; the scenario itself is not repeated."""
        return {
            "as_of": self.plan.as_of,
            "admitted": len(self.plan.admitted),
            "turned_away": len(self.plan.turned_away),
            "conditions": list(conditions(self.plan.scenario)),
            "stopped_by": self.plan.stopped_by,
            "voice": None if self.plan.voice.consent is None else self.plan.voice.consent.model_dump(mode="json", by_alias=True),
            "consent_head": self.plan.papers.log.head,
            "waivers": self.plan.waiver_rows,
            "sources": [asdict(source) for source in self.sources],
            "supply": asdict(self.supply),
            "missing": list(self.missing),
            "recipe": asdict(self.recipe),
            "estimate": asdict(self.estimate) | {"build_s": self.estimate.build_s, "train_s": self.estimate.train_s, "bytes": self.estimate.bytes},
            "questions": [asdict(answer) for answer in self.questions],
        }

    def __repr__(self) -> str:
        from speccraft.plan.show import describe

        return describe(self)

    def _repr_html_(self) -> str:
        from speccraft.plan.show import as_html

        return as_html(self)


def outlook(plan: Plan, *, workers: int, scale: float = 1.0, training: tuple[Work, ...] = (), free_bytes: int | None = None) -> Outlook:
    """Look at a plan whose rows know their lengths; see `estimate` for the arguments. `free_bytes`: of the disk that builds go to, if known."""
    found = supply(plan)
    cost = estimate(plan, found, workers=workers, scale=scale, training=training)
    return Outlook(plan, _sources(plan), found, missing(plan, found), recipe_for(plan.scenario), cost, questions(plan, found, cost), free_bytes)


def _sources(plan: Plan) -> tuple[SourceOutlook, ...]:
    entering = Counter(item.source.id for item in plan.admitted)
    dialogues = {(item.source.id, item.row.dialogue.id): not item.row.is_text for item in plan.admitted if item.row.dialogue}
    kinds = Counter((source, heard) for (source, _), heard in dialogues.items())
    others: dict[str, Counter[tuple[str, str]]] = {source.id: Counter() for source in plan.scenario.sources}
    for item in plan.turned_away:
        others[item.source.id][item.fate, item.reason] += 1
    return tuple(
        SourceOutlook(
            id=source.id,
            role=source.role,
            format=source.format,
            rows=entering[source.id] + others[source.id].total(),
            entering=entering[source.id],
            others=tuple((fate, reason, count) for (fate, reason), count in others[source.id].most_common()),
            heard=kinds[source.id, True],
            read=kinds[source.id, False],
        )
        for source in plan.scenario.sources
    )
