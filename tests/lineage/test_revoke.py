"""Revoking a voice: what is listed, what is left, what does not come back, and what a crash leaves behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from corpus import Corpus, bytes_of, ledger_of, lines_of
from lineage_world import DAY, VOICE, built, copy_of, derived, revoked, spoken, voices, without_voice

from speccraft import shelf, store
from speccraft.build.buckets import bucket_of
from speccraft.errors import RefusedByRights, UnreadableInput
from speccraft.lineage import revoke as revocations
from speccraft.rights.log import log_path, read_log
from speccraft.rights.revocations import marked, pending_in, revocations_of
from speccraft.scenario import load_scenario
from speccraft.verify import verify

MAY_DIFFER = {"BUILD.json", "ledger.parquet", "report.json", "report.html", "README.md", "croissant.json"}
"""Files of a build that tell of refused rows or of the consent log; all others hold what is trained on."""


def fates(made: object) -> dict[str, tuple[str, str | None]]:
    return {row["input"]: (row["fate"], row["rule"]) for row in ledger_of(made).to_dicts()}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("voice", "made"),
    [("anna", []), pytest.param("dora", ["babble"], marks=pytest.mark.slow)],
)
def test_a_build_after_a_revocation_is_one_that_never_had_the_voice(tmp_path: Path, voice: str, made: list[str]) -> None:
    corpus, other = (voices(tmp_path / name, **({"environment__made": made} if made else {})) for name in ("revoked", "never"))
    first, _ = built(corpus)
    revoked(corpus, voice)
    after, _ = built(corpus)
    without_voice(other, voice)
    never, _ = built(other)

    own, wanted = bytes_of(after.artefact.path), bytes_of(never.artefact.path)
    assert own.keys() == wanted.keys()
    assert {name for name in own if own[name] != wanted[name]} <= MAY_DIFFER
    assert {"ledger.parquet", "BUILD.json"} <= {name for name in own if own[name] != wanted[name]}
    ledger = ledger_of(after)
    refused = ledger.filter(speaker=voice)
    assert set(refused["fate"]) == {"refused"}
    assert len(refused) == 6
    assert ledger.filter(ledger["speaker"].ne_missing(voice)).equals(ledger_of(never))
    infos = [dict(one.artefact.record.info) for one in (after, never)]
    assert [bool(info.pop("consent_head")) for info in infos] == [True, False]
    assert [info["counts"].pop("inputs") for info in infos] == [36, 30]
    assert infos[0] == infos[1]
    assert verify(after.artefact.path).problems == []
    assert marked(corpus.workspace, first.artefact)
    assert marked(corpus.workspace, after.artefact) is None


def test_the_build_after_a_revocation_decodes_only_the_units_that_held_the_voice(world: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speccraft.build.buckets.RECORDINGS_PER_UNIT", 9)
    world.write_rows([row for row in world.rows if row["speaker"] != VOICE or row["text"] in ("ba", "di")])
    buckets = {row["path"]: bucket_of(row["path"], 3) for row in world.rows}
    touched = {bucket for path, bucket in buckets.items() if VOICE in path}
    assert len(touched) < 3
    built(world)
    revoked(world)
    _, decoded = built(world)
    assert decoded == sorted(path for path, bucket in buckets.items() if bucket in touched and VOICE not in path)
    assert built(world)[1] == []


def segments(build: store.Artefact) -> list[dict[str, str]]:
    import polars as pl

    return pl.read_parquet(build.path / "segments.parquet").to_dicts()


# Coming back


@pytest.mark.parametrize(("format", "gain"), [("FLAC", 1.0), ("OGG", 1.0), ("MP3", 0.5)])
def test_a_revoked_recording_does_not_come_back_under_another_name_in_another_container(world: Corpus, format: str, gain: float) -> None:
    built(world)
    revoked(world)
    without_voice(world)
    clean, _ = built(world)
    world.add_row(f"words/new.{format.lower()}", copy_of(spoken(VOICE, "ba"), format, gain), speaker="newcomer", text="ba")
    after, decoded = built(world)
    assert fates(after)[f"words/new.{format.lower()}"] == ("refused", "revoked")
    assert f"words/new.{format.lower()}" in decoded
    assert bytes_of(after.artefact.path / "shards") == bytes_of(clean.artefact.path / "shards")
    assert built(world)[1] == [], "what is known to be refused is not decoded at every build"
    assert not any("new." in row["input"] for unit in (world.workspace / "cache/units").iterdir() for row in lines_of(unit / "recordings.jsonl"))


def test_a_recording_of_noise_that_holds_the_revoked_voice_does_not_come_in_either(world: Corpus) -> None:
    built(world)
    revoked(world)
    world.add_file("noise/crowd.wav", spoken(VOICE, "ba"))
    world.add_file("rooms/odd.wav", spoken(VOICE, "di"))
    after, _ = built(world)
    assert {fates(after)[name] for name in ("crowd.wav", "odd.wav")} == {("refused", "revoked")}
    assert {item["source"] for item in lines_of(after.artefact.path / "banks.jsonl")} == {"hiss", "halls"}


def test_a_scenario_that_compares_no_recordings_still_finds_copies_of_the_voice(tmp_path: Path) -> None:
    corpus = voices(tmp_path / "corpus", quality={"duplicates": "exact"})
    built(corpus)
    revoked(corpus)
    corpus.add_row("words/new.mp3", copy_of(spoken(VOICE, "ba"), "MP3"), speaker="newcomer", text="ba")
    assert fates(built(corpus)[0])["words/new.mp3"] == ("refused", "revoked")


def test_the_voice_is_kept_out_of_builds_of_another_scenario_by_its_sound(world: Corpus) -> None:
    built(world)
    revoked(world)
    world.write_scenario(name="other")
    world.write_rows([row | ({"speaker": "newcomer"} if row["speaker"] == VOICE else {}) for row in world.rows])
    after, _ = built(world)
    assert {fate for name, fate in fates(after).items() if VOICE in name} == {("refused", "revoked")}


def test_a_new_recording_of_a_revoked_speaker_is_refused_by_name(world: Corpus) -> None:
    built(world)
    revoked(world)
    world.add_row("words/later.wav", spoken("somebody", "else"), speaker=VOICE, text="zu")
    after, decoded = built(world)
    assert fates(after)["words/later.wav"][0] == "refused"
    assert "words/later.wav" not in decoded


def test_what_comes_back_and_is_all_of_a_source_stops_the_build(world: Corpus) -> None:
    built(world)
    revoked(world)
    for path in (world.folder / "noise").iterdir():
        path.unlink()
    world.add_file("noise/crowd.wav", spoken(VOICE, "ba"))
    with pytest.raises(RefusedByRights, match=r"hiss.*revoked"):
        built(world)


# What is listed and marked


def test_builds_and_runs_and_what_was_made_of_them_are_marked_and_nothing_else(world: Corpus) -> None:
    first, _ = built(world)
    run = derived(world, "run", "r1", first.artefact)
    trained = derived(world, "checkpoint", "r1-pretrain", first.artefact)
    evaluation = derived(world, "evaluation", "e1", run, first.artefact)
    world.edit_row(f"words/{VOICE}-ba.wav", text="something else")
    second, _ = built(world)
    without_voice(world)
    clean, _ = built(world)
    apart = derived(world, "run", "r2", clean.artefact)
    before = {path: bytes_of(path) for path in (first.artefact.path, run.path, evaluation.path)}
    done = revoked(world)
    marked_ones = (first.artefact, second.artefact, run, evaluation, trained)
    for one in marked_ones:
        assert "asked us to" in str(marked(world.workspace, one))
    assert [marked(world.workspace, one) for one in (clean.artefact, apart)] == [None, None]
    assert {path: bytes_of(path) for path in before} == before, "committed folders are never written"
    assert done.revocation is not None
    listed = json.loads((done.revocation.path / "affected.json").read_bytes())["artefacts"]
    assert {(one["kind"], one["id"]) for one in listed} == {(one.record.kind, one.record.id) for one in marked_ones}
    made_later = derived(world, "evaluation", "e2", run, first.artefact)
    assert marked(world.workspace, made_later), "what is made of it later, despite the revocation, is marked too"


def test_an_export_is_marked_where_it_took_a_split_that_the_voice_is_in(world: Corpus) -> None:
    made, _ = built(world)
    (split,) = {split for split in ("train", "dev", "test") if own_in(made.artefact, split)}
    other = next(one for one in ("dev", "test") if one != split and one not in done_splits(world, made.artefact))
    exports = [derived(world, "export", id, made.artefact, info={"splits": [name], "to": "nemo"}) for id, name in (("with", split), ("without", other))]
    done = revoked(world)
    assert [one.record.id for one, _ in done.voice.derived] == ["with"]
    assert any("with" in line for line in done.erasure.unreachable)
    assert exports[0].record.id == "with"


def own_in(build: store.Artefact, split: str) -> bool:
    ids = {row["segment"] for row in segments(build) if row["speaker"] == VOICE}
    return any(cut["id"] in ids for cut in lines_of(build.path / f"cuts.{split}.jsonl"))


def done_splits(corpus: Corpus, build: store.Artefact) -> set[str]:
    look = revocations.look(corpus.workspace, "tiny", VOICE)
    return {split for one, inside in look.voice.inside for split in inside.splits if one == build}


def test_a_copy_that_is_in_the_build_under_another_name_is_the_voice_too(world: Corpus) -> None:
    world.add_row("words/alias.flac", copy_of(spoken(VOICE, "ba"), "FLAC"), speaker="alias", text="ba")
    world.add_row("words/lossy.mp3", copy_of(spoken(VOICE, "di"), "MP3"), speaker="alias", text="di")
    built(world)
    look = revocations.look(world.workspace, "tiny", VOICE)
    ((_, inside),) = look.voice.inside
    assert {"words/alias.flac", "words/lossy.mp3"} < {input for _, input in inside.inputs}


def test_a_dry_run_writes_nothing(world: Corpus) -> None:
    built(world)
    before = bytes_of(world.folder)
    assert revocations.look(world.workspace, "tiny", VOICE).erasure.counts["cuts"] == 6
    assert bytes_of(world.folder) == before


def test_a_speaker_whom_no_build_knows_is_an_error_that_names_those_it_knows(world: Corpus) -> None:
    built(world)
    with pytest.raises(UnreadableInput, match="'ana'") as error:
        revoked(world, "ana")
    assert "anna" in error.value.try_this
    assert not (world.workspace / "revocations").exists()


# What is kept of it


def test_the_revocation_holds_no_name_and_no_hash_that_can_be_looked_up(world: Corpus) -> None:
    made, _ = built(world)
    hashes = [row["pcm_sha256"] for row in ledger_of(made).filter(speaker=VOICE).to_dicts()]
    done = revoked(world)
    assert done.revocation is not None
    content = b"".join(bytes_of(done.revocation.path).values()).decode()
    assert VOICE not in content
    assert not any(digest[:16] in content for digest in hashes)
    assert verify(done.revocation.path).problems == []
    assert len(json.loads((done.revocation.path / "blocked.json").read_bytes())["contents"]) == 6


def test_the_consent_log_says_who_and_why_once(world: Corpus) -> None:
    built(world)
    done = [revoked(world), revoked(world)]
    entries = read_log(log_path(load_scenario(world.scenario).scenario, world.folder)).entries
    assert done[0].revocation is not None
    assert [(entry.kind, entry.body) for entry in entries] == [
        ("withdraw", {"speaker": VOICE, "reason": "asked us to", "revocation": done[0].revocation.record.id})
    ]
    assert [one.is_new for one in done] == [True, False]
    assert done[1].revocation == done[0].revocation


def test_the_cache_holds_nothing_of_the_voice_afterwards(world: Corpus) -> None:
    made, _ = built(world)
    revoked(world)
    assert not any(VOICE in row["input"] for unit in (world.workspace / "cache/units").iterdir() for row in lines_of(unit / "recordings.jsonl"))
    assert not any((world.workspace / "cache/keys").iterdir())
    assert made.artefact.path.is_dir()


def test_gc_removes_what_is_marked_and_the_pointers_to_it(world: Corpus) -> None:
    made, _ = built(world)
    run = derived(world, "run", "r1", made.artefact)
    revoked(world)
    found = shelf.shelf_of(world.workspace)
    with shelf.held(world.workspace):
        shelf.remove(shelf.collect(found, revoked=[one for one in found.artefacts if marked(world.workspace, one)]))
    assert not made.artefact.path.exists()
    assert not run.path.exists()
    assert store.current(world.workspace, "build", "tiny") is None
    assert revoked(world).is_new is False
    assert len(revocations_of(world.workspace)) == 1


# Crashes


class Killed(BaseException):
    """The process ends here."""


STEPS = ("store.write_bytes", "store.commit", "log.append", "store.set_current", "store.forget", "store.remove")
"""In the order in which they are done first."""


@pytest.mark.parametrize(("step", "after"), [*((step, False) for step in STEPS), ("store.forget", True), ("store.remove", True)])
def test_a_revocation_killed_at_any_step_is_finished_by_the_same_command(world: Corpus, monkeypatch: pytest.MonkeyPatch, step: str, *, after: bool) -> None:
    built(world)
    module, name = step.split(".")
    with monkeypatch.context() as dying:
        target = getattr(revocations, module)
        real = getattr(target, name)

        def die(*args: object, **more: object) -> None:
            if after:
                real(*args, **more)
            raise Killed

        dying.setattr(target, name, die)
        with pytest.raises(Killed):
            revoked(world)
    begun = bool(pending_in(world.workspace))
    if begun:
        with pytest.raises(RefusedByRights, match="not finished"):
            built(world)
        with pytest.raises(RefusedByRights, match="another revocation"):
            revoked(world, "bela")
    revoked(world)
    assert not pending_in(world.workspace)
    assert len(revocations_of(world.workspace)) == 1
    assert len(read_log(log_path(load_scenario(world.scenario).scenario, world.folder)).entries) == 1
    assert not any(VOICE in row["input"] for unit in (world.workspace / "cache/units").iterdir() for row in lines_of(unit / "recordings.jsonl"))
    assert all(fate[0] == "refused" for input, fate in fates(built(world)[0]).items() if VOICE in input)
    # Nothing was begun only where the very first write did not happen, or where the last one had.
    assert begun or (step, after) in {("store.write_bytes", False), ("store.remove", True)}


def test_the_day_of_the_log_never_goes_back(world: Corpus) -> None:
    built(world)
    revoked(world, "bela", day="2026-05-05")
    revoked(world, VOICE, day=DAY)
    entries = read_log(log_path(load_scenario(world.scenario).scenario, world.folder)).entries
    assert [entry.day for entry in entries] == ["2026-05-05", "2026-05-05"]


def test_what_holds_a_second_voice_as_well_is_marked_by_both_revocations(world: Corpus) -> None:
    made, _ = built(world)
    for speaker in (VOICE, "bela"):
        revoked(world, speaker)
    assert len(revocations_of(world.workspace)) == 2
    assert all(made.artefact.digest in one.affected for one in revocations_of(world.workspace))
    after, _ = built(world)
    assert {fate[0] for input, fate in fates(after).items() if re.search(f"{VOICE}|bela", input)} == {"refused"}
