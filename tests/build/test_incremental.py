"""Building again: only what depends on a change is decoded, counted file by file, and the bytes are those of a build from nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import RATE, Corpus, bytes_of, ledger_of, plan_of, speccraft, word_samples
from media_world import media
from permissions import permissions_count

from speccraft.build import buckets, units
from speccraft.build.buckets import bucket_of
from speccraft.build.run import Built, build
from speccraft.build.units import Job, Part, Unit, content_sha256, run_unit
from speccraft.ingest.rows import Inside
from speccraft.scenario import load_scenario
from speccraft.sound.decode import Decoding, Undecodable

UNITS = 4
"""Units of the corpus's 30 words, at 8 to a unit."""


class Watched:
    """An engine in this process, which is told of every recording before it is decoded; those in `deadly` kill the worker."""

    def __init__(self, deadly: Sequence[str] = ()) -> None:
        self.decoded: list[str] = []
        self._deadly = frozenset(deadly)

    def __call__(self, todo: Sequence[Unit], cache: Path, *, on_done: Callable[[Unit], None]) -> dict[str, Path]:
        folders = {}
        for unit in todo:
            crashed = unit.crashed | self._deadly & {job.name for job in unit.jobs}
            folders[unit.name] = run_unit(replace(unit, crashed=crashed), cache, self.decoded.append)
            on_done(unit)
        return folders


@pytest.fixture(autouse=True)
def _small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "RECORDINGS_PER_UNIT", 8)


def again(corpus: Corpus, *, rehash: bool = False, workspace: Path | None = None, deadly: Sequence[str] = ()) -> tuple[Built, list[str]]:
    """Build, and tell which recordings were decoded for it."""
    engine = Watched(deadly)
    built = build(load_scenario(corpus.scenario), plan_of(corpus), workspace=workspace or corpus.workspace, workers=2, engine=engine, rehash=rehash)
    assert built.counts["decoded"] == len(engine.decoded)
    if not built.reused:
        log = (corpus.workspace if workspace is None else workspace) / "log.jsonl"
        assert json.loads(log.read_text().splitlines()[-1])["decoded"] == len(engine.decoded)
    return built, sorted(engine.decoded)


def unit_of(corpus: Corpus, name: str, count: int = UNITS) -> list[str]:
    """The words that share a unit with one of them."""
    return sorted(row["path"] for row in corpus.rows if bucket_of(row["path"], count) == bucket_of(name, count))


def replaced_in_place(path: Path, samples: np.ndarray) -> None:
    """Other audio in a file whose size, time of change and inode stay."""
    import soundfile

    before = path.stat()
    other = path.with_name("other.wav")
    soundfile.write(other, samples, RATE)
    content = other.read_bytes()
    other.unlink()
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)


def edit_a_transcript(corpus: Corpus) -> None:
    corpus.edit_row("words/anna-ba.wav", text="something else")


def change_a_threshold(corpus: Corpus) -> None:
    corpus.write_scenario(quality={"snr_db": {"min": 1.0}})


def change_the_seed(corpus: Corpus) -> None:
    corpus.write_scenario(seed=1)


def change_the_splits(corpus: Corpus) -> None:
    corpus.write_scenario(splits={"dev": 0.4, "test": 0.2, "disjoint": ["speaker"]})


def change_a_speaker(corpus: Corpus) -> None:
    corpus.edit_row("words/anna-ba.wav", speaker="bela")


def reorder_the_table(corpus: Corpus) -> None:
    corpus.write_rows(corpus.rows[::-1])


def change_the_snr_band(corpus: Corpus) -> None:
    corpus.write_scenario(environment__snr_db={"low": 5.0, "high": 15.0})


def test_a_first_build_decodes_every_file_once_and_a_second_none(corpus: Corpus) -> None:
    first, decoded = again(corpus)
    assert decoded == sorted([*(row["path"] for row in corpus.rows), *(f"{kind}{number}.wav" for kind in ("hiss", "hall") for number in range(3))])
    second, decoded = again(corpus)
    assert (second.reused, decoded, second.artefact) == (True, [], first.artefact)


@pytest.mark.parametrize(
    "change", [edit_a_transcript, change_a_threshold, change_the_seed, change_the_splits, change_a_speaker, change_the_snr_band, reorder_the_table]
)
def test_what_no_sound_depends_on_decodes_nothing(corpus: Corpus, tmp_path: Path, change: Callable[[Corpus], None]) -> None:
    first, _ = again(corpus)
    change(corpus)
    second, decoded = again(corpus)
    assert decoded == []
    fresh, _ = again(corpus, workspace=tmp_path / "fresh")
    assert bytes_of(second.artefact.path) == bytes_of(fresh.artefact.path)
    assert (second.artefact.record.id == first.artefact.record.id) == (change is reorder_the_table)


