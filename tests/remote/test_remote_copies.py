"""Workspaces in object storage: what is committed is there whole or not at all, and every byte is proven when it comes back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from corpus import Corpus, bytes_of, speccraft
from remote_world import Bucket, counted

from speccraft import store
from speccraft.build.run import Built
from speccraft.errors import BadEnvironment, BrokenIntegrity, UnreadableInput
from speccraft.locate import find, workspace_of
from speccraft.remote import copies
from speccraft.remote.connection import connection
from speccraft.remote.copies import bring, bring_current, copy_of, here, origin_of, send
from speccraft.remote.url import Url, url_of


@pytest.fixture
def sent(bucket: Bucket, tiny_build: tuple[Corpus, Built]) -> tuple[Url, Path, store.Artefact]:
    """A remote workspace, its copy here, and the build in it that has been sent."""
    url = url_of(f"{bucket.url}/work")
    assert url is not None
    workspace, artefact = adopted(url, tiny_build[1].artefact)
    send(workspace, artefact)
    return url, workspace, artefact


def adopted(url: Url, artefact: store.Artefact) -> tuple[Path, store.Artefact]:
    """A build as if it had been made in the copy of a remote workspace."""
    workspace = copy_of(url)
    folder = workspace / "builds" / artefact.record.name / artefact.record.id
    shutil.copytree(artefact.path, folder, dirs_exist_ok=True)
    mine = store.open_artefact(folder, "build")
    store.set_current(workspace, mine)
    return workspace, mine


def fresh(workspace: Path) -> None:
    """Forget everything that this machine has of a remote workspace."""
    shutil.rmtree(workspace)


def home(artefact: store.Artefact) -> str:
    return f"work/builds/{artefact.record.name}/{artefact.record.id}"


def test_a_build_that_was_sent_comes_back_byte_for_byte_on_another_machine(sent: tuple[Url, Path, store.Artefact]) -> None:
    url, workspace, artefact = sent
    before = bytes_of(artefact.path)
    fresh(workspace)
    again = copy_of(url)
    bring_current(again, "build", artefact.record.name)
    found = store.current(again, "build", artefact.record.name)
    assert found is not None
    assert found.digest == artefact.digest
    assert bytes_of(found.path) == before
    assert origin_of(again) == url


def test_a_folder_that_is_no_copy_is_neither_sent_nor_fetched(tiny_build: tuple[Corpus, Built]) -> None:
    corpus, built = tiny_build
    assert send(corpus.workspace, built.artefact) is None
    bring_current(corpus.workspace, "build", "tiny")
    assert origin_of(corpus.workspace) is None


def test_what_is_there_already_is_not_sent_again(sent: tuple[Url, Path, store.Artefact]) -> None:
    _, workspace, artefact = sent
    with counted() as requests:
        send(workspace, artefact)
    assert sum(count for name, count in requests.items() if name.startswith("put")) == 1, "only `current` is written again"


def test_what_is_here_already_is_not_fetched_again(sent: tuple[Url, Path, store.Artefact]) -> None:
    _, workspace, artefact = sent
    with counted() as requests:
        bring_current(workspace, "build", artefact.record.name)
    assert requests == {"head_object": 1, "get_object": 1}, "only `current` is read"


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 1, 5, -1])
def test_an_interrupted_upload_is_invisible_and_the_next_run_completes_it(
    after: int, bucket: Bucket, tiny_build: tuple[Corpus, Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(f"{bucket.url}/work")
    assert url is not None
    workspace, artefact = adopted(url, tiny_build[1].artefact)
    files = len(artefact.record.files)
    monkeypatch.setattr(copies, "AT_ONCE", 1)
    storage, done = connection("s3"), 0
    put, pipe = storage.put_file, storage.pipe_file

    def failing(*arguments: Any) -> Any:
        nonlocal done
        if done == after % (files + 1):
            raise ConnectionResetError("the line is cut")
        done += 1
        return put(*arguments) if Path(arguments[0]).is_file() else pipe(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr(storage, "put_file", failing)
        broken.setattr(storage, "pipe_file", failing)
        with pytest.raises(BadEnvironment, match="the line is cut"):
            send(workspace, artefact)
    assert f"{home(artefact)}/BUILD.json" not in bucket.listed("work")
    elsewhere = workspace.rename(workspace.with_name("elsewhere"))
    with pytest.raises(UnreadableInput, match="no committed build"):
        bring(copy_of(url), "build", artefact.record.name, artefact.record.id)
    fresh(workspace)
    elsewhere.rename(workspace)
    with counted() as requests:
        send(workspace, artefact)
    assert sum(count for name, count in requests.items() if name.startswith("put")) == files - done + 2
    fresh(workspace)
    bring_current(copy_of(url), "build", artefact.record.name)


def test_files_that_were_noted_as_sent_and_are_gone_are_sent_again(bucket: Bucket, sent: tuple[Url, Path, store.Artefact]) -> None:
    _, workspace, artefact = sent
    bucket.remove(f"{home(artefact)}/BUILD.json")
    bucket.remove(f"{home(artefact)}/ledger.parquet")
    send(workspace, artefact)
    assert bucket.get(f"{home(artefact)}/ledger.parquet") == (artefact.path / "ledger.parquet").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("file", ["BUILD.json", "ledger.parquet", "cuts.train.jsonl", "report.html"])
def test_a_flipped_byte_on_the_remote_is_an_error_and_nothing_of_it_stays(file: str, bucket: Bucket, sent: tuple[Url, Path, store.Artefact]) -> None:
    url, workspace, artefact = sent
    content = bytearray(bucket.get(f"{home(artefact)}/{file}"))
    content[len(content) // 2] ^= 4
    bucket.put(f"{home(artefact)}/{file}", bytes(content))
    fresh(workspace)
    with pytest.raises(BrokenIntegrity) as caught:
        bring_current(copy_of(url), "build", artefact.record.name)
    assert caught.value.exit_code == 5
    assert not (workspace / "builds" / artefact.record.name / artefact.record.id).exists()
    assert store.current(workspace, "build", artefact.record.name) is None


def test_a_missing_file_on_the_remote_is_an_error_that_names_it(bucket: Bucket, sent: tuple[Url, Path, store.Artefact]) -> None:
    url, workspace, artefact = sent
    bucket.remove(f"{home(artefact)}/ledger.parquet")
    fresh(workspace)
    with pytest.raises(BrokenIntegrity) as caught:
        bring_current(copy_of(url), "build", artefact.record.name)
    assert any("ledger.parquet: is missing" in line for line in caught.value.details)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["../../escaped", "/tmp/escaped", "a//escaped", "a\\escaped"])
def test_a_record_that_lists_a_file_outside_its_folder_is_refused(path: str, bucket: Bucket, sent: tuple[Url, Path, store.Artefact], tmp_path: Path) -> None:
    url, workspace, artefact = sent
    record = json.loads(bucket.get(f"{home(artefact)}/BUILD.json"))
    record["files"][0]["path"] = path
    bucket.put(f"{home(artefact)}/BUILD.json", store.canonical_json(record))
    fresh(workspace)
    with pytest.raises(BrokenIntegrity, match="its record lists"):
        bring_current(copy_of(url), "build", artefact.record.name)
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize("id", ["../../..", "a/b", "", "x\\y"])
def test_a_pointer_to_anything_but_a_name_is_refused(id: str, bucket: Bucket, sent: tuple[Url, Path, store.Artefact]) -> None:
    url, workspace, artefact = sent
    bucket.put(f"work/builds/{artefact.record.name}/current", id.encode())
    fresh(workspace)
    with pytest.raises(BrokenIntegrity, match="names no build"):
        bring_current(copy_of(url), "build", artefact.record.name)


def test_another_artefact_under_the_same_id_is_never_written_over(bucket: Bucket, sent: tuple[Url, Path, store.Artefact]) -> None:
    _, workspace, artefact = sent
    bucket.put(f"{home(artefact)}/BUILD.json", b"{}")
    with pytest.raises(BrokenIntegrity, match="holds another build"):
        send(workspace, artefact)


def test_a_scenario_finds_its_current_build_in_the_bucket(bucket: Bucket, tiny_build: tuple[Corpus, Built], sent: tuple[Url, Path, store.Artefact]) -> None:
    url, workspace, artefact = sent
    fresh(workspace)
    found = find("build", tiny_build[0].scenario, Path(str(url)))
    assert found.artefact.digest == artefact.digest
    assert found.workspace == workspace == workspace_of(tiny_build[0].scenario, Path(str(url)))


def test_an_artefact_is_found_by_its_address_and_another_address_is_none(bucket: Bucket, sent: tuple[Url, Path, store.Artefact]) -> None:
    _, workspace, artefact = sent
    fresh(workspace)
    assert here(Path(f"{bucket.url}/{home(artefact)}")) == artefact.path
    with pytest.raises(UnreadableInput, match="is no artefact of a remote workspace"):
        here(Path(f"{bucket.url}/work/builds"))
    assert here(Path("speccraft-work")) == Path("speccraft-work")


@pytest.mark.slow
def test_commands_work_in_a_bucket_from_build_to_export(bucket: Bucket, corpus: Corpus, tmp_path: Path) -> None:
    data, work = bucket.put_corpus(corpus, "corpus"), f"{bucket.url}/work"
    shutil.rmtree(corpus.folder / "words")
    made = speccraft("build-manifest", corpus.scenario, "--data", data, "--workspace", work, "--json", "--workers", "1")
    assert made.returncode in (0, 1), made.stderr
    again = speccraft("build-manifest", corpus.scenario, "--data", data, "--workspace", work, "--workers", "1")
    assert "the build is reused" in again.stderr
    shutil.rmtree(tmp_path / "cache")
    told = speccraft("report", corpus.scenario, "--workspace", work, "--json")
    assert json.loads(told.stdout)["command"] == "report", told.stderr
    exported = speccraft("export", corpus.scenario, "--to", "nemo", "--workspace", work, "--internal")
    assert exported.returncode == 0, exported.stderr
    assert any(key.startswith("work/exports/") and key.endswith("/EXPORT.json") for key in bucket.listed("work"))
    build = next(key for key in bucket.listed("work") if key.endswith("BUILD.json")).removesuffix("/BUILD.json")
    shutil.rmtree(tmp_path / "cache")
    assert speccraft("verify", f"{bucket.url}/{build}").returncode == 0
    content = bucket.get(f"{build}/ledger.parquet")
    bucket.put(f"{build}/ledger.parquet", content[:-1] + bytes([content[-1] ^ 1]))
    shutil.rmtree(tmp_path / "cache")
    assert speccraft("verify", f"{bucket.url}/{build}").returncode == 5
    assert speccraft("builds", work).returncode == 3


def test_a_wrong_key_is_told_without_a_secret(endpoint: str, bucket: Bucket, corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "stranger")
    requests.post(f"{endpoint}/moto-api/reset-auth", data=b"0", timeout=5)
    try:
        ran = speccraft("plan", corpus.scenario, "--data", f"{bucket.url}/x")
    finally:
        requests.post(f"{endpoint}/moto-api/reset-auth", data=b"Infinity", timeout=5)
    assert ran.returncode == 6, ran.stderr
    assert "help: check the credentials in the environment" in ran.stderr
    assert "hush" not in ran.stderr
