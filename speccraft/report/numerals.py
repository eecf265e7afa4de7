"""Write numbers as people read them: few digits, units, counted nouns."""

from __future__ import annotations

import math

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"


def number(value: float | None) -> str:
    """Three significant digits, more where the integer part has more; a dash for nothing."""
    if value is None:
        return NOTHING
    if round(value, 6) == 0:
        return "0"
    digits = min(6, max(0, 2 - math.floor(math.log10(abs(value)))))
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", MINUS).replace(",", THIN)


def duration(seconds: float | None) -> str:
    """An amount of speech in hours, or in minutes or seconds where it is little."""
    if seconds is None:
        return NOTHING
    if abs(seconds) >= 3600:
        return f"{number(seconds / 3600)} h"
    return f"{number(seconds / 60)} min" if abs(seconds) >= 60 else f"{number(seconds)} s"


def percent(share: float | None) -> str:
    """A share in percent, to one decimal."""
    return NOTHING if share is None else f"{100 * share:.1f}".removesuffix(".0").replace("-", MINUS) + " %"


def plural(count: int, noun: str) -> str:
    """A counted noun: `1 cut`, `2 cuts`."""
    return f"{f'{count:,}'.replace(',', THIN)} {noun}{'' if count == 1 else 's'}"


def quantity(value: float | None, unit: str, *, signed: bool = False) -> str:
    """The number of an acceptance clause in its unit."""
    if value is None:
        return "not measured"
    sign = "+" if signed and value > 0 else ""
    if unit in AMOUNTS:
        return sign + AMOUNTS[unit](value)
    return sign + f"{number(value)} {unit}".rstrip()


AMOUNTS = {"share": percent, "h": lambda hours: duration(3600 * hours)}
"""Units whose numbers are read better in another one."""


def sentence(words: str) -> str:
    """Words with a capital at the start, unless they start with the name of a field, and a stop at the end."""
    first = words.split(" ", 1)[0]
    begun = words if set(first) & {".", "_"} else words[:1].upper() + words[1:]
    return begun if begun.endswith((".", "?", "!")) else f"{begun}."
