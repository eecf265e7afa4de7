"""Spectral measures in a build: where a rule judges they are taken of everything, where they are asked for of a sample, else of nothing."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from corpus import Corpus, build_here, ledger_of, plan_of, table_of

from speccraft.build import buckets
from speccraft.build.buckets import is_sampled
from speccraft.build.run import units_of
from speccraft.sound.spectral import SPECTRAL


def measured(corpus: Corpus, **quality: Any) -> tuple[pl.DataFrame, int]:
    """`measures.parquet` of a build with these rules and wishes, and how many recordings were decoded for it."""
    corpus.write_scenario(quality=quality)
    built = build_here(corpus)
    return table_of(built, "measures"), built.counts["decoded"]


def asked_of(corpus: Corpus, **quality: Any) -> dict[str, set[str]]:
    """The recordings that units are to take each measure of, by role."""
    corpus.write_scenario(quality=quality)
    found: dict[str, set[str]] = {}
    for unit in units_of(plan_of(corpus)):
        for job in unit.jobs:
            for name in job.parts[0].spectral:
                found.setdefault(name, set()).add(job.name)
    return found


def test_nothing_is_taken_that_nobody_names_and_the_columns_are_there_all_the_same(corpus: Corpus) -> None:
    measures, _ = measured(corpus)
    assert all(measures[name].null_count() == measures.height > 0 for name in SPECTRAL)
    assert {measures.schema[name] for name in SPECTRAL} == {pl.Float64}
    assert measures["syllables_per_s"].null_count() == 0


def test_a_rule_takes_its_measure_of_every_segment_and_drops_by_it(corpus: Corpus) -> None:
    measures, _ = measured(corpus, loudness_lufs={"min": -90.0}, bandwidth_hz={"min": 1500.0})
    assert measures["bandwidth_hz"].min() >= 1500.0
    segments = table_of(build_here(corpus).artefact, "segments").filter(pl.col("role") == "speech")
    assert segments["bandwidth_hz"].null_count() == 0
    dropped = segments.filter(pl.col("rule") == "quality.bandwidth_hz")
    assert dropped["bandwidth_hz"].max() < 1500.0
    assert measures["f0_median_hz"].null_count() == measures.height
    lost = ledger_of(build_here(corpus)).filter(pl.col("rule") == "quality.bandwidth_hz")
    assert lost["limit"].unique().to_list() == [">= 1500"]


@pytest.mark.slow
def test_what_is_asked_for_is_taken_of_a_small_source_whole_and_drops_nothing(corpus: Corpus) -> None:
    plain, _ = measured(corpus)
    asked, _ = measured(corpus, measure=["bandwidth_hz"])
    assert asked["bandwidth_hz"].null_count() == 0
    assert asked.drop("bandwidth_hz").equals(plain.drop("bandwidth_hz"))


def test_of_a_large_source_a_sample_is_measured_and_noise_never(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MOST_SAMPLED", 10)
    found = asked_of(corpus, measure=["bandwidth_hz"], loudness_lufs={"max": 0.0})
    words = {row["path"] for row in corpus.rows}
    assert found["bandwidth_hz"] == {name for name in words if is_sampled(name, len(words))}
    assert 0 < len(found["bandwidth_hz"]) < len(words) / 2
    assert found["loudness_lufs"] == words


@pytest.mark.slow
def test_one_measure_more_works_again_on_the_recordings_that_need_it_alone(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MOST_SAMPLED", 4)
    monkeypatch.setattr(buckets, "RECORDINGS_PER_UNIT", 2)
    _, first = measured(corpus)
    _, again = measured(corpus, measure=["bandwidth_hz"])
    _, no_more = measured(corpus, measure=["bandwidth_hz"], snr_db={"min": -90.0})
    assert 0 < again < first
    assert no_more == 0


@pytest.mark.slow
def test_a_measured_build_is_the_same_bytes_from_any_number_of_workers(corpus: Corpus) -> None:
    corpus.write_scenario(quality={"measure": list(SPECTRAL)})
    one, two = (build_here(corpus, corpus.folder / f"w{workers}", workers=workers).artefact for workers in (1, 2))
    assert one.record.id == two.record.id


@pytest.mark.slow
def test_deep_verification_agrees_with_a_build_that_was_measured_further(corpus: Corpus) -> None:
    from speccraft.verify_deep import verify_deep

    corpus.write_scenario(quality={"measure": list(SPECTRAL), "bandwidth_hz": {"min": 1500.0}, "syllables_per_s": {"max": 12.0}})
    assert verify_deep(build_here(corpus).artefact.path).problems == []
