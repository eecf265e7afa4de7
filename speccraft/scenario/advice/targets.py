"""Can what is asked be measured and met: targets of data and model, against what is declared elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from speccraft.scenario.document import Where
from speccraft.scenario.environment import Environment
from speccraft.scenario.model import Scenario
from speccraft.scenario.source import SpokenSource

from .place import differs_from_the_recordings
from .remark import Also, Remark, Written
from .sources import knows_speakers, speech_of, unless_files_tell

SHARE, SECONDS, RATE = (0.0, 1.0, "a share"), (0.0, math.inf, "a length"), (0.0, math.inf, "a rate")
POSSIBLE: Mapping[str, tuple[float, float, str]] = {
    **dict.fromkeys(("clipped_fraction", "speech_share", "zero_fraction"), SHARE),
    **dict.fromkeys(("duration_s", "leading_silence_s", "trailing_silence_s", "longest_pause_s", "reverberation_s"), SECONDS),
    **dict.fromkeys(("characters_per_s", "syllables_per_s"), RATE),
    "dropouts": (0.0, math.inf, "a number"),
    "dc_offset": (-1.0, 1.0, "an offset"),
    "peak_dbfs": (-90.4, 0.0, "the level of a 16-bit sample"),
    "level_dbfs": (-math.inf, 0.0, "a level"),
    "f0_median_hz": (60.0, 500.0, "what is looked for"),
    "f0_range_semitones": (0.0, math.inf, "a range"),
}
"""What a measure can be at all: lowest, highest, and what to call it."""
MATCH: Where = ("acceptance", "data", "environment_match")
IN_PLACE: Where = ("acceptance", "model", "wer", "environment")


def unseen_without_values(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A target for the group `unseen` needs someone in that group."""
    if "unseen" in scenario.acceptance.model.wer and not any(scenario.splits.unseen.values()):
        help = "add `unseen: {speaker: [NAME]}` under `splits:`"
        also: Also = ((("splits", "unseen"), "names nobody", "nobody is in it"),)
        yield Remark("SC207", "a target for the group `unseen`, but nobody is in it", ("acceptance", "model", "wer", "unseen"), help, also=also)


