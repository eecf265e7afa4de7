"""What the three stages learn of real digits from scratch: `python benchmarks/learn.py DATA FOLDER > benchmarks/learn.md`.

DATA is the demo pack; FOLDER keeps the build, the runs and what was measured, so that whoever is interrupted goes on. Each seed is trained by the shipped
recipe through `pretrain`, `align` and `prefer`; then its aligned model learns the same preferences in other ways, for the table of what they cost.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from speccraft import store
from speccraft.scenario.contracts import Message, Part
from speccraft.sound.shards import ShardReader
from speccraft.trainer import checkpoint as checkpoints
from speccraft.trainer.answers import Question, answered
from speccraft.trainer.data import PlacedAudio, SpeechDialogues, dialogues, read_cuts, transcripts
from speccraft.trainer.loader import EndlessLoader
from speccraft.trainer.offline import go_offline
from speccraft.trainer.parts import prepared
from speccraft.trainer.prefer import prefer
from speccraft.trainer.preferences import Rehearsal, SpeechPreferences, read_pairs
from speccraft.trainer.recipe import PreferRecipe, Recipe, load_recipe
from speccraft.trainer.run import train
from speccraft.trainer.stage import Session
from speccraft.trainer.tax import alignment_tax, rows

SEEDS = (0, 1, 2)
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
UNSEEN = "fsdd_theo"
TASKS = {"transcribe": 0, "add one": 1}
STAGES = ("pretrain", "align", "prefer")
FROZEN = {"encoder": "frozen", "projector": "frozen"}
MIXES: Mapping[str, tuple[dict[str, Any], str]] = {
    "DPO alone": ({"nll_weight": 0.0, "rehearsal_weight": 0.0}, ""),
    "+ 0.2 NLL, as the prototype": ({"nll_weight": 0.2, "rehearsal_weight": 0.0}, ""),
    "+ 1 NLL": ({"rehearsal_weight": 0.0}, ""),
    "+ 1 NLL, a third of the learning rate": ({"rehearsal_weight": 0.0, "learning_rate": 0.0001}, ""),
    "+ 1 NLL, beta 0.5": ({"rehearsal_weight": 0.0, "beta": 0.5}, ""),
    "+ 1 NLL, a third of the learning rate, encoder and projector frozen": ({"rehearsal_weight": 0.0, "learning_rate": 0.0001, "parts": FROZEN}, ""),
    "+ 1 NLL + 1 transcripts": ({}, "transcripts"),
    "+ 0.2 NLL + 1 demonstrations": ({"nll_weight": 0.2}, "demonstrations"),
    "+ 1 NLL + 1 demonstrations (the recipe)": ({}, "demonstrations"),
    "+ 1 NLL + 3 demonstrations": ({"rehearsal_weight": 3.0}, "demonstrations"),
    "KTO + 1 demonstrations": ({"method": "kto"}, "demonstrations"),
}
"""Ways to learn the preferences: what differs from the recipe, and what is rehearsed."""
SCENARIO = """\
speccraft: 1
name: real-digits
roots: ["{data}"]
job: {{task: converse, input: [speech], languages: [en], style: scripted, longest_utterance_s: 5}}
environment: {{sampling_rate: 8000}}
rights: {{use: [train, evaluate], accept: [CC-BY-SA-4.0]}}
privacy: {{pseudonyms: false}}
sources:
  - id: digits
    format: table
    path: "{data}/manifest.jsonl"
    columns: {{audio: path, text: text, speaker: speaker, licence: license, duration: duration_s}}
    where: {{kind: speech, source_repo: Jakobovski/free-spoken-digit-dataset}}
    style: scripted
    language: en
    attribution: Zohar Jackson and others, Free Spoken Digit Dataset
    stages: [pretrain]
{dialogues}
splits: {{dev: 0.0, disjoint: [recording, audio], given: split, unseen: {{speaker: [{unseen}]}}}}
preference: {{criteria: [pleasant], automatic_pairs: 0.0}}
training: {{recipe: tiny-cpu, stages: [pretrain, align, prefer]}}
"""
DIALOGUES = """\
  - id: {role}-{split}
    format: {format}
    path: {role}-{split}.jsonl
    audio_folder: "{data}"
    split: {split}
    licence: CC-BY-SA-4.0
    attribution: Zohar Jackson and others, Free Spoken Digit Dataset"""


def write_scenario(data: Path, folder: Path) -> Path:
    """The digits as they are, and about each: two tasks, shown plainly and politely, of which politely is preferred."""
    listed = [json.loads(line) for line in (data / "manifest.jsonl").read_text().splitlines()]
    digits = [row for row in listed if row["path"].startswith("digits/")]
    sources = []
    for split in ("train", "test"):
        held = [row for row in digits if ("test" if row["speaker"] == UNSEEN else row["split"]) == split]
        for role, format, made in (("shown", "conversations", _shown), ("judged", "preferences", _judged)):
            content = [one for row in held for task, more in TASKS.items() for one in made(row, task, more)]
            (folder / f"{role}-{split}.jsonl").write_bytes(store.json_lines(content))
            sources.append(DIALOGUES.format(role=role, split=split, format=format, data=data))
    path = folder / "scenario.yaml"
    path.write_text(SCENARIO.format(data=data, dialogues="\n".join(sources), unseen=UNSEEN))
    return path


def _ways(row: Mapping[str, Any], more: int) -> dict[str, str]:
    word = DIGITS[(DIGITS.index(row["text"]) + more) % 10]
    return {"plain": word, "polite": f"it is {word}."}


def _asked(row: Mapping[str, Any], task: str) -> dict[str, Any]:
    # what is said and by whom stands here too: of the copies of a recording, the build keeps one that is officially test
    return {"role": "user", "content": [{"type": "audio", "path": row["path"], "transcript": row["text"]}, {"type": "text", "text": task}]}


def _shown(row: Mapping[str, Any], task: str, more: int) -> list[dict[str, Any]]:
    name = f"{Path(row['path']).stem}-{task.replace(' ', '-')}"
    ways = _ways(row, more)
    return [
        {"id": f"{name}-{way}", "speaker": row["speaker"], "messages": [_asked(row, task), {"role": "assistant", "content": text}]}
        for way, text in ways.items()
    ]


def _judged(row: Mapping[str, Any], task: str, more: int) -> list[dict[str, Any]]:
    ways = _ways(row, more)
    name = f"{Path(row['path']).stem}-{task.replace(' ', '-')}"
    return [{"id": name, "speaker": row["speaker"], "prompt": [_asked(row, task)], "chosen": ways["polite"], "rejected": ways["plain"], "criterion": "polite"}]


def built(data: Path, folder: Path) -> Path:
    """The folder of the committed build."""
    scenario = write_scenario(data, folder)
    command = [str(Path(sys.executable).with_name("speccraft")), "build-manifest", str(scenario), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    if "build" not in told.get("artifacts", {}):
        raise SystemExit(done.stdout + done.stderr)
    return Path(told["artifacts"]["build"])


def trained(build: Path, folder: Path, recipe: Recipe, seed: int) -> tuple[store.Artefact, dict[str, float]]:
    """The run of a seed, and the CPU-seconds of each stage, its looks and its tax included."""
    notes, began = folder / f"cpu-{seed}.json", time.process_time()
    ends: dict[str, float] = {}

    def note(stage: str, *_: Any) -> None:
        ends[stage] = time.process_time()

    run = train(build, folder / "work", recipe, stages=STAGES, name="real-digits", seed=seed, on_progress=note, say=lambda text: print(text, file=sys.stderr))
    if ends:
        starts = dict(zip(STAGES, [began, *(ends[stage] for stage in STAGES)], strict=False))
        notes.write_text(json.dumps({stage: ends[stage] - starts[stage] for stage in STAGES}))
    return run, json.loads(notes.read_text())


def accuracies(run: store.Artefact, build: Path, recipe: Recipe) -> dict[str, float]:
    """Share of right answers and of polite ones by stage, task and whose clips they are: `takes` of known speakers, or the unseen one's."""
    cuts, shards = read_cuts(build, "test"), ShardReader(build / "shards" / "test")
    found: dict[str, list[bool]] = defaultdict(list)
    for stage in STAGES:
        model = checkpoints.load(store.open_artefact(run.path / "checkpoints" / stage, "checkpoint"))
        for task, more in TASKS.items() if stage != "pretrain" else (("", 0),):
            said = [Part(type="text", text=task)] if task else []
            questions = [
                Question(id, (Message(role="user", content=(Part(type="audio", cut=id), *said)),), cut.seconds, lambda id=id: [shards.samples(id)])
                for id, cut in cuts.items()
            ]
            for question, (text,) in answered(model, questions, batch_audio_s=recipe.answer.batch_audio_s, max_new_tokens=16):
                cut, name = cuts[question.id], f"{stage} {task}".strip()
                ways = _ways({"text": cut.text}, more)
                found[f"{name} {'theo' if cut.custom.unseen else 'takes'}"].append(text in (ways.values() if task else [cut.text]))
                found[f"{name} polite"].append(text.startswith("it is "))
    return {name: sum(values) / len(values) for name, values in found.items()}


