"""Cost of the place, side by side with audiomentations: `python benchmarks/place.py DATA > benchmarks/place.md`.

The same cuts of read speech (1 to 12 s, 16 kHz), the same noise clips and impulse responses, the same effects, in one process and in turns;
drawing counts for both. audiomentations keeps impulse responses in memory and reads noise from WAV files at 16 kHz; our bank holds all of them.
"""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
from audiomentations import AddBackgroundNoise, AddShortNoises, ApplyImpulseResponse, BandPassFilter, Compose, Gain

from speccraft.scenario.base import Band
from speccraft.scenario.contracts import PlaceRanges
from speccraft.scenario.environment import BandChannel, CodedChannel, Events, TelephoneChannel
from speccraft.sound.decode import Undecodable, decode
from speccraft.sound.place import Bank, BankItem, draw_place, generator_for, render_place
from speccraft.sound.rooms import simulate_room, trimmed

RATE, ROUNDS, SECONDS = 16000, 5, 600.0
SNR, LEVEL = Band(low=0.0, high=20.0), Band(low=-36.0, high=-20.0)
LINE = BandChannel(codec="band", low_hz=300.0, high_hz=3400.0)
EVENTS = Events(sources=("noise",), per_minute=Band(low=10.0, high=20.0), snr_db=SNR)
Effect = Callable[[np.ndarray, int], np.ndarray]


def sounds(folder: Path) -> list[np.ndarray]:
    """Every file below a folder that can be decoded: float32 at 16 kHz."""
    found = []
    for path in sorted(folder.rglob("*.*")):
        try:
            found.append(decode(path, RATE).samples.astype(np.float32) / 32768)
        except Undecodable:
            continue
    return found


