"""A build in a notebook: it opens, every part of it can be looked at, and what is shown runs nothing and names nobody."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from corpus import SPEAKERS, Corpus, bytes_of, lines_of, make_corpus

import speccraft
from speccraft import store
from speccraft.errors import BrokenIntegrity, UnreadableInput
from speccraft.notebook import Build
from speccraft.sound.shards import ShardReader
from speccraft.verify import verify

Two = tuple[Corpus, Build, Build]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    """A corpus built by its scenario, and built again with other splits; to be read only."""
    corpus = make_corpus(tmp_path_factory.mktemp("opened"))
    corpus.edit_row("words/anna-ba.wav", text="<b>bold</b>")
    first = speccraft.load_scenario(corpus.scenario).build(as_of="2026-01-01", workers=1)
    corpus.write_scenario(splits__test=0.4)
    return corpus, first, speccraft.load_scenario(corpus.scenario).build(as_of="2026-01-01", workers=1)


def elements(html: str) -> list[str]:
    """The elements that a parser sees."""
    seen: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: seen.append(tag)  # type: ignore[method-assign]
    parser.feed(html)
    return seen


def test_a_scenario_opens_its_current_build_and_a_folder_that_build(two: Two) -> None:
    corpus, first, second = two
    assert speccraft.open_build(corpus.scenario).id == second.id != first.id
    assert speccraft.open_build(str(first.path)).artefact == first.artefact
    assert speccraft.open_build(first.path).workspace == corpus.workspace.resolve()


def test_a_build_that_is_made_already_is_found(two: Two) -> None:
    corpus, _, second = two
    assert speccraft.load_scenario(corpus.scenario).build(as_of="2026-01-01").artefact == second.artefact


def test_what_is_not_there_is_an_error_that_says_what_to_do(corpus: Corpus) -> None:
    with pytest.raises(UnreadableInput, match="has no build in"):
        speccraft.open_build(corpus.scenario)


def test_everything_shows_itself_as_a_little_html_that_runs_nothing_and_names_nobody(two: Two) -> None:
    _, first, second = two
    clip = first.listen(first.measures.filter(pl.col("split") == "test").collect()["cut"][0])
    parts = (second, second.report(), second.diff(first), clip)
    for html in [part._repr_html_() for part in (*parts, first.measures, first.ledger)]:
        assert len(html) < 250_000
        assert not set(elements(html)) & {"script", "form", "input", "object", "embed", "link", "meta", "base"}
        assert not re.search(r"<[^>]* on\w+=", re.sub(r"srcdoc='[^']*'", "", html))
        assert [html[max(0, html.index(name) - 60) : html.index(name) + 60] for name in SPEAKERS if name in html] == []
        assert str(first.path) not in html
    for part in parts:
        assert str(first.path) not in repr(part)
        assert len(repr(part)) < 120


def test_a_page_stands_in_a_frame_that_may_do_nothing(two: Two) -> None:
    _, first, second = two
    for html in (second.report()._repr_html_(), second.diff(first)._repr_html_()):
        assert elements(html)[0] == "iframe"
        assert 'sandbox=""' in html[: html.index("srcdoc")]


def test_the_report_in_a_notebook_holds_no_sound_and_says_so(two: Two) -> None:
    report = two[1].report()
    html = report._repr_html_()
    assert "data:audio" not in html
    assert f"Without its {len(report.content['clips']['shown'])} clips" in html
    assert len(report.content["clips"]["shown"]) > 0


def test_a_report_of_another_version_shows_what_it_found(two: Two) -> None:
    from dataclasses import replace

    html = replace(two[1].report(), version="0.0.9")._repr_html_()
    assert "PASS" in html
    assert "splits.test" in html


def test_a_report_that_was_changed_since_is_refused(two: Two, tmp_path: Path) -> None:
    folder = shutil.copytree(two[1].path, tmp_path / "copy")
    (folder / "report.json").write_text("{}")
    with pytest.raises(BrokenIntegrity, match=r"report\.json"):
        speccraft.open_build(folder).report()


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_cuts_come_with_their_sound_as_the_build_has_it(two: Two, split: str) -> None:
    build = two[1]
    reader = ShardReader(build.path / "shards" / split)
    seen = list(build.cuts(split))
    assert [cut.id for cut in seen] == [cut["id"] for cut in lines_of(build.path / f"cuts.{split}.jsonl")]
    assert all(np.array_equal(cut.recording.load_audio()[0], reader.samples(cut.id)) for cut in seen)


def test_cuts_are_heard_in_their_place_where_they_have_one(two: Two) -> None:
    build = two[1]
    cut = next(iter(build.cuts("test", ["clean", "place"])))
    assert np.array_equal(cut.recording_place.load_audio()[0], ShardReader(build.path / "shards" / "test").samples(cut.id, "place"))
    with pytest.raises(UnreadableInput, match=r"the split train has no place"):
        build.cuts("train", ["place"])


def test_a_shard_that_was_changed_since_is_refused_before_lhotse_reads_it(two: Two, tmp_path: Path) -> None:
    folder = shutil.copytree(two[1].path, tmp_path / "copy")
    shard = next((folder / "shards" / "test").glob("cuts.*.jsonl"))
    shard.write_text(shard.read_text().replace('"type":"shar"', '"type":"command"'))
    with pytest.raises(BrokenIntegrity, match="differs"):
        speccraft.open_build(folder).cuts("test")


def test_a_cut_is_heard_as_recorded_and_in_its_place(two: Two) -> None:
    build = two[1]
    reader = ShardReader(build.path / "shards" / "test")
    cut = build.measures.filter(pl.col("split") == "test").collect()["cut"][0]
    clip = build.listen(cut)
    assert clip.sounds == {condition: reader.flac(cut, condition) for condition in ("clean", "place")}
    assert clip._repr_html_().count("data:audio/ogg") == 2
    assert build.listen(cut, ["snr_0"]).sounds.keys() == {"snr_0"}


def test_a_training_cut_is_heard_as_an_epoch_draws_it(two: Two) -> None:
    build = two[1]
    cut = build.measures.filter(pl.col("split") == "train").collect()["cut"][0]
    drawn = [build.listen(cut, epoch=epoch).sounds for epoch in (0, 1)]
    assert [set(sounds) for sounds in drawn] == [{"clean", "epoch_0"}, {"clean", "epoch_1"}]
    assert drawn[0]["epoch_0"] != drawn[1]["epoch_1"]


def test_markup_in_a_transcript_stays_text(two: Two) -> None:
    build = two[1]
    cut = build.measures.filter(pl.col("text") == "<b>bold</b>").collect()["cut"][0]
    html = build.listen(cut)._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert "<b>bold" not in html


def test_two_builds_are_compared_by_object_by_folder_and_by_id(two: Two) -> None:
    _, first, second = two
    contents = [second.diff(other).content for other in (first, first.path, first.id[:6])]
    assert contents[0] == contents[1] == contents[2]
    assert contents[0]["scenario"][0]["path"] == "splits.test"
    assert "splits.test: 0.2 -> 0.4" in str(second.diff(first))


def test_a_difference_is_saved_beside_the_builds_as_the_command_does(two: Two) -> None:
    corpus, first, second = two
    there = bytes_of(corpus.workspace / "builds")
    page = second.diff(first).save()
    assert verify(page.parent).problems == []
    assert store.open_artefact(page.parent, "comparison").record.name == "tiny"
    assert json.loads((page.parent / "diff.json").read_bytes()) == second.diff(first).content
    assert bytes_of(corpus.workspace / "builds") == there
