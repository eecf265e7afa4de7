"""The API answers as OpenAI's clients expect, whole and in streams."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from serve_world import Server, events_of, sound_part, text_part, wav
from tones_world import RATE, tone

WORDS = ("ba", "di", "zu")


@pytest.mark.parametrize("word", WORDS)
def test_a_transcription_is_what_was_said(server: Server, word: str):
    answer = server.transcribe(wav(tone(word, 0.3)))
    assert (answer.status, answer.json["text"]) == (200, f"{word}!")
    assert answer.headers["x-speccraft-synthetic"] == "true"


@pytest.mark.parametrize(("format", "rate"), [("FLAC", RATE), ("MP3", 16000), ("OGG", 16000), ("WAV", 44100)])
def test_other_containers_and_rates_are_heard_too(server: Server, format: str, rate: int):
    samples = np.interp(np.arange(int(0.4 * rate)) / rate, np.arange(int(0.4 * RATE)) / RATE, np.resize(tone("di", 0.4), int(0.4 * RATE)))
    assert server.transcribe(wav(samples, rate, format)).json["text"] == "di!"


def test_a_transcription_comes_as_text_and_with_its_duration(server: Server):
    said = wav(tone("ba", 0.3))
    assert server.transcribe(said, response_format="text").body == b"ba!\n"
    more = server.transcribe(said, response_format="verbose_json", temperature="0").json
    assert (more["duration"], more["language"], more["segments"][0]["text"]) == (0.3, "en", "ba!")
    assert more["speccraft"]["ignored"] == ["temperature"]


def test_a_streamed_transcription_adds_up_to_the_whole_one(server: Server):
    events = events_of(server.transcribe(wav(tone("zu", 0.3)), stream="true").body)
    assert "".join(event["delta"] for event in events[:-1]) == events[-1]["text"] == "zu!"
    assert len(events) > 2


def test_a_chat_hears_audio_and_streams_what_it_answers_at_once(server: Server):
    asked = sound_part(wav(tone("zu", 0.3)))
    whole = server.chat(asked, text_part("write it")).json
    assert whole["choices"][0]["message"]["content"] == "zu!"
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"]["completion_tokens"] == 3
    events = events_of(server.chat(asked, text_part("write it"), stream=True, stream_options={"include_usage": True}).body)
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events if event["choices"]) == "zu!"
    assert events[-1]["usage"] == whole["usage"]
    assert events[-2]["choices"][0]["finish_reason"] == "stop"


def test_a_transcriber_is_given_its_instruction_where_the_client_gives_none(server: Server):
    assert server.chat(sound_part(wav(tone("di", 0.3)))).json["choices"][0]["message"]["content"] == "di!"


def test_an_answer_ends_where_the_client_says(server: Server):
    choice = server.chat(sound_part(wav(tone("di", 0.3))), max_completion_tokens=2).json["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("di", "length")


def test_answers_to_requests_that_wait_together_are_those_of_requests_alone(server: Server):
    asked = [(word, seconds) for word in WORDS for seconds in (0.2, 0.3, 0.35)]
    found: dict[tuple[str, float], str] = {}

    def ask(word: str, seconds: float) -> None:
        found[word, seconds] = server.transcribe(wav(tone(word, seconds))).json["text"]

    threads = [threading.Thread(target=ask, args=one) for one in asked]
    before = server.service.metrics.text()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {(word, seconds): f"{word}!" for word, seconds in asked}
    assert _total(server.service.metrics.text(), "batched") - _total(before, "batched") == len(asked)


def _total(text: str, what: str) -> float:
    return float(next(line for line in text.splitlines() if line.startswith(f"speccraft_{what}_total")).split()[1])


def test_the_model_is_listed_and_others_are_not_found(server: Server):
    names = [model["id"] for model in server.get("v1/models").json["data"]]
    assert names[0] == "tones"
    assert server.get(f"v1/models/{names[1]}").json["id"] == names[1]
    assert server.get("v1/models/gpt-4o").status == 404
    assert server.chat(text_part("ba"), model="gpt-4o").error["code"] == "model_not_found"


def test_health_and_metrics_are_told(server: Server):
    server.transcribe(wav(tone("ba", 0.3)))
    server.get("v1/nowhere")
    assert server.get("healthz").json == {"status": "ok"}
    text = server.get("metrics").body.decode()
    assert 'speccraft_requests_total{path="/v1/audio/transcriptions",status="200"}' in text
    assert 'speccraft_requests_total{path="other",status="404"}' in text
    assert "nowhere" not in text
    assert "speccraft_queue_length 0" in text
    count = float(next(line for line in text.splitlines() if line.startswith("speccraft_answer_seconds_count")).split()[1])
    buckets = [float(line.split()[1]) for line in text.splitlines() if line.startswith("speccraft_answer_seconds_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == count > 0


def test_the_page_is_one_script_that_may_reach_nothing_else(server: Server):
    page = server.get("")
    assert page.body.count(b"<script") == 1
    assert b"style=" not in page.body
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert {server.get(name).status for name in ("page.js", "page.css")} == {200}