def test_a_new_file_decodes_its_own_unit(corpus: Corpus, tmp_path: Path) -> None:
    again(corpus)
    corpus.add_row("words/new.wav", word_samples("ba", pitch=1.3, seed=9))
    second, decoded = again(corpus)
    assert decoded == unit_of(corpus, "words/new.wav")
    assert len(decoded) < len(corpus.rows) / 2
    fresh, _ = again(corpus, workspace=tmp_path / "fresh")
    assert bytes_of(second.artefact.path) == bytes_of(fresh.artefact.path)


def test_a_corpus_that_grows_by_a_unit_decodes_two_units_and_not_all(corpus: Corpus) -> None:
    names = [f"words/new{number}.wav" for number in range(3)]
    for name in names[:2]:
        corpus.add_row(name, word_samples("ba", pitch=1.3, seed=9))
    again(corpus)
    corpus.add_row(names[2], word_samples("di", pitch=1.3, seed=9))
    assert len(corpus.rows) == 8 * UNITS + 1
    split = UNITS - 2 ** (UNITS.bit_length() - 1)
    changed = [split, UNITS, bucket_of(names[2], UNITS + 1)]
    _, decoded = again(corpus)
    assert decoded == sorted(row["path"] for row in corpus.rows if bucket_of(row["path"], UNITS + 1) in changed)
    assert len(decoded) < len(corpus.rows)


def test_a_file_taken_away_decodes_the_rest_of_its_unit(corpus: Corpus) -> None:
    again(corpus)
    rows = corpus.rows
    corpus.write_rows(rows[1:])
    assert again(corpus)[1] == [name for name in unit_of(corpus, rows[0]["path"]) if name != rows[0]["path"]]


def test_another_clip_in_the_noise_bank_decodes_the_bank_alone(corpus: Corpus) -> None:
    first, _ = again(corpus)
    corpus.add_file("noise/hiss0.wav", 0.1 * np.random.default_rng(9).standard_normal(RATE * 2).clip(-4, 4))
    second, decoded = again(corpus)
    assert decoded == [f"hiss{number}.wav" for number in range(3)]
    assert second.artefact.record.id != first.artefact.record.id


def test_a_change_back_decodes_nothing_and_finds_the_first_build(corpus: Corpus) -> None:
    first, _ = again(corpus)
    change_a_threshold(corpus)
    again(corpus)
    corpus.write_scenario()
    third, decoded = again(corpus)
    assert (third.reused, decoded, third.artefact) == (True, [], first.artefact)


def test_a_file_that_changes_without_stat_showing_it_is_found_by_rehash_alone(corpus: Corpus, tmp_path: Path) -> None:
    first, _ = again(corpus)
    replaced_in_place(corpus.folder / "words/anna-ba.wav", word_samples("ko", seed=7))
    assert again(corpus)[0].artefact == first.artefact
    found, decoded = again(corpus, rehash=True)
    assert decoded == unit_of(corpus, "words/anna-ba.wav")
    assert (found.counts["rehashed"], found.counts["differed"]) == (36, 1)
    fresh, _ = again(corpus, workspace=tmp_path / "fresh")
    assert bytes_of(found.artefact.path) == bytes_of(fresh.artefact.path)
    assert again(corpus) == (replace(found, reused=True, counts={"decoded": 0}), [])


def test_rehash_of_what_has_not_changed_decodes_nothing_and_reuses_the_build(corpus: Corpus) -> None:
    first, _ = again(corpus)
    second, decoded = again(corpus, rehash=True)
    assert (second.reused, decoded, second.artefact) == (True, [], first.artefact)
    assert second.counts == {"decoded": 0, "rehashed": 36, "differed": 0}


def test_a_first_build_may_rehash_and_has_nothing_to_compare(corpus: Corpus) -> None:
    assert again(corpus, rehash=True)[0].counts == {"decoded": 36, "rehashed": 0, "differed": 0}


