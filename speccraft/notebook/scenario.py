"""A scenario that knows its file: it plans and builds itself, and shows itself as HTML."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import PrivateAttr

from speccraft import store
from speccraft.machine import CORES, free_bytes
from speccraft.scenario import LoadedScenario, Scenario
from speccraft.scenario import load_scenario as load

if TYPE_CHECKING:
    from speccraft.notebook.build import Build
    from speccraft.plan import Plan
    from speccraft.plan.estimate import Work
    from speccraft.plan.outlook import Outlook


class OpenScenario(Scenario):
    """A scenario that knows its file, so that it can be planned."""

    _loaded: LoadedScenario = PrivateAttr()

    @property
    def loaded(self) -> LoadedScenario:
        """The scenario with its path, text, digest and advice."""
        return self._loaded

    def plan(self, data: str | Path | None = None, as_of: str | None = None, workspace: str | Path | None = None) -> Outlook:
        """What would be done, what is missing and what it costs; reads tables and headers, decodes no audio.

        Args:
            data: what source paths start from; default the scenario's folder.
            as_of: the day (YYYY-MM-DD) that rights are judged at; default today in UTC.
            workspace: where builds live; default `speccraft-work` beside the scenario.

        Raises:
            speccraft.errors.UnreadableInput: a source cannot be read.
        """
        from speccraft.locate import workspace_of
        from speccraft.plan import plan_of

        made = plan_of(self._loaded, data=None if data is None else Path(data), as_of=as_of, lengths=True)
        where = workspace_of(self._loaded.path, None if workspace is None else Path(workspace))
        return look_ahead(made, where, start=self._loaded.path.parent)

    def build(self, data: str | Path | None = None, as_of: str | None = None, workspace: str | Path | None = None, workers: int = CORES) -> Build:
        """Make the build, or find it made.

        Args:
            data: what source paths start from; default the scenario's folder.
            as_of: the day (YYYY-MM-DD) that rights are judged at; default today in UTC.
            workspace: where builds live; default `speccraft-work` beside the scenario.
            workers: processes; the result is the same.

        Raises:
            speccraft.errors.UnreadableInput: a source cannot be read.
            speccraft.errors.RefusedByRights: a source that may not be left out is refused; nothing is written.
        """
        from speccraft.build.run import build
        from speccraft.locate import workspace_of
        from speccraft.notebook.build import Build
        from speccraft.plan import plan_of

        made = plan_of(self._loaded, data=None if data is None else Path(data), as_of=as_of)
        where = workspace_of(self._loaded.path, None if workspace is None else Path(workspace))
        return Build(build(self._loaded, made, workspace=where, workers=workers).artefact, where)

    def __repr__(self) -> str:
        return f"<OpenScenario {self.name}>"

    def _repr_html_(self) -> str:
        rows = [("job", f"{self.job.task}, {'/'.join(self.job.languages)}"), ("place", self.environment.place or "not named")]
        rows += [(f"source {source.id}", f"{source.role}, {source.format}, {source.licence or 'licences by row'}") for source in self.sources]
        rows += [(one.code, f"line {one.line}: {one.path} {one.message}") for one in self._loaded.advice]
        cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
        return f"<h3>{html.escape(self.name)}</h3><table>{cells}</table>"


def load_scenario(path: str | Path) -> OpenScenario:
    """Read and check a scenario file.

    Raises:
        speccraft.errors.InvalidScenario: the file breaks the schema or contradicts itself; carries every diagnostic.
    """
    loaded = load(path)
    scenario = OpenScenario.model_construct(**dict(loaded.scenario))
    scenario._loaded = loaded
    return scenario


def look_ahead(plan: Plan, workspace: Path, workers: int = CORES, start: Path | None = None) -> Outlook:
    """A plan seen from all sides, with what this workspace and the recipe know about time; a recipe's path starts from `start`."""
    from speccraft.plan.outlook import outlook
    from speccraft.plan.recipe import recipe_for

    last = (store.last_logged(workspace, "build", having="over_estimate") or {}).get("over_estimate")
    work = training_work(recipe_for(plan.scenario).name, plan.scenario, start)
    scale = float(last) if isinstance(last, int | float) and last > 0 else 1.0
    return outlook(plan, workers=workers, scale=scale, training=work, free_bytes=free_bytes(workspace))


def training_work(recipe: str, scenario: Scenario, start: Path | None = None) -> tuple[Work, ...]:
    """What a recipe says that each stage of a scenario does; nothing where it does not say how fast it trains.

    Raises:
        UnreadableInput: there is no such recipe.
        InvalidScenario: the recipe is not valid.
    """
    from speccraft.plan.estimate import Work
    from speccraft.trainer.recipe import StageRecipe, load_recipe

    read = load_recipe(recipe, start=start)
    stages: dict[str, StageRecipe] = {"pretrain": read.pretrain, "align": read.align} | ({"prefer": read.prefer} if read.prefer else {})
    expect = read.expect
    if expect is None:
        return ()
    return tuple(
        Work(stage, stages[stage].steps * stages[stage].batch_audio_s, expect.audio_s_per_s[stage], expect.measured_on, expect.device == "gpu")
        for stage in scenario.training.stages
        if stage in stages and stage in expect.audio_s_per_s
    )
