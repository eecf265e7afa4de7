"""Prove again that train, dev and test are apart, that banks are, and that the certificate says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from speccraft.scenario.contracts import SPLITS
from speccraft.verify import Problem

from .evidence import DEMONSTRATION, Build, Unreadable, at, differing, lines, named, near, some

NOT_STATED = "not stated"
SECONDS_ROUNDED = 2e-3
"""Seconds of a certificate are rounded to three digits."""
EXAMPLES = 20
"""How many shared values a certificate names."""
RECORDING = re.compile(r"rec-[0-9a-f]{8}")


def axis_values(build: Build) -> pl.DataFrame:
    """Kept speech with its value on every axis that the tables state."""
    words = build.heard["text"].drop_nulls().unique()
    plain = pl.DataFrame({"text": words, "plain": [" ".join(text.lower().split()) for text in words]}, schema={"text": pl.String, "plain": pl.String})
    return build.heard.join(plain, on="text", how="left").select("id", "split", "recording", "speaker", "session", text="plain")


def splits(build: Build) -> Iterator[Problem]:
    """No value of a declared axis stands in two splits, and the certificate counts what the cuts say."""
    values, axes = axis_values(build), build.certificate.get("axes")
    if not isinstance(axes, dict):
        raise Unreadable("splits.json", "has no axes")
    for axis in (axis for axis in values.columns if axis not in ("id", "split")):
        where = values.filter(pl.col(axis).is_not_null()).group_by(axis).agg(pl.col("split").unique())
        shared = where.filter(pl.col("split").list.len() > 1)[axis].sort().to_list()
        declared = axis in build.scenario.splits.disjoint
        if declared and shared:
            yield Problem("SC525", "cuts.*.jsonl", f"{axis} in more than one split, although declared disjoint: {named(shared)}")
        if axis == "speaker" and declared and values.filter(pl.col("speaker").is_null())["split"].n_unique() > 1:
            yield Problem("SC525", "cuts.*.jsonl", "cuts of nobody known are in more than one split, although speakers are declared disjoint")
        found: dict[str, Any] = {split: where.filter(pl.col("split").list.contains(split)).height for split in SPLITS}
        found |= {"declared": declared, "n_shared": len(shared)}
        if any(at(axes, axis, name) != value for name, value in found.items()) or not _shows(build, axis, at(axes, axis, "shared"), shared):
            yield Problem("SC526", "splits.json", f"axes.{axis} is not what the cuts say: {found}")
    for axis in build.scenario.splits.disjoint:
        if at(axes, axis, "declared") is not True or at(axes, axis, "n_shared") != 0:
            yield Problem("SC526", "splits.json", f"axes.{axis} does not certify what splits.disjoint declares")


def _shows(build: Build, axis: str, said: object, shared: list[str]) -> bool:
    """Whether a certificate shows the shared values of an axis: files by pseudonyms where people go by them, texts with personal data masked."""
    if not isinstance(said, list) or len(said) != len(shared[:EXAMPLES]):
        return False
    if axis == "recording" and build.scenario.privacy.pseudonyms:
        return all(isinstance(one, str) and RECORDING.fullmatch(one) for one in said)
    return all(one in shared or (axis == "text" and "[" in one) for one in said)


def untranscribed(build: Build) -> Iterator[Problem]:
    """Speech without words is for pre-training alone, where the scenario lets it in."""
    table = build.cuts.filter("is_untranscribed")
    is_asked = build.scenario.segmentation.untranscribed == "pretrain"
    alone = (pl.col("split") == "train") & (pl.col("stages").list.len() == 1) & (pl.col("stages").list.first() == "pretrain")
    yield from some("SC525", "cuts.*.jsonl", "without words, and not for pre-training alone", table.filter(~(alone & is_asked))["id"])


def unseen(build: Build) -> Iterator[Problem]:
    """Declared strangers are in test alone, and nobody else is called one; a recording is one's as a whole."""
    wanted = build.scenario.splits.unseen
    stranger = pl.any_horizontal(pl.lit(False), *(pl.col(f"{axis}_named").is_in(list(values)).fill_null(False) for axis, values in wanted.items()))
    table = build.heard.with_columns(stranger=stranger.any().over("recording"))
    yield from some("SC525", "cuts.*.jsonl", "of an unseen group, outside test", table.filter(pl.col("stranger") & (pl.col("split") != "test"))["id"])
    yield from some("SC525", "cuts.*.jsonl", "`unseen` is not what splits.unseen says", table.filter(pl.col("unseen").ne_missing(pl.col("stranger")))["id"])
    said = build.certificate.get("unseen")
    if not isinstance(said, dict) or said.keys() != wanted.keys() or not all(_tells(build, axis, said[axis], values) for axis, values in wanted.items()):
        yield Problem("SC526", "splits.json", "unseen is not what the scenario says")


