"""Personal data is counted for a report, and is not in what the report is made of."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from report_world import cut_row, facts_of, ledger_row, segment_row, write_folder

from speccraft import store
from speccraft.report.page import write_report
from speccraft.report.personal import PersonalData, in_dialogues, told, without_personal_data
from speccraft.report.tables import read_tables

ADDRESS, CARD = "write to piep@canary.example", "4111 1111 1111 1111"


def test_a_text_with_personal_data_is_masked_in_its_place_and_rows_are_counted_by_rule() -> None:
    table = pl.DataFrame({"text": ["one", ADDRESS, None, f"{CARD} and {ADDRESS}, {ADDRESS}", "room 7"], "n": range(5)})
    masked, rules, rows = without_personal_data(table)
    assert masked["text"].to_list() == ["one", "write to [email]", None, "[card] and write to [email], write to [email]", "room 7"]
    assert masked["n"].to_list() == table["n"].to_list()
    assert (rules, rows) == ({"email": 2, "card": 1}, 2)


def test_a_table_without_any_is_left_as_it_is() -> None:
    table = pl.DataFrame({"text": ["one", None, "7"]})
    masked, rules, rows = without_personal_data(table)
    assert masked.equals(table)
    assert (rules, rows) == ({}, 0)


def test_dialogues_count_where_they_are_not_transcripts_of_cuts(tmp_path: Path) -> None:
    def dialogue(rule: str, *texts: str) -> dict[str, object]:
        return {"id": f"{rule}-{texts[0]}", "rule": rule, "messages": [{"role": "user", "content": [{"type": "text", "text": text}]} for text in texts]}

    rows = [dialogue("transcribe", ADDRESS), dialogue("given", ADDRESS, CARD), dialogue("given", "one", ADDRESS), dialogue("given", "one")]
    store.write_bytes(tmp_path / "demonstrations.train.jsonl", store.json_lines(rows))
    turns = [{"role": "assistant", "content": [{"type": "audio", "cut": "c"}, {"type": "text", "text": CARD}]}]
    store.write_bytes(tmp_path / "pairs.jsonl", store.json_lines([{"id": "p", "prompt": [], "chosen": [], "rejected": turns}]))
    assert in_dialogues(tmp_path) == ({"email": 2, "card": 2}, 3)


def test_what_was_dropped_is_counted_by_the_reasons_of_the_ledger() -> None:
    reasons = ["what is written holds personal data: email", "what is written holds personal data: email, card"]
    rows = [ledger_row(f"{number}.wav", "dropped", None, rule="pii", reason=reason) for number, reason in enumerate(reasons)]
    counted = told(facts_of({"privacy": {"pii": "drop"}}).scenario, PersonalData(), pl.DataFrame(rows))
    assert (counted["handling"], counted["rows_dropped"]) == ("drop", 2)
    assert {name: count for name, count in counted["rules_dropped"].items() if count} == {"email": 2, "card": 1}


def test_nobody_is_heard_who_says_what_may_not_be_read(tmp_path: Path) -> None:
    cuts = [cut_row(number, "test", text=ADDRESS if number % 2 else "seven") for number in range(12)]
    write_report(write_folder(tmp_path, cuts), facts_of())
    shown = json.loads((tmp_path / "report.json").read_bytes())["clips"]["shown"]
    assert shown
    assert {clip["text"] for clip in shown} == {"seven"}


def test_a_report_is_made_of_tables_without_personal_data(tmp_path: Path) -> None:
    cuts = [cut_row(number, "test", text=ADDRESS) for number in range(6)]
    dropped = segment_row(cut_row(99, "test", text=CARD), "lost.wav", fate="dropped", rule="quality.snr_db")
    write_report(write_folder(tmp_path, cuts, [ledger_row("lost.wav", "dropped", 1.0, rule="quality.snr_db")], [dropped]), facts_of())
    for name in ("report.html", "report.json", "README.md"):
        content = (tmp_path / name).read_text()
        assert "canary.example" not in content
        assert CARD not in content
    tables = read_tables(tmp_path)
    assert tables.personal == PersonalData(6, 0, {"email": 6})
    assert "[card]" in tables.segments["text"].to_list()
