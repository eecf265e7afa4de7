"""Scores of a run: every metric in every condition, for all, seen and unseen cuts and each speaker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from speccraft.errors import BrokenIntegrity
from speccraft.evaluation.wer import ErrorCounts, character_error_counts, clusters_for, error_counts, normalised, ratio_interval
from speccraft.scenario.contracts import CutCustom, Hypothesis, Score
from speccraft.store import Artefact


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Recording(_Read):
    id: str


class _Supervision(_Read):
    text: str | None = None


class HeldOutCut(_Read):
    """What judging needs to know of a test cut; `duration` in seconds."""

    id: str
    duration: float
    recording: _Recording
    supervisions: tuple[_Supervision, ...]
    custom: CutCustom

    @property
    def text(self) -> str:
        """What was said."""
        return " ".join(supervision.text for supervision in self.supervisions if supervision.text)


def held_out_cuts(build: Artefact) -> dict[str, HeldOutCut]:
    """The transcribed test cuts of a build, by id.

    Raises:
        BrokenIntegrity: a line of `cuts.test.jsonl` is not a cut.
    """
    path = build.path / "cuts.test.jsonl"
    try:
        cuts = [HeldOutCut.model_validate_json(line) for line in path.read_bytes().splitlines()]
    except ValidationError as error:
        raise BrokenIntegrity(f"{path}: holds a line that is not a cut: {error.errors()[0]['msg']}", try_this=f"speccraft verify {build.path}") from error
    return {cut.id: cut for cut in cuts if cut.text}


Metric = Callable[[Hypothesis, HeldOutCut], tuple[float, float]]


def _error_rate(counts: Callable[[str, str], ErrorCounts], prepare: Callable[[str], str]) -> Metric:
    def measure(hypothesis: Hypothesis, _: HeldOutCut) -> tuple[float, float]:
        found = counts(prepare(hypothesis.reference), prepare(hypothesis.text))
        return found.errors, found.length

    return measure


METRICS: Mapping[str, Metric] = {
    "wer": _error_rate(error_counts, normalised),
    "wer_raw": _error_rate(error_counts, str),
    "cer": _error_rate(character_error_counts, normalised),
    "exact_match": lambda hypothesis, _: (float(normalised(hypothesis.reference) == normalised(hypothesis.text)), 1.0),
    "real_time_factor": lambda hypothesis, cut: (hypothesis.seconds, cut.duration),
}
"""Each metric is a ratio of sums: what one answer adds to the numerator and to the denominator."""


def groups_of(cuts: Mapping[str, HeldOutCut]) -> dict[str, frozenset[str]]:
    """Ids of the cuts in each group: `all`; `seen` and `unseen` when some are unseen; `speaker=<id>`."""
    groups = {"all": frozenset(cuts)}
    if unseen := frozenset(id for id, cut in cuts.items() if cut.custom.unseen):
        groups |= {name: ids for name, ids in (("seen", groups["all"] - unseen), ("unseen", unseen)) if ids}
    for speaker in sorted({cut.custom.speaker for cut in cuts.values() if cut.custom.speaker is not None}):
        groups[f"speaker={speaker}"] = frozenset(id for id, cut in cuts.items() if cut.custom.speaker == speaker)
    return groups


def scores(hypotheses: Sequence[Hypothesis], cuts: Mapping[str, HeldOutCut], *, seed: int = 0) -> list[Score]:
    """Score answers. Every hypothesis belongs to one of `cuts`; a ratio over nothing has no row.

    `n` counts cuts. Intervals are over speakers where a group has at least five, else over recordings.
    """
    groups = groups_of(cuts)
    rows: list[Score] = []
    for condition in sorted({hypothesis.condition for hypothesis in hypotheses}, key=condition_order):
        answers = [hypothesis for hypothesis in hypotheses if hypothesis.condition == condition]
        measured = {name: np.array([metric(answer, cuts[answer.cut]) for answer in answers]) for name, metric in METRICS.items()}
        for group, ids in groups.items():
            chosen = np.array([answer.cut in ids for answer in answers])
            members = [cuts[answer.cut] for answer, keep in zip(answers, chosen, strict=True) if keep]
            clusters = clusters_for([cut.custom.speaker for cut in members], [cut.recording.id for cut in members])
            for metric, values in measured.items():
                if metric == "real_time_factor" and group != "all":
                    continue
                interval = ratio_interval(values[chosen, 0], values[chosen, 1], clusters, seed) if members else None
                if interval is not None:
                    n = len({cut.id for cut in members})
                    rows.append(Score(metric=metric, condition=condition, group=group, value=interval.value, low=interval.low, high=interval.high, n=n))
    return rows


def condition_order(condition: str) -> tuple[int, float, str]:
    """Sort key: clean, the SNR ladder from quiet to loud noise, the place, anything else by name."""
    if condition.startswith("snr_"):
        return 1, -float(condition.removeprefix("snr_")), ""
    return {"clean": 0, "place": 2}.get(condition, 3), 0.0, condition
