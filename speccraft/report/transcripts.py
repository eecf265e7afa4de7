"""Look at the transcripts of the kept speech: which characters they are written in, how fast they are read, and which stand out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl

from speccraft.report.sums import at_rank
from speccraft.report.visible import shortened
from speccraft.scenario.language import primary

ROWS_AT_ONCE = 50_000
MOST_CHARACTERS = 80
EXAMPLES = 5
LENGTH_BINS, RATE_BINS = 24, 16
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
ALPHABETS: Mapping[str, str] = {
    "en": _LATIN,
    "de": _LATIN + "äöüß",
    "nl": _LATIN + "ëïéèöü",
    "sv": _LATIN + "åäöé",
    "da": _LATIN + "æøåé",
    "nb": _LATIN + "æøåéèêóòô",
    "no": _LATIN + "æøåéèêóòô",
    "fi": _LATIN + "äöå",
    "fr": _LATIN + "àâæçéèêëîïôœùûüÿ",
    "es": _LATIN + "áéíóúüñ",
    "it": _LATIN + "àèéìíîòóùú",
    "pt": _LATIN + "áàâãçéêíóôõúü",
    "ca": _LATIN + "àçèéíïòóúü",
    "pl": _LATIN + "ąćęłńóśźż",
    "cs": _LATIN + "áčďéěíňóřšťúůýž",
    "hu": _LATIN + "áéíóöőúüű",
    "ro": _LATIN + "ăâîșț",
    "tr": _LATIN + "çğıöşüâîû",
    "ru": _CYRILLIC + "ё",
    "uk": _CYRILLIC.translate(dict.fromkeys(map(ord, "ъыэ"))) + "ґєії",
}
"""Letters of languages by their tag, in lower case; native words are written in them, and the loans that dictionaries list."""
SCRIPTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ar", "fa", "ur"), ("ARABIC",)),
    **dict.fromkeys(("hi", "mr", "ne"), ("DEVANAGARI",)),
    "bn": ("BENGALI",),
    "ta": ("TAMIL",),
    "th": ("THAI",),
    "he": ("HEBREW",),
    "el": ("GREEK",),
    "ko": ("HANGUL",),
    "ja": ("HIRAGANA", "KATAKANA", "CJK"),
    **dict.fromkeys(("zh", "cmn", "yue"), ("CJK",)),
}
"""Scripts of languages by their tag, as the first word of their characters' Unicode names, where an alphabet is not listed letter by letter."""
MARKS = " '-.,?!;:\"\u2019\u2010\u2013\u200c\u200d\u0964\u060c\u061f\u061b\u3001\u3002"
"""What stands between words everywhere; figures do not: nobody can see how they were read."""


def transcripts(measures: pl.DataFrame, languages: Iterable[str]) -> dict[str, Any]:
    """What the page shows of the transcripts; every text in it is shortened."""
    texts = measures.filter(pl.col("text").is_not_null() & (pl.col("text").str.len_chars() > 0)).select("cut", "text", "seconds", "characters_per_s")
    counts = characters(texts["text"])
    known = {primary(tag) for tag in languages}
    checked = bool(known) and known <= ALPHABETS.keys() | SCRIPTS.keys()
    rows = [{"character": _shown(one), "name": _name(one), "count": count, "outside": checked and not belongs(one, known)} for one, count in counts]
    outside = [row for row in rows if row["outside"]]
    odd = [one for one, _ in counts if checked and not belongs(one, known)]
    return {
        "cuts": texts.height,
        "without": measures.height - texts.height,
        "languages": sorted(known),
        "checked": checked,
        "characters": sum(count for _, count in counts),
        "distinct": len(counts),
        "alphabet": rows[:MOST_CHARACTERS],
        "outside": {
            "distinct": len(outside),
            "characters": sum(row["count"] for row in outside),
            "cuts": _holding(texts, odd).height,
            "shown": [{**row, "examples": _examples(texts, one)} for row, one in list(zip(outside, odd, strict=True))[: MOST_CHARACTERS // 4]],
        },
        "density": _density(texts),
        "longest": _few(_once(texts.sort(pl.col("text").str.len_chars(), "cut", descending=[True, False]))),
        "shortest": _few(_once(texts.sort(pl.col("text").str.len_chars(), "cut"))),
    }


def characters(texts: pl.Series) -> list[tuple[str, int]]:
    """How often each character occurs, upper case as lower case, the most frequent first."""
    total = np.zeros(0x110000, np.int64)
    for start in range(0, len(texts), ROWS_AT_ONCE):
        joined = "".join(texts[start : start + ROWS_AT_ONCE].str.to_lowercase().to_list())
        total += np.bincount(np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32), minlength=len(total))
    found = np.flatnonzero(total)
    return sorted(((chr(code), int(total[code])) for code in found), key=lambda pair: (-pair[1], pair[0]))


def belongs(character: str, languages: Iterable[str]) -> bool:
    """Whether a lower-case character is a letter of one of some languages, or a mark between words."""
    if character in MARKS:
        return True
    for language in languages:
        if language in ALPHABETS:
            if character in ALPHABETS[language]:
                return True
        elif unicodedata.category(character)[0] in "LM" and unicodedata.name(character, "").split(" ")[0] in SCRIPTS.get(language, ()):
            return True
    return False


def _holding(texts: pl.DataFrame, characters: list[str]) -> pl.DataFrame:
    return texts.filter(pl.col("text").str.to_lowercase().str.contains_any(characters)) if characters else texts.clear()


def _examples(texts: pl.DataFrame, character: str) -> list[dict[str, Any]]:
    return _few(_holding(texts, [character]).sort("cut").head(2))


def _once(texts: pl.DataFrame) -> pl.DataFrame:
    """The first cut of each text, in order."""
    return texts.unique("text", keep="first", maintain_order=True)


def _few(texts: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {"cut": row["cut"], "text": shortened(row["text"], 160), "characters": len(row["text"]), "seconds": round(row["seconds"], 3)}
        for row in texts.head(EXAMPLES).iter_rows(named=True)
    ]


def _density(texts: pl.DataFrame) -> dict[str, Any]:
    """How many cuts have which length and which speech rate; what lies beyond the 99.9th percentile stands in the last bin."""
    known = texts.filter(pl.col("characters_per_s").is_finite(), pl.col("seconds") > 0)
    if not known.height:
        return {"n": 0, "length_s": None, "rate": None, "counts": []}
    seconds, rate = known["seconds"].to_numpy(), known["characters_per_s"].to_numpy()
    length_end, rate_end = (_round_up(at_rank(np.sort(values), 0.999)) for values in (seconds, rate))
    column = np.minimum((seconds / length_end * LENGTH_BINS).astype(int), LENGTH_BINS - 1)
    row = np.minimum((rate / rate_end * RATE_BINS).astype(int), RATE_BINS - 1)
    counts = np.bincount(row * LENGTH_BINS + column, minlength=LENGTH_BINS * RATE_BINS).reshape(RATE_BINS, LENGTH_BINS)
    return {"n": known.height, "length_s": length_end, "rate": rate_end, "counts": counts.tolist()}


def _round_up(value: float) -> float:
    """The next number of one or two round digits."""
    scale = 10.0 ** np.floor(np.log10(value))
    return float(round(next(step * scale for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * scale >= value), 9))


def _shown(character: str) -> str:
    return "\u2423" if character == " " else f"\N{DOTTED CIRCLE}{character}" if unicodedata.category(character)[0] == "M" else character


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name').lower()}"
