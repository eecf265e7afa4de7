"""Find personal data in a transcript by a few explicit rules: e-mail and IP addresses, phone, payment card and bank account numbers.

What is written in digits is found; numbers that a transcript spells out, names and street addresses are not.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAY_HOLD = r"@|:[0-9A-Fa-f]{0,4}:|\d(?:\W{0,2}\d){7}|\d\.\d{1,3}\.\d{1,3}\.\d|(?i:[A-Z]{2}\d{2}[ -]?[A-Z\d]{4})"
"""A text without any of this holds nothing that a rule finds; most transcripts are settled here. Also a regular expression of Polars."""
_MAY_HOLD = re.compile(MAY_HOLD)


@dataclass(frozen=True)
class Rule:
    """What is looked for, and what more has to hold of it: how many of its first characters are one, none of them at 0."""

    pattern: re.Pattern[str]
    held: Callable[[str], int] = len


def _longest(found: str, holds: Callable[[str], bool]) -> int:
    """Length of the longest start, up to the end of a word, of which something holds: the next word may look like more of it."""
    ends = [len(found), *(match.start() for match in reversed(list(re.finditer(r"[ -]", found))))]
    return next((end for end in ends if holds(found[:end])), 0)


def _digits(found: str) -> list[int]:
    return [int(char) for char in found if char.isdecimal()]


def _passes_luhn(found: str) -> bool:
    """The check digit of a card is right (ISO/IEC 7812-1, annex B), and its digits are not all the same."""
    digits = _digits(found)
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _passes_mod_97(found: str) -> bool:
    """The check digits of an IBAN are right (ISO 13616-1: 15 to 34 characters, ISO 7064 MOD 97-10)."""
    account = re.sub(r"\W", "", found)
    turned = account[4:] + account[:4]
    return 15 <= len(account) <= 34 and int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def _address(found: str) -> int:
    try:
        ipaddress.ip_address(found)
    except ValueError:
        return 0
    return len(found) if found.strip(":") else 0


def _phone(found: str) -> int:
    """As many digits as a number with its area has, at most those of E.164."""
    return len(found) if 8 <= len(_digits(found)) <= 15 else 0


_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)"
_IPV6 = r"(?=[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*:)[0-9A-Fa-f:]{2,39}(?:\.\d{1,3}){0,3}(?![\w:])"
_WITH_COUNTRY = r"(?:\+|00)\d(?:[ ()/.-]{0,2}\d){7,14}"
_WITH_AREA = r"\(?0\d{1,4}\)?[ /-]{1,2}\d(?:[ -]?\d){5,9}|0\d{9,11}"
_NORTH_AMERICAN = r"\(\d{3}\) ?\d{3}-\d{4}|\d{3}([.-])\d{3}\1\d{4}"
RULES: Mapping[str, Rule] = {
    "email": Rule(re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")),
    "iban": Rule(
        re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[A-Z\d]{11,30}|(?:[ -][A-Z\d]{4}){2,7}(?:[ -][A-Z\d]{1,3})?)(?!\w)", re.ASCII | re.IGNORECASE),
        lambda found: _longest(found, _passes_mod_97),
    ),
    "card": Rule(re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w-])"), lambda found: _longest(found, _passes_luhn)),
    "ip": Rule(re.compile(rf"(?<![\w.:])(?:{_IPV4}|{_IPV6})"), _address),
    "phone": Rule(re.compile(rf"(?<![\w+])(?:{_WITH_COUNTRY}|{_WITH_AREA}|{_NORTH_AMERICAN})(?!\w)"), _phone),
}
"""In this order: what an earlier rule has found is not looked at again."""


@dataclass(frozen=True)
class Scanned:
    """What a text holds: the number of places that each rule found, and the text with the rules' names there instead."""

    found: Mapping[str, int]
    masked: str


def scan(text: str) -> Scanned:
    """Look for personal data in a text; digits of other scripts count, and a text in which something is found has ours."""
    if not _MAY_HOLD.search(text):
        return Scanned({}, text)
    found: dict[str, int] = {}
    left = text if text.isascii() else "".join(str(unicodedata.decimal(char, char)) for char in text)
    for name, rule in RULES.items():

        def named(match: re.Match[str], name: str = name, rule: Rule = rule) -> str:
            length = rule.held(match[0])
            if not length:
                return match[0]
            found[name] = found.get(name, 0) + 1
            return f"[{name}]{match[0][length:]}"

        left = rule.pattern.sub(named, left)
    return Scanned(found, left if found else text)


def kinds(text: str | None) -> tuple[str, ...]:
    """The rules that find something in a text."""
    return tuple(scan(text).found) if text else ()


def masked(text: str) -> str:
    """A text with the name of a rule, such as `[email]`, where that finds personal data."""
    return scan(text).masked
