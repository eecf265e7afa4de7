"""What a person has, as rows: one file per source format, one row per input, nothing lost.

Reading a source never opens audio. A row that cannot be used carries its problem with it, so the ledger can tell.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from speccraft.ingest.commonvoice import read_commonvoice
from speccraft.ingest.conversations import read_conversations
from speccraft.ingest.folder import read_folder
from speccraft.ingest.huggingface import read_huggingface
from speccraft.ingest.kaldi import read_kaldi
from speccraft.ingest.lhotse import read_lhotse
from speccraft.ingest.librispeech import read_librispeech
from speccraft.ingest.nemo import read_nemo
from speccraft.ingest.preferences import read_preferences
from speccraft.ingest.rows import Reach, Row
from speccraft.ingest.shar import read_shar
from speccraft.ingest.synthesis import read_synthesis
from speccraft.ingest.table import read_table
from speccraft.ingest.tts import read_tts
from speccraft.ingest.webdataset import read_webdataset
from speccraft.remote.mirror import Progress, mirrors_for
from speccraft.remote.url import looks_remote, url_of
from speccraft.scenario import Scenario
from speccraft.scenario.source import FolderSource, Source, SynthesisSource, TableSource, TtsSource
from speccraft.scenario.source_corpora import CommonVoiceSource, HuggingFaceSource, LibriSpeechSource, WebDatasetSource
from speccraft.scenario.source_dialogues import ConversationsSource, PreferencesSource
from speccraft.scenario.source_manifests import KaldiSource, LhotseSource, ManifestSource, NemoSource, SharSource

__all__ = ["Reach", "Row", "read_source", "read_sources"]


def read_sources(scenario: Scenario, reach: Reach) -> dict[str, tuple[Row, ...]]:
    """The rows of every source, by source id, in the source's own order.

    Raises:
        speccraft.errors.UnreadableInput: a table or folder cannot be read, or holds nothing.
    """
    return {source.id: read_source(source, scenario, reach) for source in scenario.sources}


def read_source(source: Source, scenario: Scenario, reach: Reach) -> tuple[Row, ...]:
    """The rows of one source; inputs that repeat get `#2`, `#3` ... so that every ledger row has its own name.

    Raises:
        speccraft.errors.UnreadableInput: it cannot be read, holds nothing, or became another while it was read.
    """
    match source:
        case TableSource():
            rows = read_table(source, given=scenario.splits.given, reach=reach)
        case FolderSource():
            rows = read_folder(source, reach=reach)
        case HuggingFaceSource():
            rows = read_huggingface(source, given=scenario.splits.given, reach=reach)
        case WebDatasetSource():
            rows = read_webdataset(source, reach=reach)
        case LibriSpeechSource():
            rows = read_librispeech(source, reach=reach)
        case CommonVoiceSource():
            rows = read_commonvoice(source, reach=reach)
        case LhotseSource():
            rows = read_lhotse(source, reach=reach)
        case SharSource():
            rows = read_shar(source, reach=reach)
        case NemoSource():
            rows = read_nemo(source, reach=reach)
        case KaldiSource():
            rows = read_kaldi(source, reach=reach)
        case ConversationsSource():
            rows = read_conversations(source, reach=reach, given=scenario.splits.given)
        case PreferencesSource():
            rows = read_preferences(source, reach=reach)
        case SynthesisSource():
            rows = read_synthesis(source)
        case TtsSource():
            rows = read_tts(source, reach=reach)
    if isinstance(source, ManifestSource) and source.split is not None:
        rows = [replace(row, split=source.split) for row in rows]
    if reach.mirrors.of:
        reach.mirrors.need_same()
        rows = [row if row.path is None else replace(row, remote=reach.mirrors.object_at(row.path)) for row in rows]
    return _with_own_names(rows)


def _with_own_names(rows: list[Row]) -> tuple[Row, ...]:
    named: dict[str, Row] = {}
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.input] = counts.get(row.input, 0) + 1
        # An input may itself be called `a.wav#2`.
        while (name := row.input if counts[row.input] == 1 else f"{row.input}#{counts[row.input]}") in named:
            counts[row.input] += 1
        named[name] = row.renamed(name)
    return tuple(named.values())


def reach_of(scenario_path: Path, scenario: Scenario, data: Path | None, on_progress: Progress = lambda *_: None) -> Reach:
    """Folders that source paths start from and may reach into; where an address is named, a mirror of what is there.

    Raises:
        speccraft.errors.UnreadableInput: nothing is at an address.
        speccraft.errors.MissingExtra: a package that reads it is not installed.
        speccraft.errors.BadEnvironment: it cannot be listed.
    """
    prefixes = [url for written in (data, *scenario.roots) if (url := url_of(written))]
    mirrors = mirrors_for(prefixes, [url for source in scenario.sources for written in source.paths.values() if (url := url_of(written))], on_progress)
    beside = scenario_path.resolve().parent
    base = mirrors.path_of(data or beside) or (data or beside).resolve()
    local = [root for root in scenario.roots if not looks_remote(root)]
    return Reach(base=base, roots=(base, beside, *((beside / root).resolve() for root in local), *mirrors.folders), mirrors=mirrors)
