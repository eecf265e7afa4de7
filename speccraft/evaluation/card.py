"""The model card: MODEL_CARD.md with the header Hugging Face reads, made from facts alone."""

from __future__ import annotations

import html
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

from speccraft.evaluation.acceptance import Verdict
from speccraft.evaluation.wer import NORMALISER
from speccraft.report.obligations import attribution_lines, share_alike_lines, waiver_lines, with_links
from speccraft.scenario.contracts import Score
from speccraft.scenario.model import Scenario
from speccraft.store import Artefact

CARD_METRICS = ("wer", "cer", "exact_match", "real_time_factor")
CARD_GROUPS = ("all", "seen", "unseen")


@dataclass(frozen=True)
class TrainingData:
    """What a build trains on: hours, distinct speakers, items per licence, and what that asks of whoever passes the model on.

    `used` are source and licence of all of it; `attributions` and `waivers` are the rows of the build's `report.json` that are about these sources.
    """

    hours: float
    speakers: int
    licences: dict[str, int]
    used: tuple[tuple[str, str], ...] = ()
    attributions: tuple[dict[str, str], ...] = ()
    waivers: tuple[dict[str, Any], ...] = ()


def training_data(build: Artefact) -> TrainingData:
    """Read off the training cuts and the noise and rooms that training hears."""
    cuts = [json.loads(line) for line in (build.path / "cuts.train.jsonl").read_bytes().splitlines()]
    banks = build.path / "banks.jsonl"
    items = [json.loads(line) for line in banks.read_bytes().splitlines()] if banks.is_file() else []
    heard = [cut["custom"] for cut in cuts] + [item for item in items if item["split"] == "train"]
    used = {(one["source"], one["licence"]) for one in heard}
    report = json.loads((build.path / "report.json").read_bytes())
    return TrainingData(
        hours=sum(cut["duration"] for cut in cuts) / 3600,
        speakers=len({cut["custom"]["speaker"] for cut in cuts} - {None}),
        licences=dict(sorted(Counter(one["licence"] for one in heard).items())),
        used=tuple(sorted(used)),
        attributions=tuple(row for row in report["attributions"] if (row["source"], row["licence"]) in used),
        waivers=tuple(row for row in report["waivers"] if row["source"] in {source for source, _ in used}),
    )


def model_card(scenario: Scenario, run: Artefact, build: Artefact, data: TrainingData, rows: Sequence[Score], verdict: Verdict) -> str:
    """The card as Markdown. It names no licence for the weights: that is the owner's decision."""
    shown = [row for row in rows if row.metric in CARD_METRICS and row.group in CARD_GROUPS]
    sections = (_what(scenario, data), _origin(run, build), _scores(shown), _verdict(verdict), _licences(data), _limits(scenario, data, verdict))
    return f"---\n{_header(scenario, build, shown)}---\n\n# {scenario.name}\n\n" + "\n\n".join("\n".join(section) for section in sections) + "\n"


def _header(scenario: Scenario, build: Artefact, rows: Sequence[Score]) -> str:
    spoken = scenario.job.task == "transcribe"
    task = "automatic-speech-recognition" if spoken else "audio-text-to-text"
    results = [
        {
            "task": {"type": task},
            "dataset": {"name": f"{build.record.name} {build.record.id}, {condition}, {group}", "type": build.record.name},
            "metrics": [
                {"type": row.metric, "value": round(row.value, 4)}
                for row in rows
                if (row.condition, row.group) == (condition, group) and row.metric in ("wer", "cer")
            ],
        }
        for condition, group in dict.fromkeys((row.condition, row.group) for row in rows if row.metric == "wer")
    ]
    header: dict[str, Any] = {"language": list(scenario.job.languages), "pipeline_tag": task, "tags": ["speech", "speccraft"]}
    if results:
        header["model-index"] = [{"name": scenario.name, "results": results}]
    yaml = YAML()
    yaml.default_flow_style = False
    text = io.StringIO()
    yaml.dump(header, text)
    return text.getvalue()


