"""Find near-duplicates without comparing everything with everything: copies of a recording by fingerprint, texts by shared word parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from speccraft.build.rules import SPEECH_FIRST, TEST_FIRST, UNTRANSCRIBED
from speccraft.build.tables import FILES_AT_ONCE, lines_of
from speccraft.build.units import AUDIO, RECORDINGS
from speccraft.plan.groups import groups
from speccraft.scenario.source_base import HEARD
from speccraft.sound.fingerprint import MOST_KEYS, Fingerprint, is_copy, keys_of_text, likeness

FEWEST_SHARED_KEYS = 3
"""Real copies share 12 keys and more, one pair of strangers in a thousand shares three (benchmarks/near_duplicates.md)."""
NEIGHBOURS = 8
"""Of those that share a key, each is compared with so many before and behind it: a key that thousands share costs no more for each."""
LONGEST_DIFFERENCE_S = 2.1
"""A copy lacks a second at each end, no more: a word cut out of a sentence is no copy of the sentence."""
COPIES = {"source": pl.String, "input": pl.String, "copy_of": pl.String, "similarity": pl.Float64}
SHINGLE = 4
LEAST_JACCARD = 0.8
BANDS, ROWS = 16, 4
"""MinHash bands and rows (Leskovec et al., Mining of Massive Datasets, 3.4): texts of similarity 0.8 meet with probability 0.9998."""
TEXTS_AT_ONCE = 20_000
ENTRIES_AT_ONCE = 1 << 22
FINGERPRINTS_AT_ONCE = 10_000
"""A million small arrays of keys take three times as much memory as the keys in them."""
OWNER = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Near:
    """Two things that are nearly the same, by position, the earlier first, and how similar they are."""

    first: int
    second: int
    similarity: float


def near_audio(recordings: pl.DataFrame) -> list[Near]:
    """Pairs of recordings that are copies of one another, in order.

    Args:
        recordings: `source`, `input`, `recording`, `seconds`, and `prints`: the JSON lines that hold its `fingerprint`; read file by file,
            because the fingerprints of a million recordings do not fit in memory. Parts of one recording overlap, and are no copies of one another.
    """
    entries = _index(recordings)
    pairs = _sharing(entries, FEWEST_SHARED_KEYS)
    del entries
    seconds = recordings["seconds"].to_numpy()
    pairs = pairs[np.abs(seconds[pairs[:, 0]] - seconds[pairs[:, 1]]) <= LONGEST_DIFFERENCE_S]
    recording = recordings.select(pl.struct("source", "recording").rank("dense")).to_series().to_numpy()
    pairs = pairs[recording[pairs[:, 0]] != recording[pairs[:, 1]]]
    wanted = np.unique(pairs)
    prints = {int(wanted[n]): Fingerprint.from_text(text) for n, text in _fingerprints(recordings[wanted])}
    found = []
    for first, second in pairs.tolist():
        correlation, compared_s = likeness(prints[first], prints[second])
        if is_copy(correlation, compared_s):
            found.append(Near(first, second, round(correlation, 3)))
    return found


def copies(kept: pl.DataFrame, recordings: pl.DataFrame, sampling_rate: int) -> pl.DataFrame:
    """Recordings that repeat another of their role without having its samples: `source`, `input`, `copy_of` (source:input), `similarity`.

    Of copies the one in an official test or dev split is repeated, else the first by source and input; speech without words last.

    Args:
        kept: segments that nothing has dropped yet, with the `file` of their unit; rooms are left alone, they are all alike.
        recordings: `source`, `input`, `recording` that it is a part of, and `num_samples` of every recording.
    """
    lengths = recordings.select("source", "input", "recording", seconds=pl.col("num_samples") / sampling_rate)
    found = [pl.DataFrame(schema=COPIES)]
    for roles in (HEARD, ("noise",)):
        listed = (
            kept.filter(pl.col("role").is_in(roles))
            .unique(["source", "input"])
            .sort(UNTRANSCRIBED, TEST_FIRST, SPEECH_FIRST, "source", "input")
            .select("source", "input", "file")
        )
        listed = listed.with_columns(prints=pl.col("file").str.strip_suffix(AUDIO) + RECORDINGS)
        listed = listed.join(lengths, on=["source", "input"], how="left", maintain_order="left")
        pairs = near_audio(listed)
        if not pairs:
            continue
        first = firsts(listed.height, pairs)
        similar: dict[int, float] = {}
        for pair in pairs:
            for one in (pair.first, pair.second):
                similar[one] = max(pair.similarity, similar.get(one, 0.0))
        known = listed.select("source", "input")
        rows = [(*known.row(one), ":".join(known.row(first[one])), similar[one]) for one in sorted(similar) if first[one] != one]
        found.append(pl.DataFrame(rows, schema=COPIES, orient="row"))
    return pl.concat(found)


def near_texts(texts: Sequence[str]) -> list[Near]:
    """Pairs of texts of which four fifths of all runs of four characters are shared; case, punctuation and spacing do not count.

    Of many texts that are alike each is paired with some, so that all of them hang together.
    """
    plain = pl.Series(texts, dtype=pl.String).str.to_lowercase().str.replace_all(r"[^\w\s]+", "").str.replace_all(r"\s+", " ").str.strip_chars()
    table = pl.DataFrame({"plain": plain, "position": range(len(plain))}).filter(pl.col("plain") != "")
    same = table.with_columns(first=pl.col("position").first().over("plain")).filter(pl.col("first") != pl.col("position"))
    found = [Near(first, position, 1.0) for first, position in same.select("first", "position").iter_rows()]
    distinct = table.unique("plain", keep="first", maintain_order=True)
    words, positions = distinct["plain"].to_list(), distinct["position"].to_list()
    for one, other in _meeting(words).tolist():
        similarity = _jaccard(words[one], words[other])
        if similarity >= LEAST_JACCARD:
            found.append(Near(positions[one], positions[other], round(similarity, 3)))
    return sorted(found, key=lambda near: (near.first, near.second))


def firsts(count: int, pairs: Sequence[Near]) -> list[int]:
    """For each of so many things, the first of those that it hangs together with: itself where it is alone."""
    first = groups((pair.first, pair.second) for pair in pairs)
    return [first.get(one, one) for one in range(count)]


def _fingerprints(recordings: pl.DataFrame) -> Iterator[tuple[int, str]]:
    """Position and fingerprint of those that have one."""
    numbers = recordings.select(pl.col("prints").unique(maintain_order=True)).with_row_index("file")
    numbered = recordings.select("input", "prints").with_row_index("position").join(numbers, on="prints", how="left").sort("file")
    starts = np.searchsorted(numbered["file"].to_numpy(), np.arange(len(numbers) + 1)).tolist()
    paths = [Path(path) for path in numbers["prints"]]
    for first, lines in lines_of(paths, {"input": pl.String, "fingerprint": pl.String}):
        behind = min(first + FILES_AT_ONCE, len(paths))
        own = numbered[starts[first] : starts[behind]].with_columns(pl.col("file") - first)
        yield from own.join(lines.drop_nulls(), on=["file", "input"]).select("position", "fingerprint").iter_rows()


def _index(recordings: pl.DataFrame) -> np.ndarray:
    """Entries of all keys of all fingerprints."""
    # Memory that is never written to is never taken.
    entries, used = np.empty(MOST_KEYS * recordings.height, np.uint64), 0
    fingerprints = _fingerprints(recordings)
    while some := list(islice(fingerprints, FINGERPRINTS_AT_ONCE)):
        keys = [keys_of_text(text) for _, text in some]
        owners = np.repeat(np.array([position for position, _ in some], np.uint32), [len(own) for own in keys])
        entries[used : used + len(owners)] = _entries(np.concatenate(keys), owners)
        used += len(owners)
    entries[:used].sort()
    return entries[:used]


def _entries(keys: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """An inverted index of uint32 keys: key and owner in one uint64, sorted."""
    entries = keys.astype(np.uint64)
    entries <<= np.uint64(32)
    entries |= owners
    entries.sort()
    return entries


def _sharing(entries: np.ndarray, least: int) -> np.ndarray:
    """(pairs, 2) owners that share at least so many keys of an index, sorted; an owner has no key twice."""
    pairs = [np.zeros(0, np.uint64)]
    for start in range(0, len(entries), ENTRIES_AT_ONCE):
        block = entries[start : start + ENTRIES_AT_ONCE + NEIGHBOURS]
        keys, owners = block >> np.uint64(32), block & OWNER
        for distance in range(1, NEIGHBOURS + 1):
            at = np.flatnonzero(keys[distance:] == keys[:-distance])
            at = at[at < ENTRIES_AT_ONCE]
            pairs.append((owners[at] << np.uint64(32)) | owners[at + distance])
    shared, counts = np.unique(np.concatenate(pairs), return_counts=True)
    shared = shared[counts >= least]
    return np.stack([shared >> np.uint64(32), shared & OWNER], axis=1).astype(np.int64)


def _meeting(texts: Sequence[str]) -> np.ndarray:
    """(pairs, 2) positions of texts that fall together in at least one band of their MinHash signatures (Broder 1997)."""
    signatures = [np.zeros((0, BANDS * ROWS), np.uint32)]
    signatures += [_signatures(texts[start : start + TEXTS_AT_ONCE]) for start in range(0, len(texts), TEXTS_AT_ONCE)]
    bands = np.concatenate(signatures).reshape(-1, BANDS, ROWS)
    owners = np.arange(len(bands), dtype=np.uint32)
    pairs = [np.zeros((0, 2), np.int64)]
    for band in range(BANDS):
        folded = np.zeros(len(bands), np.uint64)
        for row in range(ROWS):
            folded = _mixed(folded ^ bands[:, band, row])
        # What meets by accident in 32 bits is told apart by its words.
        pairs.append(_sharing(_entries(folded >> np.uint64(32), owners), 1))
    return np.unique(np.concatenate(pairs), axis=0)


def _signatures(texts: Sequence[str]) -> np.ndarray:
    """(texts, BANDS * ROWS) smallest hashes of the runs of characters of each text under as many hash functions."""
    padded = [text.ljust(SHINGLE) for text in texts]
    characters = np.frombuffer("".join(padded).encode("utf-32-le"), np.uint32).astype(np.uint64)
    lengths = np.array([len(text) for text in padded])
    shingles = np.zeros(len(characters) - SHINGLE + 1, np.uint64)
    for offset in range(SHINGLE):
        shingles = shingles * np.uint64(0x110000) + characters[offset : offset + len(shingles)]
    ends = np.cumsum(lengths)
    inside = np.ones(len(characters), bool)
    for offset in range(1, SHINGLE):
        inside[ends - offset] = False
    hashes = _mixed(shingles[inside[: len(shingles)]])
    starts = np.concatenate([[0], np.cumsum(lengths - SHINGLE + 1)[:-1]])
    multipliers = np.random.default_rng(1).integers(0, 2**63, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return np.stack([np.minimum.reduceat((hashes * odd) >> np.uint64(32), starts) for odd in multipliers], axis=1).astype(np.uint32)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Scatter 64-bit numbers (the finaliser of SplitMix64, Steele et al. 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(numbers ^ (numbers >> np.uint64(31)))


def _jaccard(one: str, other: str) -> float:
    runs, others = _runs(one), _runs(other)
    return len(runs & others) / len(runs | others)


def _runs(text: str) -> set[str]:
    padded = text.ljust(SHINGLE)
    return {padded[start : start + SHINGLE] for start in range(len(padded) - SHINGLE + 1)}