def targets_that_all_meet(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A word error rate above 1 is missed by hardly any model: an empty answer has 1."""
    for condition, target in scenario.acceptance.model.wer.items():
        if target >= 1:
            help = f"write a share, not per cent: {target / 100:g}" if target <= 100 else "write a share, such as 0.2"
            yield Remark("SC231", "is met by a model that answers nothing", ("acceptance", "model", "wer", condition), help, "warning")


def _measurable(place: Environment) -> bool:
    """Whether the place says of itself what can be measured; of a codec it depends on its bit rate."""
    return place.channel.codec != "none" or any(band is not None for band in (place.snr_db, place.rt60_s, place.level_dbfs))


def place_without_anything(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Targets for the place need a place that differs from the recordings, and a match needs a band to lie in."""
    here: Also = ((("environment",), "declares none of them", "the recordings stay as they are"),)
    asked = _measured_on_test(scenario)
    if not differs_from_the_recordings(scenario):
        for where in asked & {IN_PLACE, MATCH}:
            message = "a target for the place, but the place has no noise, rooms or channel"
            yield Remark("SC208", message, where, "declare one of them under `environment:`", also=here)
    elif MATCH in asked and not _measurable(scenario.environment):
        help = "declare `snr_db` or `rt60_s` under `environment:`, or remove the target"
        yield Remark(
            "SC208", "a match with the place, but the place has neither `snr_db` nor `rt60_s`", MATCH, help, also=((("environment",), "declares neither"),)
        )


def manual_without_rules(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A target about the manual needs something in it that can be checked."""
    if scenario.acceptance.model.manual is not None and not scenario.manual.rules and scenario.manual.format.kind == "plain":
        also: Also = ((("manual",), "has no rules, and its format is plain", "there are no rules"),)
        help = "add `rules:` under `manual:`, or remove the target"
        yield Remark("SC215", "a target for the manual, but nothing in it can be checked", ("acceptance", "model", "manual"), help, also=also)


def nothing_to_test_on(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """What is measured on test recordings needs some."""
    if scenario.splits.test > 0 or scenario.splits.given is not None or any(scenario.splits.unseen.values()):
        return
    for where in _measured_on_test(scenario):
        also: Also = ((("splits", "test"), "nothing goes to test"),)
        yield Remark("SC216", "is measured on test recordings, and there are none", where, "give `splits.test` a share, such as 0.1", also=also)


def _measured_on_test(scenario: Scenario) -> set[Where]:
    """The targets that are set and measured on test recordings; for the group `unseen` other recordings serve."""
    data, model = scenario.acceptance.data, scenario.acceptance.model
    targets: dict[Where, float | None] = {("acceptance", "model", "wer", condition): target for condition, target in model.wer.items() if condition != "unseen"}
    targets |= {MATCH: data.environment_match, ("acceptance", "model", "real_time_factor"): model.real_time_factor}
    return {where for where, target in targets.items() if target is not None}


def too_few_speakers(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Speakers can be counted, and synthetic ones can be counted now."""
    wanted, speech = scenario.acceptance.data.speakers, speech_of(scenario)
    where: Where = ("acceptance", "data", "speakers")
    if wanted is None or not speech:
        return
    if not any(knows_speakers(source) for _, source in speech):
        also: Also = tuple((("sources", index), "does not say who speaks") for index, _ in speech)
        help = "add `speaker:` to the `columns` of a table, or `speaker_folder: 1` to a folder"
        yield Remark("SC217", "no speech source says who speaks, so no speaker can be counted", where, help, unless_files_tell(speech), also)
        return
    synthetic = [(index, source) for index, source in speech if isinstance(source, SpokenSource)]
    voices = {voice.id for _, source in synthetic for voice in source.voices} - set(scenario.splits.unseen.get("speaker", ()))
    if len(synthetic) == len(speech) and len(voices) < wanted:
        also = tuple((("sources", index, "voices"), f"{len(source.voices)} voices") for index, source in synthetic)
        message = f"{wanted} speakers in training are wanted, and at most {len(voices)} can be there"
        yield Remark("SC217", message, where, "add voices, or lower the target", also=also)


def too_few_hours(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """The hours that synthetic speech can last at most are known."""
    longest_s = scenario.job.longest_utterance_s
    for stage, wanted_h in scenario.acceptance.data.hours.items():
        serving = [(index, source) for index, source in speech_of(scenario) if stage in source.stages]
        synthetic = [(index, source) for index, source in serving if isinstance(source, SpokenSource)]
        recordings = {index: len(source.voices) * len(source.texts) * source.takes for index, source in synthetic}
        most_h = sum(recordings.values()) * longest_s / 3600
        if synthetic and len(synthetic) == len(serving) and wanted_h > most_h:
            also: Also = tuple((("sources", index), f"{count} recordings of at most {longest_s:g} s") for index, count in recordings.items())
            where: Where = ("acceptance", "data", "hours", stage)
            message = f"{wanted_h:g} h are wanted for `{stage}`, and its sources last {most_h:.3g} h at most"
            yield Remark("SC217", message, where, "add texts, voices or takes, or lower the target", also=also)


def rules_that_drop_all(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A quality rule leaves something."""
    longest_s, duration = scenario.job.longest_utterance_s, scenario.quality.duration_s
    if duration is not None and duration.min is not None and duration.min > longest_s:
        also: Also = ((("job", "longest_utterance_s"), "nothing longer is kept", f"nothing longer than {longest_s:g} s is kept"),)
        yield Remark("SC218", "every utterance would be dropped", ("quality", "duration_s", "min"), "lower it, or allow longer utterances", also=also)
    highest_hz, rate = scenario.environment.sampling_rate / 2, ("environment", "sampling_rate")
    if (bandwidth := scenario.quality.bandwidth_hz) is not None and bandwidth.min is not None and bandwidth.min > highest_hz:
        also = ((rate, f"holds nothing above {highest_hz:g} Hz", f"nothing above {highest_hz:g} Hz is kept"),)
        yield Remark("SC218", "every utterance would be dropped", ("quality", "bandwidth_hz", "min"), "lower it, or raise the sampling rate", also=also)
    for field, (lowest, highest, unit) in POSSIBLE.items():
        rule = getattr(scenario.quality, field)
        if rule is None:
            continue
        if rule.min is not None and rule.min > highest:
            help = f"write {rule.min / 100:g} for {rule.min:g} %" if unit == "a share" and rule.min <= 100 else ""
            yield Remark("SC218", f"every utterance would be dropped: {unit} is at most {highest:g}", ("quality", field, "min"), help)
        if rule.max is not None and rule.max < lowest:
            yield Remark("SC218", f"every utterance would be dropped: {unit} is at least {lowest:g}", ("quality", field, "max"))


def targets_of_other_stages(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Hours are wanted for stages that run."""
    for stage in scenario.acceptance.data.hours:
        if stage not in scenario.training.stages:
            stages = ", ".join(scenario.training.stages)
            also: Also = ((("training", "stages"), "these run", f"`stages: [{stages}]` holds"),)
            yield Remark("SC211", f"`{stage}` is not among the training stages", ("acceptance", "data", "hours", stage), severity="warning", also=also)
