"""The comparison of two builds as a whole: what it notes, whom it names, and that it is committed beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from corpus import bytes_of
from diff_world import committed, dropped
from report_world import SCENARIO, cut_row, some_cuts

from speccraft import store
from speccraft.report import diff
from speccraft.report.diff import compare, page_name, write_comparison
from speccraft.report.diff_words import told
from speccraft.verify import verify

CLAUSE = {"code": "SC402", "severity": "note", "clause": "acceptance.data.speakers", "message": "speakers: 8", "unit": "", "wanted": 2.0, "found": 8.0}


def pair(home: Path, **after: Any) -> tuple[store.Artefact, store.Artefact]:
    """A build, and one from which a rule took the last two cuts."""
    cuts = some_cuts(24)
    rows, segments = zip(*(dropped(cut, "quality.snr_db") for cut in cuts[-2:]), strict=True)
    before = committed(home, cuts, findings=[CLAUSE])
    later = {"scenario": {"quality": {"snr_db": {"min": 12.0}}}, "findings": [{**CLAUSE, "severity": "block", "found": 1.0}], "verdict": "BLOCK", **after}
    return before, committed(home, cuts[:-2], list(rows), list(segments), **later)


def test_a_build_compared_with_itself_has_not_changed(tmp_path: Path) -> None:
    build = committed(tmp_path, some_cuts(24), findings=[CLAUSE])
    found = compare(build, build)
    assert found["notes"] == ["both are the same build"]
    assert (found["scenario"], found["findings"], found["fates"], found["speakers"]["rows"]) == ([], [], [], [])
    assert (found["measures"]["moved"], found["cuts"]["groups"], found["inputs"]["groups"]) == ([], [], [])


def test_what_changed_is_told_in_every_part(tmp_path: Path) -> None:
    found = compare(*pair(tmp_path))
    assert (found["before"]["verdict"], found["after"]["verdict"]) == ("PASS", "BLOCK")
    assert {change["path"] for change in found["scenario"]} == {"quality.snr_db.min", "quality.characters_per_s"}
    (clause,) = found["clauses"]
    assert (clause["before"], clause["after"]) == ({"wanted": 2.0, "found": 8.0, "met": True}, {"wanted": 2.0, "found": 1.0, "met": False})
    (source,) = found["sources"]
    assert (source["before"]["cuts"], source["after"]["cuts"]) == (24, 22)
    assert {(row["fate"], row["rule"]) for row in found["fates"]} == {("dropped", "quality.snr_db"), ("kept", None)}
    assert sum(row["after"]["seconds"] for row in found["fates"]) == pytest.approx(sum(row["before"]["seconds"] for row in found["fates"] if row["before"]))
    assert found["measures"]["moved"]


def test_a_reader_is_told_first_what_makes_two_builds_unlike(tmp_path: Path) -> None:
    cuts = [cut_row(0, "test"), cut_row(1, "test")]
    before = committed(tmp_path, cuts)
    other = committed(tmp_path, [{**cuts[0], "split": "train"}], name="tram", as_of="2026-02-01", tools={"polars": "2", "soxr": "1"})
    notes = "; ".join(compare(before, other)["notes"])
    assert "of different scenarios, 'metro' and 'tram'" in notes
    assert "polars 1 and 2, soxr none and 1" in notes
    assert "judged on different days, 2026-01-01 and 2026-02-01" in notes
    assert "1 cut moved from test to train: a model of the later build has heard a part of the earlier test split" in notes


def test_texts_that_say_the_same_and_builds_without_a_common_cut_are_noted(tmp_path: Path) -> None:
    before, after = committed(tmp_path, [cut_row(0)]), committed(tmp_path, [cut_row(1)], scenario={"seed": 0})
    notes = compare(before, after)["notes"]
    assert "the texts of the scenarios differ, and what they say does not" in notes
    assert any(note.startswith("no cut is in both") for note in notes)


@pytest.mark.parametrize("private", ["before", "after"])
def test_nobody_is_named_where_one_of_the_scenarios_wants_pseudonyms(private: str, tmp_path: Path) -> None:
    cuts = [cut_row(number, "train", speaker="canary-7", text="canary") for number in range(12)]
    rows, segments = zip(*(dropped(cut, "duplicate", "digits:canary-7/z.wav") for cut in cuts[6:]), strict=True)
    names = {side: {"privacy": {"pseudonyms": side == private}, "splits": {"unseen": {"speaker": ["canary-8"]}}} for side in ("before", "after")}
    names["after"]["splits"] = {}
    found = [{"code": "SC412", "severity": "warn", "clause": "x", "message": "canary-7 is silent"}]
    before = committed(tmp_path, cuts, scenario=names["before"])
    after = committed(tmp_path, cuts[:6], list(rows), list(segments), scenario=names["after"], findings=found)
    content = compare(before, after)
    page = write_comparison(tmp_path, before, after, content).path / page_name(before, after)
    for text in (json.dumps(content), page.read_text(), "\n".join(told(content))):
        assert "canary-" not in text
    assert "spk-" in page.read_text()


def test_names_stand_where_nobody_wants_pseudonyms(tmp_path: Path) -> None:
    before, after = (committed(tmp_path, some_cuts(n), scenario={"privacy": {"pseudonyms": False}}) for n in (48, 40))
    assert {row["name"] for row in compare(before, after)["speakers"]["rows"]} <= {f"anna-{number}" for number in range(8)}


def test_who_has_few_cuts_is_not_singled_out(tmp_path: Path) -> None:
    large = [cut_row(number, speaker="large") for number in range(9)]
    small = [cut_row(100 + number, speaker="small") for number in range(4)]
    shrunk = [cut_row(200 + number, speaker="shrunk") for number in range(9)]
    speakers = compare(committed(tmp_path, large + small + shrunk), committed(tmp_path, large[:7] + small[:3] + shrunk[:2]))["speakers"]
    assert (speakers["small"], speakers["stayed"], len(speakers["rows"])) == (1, 3, 2)
    assert {json.dumps(row["after"]) for row in speakers["rows"]} == {'{"cuts": 7, "seconds": 4.6}', '{"cuts": null, "seconds": null}'}


def test_a_comparison_is_committed_beside_the_builds_and_touches_neither(tmp_path: Path) -> None:
    before, after = pair(tmp_path)
    there = bytes_of(tmp_path / "builds")
    made = write_comparison(tmp_path, before, after, compare(before, after))
    assert bytes_of(tmp_path / "builds") == there
    assert made.path.parent == tmp_path / "comparisons" / "metro"
    assert {parent.id for parent in made.record.derives_from} == {before.record.id, after.record.id}
    assert verify(made.path).problems == []
    assert {path.name for path in made.path.iterdir()} == {"COMPARISON.json", "diff.json", page_name(before, after)}


def test_the_same_two_builds_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    made = [write_comparison(home, *builds, compare(*builds)) for home in (tmp_path / "a", tmp_path / "b") for builds in [pair(home)]]
    assert bytes_of(made[0].path) == bytes_of(made[1].path)
    again = write_comparison(tmp_path / "a", *pair(tmp_path / "a"), compare(*pair(tmp_path / "a")))
    assert again.path == made[0].path


def test_progress_is_told_to_its_end(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    compare(*pair(tmp_path), on_progress=lambda *step: seen.append(step))
    assert [done for _, done, _ in seen] == [1, 2, 3, 4]
    assert {total for *_, total in seen} == {4}


def test_however_much_differs_the_content_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [*SCENARIO["sources"], *({"id": f"s{number}", "format": "folder", "path": "x" * 900, "licence": "CC0-1.0"} for number in range(30))]
    before = committed(tmp_path, [cut_row(number, speaker=f"p{number // 6}", source=f"s{number % 30}") for number in range(400)])
    after = committed(tmp_path, [cut_row(999)], scenario={"sources": sources})
    monkeypatch.setattr(diff, "MOST_CHANGES", 10)
    found = compare(before, after)
    assert (len(found["scenario"]), found["more_changes"]) == (10, 20)
    assert max(len(change["after"]) for change in found["scenario"]) == diff.LONGEST_VALUE
    assert (len(found["speakers"]["rows"]), found["speakers"]["more"]) == (40, 26)
    assert len(json.dumps(found)) < 300_000
