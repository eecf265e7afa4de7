"""Trace: where a voice, an input, a cut or a file went, and what a build, a run or what was made of one derives from."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from speccraft import shelf, store
from speccraft.errors import SpeccraftError, UnreadableInput
from speccraft.lineage.inside import Inside, Key, Tables, answered, cards_of
from speccraft.rights.pseudonyms import SPEAKER
from speccraft.rights.revocations import Revocation, marked, revocations_of

MOST_NAMED = 5
"""Ids that a line for people names, of all that it counts; `--json` names every one."""
LEAST_OF_ID = 4
"""Letters that the beginning of an artefact's id needs."""


@dataclass(frozen=True)
class Node:
    """One thing that something went to or came from: `ids` is everything of its kind, `below` what was made of it, or what it was made of."""

    what: str
    name: str = ""
    says: str = ""
    ids: tuple[str, ...] = ()
    below: tuple[Node, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The tree for people, a line each."""
        more = f", and {len(self.ids) - MOST_NAMED} more" if len(self.ids) > MOST_NAMED else ""
        ids = f": {', '.join(self.ids[:MOST_NAMED])}{more}" if self.ids else ""
        count = f"{len(self.ids)} " if self.ids else ""
        yield "  " * depth + f"{count}{self.what}{f' {self.name}' if self.name else ''}{f' ({self.says})' if self.says else ''}{ids}"
        for node in self.below:
            yield from node.lines(depth + 1)


@dataclass(frozen=True)
class Family:
    """Everything that derives from anything in a workspace, by the registry of artefacts; checkpoints lie in their runs."""

    workspace: Path
    artefacts: tuple[store.Artefact, ...]
    damaged: tuple[str, ...] = ()
    """What cannot be read as an artefact, and why."""

    @classmethod
    def of(cls, workspace: Path) -> Family:
        """Walk a workspace.

        Raises:
            UnreadableInput: this is none.
        """
        found = shelf.shelf_of(workspace)
        damaged, checkpoints = list(found.damaged), []
        for folder in _checkpoints(workspace):
            try:
                checkpoints.append(store.open_artefact(folder, "checkpoint"))
            except SpeccraftError as error:
                damaged.append(error.message)
        return cls(workspace, (*(one for one in found.artefacts if one.record.kind != "unit"), *checkpoints), tuple(damaged))

    @property
    def builds(self) -> list[store.Artefact]:
        """The builds, oldest first."""
        return [one for one in self.artefacts if one.record.kind == "build"]

    @cached_property
    def revocations(self) -> tuple[Revocation, ...]:
        """What was revoked here: every file of it is hashed, once."""
        return revocations_of(self.workspace)

    def made_from(self, parent: store.Artefact) -> list[store.Artefact]:
        """What derives from an artefact directly, or lies in it."""
        return [one for one in self.artefacts if parent.path in one.path.parents or any(named.digest == parent.digest for named in one.record.derives_from)]

    def descendants(self, parent: store.Artefact) -> list[store.Artefact]:
        """What derives from an artefact, directly or by way of others, each once."""
        found: dict[str, store.Artefact] = {}
        for one in self.made_from(parent):
            found |= {each.digest: each for each in (one, *self.descendants(one))}
        return list(found.values())

    def parents(self, child: store.Artefact) -> list[store.Artefact]:
        """What an artefact derives from directly, as far as it is here."""
        return [one for named in child.record.derives_from for one in self.artefacts if one.digest == named.digest]


def trace(workspace: Path, what: str) -> list[Node]:
    """Everything that a word means in a workspace, each with where it went and came from.

    Args:
        what: a speaker by name or pseudonym, an input's name, a cut's id, an audio file (known by its samples, whatever it is called), or an artefact's
            folder or id.

    Raises:
        UnreadableInput: nothing is called so; near misses are named.
        BrokenIntegrity: a table is not what its commit record says.
    """
    family = Family.of(workspace)
    if (artefact := _artefact(family, what)) is not None:
        return _around(family, artefact)
    tables = {build.digest: Tables(build) for build in family.builds}
    if meanings := list(_meanings(family, tables, what)):
        return meanings
    begun = [one for one in family.artefacts if len(what) >= LEAST_OF_ID and one.record.id.startswith(what)]
    if len(begun) == 1:
        return _around(family, begun[0])
    raise UnreadableInput(f"{workspace}: no speaker, input, cut or artefact is called '{what}'", try_this=_near(tables.values(), what))


def marked_in(workspace: Path) -> list[store.Artefact]:
    """Everything in a workspace that a revocation marks, but for checkpoints in runs that it marks: they go with their run.

    Raises:
        UnreadableInput: this is no workspace.
    """
    family = Family.of(workspace)
    found = [one for one in family.artefacts if marked(workspace, one, family.revocations)]
    paths = {one.path for one in found}
    return [one for one in found if paths.isdisjoint(one.path.parents)]


# What is meant


def _artefact(family: Family, what: str) -> store.Artefact | None:
    """The artefact that is meant by its folder or its id."""
    path = Path(what).resolve()
    return next((one for one in family.artefacts if one.path.resolve() == path or one.record.id == what), None)


def _around(family: Family, artefact: store.Artefact) -> list[Node]:
    """An artefact with what it derives from, and what was made of it."""
    return [_ancestry(family, artefact), *(_derived(family, one, None) for one in _outermost(family, family.made_from(artefact)))]


def _meanings(family: Family, tables: dict[str, Tables], what: str) -> Iterator[Node]:
    builds = family.builds
    spoken = {build.digest: tables[build.digest].of_speaker(what) for build in builds}
    yield from _node(family, tables, f"speaker {what}", spoken)
    if what.startswith(f"{SPEAKER}-"):
        yield from _node(family, tables, f"speaker {what}", {build.digest: tables[build.digest].of_pseudonym(what) for build in builds})
    named = {build.digest: tables[build.digest].called(what) for build in builds}
    yield from _node(family, tables, f"input {what}", named)
    cuts = {build.digest: set(tables[build.digest].segments.filter(segment=what).select("source", "input").iter_rows()) for build in builds}
    yield from _node(family, tables, f"cut {what}", cuts, cut=what)
    if Path(what).is_file() and not any(named.values()):
        yield from _node(family, tables, f"file {what}", {build.digest: _same_samples(tables[build.digest], Path(what)) for build in builds})


def _same_samples(tables: Tables, file: Path) -> set[Key]:
    """Inputs of a build that have the samples of a file at its rate."""
    return tables.of_samples([digest]) if (digest := samples_sha256(file, int(tables.build.record.info["sampling_rate"]))) else set()


def samples_sha256(file: Path, sampling_rate: int) -> str:
    """What a build at this rate knows the samples of a file by; empty where it cannot be decoded."""
    from speccraft.sound.decode import Undecodable, decoding
    from speccraft.sound.stream import SampleStream

    try:
        stream = SampleStream(decoding(file, sampling_rate).blocks)
        stream.drain()
    except Undecodable:
        return ""
    return stream.sha256


def _near(tables: Iterable[Tables], what: str) -> str:
    names = {name for one in tables for column in ("speaker", "input") for name in one.ledger[column].drop_nulls().unique()}
    near = difflib.get_close_matches(what, sorted(names), n=3, cutoff=0.5)
    return f"did you mean {', '.join(near)}?" if near else "name a speaker, an input of the ledger, a cut, an audio file, or the id of a build or run"


# Where it went


def _node(family: Family, tables: dict[str, Tables], title: str, keys: dict[str, set[Key]], cut: str | None = None) -> Iterator[Node]:
    below = []
    for build in family.builds:
        if own := keys[build.digest]:
            below.append(_in_build(family, build, tables[build.digest].inside(own, cut)))
    if below:
        yield Node(title, below=tuple(below))


def _in_build(family: Family, build: store.Artefact, inside: Inside) -> Node:
    derived = _outermost(family, family.made_from(build)) if inside.is_heard else []
    return Node("build", _title(build), _says(family, build), below=(*_contents(inside), *(_derived(family, one, inside) for one in derived)))


def _contents(inside: Inside) -> Iterator[Node]:
    """What a build holds, a node for each kind of thing that there is."""
    fates = Counter(inside.inputs.values())
    yield Node(
        "recordings", says=", ".join(f"{count} {fate}" for fate, count in sorted(fates.items())), ids=tuple(":".join(key) for key in sorted(inside.inputs))
    )
    for split, cuts in inside.cuts.items():
        yield from [Node(f"{split} cuts", ids=cuts)] if cuts else []
    yield from [Node("clips of the noise and room banks", ids=inside.clips)] if inside.clips else []
    for split, cuts in inside.heard.items():
        how = "may be drawn under them" if split == "train" else "it is heard under them"
        yield from [Node(f"other {split} cuts", says=how, ids=cuts)] if cuts else []
    for what, ids in (
        ("shard files", inside.shards),
        ("demonstrations", inside.demonstrations),
        ("pairs", inside.pairs),
        ("clips to listen to in the report", inside.report),
        ("cards", inside.cards),
    ):
        yield from [Node(what, ids=ids)] if ids else []


def _derived(family: Family, artefact: store.Artefact, inside: Inside | None) -> Node:
    """What was made of something, and of that; with what a build holds, also what it has to do with that."""
    below = [_derived(family, one, inside) for one in _outermost(family, family.made_from(artefact))]
    if inside is not None and (answers := answered(artefact, inside.all_cuts)):
        below.insert(0, Node("answers", says=f"{answers} to its cuts, or to cuts that it is heard under"))
    if cards := cards_of(artefact):
        below.append(Node("cards", ids=cards))
    return Node(artefact.record.kind, _title(artefact), _says(family, artefact), below=tuple(below))


def _outermost(family: Family, artefacts: Sequence[store.Artefact]) -> list[store.Artefact]:
    """Those that derive from none of the others: each stands once, below what it was made of last."""
    inner = {one.digest for other in artefacts for one in family.made_from(other)}
    return [one for one in artefacts if one.digest not in inner]


# Where it came from


def _ancestry(family: Family, artefact: store.Artefact) -> Node:
    """What an artefact derives from, back to the scenario and its sources."""
    parents = family.parents(artefact)
    # A parent's own parents are told there.
    further = {one.digest for other in parents for one in family.parents(other)}
    nearest = [one for one in parents if one.digest not in further]
    here = {one.digest for one in parents}
    gone = [Node(f"{named.kind} (not here any more)", f"{named.name}/{named.id}") for named in artefact.record.derives_from if named.digest not in here]
    below = [*(_ancestry(family, one) for one in nearest), *gone, *(_scenario(artefact) if artefact.record.kind == "build" else ())]
    return Node(artefact.record.kind, _title(artefact), _says(family, artefact), below=tuple(below))


def _scenario(build: store.Artefact) -> Iterator[Node]:
    info = build.record.info
    counts = Counter(Tables(build).ledger.select("source", "fate").iter_rows())
    sources = sorted({source for source, _ in counts})
    told = [Node("source", source, ", ".join(f"{counts[key]} {key[1]}" for key in sorted(counts) if key[0] == source)) for source in sources]
    yield Node("scenario", build.record.name, f"SHA-256 {info['scenario']['digest'][:16]}, rights judged at {info['as_of']}", below=tuple(told))


def _title(artefact: store.Artefact) -> str:
    return f"{artefact.record.name}/{artefact.record.id}"


def _says(family: Family, artefact: store.Artefact) -> str:
    """What has to be known of an artefact at a glance."""
    info = artefact.record.info
    parts = [str(info[name]) for name in ("verdict", "to", "stage") if name in info]
    parts += [" and ".join(info["stages"])] if isinstance(info.get("stages"), list) else []
    return ", ".join([*parts, *([f"revoked: {reason}"] if (reason := marked(family.workspace, artefact, family.revocations)) else [])])


def _checkpoints(workspace: Path) -> Iterator[Path]:
    """Folders of the checkpoints of runs, finished or not."""
    home = store.KINDS["checkpoint"]
    for run in shelf.folders_of(workspace, "run"):
        yield from (record.parent for record in sorted((run / home.folder).glob(f"*/{home.record}")))
