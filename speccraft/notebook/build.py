"""A committed build to look into: its report, tables, cuts and sounds, and what changed since another one."""

from __future__ import annotations

import base64
import html
import json
import webbrowser
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speccraft import __version__, store
from speccraft.notebook.shown import escaped, framed, grid, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import lhotse

    from speccraft.notebook.tables import Table
    from speccraft.scenario import Scenario
    from speccraft.scenario.contracts import Split


@dataclass(frozen=True, repr=False)
class Build:
    """A committed build, and the workspace it lives in. It shows itself as a few facts, and every part of it shows itself too."""

    artefact: store.Artefact
    workspace: Path

    @property
    def id(self) -> str:
        """The start of the digest of what it holds."""
        return self.artefact.record.id

    @property
    def path(self) -> Path:
        """Its folder, with the tables as they are: `measures`, `segments` and `ledger` hold people's names."""
        return self.artefact.path

    @property
    def verdict(self) -> str:
        """PASS or BLOCK."""
        return str(self.artefact.record.info["verdict"])

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario it was made from, out of its own record."""
        from speccraft.rights.doors import scenario_of

        return scenario_of(self.artefact)

    @property
    def measures(self) -> Table:
        """A row a cut, as a Polars LazyFrame; speakers go by the names that they have in the cuts."""
        from speccraft.notebook.tables import measures_of

        return measures_of(self.artefact, self.scenario)

    @property
    def ledger(self) -> Table:
        """A row an input, as a Polars LazyFrame; what may name somebody, such as a file name, is left out where the scenario wants pseudonyms."""
        from speccraft.notebook.tables import ledger_of

        return ledger_of(self.artefact, self.scenario)

    def report(self) -> ReportPage:
        """What the build's report says.

        Raises:
            speccraft.errors.BrokenIntegrity: it is not what the commit record says.
        """
        store.check_files(self.artefact, prefix="report.")
        return ReportPage(self.path / "report.html", json.loads((self.path / "report.json").read_bytes()), self.artefact.record.version)

    def cuts(self, split: Split = "train", conditions: Sequence[str] = ("clean",), *, checked: bool = True) -> lhotse.CutSet:
        """The cuts of a split as a lazy Lhotse CutSet with audio: `clean` is `cut.recording`, another condition such as `place` is `cut.recording_place`.

        Args:
            checked: hash the shards first, about a second a gigabyte; Lhotse believes whatever lies in a folder, and does what it says.

        Raises:
            speccraft.errors.BrokenIntegrity: a shard is not what the commit record says.
            speccraft.errors.UnreadableInput: the split was not heard in such a condition.
        """
        from lhotse import CutSet

        from speccraft.notebook.shards import fields_of

        if checked:
            store.check_files(self.artefact, prefix=f"shards/{split}/")
        return CutSet.from_shar(fields=fields_of(self.artefact, split, conditions))

    def listen(self, cut: str, conditions: Sequence[str] = ("clean", "place"), *, epoch: int = 0) -> Clip:
        """A cut as recorded and in its place, to be heard: its id, or a part of one that no other has. A training cut is heard as an epoch draws it.

        Raises:
            speccraft.errors.UnreadableInput: no cut is called so, or several are.
            speccraft.errors.BrokenIntegrity: a file is not what the commit record says.
        """
        from speccraft.measuring.placed import find_cut, versions

        found = find_cut(self.artefact, cut)
        wanted = [f"epoch_{epoch}" if found.split == "train" and name == "place" else name for name in conditions]
        heard = versions(self.artefact, self.scenario, found, epoch=epoch if found.split == "train" else None)
        sounds = {version.condition: version.flac for version in heard if version.condition in wanted}
        return Clip(found.id, found.split, _row_of(self.measures, found.id), sounds, self.scenario.environment.sampling_rate)

    def diff(self, other: Build | str | Path) -> Difference:
        """What changed since another build: one that is open, its folder, a scenario, or its id or the start of it in this workspace.

        Raises:
            speccraft.errors.UnreadableInput: there is none, or another version of speccraft made it and this one cannot read it.
        """
        from speccraft.locate import Found, compared_with
        from speccraft.report.diff import compare

        before = other if isinstance(other, Build) else open_build(compared_with(Found(self.artefact, self.workspace), str(other)))
        return Difference(before.artefact, self.artefact, self.workspace, compare(before.artefact, self.artefact))

    def __repr__(self) -> str:
        return f"<Build {self.artefact.record.name}/{self.id}: {self.verdict}, {self.artefact.record.info['counts']['cuts']} cuts>"

    def _repr_html_(self) -> str:
        counts, info = self.artefact.record.info["counts"], self.artefact.record.info
        facts = [("cuts", counts["cuts"]), ("speech", f"{counts['seconds'] / 3600:.3f} h"), ("inputs", counts["inputs"]), ("as of", info["as_of"])]
        facts += [("place", self.scenario.environment.place or "not named"), ("sampling rate", f"{info['sampling_rate']} Hz")]
        facts += [("look into it", "report(), measures, ledger, cuts(split), listen(cut), diff(other)")]
        return f"<h3>{escaped(self.artefact.record.name)} <code>{escaped(self.id)}</code> {verdict(self.verdict)}</h3>{grid((), facts)}"


@dataclass(frozen=True, repr=False)
class ReportPage:
    """A build's report: the page, and the same content as data."""

    path: Path
    content: dict[str, Any]
    version: str

    def open(self) -> None:
        """Open the page in the browser, with its clips."""
        webbrowser.open(self.path.resolve().as_uri())

    def __repr__(self) -> str:
        return f"<ReportPage {self.content['name']}: {self.content['verdict']}>"

    def _repr_html_(self) -> str:
        """The page without its clips, which are megabytes; of a build by another version what it found."""
        if self.version != __version__:
            return verdict(self.content["verdict"]) + grid((), [(one["clause"], one["message"]) for one in self.content["findings"]])
        from speccraft.report.page import render_report

        clips = self.content["clips"]
        silent = {**self.content, "clips": {**clips, "shown": [], "left_out": clips["left_out"] + len(clips["shown"])}}
        below = f"<p>Without its {len(clips['shown'])} clips: <code>.open()</code> shows the whole page.</p>" if clips["shown"] else ""
        return framed(render_report(silent), f"Report of {self.content['name']}") + below


