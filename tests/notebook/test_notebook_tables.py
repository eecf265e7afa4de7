"""The tables in a notebook: lazy Polars frames through and through, which show their first rows and nobody's name."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from corpus import SPEAKERS, Corpus, make_corpus, word_samples

import speccraft
from speccraft.build.run import Built
from speccraft.notebook.tables import ROWS, Table, ledger_of, measures_of
from speccraft.scenario.acceptance import Privacy


def test_a_table_stays_one_through_every_step_that_polars_offers(tiny_build: tuple[Corpus, Built]) -> None:
    build = speccraft.open_build(tiny_build[1].artefact.path)
    chosen = build.measures.filter(pl.col("split") == "train").select("cut", "snr_db").sort("snr_db")
    assert isinstance(chosen, Table)
    assert isinstance(chosen, pl.LazyFrame)
    assert "<th>snr_db</th>" in chosen._repr_html_()
    assert chosen.collect().height == pl.read_parquet(build.path / "measures.parquet").filter(pl.col("split") == "train").height
    assert repr(chosen) == "<Table of cut, snr_db>"


def test_the_first_rows_are_shown_and_said_to_be_the_first(tiny_build: tuple[Corpus, Built]) -> None:
    table = speccraft.open_build(tiny_build[1].artefact.path).measures
    assert table._repr_html_().count("<tr>") == ROWS + 1
    assert ".collect() gives all" in table._repr_html_()
    assert "all rows" in table.head(2)._repr_html_()


def test_speakers_are_called_as_in_the_cuts_and_inputs_are_not_named(tiny_build: tuple[Corpus, Built]) -> None:
    build = speccraft.open_build(tiny_build[1].artefact.path)
    in_cuts = {cut.id: cut.supervisions[0].speaker for split in ("train", "dev", "test") for cut in build.cuts(split)}
    measures = build.measures.collect()
    assert dict(measures.select("cut", "speaker").iter_rows()) == in_cuts
    assert measures["cut"].to_list() == pl.read_parquet(build.path / "measures.parquet")["cut"].to_list()
    ledger = build.ledger.collect()
    assert {"input", "reason"} & set(ledger.columns) == set()
    assert ledger["row"].to_list() == list(range(36))


def test_file_names_and_names_are_told_where_the_scenario_says_so_alone(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", quality={"level_dbfs": {"min": -40.0}})
    corpus.add_row("words/zz-copy.wav", (corpus.folder / "words/emil-ba.wav").read_bytes())
    corpus.add_row("words/zz-quiet.wav", word_samples("di", pitch=1.6, seed=9) * 0.01)
    build = speccraft.load_scenario(corpus.scenario).build(as_of="2026-01-01", workers=1)
    lost = dict(build.ledger.filter(pl.col("fate") == "dropped").select("rule", "value").collect().iter_rows())
    told = build.scenario.model_copy(update={"privacy": Privacy(pseudonyms=False)})
    whole = ledger_of(build.artefact, told).filter(pl.col("fate") == "dropped").select("rule", "value").collect()
    assert [value for value in whole["value"] if "emil-ba" in value] != []
    assert sorted(lost) == sorted(whole["rule"])
    assert float(lost.pop("quality.level_dbfs") or 0) < -40
    assert set(lost.values()) == {None}
    assert set(measures_of(build.artefact, told).collect()["speaker"]) == set(SPEAKERS)
    assert set(build.measures.collect()["speaker"]) & set(SPEAKERS) == set()


def test_personal_data_and_markup_in_a_cell_are_shown_masked_and_escaped() -> None:
    frame = pl.LazyFrame({"text": ["<i>eva@example.org</i>"], "stages": [["pretrain", "align"]], "snr_db": [None]}, schema_overrides={"snr_db": pl.Float64})
    frame.__class__ = Table
    html = frame._repr_html_()  # type: ignore[operator]
    assert "&lt;i&gt;[email]&lt;/i&gt;" in html
    assert "<td>pretrain, align</td>" in html
