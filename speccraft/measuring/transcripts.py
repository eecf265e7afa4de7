"""What the transcripts beside recordings tell: how many characters and syllables somebody speaks in a second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speccraft.errors import WrongUsage
from speccraft.ingest.folder import SIDECARS
from speccraft.ingest.manifests import Unusable
from speccraft.ingest.sidecars import content_of, transcript_of
from speccraft.scenario.language import primary


def need_countable(language: str) -> None:
    """Refuse a language tag by which no syllable would be counted.

    Raises:
        WrongUsage: its spelling does not tell syllables, or it is no tag.
    """
    from speccraft.build.speech_rate import SPELLINGS

    # As a build takes the language of a tag.
    if primary(language) not in SPELLINGS:
        raise WrongUsage(f"--language {language}: its syllables cannot be counted", try_this=f"one of {', '.join(sorted(SPELLINGS))}, or a tag such as en-GB")


def with_transcripts(paths: Sequence[Path], rows: Sequence[dict[str, Any]], language: str | None) -> list[dict[str, Any]]:
    """Rows of recordings with `text`, `characters_per_s` and `syllables_per_s`, None where they have no words; what is wrong goes to `problems`.

    Args:
        language: of the transcripts; syllables are counted by it.
    """
    beside = [_beside(path) for path in paths]
    counts = _syllables([text for text, _ in beside], language)
    found = []
    for row, (text, problem), syllables in zip(rows, beside, counts, strict=True):
        # As the rules of a build have it.
        speech_s = row["duration_s"] * row["speech_share"]
        rates = [round(count / speech_s, 6) if count and speech_s else None for count in (len(text or ""), syllables)]
        told = {"text": text, **dict(zip(("characters_per_s", "syllables_per_s"), rates, strict=True))}
        found.append({**row, **told, "problems": [*row["problems"], *([problem] if problem else [])]})
    return found


def _beside(audio: Path) -> tuple[str | None, str]:
    """The transcript beside a recording, and what is wrong with it."""
    file = next((file for ending in SIDECARS if (file := audio.with_suffix(ending)).is_file()), None)
    if file is None or file == audio:
        return None, ""
    try:
        return transcript_of(content_of(file), file.name), ""
    except Unusable as error:
        return None, f"its transcript cannot be used: {error}"


def _syllables(texts: Sequence[str | None], language: str | None) -> list[int | None]:
    if language is None or not any(texts):
        return [None] * len(texts)
    import polars as pl

    from speccraft.build.speech_rate import syllables

    table = pl.DataFrame({"text": texts}, schema={"text": pl.String}).with_columns(language=pl.lit(language))
    return table.select(syllables(table))[:, 0].to_list()
