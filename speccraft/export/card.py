"""Write the README.md of an export: the build's dataset card, with what was taken of it, for whom, and how to load it."""

from __future__ import annotations

from collections.abc import Callable

from speccraft.export import huggingface, webdataset
from speccraft.export.contents import Contents
from speccraft.report.card import header_of, plain, rights_told
from speccraft.report.numerals import plural

DATA_FILES: dict[str, Callable[[str], str]] = {"hf": huggingface.data_files, "webdataset": webdataset.data_files}
"""Formats that the Hugging Face Hub reads by the card's header."""
LOADING = {
    "nemo": "Give `{subset}/manifest.jsonl` to NeMo (`train_ds.manifest_filepath`); its paths start from its own folder.",
    "kaldi": "Run recipes from this folder: the paths in `data/{subset}/wav.scp` start here.",
    "hf": '`datasets.load_dataset("FOLDER", split="{subset}")` gives an `audio` column; `Dataset.from_parquet` of one file does too.',
    "webdataset": "`data/{subset}-000000.tar` and its like stream one after another; the files of a cut share its key.",
    "pointers": "Each line of `pointers.{subset}.jsonl` is one FLAC file: `bytes` bytes of `shard`, from `offset` on, in the folder of the build that "
    "`build.json` names. Their SHA-256 is `sha256`.",
}


def card_of(contents: Contents, to: str, *, internal: bool) -> str:
    """The card of an export, as Markdown with a YAML header."""
    build = contents.build
    rest = (build.path / "README.md").read_text(encoding="utf-8").removeprefix("---\n").split("---\n", 1)[1]
    title, body = rest.lstrip("\n").split("\n", 1)
    cuts = sum(contents.count(subset) for subset in contents.subsets)
    header = header_of(build.record.name, contents.languages, contents.licences, contents.scenario.job.task, cuts)
    return f"---\n{header}{_configs(contents, to)}---\n\n{title}\n\n{_export(contents, to, internal=internal)}\n\n{body.lstrip(chr(10))}"


def _configs(contents: Contents, to: str) -> str:
    if to not in DATA_FILES:
        return ""
    files = "".join(f'  - split: "{subset.name}"\n    path: "{DATA_FILES[to](subset.name)}"\n' for subset in contents.subsets)
    return f'configs:\n- config_name: "default"\n  data_files:\n{files}'


def _export(contents: Contents, to: str, *, internal: bool) -> str:
    build = contents.build.record
    whom = (
        "**For internal use**: exported without asking whether its licences permit passing it on."
        if internal
        else "Every licence below permits passing it on, on its own terms."
    )
    subsets = "\n".join(f"| {subset.name} | {subset.split} | {subset.condition} | {contents.count(subset)} |" for subset in contents.subsets)
    licences = "\n".join(f"- {plain(licence)}: {plural(count, 'cut')}" for licence, count in sorted(contents.licences.items()))
    rights = rights_told(contents.sources, contents.report["attributions"], contents.waivers)
    return (
        f"## This export\n\nFormat `{to}`, from build `{build.id}` of {plain(build.name)}, whose commit record has the SHA-256 `{contents.build.digest}`. "
        f"{whom}{_held_back(contents)} The rest of this card is about the whole build, where `report.html` lies.\n\n"
        f"| name | split | condition | cuts |\n| --- | --- | --- | --- |\n{subsets}\n\n"
        f"{LOADING[to].format(subset=contents.subsets[0].name)}\n\nLicences of what is in this export, as `licence` says of each cut:\n\n{licences}\n\n{rights}"
    )


def _held_back(contents: Contents) -> str:
    """What is not in it because of what people say there."""
    if not contents.held_back:
        return ""
    found = ", ".join(f"{rule} in {count}" for rule, count in sorted(contents.held_back.items()))
    return f" Cuts whose transcripts hold personal data ({found}) are left out; `--internal` keeps them."
