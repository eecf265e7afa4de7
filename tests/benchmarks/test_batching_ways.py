from __future__ import annotations

import pytest

pytest.importorskip("transformers")

from benchmarks.batching import DIALOGUES, OURS, Cost, lengths, table, train, ways


def test_every_way_batches_every_dialogue_once_and_ours_pads_least() -> None:
    seconds = lengths()
    made = ways(seconds)
    useful = {}
    for name, batches in made.items():
        assert sorted(length for batch in batches for length in batch) == pytest.approx(sorted(seconds))
        useful[name] = sum(map(sum, batches)) / sum(len(batch) * max(batch) for batch in batches)
    assert len(seconds) == DIALOGUES
    assert max(useful, key=useful.__getitem__) == OURS
    assert useful[OURS] > 0.94


def test_a_step_counts_what_was_padded_and_the_page_compares_with_ours() -> None:
    cost = train([[0.5, 1.0]], 1, None)
    assert (cost.useful_frames, cost.frames) == (150, 200)
    assert train([[0.5, 1.0]], 1, 3.0).frames == 600
    fast, slow = Cost(1000, 1000, 100, 1.0), Cost(1000, 2000, 100, 4.0)
    batches = {name: [[1.0]] for name in ways(lengths())}
    page = table({name: [fast if name == OURS else slow] for name in batches}, batches)
    assert "| 4.00 (4.00 to 4.00) | ≥ 3.5, reached |" in page
    assert "≥ 10, missed" in page
