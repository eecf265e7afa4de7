"""Sources in object storage: the same build as from a folder, nothing fetched twice, changes noticed, hostile keys refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from corpora_world import CORPORA, write_corpora
from corpus import RATE, SCENARIO, WORDS, Corpus, build_here, bytes_of, ledger_of, make_corpus, speccraft
from remote_world import Bucket, counted, mirrored

from speccraft import store
from speccraft.build.run import Built, build
from speccraft.errors import BadEnvironment, Locked, SpeccraftError, UnreadableInput
from speccraft.ingest import reach_of, read_source
from speccraft.plan import Plan, plan_of
from speccraft.remote.connection import fetch, listing
from speccraft.remote.mirror import mirrors_for
from speccraft.remote.url import url_of
from speccraft.scenario import load_scenario

LISTING = "list_objects_v2"


def plan_from(corpus: Corpus, data: str | None, lengths: bool = False) -> Plan:
    return plan_of(load_scenario(corpus.scenario), data=data and Path(data), as_of="2026-01-01", lengths=lengths)


def build_from(corpus: Corpus, data: str | None, workspace: Path, workers: int = 1) -> Built:
    return build(load_scenario(corpus.scenario), plan_from(corpus, data), workspace=workspace, workers=workers)


def only_the_scenario(corpus: Corpus, folder: Path) -> Corpus:
    folder.mkdir()
    shutil.copy(corpus.scenario, folder)
    return Corpus(folder)


def rename_row(corpus: Corpus, path: str, other: str) -> None:
    corpus.write_rows([row | {"path": other} if row["path"] == path else row for row in corpus.rows])


def test_a_build_from_a_bucket_is_byte_for_byte_the_build_from_the_folder(bucket: Bucket, tiny_build: tuple[Corpus, Built], tmp_path: Path) -> None:
    corpus, local = tiny_build
    data = bucket.put_corpus(corpus, "corpora/tiny")
    remote = build_from(only_the_scenario(corpus, tmp_path / "far"), data, tmp_path / "work", workers=2)
    assert remote.artefact.record.id == local.artefact.record.id
    assert bytes_of(remote.artefact.path) == bytes_of(local.artefact.path)


@pytest.mark.slow
def test_addresses_in_the_scenario_give_the_same_cuts(bucket: Bucket, tiny_build: tuple[Corpus, Built], tmp_path: Path) -> None:
    corpus, local = tiny_build
    data = bucket.put_corpus(corpus, "tiny")
    far = only_the_scenario(corpus, tmp_path / "far")
    far.write_scenario(roots=[data], sources__0__path=f"{data}/words.csv", sources__1__path=f"{data}/noise", sources__2__path=f"{data}/rooms/")
    remote = build_here(far, tmp_path / "work")
    here, there = bytes_of(local.artefact.path), bytes_of(remote.artefact.path)
    named_in = {"BUILD.json", "README.md", "report.html", "report.json", "croissant.json"}
    assert {path for path in here if here[path] != there[path]} <= named_in
    assert here.keys() == there.keys()


def test_a_table_alone_reaches_what_lies_beside_it_and_nothing_above(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    rename_row(corpus, "words/anna-ba.wav", "../secret.wav")
    data = bucket.put_corpus(corpus, "tiny")
    bucket.put("secret.wav", (corpus.folder / "words/anna-di.wav").read_bytes())
    corpus.write_scenario(sources__0__path=f"{data}/words.csv")
    made = plan_from(corpus, None)
    assert [(item.row.input, item.reason) for item in made.turned_away] == [("../secret.wav", "the path leaves the data folder and `roots`")]


def test_a_table_may_name_its_audio_by_the_address(bucket: Bucket, corpus: Corpus) -> None:
    rename_row(corpus, "words/anna-ba.wav", f"{bucket.url}/tiny/words/anna-ba.wav")
    rename_row(corpus, "words/anna-di.wav", f"{bucket.url}/elsewhere/anna-di.wav")
    data = bucket.put_corpus(corpus, "tiny")
    bucket.put("elsewhere/anna-di.wav", b"RIFF")
    made = plan_from(corpus, data)
    assert [item.row.input for item in made.turned_away] == [f"{bucket.url}/elsewhere/anna-di.wav"]
    assert f"{bucket.url}/tiny/words/anna-ba.wav" in {item.row.input for item in made.admitted}


@pytest.mark.slow
@pytest.mark.parametrize("source", CORPORA)
def test_every_layout_is_read_from_a_bucket_as_from_a_folder(source: str, bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    write_corpora(corpus)
    corpus.write_scenario(sources=[{"id": "words", "licence": "CC0-1.0"} | CORPORA[source], *SCENARIO["sources"][1:]])
    local = build_here(corpus, tmp_path / "near")
    data = bucket.put_corpus(corpus, "c")
    remote = build_from(only_the_scenario(corpus, tmp_path / "far"), data, tmp_path / "work")
    assert ledger_of(local).filter(source="words", fate="kept").height
    assert bytes_of(remote.artefact.path) == bytes_of(local.artefact.path)


@pytest.mark.slow
def test_audio_is_never_kept_and_other_sources_are_never_fetched(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    bucket.put("tiny/other/large.tar", b"x" * 100_000)
    build_from(corpus, data, tmp_path / "work")
    files = mirrored(tmp_path / "cache")
    assert files["words.csv"] == (corpus.folder / "words.csv").read_bytes()
    stand_ins = {path for path, content in files.items() if content.startswith(b"speccraft-remote 1\n")}
    assert stand_ins == files.keys() - {"words.csv"}
    assert "other/large.tar" in stand_ins


@pytest.mark.slow
def test_a_killed_worker_leaves_no_audio_behind(bucket: Bucket, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    corpus.add_row("words/busy.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 300 * RATE))
    data, cache, killed = bucket.put_corpus(corpus, "tiny"), tmp_path / "work/cache/units", list[Path]()

    def kill() -> None:
        while not killed:
            with contextlib.suppress(FileNotFoundError):
                killed.extend(path for path in cache.glob(".scratch-*/.scratch-*/*") if path.stat().st_size > 300 * RATE)
            time.sleep(0.001)
        os.kill(int(killed[0].parts[-3].rpartition("-")[2]), signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    fates = ledger_of(build_from(corpus, data, tmp_path / "work")).filter(source="words").select("input", "rule")
    killer.join()
    assert [input for input, rule in fates.iter_rows() if rule == "decoder_crashed"] != []
    assert [*(tmp_path / "tmp").iterdir(), *cache.glob(".*")] == []


def test_a_disk_of_ours_that_fails_is_not_taken_for_a_missing_object(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.wav", b"abc")
    url = url_of(f"{bucket.url}/a.wav")
    assert url is not None
    (found,) = listing(url).values()
    with pytest.raises(BadEnvironment, match="cannot write"):
        fetch(found, tmp_path / "nowhere" / "a.wav")
    assert fetch(found, tmp_path / "a.wav").read_bytes() == b"abc"


@pytest.mark.slow
def test_a_bucket_that_has_not_changed_costs_one_listing_and_no_audio_work(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    assert not build_from(corpus, data, tmp_path / "work").reused
    with counted() as requests:
        assert build_from(corpus, data, tmp_path / "work").reused
    assert requests == {LISTING: 1}


def test_a_mirror_that_was_removed_or_meddled_with_is_made_again(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    plan_from(corpus, data)
    before = mirrored(tmp_path / "cache")
    (files,) = (tmp_path / "cache").glob("speccraft/sources/*/files")
    (files / "words.csv").write_bytes(b"path\n")
    (files / "words/anna-ba.wav").unlink()
    (files / "noise/more.wav").write_bytes(b"RIFF")
    plan_from(corpus, data)
    assert mirrored(tmp_path / "cache") == before
    (files.parent / "index.jsonl").write_bytes(b"{")
    plan_from(corpus, data)
    assert mirrored(tmp_path / "cache") == before


def spoken(corpus: Corpus, bucket: Bucket) -> str:
    """A corpus of files with transcripts beside them, in a bucket; its address."""
    for row in corpus.rows:
        corpus.add_file(row["path"].replace(".wav", ".txt"), row["text"].encode())
    corpus.write_scenario(sources=[{"id": "words", "format": "folder", "path": "words", "licence": "CC0-1.0"}, *SCENARIO["sources"][1:]])
    return bucket.put_corpus(corpus, "spoken")


def reading(corpus: Corpus, data: str) -> Callable[[], set[str | None]]:
    """A command that has listed the bucket; call it to read the transcripts, as often as you like."""
    scenario = load_scenario(corpus.scenario).scenario
    reach = reach_of(corpus.scenario, scenario, Path(data))
    return lambda: {row.text for row in read_source(scenario.sources[0], scenario, reach)}


@pytest.mark.parametrize("meddle", ["change", "remove"])
def test_a_mirror_that_another_command_renews_meanwhile_is_not_read_on(meddle: str, bucket: Bucket, corpus: Corpus) -> None:
    data = spoken(corpus, bucket)
    read = reading(corpus, data)
    assert read() == set(WORDS)
    if meddle == "change":
        bucket.put("spoken/words/anna-ba.txt", b"ab")
    else:
        bucket.remove("spoken/words/anna-ba.txt")
    other = reading(corpus, data)
    with pytest.raises(UnreadableInput, match="another command mirrored them while this one read them"):
        read()
    assert other() == {*WORDS, *(["ab"] if meddle == "change" else [None])}


def test_a_command_that_has_still_to_fetch_leaves_what_another_has_renewed(bucket: Bucket, corpus: Corpus) -> None:
    data = spoken(corpus, bucket)
    read = reading(corpus, data)
    bucket.put("spoken/words/anna-ba.txt", b"ab")
    other = reading(corpus, data)
    with pytest.raises(UnreadableInput, match="another command mirrored them"):
        read()
    assert other() == {*WORDS, "ab"}


def test_what_another_command_fetched_from_the_same_listing_is_fetched_once(bucket: Bucket, corpus: Corpus) -> None:
    data = spoken(corpus, bucket)
    read, other = reading(corpus, data), reading(corpus, data)
    assert other() == set(WORDS)
    with counted() as requests:
        assert read() == set(WORDS)
    assert requests["get_object"] == 0


def test_a_mirror_that_another_command_holds_is_waited_for_and_that_is_told(
    bucket: Bucket, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    url = url_of(data)
    assert url is not None
    told: list[str] = []

    with contextlib.ExitStack() as held:
        held.enter_context(store.locked(tmp_path / "cache/speccraft/sources" / url.digest))

        def listen(phase: str, done: int, total: int) -> None:
            told.append(phase)
            held.close()

        mirrors_for([url], [], listen)
    assert told == ["wait for another command here, at most s"]
    monkeypatch.setattr("speccraft.remote.mirror.LONGEST_WAIT_S", 0)
    home = tmp_path / "cache/speccraft/sources" / url.digest
    with store.locked(home), pytest.raises(Locked, match=rf"^{data}: another speccraft process .*\(process {os.getpid()} on"):
        plan_from(corpus, data)


@pytest.mark.slow
def test_an_object_that_changed_is_decoded_again_and_only_its_unit(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    before = build_from(corpus, data, tmp_path / "work")
    units = {path.name for path in (tmp_path / "work/cache/units").iterdir()}
    bucket.put("tiny/words/anna-ba.wav", (corpus.folder / "words/bela-ba.wav").read_bytes())
    after = build_from(corpus, data, tmp_path / "work")
    assert not after.reused
    assert after.artefact.record.id != before.artefact.record.id
    assert len({path.name for path in (tmp_path / "work/cache/units").iterdir()} - units) == 1


def test_a_key_that_becomes_a_folder_and_back_is_followed(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    for key, other in (("tiny/odd", "tiny/odd/in.txt"), ("tiny/odd/in.txt", "tiny/odd")):
        bucket.put(key, b"1")
        plan_from(corpus, data)
        assert key.removeprefix("tiny/") in mirrored(tmp_path / "cache")
        bucket.remove(key)
        assert other not in bucket.listed()


@pytest.mark.slow
def test_an_object_that_vanished_is_gone_from_the_mirror_and_costs_a_row(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    build_from(corpus, data, tmp_path / "work")
    bucket.remove("tiny/words/anna-ba.wav")
    bucket.remove("tiny/noise/hiss0.wav")
    ledger = ledger_of(build_from(corpus, data, tmp_path / "work"))
    assert ledger.filter(fate="failed").select("input", "rule").rows() == [("words/anna-ba.wav", "missing")]
    assert ledger.filter(source="hiss").height == 2


@pytest.mark.slow
@pytest.mark.parametrize(("meddle", "rule"), [("change", "changed"), ("same size", "changed"), ("remove", "missing")])
def test_what_changes_after_the_listing_is_a_row_that_says_so(meddle: str, rule: str, bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    made = plan_from(corpus, data)
    content = (corpus.folder / "words/anna-ba.wav").read_bytes()
    match meddle:
        case "change":
            bucket.put("tiny/words/anna-ba.wav", content + b"more")
        case "same size":
            bucket.put("tiny/words/anna-ba.wav", content[:-1] + bytes([content[-1] ^ 1]))
        case "remove":
            bucket.remove("tiny/words/anna-ba.wav")
    built = build(load_scenario(corpus.scenario), made, workspace=tmp_path / "work", workers=1)
    assert ledger_of(built).filter(fate="failed").select("input", "rule").rows() == [("words/anna-ba.wav", rule)]
    # The next listing knows it as it is now.
    again = ledger_of(build_from(corpus, data, tmp_path / "work"))
    assert again.filter(fate="failed").height == (meddle == "remove")


HOSTILE = [
    "noise/../../../escaped.wav",
    "noise//a.wav",
    "noise/./a.wav",
    "noise/a\\b.wav",
    "noise/a\x07.wav",
    f"noise/{'n' * 252}.wav",
    "noise/a?versionId=1.wav",
]


@pytest.mark.slow
@pytest.mark.parametrize("key", HOSTILE)
def test_a_key_that_cannot_be_a_file_is_refused_by_name_and_written_nowhere(key: str, bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    bucket.put(f"tiny/{key}", b"x")
    with pytest.raises(UnreadableInput, match="keys that cannot be files") as caught:
        plan_from(corpus, data)
    assert ascii(key) in caught.value.message
    assert not list(tmp_path.rglob("escaped*"))
    assert all(content != b"x" for content in mirrored(tmp_path / "cache").values())


@pytest.mark.slow
@pytest.mark.parametrize("keys", [("noise/A.wav", "noise/a.wav"), ("noise/\u00e9.wav", "noise/e\u0301.wav"), ("noise/deep", "noise/deep/a.wav")])
def test_keys_that_one_disk_takes_for_two_and_another_for_one_are_refused(keys: tuple[str, str], bucket: Bucket, corpus: Corpus) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    for key in keys:
        bucket.put(f"tiny/{key}", b"x")
    with pytest.raises(UnreadableInput, match="keys that cannot be files") as caught:
        plan_from(corpus, data)
    assert ascii(keys[0]) in caught.value.message


def test_a_hostile_key_elsewhere_stops_nobody(bucket: Bucket, corpus: Corpus) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    bucket.put("tiny/elsewhere/../x", b"x")
    bucket.put("tiny/noise/", b"")
    assert len(plan_from(corpus, data).admitted) == 36


def test_a_plan_counts_the_hours_of_a_bucket_from_the_beginnings_of_its_files(bucket: Bucket, corpus: Corpus) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    near, far = plan_from(corpus, None, lengths=True), plan_from(corpus, data, lengths=True)
    assert [item.row.seconds for item in far.admitted] == [item.row.seconds for item in near.admitted]
    assert {item.row.length_from for item in far.admitted} == {"header"}


def test_nothing_at_an_address_and_a_missing_table_are_told_by_the_address(bucket: Bucket, corpus: Corpus) -> None:
    with pytest.raises(UnreadableInput, match=f"{bucket.url}/none: there is nothing"):
        plan_from(corpus, f"{bucket.url}/none")
    with pytest.raises(UnreadableInput, match="s3://no-such-bucket/x: there is no such bucket"):
        plan_from(corpus, "s3://no-such-bucket/x")
    data = bucket.put_corpus(corpus, "tiny")
    corpus.write_scenario(sources__0__path="word.csv")
    with pytest.raises(UnreadableInput, match=f"word.csv does not exist below {data}") as caught:
        plan_from(corpus, data)
    assert caught.value.try_this == "did you mean words.csv?"


def test_a_saved_plan_notices_an_object_that_changed(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    from speccraft.plan.saved import need_same_world, read, save

    data, loaded = bucket.put_corpus(corpus, "tiny"), load_scenario(corpus.scenario)
    save(plan_from(corpus, data), loaded, tmp_path / "plan.json")
    need_same_world(read(tmp_path / "plan.json"), plan_from(corpus, data), loaded)
    bucket.put("tiny/words/anna-ba.wav", (corpus.folder / "words/anna-ba.wav").read_bytes() + b"\0")
    with pytest.raises(SpeccraftError) as caught:
        need_same_world(read(tmp_path / "plan.json"), plan_from(corpus, data), loaded)
    assert list(caught.value.details) == ["source 'words': 1 whose file was changed or touched: words/anna-ba.wav"]


@pytest.mark.slow
def test_a_storage_that_does_not_answer_is_told_and_its_rows_are_not_lost(
    bucket: Bucket, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speccraft.remote.connection import connection

    data = bucket.put_corpus(corpus, "tiny")
    made = plan_from(corpus, data)
    with monkeypatch.context() as broken:
        broken.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
        broken.setenv("AWS_MAX_ATTEMPTS", "1")
        connection.cache_clear()
        with pytest.raises(BadEnvironment, match="onnect"):
            plan_from(corpus, data)
        with pytest.raises(BadEnvironment, match="onnect"):
            build(load_scenario(corpus.scenario), made, workspace=tmp_path / "work", workers=1)
    connection.cache_clear()
    built = build(load_scenario(corpus.scenario), made, workspace=tmp_path / "work", workers=1)
    assert ledger_of(built).filter(fate="failed").is_empty()


@pytest.mark.slow
def test_the_command_line_takes_an_address_for_data(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    far = only_the_scenario(corpus, tmp_path / "far")
    ran = speccraft("plan", far.scenario, "--data", data, "--workspace", tmp_path / "work")
    assert ran.returncode == 0, ran.stderr
    assert "fetch" in ran.stderr
    bad = speccraft("plan", far.scenario, "--data", "s3://user:hush@bucket/x")
    assert bad.returncode == 2
    assert "hush" not in bad.stdout + bad.stderr
    assert "credentials come from the environment" in bad.stderr


@pytest.mark.slow
def test_no_secret_and_no_place_of_this_machine_enters_what_is_kept(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data = bucket.put_corpus(corpus, "tiny")
    build_from(corpus, data, tmp_path / "work")
    for folder in (tmp_path / "work", tmp_path / "cache"):
        assert all(b"hush" not in content and b"tester" not in content for content in bytes_of(folder).values())
    build_files = bytes_of(tmp_path / "work/builds").values()
    assert all(str(tmp_path).encode() not in content and data.encode() not in content for content in build_files)


def test_without_the_extra_the_error_says_what_to_install(bucket: Bucket, corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    from speccraft.errors import MissingExtra
    from speccraft.remote import connection as module

    module.connection.cache_clear()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        plan_from(make_corpus(corpus.folder.parent / "other"), bucket.url)
    assert (caught.value.exit_code, caught.value.try_this) == (8, "pip install 'speccraft[remote]'")


@pytest.mark.slow
def test_a_machine_without_the_mirror_reads_a_tar_in_pieces_and_needs_the_copy_of_a_table(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    write_corpora(corpus)
    data = bucket.put_corpus(corpus, "c")
    for source, folder in (("WebDatasetSource", "shards"), ("HuggingFaceSource", "hf")):
        corpus.write_scenario(sources=[{"id": "words", "licence": "CC0-1.0"} | CORPORA[source], *SCENARIO["sources"][1:]])
        here = build_from(corpus, data, tmp_path / source)
        made = plan_from(corpus, data)
        (files,) = (tmp_path / "cache").glob("speccraft/sources/*/files")
        shutil.rmtree(files / folder)
        if source == "WebDatasetSource":
            there = build(load_scenario(corpus.scenario), made, workspace=tmp_path / "other", workers=1)
            assert bytes_of(there.artefact.path) == bytes_of(here.artefact.path)
        else:
            with pytest.raises(BadEnvironment, match="is read from a copy that is not here"):
                build(load_scenario(corpus.scenario), made, workspace=tmp_path / "another", workers=1)
