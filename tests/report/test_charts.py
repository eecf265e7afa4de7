from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.report import charts

SVG = {"svg", "rect", "line", "text", "title", "circle", "path", "polygon", "a"}


def chart(counts: list[int], start: float = 0.0, step: float = 1.0, **changes: Any) -> dict[str, Any]:
    n = sum(counts)
    panel = {"name": "segments", "series": [{"name": "kept", "counts": counts}], "n": n, "median": start if n else None, "not_measured": 0}
    words = {"measure": "snr_db", "title": "SNR", "unit": "dB"}
    return {**words, "declared": None, "kept_range": None, "start": start, "step": step, "bins": len(counts), "panels": [panel], **changes}


def well_formed(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert {element.tag for element in root.iter()} <= SVG
    for element in root.iter():
        for value in element.attrib.values():
            assert "nan" not in value
            assert "inf" not in value.split()
        for side in ("width", "height"):
            assert float(element.get(side, 0)) >= 0
    return root


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40), st.floats(-1e6, 1e6), st.sampled_from([0.001, 0.5, 1.0, 2500.0]))
def test_any_histogram_is_well_formed_svg_with_one_bar_per_filled_bin(counts: list[int], start: float, step: float) -> None:
    made = charts.histogram(chart(counts, start, step, declared={"low": start, "high": start + step}, kept_range={"min": start, "max": None}))
    if sum(counts):
        assert len([element for element in well_formed(made).iter("rect") if "bar" in element.get("class", "")]) == sum(count > 0 for count in counts)


def test_a_histogram_of_nothing_says_so() -> None:
    assert charts.histogram(chart([0])) == '<p class="nothing">SNR: nothing was measured</p>'


def test_one_empty_panel_beside_a_full_one_says_it_was_not_measured() -> None:
    empty = {"name": "in place", "series": [{"name": "in place", "counts": [0, 0]}], "n": 0, "median": None, "not_measured": 3}
    made = chart([1, 2])
    made["panels"].append(empty)
    assert "not measured" in [element.text for element in well_formed(charts.histogram(made)).iter("text")]


def test_a_limit_beyond_the_axis_is_not_drawn() -> None:
    assert "limit" not in charts.histogram(chart([3], kept_range={"min": None, "max": 30.0}))
    assert "kept ≤ 0.5" in charts.histogram(chart([3], kept_range={"min": None, "max": 0.5}))


def test_a_chart_speaks_what_it_shows() -> None:
    label = well_formed(charts.histogram(chart([4, 1], declared={"low": 0.0, "high": 2.0}))).get("aria-label")
    assert label == "SNR; declared 0 to 2; segments: 5 values, median 0 dB"


def test_each_bar_of_the_waterfall_starts_where_the_last_one_ended() -> None:
    seconds = {"in": 100.0, "failed": 10.0, "dropped": 30.0, "kept": 60.0}
    steps = [{"kind": kind, "rule": None, "rows": 1, "seconds": length} for kind, length in seconds.items()]
    came, failed, dropped, kept = ((float(bar.get("x", 0)), float(bar.get("width", 0))) for bar in well_formed(charts.waterfall(steps)).iter("rect"))
    assert sum(failed) == pytest.approx(sum(came), abs=0.02)
    assert sum(dropped) == pytest.approx(failed[0], abs=0.02)
    assert sum(kept) == pytest.approx(dropped[0], abs=0.02)


def test_a_step_with_examples_is_a_link_to_them_that_says_so() -> None:
    steps = [
        {"kind": "in", "rule": None, "rows": 2, "seconds": 9.0},
        {"kind": "dropped", "rule": "quality.snr_db", "rows": 1, "seconds": 4.0, "href": "lost-0"},
    ]
    links = list(well_formed(charts.waterfall(steps)).iter("a"))
    assert [(link.get("href"), link.get("aria-label")) for link in links] == [("#lost-0", "dropped: quality.snr_db, −4 s: show examples")]  # noqa: RUF001