def _tells(build: Build, axis: str, said: object, names: tuple[str, ...]) -> bool:
    """Whether a certificate lists the strangers of an axis as the cuts call them; whoever is in no cut is only counted."""
    if not isinstance(said, list) or len(said) != len(names):
        return False
    called = dict(build.heard.select(f"{axis}_named", axis).drop_nulls().unique().iter_rows())
    return all(called.get(name, one) == one for name, one in zip(names, said, strict=True))


def strata(build: Build) -> Iterator[Problem]:
    """The certificate counts for every stratum what its cuts say, and what is wanted of it follows from the scenario."""
    names, splits = build.scenario.splits.stratify, build.scenario.splits
    said = build.certificate.get("strata", [])
    if not names or not isinstance(said, list):
        if said:
            yield Problem("SC526", "splits.json", "has strata that the scenario does not declare")
        return
    seconds: dict[str, dict[str, float]] = {}
    for split in SPLITS:
        groups = pl.Struct(dict.fromkeys(names, pl.String))
        table = lines(build.folder, f"cuts.{split}.jsonl", {"duration": pl.Float64, "custom": pl.Struct({"groups": groups})})
        # Speech that nobody wrote down counts for no stratum.
        counted = table.filter(~build.cuts.filter(split=split)["is_untranscribed"])
        told = counted.select("duration", pl.col("custom").struct.field("groups").struct.unnest())
        stratum = pl.concat_str([pl.lit(f"{name}=") + pl.col(name).fill_null(NOT_STATED) for name in names], separator=", ")
        for name, found in told.group_by(stratum=stratum).agg(pl.col("duration").sum()).iter_rows():
            seconds.setdefault(name, {})[split] = found
    if sorted(str(at(row, "stratum")) for row in said) != sorted(seconds):
        yield Problem("SC526", "splits.json", f"strata are not those of the cuts: {named(sorted(seconds))}")
    for row in said:
        found = seconds.get(str(at(row, "stratum")), {})
        total = sum(found.values())
        numbers: dict[tuple[str, ...], float] = {("seconds",): total}
        for split, share in (("dev", splits.dev), ("test", splits.test)):
            wanted, has = share * total, found.get(split, 0.0)
            numbers |= {(split, "wanted"): wanted, (split, "found"): has, (split, "short"): max(0.0, wanted - has)}
        if wrong := [".".join(keys) for keys, value in numbers.items() if not near(at(row, *keys), value, SECONDS_ROUNDED)]:
            yield Problem("SC526", "splits.json", f"stratum {at(row, 'stratum')}: {', '.join(wrong)} are not what the cuts say")


