"""Dialogues beside the tiny corpus: recordings of their own, conversations and preferences about them, and a shorter file of each."""

from __future__ import annotations

import json
from typing import Any

from corpus import Corpus, word_samples

DIALOGUES: dict[str, dict[str, Any]] = {
    "ConversationsSource": {"id": "talks", "format": "conversations", "path": "dialogues/talks.jsonl", "audio_folder": ".", "licence": "CC0-1.0"},
    "PreferencesSource": {"id": "talks", "format": "preferences", "path": "dialogues/judged.jsonl", "audio_folder": ".", "licence": "CC0-1.0"},
}
"""For every model, a source that reads them."""
FEWER_DIALOGUES = {"ConversationsSource": "dialogues/fewer.jsonl", "PreferencesSource": "dialogues/fewer_judged.jsonl"}


def write_dialogues(corpus: Corpus) -> None:
    """Write everything that `DIALOGUES` and `FEWER_DIALOGUES` name."""
    for number in range(4):
        corpus.add_file(f"asked/{number}.wav", word_samples("di", pitch=1.1 + 0.05 * number, seed=100 + number, seconds=0.4))
    asked = [{"role": "user", "content": [{"type": "audio", "path": f"asked/{number}.wav"}]} for number in range(4)]
    done = [{"role": "assistant", "content": "done"}]
    talks: list[dict[str, Any]] = [{"id": f"d{number}", "messages": [turn, *done]} for number, turn in enumerate(asked)]
    talks.append({"id": "typed", "messages": [{"role": "user", "content": "hello?"}, *done]})
    judged = [{"id": f"p{number}", "prompt": [turn], "chosen": done, "rejected": "well"} for number, turn in enumerate(asked)]
    (corpus.folder / "dialogues").mkdir(exist_ok=True)
    for name, records in (("talks", talks), ("fewer", talks[:-2]), ("judged", judged), ("fewer_judged", judged[:-1])):
        (corpus.folder / f"dialogues/{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
