"""Patterns of paths: what fits names its speaker, what does not fit says so, and no pattern takes long."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from speccraft.ingest.path_pattern import names_in
from speccraft.scenario.source import FolderSource


@pytest.mark.parametrize(
    ("path", "pattern", "names"),
    [
        ("84/121123/84-121123-0000.flac", "{speaker}/{session}/*", {"speaker": "84", "session": "121123"}),
        ("train/p225/x/y.wav", "*/{speaker}/**", {"speaker": "p225"}),
        ("0_jackson_12.wav", "*_{speaker}_*.wav", {"speaker": "jackson"}),
        ("de/ann-1.wav", "{language}/{speaker}-*", {"language": "de", "speaker": "ann"}),
        ("ann.wav", "{speaker}.wav", {"speaker": "ann"}),
        ("ann/x.wav", "{speaker}", None),
        ("x.wav", "{speaker}/**", None),
        ("a/b/c.wav", "{speaker}/*", None),
        (".wav", "{speaker}.wav", None),
        ("ann.mp3", "{speaker}.wav", None),
        ("_x.wav", "{speaker}_*", None),
    ],
)
def test_a_path_that_fits_says_who_speaks(path: str, pattern: str, names: dict[str, str] | None) -> None:
    FolderSource(id="f", format="folder", path="f", pattern=pattern)
    assert names_in(path, pattern) == names


@given(st.lists(st.text("ab_-.", min_size=1, max_size=5), min_size=1, max_size=3), st.text("ab_-.{}*/", max_size=12))
def test_a_match_is_a_match_of_the_same_regular_expression(levels: list[str], pattern: str) -> None:
    """The one-pass reading agrees with Python's `re`, which may take for ever."""
    pattern = f"{{speaker}}_{pattern}"
    try:
        FolderSource(id="f", format="folder", path="f", pattern=pattern)
    except ValidationError:
        return
    body = "".join(
        "(?:/[^/]+)+" if word == "/**" else "[^/]*" if word == "*" else "([^/]+?)" if word == "{speaker}" else re.escape(word)
        for word in re.split(r"(/\*\*$|\{speaker\}|\*)", pattern)
    )
    path = "/".join(levels)
    matched = re.fullmatch(body, path)
    found = names_in(path, pattern)
    # A name takes as little as it can; where that leaves it empty, nothing is guessed.
    assert found is None or (matched is not None and matched[1] == found["speaker"])
    assert matched is None or found is not None or path.startswith("_")


def test_many_holes_in_a_long_name_take_no_time() -> None:
    started = time.perf_counter()
    assert names_in("a" * 4000, "{speaker}a" + "*a" * 500 + "b") is None
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "{speaker}{session}",
        "{speaker}*",
        "{speaker}/{speaker}",
        "{voice}/*",
        "{speaker}/**/x",
        "/{speaker}",
        "../{speaker}",
        "{speaker}//x",
        "x**/{speaker}",
        "",
    ],
)
def test_a_pattern_that_says_nothing_or_two_things_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        FolderSource(id="f", format="folder", path="f", pattern=pattern)


def test_a_pattern_and_a_speaker_folder_are_two_ways_to_say_one_thing() -> None:
    with pytest.raises(ValidationError, match="not by both"):
        FolderSource(id="f", format="folder", path="f", pattern="{speaker}/*", speaker_folder=1)
