"""The scenario: the whole job description as one model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .acceptance import Acceptance, Budget, Preference, Privacy, Rights, Training
from .base import Id, Words
from .environment import Environment
from .job import Job
from .manual import Manual
from .quality import Quality, Segmentation, Splits
from .source import Source
from .voice import NoVoice, Voice


class Scenario(Words):
    """One YAML file that decides what data is used, how it is built, what trains on it and what counts as done."""

    speccraft: Literal[1]
    """Version of this format."""
    name: Id
    """Name of the job; builds and runs live under it."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of every random draw."""
    roots: tuple[str, ...] = ()
    """Folders, besides the scenario's own and `--data`, that source paths may reach into."""
    budget: Budget = Budget()
    """What the team can spend."""
    job: Job
    """What the assistant does."""
    environment: Environment = Environment()
    """Where it will be used."""
    voice: Voice = NoVoice(kind="none")
    """Whose voice it may use."""
    rights: Rights = Rights()
    """What we intend to do with the recordings."""
    privacy: Privacy = Privacy()
    """How much of people reaches reports."""
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    """Where recordings come from."""
    segmentation: Segmentation = Segmentation()
    """How speech is found."""
    quality: Quality = Quality()
    """Which utterances are kept."""
    splits: Splits = Splits()
    """How train, dev and test are kept apart."""
    manual: Manual = Manual()
    """The job manual."""
    preference: Preference | None = None
    """What listeners are asked about."""
    training: Training = Training()
    """Which recipe trains."""
    acceptance: Acceptance = Acceptance()
    """What counts as done."""

    def sources_with(self, role: str) -> tuple[Source, ...]:
        """The sources of a role, in the order of the file."""
        return tuple(source for source in self.sources if source.role == role)
