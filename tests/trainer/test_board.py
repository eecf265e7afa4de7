from __future__ import annotations

from pathlib import Path

import pytest

from speccraft.trainer.board import Board
from speccraft.trainer.recipe import Recipe
from speccraft.trainer.run import train

ROW = {"loss": 1.0, "audio_s_per_s": 3.0}


def test_rows_come_to_the_board_by_stage(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = Board(tmp_path, pytest.fail)
    for step in (10, 20):
        board.add("pretrain", step, {"loss": 1 / step})
    events = EventAccumulator(str(tmp_path / "pretrain")).Reload()
    assert [(event.step, pytest.approx(event.value)) for event in events.Scalars("loss")] == [(10, 0.1), (20, 0.05)]


def test_without_a_folder_there_is_no_board() -> None:
    Board(None, pytest.fail).add("pretrain", 1, ROW)


def test_a_board_that_cannot_be_written_is_said_once_and_stops_nothing(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "board").write_text("a file where a folder should be")
    said: list[str] = []
    few = recipe.model_copy(update={"pretrain": recipe.pretrain.model_copy(update={"steps": 4, "log_every": 1, "evaluate_every": 0})})
    run = train(build, tmp_path / "w", few, stages=("pretrain",), name="tones", say=said.append, board=tmp_path / "board")
    assert (run.path / "metrics.jsonl").read_text().count("\n") == 4
    assert len(said) == 1
    assert "training goes on" in said[0]
