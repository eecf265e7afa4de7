"""Plans made from rows alone: a scenario in a few words, and as many recordings as a test asks for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from corpus import SCENARIO

from speccraft.ingest.rows import Row
from speccraft.plan import Plan, plan
from speccraft.scenario import Scenario

AS_OF = "2026-01-01"


JOB = SCENARIO["job"] | {"longest_utterance_s": 1e6}
"""The job of the corpus, for recordings of any length: here they are as long as a test's arithmetic likes."""


def scenario_with(**changes: Any) -> Scenario:
    return Scenario.model_validate_json(json.dumps(SCENARIO | {"job": JOB} | changes))


def speech(speakers: int, minutes_each: float, takes: int = 10, **more: Any) -> tuple[Row, ...]:
    """Recordings of made-up speakers, equally long."""
    seconds = 60 * minutes_each / takes
    return tuple(
        Row(f"s{speaker}/{take}", text=f"text {take}", speaker=f"s{speaker}", seconds=seconds, length_from="table", **more)
        for speaker in range(speakers)
        for take in range(takes)
    )


def plan_with(rows: Sequence[Row], **changes: Any) -> Plan:
    """The plan of a scenario whose only speech source has these rows."""
    wanted = scenario_with(**changes)
    return plan(wanted, {source.id: tuple(rows) if source.id == "words" else () for source in wanted.sources}, as_of=AS_OF)
