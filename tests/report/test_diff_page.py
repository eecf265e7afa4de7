"""The page of a comparison: inert, bounded, the same for the same content, and its charts tell what the numbers say."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from diff_world import committed, dropped
from report_world import SCENARIO, cut_row, some_cuts

from speccraft.report.diff import compare
from speccraft.report.diff_page import fate, more, overlaid, pair, reason, render_diff, seconds_more
from speccraft.report.numerals import MINUS, NOTHING

PAYLOADS = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</style><style>*{background:url(https://evil.example/x)}",
    "</title><base href=//evil.example>",
    "<!-- --> ]]> {{ 7*7 }} {% raw %}",
    "\u2028<iframe srcdoc='<script>1</script>'>\u202e\x1b[31m",
    "</p></table></details></svg><form action=https://evil.example><input autofocus>",
)
VOID = {"meta", "br", "wbr", "img"}


class Page(HTMLParser):
    """What an HTML parser sees: elements with their attribute names, values that could act, the text, and whether all that opens closes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.skeleton: Counter[tuple[str, ...]] = Counter()
        self.links: set[str] = set()
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        self.text = "".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skeleton[(tag, *(name for name, _ in attrs))] += 1
        self.links |= {value or "" for name, value in attrs if name in ("href", "src", "action", "srcset", "style")}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page_of(home: Path, text: str, *, pseudonyms: bool) -> Page:
    """A page in which every string that a source, a file or a person can choose is `text`."""
    cuts = [cut_row(number, split, text=text, speaker=text, source="digits") for number, split in enumerate(["train"] * 8 + ["dev", "test"])]
    lost = [dropped(cut, text, text) for cut in cuts[6:]]
    scenario = {"privacy": {"pseudonyms": pseudonyms}}
    sources = [{**SCENARIO["sources"][0], "attribution": "".join(filter(str.isprintable, text))}, *SCENARIO["sources"][1:]]
    found = [
        {"code": "SC412", "severity": "warn", "clause": "x", "message": text},
        {"code": "SC1", "severity": "block", "clause": text, "message": text, "wanted": 1},
    ]
    before = committed(home, cuts, scenario=scenario, tools={text: "1"}, as_of=text)
    after = committed(home, cuts[:6], [row for row, _ in lost], [segment for _, segment in lost], scenario={**scenario, "sources": sources}, findings=found)
    return Page(render_diff(compare(before, after)))


@pytest.mark.slow
@pytest.mark.parametrize("pseudonyms", [True, False])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_in_any_field_stays_text(payload: str, pseudonyms: bool, tmp_path: Path) -> None:
    plain, attacked = (page_of(tmp_path / name, text, pseudonyms=pseudonyms) for name, text in (("plain", "harmless"), ("attacked", payload)))
    # a field may break behind its dots
    assert attacked.skeleton - Counter({("wbr",): 99}) == plain.skeleton - Counter({("wbr",): 99})
    assert attacked.links == plain.links
    assert "".join(payload.replace("\u2028", " ").replace("\u202e", "").replace("\x1b", "").split()) in attacked.text


def content(home: Path) -> dict[str, Any]:
    cuts = some_cuts(40)
    lost = [dropped(cut, "quality.snr_db") for cut in cuts[30:]]
    return compare(committed(home, cuts), committed(home, cuts[:30], [row for row, _ in lost], [segment for _, segment in lost]))


def test_the_page_asks_for_nothing_and_runs_nothing(tmp_path: Path) -> None:
    html = render_diff(content(tmp_path))
    seen = Page(html)
    assert seen.open == []
    assert all(link.startswith("#") for link in seen.links)
    assert not {tag for tag, *_ in seen.skeleton} & {"script", "link", "iframe", "object", "embed", "form", "base", "img"}
    assert not [name for _, *names in seen.skeleton for name in names if name.startswith("on") or name == "style"]
    assert "default-src &#39;none&#39;" in html
    assert not re.search(r"https?://|url\(", html)


def test_the_policy_names_the_pages_own_style_alone(tmp_path: Path) -> None:
    import base64
    import hashlib

    html = render_diff(content(tmp_path))
    style = html[html.index("<style>") + 7 : html.index("</style>")]
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in html.replace("&#43;", "+").replace("&#34;", '"')


