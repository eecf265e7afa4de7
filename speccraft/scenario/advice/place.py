"""Does the place make sense: its noise, its rooms, its channel, and the sources that serve them."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator, Sequence

from speccraft.scenario.diagnostics import MAX_SHOWN
from speccraft.scenario.document import Where
from speccraft.scenario.environment import BandChannel, CodedChannel, Environment
from speccraft.scenario.model import Scenario

from .remark import Also, Remark, Written

MOST_COMPARED = 200
"""Names that a misspelt one is compared with: more of both would take half a minute in a file made for that."""
MPEG_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MPEG_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
MPEG_2_5 = (8, 16, 24, 32, 40, 48, 56, 64)
"""Bit rates in kbit/s of MPEG audio layer III (ISO/IEC 11172-3 and 13818-3) for sampling rates from 32 kHz, from 16 kHz and below; LAME ends MPEG 2.5 at 64."""


def unknown_banks(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Noise and rooms are ids of sources with that role."""
    with_id: defaultdict[str, list[int]] = defaultdict(list)
    for number, source in enumerate(scenario.sources):
        with_id[source.id].append(number)
    looked_up = 0
    for field, role, ids in _named(scenario.environment):
        known = {source.id: index for index, source in enumerate(scenario.sources) if source.role == role}
        for index, id in enumerate(ids):
            if id in known:
                continue
            others = with_id.get(id, [])
            near = [] if others or looked_up >= MAX_SHOWN else difflib.get_close_matches(id, list(known)[:MOST_COMPARED], 1)
            looked_up += 1
            also: Also = tuple((("sources", number, "id"), f"has role `{scenario.sources[number].role}`") for number in others)
            also += tuple((("sources", known[one], "id"), f"has role `{role}`") for one in near)
            help = _bank_help(id, role, near, is_source=bool(others))
            yield Remark("SC202", f"no source with role `{role}` is called `{id}`", (*field, index), help, also=also)
    yield from _dry_and_not_heard(scenario)


def _named(place: Environment) -> list[tuple[Where, str, tuple[str, ...]]]:
    """Where the environment names sources, of which role, and which."""
    named: list[tuple[Where, str, tuple[str, ...]]] = [(("environment", "noise"), "noise", place.noise), (("environment", "rooms"), "rir", place.rooms)]
    return named + ([(("environment", "events", "sources"), "noise", place.events.sources)] if place.events else [])


def _dry_and_not_heard(scenario: Scenario) -> Iterator[Remark]:
    place = scenario.environment
    for index, id in enumerate(place.dry):
        where: Where = ("environment", "dry", index)
        if id not in place.recorded_noise:
            yield Remark("SC202", f"no noise is called `{id}`", where, "name it under `environment.noise` or `environment.events.sources`, too")
        elif not place.reverberant:
            rooms: Also = ((("environment", "rooms"), "names none", "there are none"),)
            yield Remark("SC212", "there are no rooms that it could be heard in", where, "name rooms, or remove it", "warning", rooms)