@dataclass(frozen=True, repr=False)
class Difference:
    """What changed between two builds; `content` is what `diff.json` holds."""

    before: store.Artefact
    after: store.Artefact
    workspace: Path
    content: dict[str, Any]

    def save(self) -> Path:
        """Commit the comparison to the workspace, as the command does; the path of its page."""
        from speccraft.report.diff import page_name, write_comparison

        return write_comparison(self.workspace, self.before, self.after, self.content).path / page_name(self.before, self.after)

    def __str__(self) -> str:
        """The same in words."""
        from speccraft.report.diff_words import told

        return "\n".join(told(self.content))

    def __repr__(self) -> str:
        return f"<Difference from {self.before.record.id} to {self.after.record.id}>"

    def _repr_html_(self) -> str:
        from speccraft.report.diff_page import render_diff

        return framed(render_diff(self.content), f"What changed from {self.before.record.id} to {self.after.record.id}")


@dataclass(frozen=True, repr=False)
class Clip:
    """A cut to listen to; `sounds` holds FLAC bytes by condition, `measures` its row of the build's table."""

    id: str
    split: str
    measures: dict[str, Any]
    sounds: dict[str, bytes]
    sampling_rate: int

    def __repr__(self) -> str:
        return f"<Clip {self.id} of {self.split}: {', '.join(self.sounds)}>"

    def _repr_html_(self) -> str:
        from speccraft.rights.personal import masked

        text = masked(self.measures["text"] or "") or "(no transcript)"
        figures = "".join(self._figure(condition, flac) for condition, flac in self.sounds.items())
        facts = [(name, f"{value:.4g}") for name, value in self.measures.items() if isinstance(value, float)]
        return (
            f'<p dir="auto"><b>{escaped(text)}</b></p><p>{escaped(self.split)}, {escaped(self.measures["speaker"])}, <code>{escaped(self.id)}</code></p>'
            f'<div style="display:flex;flex-wrap:wrap;gap:16px">{figures}</div><details><summary>measures</summary>{grid((), facts)}</details>'
        )

    def _figure(self, condition: str, flac: bytes) -> str:
        from speccraft.report.opus import encode_opus
        from speccraft.report.spectrogram import spectrogram_png
        from speccraft.sound.shards import decode_flac

        samples = decode_flac(flac)
        picture, sound = (base64.b64encode(one).decode() for one in (spectrogram_png(samples, self.sampling_rate), encode_opus(samples, self.sampling_rate)))
        words = {"clean": "as recorded", "place": "in place"}.get(condition, condition.replace("_", " "))
        return (
            f'<figure style="margin:0"><figcaption>{escaped(words)}</figcaption>'
            f'<img alt="spectrogram" style="display:block;width:260px;height:70px" src="data:image/png;base64,{picture}">'
            f'<audio controls style="width:260px" aria-label="{html.escape(self.id)}, {escaped(words)}" src="data:audio/ogg;base64,{sound}"></audio></figure>'
        )


def open_build(what: str | Path, workspace: str | Path | None = None, *, despite_revocation: bool = False) -> Build:
    """Open a committed build: its folder, or a scenario for its current one.

    Raises:
        speccraft.errors.UnreadableInput: there is none.
        speccraft.errors.SpeccraftError: the scenario has changed since its current build.
        speccraft.errors.RefusedByRights: it holds a voice that was revoked, and nobody said that it is to be used despite that.
    """
    from speccraft.locate import find

    found = find("build", Path(what), None if workspace is None else Path(workspace), despite_revocation=despite_revocation)
    return Build(found.artefact, found.workspace)


def _row_of(measures: Table, id: str) -> dict[str, Any]:
    import polars as pl

    return measures.filter(pl.col("cut") == id).collect().row(0, named=True)
