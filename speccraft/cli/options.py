"""Options that several commands take, each in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ScenarioFile = Annotated[Path, typer.Argument(help="The scenario, a YAML file.", metavar="SCENARIO")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="SPECCRAFT_DATA", help="Folder or s3://BUCKET/PREFIX that source paths start from; default the scenario's folder.", file_okay=False
    ),
]
Workspace = Annotated[
    Path | None,
    typer.Option("--workspace", help="Folder or s3://BUCKET/PREFIX where builds and runs live; default speccraft-work/ beside the scenario.", file_okay=False),
]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Day (YYYY-MM-DD) that rights are judged at; default today, UTC.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no messages.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before a file is written over.")]
Workers = Annotated[int, typer.Option("--workers", min=1, show_default=False, help="Worker processes; default one per core. The result is the same.")]
Despite = Annotated[
    bool, typer.Option("--despite-revocation", help="Use what holds a voice that was revoked since, where the law lets you; says why it is marked.")
]
