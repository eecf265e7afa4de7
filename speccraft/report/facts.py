"""What a report must be told about a build, because no table of the build says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from speccraft.scenario.model import Scenario


@dataclass(frozen=True)
class BuildFacts:
    """The declared side of a report: the scenario, the date it was judged at, and what the rights gate refused.

    `as_of` is the build's date (YYYY-MM-DD), never a clock; a refusal is (source, reason, rows), an attribution
    (source, licence, whom to name).
    """

    scenario: Scenario
    scenario_text: str
    name: str
    as_of: str
    refusals: tuple[tuple[str, str, int], ...]
    attributions: tuple[tuple[str, str, str], ...]
    version: str
    waivers: tuple[Mapping[str, Any], ...] = ()
    """What enters although its licence does not let it in: `source`, `licence`, `rows`, and `decided_by` whom, on which `day` and for which `reason`."""
    pseudonym_key: bytes = b""
    """What speakers' pseudonyms are made with, where the scenario wants any."""
