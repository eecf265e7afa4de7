"""Describe an export as Croissant: its files, its records, its licences and whom to name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from speccraft.export.contents import Contents
from speccraft.export.output import Output
from speccraft.report.croissant import AUDIO, FILE, INTEGER, NUMBER, TEXT, TRUTH, Described, Field, Records, croissant, personal_line
from speccraft.report.numerals import duration, plural

FACTS: Mapping[str, Field] = {
    "id": Field(TEXT, "id", "id of the cut"),
    "text": Field(TEXT, "text", "what is said"),
    "duration": Field(NUMBER, "duration", "length in seconds"),
    "language": Field(TEXT, "language", "BCP 47 tag of what is said"),
    "speaker": Field(TEXT, "speaker", "who speaks, by pseudonym where the scenario asks for that"),
    "source": Field(TEXT, "source", "source of the recording"),
    "split": Field(TEXT, "split", "train, dev or test"),
    "condition": Field(TEXT, "condition", "clean, or the place that it is heard in"),
    "unseen": Field(TRUTH, "unseen", "whether its speaker stands in no other split by intention"),
    "licence": Field(TEXT, "licence", "licences of everything that is heard, as an SPDX expression"),
    "attribution": Field(TEXT, "attribution", "whom to name"),
    "sampling_rate": Field(INTEGER, "sampling_rate", "samples a second"),
}
AUDIO_FIELD: Mapping[str, Field] = {"audio": Field(AUDIO, "audio", "FLAC, 16 bit, mono", "bytes")}
TABLES = {"nemo": "{subset}/manifest.jsonl", "kaldi": "data/{subset}/metadata.jsonl", "pointers": "pointers.{subset}.jsonl"}
"""The file of each format that holds the records of a subset; Hugging Face has one for each shard, WebDataset has its records in tars."""
SINGLE_SOUNDS = (".flac", ".wav")
"""Files of which there is one for each cut: EXPORT.json holds their digests, and a description of a million of them serves nobody."""


def write_croissant(contents: Contents, out: Output, to: str, *, internal: bool) -> None:
    """Write the description beside the other files of an export, all of which are there."""
    out.whole(FILE, croissant(_described(contents, out, to, internal=internal), out.folder, _files(out)))


def _described(contents: Contents, out: Output, to: str, *, internal: bool) -> Described:
    report = contents.report
    count = sum(contents.count(subset) for subset in contents.subsets)
    says = f"{plural(count, 'cut')} of speech, {duration(contents.seconds())}, {plural(len(contents.speakers), 'speaker')}"
    return Described(
        name=contents.build.record.name,
        says=f"{says}, exported by speccraft as {to} from build {contents.build.record.id}.",
        as_of=report["as_of"],
        languages=contents.languages,
        intended=report["scenario"]["use"],
        used=contents.sources,
        attributions=report["attributions"],
        waivers=contents.waivers,
        personal=personal_line(report),
        notes=["For internal use: whether its licences permit passing it on was not asked"] if internal else [],
        records=list(_records(contents, out, to)),
    )


def _records(contents: Contents, out: Output, to: str) -> Iterator[Records]:
    for subset in contents.subsets:
        says = f"The cuts of the {subset.split} split, {subset.condition}."
        if to == "hf":
            files = sorted(name for name, rows in out.counts.items() if rows and name.startswith(f"data/{subset.name}-"))
            for number, name in enumerate(files):
                yield Records(subset.name if len(files) == 1 else f"{subset.name}-{number:05d}", name, says, {**FACTS, **AUDIO_FIELD})
        elif to in TABLES and contents.count(subset):
            yield Records(subset.name, TABLES[to].format(subset=subset.name), says, FACTS)


def _files(out: Output) -> Iterator[str]:
    for path in out.folder.rglob("*"):
        if path.is_file() and path.suffix not in SINGLE_SOUNDS:
            yield path.relative_to(out.folder).as_posix()
