"""What a build holds of some inputs is found in every file of it, and in no other build's."""

from __future__ import annotations

import polars as pl
import pytest
from corpus import Corpus, table_of
from lineage_world import VOICE, built

from speccraft.errors import BrokenIntegrity
from speccraft.lineage.inside import Inside, Tables
from speccraft.scenario.contracts import SPLITS


def test_the_inputs_of_all_speakers_hold_all_cuts_and_no_input_holds_none(world: Corpus) -> None:
    made, _ = built(world)
    tables = Tables(made.artefact)
    speakers = tables.ledger["speaker"].drop_nulls().unique().to_list()
    parts = [tables.inside(tables.of_speaker(speaker)) for speaker in speakers]
    kept = set(table_of(made, "measures")["cut"])
    found = [cut for part in parts for cuts in part.cuts.values() for cut in cuts]
    assert sorted(found) == sorted(kept)
    assert tables.inside(set()) == Inside(cuts=dict.fromkeys(SPLITS, ()), heard=dict.fromkeys(SPLITS, ()))
    assert not tables.inside(set()).is_heard


def test_inputs_are_known_by_their_samples(world: Corpus) -> None:
    made, _ = built(world)
    tables = Tables(made.artefact)
    own = tables.of_speaker(VOICE)
    assert len(own) == 6
    assert tables.of_samples(tables.samples(own)) == own
    assert tables.ledger.filter(pl.col("pcm_sha256").is_null()).is_empty()


def test_a_table_that_was_edited_is_not_believed(world: Corpus) -> None:
    made, _ = built(world)
    path = made.artefact.path / "ledger.parquet"
    pl.read_parquet(path).with_columns(speaker=pl.lit("nobody")).write_parquet(path)
    with pytest.raises(BrokenIntegrity):
        Tables(made.artefact)
