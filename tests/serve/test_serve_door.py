"""Bad, large and foreign requests are told why they are not answered, and hurt nobody."""

from __future__ import annotations

import http.client
import json
import random
import ssl
import subprocess
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serve_world import Server, events_of, multipart, serving, sound_part, text_part, wav
from tones_world import RATE, tone

from speccraft.errors import RefusedByRights, UnreadableInput
from speccraft.trainer.serve.address import Address
from speccraft.trainer.serve.limits import Limits
from speccraft.trainer.serve.service import Served
from speccraft.trainer.serve.standing import Standing

SAID = wav(tone("ba", 0.3))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "0 bytes"),
        (b"no audio at all", "cannot be used"),
        (SAID[:40], "cannot be used"),
        (SAID[: len(SAID) // 2], "cannot be used"),
        (b"\x00" * 1000, "cannot be used"),
    ],
)
def test_bad_audio_is_refused_with_the_reason(server: Server, content: bytes, reason: str):
    answer = server.transcribe(content)
    assert (answer.status, answer.error["code"]) == (400, "bad_audio")
    assert reason in answer.error["message"]


def test_audio_that_is_too_long_is_refused(server: Server):
    answer = server.transcribe(wav(np.zeros(3 * RATE)))
    assert (answer.status, answer.error["code"]) == (413, "audio_too_long")
    assert "2 s" in answer.error["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[1]", None),
        (b"[" * 100_000, None),
        ({"model": "tones"}, "messages"),
        ({"model": "tones", "messages": []}, "messages"),
        ({"model": "tones", "messages": [{"role": "king", "content": "ba"}]}, "messages.0.role"),
        ({"model": "tones", "messages": [{"role": "assistant", "content": "ba"}]}, "messages"),
        ({"model": "tones", "messages": [{"role": "user", "content": "ba"}], "tools": [{}]}, "tools"),
        ({"model": "tones", "messages": [{"role": "user", "content": "ba"}], "n": 2}, "n"),
        ({"model": "tones", "messages": [{"role": "user", "content": "ba"}], "max_tokens": 0}, "max_tokens"),
        ({"model": "tones", "messages": [{"role": "user", "content": "ba"}], "modalities": ["text", "audio"]}, "modalities"),
        ({"model": "tones", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content"),
        ({"model": "tones", "messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "?", "format": "wav"}}]}]}, "messages"),
    ],
)
def test_a_body_that_is_not_understood_is_refused_and_the_parameter_named(server: Server, body: Any, param: str | None):
    answer = server.post("v1/chat/completions", body)
    assert answer.status == 400
    assert (answer.error["param"] or "").startswith(param or "")
    assert bool(answer.error["param"]) == bool(param)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), cuts=st.integers(0, len(SAID)), flips=st.integers(0, 30))
def test_no_damaged_request_breaks_the_server(server: Server, seed: int, cuts: int, flips: int):
    rng = random.Random(seed)
    body, kind = multipart(SAID, {"model": "tones"})
    damaged = bytearray(body)
    for _ in range(flips):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    damaged = damaged[: len(damaged) - cuts]
    assert server.send("v1/audio/transcriptions", bytes(damaged), kind).status in (200, 400, 404, 413)
    assert server.post("v1/chat/completions", bytes(damaged)).status == 400
    assert server.get("healthz").status == 200


def test_a_form_without_a_file_or_with_an_unknown_field_is_refused(server: Server):
    assert server.send("v1/audio/transcriptions", b"a=1", "application/x-www-form-urlencoded").error["param"] == "file"
    assert server.transcribe(SAID, response_format="srt").error["param"] == "response_format"
    assert server.transcribe(SAID, diarise="true").error["param"] == "diarise"
    assert server.get("v1/chat/completions").status == 405


def test_a_text_that_is_longer_than_the_model_reads_is_refused(server: Server):
    answer = server.chat(text_part("ba " * 2000))
    assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")


def test_a_large_body_is_refused_whether_its_length_is_stated_or_not(transcriber: Served):
    with serving(transcriber, Limits(request_bytes=5000)) as small:
        assert small.transcribe(b"\x00" * 6000).status == 413
        host = small.url.removeprefix("http://").strip("/")
        connection = http.client.HTTPConnection(host, timeout=20)
        connection.request("POST", "/v1/chat/completions", iter([b"x" * 1000] * 6), encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "too_large")
        connection.close()


