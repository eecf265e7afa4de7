"""How recordings are cut into utterances, and which of them are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Fraction, Words


class Segmentation(Words):
    """How speech is found. Recordings with a transcript are trimmed, never cut apart."""

    detector: Literal["webrtc", "energy"] = "webrtc"
    """Voice activity detector: WebRTC's, or frame energy against the noise floor."""
    aggressiveness: Annotated[int, Field(ge=0, le=3)] = 2
    """WebRTC mode, 0 (keeps most) to 3 (drops most)."""
    keep_pause_s: Annotated[float, Field(ge=0, le=5)] = 0.3
    """Silence kept around speech, and the longest pause that does not cut, in seconds."""


class Rule(Words):
    """The range of one measure that is kept."""

    min: float | None = None
    """Smallest value kept."""
    max: float | None = None
    """Largest value kept."""
    max_drop: Fraction = 1.0
    """Stop the build when this rule drops more than this share of the utterances."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> Rule:
        if self.min is None and self.max is None:
            raise ValueError("a rule needs `min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min ({self.min:g}) is above max ({self.max:g})")
        return self


class Quality(Words):
    """One rule per measure; a measure without a rule drops nothing, and an utterance whose measure cannot be taken passes (the report counts them)."""

    duration_s: Rule | None = None
    """Length of the utterance in seconds."""
    level_dbfs: Rule | None = None
    """Level of the speech-active samples, dB relative to full scale."""
    clipped_fraction: Rule | None = None
    """Share of samples at full scale."""
    speech_share: Rule | None = None
    """Share of 30 ms frames with speech."""
    snr_db: Rule | None = None
    """Signal-to-noise ratio in dB over speech-active samples."""
    characters_per_s: Rule | None = None
    """Transcript characters per second of speech; finds wrong transcripts."""

    def rules(self) -> dict[str, Rule]:
        """The rules that are set, by measure, in the order of this file."""
        return {name: rule for name in type(self).model_fields if (rule := getattr(self, name)) is not None}


Axis = Literal["recording", "speaker", "session", "audio", "text"]


class Splits(Words):
    """How train, dev and test are kept apart."""

    dev: Fraction = 0.1
    """Share of the speech seconds for dev."""
    test: Fraction = 0.1
    """Share of the speech seconds for test, when no official split gives it."""
    disjoint: Annotated[tuple[Axis, ...], Field(min_length=1)] = ("speaker", "session", "recording", "audio")
    """Axes on which no value may stand in two splits. `audio` is the exact decoded signal."""
    given: str | None = None
    """Table column that holds official splits: `train`, `dev` (or `validation`) and `test`. Rows without one are split here."""
    unseen: dict[Literal["speaker", "session"], tuple[str, ...]] = {}
    """Values that go wholly to test and are reported as group `unseen`."""

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Splits:
        if self.dev + self.test >= 1:
            raise ValueError(f"dev ({self.dev:g}) and test ({self.test:g}) leave nothing to train on")
        return self
