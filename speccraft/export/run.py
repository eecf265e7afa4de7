"""Export: ask the gate, write a build in one format, commit. The same build and options give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from speccraft import store
from speccraft.errors import RefusedByRights
from speccraft.export import huggingface, kaldi, nemo, pointers, webdataset
from speccraft.export.card import card_of
from speccraft.export.contents import Contents
from speccraft.export.description import write_croissant
from speccraft.export.output import Output
from speccraft.rights.gate import may_be_passed_on
from speccraft.rights.papers import Papers
from speccraft.scenario import Scenario

FORMATS: Mapping[str, Callable[[Contents, Output], None]] = {
    "nemo": nemo.write,
    "kaldi": kaldi.write,
    "hf": huggingface.write,
    "webdataset": webdataset.write,
    "pointers": pointers.write,
}
INTERNAL_ONLY = "name --internal for an export that stays with you"


def export(
    build: store.Artefact,
    scenario: Scenario,
    *,
    to: str,
    workspace: Path,
    out: Path | None = None,
    splits: Sequence[str] = (),
    conditions: Sequence[str] = ("clean",),
    internal: bool = False,
    papers: Papers | None = None,
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
) -> store.Artefact:
    """Write a build's cuts in another tool's format, as a committed folder of its own: `exports/<name>/<id>` in the workspace, or `out/<id>`.

    Args:
        scenario: what the build was made from.
        to: one of FORMATS.
        splits: splits to take; none means all.
        conditions: conditions to take; a split that lacks one goes without it.
        internal: whether the export stays in the house, so that its licences need not permit passing it on.
        papers: what is on file about rights, for licences of one's own; None knows only those of our table.

    Raises:
        RefusedByRights: a licence, or the speaker of a licensed voice, does not permit passing the recordings on; nothing is written.
        WrongUsage: the build has no such split or condition.
    """
    contents = Contents(build, scenario, splits, conditions, internal=internal)
    if not internal:
        _need_permission(contents, papers)
    name = build.record.name
    total = sum(contents.count(subset) for subset in contents.subsets)
    done = 0

    def on_row() -> None:
        nonlocal done
        done += 1
        on_progress("export", done, total)

    exports = out or workspace / store.KINDS["export"].folder / name
    # Another folder than the workspace's own has no other writer to wait for.
    with store.locked(workspace) if out is None else nullcontext(), store.scratch_folder(exports) as scratch:
        output = Output(scratch, on_row)
        FORMATS[to](contents, output)
        output.whole("README.md", card_of(contents, to, internal=internal).encode())
        write_croissant(contents, output, to, internal=internal)
        info = {
            "to": to,
            "splits": list(dict.fromkeys(subset.split for subset in contents.subsets)),
            "conditions": list(dict.fromkeys(subset.condition for subset in contents.subsets)),
            "internal": internal,
            "counts": {subset.name: contents.count(subset) for subset in contents.subsets},
            "held_back": dict(sorted(contents.held_back.items())),
        }
        made = store.commit(scratch, exports, kind="export", name=name, derives_from=[build.as_parent], info=info, counts=output.counts)
        if out is None:
            store.set_current(workspace, made)
    return made


def _need_permission(contents: Contents, papers: Papers | None) -> None:
    """Check that everything in an export may be given to others.

    Raises:
        RefusedByRights: something may not; every reason is named, with the number of cuts.
    """
    voice, use = contents.scenario.voice, contents.scenario.rights.use
    reasons = [
        f"{count} cuts: {decision.reason}"
        for licence, count in sorted(contents.licences.items())
        if not (decision := may_be_passed_on(licence, papers)).allowed
    ]
    if voice.kind == "licensed" and "redistribute-data" not in use:
        reasons.append("the voice is licensed, and the scenario's `rights.use` did not ask its speaker for redistribute-data")
    if reasons:
        raise RefusedByRights("an export for others is refused by rights", try_this=INTERNAL_ONLY, details=reasons)
