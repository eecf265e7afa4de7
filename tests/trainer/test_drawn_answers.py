from __future__ import annotations

import pytest
import torch
from tones_world import RATE, tone

from speccraft.scenario.contracts import Message, Part
from speccraft.trainer.answers import Draw, Question, answered
from speccraft.trainer.checkpoint import Checkpoint, fresh
from speccraft.trainer.recipe import Recipe


@pytest.fixture(scope="module")
def checkpoint(recipe: Recipe) -> Checkpoint:
    return fresh(recipe, RATE, seed=0)


def question(id: str, seconds: float, *words: str) -> Question:
    """So many words that are heard, and one that is read."""
    parts = [Part(type="audio", cut=word) for word in words] + [Part(type="text", text="so?")]
    return Question(id, (Message(role="user", content=tuple(parts)),), seconds, lambda: [tone(word, seconds) for word in words])


ASKED = [question("a", 0.4, "ba"), question("b", 0.2), question("c", 0.3, "di", "zu"), question("d", 0.9, "zu")]


def texts(checkpoint: Checkpoint, asked: list[Question], batch_audio_s: float = 60.0, draw: Draw | None = None) -> dict[str, list[str]]:
    return {one.id: said for one, said in answered(checkpoint, asked, batch_audio_s=batch_audio_s, max_new_tokens=6, draw=draw)}


def test_the_likeliest_answer_is_the_same_alone_and_among_others(checkpoint: Checkpoint) -> None:
    together = texts(checkpoint, ASKED)
    assert together == texts(checkpoint, ASKED[::-1], batch_audio_s=0.1)
    assert set(together) == {"a", "b", "c", "d"}
    assert {len(said) for said in together.values()} == {1}


def test_drawn_answers_differ_and_the_same_draw_gives_them_again(checkpoint: Checkpoint) -> None:
    first, again, other = (texts(checkpoint, ASKED, draw=Draw(3, 1.0, seed)) for seed in (0, 0, 1))
    assert first == again != other
    assert all(len(set(said)) > 1 for said in first.values())


def test_a_colder_draw_varies_less(checkpoint: Checkpoint) -> None:
    cold, warm = (texts(checkpoint, ASKED, draw=Draw(6, temperature, 0)) for temperature in (0.01, 3.0))
    assert sum(len(set(said)) for said in cold.values()) < sum(len(set(said)) for said in warm.values())


def test_answering_disturbs_neither_random_numbers_nor_training(checkpoint: Checkpoint) -> None:
    checkpoint.model.train()
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    texts(checkpoint, ASKED, draw=Draw(2, 1.0, 0))
    assert torch.equal(torch.rand(1), wanted)
    assert checkpoint.model.training
