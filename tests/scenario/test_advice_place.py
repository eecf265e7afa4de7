"""The place against its banks and its channel."""

from __future__ import annotations

import pytest
from scenario_world import about

from speccraft.errors import InvalidScenario

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


DOORS = "{sources: [n], per_minute: {low: 1, high: 2}, snr_db: {low: 0, high: 5}}"


def test_short_noises_are_sources_of_noise_and_are_used() -> None:
    assert not about("SC212", NOISE + f"environment: {{events: {DOORS}}}\n")
    (found,) = about("SC202", f"environment: {{events: {DOORS}}}\n")
    assert (found.path, found.message) == ("environment.events.sources[0]", "no source with role `noise` is called `n`")


def test_dry_noise_is_noise_that_is_heard_in_some_room() -> None:
    (found,) = about("SC202", NOISE + f"environment: {{events: {DOORS}, dry: [m], made: [simulated-rooms]}}\n")
    assert (found.path, found.message) == ("environment.dry[0]", "no noise is called `m`")
    (found,) = about("SC212", NOISE + f"environment: {{events: {DOORS}, dry: [n]}}\n")
    assert found.message.startswith("there are no rooms that it could be heard in")
    both = NOISE + f"environment: {{events: {DOORS}, dry: [n], made: [simulated-rooms]}}\n"
    assert not about("SC202", both) + about("SC212", both)


def test_what_is_made_reaches_what_is_declared_and_keeps_its_name() -> None:
    assert not about("SC203", "environment: {made: [babble, simulated-rooms], snr_db: {low: 0, high: 9}, rt60_s: {low: 0.2, high: 1}}\n")
    (found,) = about("SC203", "environment: {made: [speech-shaped]}\n")
    assert found.path == "environment.made"
    (found,) = about("SC202", NOISE.replace("id: n", "id: babble") + "environment: {made: [babble], noise: [babble], snr_db: {low: 0, high: 9}}\n")
    assert (found.message, found.related) == ("`babble` is the name of what is made", ((7, 21, "makes `babble`"),))


@pytest.mark.parametrize(("rate", "high_hz", "warned"), [(16000, 8000, True), (16000, 7000, False), (8000, 5000, True)])
def test_a_band_above_what_the_rate_holds_is_a_warning(rate: int, high_hz: int, warned: bool) -> None:
    found = about("SC212", f"environment: {{sampling_rate: {rate}, channel: {{codec: band, high_hz: {high_hz}}}}}\n")
    assert [one.path for one in found] == ["environment.channel.high_hz"] * warned


@pytest.mark.parametrize(
    "wrong",
    [
        "distance_m: {low: 0, high: 1}", "level_dbfs: {low: -20, high: 3}", "clipped_fraction: {low: 0, high: 0.9}",
        "channel: {codec: band, low_hz: 4000, high_hz: 300}", "events: {sources: [n], per_minute: {low: -1, high: 2}, snr_db: {low: 0, high: 5}}",
        "made: [music]",
    ],
)  # fmt: skip
def test_numbers_that_no_place_has_are_refused(wrong: str) -> None:
    with pytest.raises(InvalidScenario):
        about("", NOISE + f"environment: {{{wrong}}}\n")
