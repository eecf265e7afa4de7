"""Commands about the scenario alone: check, explain, plan, schema."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speccraft.cli.options import AsOf, Data, Json, Quiet, ScenarioFile, Workers, Workspace, Yes
from speccraft.console import Command
from speccraft.errors import RefusedByRights, SpeccraftError
from speccraft.machine import CORES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from speccraft.plan import Plan
    from speccraft.scenario import LoadedScenario
    from speccraft.scenario.diagnostics import Diagnostic


class Format(StrEnum):
    """How `check` prints what it found."""

    text = "text"
    github = "github"


def check(
    scenario: ScenarioFile,
    form: Annotated[Format, typer.Option("--format", help="`github` prints annotations for a pull request as well.")] = Format.text,
    migrate: Annotated[bool, typer.Option("--migrate", help="Show what a scenario of an older format becomes; `--yes` writes it.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Check a scenario: every problem at once, with its place in the file.

    Example: speccraft check examples/metro-digits/scenario.yaml
    """
    with Command("check", as_json=as_json) as command:
        from speccraft.plan.read import day
        from speccraft.plan.words import refused_voice, unknown_words
        from speccraft.scenario import load_scenario
        from speccraft.scenario.diagnostics import in_order
        from speccraft.scenario.document import invalid

        if migrate and not _migrated(command, scenario, yes):
            return
        try:
            loaded = load_scenario(scenario)
        except SpeccraftError as error:
            _annotate(command, form, error.findings)
            raise
        findings = in_order((*loaded.advice, *unknown_words(loaded), *refused_voice(loaded, day(None))))
        _annotate(command, form, findings)
        if any(one.severity == "error" for one in findings):
            raise invalid(str(scenario), findings)
        command.show(findings)
        command.data(f"{scenario}: a valid scenario for '{loaded.scenario.name}'")
        command.say(f"next: speccraft plan {scenario}")


def explain(code: Annotated[str, typer.Argument(help="A code that speccraft reported.", metavar="CODE")], as_json: Json = False) -> None:
    """Explain a code: what it means, an example, why speccraft insists and what to try.

    Example: speccraft explain SC203
    """
    with Command("explain", as_json=as_json) as command:
        from speccraft.scenario.explain import explain as look_up

        found = look_up(code)
        command.findings.append(found.model_dump(by_alias=True))
        command.data(found.render())


def plan(
    scenario: ScenarioFile,
    data: Data = None,
    workspace: Workspace = None,
    workers: Workers = CORES,
    as_of: AsOf = None,
    out: Annotated[Path | None, typer.Option("--out", help="Save the plan; `build-manifest --plan FILE` refuses when the world changed since.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say what enters a build and what is refused, what is missing, which recipe trains, what it costs. Decodes no audio.

    Example: speccraft plan examples/metro-digits/scenario.yaml --data ../shared/data/demo
    """
    with Command("plan", as_json=as_json, quiet=quiet) as command:
        from speccraft.locate import workspace_of

        loaded, made = planned(command, scenario, data, as_of, lengths=True)
        tell_plan(command, made, workspace_of(scenario, workspace), workers, scenario.parent)
        if out is not None:
            from speccraft.plan.saved import save

            save(made, loaded, out)
            command.artifact("plan", out)
        if command.exit_code == 0:
            command.say(f"next: speccraft build-manifest {scenario}" + (f" --plan {out}" if out else ""))


def schema(
    name: Annotated[str, typer.Argument(help="scenario, recipe, consent, row (of a table), demonstration, pair, cut, hypothesis or score.")] = "scenario",
) -> None:
    """Print a JSON Schema, for editors and other tools.

    Example: speccraft schema recipe
    """
    with Command("schema", as_json=False) as command:
        from speccraft.scenario.schema import as_text, schema_of

        command.data(as_text(schema_of(name)).rstrip())


def _migrated(command: Command, scenario: Path, yes: bool) -> bool:
    """Show what a scenario of an older format becomes, and write it where that is wished; whether the file is of this version now."""
    from speccraft import store
    from speccraft.scenario.versions import load_for_migration

    lifted = load_for_migration(scenario)
    if not lifted.diff:
        return True
    command.data(lifted.diff)
    command.findings.append({"severity": "note", "message": "an older format", "diff": lifted.diff})
    if yes:
        store.write_bytes(scenario, lifted.after.encode())
        command.say(f"{scenario}: written")
    else:
        command.say("nothing is written; --yes writes it")
        command.exit_code = 1
    return yes


def _annotate(command: Command, form: Format, diagnostics: Sequence[Diagnostic]) -> None:
    if form is Format.github and diagnostics:
        from speccraft.scenario.diagnostics import render_github

        command.data(render_github(diagnostics))


def planned(command: Command, scenario: Path, data: Path | None, as_of: str | None, *, lengths: bool = False) -> tuple[LoadedScenario, Plan]:
    """Load a scenario and plan it as things stand."""
    from speccraft.plan import plan_of
    from speccraft.scenario import load_scenario

    loaded = load_scenario(scenario)
    return loaded, plan_of(loaded, data=data, as_of=as_of, lengths=lengths, on_progress=command.progress)


def tell_plan(command: Command, made: Plan, workspace: Path, workers: int, start: Path) -> None:
    """Print a plan; exit code 4 when rights stop the build, 1 when no speech enters."""
    from speccraft.notebook import look_ahead
    from speccraft.plan.show import describe
    from speccraft.scenario.source_base import HEARD

    seen = look_ahead(made, workspace, workers, start)
    command.data(describe(seen))
    command.counts |= seen.as_data()
    command.findings += [{"severity": "refused", "source": source, "message": reason, "rows": rows} for source, reason, rows in made.refusals]
    command.findings += [{"severity": "refused", "message": f"{what}: {reason}"} for what, reason in made.stopped_by.items()]
    command.findings += [{"severity": "warn", "message": sentence} for sentence in seen.warnings]
    if made.stopped_by:
        command.exit_code = RefusedByRights.exit_code
    elif not any(item.source.role in HEARD for item in made.admitted):
        command.say("no speech and no dialogue enters: there is nothing to build")
        command.exit_code = 1
