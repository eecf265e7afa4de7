"""Kaldi: a data directory a subset, sorted in C order under speaker-prefixed ids, and WAV files, since Kaldi reads FLAC through pipes alone."""

from __future__ import annotations

import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import soundfile

from speccraft.export.contents import Contents, Facts, Subset
from speccraft.export.output import Output
from speccraft.report.visible import visible

UNKNOWN_LANGUAGE = "und"


@dataclass(frozen=True)
class Utterance:
    """One utterance as Kaldi's files name it; `path` starts from the folder of the export."""

    id: str
    speaker: str
    path: str
    facts: Facts


def write(contents: Contents, out: Output) -> None:
    """Write `data/<subset>/`, `audio/<subset>/` and, for what Kaldi has no file for, `data/<subset>/metadata.jsonl`."""
    ids = speaker_ids(contents.speakers)
    for subset in contents.subsets:
        utterances = sorted(_utterances(contents, subset, ids, out), key=lambda one: one.id)
        for name, lines in _files(utterances).items():
            out.whole(f"data/{subset.name}/{name}", "".join(f"{key} {value}".rstrip() + "\n" for key, value in lines).encode())
        out.lines(f"data/{subset.name}/metadata.jsonl", (_metadata(one) for one in utterances))


def speaker_ids(names: Iterable[str]) -> dict[str, str]:
    """An id for every speaker: letters, digits, dot and underscore, no two alike.

    Every character sorts after the dash that ends the speaker in an utterance's id, so that utterances and speakers have one order.
    """
    by_id = defaultdict(list)
    for name in names:
        by_id[re.sub(r"[^\w.]", "_", name) or "_"].append(name)
    return {name: id if len(alike) == 1 else f"{id}_{_short_digest(name)}" for id, alike in by_id.items() for name in alike}


def kaldi_text(text: str | None) -> str:
    """A transcript on one line: words between single spaces, no invisible characters."""
    return " ".join(visible(text or "").split())


def wav_of(flac: bytes) -> bytes:
    """The samples of a 16-bit mono FLAC as a WAV file, bit for bit."""
    samples, sampling_rate = soundfile.read(io.BytesIO(flac), dtype="int16")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sampling_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _utterances(contents: Contents, subset: Subset, ids: Mapping[str, str], out: Output) -> Iterable[Utterance]:
    for number, rows in enumerate(contents.shards(subset)):
        paths = [f"audio/{subset.name}/{number:06d}/{row.facts.id}.wav" for row in rows]
        out.files((path, wav_of(row.audio.flac())) for path, row in zip(paths, out.told(rows), strict=True))
        for path, row in zip(paths, rows, strict=True):
            # Whoever is not known is a speaker of one utterance, as Kaldi's documentation advises.
            speaker = ids[row.facts.speaker] if row.facts.speaker is not None else f"unknown_{_short_digest(row.facts.id)}"
            yield Utterance(f"{speaker}-{row.facts.id}", speaker, path, row.facts)


def _files(utterances: list[Utterance]) -> dict[str, list[tuple[str, object]]]:
    """The lines of every file, as key and value; an utterance is a whole recording, so there is no `segments`."""
    by_speaker = defaultdict(list)
    for one in utterances:
        by_speaker[one.speaker].append(one.id)
    durations: list[tuple[str, object]] = [(one.id, one.facts.duration) for one in utterances]
    return {
        "wav.scp": [(one.id, one.path) for one in utterances],
        "text": [(one.id, kaldi_text(one.facts.text)) for one in utterances],
        "utt2spk": [(one.id, one.speaker) for one in utterances],
        "spk2utt": [(speaker, " ".join(ids)) for speaker, ids in sorted(by_speaker.items())],
        "utt2dur": durations,
        "reco2dur": durations,
        "utt2lang": [(one.id, one.facts.language or UNKNOWN_LANGUAGE) for one in utterances],
    }


def _metadata(one: Utterance) -> dict[str, Any]:
    return {"utterance": one.id, "speaker_id": one.speaker, **vars(one.facts)}


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
