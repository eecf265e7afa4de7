"""Does the training make sense: its stages, what they train on, and what is written twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from speccraft.scenario.document import Where
from speccraft.scenario.job import Stage
from speccraft.scenario.model import Scenario
from speccraft.scenario.source import FolderSource, SpokenSource

from .remark import Also, Remark, Written
from .sources import heard_of

STAGES: tuple[Stage, ...] = get_args(Stage)
"""The stages in the order in which they build on each other."""


def stages_without_data(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Each training stage has something to train on."""
    heard = heard_of(scenario)
    for index, stage in enumerate(scenario.training.stages):
        where: Where = ("training", "stages", index)
        if stage == "prefer" and scenario.preference is None:
            nothing: Also = ((("preference",), "is empty", "nothing is preferred"),)
            yield Remark("SC210", "the stage `prefer` needs to know what is preferred", where, "add `preference: {criteria: [natural]}`", also=nothing)
        elif stage != "prefer" and heard and not any(stage in source.stages for _, source in heard):
            also: Also = tuple((("sources", number, "stages"), f"without `{stage}`") for number, _ in heard)
            yield Remark("SC210", f"no source of speech serves the stage `{stage}`", where, f"add `{stage}` to the `stages` of a source", also=also)


def stages_out_of_order(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Each stage starts from the one before it."""
    stages = scenario.training.stages
    for index in range(1, len(stages)):
        if STAGES.index(stages[index]) <= STAGES.index(stages[index - 1]):
            again = stages[index] == stages[index - 1]
            message = f"`{stages[index]}` stands here twice" if again else f"`{stages[index]}` comes before `{stages[index - 1]}`"
            also: Also = ((("training", "stages", index - 1), "this stage builds on it" if not again else "first written here"),)
            right = ", ".join(stage for stage in STAGES if stage in stages)
            yield Remark("SC223", message, ("training", "stages", index), f"write [{right}]", also=also)


def training_not_intended(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Whoever trains says so, since each licence is asked for the intended uses alone."""
    if "train" not in scenario.rights.use:
        stages = " and ".join(f"`{stage}`" for stage in scenario.training.stages)
        also: Also = ((("training", "stages"), "these train", f"{stages} train"),)
        yield Remark("SC214", "models are trained, but `train` is not among the intended uses", ("rights", "use"), "add `train`", also=also)


def preference_without_stage(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """What listeners prefer is trained on."""
    if scenario.preference is not None and "prefer" not in scenario.training.stages:
        stages = ", ".join(scenario.training.stages)
        also: Also = ((("training", "stages"), "these run", f"`stages: [{stages}]` holds"),)
        yield Remark("SC212", "is for the stage `prefer`, which does not run", ("preference",), severity="warning", also=also)


def setting_of_another_detector(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A setting belongs to the detector that is chosen."""
    mode: Where = ("segmentation", "aggressiveness")
    pause: Where = ("segmentation", "keep_pause_s")
    also: Also = ((("segmentation", "detector"), "chosen here"),)
    if scenario.segmentation.detector != "webrtc" and mode in written:
        yield Remark("SC212", "is a setting of the detector `webrtc`, which is not chosen", mode, severity="warning", also=also)
    if scenario.segmentation.detector == "given" and pause in written:
        yield Remark("SC212", "does nothing where times are `given`: an utterance is exactly as long as they say", pause, severity="warning", also=also)


def repetitions(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """What stands in a list twice is either a slip or a name for two things."""
    for where, items in _lists_without_repetition(scenario):
        first: dict[str, Where] = {}
        for item_where, item in items:
            if item in first:
                yield Remark(
                    "SC222", f"`{item}` stands in `{where}` twice", item_where, "remove one of them", "warning", ((first[item], "first written here"),)
                )
            first.setdefault(item, item_where)
    rules: dict[str, Where] = {}
    for index, rule in enumerate(scenario.manual.rules):
        id_where: Where = ("manual", "rules", index, "id")
        if rule.id in rules:
            yield Remark("SC222", f"two rules are called `{rule.id}`", id_where, "choose another id", also=((rules[rule.id], "first used here"),))
        rules.setdefault(rule.id, id_where)


Items = list[tuple[Where, str]]


def _lists_without_repetition(scenario: Scenario) -> Iterator[tuple[str, Items]]:
    """The lists in which an item twice means nothing, with the place of each item."""
    job, place, rights = scenario.job, scenario.environment, scenario.rights
    lists: list[tuple[Where, tuple[str, ...]]] = [
        (("roots",), scenario.roots),
        (("job", "input"), job.input),
        (("job", "output"), job.output),
        (("environment", "noise"), place.noise),
        (("environment", "rooms"), place.rooms),
        (("environment", "made"), place.made),
        (("environment", "dry"), place.dry),
        (("environment", "events", "sources"), place.events.sources if place.events else ()),
        (("rights", "use"), rights.use),
        (("rights", "accept"), rights.accept),
        (("splits", "disjoint"), scenario.splits.disjoint),
        (("preference", "criteria"), scenario.preference.criteria if scenario.preference else ()),
    ]
    lists += [(("splits", "unseen", axis), values) for axis, values in scenario.splits.unseen.items()]
    lists += [(("sources", index, "stages"), source.stages) for index, source in enumerate(scenario.sources)]
    lists += [(("sources", index, "endings"), source.endings) for index, source in enumerate(scenario.sources) if isinstance(source, FolderSource)]
    lists += [(("sources", index, "texts"), source.texts) for index, source in enumerate(scenario.sources) if isinstance(source, SpokenSource)]
    yield "job.languages", [(("job", "languages", index), tag.lower()) for index, tag in enumerate(job.languages)]
    for where, values in lists:
        yield str(where[-1]), [((*where, index), value) for index, value in enumerate(values)]
    for index, source in enumerate(scenario.sources):
        if isinstance(source, SpokenSource):
            ids = [voice.id for voice in source.voices]
            yield "voices", [(("sources", index, "voices", number, "id"), id) for number, id in enumerate(ids)]
