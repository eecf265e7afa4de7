"""What a plan will take: time and disk of the build and time of training, each with how the number was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from speccraft.ingest.rows import TtsUtterance, Utterance
from speccraft.plan.fates import Plan, conditions
from speccraft.plan.supply import HOUR_S, Supply, hours_words

START_S, RECORDING_S, DECODE_S_PER_H, SPEAK_S = 4.0, 0.001, 2.0, 0.07
"""Seconds to start and to report; one worker's seconds for each recording, each recorded hour, and each text that is spoken.
These and the next are measured; benchmarks/plan.md holds their sum against builds."""
TTS_S_PER_S = 0.4
"""One worker's seconds for a second of speech from a checkpoint as large as those of MMS-TTS (36 M parameters), measured on one core."""
RENDER_S_PER_H = 6.0
CHANNEL_S_PER_H: Mapping[str, float] = {"none": 0.0, "band": 0.3, "telephone": 2.0, "mp3": 20.0, "opus": 85.0}
"""Seconds to put an hour of audio into the place, and to send it through the channel."""
FLAC_BYTES_PER_SAMPLE = 1.0
"""Half of 16-bit PCM; between 0.8 for read speech in a quiet room and 1.5 for speech in loud noise."""
REPORT_BYTES, RECORDING_BYTES = 5e6, 6000.0
"""The report with its clips, and what a recording adds to tables, cuts and tars whatever its length."""


@dataclass(frozen=True)
class Cost:
    """One part of what a plan takes: seconds and bytes, and how they were made."""

    what: str
    seconds: float
    bytes: float
    made: str


@dataclass(frozen=True)
class Work:
    """What training one stage does: audio heard, and how fast a machine of the recipe's kind hears it."""

    stage: str
    audio_s: float
    audio_s_per_s: float
    measured_on: str
    on_gpu: bool


@dataclass(frozen=True)
class Estimate:
    """Costs in the order in which they fall due. `scale` is what this machine took for its last whole build, over the estimate of it."""

    costs: tuple[Cost, ...]
    training: tuple[Cost, ...]
    scale: float
    gpu_hours: float

    @property
    def build_s(self) -> float:
        """Seconds of the build."""
        return sum(cost.seconds for cost in self.costs)

    @property
    def train_s(self) -> float:
        """Seconds of all training stages."""
        return sum(cost.seconds for cost in self.training)

    @property
    def bytes(self) -> float:
        """Disk that the build takes, cache included."""
        return sum(cost.bytes for cost in self.costs)


def estimate(plan: Plan, found: Supply, *, workers: int, scale: float = 1.0, training: tuple[Work, ...] = ()) -> Estimate:
    """Estimate what building and training take.

    Args:
        found: the plan's supply; rows of unknown length cost nothing here.
        workers: worker processes.
        scale: what the last whole build on this machine took over its estimate; 1 where there was none.
        training: what the recipe says that each stage does.
    """
    costs = (_units(plan, workers), _writing(plan, found), _places(plan, found))
    return Estimate(
        costs=tuple(Cost(cost.what, cost.seconds * scale, cost.bytes, cost.made) for cost in costs),
        training=tuple(_training(work) for work in training),
        scale=scale,
        gpu_hours=sum(work.audio_s / work.audio_s_per_s for work in training if work.on_gpu) / HOUR_S,
    )


def _units(plan: Plan, workers: int) -> Cost:
    spoken = sum(isinstance(item.row.say, Utterance) for item in plan.admitted)
    tts_s = sum(item.row.seconds or 0.0 for item in plan.admitted if isinstance(item.row.say, TtsUtterance))
    files = sum(item.row.say is None and not item.row.is_text for item in plan.admitted)
    hours = sum(item.row.seconds or 0.0 for item in plan.admitted if item.row.say is None) / HOUR_S
    all_hours = sum(item.row.seconds or 0.0 for item in plan.admitted) / HOUR_S
    seconds = (files * RECORDING_S + hours * DECODE_S_PER_H + spoken * SPEAK_S + tts_s * TTS_S_PER_S) / workers
    parts = [f"{hours_words(hours)} in {files} files at {RECORDING_S * 1000:g} ms a file and {DECODE_S_PER_H:g} s an hour"] if files else []
    parts += [f"{spoken} texts to speak at {SPEAK_S:g} s each"] if spoken else []
    parts += [f"{hours_words(tts_s / HOUR_S)} from a checkpoint at {TTS_S_PER_S:g} s a second"] if tts_s else []
    crew = f"{workers} worker{'' if workers == 1 else 's'}"
    made = f"{' and '.join(parts) or 'nothing enters'}, over {crew}; kept in the cache"
    return Cost("decode, cut and measure", seconds, _flac(plan, all_hours), made)


def _writing(plan: Plan, found: Supply) -> Cost:
    hours = sum(found.hours.values())
    size = REPORT_BYTES + len(plan.admitted) * RECORDING_BYTES + _flac(plan, hours)
    return Cost("write and report", START_S, size, f"{hours_words(hours)} of FLAC copied into shards, tables, a report of about {REPORT_BYTES / 1e6:g} MB")


def _places(plan: Plan, found: Supply) -> Cost:
    channel = plan.scenario.environment.channel.codec
    rate = RENDER_S_PER_H + CHANNEL_S_PER_H[channel]
    rendered = len(conditions(plan.scenario)) - 1
    hours = (found.hours["dev"] + found.hours["test"]) * rendered
    if not rendered:
        return Cost("put dev and test in the place", 0.0, 0.0, "the scenario declares no place")
    through = "" if channel == "none" else f" through {channel}"
    some = f"{rendered} condition{'' if rendered == 1 else 's'}{through}"
    made = f"{hours_words(found.hours['dev'] + found.hours['test'])} in {some} at {rate:g} s an hour"
    return Cost("put dev and test in the place", hours * rate, _flac(plan, hours), made)


def _flac(plan: Plan, hours: float) -> float:
    return hours * HOUR_S * plan.scenario.environment.sampling_rate * FLAC_BYTES_PER_SAMPLE


def _training(work: Work) -> Cost:
    made = f"{hours_words(work.audio_s / HOUR_S)} of audio heard, at {work.audio_s_per_s:g} s of audio a second ({work.measured_on})"
    return Cost(f"train {work.stage}", work.audio_s / work.audio_s_per_s, 0.0, made)
