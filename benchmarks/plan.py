"""Hold the estimates of `speccraft plan` against builds from nothing: seconds and megabytes, estimated and real.

    python benchmarks/plan.py SCENARIO[=DATA] ...

writes benchmarks/plan.md. Give scenarios that you can build here, with the folder that their paths start from.
"""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from pathlib import Path

from speccraft.build.run import build
from speccraft.machine import CORES
from speccraft.notebook import look_ahead
from speccraft.plan import plan_of
from speccraft.scenario import load_scenario

HEAD = """# Estimates against builds

What `speccraft plan` says a build takes, and what it took from nothing; {cores} workers, {machine}, Python {python}.
Made by `python benchmarks/plan.py`.

| scenario | recordings | hours | estimated s | took s | ratio | estimated MB | took MB | ratio |
|---|---|---|---|---|---|---|---|---|
"""


def row(scenario: Path, data: Path | None) -> str:
    """Plan and build one scenario in a scratch workspace; a line of the table."""
    loaded = load_scenario(scenario)
    made = plan_of(loaded, data=data, as_of="2026-11-23", lengths=True)
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Path(scratch) / "work"
        said = look_ahead(made, workspace, CORES).estimate
        started = time.monotonic()
        build(loaded, made, workspace=workspace, workers=CORES)
        took_s = time.monotonic() - started
        took_mb = sum(path.stat().st_size for path in workspace.rglob("*") if path.is_file()) / 1e6
    said_mb = said.bytes / 1e6
    hours = sum(item.row.seconds or 0.0 for item in made.admitted) / 3600
    time_cells = f"{said.build_s:.1f} | {took_s:.1f} | {took_s / said.build_s:.2f}"
    disk_cells = f"{said_mb:.0f} | {took_mb:.0f} | {took_mb / said_mb:.2f}"
    return f"| {made.scenario.name} | {len(made.admitted)} | {hours:.2f} | {time_cells} | {disk_cells} |"


def main() -> None:
    """Build every scenario that was named and write the table."""
    rows = []
    for argument in sys.argv[1:]:
        scenario, _, data = argument.partition("=")
        rows.append(row(Path(scenario), Path(data) if data else None))
        print(rows[-1], file=sys.stderr)
    head = HEAD.format(cores=CORES, machine=platform.machine(), python=platform.python_version())
    Path(__file__).with_name("plan.md").write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
