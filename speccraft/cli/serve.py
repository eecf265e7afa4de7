"""The command that serves a run: a page to speak to it, and an API that OpenAI's clients speak."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speccraft.cli.opened import opened
from speccraft.cli.options import Despite, Json, Quiet, Workspace
from speccraft.cli.train import need_extra, need_training_extra
from speccraft.console import Command

if TYPE_CHECKING:
    from speccraft.locate import Found
    from speccraft.scenario import Scenario


def serve(
    run: Annotated[Path, typer.Argument(help="A run's folder, or a scenario for its current run.")],
    host: Annotated[str, typer.Option("--host", help="Address to listen at; any but this machine's own needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 8000,
    token: Annotated[str | None, typer.Option("--token", envvar="SPECCRAFT_TOKEN", help="What clients have to bring as their API key.")] = None,
    certificate: Annotated[Path | None, typer.Option("--certificate", exists=True, help="PEM file, for https; needs --key.")] = None,
    key: Annotated[Path | None, typer.Option("--key", exists=True, help="PEM file of the certificate's key.")] = None,
    longest_audio_s: Annotated[float, typer.Option("--longest-audio", min=0.1, max=3600, help="Seconds of audio that a request may hold.")] = 30.0,
    queue: Annotated[int, typer.Option("--queue", min=1, max=10_000, help="Requests that may wait; more are told 429.")] = 32,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, max=3600, help="Seconds after which a request is given up with 504.")] = 60.0,
    workspace: Workspace = None,
    despite_revocation: Despite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Serve a run: a page to speak or type to it, and an API that OpenAI's clients speak. Ctrl-C ends it.

    Example: speccraft serve examples/metro-digits/scenario.yaml --port 8000
    """
    with Command("serve", as_json=as_json, quiet=quiet) as command:
        need_training_extra()
        need_extra("serve", "serving", ("starlette", "uvicorn", "python_multipart"))
        from speccraft.errors import WrongUsage
        from speccraft.trainer.serve.address import Address, is_loopback

        if (certificate is None) != (key is None):
            raise WrongUsage("--certificate and --key go together")
        address = Address(host, port, token, (certificate, key) if certificate and key else None)
        address.check()
        from speccraft.locate import build_behind, rights_folder
        from speccraft.rights.doors import scenario_of
        from speccraft.trainer.serve.limits import Limits
        from speccraft.trainer.serve.server import listen, service_of
        from speccraft.trainer.serve.server import serve as serve_until_stopped

        found = opened(command, "run", run, workspace, despite=despite_revocation)
        build = build_behind(found, command.progress)
        scenario, folder = scenario_of(build), rights_folder(run, found)
        listening = listen(address)
        command.say(f"loading {found.artefact.path}")
        limits = Limits(audio_s=longest_audio_s, queue=queue, timeout_s=timeout_s)
        service = service_of(found.artefact.path, build.path, scenario, limits, lambda: may_serve(found, scenario, folder, despite=despite_revocation))
        if not is_loopback(host):
            heard = "" if certificate else "; without https others on the way hear and read what is said"
            command.say(f"warning: others can reach {host}: whoever has the token can use the model{heard}")
        command.if_interrupted = "the server has ended, after what was under way"
        told = f"API: URLv1, model {scenario.name}; Ctrl-C ends it"
        serve_until_stopped(service, address, listening, lambda url: command.say(f"serving {scenario.name} at {url}  ({told.replace('URL', url)})"))


def may_serve(found: Found, scenario: Scenario, folder: Path, *, despite: bool) -> None:
    """Check that a run may be used today: nothing in it was revoked, and a licensed voice has its consent.

    Args:
        folder: the scenario's, where consents are.

    Raises:
        RefusedByRights: it may not; the message says why.
    """
    from speccraft.rights.doors import need_voice, today
    from speccraft.rights.revocations import need_usable

    need_usable(found.workspace, found.artefact, despite_revocation=despite)
    need_voice(scenario, folder, today())
