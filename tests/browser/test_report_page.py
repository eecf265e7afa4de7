"""The report in a real browser: it opens from the disk, plays, filters and sorts, and is inert."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from payload_world import PAYLOADS, attacked_build, shown
from report_world import cut_row, facts_of, ledger_row, segment_row, some_cuts, write_folder

from speccraft.report.page import write_report
from speccraft.sound.shards import encode_flac

if TYPE_CHECKING:
    from playwright.sync_api import Page

Opened = Callable[..., "Page"]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a build with kept and dropped clips, in place and as recorded."""
    folder = tmp_path_factory.mktemp("build")
    texts = ("seven", "nine", "مرحبا بالعالم", "क्‍षमा कीजिए")
    cuts = [{**cut, "text": texts[number % 4], "language": "en", "style": "scripted"} for number, cut in enumerate(some_cuts(40))]
    segments = [
        segment_row(cut_row(900 + number, snr_db=float(number)), f"{cuts[number]['speaker']}/{cuts[number]['cut']}.wav", fate="dropped", rule="quality.snr_db")
        for number in range(4)
    ]
    lost = [ledger_row("gone.wav", "failed", None, rule="missing", reason="there is no such file")]
    write_folder(folder, cuts, lost, segments, seconds_of_tone=0.5)
    flac = encode_flac((0.3 * np.sin(np.arange(8000) / 9)).astype(np.float32), 16000)
    write_report(folder, facts_of(), lambda segment: flac)
    return folder / "report.html"


def clips(page: Page) -> list[str]:
    """The ids of the clips that are seen, in their order."""
    return page.locator(".clip:visible").evaluate_all("clips => clips.map(clip => clip.id)")