def test_what_rehash_finds_is_found_for_every_build_that_used_it(corpus: Corpus) -> None:
    again(corpus)
    change_the_seed(corpus)
    old, _ = again(corpus)
    replaced_in_place(corpus.folder / "words/anna-ba.wav", word_samples("ko", seed=7))
    corpus.write_scenario()
    again(corpus, rehash=True)
    change_the_seed(corpus)
    new, decoded = again(corpus)
    assert decoded == []
    assert new.artefact.record.id != old.artefact.record.id


def test_rehash_that_is_interrupted_leaves_nothing_that_is_taken_for_up_to_date(corpus: Corpus, tmp_path: Path) -> None:
    again(corpus)
    replaced_in_place(corpus.folder / "words/anna-ba.wav", word_samples("ko", seed=7))

    def interrupted(todo: Sequence[Unit], cache: Path, *, on_done: Callable[[Unit], None]) -> dict[str, Path]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(load_scenario(corpus.scenario), plan_of(corpus), workspace=corpus.workspace, workers=1, engine=interrupted, rehash=True)
    second, _ = again(corpus)
    fresh, _ = again(corpus, workspace=tmp_path / "fresh")
    assert bytes_of(second.artefact.path) == bytes_of(fresh.artefact.path)


def test_a_file_that_changes_while_the_build_goes_on_is_not_taken_for_what_was_decoded(corpus: Corpus, tmp_path: Path) -> None:
    def disturbed(todo: Sequence[Unit], cache: Path, *, on_done: Callable[[Unit], None]) -> dict[str, Path]:
        folders = Watched()(todo, cache, on_done=on_done)
        corpus.add_file("words/anna-ba.wav", word_samples("ko", seed=7))
        return folders

    first = build(load_scenario(corpus.scenario), plan_of(corpus), workspace=corpus.workspace, workers=1, engine=disturbed)
    second, decoded = again(corpus)
    assert decoded == unit_of(corpus, "words/anna-ba.wav")
    assert second.artefact.record.id != first.artefact.record.id


def test_a_damaged_or_missing_note_of_the_contents_has_its_unit_made_again(corpus: Corpus) -> None:
    first, _ = again(corpus)
    notes = sorted((corpus.workspace / "cache/units").glob("*/contents.jsonl"))
    notes[0].write_bytes(notes[0].read_bytes()[:-5])
    notes[1].unlink()
    second, decoded = again(corpus, rehash=True)
    assert 0 < len(decoded) < 36
    assert second.artefact.record.id == first.artefact.record.id


def test_a_recording_that_killed_a_worker_is_tried_again_by_rehash_alone(corpus: Corpus) -> None:
    deadly = ["words/anna-ba.wav"]
    lost, _ = again(corpus, deadly=deadly)
    fate = {row["input"]: row["rule"] for row in ledger_of(lost).to_dicts()}
    assert [name for name, rule in fate.items() if rule == "decoder_crashed"] == deadly
    assert again(corpus, deadly=deadly) == (replace(lost, reused=True, counts={"decoded": 0}), [])
    edit_a_transcript(corpus)
    assert again(corpus, deadly=deadly)[1] == [], "what killed a worker once costs no worker at every edit"
    saved, decoded = again(corpus, rehash=True)
    assert decoded == unit_of(corpus, *deadly)
    assert "decoder_crashed" not in ledger_of(saved)["rule"].to_list()
    assert again(corpus)[0].reused


def rules_of(built: Built) -> dict[str, str | None]:
    return {row["input"]: row["rule"] for row in ledger_of(built).to_dicts()}


def same_as_fresh(built: Built, corpus: Corpus, folder: Path) -> bool:
    fresh, _ = again(corpus, workspace=folder / "fresh")
    return bytes_of(built.artefact.path) == bytes_of(fresh.artefact.path)


def test_a_file_that_may_be_read_at_last_is_tried_again_with_its_unit_alone(corpus: Corpus, tmp_path: Path) -> None:
    path = corpus.folder / "words/anna-ba.wav"
    path.chmod(0)
    with permissions_count():
        first, _ = again(corpus)
        assert rules_of(first)["words/anna-ba.wav"] == "missing"
        assert again(corpus) == (replace(first, reused=True, counts={"decoded": 0}), [])
    path.chmod(0o644)
    second, decoded = again(corpus)
    assert (decoded, rules_of(second)["words/anna-ba.wav"]) == (unit_of(corpus, "words/anna-ba.wav"), None)
    assert again(corpus) == (replace(second, reused=True, counts={"decoded": 0}), [])
    assert same_as_fresh(second, corpus, tmp_path)


