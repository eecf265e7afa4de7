"""Prove dialogues again: what they hear stands in their split, and what was taken in for them is heard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from speccraft.scenario.contracts import SPLITS
from speccraft.verify import Problem

from .evidence import DEMONSTRATION, Build, at, lines, some

TURNS = DEMONSTRATION["messages"]
PAIR: dict[str, Any] = {"id": pl.String, "split": pl.String, "prompt": TURNS, "chosen": TURNS, "rejected": TURNS}
PAIRS = "pairs.jsonl"
TRANSCRIPT = "transcribe"


def dialogues(build: Build) -> Iterator[Problem]:
    """Pairs speak of cuts of their split; cuts of dialogues are heard in one; the certificate counts what the files hold."""
    told = _told(build)
    heard = told.explode("cuts").filter(pl.col("cuts").is_not_null())
    home = build.cuts.select(cuts="id", found="split")
    pairs = heard.filter(file=PAIRS).join(home, on="cuts", how="left").filter(pl.col("found").ne_missing(pl.col("split")))
    yield from some("SC525", PAIRS, "speak of cuts of another split", pairs["id"])
    yield from some("SC530", PAIRS, "their two answers are one", _of_one_answer(build))
    yield from some("SC523", "demonstrations.*.jsonl", "the same id in several dialogues", told.filter(pl.col("id").is_duplicated())["id"])
    in_dialogues = [source.id for source in build.scenario.sources if source.role in ("demonstrations", "preferences")]
    silent = build.cuts.filter(pl.col("source").is_in(in_dialogues)).join(heard, left_on="id", right_on="cuts", how="anti")
    yield from some("SC523", "cuts.*.jsonl", "of a source of dialogues, and no dialogue names them", silent["id"])
    for split in SPLITS if in_dialogues else ():
        here = told.filter(split=split)
        found = {"demonstrations": here.filter(pl.col("file") != PAIRS).height, "pairs": here.filter(file=PAIRS).height}
        if (said := at(build.certificate, "dialogues", split)) != found:
            yield Problem("SC526", "splits.json", f"dialogues.{split} is {said}, the files hold {found}")


def _of_one_answer(build: Build) -> pl.Series:
    """Ids of pairs in which nothing can be preferred."""
    rows = lines(build.folder, PAIRS, PAIR) if (build.folder / PAIRS).exists() else pl.DataFrame(schema=PAIR)
    alike = [chosen == rejected for chosen, rejected in rows.select("chosen", "rejected").iter_rows()]
    return rows["id"].filter(pl.Series(alike, dtype=pl.Boolean))


def in_text(build: Build) -> list[str]:
    """Ids of the dialogues in which nothing is heard."""
    return _told(build).filter(pl.col("cuts").list.drop_nulls().list.len() == 0)["id"].to_list()


def _told(build: Build) -> pl.DataFrame:
    """Dialogues that sources gave: `id`, `split`, the `cuts` that they name, and the `file` that they stand in."""
    tables = [pl.DataFrame(schema={"id": pl.String, "split": pl.String, "cuts": pl.List(pl.String), "file": pl.String})]
    for split in SPLITS:
        if (build.folder / (name := f"demonstrations.{split}.jsonl")).exists():
            rows = lines(build.folder, name, DEMONSTRATION).filter(pl.col("rule") != TRANSCRIPT)
            tables.append(rows.select("id", "split", cuts=_cuts("messages"), file=pl.lit(name)))
    if (build.folder / PAIRS).exists():
        turns = pl.concat_list(_cuts("prompt"), _cuts("chosen"), _cuts("rejected"))
        tables.append(lines(build.folder, PAIRS, PAIR).select("id", "split", cuts=turns, file=pl.lit(PAIRS)))
    return pl.concat(tables)


def _cuts(turns: str) -> pl.Expr:
    """The cuts that are named in some turns, with nulls between them."""
    parts = pl.element().struct.field("content").list.eval(pl.element().struct.field("cut"))
    return pl.col(turns).list.eval(parts.explode())