def demonstrations(build: Build) -> Iterator[Problem]:
    """A dialogue speaks of cuts of its own split, and one that transcribes says what the cut says."""
    home = build.cuts.select("id", found="split", said="text")
    for split in SPLITS:
        if not (build.folder / f"demonstrations.{split}.jsonl").exists():
            continue
        rows = lines(build.folder, f"demonstrations.{split}.jsonl", DEMONSTRATION)
        cuts = rows.select("id", "split", cut=pl.col("messages").list.eval(pl.element().struct.field("content").list.eval(pl.element().struct.field("cut"))))
        spoken = cuts.explode("cut").explode("cut").filter(pl.col("cut").is_not_null())
        placed = spoken.join(home, left_on="cut", right_on="id", how="left").filter(pl.col("found").ne_missing(split) | pl.col("split").ne_missing(split))
        yield from some("SC525", f"demonstrations.{split}.jsonl", "speak of cuts of another split", placed["id"])
        answer = pl.col("messages").list.last().struct.field("content").list.first().struct.field("text")
        told = rows.filter(pl.col("rule") == "transcribe").select("id", answer=answer).join(spoken, on="id").join(home, left_on="cut", right_on="id")
        other = told.filter(pl.col("answer").ne_missing(pl.col("said")))
        yield from some("SC523", f"demonstrations.{split}.jsonl", "transcribe otherwise than their cuts", other["id"])


def banks(build: Build) -> Iterator[Problem]:
    """A noise clip or room serves one split, is there, and is the one that the cuts of its split drew."""
    yield from some("SC529", "banks.jsonl", "an id in several rows", build.banks.filter(build.banks.select("id").is_duplicated())["id"])
    listed = sorted(entry["path"] for entry in build.record["files"] if entry["path"].startswith("banks/"))
    if sorted(build.banks["path"].drop_nulls().to_list()) != listed:
        yield Problem("SC529", "banks.jsonl", "its files are not those in banks/")
    for role in ("noise", "rir"):
        items = {split: build.banks.filter(pl.col("role") == role, pl.col("split") == split)["id"].to_list() for split in SPLITS}
        said = {split: at(build.certificate, "banks", role, split) for split in SPLITS}
        if any(not isinstance(said[split], list) or sorted(map(str, said[split])) != sorted(ids) for split, ids in items.items()):
            yield Problem("SC526", "splits.json", f"banks.{role} is not what banks.jsonl says")
    band = build.scenario.environment.rt60_s
    if band is not None:
        outside = build.banks.filter(pl.col("role") == "rir", ~pl.col("rt60_s").is_between(band.low, band.high).fill_null(False))
        yield from some("SC530", "banks.jsonl", "rooms outside environment.rt60_s", outside["id"])
    home = build.banks.select("id", found="split", room_rt60_s="rt60_s")
    for what, told in (("noise", "noise"), ("room", "room"), ("events", "short noise"), ("around", "room of the noise")):
        each = build.cuts.explode(what) if build.cuts.schema[what] == pl.List else build.cuts
        drawn = each.filter(pl.col(what).is_not_null()).join(home, left_on=what, right_on="id", how="left")
        strange = drawn.filter(pl.col("found").ne_missing(pl.col("split")))
        yield from some("SC529", "cuts.*.jsonl", f"their {told} is not of the bank of their split", strange["id"])
    asked = build.cuts.join(home, left_on="room", right_on="id", how="left").select("id", place_snr_db="snr", place_rt60_s="room_rt60_s")
    yield from differing(asked, build.measures.rename({"cut": "id"}), ["place_snr_db", "place_rt60_s"], "measures.parquet", "places")
    yield from _made(build)


def _made(build: Build) -> Iterator[Problem]:
    """What was made of speech was made of training cuts, nobody of dev or test speaks in babble, and no cut is heard in the babble of two splits."""
    parts = build.banks.select("id", "source", "split", cut="made_of").explode("cut").filter(pl.col("cut").is_not_null())
    training = build.cuts.filter(split="train").select("id")
    yield from some("SC529", "banks.jsonl", "made of cuts that are not for training", parts.join(training, left_on="cut", right_on="id", how="anti")["id"])
    elsewhere = build.cuts.filter(pl.col("split") != "train")["speaker"].drop_nulls().unique()
    known = build.cuts.filter(pl.col("speaker").is_in(elsewhere.implode())).select("id")
    heard = parts.filter(source="babble").join(known, left_on="cut", right_on="id", how="semi")
    yield from some("SC529", "banks.jsonl", "babble of speakers who are in dev or test too", heard["id"])
    twice = parts.filter(source="babble").group_by("cut").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)
    yield from some("SC529", "banks.jsonl", "cuts that are heard in the babble of more than one split", twice["cut"])
