"""A plan in words and as HTML: the same sections, nothing active, nothing lost."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from corpus import SCENARIO, Corpus
from plan_world import plan_with, scenario_with, speech

from speccraft.ingest.rows import Row
from speccraft.plan import plan, plan_of
from speccraft.plan.estimate import Work
from speccraft.plan.outlook import Outlook, outlook
from speccraft.plan.show import WIDTH, as_html, describe, seconds_words, sections
from speccraft.scenario import load_scenario


def seen_of(corpus: Corpus) -> Outlook:
    return outlook(plan_of(load_scenario(corpus.scenario), as_of="2026-01-01", lengths=True), workers=2)


def plain(text: str) -> str:
    """Without the line breaks of the terminal."""
    return re.sub(r"\s+", " ", text)


def test_the_plan_in_words_counts_what_enters_and_says_why_the_rest_does_not(corpus: Corpus) -> None:
    corpus.edit_row("words/anna-ba.wav", licence="nonsense")
    corpus.edit_row("words/anna-di.wav", text="")
    text = describe(seen_of(corpus))
    assert "words (speech, table): 28 of 30 rows enter" in text
    assert "1 refused: 'nonsense' is not an SPDX expression" in text
    assert "1 dropped: has no transcript to train on" in text
    assert "clean, place, snr_20, snr_10, snr_5, snr_0" in text
    assert "28 by their file headers" in text
    assert "STOPPED" not in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_what_rights_stop_stands_first_with_a_way_out() -> None:
    wanted = scenario_with()
    made = plan(wanted, {source.id: (Row("a", text="ba", licence="nonsense"),) for source in wanted.sources}, as_of="2026-01-01")
    heading, entries = next(iter(sections(outlook(made, workers=1))))
    assert heading == "STOPPED BY RIGHTS"
    assert entries[-1].startswith("try: correct the licence")


def test_what_stands_in_the_way_of_acceptance_is_said_with_the_disk() -> None:
    made = plan_with(speech(5, 6), acceptance={"data": {"speakers": 99}})
    seen = outlook(made, workers=1, free_bytes=10)
    assert len(outlook(made, workers=1, free_bytes=10**15).warnings) == 1
    assert [sentence.split()[0] for sentence in seen.warnings] == ["the", "you"]
    assert "the build takes about 0.1 GB, and 0.0 GB of disk are free" in plain(describe(seen))


def test_a_source_with_very_many_reasons_lists_the_most_frequent(corpus: Corpus) -> None:
    rows = tuple(Row(f"{n}", text="ba", licence=f"nonsense{n}") for n in range(12))
    text = describe(outlook(plan_with(rows), workers=1))
    assert text.count("nonsense") == 8 + 1  # and the reason in the heading
    assert "4 more for 4 other reasons" in text


def test_the_estimate_says_how_it_was_made_and_by_what_it_is_scaled() -> None:
    work = (Work("pretrain", 600.0, 10.0, "a laptop", on_gpu=False),)
    text = plain(describe(outlook(plan_with(speech(5, 6)), workers=3, scale=2.0, training=work)))
    assert "which took 2 times its estimate" in text
    assert "over 3 workers" in text
    assert "train pretrain: about 60 s; 10.0 min of audio heard, at 10 s of audio a second (a laptop)" in text
    assert "does not state how fast" in plain(describe(outlook(plan_with(speech(5, 6)), workers=1)))


def test_times_are_rounded_to_what_is_known() -> None:
    assert [seconds_words(s) for s in (0.2, 89, 91, 5400, 86400)] == ["about 1 s", "about 89 s", "about 2 min", "about 1.5 h", "about 24.0 h"]


class Tags(HTMLParser):
    """The tags of a page and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.add(tag)
        assert not attrs

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def test_the_html_says_what_the_text_says_and_holds_nothing_active() -> None:
    environment = SCENARIO["environment"] | {"place": "<script>alert(1)</script>"}
    seen = outlook(plan_with((Row("<b>", text="ba", licence="<img src=x>"),), environment=environment), workers=1)
    page = Tags(as_html(seen))
    assert page.names == {"h3", "h4", "ul", "li"}
    assert plain(page.text).strip() == plain(describe(seen)).strip()
    assert seen._repr_html_() == as_html(seen)


def test_the_outlook_as_data_is_plain_and_complete() -> None:
    import json

    data = json.loads(json.dumps(outlook(plan_with(speech(5, 6)), workers=1).as_data()))
    assert set(data) == {
        "as_of", "admitted", "turned_away", "conditions", "stopped_by", "voice", "consent_head", "waivers", "sources", "supply",
        "missing", "recipe", "estimate", "questions",
    }  # fmt: skip
    assert data["admitted"] == 50
    assert data["sources"][0]["entering"] == 50
    assert len(data["questions"]) == 3
    assert data["recipe"]["name"] == "tiny-cpu"