def test_a_page_of_somebody_else_gets_nothing(server: Server):
    assert server.get("v1/models", Host="evil.example").error["code"] == "wrong_host"
    assert server.get("v1/models", Host="localhost:1").status == 200
    assert server.get("v1/models", Origin="https://evil.example").error["code"] == "wrong_origin"
    assert server.get("v1/models", Origin=server.url.rstrip("/")).status == 200


def test_a_token_is_asked_of_everybody_but_the_page(transcriber: Served):
    with serving(transcriber, address=Address(port=0, token="0123456789abcdef")) as closed:
        assert closed.get("v1/models").status == closed.get("metrics").status == closed.chat(text_part("ba")).status == 401
        assert closed.get("v1/models", Authorization="Bearer 0123456789abcdeg").status == 401
        assert closed.get("v1/models", Authorization="Bearer 0123456789abcdef").status == 200
        assert closed.get("").status == closed.get("healthz").status == 200


def test_many_at_once_are_answered_or_told_to_come_again(transcriber: Served):
    with serving(transcriber, Limits(queue=2, batch=1)) as small:
        release, answers = threading.Event(), small.service.engine._answers

        def slow(*batch: Any) -> Any:
            release.wait(20)
            return answers(*batch)

        small.service.engine._answers = slow
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(small.transcribe(SAID).status)) for _ in range(8)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 10
        while len(found) < 5 and time.monotonic() < until:
            time.sleep(0.02)
        release.set()
        for thread in threads:
            thread.join()
    assert sorted(found) == [200] * 3 + [429] * 5


def test_a_request_that_takes_too_long_is_given_up_and_the_next_one_answered(transcriber: Served):
    with serving(transcriber, Limits(timeout_s=0.5)) as hasty:
        answers = hasty.service.engine._answers
        hasty.service.engine._answers = lambda *batch: (time.sleep(0.7), answers(*batch))[1]
        assert hasty.transcribe(SAID).status == 504
        assert events_of(hasty.chat(sound_part(SAID), stream=True).body)[-1]["error"]["code"] == "timeout"
        hasty.service.engine._answers = answers
        assert hasty.transcribe(SAID).status == 200


def test_an_error_of_the_model_is_told_as_ours_and_ends_nothing(transcriber: Served):
    with serving(transcriber) as shaky:
        answers = shaky.service.engine._answers

        def broken(*batch: Any) -> Any:
            raise ZeroDivisionError("secret")

        shaky.service.engine._answers = broken
        answer = shaky.transcribe(SAID)
        assert (answer.status, answer.error["code"]) == (500, "internal")
        assert b"secret" not in answer.body
        shaky.service.engine._answers = answers
        assert shaky.transcribe(SAID).status == 200


def test_a_decoder_that_dies_costs_one_request(server: Server):
    hearing = server.service._hearing
    assert server.transcribe(SAID).status == 200
    assert hearing._process is not None
    hearing._process.kill()
    hearing._process.join()
    assert server.transcribe(SAID).status == 200


def test_a_run_that_may_not_be_used_any_more_stops_answering(transcriber: Served):
    now, refusal = [0.0], [""]

    def ask() -> None:
        if refusal[0]:
            raise RefusedByRights(refusal[0])

    with serving(replace(transcriber), standing=Standing(ask, clock=lambda: now[0])) as server:
        refusal[0] = "anna's consent ended yesterday"
        assert server.transcribe(SAID).status == 200
        now[0] = 3600.0
        answer = server.transcribe(SAID)
        assert (answer.status, answer.error["message"]) == (403, refusal[0])
        assert server.get("healthz").status == 503
        refusal[0], now[0] = "", 7200.0
        assert server.transcribe(SAID).status == 200


def test_a_certificate_makes_it_https_and_a_bad_one_is_told(transcriber: Served, tmp_path: Path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with serving(transcriber, address=Address(port=0, certificate=(certificate, key))) as closed:
        context = ssl.create_default_context(cafile=str(certificate))
        url = closed.url.replace("http://127.0.0.1", "https://localhost")
        with urllib.request.urlopen(f"{url}healthz", context=context, timeout=20) as found:
            assert json.loads(found.read()) == {"status": "ok"}
    with pytest.raises(UnreadableInput, match="certificate"), serving(transcriber, address=Address(port=0, certificate=(key, certificate))):
        pass
