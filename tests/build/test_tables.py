"""The tables a build decides on: one row per admitted input, joined with what its unit found."""

from __future__ import annotations

from pathlib import Path

from corpus import Corpus, plan_of

from speccraft.build.run import units_of
from speccraft.build.tables import collect
from speccraft.build.units import run_unit


def test_rows_and_findings_are_joined_by_source_and_input(corpus: Corpus, tmp_path: Path) -> None:
    corpus.add_row("words/text.wav", b"no sound", text='odd\n\u2028"text"', speaker="zoë")
    made = plan_of(corpus)
    folders = {unit.name: run_unit(unit, tmp_path, lambda _: None) for unit in units_of(made)}
    tables = collect(made, folders)
    assert sorted(tables.recordings.select("source", "input").rows()) == sorted((item.source.id, item.row.input) for item in made.admitted)
    failed = tables.recordings.filter(tables.recordings["rule"].is_not_null()).row(0, named=True)
    assert (failed["input"], failed["speaker"], failed["unit"]) == ("words/text.wav", "zoë", "words/00000")
    assert tables.segments.height == 36
    assert set(tables.segments["file"]) == {str(folder / "audio.bin") for folder in folders.values()}
    assert tables.segments.select("source", "input", "start").rows() == sorted(tables.segments.select("source", "input", "start").rows())


def test_no_units_give_empty_tables(corpus: Corpus) -> None:
    tables = collect(plan_of(corpus), {})
    assert tables.segments.is_empty()
    assert tables.recordings["num_samples"].null_count() == 36


def test_units_hold_every_admitted_row_once_in_a_fixed_order(corpus: Corpus) -> None:
    made = plan_of(corpus)
    units = units_of(made)
    assert sorted(part.input for unit in units for job in unit.jobs for part in job.parts) == sorted(item.row.input for item in made.admitted)
    assert [unit.name for unit in units] == ["words/00000", "hiss/00000", "halls/00000"]
    assert all([job.name for job in unit.jobs] == sorted(job.name for job in unit.jobs) for unit in units)
