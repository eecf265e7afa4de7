"""How recordings are cut into utterances, and which of them are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Fraction, Words, measured_in, such_as


class Segmentation(Words):
    """How speech is found. Recordings with a transcript are trimmed, never cut apart."""

    detector: Annotated[Literal["webrtc", "energy", "silero", "given"], such_as("webrtc")] = "webrtc"
    """Voice activity detector: WebRTC's, Silero's network (`speccraft[silero]`), frame energy against the noise floor, or the times that rows and annotations
    give. WebRTC's knows speech from steady noise; `silero` from music, machines and crowds too at ten times its cost; energy also hears voices that are far
    from their training, such as whispers. With `given` each annotated stretch is one utterance, exactly as long as it says; a recording without times is
    dropped, except what is spoken for this build and the audio of a dialogue, which are speech from end to end."""
    aggressiveness: Annotated[int, Field(ge=0, le=3), measured_in("WebRTC mode"), such_as(2)] = 2
    """WebRTC mode, 0 (keeps most) to 3 (drops most). Too low keeps noise as speech, too high cuts off soft beginnings and endings."""
    keep_pause_s: Annotated[float, Field(ge=0, le=5), measured_in("s"), such_as(0.3)] = 0.3
    """Silence kept around speech, and the longest pause that does not cut. Without it plosives lose their onset and sentences fall into words."""
    untranscribed: Annotated[Literal["drop", "pretrain"], such_as("drop", "pretrain")] = "drop"
    """What becomes of speech that nobody wrote down, and of recordings too long for `job.longest_utterance_s` whose transcript has no times: it is dropped, or
    cut at its pauses and kept without text, for pre-training alone. Targets of hours count what has words, and dev and test hold nothing without them."""


class Rule(Words):
    """The range of one measure that is kept."""

    min: Annotated[float | None, measured_in("unit of the measure"), such_as(5.0)] = None
    """Smallest value kept. Left out, there is no lower limit; a rule needs at least one of the two."""
    max: Annotated[float | None, measured_in("unit of the measure"), such_as(30.0)] = None
    """Largest value kept. Left out, there is no upper limit; a maximum below the minimum would keep nothing and is an error."""
    max_drop: Annotated[Fraction, such_as(0.3)] = 1.0
    """Stop the build when this rule drops more than this share of the utterances. A threshold with a slip in it then costs minutes, not the data set."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> Rule:
        if self.min is None and self.max is None:
            raise ValueError("a rule needs `min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min ({self.min:g}) is above max ({self.max:g})")
        return self


SpectralMeasure = Literal["loudness_lufs", "bandwidth_hz", "reverberation_s", "f0_median_hz", "f0_range_semitones"]