def mixed(run: store.Artefact, build: Path, recipe: Recipe, seed: int, changes: dict[str, Any], rehearsed: str) -> dict[str, float]:
    """What learning the preferences in one way costs the aligned model of a run, in points, and how polite it becomes."""
    settings = PreferRecipe.model_validate_json(json.dumps(recipe.prefer.model_dump(mode="json") | changes))  # type: ignore[union-attr]
    aligned = store.open_artefact(run.path / "checkpoints" / "align", "checkpoint")
    before, after = checkpoints.load(aligned), checkpoints.load(aligned)
    cuts = read_cuts(build, "train")
    audio, collator = PlacedAudio(build, cuts, before.sampling_rate, recipe.augment, seed), after.collator(recipe.augment.vocal_tract_warp)
    earlier = {"transcripts": lambda: transcripts(cuts), "demonstrations": lambda: dialogues(build, "train", cuts)}
    rehearsal = Rehearsal(SpeechDialogues(earlier[rehearsed](), audio, after.tokenizer, collator), seed) if rehearsed else None
    dataset = SpeechPreferences(read_pairs(build, "train"), cuts, audio, after.tokenizer, collator, settings.method, rehearsal)  # type: ignore[arg-type]
    loader = EndlessLoader(dataset, settings.batch_audio_s, settings.buckets, seed)  # type: ignore[arg-type]
    began = time.process_time()
    with tempfile.TemporaryDirectory() as scratch, prepared(after.model, after.parts(), settings, seed=seed):
        prefer(Session("prefer", after, loader, settings, seed, scratch, lambda *_: None), settings)
    cpu_s = time.process_time() - began
    taxes = {row["group"]: row for row in rows(alignment_tax(build, before, after, recipe.answer))}
    unseen, seen, all = (taxes[group] for group in ("unseen", "seen", "all"))
    return {"theo": unseen["points"], "takes": seen["points"], "polite": all["preferred_after"], "right": all["after"], "cpu_s": cpu_s}


