"""Write examples/look-at-a-build.ipynb and execute it: `python docs/notebook.py`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parent.parent / "examples" / "look-at-a-build.ipynb"
CELLS = (
    """# Look at a build

What `speccraft build-manifest` makes can be looked into from a notebook: the report, the tables, the cuts and their sound, and what changed since the
build before. Everything here is made on the spot: the voices are synthetic, and so are the noises and rooms of a metro platform. It takes a minute.
Afterwards `speccraft.open_build("scenario.yaml")` opens the build that is there.""",
    """\
import tempfile
from pathlib import Path

import polars as pl

from speccraft import load_scenario
from speccraft.demo import write_demo

scenario_file = write_demo(Path(tempfile.mkdtemp()))
# One take of each sentence in each voice is enough to look at.
shorter = scenario_file.read_text().replace("takes: 4", "takes: 1").replace("pretrain: 0.08", "pretrain: 0.02")
scenario_file.write_text(shorter)
scenario = load_scenario(scenario_file)
scenario""",
    """A build decides what becomes of every recording, cuts and measures it, keeps train and test apart and hears the test in its place.""",
    """\
build = scenario.build(as_of="2026-01-01")
build""",
    """## The report

The page, without its clips; `build.report().open()` opens all of it in the browser.""",
    """build.report()""",
    """## The tables

`build.measures` has a row a cut, `build.ledger` a row an input. Both are lazy Polars frames: what is asked of them is read, and nothing else. Speakers go
by the pseudonyms that they have in the cuts.""",
    """build.measures.select("cut", "split", "speaker", "text", "duration_s", "snr_db", "delivered_snr_db")""",
    """build.measures.group_by("split").agg(pl.len().alias("cuts"), pl.col("duration_s").median().round(2)).sort("split").collect().to_dicts()""",
    """build.ledger.select("row", "source", "role", "fate", "rule", "seconds", "seconds_kept", "seconds_unvoiced", "cuts")""",
    """## The sound

The test cut that the platform drowned most, as it was recorded and as it was heard there.""",
    """\
noisiest = build.measures.filter(pl.col("split") == "test").sort("delivered_snr_db").select("cut").first().collect().item()
build.listen(noisiest)""",
    """The same for Lhotse: a lazy `CutSet`, every file of which was checked against the commit record.""",
    """\
cut = next(iter(build.cuts("test", ["clean", "place"])))
cut.supervisions[0].text, cut.duration, cut.recording.load_audio().shape, cut.recording_place.load_audio().shape""",
    """## What a change would do

One more rule, and a build of its own: what it takes away, from whom, and how far the measures move.""",
    """\
scenario_file.write_text(shorter.replace("quality:", "quality:\\n  duration_s: {min: 1.0}"))
later = load_scenario(scenario_file).build(as_of="2026-01-01")
print(later.diff(build))""",
    """later.diff(build)""",
)
"""Words and code in turn: what begins with a capital letter or a hash is Markdown."""


def notebook() -> dict[str, Any]:
    """The notebook as nbformat 4.5 has it, not executed."""
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    return {"cells": [_cell(number, source) for number, source in enumerate(CELLS)], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def executed() -> dict[str, Any]:
    """The notebook with its outputs, without a clock, a version or a path in it."""
    import nbformat
    from nbclient import NotebookClient

    made = nbformat.from_dict(notebook())
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(made, timeout=600, record_timing=False, resources={"metadata": {"path": folder}}).execute()
    made.metadata = notebook()["metadata"]
    for cell in (cell for cell in made.cells if cell.cell_type == "code"):
        # Warnings are about the machine: that a progress bar has no widget, and where it lies.
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    done: dict[str, Any] = json.loads(nbformat.writes(made))
    return done


def _cell(number: int, source: str) -> dict[str, Any]:
    common = {"id": f"cell-{number:02d}", "metadata": {}, "source": source}
    if source[0].isupper() or source.startswith("#"):
        return {"cell_type": "markdown", **common}
    return {"cell_type": "code", "execution_count": None, "outputs": [], **common}


if __name__ == "__main__":
    NOTEBOOK.write_text(json.dumps(executed(), indent=1, ensure_ascii=False, sort_keys=True) + "\n")
