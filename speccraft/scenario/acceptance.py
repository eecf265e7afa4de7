"""What the data and the model must show before anyone calls them done."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .base import Fraction, Hours, Words, measured_in, such_as
from .job import Stage

ErrorRate = Annotated[float, Field(ge=0), measured_in("fraction")]
"""An error rate; with many insertions it exceeds 1."""
Use = Literal["train", "evaluate", "redistribute-data", "redistribute-model", "synthesise", "clone"]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 code of a country."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


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


class OwnLicence(Words):
    """A licence that is nobody's standard: what its text permits, as somebody read it."""

    id: Annotated[str, Field(pattern=r"^LicenseRef-[A-Za-z0-9.-]{1,80}$"), such_as("LicenseRef-our-callers")]
    """The name that `licence` fields give it, as SPDX writes licences of one's own. A name alone says nothing, so without an entry here it is refused."""
    text: Annotated[str, Field(min_length=1), such_as("licences/our-callers.txt")]
    """The text of the licence, relative to the scenario. What nobody can read again nobody can have agreed to."""
    sha256: Annotated[Sha256, such_as("0" * 64)]
    """SHA-256 of that text, in hexadecimal. Another text under the same name permits nothing until somebody has read it, too."""
    permits: Annotated[tuple[Use, ...], Field(min_length=1), such_as(["train", "evaluate"])]
    """What the text permits without asking anybody else. A use that stands neither here nor in `consent` is refused."""
    consent: Annotated[tuple[Use, ...], such_as(["train", "evaluate"])] = ()
    """Uses for which the text wants the consent of whoever is heard. They are permitted where a consent record of that speaker allows them, and whoever is
    not known has none."""
    commercial: Annotated[bool, such_as(True)] = False
    """Whether business use is permitted. Texts that do not say so do not allow it."""
    attribution: Annotated[bool, such_as(True)] = False
    """Whether the text asks to name somebody. The dataset card names whom `attribution` of the source states."""
    read_by: Annotated[str, Field(min_length=1), such_as("J. Doe, legal, 2026-03-02")]
    """Who read the text and answers for this entry. The plan and the dataset card show it."""

    @model_validator(mode="after")
    def _permits_or_asks(self) -> Self:
        if both := sorted({*self.permits} & {*self.consent}):
            raise ValueError(f"{', '.join(both)} stands in `permits` and in `consent`: either the text permits it, or whoever is heard does")
        if "clone" in self.permits:
            raise ValueError("no licence alone permits `clone`: put it into `consent`")
        return self


class Rights(Words):
    """What we intend to do with the recordings; every source must allow it."""

    use: Annotated[tuple[Use, ...], Field(min_length=1), such_as(["train", "evaluate"], ["train", "redistribute-model"])] = ("train", "evaluate")
    """Intended uses. A source whose licence lacks one of them is refused before its audio is opened, rather than found after the release."""
    accept: Annotated[tuple[str, ...], such_as(["CC0-1.0", "CC-BY-4.0"])] = ()
    """SPDX ids that are accepted; empty accepts every licence in our table that permits the uses. A team's lawyers often allow less than the licences do."""
    commercial: Annotated[bool, such_as(True)] = False
    """Whether the product is sold or used in business. If so, recordings under a non-commercial licence are refused."""
    consents: Annotated[str | None, such_as("consents.yaml")] = None
    """The consents file, relative to the scenario. A licensed voice is asked for in it, and so is every speaker whose consent a licence leaves a use to.
    Records count once `speccraft consent add` has put them into the consent log beside it."""
    terms: Annotated[tuple[str, ...], such_as(["2026-01"])] = ()
    """Versions of the consent form that are accepted; empty accepts every one. A form that was found wanting goes out of use without a record being touched."""
    territory: Annotated[tuple[Country, ...], such_as(["CH", "DE"])] = ()
    """Countries that the product goes to, as ISO 3166-1 codes; empty says nothing about it. A consent that is bound to other countries does not count."""
    licences: Annotated[
        tuple[OwnLicence, ...],
        such_as(
            [{"id": "LicenseRef-our-callers", "text": "licences/our-callers.txt", "sha256": "0" * 64, "permits": ["evaluate"], "read_by": "J. Doe, legal"}]
        ),
    ] = ()
    """Licences of one's own, such as the terms under which callers were recorded. Each is judged as a row of our table is, once its text is the one that was
    read."""

    @model_validator(mode="after")
    def _has_one_entry_per_licence(self) -> Self:
        ids = [one.id for one in self.licences]
        if twice := sorted({id for id in ids if ids.count(id) > 1}):
            raise ValueError(f"two of the `licences` are called {', '.join(twice)}")
        return self


class Privacy(Words):
    """How much of people leaves the house."""

    pseudonyms: Annotated[bool, such_as(True)] = True
    """Replace the names of speakers and sessions by pseudonyms in cuts, shards, reports, cards, exports and scores: names once shared stay shared. The tables
    `ledger`, `segments` and `measures` keep them, so that a voice can be traced and taken out; they are not to be passed on."""
    pseudonym_key: Annotated[Annotated[str, Field(min_length=1)] | None, such_as("keys/pseudonyms.key")] = None
    """A file with 16 bytes or more that nobody else knows, relative to the scenario. Left out, the key follows from the scenario's name and seed: that keeps a
    reader from names, and not somebody who tries a list of them. Scenarios with the same key call the same person the same."""
    pii: Annotated[Literal["flag", "drop"], such_as("drop")] = "flag"
    """What happens to transcripts and dialogues in which an e-mail or IP address, a phone, card or bank account number is written: report them (`flag`) or
    leave them out (`drop`). A model can repeat what it was trained on. What is flagged stays in the build, and out of exports for others."""

    @model_validator(mode="after")
    def _has_a_use_for_its_key(self) -> Self:
        if self.pseudonym_key is not None and not self.pseudonyms:
            raise ValueError("`pseudonym_key` makes pseudonyms, and `pseudonyms: false` wants none")
        return self
