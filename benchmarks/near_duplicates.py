"""Error rates and cost of near-duplicate detection on the real packs: `python benchmarks/near_duplicates.py DATA`.

Strangers: every pair of takes of one digit by one speaker, and every pair that the index proposes among digits, read speech, commands and
noise. Copies: recordings with up to 0.5 s (of digits 8 %) cut off at each end, made 8 dB quieter, then changed as the row says.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import soxr

from speccraft.build import near
from speccraft.scenario.environment import CodedChannel
from speccraft.sound.channel import through_channel
from speccraft.sound.decode import Undecodable, decode, to_int16
from speccraft.sound.fingerprint import Fingerprint, fingerprint, is_copy, likeness

RATE = 16000
FOLDERS = {
    "digits": ["demo/digits"],
    "speech": ["demo/commands", "dev/read", "dev/instructions", "dev/short_phrases", "dev/multilingual", "dev/conversation"],
    "noise": ["demo/noise", "dev/noise"],
}
CHANGES = ("gain", "8 kHz", "48 kHz", "mp3 32", "mp3 16", "opus 24", "opus 12", "noise 30", "noise 20", "noise 10")


def changed(samples: np.ndarray, change: str, random: np.random.Generator) -> np.ndarray:
    """A quieter and shorter copy, through a codec, another rate or noise."""
    sound = samples.astype(np.float32) / 32768
    most = min(0.5 * RATE, 0.08 * len(sound))
    sound = 0.4 * sound[int(random.uniform(0, most)) : len(sound) - int(random.uniform(0, most))]
    kind, _, number = change.partition(" ")
    if kind in ("mp3", "opus"):
        sound = through_channel(sound, CodedChannel(codec=kind, bitrate_kbps=int(number)), RATE)
    elif kind == "noise":
        level = np.sqrt(np.mean(sound**2) / 10 ** (int(number) / 10))
        sound = sound + level * random.standard_normal(len(sound)).astype(np.float32)
    elif kind != "gain":
        sound = soxr.resample(soxr.resample(sound, RATE, int(kind) * 1000), int(kind) * 1000, RATE)
    return to_int16(sound)


def read(data: Path, folders: list[str]) -> dict[str, np.ndarray]:
    """Every file of some folders that can be decoded, by path."""
    found = {}
    for path in sorted(path for folder in folders for path in (data / folder).rglob("*.*")):
        try:
            found[path.relative_to(data).as_posix()] = decode(path, RATE).samples
        except Undecodable:
            continue
    return found


def main(data: Path) -> None:
    """Print cost, false alarms and misses."""
    sounds = {kind: read(data, folders) for kind, folders in FOLDERS.items()}
    everything = {name: samples for own in sounds.values() for name, samples in own.items()}
    began = time.process_time()
    texts = {name: fingerprint(samples, RATE) for name, samples in everything.items()}
    took = time.process_time() - began
    hours = sum(map(len, everything.values())) / RATE / 3600
    prints = {name: Fingerprint.from_text(text) for name, text in texts.items() if text is not None}
    print(f"{len(everything)} recordings, {hours:.2f} h: {took:.2f} CPU-s, {1000 * took / len(everything):.2f} ms each; {len(texts) - len(prints)} too short")
    print(f"{np.mean([len(text) for text in texts.values() if text]):.0f} bytes of base64 a recording")

    takes = defaultdict(list)
    for name in sounds["digits"]:
        if name in prints:
            takes[Path(name).parent, Path(name).name[0]].append(name)
    pairs = [pair for own in takes.values() for pair in combinations(own, 2)]
    alike = sorted(((*likeness(prints[one], prints[other]), one, other) for one, other in pairs), reverse=True)
    print(f"takes of one digit by one speaker: {sum(is_copy(*pair[:2]) for pair in alike)} of {len(alike)} taken for copies; most alike {alike[0]}")

    names = sorted(prints)
    keys = [prints[name].keys for name in names]
    entries = near._entries(np.concatenate(keys), np.repeat(np.arange(len(names), dtype=np.uint32), [len(own) for own in keys]))
    proposed = near._sharing(entries, near.FEWEST_SHARED_KEYS)
    began = time.process_time()
    found = [(names[one], names[other]) for one, other in proposed.tolist() if is_copy(*likeness(prints[names[one]], prints[names[other]]))]
    took = time.process_time() - began
    print(
        f"the index proposes {len(proposed)} of {len(names) * (len(names) - 1) // 2} pairs; {len(found)} copies ({1000 * took / len(proposed):.2f} ms a pair)"
    )
    print(*found, sep="\n")

    random = np.random.default_rng(0)
    for kind, chosen in (("digits", sorted(sounds["digits"])[::10]), ("speech", sorted(sounds["speech"])[::5])):
        for change in CHANGES:
            known = [name for name in chosen if name in prints]
            copies = [fingerprint(changed(everything[name], change, random), RATE) for name in known]
            met = [
                text is not None and len(np.intersect1d(prints[name].keys, Fingerprint.from_text(text).keys)) >= near.FEWEST_SHARED_KEYS
                for name, text in zip(known, copies, strict=True)
            ]
            hit = [
                ok and text is not None and is_copy(*likeness(prints[name], Fingerprint.from_text(text)))
                for name, text, ok in zip(known, copies, met, strict=True)
            ]
            print(f"{kind:8} {change:9} found {np.mean(hit):6.1%} of {len(known)} (proposed by the index {np.mean(met):6.1%})")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
