"""A small committed build and run to judge answers against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speccraft import store
from speccraft.scenario.contracts import Hypothesis
from speccraft.scenario.model import Scenario
from speccraft.store import Artefact

WORDS = ("zero", "one", "two", "three", "four")
SPEAKERS = ("anna", "ben", "cleo", "dora", "emil", "theo")
CONDITIONS = ("clean", "place", "snr_20", "snr_0")


def cut(speaker: str, word: str, take: int) -> dict[str, Any]:
    """One test cut as a build writes it; theo was never heard in training."""
    id = f"digits-{speaker}-{word}-{take}"
    return {
        "id": id,
        "type": "MonoCut",
        "start": 0.0,
        "duration": 0.5,
        "channel": 0,
        "recording": {"id": id, "sources": [], "sampling_rate": 8000, "num_samples": 4000, "duration": 0.5},
        "supervisions": [{"id": id, "recording_id": id, "start": 0.0, "duration": 0.5, "text": word, "speaker": speaker}],
        "custom": {
            "source": "digits",
            "speaker": speaker,
            "session": None,
            "stages": ["pretrain"],
            "style": "scripted",
            "licence": "CC-BY-SA-4.0",
            "unit": "u0",
            "unseen": speaker == "theo",
        },
    }


@dataclass(frozen=True)
class World:
    """What an evaluation needs."""

    workspace: Path
    build: Artefact
    run: Artefact
    cuts: list[dict[str, Any]]

    def answers(self, say: Callable[[str, str], str], reference: Callable[[int], str] | None = None) -> Iterator[Hypothesis]:
        """Answers of a model that says `say(reference, condition)`."""
        for condition in CONDITIONS:
            for index, one in enumerate(self.cuts):
                text = one["supervisions"][0]["text"]
                said = reference(index) if reference else text
                yield Hypothesis(cut=one["id"], condition=condition, prompt="", text=say(text, condition), reference=said, seconds=0.05)


def scenario(**acceptance: Any) -> Scenario:
    """A scenario with the clauses given."""
    return Scenario.model_validate_json(
        store.canonical_json(
            {
                "speccraft": 1,
                "name": "digits",
                "job": {"task": "transcribe", "languages": ["en"]},
                "sources": [{"id": "digits", "format": "folder", "path": "."}],
                "acceptance": {"model": acceptance},
            }
        )
    )


def committed(workspace: Path, kind: str, files: dict[str, bytes], **arguments: Any) -> Artefact:
    """Commit files as an artefact named `digits`."""
    folder = workspace / store.KINDS[kind].folder / "digits"
    with store.scratch_folder(folder) as scratch:
        for name, content in files.items():
            store.write_bytes(scratch / name, content)
        return store.commit(scratch, folder, kind=kind, name="digits", **arguments)


def make_world(workspace: Path) -> World:
    """Five takes of five digits by six speakers in test, one of each by five of them in training."""
    tests = sorted((cut(speaker, word, take) for speaker in SPEAKERS for word in WORDS for take in range(5)), key=lambda one: one["id"])
    train = sorted((cut(speaker, word, 9) for speaker in SPEAKERS[:-1] for word in WORDS), key=lambda one: one["id"])
    report = {"attributions": [{"source": "digits", "licence": "CC-BY-SA-4.0", "whom": "Anna & others"}], "waivers": []}
    files = {"cuts.test.jsonl": store.json_lines(tests), "cuts.train.jsonl": store.json_lines(train), "report.json": store.canonical_json(report)}
    build = committed(workspace, "build", files)
    run = committed(workspace, "run", {"recipe.yaml": b"name: tiny-cpu\n"}, derives_from=[build.as_parent], info={"stages": ["pretrain"]})
    return World(workspace, build, run, tests)
