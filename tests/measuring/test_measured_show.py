"""The tables: a unit for every number, a reason for every failure, and a mark on what is uncertain."""

from __future__ import annotations

from typing import Any

from speccraft.measuring.placed import Version
from speccraft.measuring.show import COLUMNS, FOOTNOTE, listing, parameters, table

ROW: dict[str, Any] = {
    "file": "a.wav", "channels": 1, "sampling_rate_hz": 16000, "duration_s": 2.5, "speech_share": 0.5, "level_dbfs": -21.25, "snr_db": 61.5,
    "clipped_fraction": 0.0125, "f0_median_hz": None, "problems": [], "uncertain": ["snr_db"], "rule": None, "reason": None,
}  # fmt: skip
BROKEN = {"file": "b.wav", "rule": "empty", "reason": "the file has 0 bytes"}


def test_a_table_has_units_values_and_reasons() -> None:
    headings, units, first, second, footnote = table([ROW, BROKEN])
    assert dict(zip(headings.split(), first.split()[1:], strict=True)) == {
        "length": "2.50", "rate": "16000", "ch": "1", "speech": "50", "level": "-21.2", "clipped": "1.25", "SNR": "~61.5",
    }  # fmt: skip
    assert units.split() == ["s", "Hz", "%", "dBFS", "%", "dB"]
    assert second == "b.wav  empty: the file has 0 bytes"
    assert footnote == FOOTNOTE


def test_columns_in_which_nothing_was_measured_are_left_out() -> None:
    assert "F0" not in next(table([ROW]))
    assert "F0" in next(table([ROW, ROW | {"f0_median_hz": 120.0}]))


def test_every_number_has_its_unit() -> None:
    assert {column.heading for column in COLUMNS if not column.unit} == {"ch"}


def test_broken_files_alone_make_no_table() -> None:
    assert list(table([BROKEN])) == ["b.wav  empty: the file has 0 bytes"]


def test_a_list_says_what_each_measure_means_and_what_is_wrong() -> None:
    lines = list(listing(ROW | {"problems": ["dead: 1 of 2 channels"]}))
    assert lines[:2] == ["a.wav", "  dead: 1 of 2 channels"]
    assert any(line.split()[:2] == ["snr_db", "~61.5"] for line in lines)
    assert any(line.startswith("  f0_median_hz") and " - " in line and "fundamental frequency" in line for line in lines)
    assert list(listing(BROKEN)) == ["b.wav", "  empty: the file has 0 bytes"]


def test_a_long_value_does_not_run_into_what_it_means() -> None:
    said = "somebody said so many words"
    lines = list(listing(ROW | {"text": said}))
    at = next(index for index, line in enumerate(lines) if said in line)
    assert lines[at].split() == ["text", *said.split()]
    short = next(line for line in lines if line.startswith("  duration_s"))
    assert lines[at + 1].strip() == "The transcript beside it."
    assert lines[at + 1].index("The") == short.index("2.5") + 13


def test_names_and_reasons_cannot_write_on_the_terminal() -> None:
    evil = "\x1b[2J\u202eevil.wav"
    for line in (*table([ROW | {"file": evil}, BROKEN | {"reason": evil}]), *listing(ROW | {"file": evil})):
        assert "\x1b" not in line
        assert "\u202e" not in line


def test_parameters_stand_in_columns_of_conditions() -> None:
    place = Version("place", b"", {"noise": {"id": "n1", "snr_db": 10.0}, "events": [{"id": "e1"}]}, {"delivered_snr_db": 9.5})
    lines = [line.split() for line in parameters([Version("clean", b"", None, {}), place])]
    assert lines == [["clean", "place"], ["noise.id", "n1"], ["noise.snr_db", "10"], ["events.0.id", "e1"], ["delivered_snr_db", "9.5"]]
