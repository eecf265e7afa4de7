"""What a training was asked for: what decides its outcome, its identity, and how it differs from one that was begun before."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speccraft import __version__, store
from speccraft.errors import SpeccraftError, WrongUsage
from speccraft.resources import PACKAGE
from speccraft.rights.doors import scenario_of
from speccraft.scenario import Scenario

from .recipe import Recipe

if TYPE_CHECKING:
    from speccraft.scenario.contracts import Pair

    from .voice import Voice

ORDER_FILE = "order.json"
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "numpy", "lhotse")


@dataclass(frozen=True)
class Resuming:
    """How strictly an earlier training is gone on from.

    Attributes:
        strict: a damaged state is an error, not passed over.
        weights_only: where no whole state is left, go on from weights alone.
        allowed: fields that may differ from what trained before, as `recipe.pretrain.learning_rate`.
        run: id of an unfinished run to go on from, though something differs.
        restart: forget what was trained so far.
    """

    strict: bool = False
    weights_only: bool = False
    allowed: tuple[str, ...] = ()
    run: str = ""
    restart: bool = False


EXACTLY = Resuming()


@dataclass(frozen=True)
class Order:
    """What was asked for, and where it goes.

    Attributes:
        world: processes that train together; each takes a batch of its own in every step.
        continues: the unfinished run that this one goes on from, and what differs from it, if it does.
        bases: digests of the published checkpoints that training starts from, by the field of the recipe that names them.
    """

    build: store.Artefact
    workspace: Path
    recipe: Recipe
    stages: tuple[str, ...]
    name: str
    seed: int
    world: int = 1
    continues: Mapping[str, Any] = field(default_factory=dict)
    bases: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Digest of everything that decides what the run becomes."""
        decisive = {"build": self.build.digest, "recipe": self._recipe(), "stages": self.stages, "seed": self.seed, "version": __version__}
        if self.world > 1:
            decisive["world"] = self.world
        if self.bases:
            decisive["bases"] = dict(self.bases)
        if self.continues:
            decisive["continues"] = dict(self.continues)
        return store.digest_of(decisive)[:16]

    @property
    def final(self) -> Path:
        """Where the committed run stands."""
        return self.workspace / store.KINDS["run"].folder / self.name / self.id

    @property
    def partial(self) -> Path:
        """Where the run grows until it is committed."""
        return self.final.with_name(f"{self.id}.partial")

    @property
    def sampling_rate(self) -> int:
        """Of the build, in Hz."""
        return int(self.build.record.info["sampling_rate"])

    @cached_property
    def scenario(self) -> Scenario:
        """That the build was made from."""
        return scenario_of(self.build)

    @property
    def speaks(self) -> bool:
        """Whether the job answers in speech."""
        return "speech" in self.scenario.job.output

    @cached_property
    def voice(self) -> Voice:
        """Who answers aloud.

        Raises:
            SpeccraftError: the build holds no speech with words of such a voice.
        """
        from .voice import voice_of

        return voice_of(self.scenario, self.build.path, self.workspace.parent)

    @cached_property
    def given_pairs(self) -> list[Pair]:
        """The build's preferences for training."""
        from .preferences import read_pairs

        return read_pairs(self.build.path, "train")

    def fields(self) -> dict[str, str]:
        """All that has to be the same for a resumed training to go on as if nothing had happened, each as text."""
        found = {
            "build": self.build.digest,
            "scenario": self.build.record.info["scenario"]["digest"],
            "stages": ", ".join(self.stages),
            "seed": str(self.seed),
            "world": str(self.world),
            "speccraft": __version__,
            "code": code_digest(),
            "python": platform.python_version(),
            "device": device(),
        }
        found |= {name: _version(name) for name in LIBRARIES} | {f"base.{name}": digest for name, digest in self.bases.items()}
        return found | _flat("recipe", self._recipe())

    def _recipe(self) -> dict[str, Any]:
        """The recipe, without what changes nothing but the time it takes."""
        return self.recipe.model_dump(mode="json", exclude={"loader_workers"})

    def recipe_yaml(self) -> bytes:
        """The recipe as it was resolved, with what it was resolved for."""
        head = (
            f"# Resolved by speccraft {__version__}: scenario {self.name} ({self.build.record.info['scenario']['digest']}),\n"
            f"# build {self.build.record.id}, stages {', '.join(self.stages)}, seed {self.seed}, {self.world} process{'es' * (self.world > 1)}.\n"
        )
        return head.encode() + self.recipe.as_yaml()


