"""What the data and the model must show before anyone calls them done."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Fraction, Words
from .job import Stage

Target = Annotated[float, Field(ge=0)]
Use = Literal["train", "evaluate", "redistribute-data", "redistribute-model", "synthesise", "clone"]


class DataAcceptance(Words):
    """What a build must show."""

    hours: dict[Stage, Target] = {}
    """Hours of training speech per stage, at least."""
    speakers: Annotated[int, Field(ge=1)] | None = None
    """Distinct speakers in training, at least."""
    environment_match: Fraction | None = None
    """Share of in-place test cuts whose delivered SNR and T60 lie in the declared bands, at least."""


class ModelAcceptance(Words):
    """What a run must show."""

    wer: dict[Literal["clean", "environment", "unseen"], Target] = {}
    """Highest word error rate, as a fraction: on clean test cuts, on test cuts in the place, and on clean cuts of the group `unseen`."""
    manual: Fraction | None = None
    """Share of manual checks passed, at least."""
    real_time_factor: Annotated[float, Field(gt=0)] | None = None
    """Seconds of computation per second of audio, at most."""


class Acceptance(Words):
    """Targets for data and model; a missed one blocks."""

    data: DataAcceptance = DataAcceptance()
    """What the build must show."""
    model: ModelAcceptance = ModelAcceptance()
    """What the run must show."""


class Budget(Words):
    """What the team can spend."""

    annotation_hours: Annotated[float, Field(ge=0)] | None = None
    """Hours of people's time for annotation."""
    gpu_hours: Annotated[float, Field(ge=0)] | None = None
    """Hours of one GPU."""


class Training(Words):
    """Which recipe trains, and through which stages."""

    recipe: str = "tiny-cpu"
    """Name of a shipped recipe, or path of a recipe file."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = ("pretrain", "align")
    """Stages to run, in order."""


class Preference(Words):
    """Stage 4: what listeners are asked about and how votes train."""

    criteria: Annotated[tuple[Literal["pleasant", "efficient", "safe", "natural"], ...], Field(min_length=1)]
    """What listeners judge."""
    method: Literal["dpo", "kto"] = "dpo"
    """How votes train the model."""
    automatic_pairs: Fraction = 0.5
    """Share of pairs made by automatic rules."""


class Rights(Words):
    """What we intend to do with the recordings; every source must allow it."""

    use: Annotated[tuple[Use, ...], Field(min_length=1)] = ("train", "evaluate")
    """Intended uses."""
    accept: tuple[str, ...] = ()
    """SPDX ids that are accepted; empty accepts every licence in our table that permits the uses."""
    commercial: bool = False
    """Whether the product is sold or used in business."""
    consents: str | None = None
    """The consents file, relative to the scenario."""


class Privacy(Words):
    """How much of people reaches reports."""

    pseudonyms: bool = True
    """Replace speaker names by pseudonyms in reports and cards."""
    pii: Literal["flag", "drop"] = "flag"
    """What happens to transcripts with personal data."""
