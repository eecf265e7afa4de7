"""The build as a whole: nothing lost, the same bytes however it came about, refused before anything is written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from corpus import RATE, SPEAKERS, WORDS, Corpus, build_here, bytes_of, called, ledger_of, lines_of, make_corpus, plan_of, table_of, word_samples

from speccraft import store
from speccraft.build import buckets
from speccraft.build.buckets import bucket_of
from speccraft.build.run import Built
from speccraft.errors import RefusedByRights, SpeccraftError
from speccraft.scenario.contracts import SPLITS
from speccraft.verify import verify


def fates_of(built: Built) -> dict[str, tuple[str, str | None]]:
    return {row["input"]: (row["fate"], row["rule"]) for row in ledger_of(built).to_dicts()}


def units_in(workspace: Path) -> dict[str, int]:
    """Folders of finished units, with the time they were made."""
    return {folder.name: folder.stat().st_mtime_ns for folder in (workspace / "cache" / "units").iterdir()}


def test_every_row_is_in_the_ledger_once_and_rows_and_seconds_agree(tiny_build: tuple[Corpus, Built]) -> None:
    corpus, built = tiny_build
    ledger = ledger_of(built)
    assert sorted(ledger.select("source", "input").rows()) == sorted(
        [("words", row["path"]) for row in corpus.rows] + [("hiss", f"hiss{n}.wav") for n in range(3)] + [("halls", f"hall{n}.wav") for n in range(3)]
    )
    gap = ledger["seconds"] - ledger["seconds_kept"] - ledger["seconds_dropped"] - ledger["seconds_unvoiced"]
    assert gap.abs().max() < 1e-9
    speech = ledger.filter(pl.col("role") == "speech")
    cuts = [cut for split in SPLITS for cut in lines_of(built.artefact.path / f"cuts.{split}.jsonl")]
    assert speech["cuts"].sum() == len(cuts) == built.artefact.record.info["counts"]["cuts"]
    assert speech["seconds_kept"].sum() == pytest.approx(sum(cut["duration"] for cut in cuts))
    assert table_of(built, "segments").group_by("source").len().sort("source")["len"].to_list() == [3, 3, 30]


def test_a_build_passes_the_verifier_that_shares_no_code_with_it(tiny_build: tuple[Corpus, Built]) -> None:
    assert verify(tiny_build[1].artefact.path).exit_code == 0


def test_one_and_two_workers_give_the_same_bytes(tiny_build: tuple[Corpus, Built], tmp_path: Path) -> None:
    corpus, built = tiny_build
    again = build_here(corpus, tmp_path, workers=2)
    assert not again.reused
    assert again.artefact.record.id == built.artefact.record.id
    assert bytes_of(again.artefact.path) == bytes_of(built.artefact.path)


def test_the_same_corpus_in_another_folder_with_other_times_gives_the_same_bytes(corpus: Corpus, tmp_path: Path) -> None:
    corpus.add_row("words/text.wav", b"this is no sound\n")
    corpus.add_row("words/cut.wav", (corpus.folder / "words/anna-ba.wav").read_bytes()[:3000])
    corpus.add_row("words/missing.wav", b"")
    (corpus.folder / "words/missing.wav").unlink()
    other = Corpus(tmp_path / "a longer path" / "elsewhere")
    shutil.copytree(corpus.folder, other.folder, copy_function=shutil.copyfile)
    for number, path in enumerate(sorted(other.folder.rglob("*.wav"))):
        os.utime(path, (number, number))
    one, two = build_here(corpus), build_here(other, tmp_path / "work", workers=2)
    assert bytes_of(one.artefact.path) == bytes_of(two.artefact.path)
    assert not any(str(tmp_path).encode() in content for content in bytes_of(one.artefact.path).values())


def test_damaged_files_cost_a_row_each_and_the_build_goes_on(corpus: Corpus, tiny_build: tuple[Corpus, Built]) -> None:
    corpus.add_row("words/truncated.wav", (corpus.folder / "words/anna-ba.wav").read_bytes()[:3000])
    corpus.add_row("words/empty.wav", b"")
    corpus.add_row("words/text.wav", b"this is no sound\n")
    fates = fates_of(build_here(corpus))
    assert {name: fates[f"words/{name}.wav"] for name in ("truncated", "empty", "text")} == {
        "truncated": ("failed", "truncated"),
        "empty": ("failed", "empty"),
        "text": ("failed", "not_audio"),
    }
    assert {input: fate for input, fate in fates.items() if fate[0] != "failed"} == fates_of(tiny_build[1])


def test_rerunning_reuses_the_build_and_writes_nothing(corpus: Corpus) -> None:
    first = build_here(corpus)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in first.artefact.path.rglob("*")}
    again = build_here(corpus)
    assert again.reused
    assert again.artefact == first.artefact
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in first.artefact.path.rglob("*")} == before
    assert sorted(path.name for path in first.artefact.path.parent.iterdir()) == sorted([first.artefact.record.id, "current"])


def test_an_edited_transcript_redoes_no_audio_and_changes_the_build(corpus: Corpus) -> None:
    first = build_here(corpus)
    done = units_in(corpus.workspace)
    corpus.edit_row("words/anna-ba.wav", text="something else")
    second = build_here(corpus)
    assert units_in(corpus.workspace) == done
    assert second.artefact.record.id != first.artefact.record.id
    texts = [table_of(built, "measures")["text"].to_list().count("something else") for built in (first, second)]
    assert texts == [0, 1]
    assert store.current(corpus.workspace, "build", "tiny") == second.artefact


def test_a_rule_a_seed_and_the_day_change_the_build_and_redo_no_audio(corpus: Corpus) -> None:
    ids = [build_here(corpus).artefact.record.id]
    done = units_in(corpus.workspace)
    corpus.write_scenario(quality={"snr_db": {"min": 1.0}})
    ids.append(build_here(corpus).artefact.record.id)
    corpus.write_scenario(seed=1)
    ids.append(build_here(corpus).artefact.record.id)
    ids.append(build_here(corpus, as_of="2026-01-02").artefact.record.id)
    assert len(set(ids)) == 4
    assert units_in(corpus.workspace) == done


def test_a_touched_file_redoes_its_own_unit_alone_and_gives_the_same_bytes(corpus: Corpus) -> None:
    first = build_here(corpus)
    done = units_in(corpus.workspace)
    os.utime(corpus.folder / "noise/hiss0.wav", (1, 1))
    second = build_here(corpus)
    assert second.artefact == first.artefact
    now = units_in(corpus.workspace)
    assert len(now.keys() - done.keys()) == 1
    assert {key: now[key] for key in done} == done


@pytest.mark.slow
def test_a_build_after_many_edits_equals_a_build_from_nothing(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "RECORDINGS_PER_UNIT", 8)
    build_here(corpus)
    rows = corpus.rows
    corpus.write_rows(rows[:7])
    build_here(corpus)
    corpus.write_rows([row for row in rows if bucket_of(row["path"], 4) == 3])
    corpus.write_scenario(splits__disjoint=["recording"])
    assert bytes_of(build_here(corpus).artefact.path) == bytes_of(build_here(corpus, tmp_path / "fresh").artefact.path)


def test_a_damaged_cache_is_made_again_and_never_copied(corpus: Corpus) -> None:
    first = build_here(corpus)
    content = bytes_of(first.artefact.path)
    for audio in (corpus.workspace / "cache" / "units").glob("*/audio.bin"):
        audio.write_bytes(bytes(len(audio.read_bytes())))
    shutil.rmtree(first.artefact.path)
    assert bytes_of(build_here(corpus).artefact.path) == content


def refused(corpus: Corpus, **more: Any) -> None:
    sources = json.loads(corpus.scenario.read_text())["sources"]
    sources[0] |= {"licence": "My-Own-Licence-1.0", **more}
    corpus.write_scenario(sources=sources)


def test_an_unknown_licence_stops_the_build_names_the_source_and_writes_nothing(corpus: Corpus) -> None:
    refused(corpus)
    with pytest.raises(RefusedByRights, match=r"source 'words': 'My-Own-Licence-1.0' is not an SPDX expression"):
        build_here(corpus)
    assert not corpus.workspace.exists()


def test_a_refused_source_may_be_left_out_and_its_rows_are_refused(corpus: Corpus) -> None:
    rows = [row | {"path": f"../{row['path']}"} for row in corpus.rows]
    (corpus.folder / "more").mkdir()
    good = Corpus(corpus.folder / "more")
    for row in rows:
        shutil.copy(corpus.folder / row["path"].removeprefix("../"), corpus.folder / f"more-{Path(row['path']).name}")
    good.write_rows([row | {"path": f"../more-{Path(row['path']).name}"} for row in rows])
    refused(corpus, on_refusal="exclude")
    sources = json.loads(corpus.scenario.read_text())["sources"]
    corpus.write_scenario(sources=[*sources, sources[0] | {"id": "good", "path": "more/words.csv", "licence": "CC0-1.0"}])
    built = build_here(corpus)
    by_source = ledger_of(built).group_by("source", "fate").len()
    assert sorted(by_source.rows()) == [("good", "kept", 30), ("halls", "kept", 3), ("hiss", "kept", 3), ("words", "refused", 30)]
    assert {cut["custom"]["source"] for split in SPLITS for cut in lines_of(built.artefact.path / f"cuts.{split}.jsonl")} == {"good"}


def test_one_refused_row_never_stops_a_build(corpus: Corpus) -> None:
    corpus.edit_row("words/anna-ba.wav", licence="LicenseRef-secret")
    assert fates_of(build_here(corpus))["words/anna-ba.wav"] == ("refused", "rights")


def test_repeated_recordings_are_dropped_and_the_first_is_kept(corpus: Corpus) -> None:
    corpus.add_row("words/zz-copy.wav", (corpus.folder / "words/anna-ba.wav").read_bytes())
    corpus.add_row("words/anna-ba.wav", (corpus.folder / "words/anna-ba.wav").read_bytes())
    fates = fates_of(build_here(corpus))
    assert fates["words/anna-ba.wav"] == ("kept", None)
    assert fates["words/anna-ba.wav#2"] == fates["words/zz-copy.wav"] == ("dropped", "duplicate")


def test_a_repeated_noise_does_not_serve_two_splits(corpus: Corpus) -> None:
    for number in (3, 4, 5):
        shutil.copy(corpus.folder / "noise/hiss0.wav", corpus.folder / f"noise/hiss{number}.wav")
    built = build_here(corpus)
    banks = [(row["split"], (built.artefact.path / row["path"]).read_bytes()) for row in lines_of(built.artefact.path / "banks.jsonl")]
    assert len({content for _, content in banks}) == len(banks)


def test_a_room_out_of_band_is_dropped_by_the_environment_and_never_used(corpus: Corpus) -> None:
    corpus.write_scenario(environment__rt60_s={"low": 0.25, "high": 1.0})
    built = build_here(corpus)
    assert fates_of(built)["hall0.wav"] == ("dropped", "environment.rt60_s")
    rooms = {row["id"]: row for row in lines_of(built.artefact.path / "banks.jsonl") if row["role"] == "rir"}
    assert all(0.25 <= row["rt60_s"] <= 1.0 for row in rooms.values())
    assert sum(not row["simulated"] for row in rooms.values()) == 2
    used = {cut["custom"]["place"]["room"]["id"] for split in ("dev", "test") for cut in lines_of(built.artefact.path / f"cuts.{split}.jsonl")}
    assert used <= set(rooms)


def test_no_noise_or_room_of_test_and_dev_is_in_the_bank_of_training(tiny_build: tuple[Corpus, Built]) -> None:
    path = tiny_build[1].artefact.path
    splits = {row["id"]: row["split"] for row in lines_of(path / "banks.jsonl")}
    for split in ("dev", "test"):
        for cut in lines_of(path / f"cuts.{split}.jsonl"):
            assert {splits[cut["custom"]["place"][kind]["id"]] for kind in ("noise", "room")} == {split}


def test_too_much_dropping_stops_the_build_and_leaves_the_old_one_current(corpus: Corpus) -> None:
    first = build_here(corpus)
    corpus.write_scenario(quality={"duration_s": {"min": 3.0, "max_drop": 0.5}})
    with pytest.raises(SpeccraftError, match=r"quality.duration_s drops 30 of 30"):
        build_here(corpus)
    assert store.current(corpus.workspace, "build", "tiny") == first.artefact
    assert not list((corpus.workspace / "builds" / "tiny").glob(".*"))


def nothing_passes(corpus: Corpus) -> None:
    corpus.write_scenario(quality={"duration_s": {"min": 3.0}})


def nothing_decodes(corpus: Corpus) -> None:
    for path in corpus.folder.glob("words/*.wav"):
        path.write_bytes(b"")


def nothing_is_allowed(corpus: Corpus) -> None:
    sources = json.loads(corpus.scenario.read_text())["sources"]
    corpus.write_scenario(sources=[source | {"licence": "LicenseRef-x", "on_refusal": "exclude"} for source in sources])


def nothing_is_said(corpus: Corpus) -> None:
    for path in corpus.folder.glob("words/*.wav"):
        corpus.add_file(path.relative_to(corpus.folder).as_posix(), np.zeros(RATE))


@pytest.mark.parametrize(
    "damage", [nothing_passes, *(pytest.param(damage, marks=pytest.mark.slow) for damage in (nothing_decodes, nothing_is_allowed, nothing_is_said))]
)
def test_a_build_of_nothing_is_committed_and_blocks(corpus: Corpus, damage: Callable[[Corpus], None]) -> None:
    damage(corpus)
    built = build_here(corpus)
    path, info = built.artefact.path, built.artefact.record.info
    assert (info["verdict"], info["counts"]) == ("BLOCK", {"inputs": 36, "cuts": 0, "seconds": 0.0})
    assert "SC420" in (path / "report.json").read_text()
    assert [lines_of(path / f"cuts.{split}.jsonl") for split in SPLITS] == [[], [], []]
    assert table_of(built, "measures").is_empty()
    assert ledger_of(built).filter(pl.col("role") == "speech")["fate"].is_in(["dropped", "failed", "refused"]).all()
    assert verify(path).exit_code == 0
    assert build_here(corpus).reused


def test_noise_that_cannot_be_heard_leaves_no_shard_out_of_line(corpus: Corpus) -> None:
    for path in corpus.folder.glob("noise/*.wav"):
        path.write_bytes(b"")
    built = build_here(corpus)
    names = {path.name.split(".")[0] for path in (built.artefact.path / "shards/test").iterdir()}
    assert names == {"cuts", "recording", "recording_place"}
    assert verify(built.artefact.path).exit_code == 0


def test_official_splits_and_unseen_speakers_are_honoured(corpus: Corpus) -> None:
    words = list(WORDS)
    corpus.write_rows([row | {"split": "test" if row["text"] == words[0] else "validation" if row["text"] == words[1] else "train"} for row in corpus.rows])
    corpus.write_scenario(splits={"disjoint": ["recording"], "given": "split", "unseen": {"speaker": ["emil"]}})
    built = build_here(corpus)
    measures = table_of(built, "measures")
    for row in measures.to_dicts():
        official = {words[0]: "test", words[1]: "dev"}.get(row["text"], "train")
        assert row["split"] == ("test" if row["speaker"] == "emil" else official)
        assert row["unseen"] == (row["speaker"] == "emil")
    unseen = [cut["custom"]["speaker"] for split in SPLITS for cut in lines_of(built.artefact.path / f"cuts.{split}.jsonl") if cut["custom"]["unseen"]]
    assert unseen == [called("emil", built)] * 6


def test_official_splits_that_contradict_the_axes_stop_the_build(corpus: Corpus) -> None:
    corpus.write_rows([row | {"split": "test" if row["text"] == "ba" else "train"} for row in corpus.rows])
    corpus.write_scenario(splits={"disjoint": ["speaker"], "given": "split"})
    with pytest.raises(SpeccraftError, match=r"contradict `splits.disjoint`: speaker"):
        build_here(corpus)
    assert not list((corpus.workspace / "builds").rglob("BUILD.json"))


def test_the_certificate_tells_what_the_cuts_show(tiny_build: tuple[Corpus, Built]) -> None:
    path = tiny_build[1].artefact.path
    certificate = json.loads((path / "splits.json").read_text())
    for split in SPLITS:
        cuts = lines_of(path / f"cuts.{split}.jsonl")
        speakers = {cut["custom"]["speaker"] for cut in cuts}
        assert certificate["counts"][split] == {"cuts": len(cuts), "seconds": pytest.approx(sum(cut["duration"] for cut in cuts)), "speakers": len(speakers)}
        assert certificate["axes"]["speaker"][split] == len(speakers)
    assert certificate["axes"]["speaker"]["n_shared"] == 0
    assert certificate["axes"]["text"]["n_shared"] == len(WORDS)
    assert sum(certificate["axes"]["speaker"][split] for split in SPLITS) == len(SPEAKERS)


def test_the_commit_record_holds_the_scenario_its_text_and_what_made_it(tiny_build: tuple[Corpus, Built]) -> None:
    corpus, built = tiny_build
    info = built.artefact.record.info
    assert info["scenario"]["text"] == corpus.scenario.read_text()
    assert (info["as_of"], info["seed"], info["sampling_rate"], info["verdict"]) == ("2026-01-01", 0, RATE, "PASS")
    assert {"numpy", "polars", "soundfile"} <= set(info["tools"])
    assert set(bytes_of(built.artefact.path)) == {entry.path for entry in built.artefact.record.files} | {"BUILD.json"}


def test_two_seconds_of_one_speaker_are_enough_for_a_build(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "one")
    corpus.write_rows([row for row in corpus.rows if row["speaker"] == "anna"][:3])
    built = build_here(corpus)
    assert {row["split"] for row in table_of(built, "measures").to_dicts()} == {"train"}
    assert len(json.loads((built.artefact.path / "splits.json").read_text())["notes"]) == 2


def test_speech_at_another_rate_is_brought_to_the_rate_of_the_build(corpus: Corpus) -> None:
    import soundfile

    soundfile.write(corpus.folder / "words/anna-ba.wav", np.repeat(word_samples("ba"), 2), 2 * RATE)
    built = build_here(corpus)
    assert {cut["recording"]["sampling_rate"] for split in SPLITS for cut in lines_of(built.artefact.path / f"cuts.{split}.jsonl")} == {RATE}


def test_the_plan_of_a_corpus_admits_every_row(corpus: Corpus) -> None:
    made = plan_of(corpus)
    assert (len(made.admitted), len(made.turned_away)) == (36, 0)