def taken_names(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """What is made goes by names of its own."""
    for index, source in enumerate(scenario.sources):
        if source.id in scenario.environment.made:
            also: Also = ((("environment", "made"), f"makes `{source.id}`"),)
            yield Remark("SC202", f"`{source.id}` is the name of what is made", ("sources", index, "id"), "call the source otherwise", also=also)


def band_of_the_channel(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A band takes away what lies above it, where the sampling rate has anything there."""
    channel, sampling_rate = scenario.environment.channel, scenario.environment.sampling_rate
    if isinstance(channel, BandChannel) and channel.high_hz >= sampling_rate / 2:
        also: Also = ((("environment", "sampling_rate"), f"{sampling_rate} Hz", f"`sampling_rate: {sampling_rate}` holds"),)
        message = f"takes nothing away: {sampling_rate} Hz hold frequencies up to {sampling_rate // 2} Hz"
        help = f"write less than {sampling_rate // 2}, or raise the sampling rate"
        yield Remark("SC212", message, ("environment", "channel", "high_hz"), help, "warning", also)


def _bank_help(id: str, role: str, near: Sequence[str], is_source: bool) -> str:
    if is_source:
        return f"write `role: {role}` at the source, or name another one"
    return f"did you mean '{near[0]}'?" if near else f"add a source with `id: {id}` and `role: {role}`"


def bit_rate_of_the_channel(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """MP3 has other bit rates at other sampling rates; Opus has every one that the field takes."""
    channel, sampling_rate = scenario.environment.channel, scenario.environment.sampling_rate
    if not isinstance(channel, CodedChannel) or channel.codec != "mp3":
        return
    offered = MPEG_1 if sampling_rate >= 32000 else MPEG_2 if sampling_rate >= 16000 else MPEG_2_5
    asked = channel.bitrate_kbps
    if asked in offered:
        return
    where: Where = ("environment", "channel", "bitrate_kbps")
    rate: Also = ((("environment", "sampling_rate"), f"{sampling_rate} Hz", f"`sampling_rate: {sampling_rate}` holds"),)
    codec: Also = ((("environment", "channel", "codec"), "chosen here"),)
    near = sorted(sorted(offered, key=lambda one: abs(one - asked))[:2])
    if offered[0] < asked < offered[-1]:
        help = f"write {near[0]} or {near[1]}"
        yield Remark("SC225", f"MP3 has no {asked} kbit/s at {sampling_rate} Hz; the nearest is taken", where, help, "warning", codec + rate)
    else:
        message = f"MP3 at {sampling_rate} Hz has {offered[0]} to {offered[-1]} kbit/s, not {asked}"
        yield Remark("SC225", message, where, "choose one of them, another sampling rate, or `codec: opus`", also=codec + rate)


def clean_without_a_place(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A share of cuts that stay clean needs others that do not."""
    where: Where = ("environment", "clean_fraction")
    if where in written and not differs_from_the_recordings(scenario):
        yield Remark("SC212", "every cut stays as recorded: there is no noise, room or channel", where, severity="warning")


def unused_banks(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Noise and rooms that are declared are heard."""
    place = scenario.environment
    for field, role, heard in (("noise", "noise", place.recorded_noise), ("rooms", "rir", place.rooms)):
        for index, source in enumerate(scenario.sources):
            if source.role == role and source.id not in heard:
                also: Also = ((("environment", field), "does not name it", "none is used"),)
                help = f"add `{source.id}` to `environment.{field}`"
                yield Remark("SC212", f"the environment does not use `{source.id}`", ("sources", index, "id"), help, "warning", also)


def differs_from_the_recordings(scenario: Scenario) -> bool:
    """Whether the place does anything to a recording."""
    # Noise at no ratio is nothing yet, but what is missing is told by another remark.
    return scenario.environment.does_something or bool(scenario.environment.background)


def halves_of_a_place(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """An SNR needs noise to reach it and noise needs an SNR; a reverberation time needs rooms."""
    place = scenario.environment
    snr_db: Where = ("environment", "snr_db")
    rt60_s: Where = ("environment", "rt60_s")
    noise: Also = ((("environment", "noise"), "names none", "there is none"),)
    rooms: Also = ((("environment", "rooms"), "names none", "there are none"),)
    if place.snr_db is not None and not place.background and snr_db in written:
        help = "name sources with role `noise` under `environment.noise`, or remove it"
        yield Remark("SC203", "is declared, but there is no noise to reach it", snr_db, help, also=noise)
    if place.background and place.snr_db is None:
        loud: Also = ((snr_db, "is empty", "nobody knows at what ratio to mix it in"),)
        yield Remark(
            "SC203",
            "noise is declared, but not how loud",
            ("environment", "noise" if place.noise else "made"),
            "add `snr_db: {low: 0, high: 20}` under `environment:`",
            also=loud,
        )
    if place.rt60_s is not None and not place.reverberant and rt60_s in written:
        help = "name sources with role `rir` under `environment.rooms`, or write `made: [simulated-rooms]`"
        yield Remark("SC203", "is declared, but there are no rooms to reach it", rt60_s, help, "warning", rooms)
    unreached = []
    if place.snr_db is not None and not place.background and snr_db not in written:
        unreached.append((f"no noise to reach its SNR of {place.snr_db.low:g} to {place.snr_db.high:g} dB", "noise", "snr_db"))
    if place.rt60_s is not None and not place.reverberant and rt60_s not in written:
        unreached.append((f"no rooms to reach its T60 of {place.rt60_s.low:g} to {place.rt60_s.high:g} s", "rooms", "rt60_s"))
    if unreached:
        # A warning: who names a place may still be looking for its recordings. A build without them says BLOCK (SC416).
        messages, banks, numbers = zip(*unreached, strict=True)
        help = f"name sources under {' and '.join(f'`environment.{bank}`' for bank in banks)}, or write {' and '.join(f'`{one}: null`' for one in numbers)}"
        yield Remark("SC203", ", and ".join(messages), ("environment", "preset"), help, "warning")