def test_a_file_with_a_misleading_name_is_tried_again_once_its_decoder_is_installed(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.add_row("words/phone.wav", media("ipod", "aac", word_samples("ri", pitch=1.6).astype(np.float32), sampling_rate=RATE), text="ri")
    with monkeypatch.context() as without:
        for module in ("speccraft.build.units", "speccraft.build.trust", "speccraft.sound.containers"):
            without.setattr(f"{module}.is_installed", lambda: False)
        first, _ = again(corpus)
        assert rules_of(first)["words/phone.wav"] == "codec_unsupported"
        assert again(corpus)[0].reused
    second, decoded = again(corpus)
    assert (decoded, rules_of(second)["words/phone.wav"]) == (unit_of(corpus, "words/phone.wav"), None)
    assert again(corpus)[0].reused
    assert same_as_fresh(second, corpus, tmp_path)


def test_what_needed_too_much_memory_is_tried_again_where_there_is_more(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, memory = units.decoding, ["little"]

    def hungry(audio: Path, rate: int, **more: Any) -> Decoding:
        if audio == corpus.folder / "words/anna-ba.wav" and memory == ["little"]:
            raise MemoryError
        return opened(audio, rate, **more)

    monkeypatch.setattr(units, "decoding", hungry)
    monkeypatch.setattr("speccraft.build.trust.memory_limits", lambda: list(memory))
    deadly = ["words/bela-ba.wav"]
    first, _ = again(corpus, deadly=deadly)
    assert [name for name, rule in rules_of(first).items() if rule in ("too_large", "decoder_crashed")] == ["words/anna-ba.wav", *deadly]
    assert again(corpus, deadly=deadly)[0].reused
    memory[0] = "more"
    second, decoded = again(corpus)
    assert decoded == sorted({*unit_of(corpus, "words/anna-ba.wav"), *unit_of(corpus, *deadly)})
    assert not {"too_large", "decoder_crashed"} & set(rules_of(second).values())
    assert again(corpus)[0].reused
    assert same_as_fresh(second, corpus, tmp_path)


def test_what_fails_again_in_better_circumstances_is_not_tried_a_third_time(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = units.decoding

    def stubborn(audio: Path, rate: int, **more: Any) -> Decoding:
        if audio == corpus.folder / "words/anna-ba.wav":
            raise Undecodable("missing", "cannot be read on this node")
        return opened(audio, rate, **more)

    monkeypatch.setattr(units, "decoding", stubborn)
    assert [len(again(corpus)[1]) for _ in range(3)] == [36, len(unit_of(corpus, "words/anna-ba.wav")), 0]


def test_a_build_that_was_killed_before_it_noted_a_failure_tries_it_again_once(corpus: Corpus) -> None:
    corpus.add_row("words/gone.wav", word_samples("ba", seed=9))
    (corpus.folder / "words/gone.wav").unlink()
    again(corpus)
    [note] = (corpus.workspace / "cache/tried").iterdir()
    note.unlink()
    assert [again(corpus)[1] for _ in range(2)] == [unit_of(corpus, "words/gone.wav"), []]


@pytest.mark.slow
def test_the_command_tells_what_it_decoded_and_hashed(corpus: Corpus) -> None:
    first = speccraft("build-manifest", corpus.scenario, "--as-of", "2026-01-01", "--json")
    assert json.loads(first.stdout)["counts"]["decoded"] == 36
    replaced_in_place(corpus.folder / "words/anna-ba.wav", word_samples("ko", seed=7))
    second = speccraft("build-manifest", corpus.scenario, "--as-of", "2026-01-01", "--rehash")
    assert "hash sources: 36" in second.stderr
    assert "36 recordings hashed, 1 not what the cache was made of" in second.stderr
    last = json.loads((corpus.workspace / "log.jsonl").read_text().splitlines()[-1])
    assert (last["decoded"], last["rehashed"], last["differed"]) == (30, 36, 1)


def test_contents_are_known_by_the_bytes_that_are_decoded(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one two")
    (tmp_path / "b").write_bytes(b"two")
    os.mkfifo(tmp_path / "pipe")

    def known(name: str, inside: Inside | None = None) -> str | None:
        return content_sha256(Job("x", tmp_path / name, None, (Part("x", True),), inside))

    assert known("a", Inside("bytes", 4, 3)) == known("b")
    assert known("a") != known("b")
    assert [known("missing"), known("pipe"), known("b", Inside("bytes", 4, 3))] == [None] * 3