def values(page: Page, name: str) -> list[float]:
    found: list[str] = page.locator(".clip:visible").evaluate_all(f"clips => clips.map(clip => clip.dataset.{name})")
    return [float(value) for value in found if value]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_in_both_colour_schemes_and_its_words_can_be_read(page_file: Path, opened: Opened, scheme: str) -> None:
    page = opened(page_file, color_scheme=scheme, viewport={"width": 1200, "height": 900})
    assert page.title().startswith(("PASS", "BLOCK"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 1200, "nothing pushes the page wider than the window"
    assert page.evaluate(CONTRASTS) == []


CONTRASTS = """() => {
  // Every visible text against the nearest background behind it: WCAG 2.2 wants 4.5, or 3 for large letters.
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const found = rgb(getComputedStyle(one).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest("script, style, .skip")) continue;
    const style = getComputedStyle(element), ink = element.closest("svg") ? style.fill : style.color;
    const [one, other] = [luminance(rgb(ink)), luminance(behind(element))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < needed) faint.add(`${element.tagName} ${element.className.baseVal ?? element.className}: ${ratio.toFixed(2)}`);
  }
  return [...faint];
}"""


def test_on_a_telephone_the_page_is_no_wider_than_the_screen(page_file: Path, opened: Opened) -> None:
    page = opened(page_file, viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_clips_are_filtered_and_sorted_with_the_keyboard_alone(page_file: Path, opened: Opened) -> None:
    page = opened(page_file)
    everything = clips(page)
    page.locator("#fate").focus()
    page.keyboard.type("d")
    dropped = clips(page)
    assert 0 < len(dropped) < len(everything)
    assert page.locator("#count").inner_text() == f"{len(dropped)} of {len(everything)} clips"
    page.locator("#reset").press("Enter")
    assert clips(page) == everything
    page.locator("#sort").focus()
    page.keyboard.type("SNR")
    rising = values(page, "snrDb")
    assert rising == sorted(rising)
    assert len(set(rising)) > 3
    page.locator("#order").press("Enter")
    assert values(page, "snrDb") == rising[::-1]


def test_clips_are_found_by_their_words_and_by_what_they_are_shown_for(page_file: Path, opened: Opened) -> None:
    page = opened(page_file)
    page.keyboard.press("/")
    page.keyboard.type("NINE")
    assert set(page.locator(".clip:visible blockquote").all_inner_texts()) == {"nine"}
    page.locator("#words").fill("nobody says this")
    assert clips(page) == []
    assert page.locator("#none").is_visible()
    page.locator("#reset").click()
    page.locator("#topic").select_option(label="quality.snr_db")
    reasons = page.locator(".clip:visible .reasons").all_inner_texts()
    assert reasons
    assert all("quality.snr_db" in one for one in reasons)


def test_a_clip_plays_and_the_other_condition_goes_on_where_it_was(page_file: Path, opened: Opened) -> None:
    page = opened(page_file)
    page.locator("#topic").select_option(label="in place, test")
    page.keyboard.press("Tab")  # out of the list, where letters choose an entry
    page.locator("h2#listen").click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    here = page.locator(".clip.here")
    clean, place = here.locator("audio").nth(0), here.locator("audio").nth(1)
    page.keyboard.press("p")
    page.wait_for_function("audio => audio.currentTime > 0 || audio.ended", arg=clean.element_handle())
    page.keyboard.press("x")
    page.wait_for_function("audio => audio.currentTime > 0 || audio.ended", arg=place.element_handle())
    assert clean.evaluate("audio => audio.paused")
    assert clean.evaluate("audio => audio.duration") == pytest.approx(0.5, abs=0.05)
    assert place.evaluate("audio => audio.error") is None


def test_the_keyboard_goes_from_clip_to_clip(page_file: Path, opened: Opened) -> None:
    page = opened(page_file)
    ids = clips(page)
    for key, expected in (("j", ids[0]), ("j", ids[1]), ("k", ids[0]), ("k", ids[0])):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == expected


def test_a_bar_of_the_waterfall_opens_examples_and_they_lead_to_their_clip(page_file: Path, opened: Opened) -> None:
    page = opened(page_file)
    page.locator("#fate").select_option("kept")
    bar = page.locator("svg a.step").filter(has_text="quality.snr_db").first
    bar.focus()
    page.keyboard.press("Enter")
    examples = page.locator("details.lost[open]")
    assert "dropped by quality.snr_db" in examples.inner_text()
    examples.get_by_text("listen").first.click()
    clip = page.locator(".clip:target")
    assert clip.is_visible(), "a clip that the filter hides is shown when it is asked for"
    assert "dropped" in clip.inner_text()


def test_without_script_everything_is_there_to_be_read_and_heard(page_file: Path, opened: Opened) -> None:
    page = opened(page_file, java_script_enabled=False)
    assert page.locator(".clip:visible").count() > 10
    assert page.locator("#tools").is_hidden()
    assert page.locator("audio[controls]").count() >= page.locator(".clip").count()
    assert page.locator("details.lost summary").first.is_visible()


def test_words_from_right_to_left_and_in_devanagari_stand_as_they_are_written(page_file: Path, opened: Opened) -> None:
    page = opened(page_file)
    quotes = page.locator(".clip blockquote")
    arabic, hindi = (quotes.filter(has_text=text).first for text in ("مرحبا بالعالم", "क्‍षमा कीजिए"))
    assert arabic.evaluate("quote => getComputedStyle(quote).direction") == "rtl"
    assert hindi.evaluate("quote => getComputedStyle(quote).direction") == "ltr"


def test_every_picture_is_named_or_left_out_for_those_who_hear_the_page(page_file: Path, opened: Opened) -> None:
    page = opened(page_file)
    unnamed = "parts => parts.filter(one => !(one.getAttribute('aria-label') || one.getAttribute('aria-hidden') || one.closest('[aria-hidden]'))).length"
    assert page.locator("svg").evaluate_all(unnamed) == 0
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("audio:not([aria-label])").count() == 0
    assert page.locator("select, input").evaluate_all("fields => fields.filter(one => !one.labels.length).length") == 0
    charts = page.locator("section:has(svg.chart)")
    assert charts.count() > 8
    assert charts.evaluate_all("all => all.filter(one => !one.querySelector('table')).map(one => one.innerText)") == [], "a table stands behind every chart"


def some_build(folder: Path, kind: str) -> Path:
    """A build that is out of the ordinary."""
    rejected = [segment_row(cut_row(number, seconds=10.0), f"{number}.wav", fate="dropped", rule="quality.snr_db") for number in range(6)]
    lost = [ledger_row(f"{number}.wav", "dropped", 10.0, rule="quality.snr_db", value="1.5", limit=">= 5") for number in range(6)]
    many = [cut_row(number, ("train", "dev", "test")[number % 3], speaker=f"s{number % 97}", text="word " * 300, groups='{"a": "b"}') for number in range(900)]
    worlds: dict[str, tuple[Any, ...]] = {"empty": ([],), "of one cut": ([cut_row(0, "test")],), "all rejected": ([], lost, rejected), "big": (many,)}
    write_folder(folder, *worlds[kind], seconds_of_tone=0.1)
    write_report(folder, facts_of())
    return folder / "report.html"


@pytest.mark.parametrize(
    ("kind", "says"),
    [("empty", "the build holds no cut"), ("of one cut", "1 of 1 clips"), ("all rejected", "There is no cut to listen to"), ("big", "900 cuts with words")],
)
def test_builds_out_of_the_ordinary_open_too(kind: str, says: str, tmp_path: Path, opened: Opened) -> None:
    page = opened(some_build(tmp_path, kind), viewport={"width": 1100, "height": 800})
    text = page.locator("body").inner_text()
    assert says in text
    assert page.locator("#verdict .word").inner_text() in ("PASS", "BLOCK")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1100


def test_what_attackers_write_stays_text_in_a_browser_too(tmp_path: Path, opened: Opened) -> None:
    page = opened(attacked_build(tmp_path, PAYLOADS, pseudonyms=False))
    for details in page.locator("details").all():
        details.evaluate("one => { one.open = true; }")
    assert page.evaluate("typeof attacked") == "undefined"
    assert page.locator("script").count() == 1
    assert page.locator("iframe, form, object, embed, base, link, [onerror], [onload], [onmouseover], [onfocus], [autofocus]").count() == 0
    text = "".join(page.locator("body").inner_text().split())
    assert [payload for payload in PAYLOADS if "".join(shown(payload).split()) not in text] == []
    options = page.locator("#source option").all_inner_texts()
    for option in options[1:3]:
        page.locator("#source").select_option(label=option)
        assert page.locator(".clip:visible").count() > 0


def test_a_script_that_is_not_ours_would_not_run(page_file: Path, opened: Opened, tmp_path: Path) -> None:
    changed = tmp_path / "changed.html"
    changed.write_text(page_file.read_text().replace("</main>", "</main><img src='data:,' onerror='attacked=1'><script>attacked=1</script>", 1))
    page = opened(page_file).context.new_page()
    page.goto(changed.as_uri())
    assert page.locator("img[onerror]").count() == 1
    assert page.evaluate("typeof attacked") == "undefined"
