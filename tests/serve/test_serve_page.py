"""The page in a real browser: speak, type, choose a file, and see what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from serve_world import Server, serving, wav
from tones_world import RATE, tone

from speccraft.trainer.serve.address import Address
from speccraft.trainer.serve.service import Served

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A Chromium the size of a phone, whose microphone hears somebody say `di` after a pause, again and again."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium", pytrace=False)
    from playwright.sync_api import sync_playwright

    said = tmp_path_factory.mktemp("microphone") / "said.wav"
    said.write_bytes(wav(np.repeat(np.concatenate([tone("di", 0.4), np.zeros(RATE // 10)]), 6), 6 * RATE))
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={said}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", *fake])
        yield browser.new_context(viewport={"width": 360, "height": 640}, permissions=["microphone"])
        browser.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser's console says that it should not."""
    found: list[str] = []
    yield found
    assert found == []


def opened(phone: BrowserContext, url: str, complaints: list[str]) -> Page:
    page = phone.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    page.get_by_text("run tones/").wait_for()
    return page


def test_what_is_said_into_the_microphone_is_answered(phone: BrowserContext, server: Server, complaints: list[str]):
    page = opened(phone, server.url, complaints)
    page.get_by_role("button", name="Press and speak").click()
    page.get_by_text("Listening").wait_for()
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Press to send").click()
    page.locator(".facts").wait_for()
    # where in the word the recording begins is chance
    assert re.fullmatch("(ba|di|zu)!", page.locator(".answer").inner_text())
    assert "ms" in page.locator(".facts").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_a_file_is_answered_and_a_bad_one_told(phone: BrowserContext, server: Server, complaints: list[str], tmp_path: Path):
    page = opened(phone, server.url, complaints)
    (tmp_path / "said.wav").write_bytes(wav(tone("zu", 0.3)))
    page.set_input_files("#file", str(tmp_path / "said.wav"))
    page.locator(".facts").wait_for()
    assert page.locator(".answer").inner_text() == "zu!"
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    page.set_input_files("#file", str(tmp_path / "bad.wav"))
    page.locator(".failed").wait_for()
    assert "cannot be used" in page.locator(".failed").inner_text()
    assert [told for told in complaints if "400" not in told] == []
    complaints.clear()
    page.close()


def test_what_the_manual_decided_is_shown_and_markup_stays_text(phone: BrowserContext, strict_server: Server, complaints: list[str]):
    page = opened(phone, strict_server.url, complaints)
    page.get_by_placeholder("or type").fill("<b>zu</b>")
    page.get_by_placeholder("or type").press("Enter")
    page.locator(".decided").wait_for()
    assert page.locator(".decided").inner_text() == "The manual: refused (no-zu), in the manual's own words"
    assert page.locator(".asked").inner_text() == "<b>zu</b>"
    page.close()


def test_a_token_in_the_address_is_used_and_taken_out_of_it(phone: BrowserContext, transcriber: Served, complaints: list[str]):
    with serving(transcriber, address=Address(port=0, token="0123456789abcdef")) as closed:
        page = opened(phone, f"{closed.url}#token=0123456789abcdef", complaints)
        assert "token" not in page.url
        assert page.locator("#token-form").is_hidden()
        page.close()
