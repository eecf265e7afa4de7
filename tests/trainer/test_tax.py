from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tones_world import INSTRUCTION, RATE, make_build

from speccraft.scenario.contracts import Message, Part
from speccraft.trainer.checkpoint import fresh
from speccraft.trainer.data import read_cuts
from speccraft.trainer.recipe import Answer, Recipe
from speccraft.trainer.tax import Asked, alignment_tax, compared, held_out, told


def asked(number: int, *groups: str, preferred: frozenset[str] = frozenset({"it is ba"})) -> Asked:
    messages = (Message(role="user", content=(Part(type="text", text=f"{number}?"),)),)
    return Asked(f"q{number}", messages, 1.0, frozenset({"ba", "it is ba"}), preferred, ("all", *groups))


ALL = [asked(0, "seen", "speaker=a"), asked(1, "seen", "speaker=a"), asked(2, "unseen", "speaker=b"), asked(3, "unseen", "speaker=b", preferred=frozenset())]


def answers(*texts: str) -> dict[str, str]:
    return {f"q{number}": text for number, text in enumerate(texts)}


def test_the_tax_is_what_is_lost_of_the_same_prompts_in_every_group() -> None:
    found = {tax.group: tax for tax in compared("test", "clean", ALL, answers("ba", "ba", "ba", "di"), answers("it is ba", "di", "it is ba", "ba"))}
    assert list(found) == ["all", "seen", "speaker=a", "unseen", "speaker=b"]
    assert (found["all"].before, found["all"].after, found["all"].points) == (0.75, 0.75, 0.0)
    assert (found["seen"].before, found["seen"].after, found["seen"].points) == (1.0, 0.5, 50.0)
    assert (found["unseen"].points, found["unseen"].n) == (-50.0, 2)


def test_answers_that_were_preferred_are_counted_where_somebody_was_asked() -> None:
    found = {tax.group: tax for tax in compared("test", "clean", ALL, answers("ba", "it is ba", "di", "ba"), answers(*["it is ba"] * 4))}
    assert (found["all"].preferred_before, found["all"].preferred_after) == (pytest.approx(1 / 3, abs=1e-6), 1.0)
    (nobody,) = compared("dev", "place", [asked(0, preferred=frozenset())], answers("ba"), answers("ba"))
    assert (nobody.preferred_before, nobody.preferred_after) == (None, None)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_the_interval_holds_the_difference_and_nothing_lost_has_no_width(changes: list[tuple[bool, bool]]) -> None:
    prompts = [asked(number) for number in range(len(changes))]
    was, now = (answers(*("ba" if right else "di" for right in side)) for side in zip(*changes, strict=True))
    (tax,) = compared("test", "clean", prompts, was, now)
    assert tax.low - 1e-6 <= tax.points <= tax.high + 1e-6
    if was == now:
        assert (tax.low, tax.high) == (0, 0)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("taxed"), pairs=True)


def test_shown_and_preferred_answers_to_a_held_out_prompt_are_both_right(build: Path) -> None:
    prompts = held_out(build, "test", read_cuts(build, "test"))
    assert len(prompts) == 6
    assert {one.right for one in prompts} == {frozenset({word, f"it is {word}"}) for word in ("ba", "di", "zu")}
    assert {one.preferred for one in prompts} == {frozenset({f"it is {word}"}) for word in ("ba", "di", "zu")}
    assert {one.groups for one in prompts} == {("all", "seen", "speaker=osc")}
    assert all(one.messages[0].content[1].text == INSTRUCTION for one in prompts)


def test_a_model_that_learnt_nothing_lost_nothing_clean_and_in_the_place(build: Path, recipe: Recipe) -> None:
    model, calls = fresh(recipe, RATE, seed=0), []
    taxes = alignment_tax(build, model, model, Answer(max_new_tokens=4), lambda done, total: calls.append((done, total)))
    assert {(tax.split, tax.condition) for tax in taxes} == {(split, condition) for split in ("dev", "test") for condition in ("clean", "place")}
    assert all((tax.points, tax.low, tax.high) == (0, 0, 0) for tax in taxes)
    assert calls[-1] == (36, 36)
    assert len(told(taxes).splitlines()) == 1 + len(taxes)
