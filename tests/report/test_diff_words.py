"""A comparison in a terminal: short, a line a change, nothing about what stayed."""

from __future__ import annotations

from pathlib import Path

from diff_world import committed, dropped
from report_world import some_cuts

from speccraft.report.diff import compare
from speccraft.report.diff_words import MOST_LINES, told


def test_every_kind_of_change_is_a_line_that_begins_with_its_kind(tmp_path: Path) -> None:
    cuts = some_cuts(40)
    lost = [dropped(cut, "quality.snr_db") for cut in cuts[30:]]
    later = {"scenario": {"seed": 3}, "verdict": "BLOCK"}
    lines = list(told(compare(committed(tmp_path, cuts), committed(tmp_path, cuts[:30], [row for row, _ in lost], [one for _, one in lost], **later))))
    assert {line.split()[0] for line in lines} == {"before", "after", "scenario", "split", "source", "fate", "measure", "cuts", "inputs"}
    assert "scenario  seed: 0 -> 3" in lines
    assert "inputs    10 of digits: kept -> dropped by quality.snr_db" in lines
    assert any(line.startswith("cuts      10 of digits left") and line.endswith("dropped by quality.snr_db") for line in lines)
    assert any("(Wasserstein)" in line and "(KS)" in line for line in lines)


def test_two_builds_that_are_the_same_are_told_in_a_few_lines(tmp_path: Path) -> None:
    build = committed(tmp_path, some_cuts(8))
    assert [line.split()[0] for line in told(compare(build, build))] == ["before", "after", "note", "cuts"]


def test_long_values_and_many_lines_are_cut_short(tmp_path: Path) -> None:
    many = {
        f"{name}": {"min": 0.0} for name in ("duration_s", "level_dbfs", "clipped_fraction", "speech_share", "snr_db", "characters_per_s", "syllables_per_s")
    }
    many |= {
        name: {"max": 1.0} for name in ("peak_dbfs", "dc_offset", "zero_fraction", "dropouts", "leading_silence_s", "trailing_silence_s", "longest_pause_s")
    }
    lines = list(told(compare(committed(tmp_path, []), committed(tmp_path, [], scenario={"quality": many, "environment": {"place": "far " * 100}}))))
    assert sum(line.startswith("scenario") for line in lines) == MOST_LINES + 1
    assert max(map(len, lines)) < 260