class Quality(Words):
    """One rule per measure; a measure without a rule drops nothing, and an utterance whose measure cannot be taken passes (the report counts them)."""

    duplicates: Annotated[Literal["near", "exact"], such_as("near", "exact")] = "near"
    """Which repeated recordings are dropped: copies in another codec, level, rate or length of edge as well (`near`), or only those with the same samples
    (`exact`). A copy teaches nothing new, and one that stands in train and in test makes every score too good."""
    duration_s: Annotated[Rule | None, measured_in("s"), such_as({"min": 0.5, "max": 20.0})] = None
    """Length of the utterance. Very short ones are mostly coughs and clicks, and very long ones fill a batch alone."""
    level_dbfs: Annotated[Rule | None, measured_in("dBFS"), such_as({"min": -45.0})] = None
    """Level of the speech-active samples, relative to full scale. What is almost silent holds more quantisation noise than speech."""
    clipped_fraction: Annotated[Rule | None, measured_in("fraction"), such_as({"max": 0.01, "max_drop": 0.1})] = None
    """Share of samples at full scale. Clipping is distortion that no filter takes away, and a model learns it as part of a voice."""
    speech_share: Annotated[Rule | None, measured_in("fraction"), such_as({"min": 0.3})] = None
    """Share of 30 ms frames with speech. A transcript over mostly silent audio teaches a model to write words that nobody said."""
    snr_db: Annotated[Rule | None, measured_in("dB"), such_as({"min": 10.0, "max_drop": 0.3})] = None
    """Signal-to-noise ratio of the recording over speech-active samples. Noise is added later on purpose; recordings that are noisy already miss the
    declared range."""
    characters_per_s: Annotated[Rule | None, measured_in("characters/s"), such_as({"min": 2.0, "max": 30.0})] = None
    """Transcript characters per second of speech. A rate that nobody can speak finds transcripts that belong to other audio."""
    syllables_per_s: Annotated[Rule | None, measured_in("syllables/s"), such_as({"min": 1.0, "max": 9.0})] = None
    """Syllables of the transcript per second of speech, counted by the vowels of its spelling where the language is known and no figure stands in it. Languages
    spell at different lengths, and speak at much the same rate."""
    peak_dbfs: Annotated[Rule | None, measured_in("dBFS"), such_as({"min": -30.0, "max": -0.1})] = None
    """Highest sample magnitude, relative to full scale. One that touches full scale was probably clipped on the way, and a very low one was recorded too
    quietly."""
    dc_offset: Annotated[Rule | None, measured_in("fraction of full scale"), such_as({"min": -0.01, "max": 0.01})] = None
    """Mean of the samples. Broken sound cards shift it, and a shifted signal clips earlier on one side."""
    zero_fraction: Annotated[Rule | None, measured_in("fraction"), such_as({"max": 0.5})] = None
    """Share of samples that are exactly zero. Microphones give hardly any; gates and lost packets do, and a model learns to take them for pauses."""
    dropouts: Annotated[Rule | None, measured_in("count"), such_as({"max": 0.0})] = None
    """Number of holes of 10 to 100 ms of exact zeros within speech. Lost packets tear words apart that the transcript has whole."""
    leading_silence_s: Annotated[Rule | None, measured_in("s"), such_as({"max": 1.0})] = None
    """Seconds before the first speech. More than `segmentation.keep_pause_s` only where detector and rule disagree, as on times that were given."""
    trailing_silence_s: Annotated[Rule | None, measured_in("s"), such_as({"max": 1.0})] = None
    """Seconds behind the last speech. Long ones belong to times that were given too generously, and a model learns to wait."""
    longest_pause_s: Annotated[Rule | None, measured_in("s"), such_as({"max": 3.0})] = None
    """Seconds of the longest pause within an utterance. A long pause under one transcript often hides words of someone else, or a recording that stopped."""
    loudness_lufs: Annotated[Rule | None, measured_in("LUFS"), such_as({"min": -40.0, "max": -10.0})] = None
    """Integrated loudness by ITU-R BS.1770-4, of utterances of 0.4 s and more. It says how loud something sounds, and the level of samples does so roughly."""
    bandwidth_hz: Annotated[Rule | None, measured_in("Hz"), such_as({"min": 3400.0})] = None
    """Highest frequency that the recording holds. It finds telephone speech that was resampled upwards, and what a codec cut off."""
    reverberation_s: Annotated[Rule | None, measured_in("s"), such_as({"max": 1.0})] = None
    """Reverberation time, estimated from the speech alone. The estimate is rough (docs/measures.md has its error): let it judge what is far from wanted."""
    f0_median_hz: Annotated[Rule | None, measured_in("Hz"), such_as({"min": 70.0, "max": 400.0})] = None
    """Median fundamental frequency of the voice, with 150 ms of voice at least. Far from what voices do it finds music, wrong sampling rates and machines."""
    f0_range_semitones: Annotated[Rule | None, measured_in("semitones"), such_as({"min": 1.0})] = None
    """How far the fundamental frequency moves, 5th to 95th percentile. Hardly is a monotone or a vocoder; an octave error among few frames widens it."""
    measure: Annotated[tuple[SpectralMeasure, ...], such_as(["bandwidth_hz", "f0_median_hz"])] = ()
    """Measures to be taken without a rule, for the report: of all recordings of a source of up to 200, else of a half, a quarter ... of them, by hash. Some
    cost more than decoding does, so without a rule nothing takes them of everything."""

    def rules(self) -> dict[str, Rule]:
        """The rules that are set, by measure, in the order of this file."""
        return {name: rule for name in type(self).model_fields if isinstance(rule := getattr(self, name), Rule)}


Axis = Literal["recording", "speaker", "session", "audio", "text", "near_audio", "near_text"]


class Splits(Words):
    """How train, dev and test are kept apart."""

    dev: Annotated[Fraction, such_as(0.1)] = 0.1
    """Share of the speech seconds for dev. Choices are made on it, so that test stays unseen until the end."""
    test: Annotated[Fraction, such_as(0.1)] = 0.1
    """Share of the speech seconds for test, when no official split gives it. Too small a test set makes intervals too wide to pass any target."""
    disjoint: Annotated[tuple[Axis, ...], Field(min_length=1), such_as(["speaker", "session", "recording", "audio"])] = (
        "speaker", "session", "recording", "audio",
    )  # fmt: skip
    """Axes on which no value may stand in two splits, the most important first; `audio` is the exact decoded signal, `near_audio` holds what
    `quality.duplicates: exact` leaves of copies together, `near_text` transcripts that share four fifths of their word parts. A speaker in both train and
    test makes a model look better than it is for strangers; where an axis ties nearly everything together, the few recordings that do it are dropped."""
    given: Annotated[str | None, such_as("split")] = None
    """Table column that holds official splits: `train`, `dev` (or `validation`) and `test`; rows without one are split here. Results on official
    splits can be compared with published ones."""
    stratify: Annotated[tuple[str, ...], such_as(["gender", "accent"])] = ()
    """Groups, named in `columns.groups` of the sources, of which dev and test get their share each: every gender and accent, say, as far as whole speakers
    allow. A test set without an accent cannot show that a model fails it; the certificate says which strata fell short."""
    unseen: Annotated[dict[Literal["speaker", "session"], tuple[str, ...]], such_as({"speaker": ["theo"]})] = {}
    """Values that go wholly to test and are reported as group `unseen`. They show how the model treats people it never heard, which the average hides."""

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Splits:
        if self.dev + self.test >= 1:
            raise ValueError(f"dev ({self.dev:g}) and test ({self.test:g}) leave nothing to train on")
        return self
