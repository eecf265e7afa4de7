"""The fate of one input of a build: what was found in it, which rule took what away, and why each cut stands where it stands."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from speccraft import store
from speccraft.errors import UnreadableInput
from speccraft.report.numerals import plural
from speccraft.report.tables import SCHEMAS, cut_files, need_tables
from speccraft.rights.doors import scenario_of
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.quality import Rule
from speccraft.scenario.source_base import HEARD
from speccraft.sound.shards import condition_of
from speccraft.sound.spectral import SPECTRAL

MEASURES = ("duration_s", "level_dbfs", "peak_dbfs", "clipped_fraction", "speech_share", "snr_db", "characters_per_s")
LEAST_PART = 3
"""Letters that part of a name needs before it is looked for inside of others."""


@dataclass(frozen=True)
class Measured:
    """One measure of a segment; `limit` is what the scenario keeps, empty where it keeps everything."""

    measure: str
    value: float | None
    limit: str
    inside: bool


@dataclass(frozen=True)
class CutFate:
    """Where a cut went. `because` says why into this split; `place` is drawn for dev and test, ranges for train."""

    split: str
    because: tuple[str, ...]
    speaker: str | None
    session: str | None
    text: str | None
    stages: tuple[str, ...]
    licence: str
    place: dict[str, Any] | None
    delivered_snr_db: float | None
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class SegmentFate:
    """One stretch of the input, and the rule with value and limit that dropped it; `cut` where it is kept speech."""

    id: str
    start_s: float
    seconds: float
    fate: str
    rule: str | None
    value: str | None
    limit: str | None
    measures: tuple[Measured, ...]
    cut: CutFate | None


@dataclass(frozen=True)
class Fate:
    """Everything a build knows about one input: its row of the ledger and its segments."""

    ledger: dict[str, Any]
    segments: tuple[SegmentFate, ...]


def why(build: store.Artefact, what: str) -> Fate:
    """The fate of the input that is meant: by its name, `source:name`, a cut of it, or a part of one of these that no other has.

    Raises:
        UnreadableInput: no input is called so, or several are; or another version of speccraft made the build.
        BrokenIntegrity: a table is not what the commit record says.
    """
    for prefix in ("ledger.", "segments.", "measures.", "cuts."):
        store.check_files(build, prefix=prefix)
    need_tables(build, SCHEMAS.items(), to="read it")
    ledger, segments = (pl.read_parquet(build.path / f"{name}.parquet") for name in ("ledger", "segments"))
    source, input = _meant(what, ledger, segments)
    mine = (pl.col("source") == source) & (pl.col("input") == input)
    scenario = scenario_of(build)
    cuts = _Cuts(build, scenario, segments)
    rows = segments.filter(mine).sort("start_s").to_dicts()
    return Fate(ledger.filter(mine).to_dicts()[0], tuple(_segment(row, scenario, cuts) for row in rows))


def told(fate: Fate) -> Iterator[str]:
    """The same in words, line by line."""
    row = fate.ledger
    yield f"{row['input']} (source {row['source']}, {row['role']}): {row['fate']}" + _by_rule(row)
    if row["seconds"] is not None:
        parts = ", ".join(f"{row[f'seconds_{part}'] or 0:.2f} s {part}" for part in ("kept", "dropped", "unvoiced"))
        yield f"  {row['seconds']:.2f} s: {parts}; {plural(row['cuts'], 'cut')}"
    for segment in fate.segments:
        yield f"  {segment.id}  {segment.start_s:.2f} to {segment.start_s + segment.seconds:.2f} s: {segment.fate}" + _by_rule(vars(segment))
        for one in segment.measures:
            value = "not measurable" if one.value is None else f"{one.value:.6g}"
            yield f"    {one.measure:<16} {value:<14} {f'limit {one.limit}' + ('' if one.inside else ': outside') if one.limit else 'no limit'}".rstrip()
        if segment.cut is not None:
            yield from (f"    {line}" for line in _told_cut(segment.cut))


# Finding


def _meant(what: str, ledger: pl.DataFrame, segments: pl.DataFrame) -> tuple[str, str]:
    """Source and input: whole names first, then parts."""
    names = [(key, key) for key in ledger.select("source", "input").unique().sort("source", "input").iter_rows()]
    called = [(input, key) for (_, input), key in names] + [(f"{source}:{input}", key) for (source, input), key in names]
    called += [(id, (source, input)) for id, source, input in segments.select("segment", "source", "input").iter_rows()]
    found = {key for name, key in called if name == what}
    if not found and len(what) >= LEAST_PART:
        found = {key for name, key in called if what in name}
    if len(found) == 1:
        return found.pop()
    near = [f"{source}:{input}" for source, input in sorted(found)[:5]] or difflib.get_close_matches(what, [name for name, _ in called], n=3, cutoff=0.5)
    message = f"'{what}' is part of the names of {len(found)} inputs" if found else f"the build knows no input or cut called '{what}'"
    raise UnreadableInput(message, try_this=", ".join(near) if near else "the names are in the column `input` of ledger.parquet")


# Segments


def _segment(row: dict[str, Any], scenario: Scenario, cuts: _Cuts) -> SegmentFate:
    speech = row["role"] in HEARD
    limits = scenario.quality.rules() if speech else {}
    if speech and "duration_s" not in limits:
        limits["duration_s"] = Rule(max=scenario.job.longest_utterance_s)
    named = dict.fromkeys((*MEASURES, *limits, *(name for name in SPECTRAL if row[name] is not None))) if speech else {}
    return SegmentFate(
        id=row["segment"],
        start_s=row["start_s"],
        seconds=row["seconds"],
        fate=row["fate"],
        rule=row["rule"],
        value=row["value"],
        limit=row["limit"],
        measures=tuple(_measured(name, row[name], limits.get(name)) for name in named),
        cut=cuts.fate(row["segment"]) if speech and row["fate"] == "kept" else None,
    )


def _measured(measure: str, value: float | None, rule: Rule | None) -> Measured:
    if rule is None:
        return Measured(measure, value, "", True)
    limit = " and ".join(f"{sign} {bound:g}" for sign, bound in ((">=", rule.min), ("<=", rule.max)) if bound is not None)
    outside = value is not None and ((rule.min is not None and value < rule.min) or (rule.max is not None and value > rule.max))
    return Measured(measure, value, limit, not outside)


# Cuts


class _Cuts:
    """The cuts of a build, and what holds their recordings together."""

    def __init__(self, build: store.Artefact, scenario: Scenario, segments: pl.DataFrame) -> None:
        self._build, self._scenario = build, scenario
        self._measures = pl.scan_parquet(build.path / "measures.parquet")
        # Cuts call people by pseudonyms; who looks into this table may know the names.
        self._people = segments.select("segment", "speaker", "session")
        recording = pl.col("recording") if "recording" in segments.columns else pl.col("input")
        self._recordings = segments.select("segment", recording=pl.col("source") + ":" + recording)

    def fate(self, id: str) -> CutFate:
        split, cut = self._line(id)
        custom, people = cut["custom"], self._people.row(by_predicate=pl.col("segment") == id, named=True)
        measures = self._measures.filter(pl.col("cut") == id).collect().to_dicts()[0]
        tars = {entry.path for entry in self._build.record.files if entry.path.startswith(f"shards/{split}/recording") and entry.path.endswith(".tar")}
        fields = {path.rpartition("/")[2].split(".")[0] for path in tars}
        return CutFate(
            split=split,
            because=tuple(self._reasons(id, split, custom, people)),
            speaker=people["speaker"],
            session=people["session"],
            text=measures["text"],
            stages=tuple(custom["stages"]),
            licence=custom["licence"],
            place=custom["place"],
            delivered_snr_db=measures["delivered_snr_db"],
            conditions=tuple(sorted(map(condition_of, fields))),
        )

    def _line(self, id: str) -> tuple[str, dict[str, Any]]:
        for split in SPLITS:
            with (self._build.path / f"cuts.{split}.jsonl").open("rb") as file:
                for line in file:
                    if id.encode() in line and (cut := json.loads(line))["id"] == id:
                        return split, cut
        raise AssertionError(f"kept speech {id} is a cut: builds are proved to agree about that")

    def _reasons(self, id: str, split: str, custom: dict[str, Any], people: dict[str, Any]) -> Iterator[str]:
        splits = self._scenario.splits
        for axis, values in splits.unseen.items():
            if people[axis] in values:
                yield f"splits.unseen names its {axis} '{people[axis]}'"
        if custom["unseen"] and not any(people[axis] in values for axis, values in splits.unseen.items()):
            yield "another cut of its recording is of an unseen group"
        if any(source.id == custom["source"] and source.role in HEARD[1:] for source in self._scenario.sources):
            yield "the recordings of a dialogue, and of dialogues that hear the same recording, share a split"
        others, links = self._company(id)
        if others:
            yield f"{plural(others, 'other recording')} must share its split ({', '.join(splits.disjoint)} are disjoint): {', '.join(links)}"
        else:
            yield f"no other recording must share its split ({', '.join(splits.disjoint)} are disjoint)"
        if splits.given:
            yield f"where the column '{splits.given}' gives an official split for one of them, that one holds"
        elif not custom["unseen"]:
            yield f"such groups fill test, then dev, then train, in the order of a hash with seed {self._scenario.seed}"

    def _company(self, id: str) -> tuple[int, list[str]]:
        """How many other recordings hang together with a cut's, and by which of its own values."""
        axes = [axis for axis in self._scenario.splits.disjoint if axis in ("speaker", "session", "text")]
        values = self._values(axes)
        own = values.filter(pl.col("id") == id)["recording"][0]
        group, before = pl.DataFrame({"recording": [own]}), 0
        while group.height > before:
            before = group.height
            held = values.join(group, on="recording", how="semi").select("axis", "value").unique()
            group = pl.concat([group, values.join(held, on=["axis", "value"], how="semi").select("recording")]).unique()
        mine = values.filter(pl.col("recording") == own, pl.col("axis") != "").select("axis", "value").unique()
        sizes = values.join(mine, on=["axis", "value"], how="semi").group_by("axis", "value").agg(pl.col("recording").n_unique()).sort("axis", "value")
        links = [f"{axis} '{value}' ({count - 1} of them)" for axis, value, count in sizes.iter_rows() if count > 1]
        return group.height - 1, links

    def _values(self, axes: Sequence[str]) -> pl.DataFrame:
        """Every value of the axes, with the recordings that have it; the axis '' holds each recording alone."""
        schema: dict[str, Any] = {"id": pl.String, "supervisions": pl.List(pl.Struct({"text": pl.String}))}
        cuts = pl.concat([pl.read_ndjson(path, schema=schema) for path in cut_files(self._build)]).join(self._recordings, left_on="id", right_on="segment")
        text = pl.col("supervisions").list.first().struct.field("text").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
        known = cuts.select("id", "recording", text=text).join(self._people, left_on="id", right_on="segment")
        alone = known.select("id", "recording", axis=pl.lit(""), value=pl.col("recording"))
        named = [known.select("id", "recording", axis=pl.lit(axis), value=pl.col(axis)).filter(pl.col("value").is_not_null()) for axis in axes]
        return pl.concat([alone, *named])


