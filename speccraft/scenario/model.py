"""The scenario: the whole job description as one model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .acceptance import Acceptance, Budget, Preference, Privacy, Rights, Training
from .base import FormatVersion, Id, Words, measured_in, such_as
from .environment import Environment
from .job import Job
from .manual import Manual
from .quality import Quality, Segmentation, Splits
from .source import Source
from .voice import NoVoice, Voice


class Scenario(Words):
    """One YAML file that decides what data is used, how it is built, what trains on it and what counts as done."""

    speccraft: Annotated[FormatVersion, such_as(1)]
    """Version of this format. A file of another version is migrated or refused instead of being read by the wrong rules."""
    name: Annotated[Id, such_as("metro-help-desk")]
    """Name of the job. Builds and runs live under it in the workspace, so two jobs of one name would take each other's place."""
    seed: Annotated[int, Field(ge=0, lt=2**32), measured_in("number"), such_as(0, 7)] = 0
    """Seed of every random draw. The same seed, scenario and data give the same bytes; another seed shows how much luck was in a result."""
    roots: Annotated[tuple[str, ...], such_as(["../shared/data"])] = ()
    """Folders, besides the scenario's own and `--data`, that source paths may reach into. A scenario is untrusted data: without a root it cannot read
    the rest of your disk."""
    budget: Annotated[Budget, such_as({"annotation_hours": 20.0, "gpu_hours": 8.0})] = Budget()
    """What the team can spend. It answers whether extra annotation and compute are worth it while there is still a choice."""
    job: Annotated[Job, such_as({"task": "transcribe", "languages": ["en"]}, {"task": "converse", "languages": ["en"], "style": "spontaneous"})]
    """What the assistant does. It decides which other sections make sense, what is demonstrated and what is scored."""
    environment: Annotated[Environment, such_as({"place": "metro platform", "sampling_rate": 16000, "channel": {"codec": "opus", "bitrate_kbps": 16}})] = (
        Environment()
    )
    """Where the assistant will be used. Speech is made to sound like the place in training and test, and the result is measured against it."""
    voice: Annotated[Voice, such_as({"kind": "stock"}, {"kind": "licensed", "speaker": "anna", "consent": "anna-2026"})] = NoVoice(kind="none")
    """Whose voice the assistant may use. A real person's voice needs that person's consent on record."""
    rights: Annotated[Rights, such_as({"use": ["train", "evaluate"], "accept": ["CC0-1.0", "CC-BY-4.0"]})] = Rights()
    """What we intend to do with the recordings. Every source has to allow all of it, or it is refused."""
    privacy: Annotated[Privacy, such_as({"pseudonyms": True, "pii": "drop"})] = Privacy()
    """How much of people reaches reports. What goes out to colleagues and customers should name nobody by accident."""
    sources: Annotated[
        tuple[Source, ...],
        Field(min_length=1),
        such_as([{"id": "recordings", "format": "folder", "path": "audio", "licence": "CC0-1.0"}]),
    ]
    """Where recordings come from. Without at least one source of speech there is nothing to learn from; noise and rooms are sources, too."""
    segmentation: Annotated[Segmentation, such_as({"detector": "webrtc", "aggressiveness": 2, "keep_pause_s": 0.3})] = Segmentation()
    """How speech is found in recordings. It decides where utterances begin and end, and so what every measure and transcript is about."""
    quality: Annotated[Quality, such_as({"clipped_fraction": {"max": 0.01, "max_drop": 0.1}, "characters_per_s": {"min": 2.0, "max": 30.0}})] = Quality()
    """Which utterances are kept. Each one that is not stands in the ledger with the rule and the value that dropped it."""
    splits: Annotated[Splits, such_as({"dev": 0.1, "test": 0.1, "disjoint": ["speaker", "recording", "audio"]})] = Splits()
    """How train, dev and test are kept apart. A leak between them makes every later number too good."""
    manual: Annotated[Manual, such_as({"rules": [{"id": "no-medical-advice", "topic": "medicine", "must": "refuse"}]})] = Manual()
    """The job manual of an assistant that converses. It turns what is expected of answers into rules that can be taught and tested."""
    preference: Annotated[Preference | None, such_as({"criteria": ["natural"], "method": "dpo"})] = None
    """What listeners are asked about in stage 4. The stage `prefer` cannot run without it."""
    training: Annotated[Training, such_as({"recipe": "tiny-cpu", "stages": ["pretrain", "align"]})] = Training()
    """Which recipe trains, and through which stages. Left out, the recipe follows from the job."""
    acceptance: Annotated[Acceptance, such_as({"data": {"speakers": 50}, "model": {"wer": {"clean": 0.1, "environment": 0.25}}})] = Acceptance()
    """What counts as done. A missed target blocks; without targets a build or run is only described, never judged."""

    @property
    def looks_for_copies(self) -> bool:
        """Whether recordings are compared for near-duplicates: to drop them, or to keep them out of two splits."""
        return self.quality.duplicates == "near" or "near_audio" in self.splits.disjoint

    def sources_with(self, role: str) -> tuple[Source, ...]:
        """The sources of a role, in the order of the file."""
        return tuple(source for source in self.sources if source.role == role)
