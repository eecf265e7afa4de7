"""Base checkpoints: nothing is fetched unasked, the gate is asked for every one, and their bytes are known."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from speccraft.errors import BadEnvironment, RefusedByRights, UnreadableInput
from speccraft.rights import gate
from speccraft.rights.papers import Papers
from speccraft.scenario.acceptance import Rights
from speccraft.trainer.base import Fresh, Source, SpeechLMBase, WhisperBase
from speccraft.trainer.sources import WANTED, admit, digests, fetch, locate

HUB = WhisperBase(kind="whisper", checkpoint=Source(hub="nobody/has-this", licence="Apache-2.0"))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Whatever tries to leave this machine, which it may not; the hub's cache is empty."""
    made: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> None:
        made.append(arguments)
        raise OSError("no network in tests")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    return made


def local(folder: Path, licence: str | None = "Apache-2.0") -> WhisperBase:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text("not read")
    return WhisperBase(kind="whisper", checkpoint=Source(path=str(folder), licence=licence))


def test_without_being_allowed_nothing_goes_out_and_the_way_is_told(calls: list[Any]) -> None:
    with pytest.raises(UnreadableInput, match="nobody/has-this is not on this machine") as raised:
        locate(HUB)
    assert "--allow-download" in raised.value.try_this
    assert "model.base.checkpoint.path" in raised.value.try_this
    assert not calls


def test_being_allowed_asks_for_safetensors_and_words_alone(calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *args, **options: asked.append((args, options)))
    both = SpeechLMBase(kind="speech-lm", encoder=Source(hub="a/b", revision="v1"), language_model=Source(path="/models/c", hub="d/e"))
    fetch(both)
    assert asked == [(("a/b",), {"revision": "v1", "allow_patterns": list(WANTED)})]
    assert not any(pattern.endswith((".bin", ".pt", ".py", ".pkl", "*")) for pattern in WANTED)


def test_a_hub_that_cannot_be_reached_is_an_error_and_not_a_traceback(calls: list[Any]) -> None:
    with pytest.raises(BadEnvironment, match="cannot fetch nobody/has-this"):
        fetch(HUB)
    assert calls


def test_a_process_that_went_offline_fetches_nothing(calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BadEnvironment, match="cannot fetch"):
        fetch(HUB)
    assert not calls


@pytest.mark.parametrize(("source", "said"), [(Source(path="/nowhere/at/all"), "is not a folder"), (Source(), "names no checkpoint")])
def test_a_checkpoint_that_is_not_there_is_named(source: Source, said: str) -> None:
    with pytest.raises(UnreadableInput, match=rf"model\.base\.checkpoint.*{said}"):
        locate(WhisperBase(kind="whisper", checkpoint=source))


def test_a_path_wins_over_the_hub(tmp_path: Path, calls: list[Any]) -> None:
    base = WhisperBase(kind="whisper", checkpoint=Source(path=str(tmp_path), hub="nobody/has-this"))
    assert locate(base) == {"checkpoint": tmp_path}
    assert not calls


def test_the_gate_is_asked_for_every_checkpoint_and_its_no_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    papers = Papers(Rights(use=("train",), commercial=True), "2026-01-01")
    admit(local(tmp_path / "model"), papers)
    admit(Fresh(kind="fresh"), papers)
    for licence in (None, "", "CC-BY-NC-4.0", "LicenseRef-mine", "Apache 2"):
        with pytest.raises(RefusedByRights) as raised:
            admit(local(tmp_path / "model", licence), papers)
        assert "model.base.checkpoint" in str(raised.value)
    monkeypatch.setattr(gate, "may", lambda *_, **__: gate.Decision(False, reason="closed today"))
    with pytest.raises(RefusedByRights, match="closed today"):
        admit(local(tmp_path / "model"), papers)


def test_a_digest_knows_every_file_that_is_read_and_no_other(tmp_path: Path) -> None:
    base = local(tmp_path / "model")
    before = digests(base)
    (tmp_path / "model" / "README.md").write_text("another text")
    assert digests(base) == before
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weightS")
    assert digests(base) != before
    assert digests(Fresh(kind="fresh")) == {}
