"""The acceptance page: what it shows, and that it stays inert."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

from evaluation_world import SPEAKERS, World, scenario

from speccraft.evaluation.acceptance import Verdict, judge
from speccraft.evaluation.page import WORST, chart, render_page, worst_answers
from speccraft.evaluation.scores import groups_of, held_out_cuts, scores
from speccraft.scenario.contracts import Hypothesis, Score


class Elements(HTMLParser):
    """Collects tags and attributes as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def page_of(world: World, text: str = "one") -> str:
    answers = list(world.answers(lambda right, condition: right if condition == "clean" else text))
    cuts = held_out_cuts(world.build)
    rows = scores(answers, cuts)
    verdict = judge(scenario(wer={"clean": 0.1, "environment": 0.1}).acceptance.model, rows, {group: len(ids) for group, ids in groups_of(cuts).items()})
    return render_page("digits", {"run": "r0"}, verdict, rows, worst_answers(answers))


def test_the_page_shows_the_verdict_each_clause_and_the_worst_answers(world: World) -> None:
    page = page_of(world)
    assert "<strong>BLOCK</strong>" in page
    assert "1 of 2 clauses pass" in page
    for shown in ("wer.clean", "wer.environment", "snr_20", "unseen", "digits-"):
        assert shown in page


def test_what_a_model_says_stays_text(world: World) -> None:
    page = page_of(world, "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{{ 7*7 }}")
    elements = Elements()
    elements.feed(page)
    assert not {"script", "img", "iframe", "link", "object", "form"} & set(elements.tags)
    assert not [name for name, _ in elements.attributes if name.startswith("on") or name in ("src", "href", "style")]
    assert "\u202e" not in page
    assert "{{ 7*7 }}" in page


def test_the_policy_allows_this_style_and_nothing_else(world: World) -> None:
    page = page_of(world)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page


def test_speakers_are_called_as_the_cuts_call_them(world: World) -> None:
    table = re.search(r"by speaker</h2>(.*?)</table>", page_of(world), re.DOTALL)
    assert table is not None
    assert re.findall(r"<tr><td>(\w+)</td>", table[1]) == sorted(SPEAKERS)


def test_personal_data_is_masked_in_what_was_said_and_in_what_was_answered() -> None:
    wrong = Hypothesis(cut="c", condition="clean", prompt="", text="write to a@example.org", reference="call +49 30 1234567", seconds=0)
    (worst,) = worst_answers([wrong])
    assert (worst.reference, worst.text) == ("call [phone]", "write to [email]")


def test_the_worst_answers_are_wrong_ones_the_worst_first() -> None:
    answers = [Hypothesis(cut=f"c{n:02}", condition="clean", prompt="", text=" ".join("x" * n), reference="one two", seconds=0) for n in range(1, 30)]
    right = Hypothesis(cut="right", condition="clean", prompt="", text="One, two.", reference="one two", seconds=0)
    noisy = Hypothesis(cut="noisy", condition="snr_0", prompt="", text="x " * 99, reference="one two", seconds=0)
    worst = worst_answers([right, noisy, *answers])
    assert [one.cut for one in worst] == [f"c{n:02}" for n in range(29, 29 - WORST, -1)]


def test_a_lower_rate_lies_lower_and_every_bar_holds_its_point() -> None:
    rows = [Score(metric="wer", condition=c, group="all", value=v, low=v - 0.1, high=v + 0.1, n=9) for c, v in (("clean", 0.1), ("snr_0", 0.8), ("place", 1.4))]
    (line,) = chart(rows).lines
    clean, ladder, place = line.points
    assert clean.y > ladder.y > place.y > 0
    assert clean.x < ladder.x < place.x
    assert all(point.low > point.y > point.high for point in line.points)
    assert len(line.path.split()) == 2


def test_a_run_without_scores_still_has_a_page() -> None:
    page = render_page("empty", {}, Verdict(verdict="PASS", clauses=()), [], [])
    assert "PASS" in page
