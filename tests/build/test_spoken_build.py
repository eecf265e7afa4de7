"""Builds from what a checkpoint says and from what phones and browsers record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from corpus import RATE, WORDS, Corpus, build_here, bytes_of, ledger_of, plan_of, word_samples
from media_world import media
from vits_world import write_checkpoint

from speccraft.build.run import units_of
from speccraft.errors import RefusedByRights, UnreadableInput

VOICES = [{"id": "eve"}, {"id": "adam", "speaker": 1}, {"id": "kim", "speaker": 2, "speaking_rate": 1.2}]
SPOKEN = {"id": "spoken", "format": "tts", "path": "model", "licence": "CC0-1.0", "voices": VOICES, "texts": ["hello there", "good night", "7 o'clock"]}


def with_source(corpus: Corpus, source: dict[str, Any]) -> None:
    scenario = json.loads(corpus.scenario.read_text())
    scenario["sources"] = [one for one in scenario["sources"] if one["id"] != source["id"]] + [source]
    corpus.scenario.write_text(json.dumps(scenario))


@pytest.fixture
def spoken(corpus: Corpus) -> Corpus:
    """The corpus with a checkpoint that speaks."""
    write_checkpoint(corpus.folder / "model")
    with_source(corpus, SPOKEN)
    return corpus


@pytest.mark.slow
def test_a_checkpoint_speaks_the_same_on_any_number_of_workers_and_its_ledger_says_what_it_could_not(spoken: Corpus, tmp_path: Path) -> None:
    one, two = (build_here(spoken, tmp_path / str(workers), workers=workers) for workers in (1, 2))
    assert bytes_of(one.artefact.path) == bytes_of(two.artefact.path)
    assert {"torch", "transformers"} < one.artefact.record.info["tools"].keys()
    ledger = ledger_of(one)
    rows = {row["input"]: row for row in ledger.filter(ledger["source"] == "spoken").iter_rows(named=True)}
    assert len(rows) == 9
    assert {input for input, row in rows.items() if row["fate"] == "failed"} == {f"{voice}/003-1" for voice in ("eve", "adam", "kim")}
    assert rows["eve/003-1"]["reason"] == "the checkpoint cannot say '7': write the text in its letters"
    assert rows["eve/001-1"]["seconds"] > 0.2


@pytest.mark.slow
def test_another_checkpoint_at_the_same_place_is_spoken_with_and_a_copy_elsewhere_is_not(spoken: Corpus) -> None:
    first = build_here(spoken)
    (spoken.folder / "model").rename(spoken.folder / "moved")
    with_source(spoken, SPOKEN | {"path": "moved"})
    before = {unit.key for unit in units_of(plan_of(spoken))}
    assert all((spoken.workspace / "cache/units" / key).is_dir() for key in before)
    write_checkpoint(spoken.folder / "moved", seed=5)
    assert len({unit.key for unit in units_of(plan_of(spoken))} - before) == 1
    again = build_here(spoken)
    assert not again.reused
    assert ledger_of(first).filter(ledger_of(first)["source"] == "spoken")["seconds"].to_list() != [
        *ledger_of(again).filter(ledger_of(again)["source"] == "spoken")["seconds"]
    ]


def test_a_plan_with_a_checkpoint_loads_no_torch(spoken: Corpus) -> None:
    script = (
        "import sys; from pathlib import Path; from speccraft.scenario import load_scenario; from speccraft.plan import plan_of\n"
        "plan = plan_of(load_scenario(Path(sys.argv[1])), as_of='2026-01-01')\n"
        "print(sum(item.source.id == 'spoken' for item in plan.admitted), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(spoken.scenario)], capture_output=True, text=True, check=True)
    assert done.stdout == "6 False\n"


@pytest.mark.parametrize(("licence", "reason"), [(None, "no licence"), ("CC-BY-NC-4.0", "commercial")])
def test_the_gate_asks_for_the_checkpoints_licence(spoken: Corpus, licence: str | None, reason: str) -> None:
    with_source(spoken, {**SPOKEN, "licence": licence})
    scenario = json.loads(spoken.scenario.read_text())
    scenario["rights"] = {"use": ["train"], "commercial": True}
    spoken.scenario.write_text(json.dumps(scenario))
    with pytest.raises(RefusedByRights, match=reason):
        build_here(spoken)


def test_pickled_weights_stop_the_plan(spoken: Corpus) -> None:
    (spoken.folder / "model/model.safetensors").rename(spoken.folder / "model/pytorch_model.bin")
    with pytest.raises(UnreadableInput, match="pickled"):
        plan_of(spoken)


def test_recordings_of_phones_and_browsers_are_cut_like_others_and_the_ledger_tells_which_are_not(corpus: Corpus) -> None:
    one, other, third = (np.concatenate([word_samples(word, 1.2 + 0.1 * number) for word in ("ba", *WORDS)]).astype(np.float32) for number in range(3))
    corpus.add_row("words/phone.m4a", media("ipod", "aac", one, sampling_rate=RATE), speaker="anna", text="ba")
    corpus.add_row("words/browser.webm", media("webm", "libopus", other, sampling_rate=RATE, options={"live": "1"}), speaker="bela", text="ba")
    corpus.add_row("words/film.mp4", media("mp4", "aac", third, sampling_rate=RATE, video_s=2), speaker="cleo", text="ba")
    corpus.add_row("words/two.mkv", media("matroska", "pcm_s16le", one, one, sampling_rate=RATE), speaker="dora")
    corpus.add_row("words/half.m4a", media("ipod", "aac", one, sampling_rate=RATE)[:-100], speaker="emil")
    built = build_here(corpus)
    assert built.artefact.record.info["tools"]["av"] == av.__version__
    assert "torch" not in built.artefact.record.info["tools"]
    rows = {row["input"]: row for row in ledger_of(built).iter_rows(named=True)}
    for name in ("phone.m4a", "browser.webm", "film.mp4"):
        row = rows[f"words/{name}"]
        assert (row["fate"], row["cuts"]) == ("kept", 1), row
        assert row["seconds"] == pytest.approx(len(one) / RATE, abs=0.2)
    assert (rows["words/two.mkv"]["rule"], rows["words/half.m4a"]["rule"]) == ("multi_stream", "truncated")
