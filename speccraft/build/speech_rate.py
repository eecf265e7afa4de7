"""Count the syllables of transcripts by their spelling, for the languages whose vowels tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

NUMERAL = r"\p{N}"
"""Nobody can see how many syllables a figure is read with."""


@dataclass(frozen=True)
class Spelling:
    """How a language writes its syllables: a pattern that each has one of, and one of those that are silent."""

    nucleus: str
    silent: str = ""


_NORDIC = Spelling("[aeiouyåäöæøéü]")
_CYRILLIC = Spelling("[аеёиоуыэюяіїє]")
SPELLINGS: Mapping[str, Spelling] = {
    # Silent are a final e behind a vowel and consonants, but for -le behind a consonant, and the e of most -ed and -es.
    "en": Spelling("[aeiouy]+", r"[aeiouy](?:le|[^\Waeiouy]*(?:[^\Waeiouyl]e|[^\Waeiouytd]ed|[^\Waeiouysxzcgh]es))\b"),
    "de": Spelling(r"[äae]u|[ae][iy]|ie|aa|ee|oo|(?:t|s)io|[aeiouyäöüé]"),
    "nl": Spelling(r"[ao]{2}i|oei|ieu|eeu|[aeou]{2}|ie|ij|[aeo]u|[aeou]i|oe|[aeiouyëïéèöü]"),
    "sv": _NORDIC,
    "da": _NORDIC,
    "nb": _NORDIC,
    "no": _NORDIC,
    "fr": Spelling(r"[aeiouyàâæéèêëîïôœùûü]+", r"[aeiouyàâæéèêëîïôœùûü][^\Waeiouyàâæéèêëîïôœùûü]+e(?:s|nt)?\b"),
    "es": Spelling(r"[iuü]?[aeoáéó](?:[iu]|y\b)?|í|ú|[iuü]+|\by\b"),
    "it": Spelling(r"[iu]?[aeoàèéòó][iu]?|[iuìíùú]+"),
    "pt": Spelling(r"[iu]?[aeoáéóâêôãõàí][iuoe]?|[iuíú]+"),
    "pl": Spelling(r"i?[aeouóąęy]|[iy]"),
    "cs": Spelling(r"[aeo]u|[aeiouyáéěíóúůý]|[^\Waeiouyáéěíóúůý][rl](?:[^\Waeiouyáéěíóúůý]|\b)"),
    "fi": Spelling(r"aa|ee|ii|oo|uu|yy|ää|öö|[aeouyäö]i|[aoei]u|[eiäö]y|ie|uo|yö|[aeiouyäöå]"),
    "tr": Spelling("[aei\u0131oöuüâîû]"),
    "ru": _CYRILLIC,
    "uk": _CYRILLIC,
}
"""Languages whose spelling tells, by their tag."""


def syllables(table: pl.DataFrame) -> pl.Expr:
    """How many syllables the `text` of each row has in its `language`, as Int64.

    Null in languages that are not among `SPELLINGS`, and where a numeral stands in the text. Against the vowels that espeak-ng says, on 150 to 400 sentences
    of each language, half of all sentences are counted exactly, nineteen of twenty within 14 % in English and Portuguese, 11 % in French, Italian and Danish,
    and 10 % or less in the others.
    """
    small, own = pl.col("text").str.to_lowercase(), pl.col("language").str.to_lowercase().str.split("-").list.first()
    counted = pl.lit(None, pl.Int64)
    # Only for languages that occur: every pattern is looked for in every text.
    for tag in sorted(set(table.select(own)["language"].unique().drop_nulls()) & SPELLINGS.keys()):
        spelling = SPELLINGS[tag]
        nuclei = small.str.count_matches(spelling.nucleus).cast(pl.Int64)
        silent = small.str.count_matches(spelling.silent).cast(pl.Int64) if spelling.silent else 0
        counted = pl.when(own == tag).then(nuclei - silent).otherwise(counted)
    return pl.when(~small.str.contains(NUMERAL)).then(counted)
