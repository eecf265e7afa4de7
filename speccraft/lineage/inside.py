"""What one build holds of some of its inputs: cuts, mixes that they are heard in, shards, dialogues, clips of its report, cards."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import polars as pl

from speccraft import store
from speccraft.build.banks import clip_id
from speccraft.errors import UnreadableInput
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.source_base import HEARD

Key: TypeAlias = tuple[str, str]
"""An input: its source and its name in the ledger."""
CARDS = frozenset({"README.md", "croissant.json", "MODEL_CARD.md"})
TABLES = ("ledger", "segments")
NEEDED = {"ledger": ("source", "input", "role", "fate", "speaker", "pcm_sha256"), "segments": ("segment", "source", "input", "role", "fate")}


@dataclass(frozen=True)
class Inside:
    """What a build holds of some inputs, all of it by name.

    `cuts` are made of them; `clips` are items of its banks that are, or that are made of the cuts; `heard` are other cuts of dev and test in whose place
    a clip is, and of train those whose place may draw one; by split.
    """

    inputs: Mapping[Key, str] = field(default_factory=dict)
    cuts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clips: tuple[str, ...] = ()
    heard: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shards: tuple[str, ...] = ()
    demonstrations: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()

    @property
    def is_heard(self) -> bool:
        """Whether anything of it can be heard in the build, or on its page."""
        return bool(self.clips or self.report) or any(self.cuts.values())

    @property
    def splits(self) -> list[str]:
        """Splits in which it is heard, or may be."""
        return [split for split in SPLITS if self.cuts.get(split) or self.heard.get(split)]

    @property
    def all_cuts(self) -> frozenset[str]:
        """Its own cuts, and those that it is heard under."""
        return frozenset(cut for by_split in (self.cuts, self.heard) for cuts in by_split.values() for cut in cuts)


class Tables:
    """The tables of a build that name speakers, samples and cuts: private ones, which stay in the house.

    Raises:
        UnreadableInput: another version of speccraft made the build, and they do not.
        BrokenIntegrity: they are not what the commit record says.
    """

    def __init__(self, build: store.Artefact) -> None:
        self.build = build
        for name in TABLES:
            store.check_files(build, prefix=f"{name}.")
            there = pl.read_parquet_schema(build.path / f"{name}.parquet")
            if lacking := [column for column in NEEDED[name] if column not in there]:
                what = f"{build.path}: {name}.parquet has no {', '.join(lacking)}: speccraft {build.record.version} made it"
                raise UnreadableInput(what, try_this="make the build again, or remove it")

    @cached_property
    def ledger(self) -> pl.DataFrame:
        """A row for each input: whose it is and what samples it has."""
        return self._read("ledger")

    @cached_property
    def segments(self) -> pl.DataFrame:
        """A row for each stretch of audio."""
        return self._read("segments")

    def _read(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.build.path / f"{name}.parquet", columns=list(NEEDED[name])).cast(dict.fromkeys(NEEDED[name], pl.String))

    def of_speaker(self, speaker: str) -> set[Key]:
        """Inputs in which somebody speaks."""
        return _keys(self.ledger.filter(pl.col("speaker") == speaker))

    def of_pseudonym(self, pseudonym: str) -> set[Key]:
        """Inputs in which somebody speaks whom cuts, cards and reports call so."""
        cuts = (cut for split in SPLITS for cut in store.rows_in(self.build.path / f"cuts.{split}.jsonl"))
        ids = [cut["id"] for cut in cuts if cut["custom"]["speaker"] == pseudonym]
        known = self.segments.filter(pl.col("segment").is_in(ids)).join(self.ledger, on=["source", "input"])
        return {key for speaker in known["speaker"].drop_nulls().unique() for key in self.of_speaker(speaker)}

    def of_samples(self, pcm_sha256: Collection[str]) -> set[Key]:
        """Inputs that have these samples."""
        return _keys(self.ledger.filter(pl.col("pcm_sha256").is_in(list(pcm_sha256))))

    def called(self, name: str) -> set[Key]:
        """Inputs of this name, which may begin with their source and a colon."""
        return _keys(self.ledger.filter((pl.col("input") == name) | (pl.col("source") + ":" + pl.col("input") == name)))

    def samples(self, keys: Collection[Key]) -> set[str]:
        """What the samples of inputs are known by."""
        return set(self._having(self.ledger, keys)["pcm_sha256"].drop_nulls())

    def segments_of(self, keys: Collection[Key]) -> pl.DataFrame:
        """The stretches of some inputs."""
        return self._having(self.segments, keys)

    def inside(self, keys: Collection[Key], cut: str | None = None) -> Inside:
        """What the build holds of some inputs; with `cut`, of that stretch of them alone."""
        stretches = self.segments_of(keys) if cut is None else self.segments_of(keys).filter(pl.col("segment") == cut)
        segments = stretches.filter(pl.col("fate") == "kept")
        spoken = set(segments.filter(pl.col("role").is_in(HEARD))["segment"])
        banked = {clip_id(*key) for key in segments.filter(~pl.col("role").is_in(HEARD)).select("source", "input").iter_rows()}
        fates = {(source, input): fate for source, input, fate in self._having(self.ledger, keys).select("source", "input", "fate").iter_rows()}
        return _Search(self.build, spoken, banked).found(fates, set(stretches["segment"].drop_nulls()))

    def _having(self, table: pl.DataFrame, keys: Collection[Key]) -> pl.DataFrame:
        wanted = pl.DataFrame(sorted(keys), schema={"source": pl.String, "input": pl.String}, orient="row")
        return table.join(wanted, on=["source", "input"], how="semi")


class _Search:
    """One pass over a build's files for some cuts and clips."""

    def __init__(self, build: store.Artefact, cuts: set[str], banked: set[str]) -> None:
        self.build, self.cuts = build, cuts
        self.items = [item for item in store.rows_in(build.path / "banks.jsonl") if _is_of(item, banked, cuts)]
        self.clips = {item["id"] for item in self.items}
        self.sources = {item["source"] for item in self.items if item["split"] == "train"}

    def found(self, fates: Mapping[Key, str], stretches: set[str]) -> Inside:
        """What there is of inputs with these fates; `stretches` are all of their segments: a report lets some be heard that are no cuts."""
        own: dict[str, list[str]] = {split: [] for split in SPLITS}
        heard: dict[str, list[str]] = {split: [] for split in SPLITS}
        shards = []
        for path in self._files("shards/*/cuts.*.jsonl") if self.cuts or self.clips else ():
            split, number = path.split("/")[1], path.split(".")[1]
            here, under = self._of_shard(self.build.path / path)
            own[split] += here
            heard[split] += under
            shards += [
                tar for tar in self._files(f"shards/{split}/recording*.{number}.tar") if here or (under and not tar.endswith(f"/recording.{number}.tar"))
            ]
        everything = stretches | {cut for cuts in heard.values() for cut in cuts}
        return Inside(
            inputs=fates,
            cuts={split: tuple(cuts) for split, cuts in own.items()},
            clips=tuple(sorted(self.clips)),
            heard={split: tuple(cuts) for split, cuts in heard.items()},
            shards=tuple(shards),
            demonstrations=tuple(self._naming("demonstrations.*.jsonl")),
            pairs=tuple(self._naming("pairs.jsonl")),
            report=tuple(sorted(everything & set(_texts(json.loads((self.build.path / "report.json").read_bytes()))))),
            cards=cards_of(self.build) if self.cuts or self.clips else (),
        )

    def _of_shard(self, path: Path) -> tuple[list[str], list[str]]:
        """Cuts of a shard that are searched for, and others that a clip is heard under."""
        own, heard = [], []
        for cut in store.rows_in(path):
            if cut["id"] in self.cuts:
                own.append(cut["id"])
            elif self.clips and self._is_under(cut["custom"]["place"]):
                heard.append(cut["id"])
        return own, heard

    def _is_under(self, place: dict[str, Any] | None) -> bool:
        """Whether a clip is heard in a drawn place, or may be where a training epoch draws one: ranges name sources, draws name clips."""
        if not place:
            return False
        if "rooms" in place:
            named = {*place["noise"], *place["rooms"], *((place["events"] or {}).get("sources", ()))}
            return not named.isdisjoint(self.sources)
        return not self.clips.isdisjoint(_values(place, "id"))

    def _naming(self, pattern: str) -> Iterator[str]:
        """Dialogues that name one of the cuts."""
        if self.cuts:
            for path in self._files(pattern):
                yield from (row["id"] for row in store.rows_in(self.build.path / path) if not self.cuts.isdisjoint(_values(row, "cut")))

    def _files(self, pattern: str) -> list[str]:
        return [file.path for file in self.build.record.files if PurePosixPath(file.path).match(pattern)]


def cards_of(artefact: store.Artefact) -> tuple[str, ...]:
    """The cards of an artefact: what tells others what is in it."""
    return tuple(file.path for file in artefact.record.files if file.path in CARDS)


def answered(evaluation: store.Artefact, cuts: Collection[str]) -> int:
    """How many answers of an evaluation are to some cuts."""
    path = evaluation.path / "hypotheses.jsonl"
    return sum(row.get("cut") in cuts for row in store.rows_in(path)) if path.is_file() else 0


def _is_of(item: Mapping[str, Any], banked: Collection[str], cuts: set[str]) -> bool:
    return any(item["id"] == clip or item["id"].startswith(f"{clip}-") for clip in banked) or not cuts.isdisjoint(item.get("made_of") or ())


def _keys(table: pl.DataFrame) -> set[Key]:
    return set(table.select("source", "input").iter_rows())


def _values(value: Any, name: str) -> Iterator[str]:
    """Every text under a name, anywhere in a JSON value."""
    if isinstance(value, dict):
        yield from (item for key, item in value.items() if key == name and isinstance(item, str))
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _values(item, name)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(item)