def _what(scenario: Scenario, data: TrainingData) -> Iterator[str]:
    job, place = scenario.job, scenario.environment.place
    yield "## What it does"
    yield ""
    yield f"- task: {job.task}; input: {', '.join(job.input)}; output: {', '.join(job.output)}"
    yield f"- languages: {_safe(', '.join(job.languages))}; style: {job.style}"
    yield f"- place of use: {_safe(place) or 'not stated'}"
    yield f"- longest utterance: {job.longest_utterance_s:g} s; sampling rate: {scenario.environment.sampling_rate} Hz"
    yield f"- training speech: {data.hours:.3g} hours by {data.speakers} speakers"


def _origin(run: Artefact, build: Artefact) -> Iterator[str]:
    yield "## Where it comes from"
    yield ""
    yield "| | id | SHA-256 |"
    yield "|---|---|---|"
    yield f"| run | {run.record.name}/{run.record.id} | {run.digest} |"
    yield f"| data build | {build.record.name}/{build.record.id} | {build.digest} |"
    yield f"| recipe | recipe.yaml of the run ({', '.join(run.record.info['stages'])}) | {recipe_digest(run)} |"


def recipe_digest(run: Artefact) -> str:
    """SHA-256 of the resolved recipe a run was trained by: its own copy, overrides included, and not what the scenario names."""
    return next(entry.sha256 for entry in run.record.files if entry.path == "recipe.yaml")


def _scores(rows: Sequence[Score]) -> Iterator[str]:
    yield "## Scores"
    yield ""
    yield f"Rates are fractions with 95 % bootstrap intervals. Text is normalised by `{NORMALISER.name}` ({NORMALISER.digest})."
    yield ""
    yield "| metric | condition | group | value | low | high | cuts |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        yield f"| {row.metric} | {_safe(row.condition)} | {row.group} | {_number(row.value)} | {_number(row.low)} | {_number(row.high)} | {row.n} |"


def _verdict(verdict: Verdict) -> Iterator[str]:
    yield f"## Acceptance: {verdict.verdict}"
    yield ""
    if verdict.clauses:
        yield "| clause | target | measured | low | high | cuts | verdict | why |"
        yield "|---|---|---|---|---|---|---|---|"
    for clause in verdict.clauses:
        found = f"{_number(clause.measured)} | {_number(clause.low)} | {_number(clause.high)} | {clause.n}"
        yield f"| {clause.clause} | {_number(clause.target)} | {found} | {clause.verdict} | {clause.reason} |"
    for note in verdict.notes:
        yield f"\n{_safe(note)}."


def _licences(data: TrainingData) -> Iterator[str]:
    yield "## Licences of the training data"
    yield ""
    for licence, items in data.licences.items():
        yield f"- {_safe(with_links(licence))}: {items} cuts, noise clips and rooms"
    yield ""
    for head, lines in (
        ("Trained on recordings by, to be named with the model:", attribution_lines(data.used, data.attributions)),
        ("Share-alike, as far as a model is held to be made of its training data:", share_alike_lines(licence for _, licence in data.used)),
        ("**Waivers**: what the licences do not permit, and somebody answers for:", list(waiver_lines(data.waivers))),
    ):
        if lines:
            yield from (head, "", *(f"- {_safe(line)}" for line in lines), "")
    yield "No licence of the weights is stated here: whoever publishes them decides it within these."


def _limits(scenario: Scenario, data: TrainingData, verdict: Verdict) -> Iterator[str]:
    yield "## Limits"
    yield ""
    yield f"- Nothing is known about languages other than {_safe(', '.join(scenario.job.languages))} or other places than the one above."
    yield f"- Nothing is known about utterances over {scenario.job.longest_utterance_s:g} s."
    yield f"- {data.speakers} training speakers do not stand for everyone; see the group `unseen` where there is one."
    for clause in verdict.clauses:
        if clause.verdict != "pass":
            yield f"- {clause.clause}: {clause.verdict}, {clause.reason}."
    yield "- Not measured: compliance with the manual, spoken output, behaviour on noise alone, overlap with the data of a base model."


def _number(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.3f}"


def _safe(text: str) -> str:
    """Free text that stays in its cell: no markup, no table bars, one line."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|").replace("[", "\\[")
