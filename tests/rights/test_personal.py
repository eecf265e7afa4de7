"""Personal data in transcripts: what the rules find, what they leave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.rights.personal import RULES, kinds, masked, scan

FOUND = {
    "write to anna.b+x@mail.example.org, please": "write to [email], please",
    "jürgen@müller.example": "[email]",
    "call +49 30 1234567": "call [phone]",
    "or 0049 (30) 123-4567.": "or [phone].",
    "(030) 123 4567 after six": "[phone] after six",
    "0170/1234567": "[phone]",
    "(555) 123-4567 or 555.123.4567": "[phone] or [phone]",
    "\u0660\u0663\u0660 \u0661\u0662\u0663\u0664\u0665\u0666\u0667": "[phone]",
    "card 4111 1111 1111 1111 12 25": "card [card] 12 25",
    "4111-1111-1111-1111": "[card]",
    "378282246310005": "[card]",
    "DE89 3704 0044 0532 0130 00": "[iban]",
    "de89370400440532013000.": "[iban].",
    "GB82 WEST 1234 5698 7654 32 is mine": "[iban] is mine",
    "AT61 1904 3002 3457 3201 from me": "[iban] from me",
    "at 192.168.0.1.": "at [ip].",
    "fe80::1ff:fe23:4567:890a": "[ip]",
    "::1 and ::ffff:10.0.0.1": "[ip] and [ip]",
}
LEFT = [
    "one two three four five six seven eight nine",
    "1 2 3 4 5 6 7 8 9",
    "in 1999 and 2001, on 2024-01-15 at 12:30:45",
    "10 to 20, 3.14159265358979 or 1/2",
    "version 1.2.3.4.5, 300.1.1.1",
    "a@b, @anna, me @ home",
    "4111 1111 1111 1112, 0000 0000 0000 0000",
    "GB83 WEST 1234 5698 7654 32",
    "at :: or ::, C::method",
    "1,234,567 people and 100 200 3000",
    "\u0967\u0968\u0969 \u0915\u093f\u0932\u094b",
]


@pytest.mark.parametrize(("text", "left"), FOUND.items())
def test_what_a_rule_finds_is_masked_by_its_name(text: str, left: str) -> None:
    assert masked(text) == left


@pytest.mark.parametrize("text", LEFT)
def test_what_only_looks_like_it_is_left_as_it_is(text: str) -> None:
    assert (kinds(text), masked(text)) == ((), text)


def test_every_place_is_counted_and_every_rule_is_tested() -> None:
    scanned = scan("a@b.example and c@d.example at 10.0.0.1")
    assert scanned.found == {"email": 2, "ip": 1}
    assert {rule for text in FOUND for rule in kinds(text)} == set(RULES)


@given(st.text(alphabet="abc@.:+-() 0123456789DE\u0663"))
def test_a_text_is_changed_only_where_something_is_found(text: str) -> None:
    scanned = scan(text)
    assert bool(scanned.found) == (scanned.masked != text)


@given(st.integers(min_value=10**11, max_value=10**18 - 1), st.integers(min_value=1, max_value=9))
def test_a_card_is_told_by_its_check_digit(account: int, off: int) -> None:
    digits = [int(digit) for digit in str(account)]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[::-2]) + sum(digits[-2::-2])
    check = -doubled % 10
    assert "card" in kinds(f"{account}{check}")
    assert "card" not in kinds(f"{account}{(check + off) % 10}")


@pytest.mark.parametrize("part", ["1 ", "a@", "a.", "0-", "A", ":1", "DE12 AAAA ", "(0", "12345 ", "+", "1."])
def test_a_long_text_is_looked_through_to_its_end(part: str) -> None:
    # A pattern that backtracks over all of it would not come back.
    assert scan(part * 20_000 + " or a@b.example").found["email"] == 1
