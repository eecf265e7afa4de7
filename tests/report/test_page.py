from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections import Counter
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from payload_world import PAYLOADS, attacked_build, disarmed, shown
from report_world import BANKS, cut_row, facts_of, ledger_row, segment_row, some_cuts, write_folder

from speccraft.report import page as module
from speccraft.report.page import render_report, verdict_of, write_report
from speccraft.sound.place import BankItem

FILES = ("report.html", "report.json", "README.md")


class Page(HTMLParser):
    """What an HTML parser sees: elements with their attribute names, values that could act, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.skeleton: Counter[tuple[str, ...]] = Counter()
        self.links: set[str] = set()
        self.labels: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skeleton[(tag, *(name for name, _ in attrs))] += 1
        self.links |= {value or "" for name, value in attrs if name in ("href", "src", "action", "srcset", "style")}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.slow
@pytest.mark.parametrize("pseudonyms", [True, False])
def test_payloads_in_every_field_stay_text(pseudonyms: bool, tmp_path: Path) -> None:
    plain, attacked = (
        Page(attacked_build(tmp_path / name, texts, pseudonyms=pseudonyms).read_text())
        for name, texts in (("plain", [disarmed(text) for text in PAYLOADS]), ("attacked", PAYLOADS))
    )
    assert attacked.skeleton == plain.skeleton
    assert attacked.links == plain.links
    for payload in PAYLOADS:
        assert "".join(shown(payload).split()) in "".join(attacked.text.split())


def test_the_page_asks_for_nothing_and_runs_nothing_but_its_own_script(tmp_path: Path) -> None:
    write_report(write_folder(tmp_path, some_cuts()), facts_of())
    html = (tmp_path / "report.html").read_text()
    seen = Page(html)
    assert all(link.startswith(("#", "data:audio/ogg;codecs=opus;base64,", "data:image/png;base64,")) for link in seen.links)
    assert not {tag for tag, *_ in seen.skeleton} & {"link", "iframe", "object", "embed", "form", "base"}
    assert seen.skeleton[("script",)] == 1
    assert not [names for _, *names in seen.skeleton if "style" in names]
    assert not [name for _, *names in seen.skeleton for name in names if name.startswith("on")]
    allowed = re.search(r"Content-Security-Policy\" content=\"([^\"]+)\"", html)
    hashes = {name: base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for name in ("style", "script") for part in _inside(html, name)}
    assert allowed is not None
    assert unescape(allowed[1]) == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "media-src data:; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html


def _inside(html: str, tag: str) -> list[str]:
    return re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)


def test_elements_close_in_the_order_they_open(tmp_path: Path) -> None:
    write_report(write_folder(tmp_path, some_cuts()), facts_of())

    class Nesting(HTMLParser):
        open: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag not in ("meta", "br", "wbr", "img", "input"):
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    nesting = Nesting()
    nesting.feed((tmp_path / "report.html").read_text())
    assert nesting.open == []


def test_the_same_build_gives_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(write_folder(tmp_path / name, some_cuts()), facts_of())
    for file in FILES:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_page_can_be_made_again_from_its_data_alone(tmp_path: Path) -> None:
    verdict = write_report(write_folder(tmp_path / "build", some_cuts()), facts_of())
    report = json.loads((tmp_path / "build" / "report.json").read_text())
    html = (tmp_path / "build" / "report.html").read_text()
    shutil.rmtree(tmp_path / "build")
    assert render_report(report) == html
    assert verdict_of(report) == verdict


@pytest.mark.parametrize(
    ("cuts", "says"),
    [
        ([], "Nothing was kept: the build holds no cut"),
        ([cut_row(0)], "The test split is empty"),
        ([cut_row(0, "test", snr_db=None, level_dbfs=None, characters_per_s=None, speaker=None, text=None)], "(no transcript)"),
    ],
)
def test_builds_of_no_cut_and_of_one_cut_render(cuts: list[dict[str, Any]], says: str, tmp_path: Path) -> None:
    verdict = write_report(write_folder(tmp_path, cuts, banks=[]), facts_of())
    text = Page((tmp_path / "report.html").read_text()).text
    assert verdict.word == "BLOCK"
    assert "BLOCK" in text
    assert says in text


def test_a_build_whose_every_row_was_rejected_says_where_they_went(tmp_path: Path) -> None:
    lost = [ledger_row(f"{number}.wav", "dropped", 10.0, rule="snr_db", value="1.5", limit="≥ 5") for number in range(6)]
    segments = [segment_row(cut_row(number, seconds=10.0), f"{number}.wav", fate="dropped", rule="snr_db") for number in range(6)]
    verdict = write_report(write_folder(tmp_path, [], lost, segments, banks=[]), facts_of())
    text = Page((tmp_path / "report.html").read_text()).text
    assert verdict.word == "BLOCK"
    assert "The rule snr_db dropped 100 % of what it judged" in text
    assert "There is no cut to listen to" in text


def test_columns_that_are_null_in_every_row_are_read(tmp_path: Path) -> None:
    write_folder(tmp_path, some_cuts())
    for name in ("measures", "segments", "ledger"):
        table = pl.read_parquet(tmp_path / f"{name}.parquet")
        untyped = table.with_columns(pl.lit(None).alias(column) for column in ("rule", "value", "snr_db", "place_rt60_s") if column in table.columns)
        untyped.write_parquet(tmp_path / f"{name}.parquet")
    write_report(tmp_path, facts_of())
    assert "nothing measured" in (tmp_path / "report.html").read_text()


def test_no_file_of_the_report_tells_a_speakers_name_where_pseudonyms_are_wanted(tmp_path: Path) -> None:
    lost = [ledger_row("canary-7/x.wav", "failed", None, reason="canary-7/x.wav: canary-7 is silent")]
    lost += [ledger_row("canary-7/y.wav", "dropped", 1.0, rule="duplicate", value="digits:canary-7/z.wav", limit="first of its samples")]
    cuts = [cut_row(number, split, speaker="canary-7") for number, split in enumerate(["train", "dev", "test"] * 4)]
    certificate = {"axes": {"speaker": {"train": 1, "test": 1, "n_shared": 1, "shared": ["canary-7"]}}, "notes": ["canary-7 bridges two sessions"]}
    facts = facts_of({"splits": {"unseen": {"speaker": ["canary-7"]}}}, refusals=(("digits", "canary-7 withdrew consent", 1),))
    write_report(write_folder(tmp_path, cuts, lost, certificate=certificate), facts)
    assert [name for name in FILES if "canary" in (tmp_path / name).read_text()] == []


def test_scripts_that_read_right_to_left_or_join_their_letters_are_shown_whole(tmp_path: Path) -> None:
    texts = ("مرحبا بالعالم", "क्‍षमा कीजिए")
    write_report(write_folder(tmp_path, [cut_row(number, "test", text=text, snr_db=number) for number, text in enumerate(texts * 2)]), facts_of())
    text = Page((tmp_path / "report.html").read_text()).text
    assert all(words in text for words in texts)


def test_clips_make_way_when_the_page_would_grow_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path, some_cuts())
    write_report(tmp_path, facts_of())
    size = (tmp_path / "report.html").stat().st_size
    monkeypatch.setattr(module, "MOST_PAGE_BYTES", size - 1000)
    write_report(tmp_path, facts_of())
    report = json.loads((tmp_path / "report.json").read_text())
    assert (tmp_path / "report.html").stat().st_size <= size - 1000
    assert report["clips"]["left_out"] >= 1
    assert "did not fit" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_a_large_build_stays_within_the_page_budget(tmp_path: Path) -> None:
    cuts = [cut_row(number, ("train", "dev", "test")[number % 3], speaker=f"s{number % 997}", text="word " * 400) for number in range(4000)]
    lost = [ledger_row(f"{number}.wav", "failed", None, reason="x" * 3000, rule=f"rule {number % 90}") for number in range(2000)]
    banks = [BankItem(f"r{number}", "halls", "rir", "train", "x", 1.0, "CC0-1.0", number / 100) for number in range(3000)] + BANKS
    certificate = {"notes": ["long " * 1000] * 500}
    write_report(write_folder(tmp_path, cuts, lost, banks=banks, certificate=certificate, seconds_of_tone=0.05), facts_of())
    assert (tmp_path / "report.html").stat().st_size < 700_000


def test_the_page_says_on_how_many_cuts_a_measure_was_taken_how_sure_it_is_and_what_channels_were_mixed(tmp_path: Path) -> None:
    cuts = [cut_row(number, reverberation_s=0.4 if number < 3 else None, leading_silence_s=0.1) for number in range(8)]
    lost = [ledger_row("stereo.wav", "dropped", 1.0, rule="antiphase", channels=2, dead_channels=1, duplicated_channels=0)]
    write_report(write_folder(tmp_path, cuts, lost), facts_of({"quality": {"measure": ["reverberation_s"], "leading_silence_s": {"max": 1.0}}}))
    text = Page((tmp_path / "report.html").read_text()).text
    assert "Taken on 3 of 8 cuts, in a sample of the recordings chosen by hash." in text
    assert "Uncertain: half of all values are" in text
    assert "1 recording of several channels was mixed to one. Of these, 1 has a dead channel, 0 one that repeats another, and 1 was dropped" in text