# Words


def _by_rule(row: dict[str, Any]) -> str:
    if row["rule"] is None:
        return ""
    detail = [row.get("reason"), f"found {row['value']}" if row["value"] else None, f"limit {row['limit']}" if row["limit"] else None]
    return f" by {row['rule']}" + (f" ({'; '.join(part for part in detail if part)})" if any(detail) else "")


def _told_cut(cut: CutFate) -> Iterator[str]:
    yield f"split: {cut.split}, because"
    yield from (f"  {reason}" for reason in cut.because)
    yield f"speaker {cut.speaker or 'not known'}, session {cut.session or 'not known'}, text {cut.text!r}"
    yield f"licence {cut.licence}; serves {', '.join(cut.stages)}; heard {', '.join(cut.conditions)}"
    yield f"place: {_told_place(cut)}"


def _told_place(cut: CutFate) -> str:
    place = cut.place
    if place is None:
        return "as recorded, no place is declared"
    if cut.split == "train":
        return f"drawn afresh in each epoch, from {json.dumps(place, ensure_ascii=False)}"
    parts = []
    if noise := place["noise"]:
        delivered = "" if cut.delivered_snr_db is None else f", delivered {cut.delivered_snr_db:.1f} dB"
        parts.append(f"noise {noise['id']} from {noise['start']:.2f} s at {noise['snr_db']:.1f} dB{delivered}{_told_room(noise['room'], ' in ')}")
    parts += [f"{event['id']} at {event['at']:.2f} s, {event['snr_db']:.1f} dB{_told_room(event['room'], ' in ')}" for event in place["events"]]
    parts += [_told_room(place["room"])] if place["room"] else []
    parts += [f"{place['clipped_fraction']:.2%} clipped"] if place["clipped_fraction"] else []
    parts += [f"level {place['level_dbfs']:.1f} dBFS"] if place["level_dbfs"] is not None else []
    parts += [f"channel {place['channel']['codec']}"] if place["channel"] and place["channel"]["codec"] != "none" else []
    return "; ".join(parts) or "as recorded"


def _told_room(room: dict[str, Any] | None, before: str = "") -> str:
    if room is None:
        return ""
    return f"{before}room {room['id']}" + (f" from {room['distance_m']:g} m" if room["distance_m"] is not None else "")
