"""Read a build for export: its cuts in the order of its shards, under the names and the rights they leave the house with."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from speccraft.errors import BrokenIntegrity, WrongUsage
from speccraft.plan import conditions as conditions_of
from speccraft.rights.personal import kinds
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS
from speccraft.sound.shards import Member, condition_of, field_of, members_of
from speccraft.store import Artefact, FileEntry, check_files, rows_in

_SHARD = re.compile(r"shards/(?P<split>\w+)/(?P<field>\w+)\.(?P<number>\d+)\.tar")


@dataclass(frozen=True)
class Facts:
    """What every format says about one cut in one condition; what is not known is None."""

    id: str
    text: str | None
    duration: float
    language: str | None
    speaker: str | None
    session: str | None
    source: str
    style: str
    stages: str
    """Training stages, joined by commas: a list of texts is a different thing in each of the formats."""
    unseen: bool
    split: str
    condition: str
    licence: str
    """Everything that holds for the audio: the recording's licence, and in a place those of its noise and its room."""
    attribution: str | None
    sampling_rate: int
    num_samples: int


@dataclass(frozen=True)
class Row:
    """One cut in one condition and the place of its audio."""

    facts: Facts
    audio: Member


@dataclass(frozen=True)
class Subset:
    """One split in one condition, and the numbers of its shards; its `name` is that of the split, followed by any condition but `clean`."""

    split: str
    condition: str
    shards: tuple[str, ...]

    @property
    def name(self) -> str:
        """What files of the export call it."""
        return self.split if self.condition == "clean" else f"{self.split}_{self.condition}"


@dataclass
class _Survey:
    """What there is in an export, over all of its cuts."""

    counts: Counter[Subset] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    held_back: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sources: set[tuple[str, str]] = field(default_factory=set)
    speakers: set[str] = field(default_factory=set)
    languages: set[str] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)

    def add(self, subset: Subset, cut: Mapping[str, Any], licence: str, parts: Iterable[tuple[str, str]]) -> None:
        """Count one cut."""
        (supervision,), custom = cut["supervisions"], cut["custom"]
        self.counts[subset] += 1
        self.licences[licence] += 1
        self.sources.update(parts)
        self.speakers.update({custom["speaker"]} - {None})
        self.languages.update({supervision["language"]} - {None})
        self.seconds.append(cut["duration"])