def device() -> str:
    """What trains: `cpu`, or the name of the GPU."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


@cache
def code_digest() -> str:
    """SHA-256 of the code that trains; what is edited after it was read does not count."""
    folders = [Path(__file__).parent, PACKAGE / "sound"]
    digest = hashlib.sha256()
    for path in (path for folder in folders for path in sorted(folder.rglob("*.py"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def differences(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Fields that differ, with what they were and are; `-` where there was none."""
    return {name: (was.get(name, "-"), now.get(name, "-")) for name in sorted(was.keys() | now.keys()) if was.get(name) != now.get(name)}


def refused(changed: Iterable[str], allowed: Sequence[str]) -> list[str]:
    """Changed fields that nobody allowed; `recipe` allows all of the recipe, `recipe.pretrain` all of a stage."""
    return [name for name in changed if not any(name == allow or name.startswith(f"{allow}.") for allow in allowed)]


def need_same(was: Mapping[str, str], now: Mapping[str, str], allowed: Sequence[str], what: str) -> dict[str, tuple[str, str]]:
    """What differs, all of it allowed.

    Raises:
        SpeccraftError: something differs that was not allowed to; the details are the whole difference.
    """
    changed = differences(was, now)
    if missing := refused(changed, allowed):
        raise SpeccraftError(
            f"{what} was trained by something else: {', '.join(missing)} differ{'s' * (len(missing) == 1)}",
            details=shown(changed),
            try_this="put it back as it was, or allow it: " + " ".join(f"--allow-change {name}" for name in missing) + "; --restart begins anew",
        )
    return changed


def shown(changed: Mapping[str, tuple[str, str]]) -> list[str]:
    """A difference as lines, digests shortened."""
    return [f"{name}: {_short(was)} -> {_short(now)}" for name, (was, now) in changed.items()]


def _short(value: str) -> str:
    return value[:12] if len(value) == 64 and set(value) <= set("0123456789abcdef") else value


def unfinished(order: Order) -> list[Path]:
    """Other runs of this name that were begun and never finished."""
    folders = sorted(order.final.parent.glob(f"*.partial/{ORDER_FILE}"))
    return [path.parent for path in folders if path.parent != order.partial]


def begun(partial: Path) -> dict[str, Any]:
    """What an unfinished run was asked for, and what was allowed to change since."""
    found: dict[str, Any] = json.loads((partial / ORDER_FILE).read_text())
    return found


def taken_over(order: Order, id: str, allowed: Sequence[str]) -> Order:
    """The order that goes on from an unfinished run, whose folder becomes its own.

    Raises:
        WrongUsage: there is no such run.
        SpeccraftError: it differs in what was not allowed to.
    """
    found = [path for path in [order.partial, *unfinished(order)] if path.name.startswith(id) and (path / ORDER_FILE).is_file()]
    if len(found) != 1:
        there = ", ".join(path.name.removesuffix(".partial") for path in unfinished(order))
        raise WrongUsage(f"--resume {id}: names {len(found)} unfinished runs of {order.name}", try_this=f"one of {there}" if there else "no --resume")
    before = begun(found[0])
    changed = need_same(before["fields"], order.fields(), allowed, f"run {found[0].name.removesuffix('.partial')}")
    continues = before["continues"] if not changed else {"run": found[0].name.removesuffix(".partial"), "changed": {k: list(v) for k, v in changed.items()}}
    adopted = replace(order, continues=continues)
    if adopted.partial != found[0]:
        store.place(found[0], adopted.partial)
    note(adopted, changed)
    return adopted


def note(order: Order, changed: Mapping[str, tuple[str, str]]) -> None:
    """Write down what is trained, for whoever goes on with it: what was asked for, and all that ever changed on the way."""
    before = begun(order.partial)["changed"] if (order.partial / ORDER_FILE).is_file() else {}
    content = {"fields": order.fields(), "continues": dict(order.continues), "changed": before | {name: list(values) for name, values in changed.items()}}
    store.write_bytes(order.partial / ORDER_FILE, store.canonical_json(content))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def _flat(name: str, value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        return {key: text for part, inside in value.items() for key, text in _flat(f"{name}.{part}", inside).items()}
    return {name: json.dumps(value)}
