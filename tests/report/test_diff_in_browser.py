"""The page of a comparison in a real browser: it opens from a file with the network off, says nothing on the console, and fits a small screen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from diff_world import committed, dropped
from report_world import some_cuts

from speccraft.notebook.shown import framed
from speccraft.report.diff import compare
from speccraft.report.diff_page import MOST_CHARTS, render_diff

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    cuts = some_cuts(60)
    later = [{**cut, "level_dbfs": cut["level_dbfs"] + 2.0, "text": "<b>मेट्रो</b> مرحبا"} for cut in cuts[:50]]
    lost = [dropped(cut, "quality.snr_db") for cut in cuts[50:]]
    home = tmp_path_factory.mktemp("builds")
    builds = committed(home, cuts), committed(home, later, [row for row, _ in lost], [one for _, one in lost], scenario={"seed": 2}, verdict="BLOCK")
    return render_diff(compare(*builds))


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any, html: str, tmp_path: Path) -> Iterator[Any]:
    """The page as it opens from a file without a network; `said` is what its console says, `asked` what it asks for."""
    (tmp_path / "diff.html").write_text(html)
    context = browser.new_context(color_scheme=request.param, offline=True, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto((tmp_path / "diff.html").as_uri())
    yield page
    context.close()


def test_it_opens_without_a_word_on_the_console_and_asks_for_nothing_else(page: Any) -> None:
    assert page.said == []
    assert [url for url in page.asked if not url.endswith("diff.html")] == []
    assert page.locator("h1").inner_text() == "metro"
    assert 0 < page.locator("svg.chart").count() <= MOST_CHARTS


def test_its_style_is_let_through_by_its_policy_and_its_lines_can_be_told_apart(page: Any) -> None:
    colours = [page.locator(f".outline.{side}").first.evaluate("one => getComputedStyle(one).stroke") for side in ("before", "after")]
    assert len({*colours, page.locator(".card").first.evaluate("one => getComputedStyle(one).backgroundColor")}) == 3


def test_text_of_any_script_is_text(page: Any) -> None:
    assert page.locator("b", has_text="मेट्रो").count() == 0
    assert "50 cuts have another text" in page.locator("#cuts + p").inner_text()


def test_tables_behind_the_charts_open_with_the_keyboard(page: Any) -> None:
    closed = page.locator("#measures ~ .grid details").first
    closed.locator("summary").focus()
    page.keyboard.press("Enter")
    assert closed.get_attribute("open") is not None
    assert closed.locator("tbody tr").count() > 4


def test_it_fits_a_small_screen(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_in_the_frame_of_a_notebook_it_is_shown_and_can_do_nothing(browser: Any, html: str) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.set_content(framed(html.replace("</main>", "<a id='out' href='#' onclick='parent.document.title=1'>x</a></main>"), "a comparison"))
    frame = page.frames[1]
    frame.wait_for_selector("h1")
    assert frame.locator("h1").inner_text() == "metro"
    assert page.locator("iframe").evaluate("frame => frame.contentDocument") is None
    frame.locator("#out").click()
    assert page.title() == ""
    page.close()
