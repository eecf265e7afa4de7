"""What notebooks show: a page comes out of its frame as it went in, and a datum never becomes an element."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.notebook.shown import escaped, framed, grid, verdict


class Frame(HTMLParser):
    """The one frame that a parser sees, and what it holds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.held: dict[str, str | None] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.held = dict(attrs)


@given(st.text(alphabet="<>&'\"/ aip=#39;x\n", max_size=60))
def test_a_page_comes_out_of_its_frame_as_it_went_in(page: str) -> None:
    frame = Frame(framed(page, "a 'title' \"of\" <mine>"))
    assert frame.tags == ["iframe"]
    assert frame.held["srcdoc"] == page
    assert frame.held["sandbox"] == ""
    assert frame.held["title"] == "a 'title' \"of\" <mine>"


def test_a_pages_own_script_is_left_out_of_its_frame() -> None:
    assert Frame(framed("<html><body><p>x</p>\n<script>go()</script>\n</body></html>", "t")).held["srcdoc"] == "<html><body><p>x</p>\n</body></html>"


@given(st.lists(st.text(max_size=12), min_size=2, max_size=4))
def test_a_cell_never_becomes_an_element(cells: list[str]) -> None:
    shown = grid(("a", "b"), [cells])
    assert set(Frame(shown).tags) == {"div", "table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize(("text", "shown"), [("a\u202eb\x1b[31m", "ab[31m"), ("<b>", "&lt;b&gt;"), (3, "3")])
def test_what_cannot_be_seen_is_not_shown(text: object, shown: str) -> None:
    assert escaped(text) == shown


def test_a_verdict_has_its_colour() -> None:
    assert verdict("PASS") != verdict("BLOCK").replace("BLOCK", "PASS")