def page(measured: Mapping[int, Any], recipe: Recipe) -> str:
    """The results as Markdown."""
    lines = [
        "# What three stages learn of real digits",
        "",
        "Written by `python benchmarks/learn.py DATA FOLDER`. Spoken digits of the demo pack at 8 kHz: 1,000 training clips of five speakers; held out are 250",
        f"other takes of theirs, and all 250 clips of a sixth, theo. From scratch by the recipe tiny-cpu, {len(measured)} seeds, one thread.",
        "Tasks after `align`: *transcribe* and *add one*, each shown plainly (`seven`) and politely (`it is seven.`); `prefer` prefers politely.",
        "Right is the right word in either way.",
        "",
        f"Machine: {_machine()}.",
        "",
        "| | " + " | ".join(f"seed {seed}" for seed in measured) + " | median | goal |",
        "|---|" + "---|" * (len(measured) + 2),
    ]
    goals = {"pretrain takes": ".92", "pretrain theo": ".82", "align takes": ".90", "align theo": ".82"}
    for stage in STAGES:
        for whose in ("takes", "theo", "polite"):
            if (stage, whose) != ("pretrain", "polite"):
                values = [_of(one["accuracies"], stage, whose) for one in measured.values()]
                name = f"{stage}: {'answers polite' if whose == 'polite' else f'right, {whose}'}"
                lines.append(_row(name, [*values, statistics.median(values)], goals.get(f"{stage} {whose}", "")))
    for task in TASKS:
        for whose in ("takes", "theo"):
            values = [one["accuracies"][f"align {task} {whose}"] for one in measured.values()]
            lines.append(_row(f"align, {task} alone: right, {whose}", [*values, statistics.median(values)], ""))
    for whose, group in (("takes", "seen"), ("theo", "unseen")):
        points = [next(row["points"] for row in one["tax"] if row["group"] == group) for one in measured.values()]
        lines.append(_row(f"alignment tax, {whose}, points", [*points, statistics.median(points)], "≤ 3" if whose == "theo" else "", digits=1))
    lines += [
        "",
        "The tax is the share of prompts answered rightly before `prefer`, less that after it, of the same prompts: for theo 500, 250 clips by two tasks.",
    ]
    lines += ["", "By speaker and seed, points lost with the 95 % interval over prompts:", "", *_speakers(measured), ""]
    took = [f"{stage} {statistics.median(one['cpu_s'][stage] for one in measured.values()):.0f}" for stage in STAGES]
    lines += [f"CPU-seconds a seed, median: {', '.join(took)}; what is held out is answered besides."]
    return "\n".join([*lines, "", "## What preferences cost, by the mix of losses", "", *_mixes(measured, recipe)])