def cuts_of(speech: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Ten minutes of cuts between 1 and 12 s, from speech put end to end."""
    rng, line = np.random.default_rng(0), np.concatenate(speech)
    ends = np.cumsum(rng.uniform(1.0, 12.0, int(SECONDS / 6.5)) * RATE).astype(int)
    return [np.take(line, np.arange(start, end), mode="wrap") for start, end in pairwise(ends)]


def ours(bank: Bank, **ranges: object) -> Effect:
    """The place, drawn and rendered."""
    declared = PlaceRanges.model_validate({"snr_db": SNR, "noise": ("noise",), "rooms": ("room",), "level_dbfs": LEVEL} | ranges)
    return lambda cut, number: render_place(cut, draw_place(declared, bank, generator_for(0, str(number), 0), len(cut) / RATE), bank)


def theirs(folder: Path, *more: object) -> Effect:
    """A plain Compose of the same effects."""
    effects = [
        ApplyImpulseResponse(ir_path=folder / "room", p=1.0, lru_cache_size=128, leave_length_unchanged=True),
        AddBackgroundNoise(sounds_path=folder / "noise", min_snr_db=SNR.low, max_snr_db=SNR.high, p=1.0),
        Gain(min_gain_db=-6.0, max_gain_db=6.0, p=1.0),
        *more,
    ]
    chain = Compose(effects)
    return lambda cut, _: chain(samples=cut, sample_rate=RATE)


def cost(effects: Mapping[str, Effect], cuts: Sequence[np.ndarray], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """CPU-seconds an hour of audio, for every effect one number a round; the effects take turns, after a round that does not count."""
    hours = sum(map(len, cuts)) / RATE / 3600
    found: dict[str, list[float]] = {name: [] for name in effects}
    for _ in range(rounds + 1):
        for name, effect in effects.items():
            began = time.process_time()
            for number, cut in enumerate(cuts):
                effect(cut, number)
            found[name].append((time.process_time() - began) / hours)
    return {name: numbers[1:] for name, numbers in found.items()}


def banked(folder: Path, noise: Sequence[np.ndarray], rooms: Sequence[np.ndarray]) -> Bank:
    """A bank, and the same samples as files for audiomentations."""
    items, samples = [], {}
    for role, source, clips in (("noise", "noise", noise), ("rir", "room", rooms)):
        (folder / source).mkdir()
        for number, clip in enumerate(clips):
            id = f"{source}-{number}"
            items.append(BankItem(id, source, role, "train", f"{source}/{id}.wav", len(clip) / RATE, "CC0-1.0"))
            samples[id] = clip
            soundfile.write(folder / source / f"{id}.wav", clip, RATE, subtype="FLOAT")
    return Bank(items, samples, RATE)


def main(data: Path) -> None:
    """Print the page."""
    cuts = cuts_of(sounds(data / "dev/read"))
    noise = [clip for clip in sounds(data / "demo/noise") if len(clip) >= RATE]
    rooms = [trimmed(clip) for clip in sounds(data / "demo/rir") if len(clip) >= RATE // 10]
    rooms += [simulate_room(rt60_s, RATE, np.random.default_rng(0)) for rt60_s in (0.3, 0.5, 0.8, 1.2)]
    with tempfile.TemporaryDirectory() as folder:
        bank = banked(Path(folder), noise, rooms)
        passed = BandPassFilter(1850, 1850, 1.6757, 1.6757, min_rolloff=12, max_rolloff=12, zero_phase=True, p=1.0)
        short = AddShortNoises(sounds_path=Path(folder) / "noise", min_snr_db=0.0, max_snr_db=20.0, p=1.0, lru_cache_size=128)
        pairs = {
            "noise, room, level": (ours(bank), theirs(Path(folder))),
            "the same through a band, 300 to 3400 Hz": (ours(bank, channel=LINE), theirs(Path(folder), passed)),
            "the same with short noises": (ours(bank, events=EVENTS), theirs(Path(folder), short)),
        }
        sides = {f"{name}|{side}": effect for name, pair in pairs.items() for side, effect in zip(("ours", "theirs"), pair, strict=True)}
        found = cost(sides, cuts)
        far = {"distance": ours(bank, distance_m=Band(low=0.5, high=4.0))}
        lines = {"telephone": TelephoneChannel(codec="telephone")}
        lines |= {codec: CodedChannel(codec=codec, bitrate_kbps=32) for codec in ("mp3", "opus")}
        alone = cost(far | {f"to {name}": ours(bank, channel=line) for name, line in lines.items()}, cuts[:20], rounds=3)
    print(page(found, alone, cuts, noise, rooms))


def page(found: Mapping[str, list[float]], alone: Mapping[str, list[float]], cuts: Sequence[np.ndarray], noise: Sequence[np.ndarray], rooms: Sequence) -> str:
    """The page as Markdown."""
    rows = []
    for name in dict.fromkeys(key.split("|")[0] for key in found):
        one, other = (found[f"{name}|{side}"] for side in ("ours", "theirs"))
        rows.append(f"| {name} | {_shown(one)} | {_shown(other)} | {np.median(other) / np.median(one):.1f} |")
    others = [f"| {name} | {_shown(numbers)} |" for name, numbers in alone.items()]
    minutes = sum(map(len, cuts)) / RATE / 60
    return "\n".join(
        [
            "# What the place costs",
            "",
            "Written by `python benchmarks/place.py DATA`. CPU-seconds an hour of audio at 16 kHz: median (lowest to highest) of "
            f"{ROUNDS} rounds in which both take turns, in one process, with one thread; drawing is included. {len(cuts)} cuts of read speech of 1 to 12 s, "
            f"{minutes:.0f} minutes; {len(noise)} noise clips, {len(rooms)} rooms of 0.1 to 1.2 s.",
            "",
            f"Machine: {_processor()}, Python {platform.python_version()}.",
            "",
            "| effects | ours | audiomentations `Compose` | times as fast |",
            "|---|---|---|---|",
            *rows,
            "",
            "Ours alone: noise, room and level, and ...",
            "",
            "| | CPU-s an hour |",
            "|---|---|",
            *others,
        ]
    )


def _shown(numbers: Sequence[float]) -> str:
    return f"{np.median(numbers):.2f} ({min(numbers):.2f} to {max(numbers):.2f})"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.is_file() else []
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
