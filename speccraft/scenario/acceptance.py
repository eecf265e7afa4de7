"""What the data and the model must show before anyone calls them done."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Fraction, Hours, Words, measured_in, such_as
from .job import Stage

ErrorRate = Annotated[float, Field(ge=0), measured_in("fraction")]
"""An error rate; with many insertions it exceeds 1."""
Use = Literal["train", "evaluate", "redistribute-data", "redistribute-model", "synthesise", "clone"]


class DataAcceptance(Words):
    """What a build must show."""

    hours: Annotated[dict[Stage, Hours], measured_in("h"), such_as({"pretrain": 10.0, "align": 2.0})] = {}
    """Hours of training speech per stage, at least. `plan` says what is missing before anyone trains on too little."""
    speakers: Annotated[Annotated[int, Field(ge=1)] | None, measured_in("speakers"), such_as(50)] = None
    """Distinct speakers in training, at least. Hours of few voices make a model that understands these few."""
    environment_match: Annotated[Fraction | None, such_as(0.9)] = None
    """Share of in-place test cuts whose delivered SNR, T60, level and bandwidth lie in the declared bands, at least. Noise that is mixed is not yet the
    noise that was promised: this is measured on the finished audio."""


class ModelAcceptance(Words):
    """What a run must show."""

    wer: Annotated[dict[Literal["clean", "environment", "unseen"], ErrorRate], measured_in("fraction"), such_as({"clean": 0.1, "environment": 0.25})] = {}
    """Highest word error rate, as a fraction: on clean test cuts, on test cuts in the place, and on clean cuts of the group `unseen`. A model that is
    good in the studio only passes `clean` and fails `environment`."""
    manual: Annotated[Fraction | None, such_as(0.95)] = None
    """Share of manual checks passed, at least. Word error rate says nothing about an assistant that hears well and answers wrongly."""
    real_time_factor: Annotated[Annotated[float, Field(gt=0)] | None, measured_in("s/s"), such_as(0.5)] = None
    """Seconds of computation per second of audio, at most. Above 1 the answer falls behind the speaker, however right it is."""


class Acceptance(Words):
    """Targets for data and model; a missed one blocks."""

    data: Annotated[DataAcceptance, such_as({"hours": {"pretrain": 10.0}, "speakers": 50, "environment_match": 0.9})] = DataAcceptance()
    """What the build must show. Targets that are written down before the data is seen cannot be bent to fit it."""
    model: Annotated[ModelAcceptance, such_as({"wer": {"clean": 0.1, "environment": 0.25}, "real_time_factor": 0.5})] = ModelAcceptance()
    """What the run must show. Each target is judged with its interval, and a missed one blocks the model card."""


class Budget(Words):
    """What the team can spend."""

    annotation_hours: Annotated[Hours | None, such_as(20.0)] = None
    """Hours of people's time for annotation. It bounds how much more transcribed speech can be asked for when data falls short."""
    gpu_hours: Annotated[Hours | None, such_as(8.0)] = None
    """Hours of one GPU. It decides whether the recipe that the job wants can be afforded."""


class Training(Words):
    """Which recipe trains, and through which stages."""

    recipe: Annotated[str | None, such_as("tiny-cpu", "recipes/ours.yaml")] = None
    """Name of a shipped recipe, or path of a recipe file. Left out, `plan` chooses one for the job and says why."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1), such_as(["pretrain", "align"], ["pretrain", "align", "prefer"])] = ("pretrain", "align")
    """Stages to run, in order. A stage that is left out leaves its data unused, and the next one starts from the checkpoint before it."""


class Preference(Words):
    """Stage 4: what listeners are asked about and how votes train."""

    criteria: Annotated[tuple[Literal["pleasant", "efficient", "safe", "natural"], ...], Field(min_length=1), such_as(["natural"], ["pleasant", "efficient"])]
    """What listeners judge. Each criterion is a question of its own, because one vote on everything at once cannot be explained afterwards."""
    method: Annotated[Literal["dpo", "kto"], such_as("dpo")] = "dpo"
    """How votes train the model: `dpo` learns from pairs, `kto` from single answers that were liked or not. Votes of one kind cannot feed the other."""
    automatic_pairs: Annotated[Fraction, such_as(0.5)] = 0.5
    """Share of pairs made by automatic rules. Listening is slow and dear; too many automatic pairs teach the rules instead of what people like."""


class Rights(Words):
    """What we intend to do with the recordings; every source must allow it."""

    use: Annotated[tuple[Use, ...], Field(min_length=1), such_as(["train", "evaluate"], ["train", "redistribute-model"])] = ("train", "evaluate")
    """Intended uses. A source whose licence lacks one of them is refused before its audio is opened, rather than found after the release."""
    accept: Annotated[tuple[str, ...], such_as(["CC0-1.0", "CC-BY-4.0"])] = ()
    """SPDX ids that are accepted; empty accepts every licence in our table that permits the uses. A team's lawyers often allow less than the licences do."""
    commercial: Annotated[bool, such_as(True)] = False
    """Whether the product is sold or used in business. If so, recordings under a non-commercial licence are refused."""
    consents: Annotated[str | None, such_as("consents.yaml")] = None
    """The consents file, relative to the scenario. A licensed voice is asked for in it; recordings are judged by their licence alone so far."""


class Privacy(Words):
    """How much of people reaches reports."""

    pseudonyms: Annotated[bool, such_as(True)] = True
    """Replace speaker names by pseudonyms in reports and cards. Both are made to be shared, and names once shared stay shared."""
    pii: Annotated[Literal["flag", "drop"], such_as("drop")] = "flag"
    """What happens to transcripts with personal data: report them (`flag`) or leave them out (`drop`). A model can repeat what it was trained on."""