def _mixes(measured: Mapping[int, Any], recipe: Recipe) -> list[str]:
    assert recipe.prefer is not None
    how = f"{recipe.prefer.steps} steps each, learning rate {recipe.prefer.learning_rate:g}, beta {recipe.prefer.beta:g}"
    lines = [
        f"From the same aligned models, {how}, unless said.",
        "NLL learns the preferred answers as such. Beside each batch are rehearsed as many transcripts or demonstrations (of both styles) as it has pairs.",
        "Polite: of the answers that are right. The recipe's mix was chosen on other models of the same clips, theo's among them, so its tax is no blind one.",
        "",
        "| mix | theo, points lost, by seed | mean | takes | polite | CPU-s |",
        "|---|---|---|---|---|---|",
    ]
    for name in MIXES:
        found = [one["mixes"][name] for one in measured.values()]
        each = ", ".join(f"{mix['theo']:.1f}" for mix in found)
        mean = {key: statistics.fmean(mix[key] for mix in found) for key in found[0]}
        lines.append(f"| {name} | {each} | {mean['theo']:.1f} | {mean['takes']:.1f} | {100 * mean['polite'] / mean['right']:.1f} % | {mean['cpu_s']:.0f} |")
    return lines


def _speakers(measured: Mapping[int, Any]) -> list[str]:
    groups = [row["group"] for row in next(iter(measured.values()))["tax"] if row["group"].startswith("speaker=")]
    lines = ["| | " + " | ".join(f"seed {seed}" for seed in measured) + " |", "|---|" + "---|" * len(measured)]
    for group in groups:
        cells = [next(row for row in one["tax"] if row["group"] == group) for one in measured.values()]
        lines.append(f"| {group.partition('=')[2]} | " + " | ".join(f"{row['points']:.1f} ({row['low']:.1f} to {row['high']:.1f})" for row in cells) + " |")
    return lines


def _of(found: Mapping[str, float], stage: str, whose: str) -> float:
    return found[f"pretrain {whose}"] if stage == "pretrain" else statistics.fmean(found[f"{stage} {task} {whose}"] for task in TASKS)


def _row(name: str, values: Sequence[float], goal: str, digits: int = 3) -> str:
    return f"| {name} | " + " | ".join(f"{value:.{digits}f}" for value in values) + f" | {goal} |"


def _machine() -> str:
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores shared with others, Python {platform.python_version()}"


def main(data: Path, folder: Path) -> None:
    """Train, measure what has not been measured, and print the page."""
    go_offline()
    folder.mkdir(parents=True, exist_ok=True)
    build, recipe = built(data.resolve(), folder), load_recipe("tiny-cpu")
    measured: dict[int, Any] = {}
    for seed in SEEDS:
        notes = folder / f"measured-{seed}.json"
        done: dict[str, Any] = json.loads(notes.read_text()) if notes.is_file() else {"mixes": {}}
        run, cpu_s = trained(build, folder, recipe, seed)
        if "accuracies" not in done:
            done |= {"accuracies": accuracies(run, build, recipe), "cpu_s": cpu_s}
            done["tax"] = json.loads((run.path / "checkpoints" / "prefer" / "tax.json").read_bytes())
        for name, (changes, rehearsed) in MIXES.items():
            if name not in done["mixes"]:
                done["mixes"][name] = mixed(run, build, recipe, seed, changes, rehearsed)
                print(seed, name, done["mixes"][name], file=sys.stderr, flush=True)
                notes.write_text(json.dumps(done))
        measured[seed] = done
    print(page(measured, recipe))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