def test_rows_whose_length_nobody_knows_are_counted_in_the_waterfall() -> None:
    steps = [{"kind": "in", "rule": None, "rows": 9, "seconds": 9.0}, {"kind": "failed", "rule": None, "rows": 3, "seconds": 0.0}]
    assert "3 rows" in [element.text for element in well_formed(charts.waterfall(steps)).iter("text")]


found = st.none() | st.lists(st.floats(-50, 50), min_size=3, max_size=3).map(lambda q: dict(zip(("p5", "median", "p95"), sorted(q), strict=True)))
ends = st.none() | st.floats(-80, 80)


@given(found, found, st.none() | st.tuples(ends, ends))
def test_any_strip_is_well_formed_and_stays_within_its_axis(before: Any, after: Any, band: Any) -> None:
    row = {"scale": [-50.0, 50.0], "band": band and dict(zip(("low", "high"), band, strict=True)), "before": before, "after": after}
    root = well_formed(charts.strip(row))
    assert len(list(root.iter("circle"))) == (before is not None) + (after is not None)
    assert all(0 <= float(dot.get("cx", -1)) <= 240 for dot in root.iter("circle"))


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=3, max_size=3), min_size=2, max_size=2))
def test_a_density_has_a_cell_for_each_place_where_a_cut_lies_and_the_fullest_is_the_darkest(counts: list[list[int]]) -> None:
    n = sum(map(sum, counts))
    made = charts.density({"n": n, "length_s": 6.0, "rate": 20.0, "counts": counts})
    if n:
        cells = [(int((cell.get("class") or "").rpartition("c")[2]), cell) for cell in well_formed(made).iter("rect")]
        assert len(cells) == sum(count > 0 for row in counts for count in row)
        assert max(shade for shade, _ in cells) == 8
    else:
        assert "no transcript was measured" in made


def test_bars_are_as_tall_as_their_values_and_nothing_has_none() -> None:
    root = well_formed(charts.bars([("a", 4.0, "bar kept"), ("b", 2.0, "bar kept"), ("c", 0.0, "bar kept")], "letters"))
    heights = [float(bar.get("height", 0)) for bar in root.iter("rect")]
    assert heights[0] == pytest.approx(2 * heights[1])
    assert heights[2] == 0
    well_formed(charts.bars([], "nothing"))


@pytest.mark.parametrize("steps", [[], [{"kind": "in", "rule": None, "rows": 3, "seconds": 0.0}]])
def test_a_waterfall_without_a_second_says_so(steps: list[dict[str, Any]]) -> None:
    assert "No second of speech" in charts.waterfall(steps)


def test_rooms_are_drawn_one_dot_each_and_none_says_so() -> None:
    dots = [{"id": split, "source": "s", "rt60_s": rt60_s, "split": split, "simulated": False} for split, rt60_s in (("train", 0.0), ("left out", 2.0))]
    assert len(list(well_formed(charts.room_dots({"declared": {"low": 0.2, "high": 1.0}, "dots": dots})).iter("circle"))) == 2
    assert len(list(well_formed(charts.room_dots({"declared": None, "dots": dots[:1]})).iter("circle"))) == 1
    assert "no room was measured" in charts.room_dots({"declared": None, "dots": []})


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=120))
def test_any_waveform_stays_within_its_frame(peaks: list[int]) -> None:
    points = well_formed(charts.waveform(peaks, max(peaks))).find("polygon").get("points")  # type: ignore[union-attr]
    assert all(0 <= float(y) <= 60 for y in re.findall(r",(-?[\d.]+)", points or ""))


@pytest.mark.parametrize(("found", "wanted"), [(None, 0.0), (0.0, 0.0), (5.0, 0.0), (None, 3.0), (1e9, 1.0)])
def test_a_gauge_stands_for_any_clause(found: float | None, wanted: float) -> None:
    well_formed(charts.gauge(found, wanted, met=True))


def test_text_in_a_chart_is_escaped_once() -> None:
    assert charts.tag("text", "<b>&", x='"') == '<text x="&#34;">&lt;b&gt;&amp;</text>'