@pytest.mark.parametrize("build", ["empty", "one cut", "all rejected"])
def test_builds_with_little_in_them_render(build: str, tmp_path: Path) -> None:
    cuts = some_cuts(8)
    lost = [dropped(cut, "quality.snr_db") for cut in cuts]
    other = {"empty": ([],), "one cut": (cuts[:1],), "all rejected": ([], [row for row, _ in lost], [segment for _, segment in lost])}[build]
    for builds in ((committed(tmp_path, cuts), committed(tmp_path, *other)), (committed(tmp_path, *other), committed(tmp_path, *other))):
        for before, after in (builds, builds[::-1]):
            assert Page(render_diff(compare(before, after))).open == []


def test_scripts_that_read_right_to_left_or_join_their_letters_are_shown_whole(tmp_path: Path) -> None:
    texts = ("مرحبا بالعالم", "क्‍षमा कीजिए")
    html = render_diff(compare(committed(tmp_path, [cut_row(number, text=text) for number, text in enumerate(texts)]), committed(tmp_path, [])))
    assert all(text in html for text in texts)


def test_a_page_about_everything_is_far_below_five_megabytes(tmp_path: Path) -> None:
    words = "word " * 400
    cuts = [cut_row(number, speaker=f"p{number // 6}" * 40, source=f"source-{number % 30}", text=words) for number in range(1500)]
    lost = [dropped(cut, f"rule {number % 99} " + "x" * 200, words) for number, cut in enumerate(cuts)]
    open_names = {"scenario": {"privacy": {"pseudonyms": False}}}
    html = render_diff(
        compare(committed(tmp_path, cuts, **open_names), committed(tmp_path, [], [row for row, _ in lost], [one for _, one in lost], **open_names))
    )
    assert len(html.encode()) < 500_000


SHIFT = {
    "title": "SNR", "unit": "dB", "start": 0.0, "step": 5.0, "moved": 2.5, "apart": 0.5,
    "before": {"n": 4, "p5": 1.0, "median": 2.5, "p95": 9.0, "counts": [3, 1, 0, 0]},
    "after": {"n": 2, "p5": 11.0, "median": 12.5, "p95": 14.0, "counts": [0, 0, 2, 0]},
}  # fmt: skip


def test_a_chart_says_in_words_what_it_draws_and_marks_both_medians() -> None:
    drawn = str(overlaid(SHIFT))
    assert 'aria-label="SNR; before: 4 values, median 2.5 dB; after: 2 values, median 12.5 dB"' in drawn
    assert [drawn.count(f'class="{part}"') for part in ("outline before", "outline after", "median before", "median after")] == [1, 1, 1, 1]
    assert ">100 %<" in drawn


def test_a_chart_of_one_build_alone_draws_that() -> None:
    drawn = str(overlaid({**SHIFT, "before": {**SHIFT["before"], "n": 0, "median": None, "counts": [0, 0, 0, 0]}}))
    assert "outline before" not in drawn
    assert f"before: 0 values, median {NOTHING}" in drawn


def test_the_longer_of_two_bars_is_the_larger_share() -> None:
    assert re.findall(r'width="([\d.]+)"', str(pair(1.0, 4.0, 8.0))) == ["12.5", "50"]
    assert re.findall(r'width="([\d.]+)"', str(pair(None, None, 0.0))) == ["0", "0"]


@pytest.mark.parametrize(("before", "after", "shown"), [(1, 4, "+3"), (4, 1, f"{MINUS}3"), (2, 2, "±0"), (None, 2, "")])
def test_a_change_has_its_sign(before: int | None, after: int, shown: str) -> None:
    assert more(before, after) == shown


def test_a_change_of_speech_has_its_unit() -> None:
    assert (seconds_more(3600.0, 7200.0), seconds_more(None, 5.0), seconds_more(5.0, None)) == ("+1 h", "+5 s", f"{MINUS}5 s")


def test_fates_and_reasons_are_words() -> None:
    assert (fate(None), fate({"fate": "kept", "rule": None}), fate({"fate": "dropped", "rule": "x"})) == ("not an input", "kept", "dropped by x")
    assert reason({"why": "no source", "rule": None}) == "the scenario has no such source"