class Contents:
    """The part of a build that is exported. Cuts with personal data in their transcripts are left out of what is for others: they say it, too.

    Args:
        scenario: what the build was made from.
        splits: splits to take; none means all that hold cuts.
        conditions: conditions to take where a split has them; train has `clean` alone.
        internal: whether the export stays in the house.

    Raises:
        WrongUsage: a split or a condition is not in the build.
        BrokenIntegrity: a file that is needed is not what the commit record says.
    """

    def __init__(
        self, build: Artefact, scenario: Scenario, splits: Sequence[str] = (), conditions: Sequence[str] = ("clean",), *, internal: bool = False
    ) -> None:
        self.build = build
        self.scenario = scenario
        self.internal = internal
        self.subsets = _subsets(build, conditions_of(scenario), splits, conditions)
        for prefix in (
            "README.md",
            "report.json",
            "banks.jsonl",
            *map(_audio_of, self.subsets),
            *map(_cuts_of, self.subsets),
        ):
            check_files(build, prefix=prefix)
        self.report = json.loads((build.path / "report.json").read_bytes())
        """What the build says of itself."""
        self._banks = {item["id"]: item for item in rows_in(build.path / "banks.jsonl")}

    def rows(self, subset: Subset) -> Iterator[Row]:
        """Every cut of a subset, in order."""
        for shard in self.shards(subset):
            yield from shard

    def shards(self, subset: Subset) -> Iterator[list[Row]]:
        """The cuts of a subset, a list for each shard of the build; audio is not read."""
        for number in subset.shards:
            cuts = list(rows_in(self.build.path / f"{_cuts_of(subset)}{number}.jsonl"))
            members = list(members_of(tar := self.build.path / f"{_audio_of(subset)}{number}.tar"))
            if [cut["id"] for cut in cuts] != [id for id, _ in members]:
                raise BrokenIntegrity(f"{tar}: its cuts are not those of cuts.{number}.jsonl", try_this=f"speccraft verify {self.build.path}")
            yield [Row(self._facts(cut, subset), member) for cut, (_, member) in zip(cuts, members, strict=True) if cut["id"] not in self._survey.held_back]

    @property
    def audio_files(self) -> list[FileEntry]:
        """The build's tars that the export takes from."""
        return [file for file in self.build.record.files if file.path.endswith(".tar") and file.path.startswith(tuple(map(_audio_of, self.subsets)))]

    @property
    def licences(self) -> Counter[str]:
        """Every licence expression that holds for something in the export, with the number of cuts."""
        return self._survey.licences

    @property
    def sources(self) -> list[tuple[str, str]]:
        """Source and licence of everything that is heard in the export."""
        return sorted(self._survey.sources)

    @property
    def waivers(self) -> list[dict[str, Any]]:
        """Waivers that let something of the export in."""
        sources = {source for source, _ in self.sources}
        return [waiver for waiver in self.report["waivers"] if waiver["source"] in sources]

    @property
    def held_back(self) -> Counter[str]:
        """How many cuts are left out for each rule that finds personal data in what they say."""
        return Counter(rule for rules in self._survey.held_back.values() for rule in rules)

    @property
    def speakers(self) -> list[str]:
        """Everybody in the export, as the build's cuts call them."""
        return sorted(self._survey.speakers)

    @property
    def languages(self) -> list[str]:
        """Languages of what is said, as far as it is stated."""
        return sorted(self._survey.languages)

    def count(self, subset: Subset) -> int:
        """How many cuts of a subset are exported."""
        return self._survey.counts[subset]

    def seconds(self) -> float:
        """Seconds of audio in the export, of every condition."""
        return math.fsum(self._survey.seconds)

    @cached_property
    def _survey(self) -> _Survey:
        """One look at every cut, without audio."""
        found = _Survey()
        for subset in self.subsets:
            for number in subset.shards:
                for cut in rows_in(self.build.path / f"{_cuts_of(subset)}{number}.jsonl"):
                    if held := () if self.internal else kinds(cut["supervisions"][0]["text"]):
                        found.held_back[cut["id"]] = held
                    else:
                        parts = self._parts(cut, subset.condition)
                        found.add(subset, cut, self._rights(parts)[0], parts)
        return found

    @cached_property
    def _attributions(self) -> Mapping[tuple[str, str], list[str]]:
        """Whom to name, by source and licence."""
        named = defaultdict(list)
        for row in self.report["attributions"]:
            named[row["source"], row["licence"]].append(row["whom"])
        return named

    def _facts(self, cut: Mapping[str, Any], subset: Subset) -> Facts:
        (supervision,), custom, recording = cut["supervisions"], cut["custom"], cut["recording"]
        licence, attribution = self._rights(self._parts(cut, subset.condition))
        return Facts(
            id=cut["id"],
            text=supervision["text"],
            duration=cut["duration"],
            language=supervision["language"],
            speaker=custom["speaker"],
            session=custom["session"],
            source=custom["source"],
            style=custom["style"],
            stages=",".join(custom["stages"]),
            unseen=custom["unseen"],
            split=subset.split,
            condition=subset.condition,
            licence=licence,
            attribution=attribution,
            sampling_rate=recording["sampling_rate"],
            num_samples=recording["num_samples"],
        )

    def _rights(self, parts: Sequence[tuple[str, str]]) -> tuple[str, str | None]:
        """The licences that hold for what is heard, joined by AND, and whom they ask to name."""
        licences = dict.fromkeys(id for _, licence in parts for id in licence.split(" AND "))
        return " AND ".join(licences), "; ".join(dict.fromkeys(self._whom(*part) for part in parts if part in self._attributions)) or None

    def _parts(self, cut: Mapping[str, Any], condition: str) -> list[tuple[str, str]]:
        """Source and licence of everything that is heard of a cut in a condition."""
        parts = [(cut["custom"]["source"], cut["custom"]["licence"])]
        if condition != "clean":
            parts += [part for id in _drawn(cut["custom"]["place"]) for part in self._sources_of(self._banks[id])]
        return parts

    def _sources_of(self, item: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Source and licence of a bank item; of made noise also those of the speech in it, which are to be named like its own."""
        licences, speech = set(item["licence"].split(" AND ")), {cut.rpartition("-")[0] for cut in item["made_of"]}
        named = [key for key in self._attributions if key[0] in speech and licences.issuperset(key[1].split(" AND "))]
        return [(item["source"], item["licence"]), *named]

    def _whom(self, source: str, licence: str) -> str:
        """Who is to be named for a source; where they are several, cuts do not say which of them made one."""
        named = self._attributions[source, licence]
        return named[0] if len(named) == 1 else f"one of the {len(named)} that README.md names for {source}"


def _drawn(place: Mapping[str, Any]) -> Iterator[str]:
    """Ids of every bank item that is heard in a place."""
    sounds = [*([place["noise"]] if place["noise"] else []), *place["events"]]
    yield from (sound["id"] for sound in sounds)
    yield from (room["id"] for room in (place["room"], *(sound["room"] for sound in sounds)) if room is not None)


def _subsets(build: Artefact, known: Sequence[str], splits: Sequence[str], conditions: Sequence[str]) -> tuple[Subset, ...]:
    held: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in build.record.files:
        if match := _SHARD.fullmatch(file.path):
            held[match["split"]][condition_of(match["field"])].append(match["number"])
    _need("split", splits, [split for split in SPLITS if split in held])
    chosen = [split for split in SPLITS if split in held and (not splits or split in splits)]
    _need("condition", conditions, [condition for condition in known if any(condition in held[split] for split in chosen)])
    return tuple(
        Subset(split, condition, tuple(sorted(held[split][condition])))
        for split in chosen
        for condition in dict.fromkeys(conditions)
        if condition in held[split]
    )


def _need(what: str, wanted: Iterable[str], held: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in held]
    if missing:
        raise WrongUsage(f"the build has no {what} {', '.join(missing)}", try_this=f"it has {', '.join(held)}")


def _cuts_of(subset: Subset) -> str:
    return f"shards/{subset.split}/cuts."


def _audio_of(subset: Subset) -> str:
    return f"shards/{subset.split}/{field_of(subset.condition)}."
