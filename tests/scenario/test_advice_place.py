"""The place against its banks and its channel."""

from __future__ import annotations

import pytest
from scenario_world import about

NOISE = "  - {id: n, role: noise, format: folder, path: p}\n"


@pytest.mark.parametrize(("rate", "kbps", "range_"), [(8000, 128, "8 to 64"), (16000, 192, "8 to 160"), (44100, 24, "32 to 320")])
def test_a_bit_rate_that_mp3_does_not_reach_is_an_error_that_shows_codec_and_sampling_rate(rate: int, kbps: int, range_: str) -> None:
    (found,) = about("SC225", f"environment: {{sampling_rate: {rate}, channel: {{codec: mp3, bitrate_kbps: {kbps}}}}}\n")
    assert (found.severity, found.message) == ("error", f"MP3 at {rate} Hz has {range_} kbit/s, not {kbps}")
    assert [text for _, _, text in found.related] == ["chosen here", f"{rate} Hz"]


def test_a_bit_rate_between_those_of_mp3_is_a_warning_with_the_nearest() -> None:
    (found,) = about("SC225", "environment: {channel: {codec: mp3, bitrate_kbps: 100}}\n")
    assert (found.severity, found.help) == ("warning", "write 96 or 112")
    assert "no `environment.sampling_rate` is written, so `sampling_rate: 16000` holds" in found.message


@pytest.mark.parametrize(
    "channel", ["{codec: mp3, bitrate_kbps: 64}", "{codec: mp3}", "{codec: opus, bitrate_kbps: 255}", "{codec: telephone}", "{codec: none}"]
)
def test_a_channel_that_can_be_imitated_is_left_alone(channel: str) -> None:
    assert not about("SC225", f"environment: {{sampling_rate: 8000, channel: {channel}}}\n")


def test_half_a_place_shows_the_other_half_or_says_that_it_is_not_written() -> None:
    (found,) = about("SC203", "environment: {snr_db: {low: 0, high: 1}, noise: []}\n")
    assert found.related == ((6, 49, "names none"),)
    (found,) = about("SC203", NOISE + "environment: {noise: [n], snr_db: null}\n")
    assert found.related == ((7, 35, "is empty"),)
    (found,) = about("SC203", "environment: {rt60_s: {low: 0, high: 1}}\n")
    assert found.message.endswith("(no `environment.rooms` is written, so there are none)")


def test_a_bank_that_is_not_used_shows_the_list_that_leaves_it_out() -> None:
    (found,) = about("SC212", NOISE + "environment: {noise: []}\n")
    assert found.related == ((7, 22, "does not name it"),)


def test_a_misspelt_bank_shows_the_one_that_was_meant() -> None:
    (found,) = about("SC202", NOISE.replace("id: n", "id: platform") + "environment: {snr_db: {low: 0, high: 1}, noise: [platfrom]}\n")
    assert (found.help, found.related) == ("did you mean 'platform'?", ((6, 10, "has role `noise`"),))


def test_near_misses_are_looked_for_as_often_as_problems_are_shown() -> None:
    banks = "".join(NOISE.replace("id: n", f"id: platform-{number}") for number in range(3))
    misspelt = ", ".join(f"platfrom-{number}" for number in range(30))
    found = about("SC202", f"{banks}environment: {{snr_db: {{low: 0, high: 1}}, noise: [{misspelt}]}}\n")
    assert [one.help.startswith("did you mean") for one in found] == [True] * 20 + [False] * 10
