"""The command measure: of any recordings, of a place that was recorded on site, and of a cut in its place."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speccraft.cli.opened import opened
from speccraft.cli.options import Despite, Json, Quiet, Workers, Workspace
from speccraft.console import Command
from speccraft.errors import UnreadableInput, WrongUsage
from speccraft.machine import CORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def measure(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Recordings, or folders of them.", show_default=False)] = None,
    place: Annotated[
        tuple[Path, str] | None,
        typer.Option("--place", metavar="BUILD ID", help="Write a cut of a build clean and in its place instead; BUILD as `report` takes it, ID its cut's."),
    ] = None,
    environment: Annotated[
        Path | None,
        typer.Option("--environment", metavar="DIR", help="Turn recordings made on site into an `environment:` block for a scenario instead.", file_okay=False),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(
            "--rate",
            metavar="HZ",
            min=4000,
            max=48000,
            help="Measure at this sampling rate, as a build does; default each file's own, or the next of a scenario's rates above (22050 at 24000).",
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="TAG", help="Language of the transcripts beside recordings, such as en: syllables are counted by it.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="With --place: folder to write into.", file_okay=False, show_default="this folder")] = None,
    epoch: Annotated[int | None, typer.Option("--epoch", min=0, help="With --place, for a training cut: the epoch that draws.", show_default="0")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="With --place, for a training cut: the training's seed; default the scenario's.")] = None,
    workspace: Workspace = None,
    despite_revocation: Despite = False,
    workers: Workers = CORES,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure recordings: level, loudness, noise, bandwidth, reverberation, voice, clipping, pauses. Exit code 1 when one cannot be read.

    Example: speccraft measure recordings/ interview.mp3

    Example: speccraft measure --environment on-site/

    Example: speccraft measure --place examples/metro-digits/scenario.yaml digits-00342e471956e844 --out heard/
    """
    with Command("measure", as_json=as_json, quiet=quiet) as command:
        command.if_interrupted = "nothing was written"
        _need_one({"FILE": files, "--place": place, "--environment": environment})
        _need_none("--place", place, {"--out": out, "--epoch": epoch, "--seed": seed, "--workspace": workspace})
        _need_none("FILE", files, {"--rate": rate, "--language": language})
        if files:
            _files(command, files, rate, language, workers)
        elif environment is not None:
            _environment(command, environment, workers)
        elif place is not None:
            _place(command, *place, out or Path(), workspace, epoch, seed, despite=despite_revocation)


def _files(command: Command, files: Sequence[Path], rate: int | None, language: str | None, workers: int) -> None:
    from speccraft.measuring.files import measure_files, recordings_at
    from speccraft.measuring.recording import How
    from speccraft.measuring.show import listing, table
    from speccraft.sound.spectral import SPECTRAL

    how = How(sampling_rate=rate, spectral=tuple(SPECTRAL))
    told = partial(command.progress, "measure")
    rows = measure_files(recordings_at(files), how, workers=workers, language=language, on_progress=told)
    failed = [row for row in rows if row["rule"] is not None]
    command.counts = {"files": len(rows), "failed": len(failed), "seconds": round(sum(row.get("duration_s", 0.0) for row in rows), 3)}
    command.findings += [{"severity": "info" if row["rule"] is None else "error", **row} for row in rows]
    for line in listing(rows[0]) if len(rows) == 1 else table(rows):
        command.data(line)
    if failed:
        command.exit_code = 1
        command.say(f"{len(failed)} of {len(rows)} cannot be measured")


def _environment(command: Command, folder: Path, workers: int) -> None:
    from speccraft.measuring.onsite import block, listen
    from speccraft.scenario.diagnostics import printable

    found = listen(folder, workers=workers, on_progress=partial(command.progress, "listen"))
    made = block(found)
    command.counts, estimates = found.counts, [vars(one) for one in made.estimates]
    command.findings += [{"severity": "info", "environment": made.environment, "yaml": made.text, "estimates": estimates, "files": found.files}]
    command.findings += [{"severity": "warning", "file": row["file"], "rule": row["rule"], "message": row["reason"]} for row in found.unreadable]
    command.data(made.text.rstrip("\n"))
    for row in found.unreadable:
        command.say(printable(f"{row['file']}: {row['reason']}"))
    command.say("paste it over the `environment:` of a scenario, then: speccraft check SCENARIO")


def _place(command: Command, build: Path, what: str, out: Path, workspace: Path | None, epoch: int | None, seed: int | None, *, despite: bool) -> None:
    from speccraft.interview.files import existing, write
    from speccraft.measuring.placed import find_cut, versions
    from speccraft.measuring.show import parameters
    from speccraft.remote.url import url_of
    from speccraft.rights.doors import scenario_of

    if url_of(build) is None and not build.exists():
        raise UnreadableInput(f"{build}: does not exist", try_this="BUILD is a scenario file, whose current build is meant, or the folder of a build")
    found = opened(command, "build", build, workspace, despite=despite).artefact
    cut = find_cut(found, what)
    made = list(versions(found, scenario_of(found), cut, epoch=epoch, seed=seed))
    files = {out / f"{cut.id}.{version.condition}.flac": version.flac for version in made}
    if there := existing(files):
        raise WrongUsage(f"{', '.join(map(str, there))}: there already, and would change", try_this="name another folder with --out")
    write(files)
    command.counts = {"files": len(files)}
    command.data(f"{cut.id}  {cut.split}")
    for line in parameters(made):
        command.data(line)
    if not any(version.measured for version in made[1:]):
        command.say("as recorded: no place is declared" if len(made) == 1 else "as recorded: this draw is one of `clean_fraction`, or nothing was to be drawn")
    for path, version in zip(files, made, strict=True):
        command.artifact(version.condition, path)
        row = {"cut": cut.id, "split": cut.split, "condition": version.condition, "file": str(path)}
        command.findings.append({"severity": "info", **row, "place": version.place, "measured": version.measured})
        command.data(f"wrote {path}")


def _need_one(ways: Mapping[str, object]) -> None:
    """What is measured: one of three things."""
    given = [name for name, value in ways.items() if value]
    if len(given) != 1:
        what = f"{' and '.join(given)} exclude each other" if given else "nothing to measure"
        raise WrongUsage(what, try_this="speccraft measure FILE..., speccraft measure --environment DIR, or speccraft measure --place BUILD ID")


def _need_none(way: str, chosen: object, options: Mapping[str, object]) -> None:
    """Options that only one of the ways takes."""
    if useless := [] if chosen else [name for name, value in options.items() if value is not None]:
        raise WrongUsage(f"{', '.join(useless)} would have no effect without {way}", try_this="leave it out")
