"""HTML for notebooks that runs nothing: every datum escaped, whole pages in a frame that may do nothing but be looked at."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

FRAME_HEIGHT = 620
COLOURS = {"PASS": "#17724a", "BLOCK": "#b3261e"}


def escaped(value: object) -> str:
    """A value as text that a notebook shows as it is, on one line and without invisible characters."""
    from speccraft.report.visible import visible

    return html.escape(visible(str(value)))


def framed(page: str, title: str) -> str:
    """A whole page in a frame without scripts, forms, storage or a way to the notebook around it."""
    without_script = page[: page.rindex("<script>")] + "</body></html>" if "<script>" in page else page
    # Within single quotes nothing else ends an attribute (HTML, 13.1.2.3), and to escape the double ones of a page adds half its size.
    source = without_script.replace("&", "&amp;").replace("'", "&#39;")
    style = f"width:100%;height:{FRAME_HEIGHT}px;border:1px solid #8886;border-radius:8px;resize:vertical"
    return f'<iframe sandbox="" title="{escaped(title)}" style="{style}" srcdoc=\'{source}\'></iframe>'


def grid(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose first column names the row."""
    top = f"<thead><tr>{''.join(f'<th>{escaped(cell)}</th>' for cell in head)}</tr></thead>" if head else ""
    body = "".join(map(_row, rows))
    style = "text-align:left;white-space:nowrap;border-spacing:12px 2px"
    return f'<div style="overflow-x:auto"><table style="{style}">{top}<tbody>{body}</tbody></table></div>'


def verdict(word: str) -> str:
    """A verdict as a word that stands out."""
    return f'<b style="color:#fff;background:{COLOURS[word]};border-radius:6px;padding:1px 9px">{escaped(word)}</b>'


def _row(row: Sequence[object]) -> str:
    first, *others = row
    return f"<tr><th>{escaped(first)}</th>{''.join(f'<td>{escaped(cell)}</td>' for cell in others)}</tr>"
