"""Make inert HTML pages of the templates beside it: every value escaped, our own style and script inside, and a policy that lets nothing else act."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from speccraft.report import numerals

FOLDER = Path(__file__).parent
WORDS = (numerals.number, numerals.duration, numerals.percent, numerals.plural, numerals.sentence)
"""What every template has as filters."""


def render(
    template: str,
    *,
    styles: Sequence[str],
    scripts: Sequence[str] = (),
    carries: Sequence[str] = (),
    filters: Sequence[Callable[..., str]] = (),
    **content: Any,
) -> str:
    """A template of this folder as an inert page: every value escaped, and a policy that lets our own style and script run and nothing else.

    Templates begin with `{% import "parts.html.j2" as parts with context %}` and `{{ parts.head(title) }}`; they can use the words of `numerals` as
    filters, and `quantity`. They hold no style attribute and no handler: the policy would not let them act.

    Args:
        styles, scripts: files of this folder that the page holds one after another.
        carries: what of its own the page shows from `data:` addresses, `media` and `img`.
        filters: further ones, by their names.
    """
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {filter.__name__: filter for filter in (*WORDS, *filters)}
    style, script = ("".join((FOLDER / name).read_text(encoding="utf-8") for name in names) for names in (styles, scripts))
    allowed = [f"style-src '{_hash(style)}'"]
    allowed += [f"script-src '{_hash(script)}'"] if scripts else []
    allowed += [f"{kind}-src data:" for kind in carries]
    policy = "; ".join(["default-src 'none'", *allowed, "base-uri 'none'", "form-action 'none'"])
    # Our own files, whose hashes the policy names: escaping would change them.
    own = {"style": Markup(style), "script": Markup(script), "policy": policy}
    return environment.get_template(template).render(quantity=numerals.quantity, **own, **content)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
