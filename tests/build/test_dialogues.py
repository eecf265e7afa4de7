"""Dialogues in a build: whole or not at all, in one split, and heard by cuts that are there once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from corpus import SCENARIO, Corpus, build_here, called, ledger_of, lines_of, make_corpus, plan_of, word_samples

from speccraft import store
from speccraft.build.dialogues import Planned, parts_of, without_incomplete
from speccraft.errors import SpeccraftError
from speccraft.ingest.rows import Dialogue
from speccraft.notebook import look_ahead
from speccraft.plan.dialogues import INCOMPLETE
from speccraft.plan.show import describe
from speccraft.scenario.contracts import SPLITS, Demonstration, Message, Pair, Part
from speccraft.sound.shards import ShardReader
from speccraft.store import Artefact
from speccraft.verify_deep import CHECKS, verify_deep
from speccraft.verify_deep.evidence import read_build

TALKS: dict[str, Any] = {"id": "talks", "format": "conversations", "path": "talks.jsonl", "audio_folder": ".", "licence": "CC0-1.0"}
JUDGED: dict[str, Any] = {"id": "judged", "format": "preferences", "path": "judged.jsonl", "audio_folder": ".", "licence": "CC0-1.0"}
NOTHING: Any = None


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """The tiny corpus, with recordings of its own for dialogues: `asked/0.wav` to `asked/11.wav`, and a spoken answer."""
    made = make_corpus(tmp_path)
    for number in range(12):
        made.add_file(f"asked/{number}.wav", word_samples("di", pitch=1.1 + 0.05 * number, seed=100 + number, seconds=0.4))
    made.add_file("said/yes.wav", word_samples("ko", pitch=1.7, seed=500, seconds=0.5))
    return made


def asked(*files: str, answer: Any = "done", **fields: Any) -> dict[str, Any]:
    """A conversation in which the user says every file and is answered each time."""
    turns = []
    for file in files:
        question = [{"type": "audio", "path": file}, {"type": "text", "text": "What now?"}]
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns, **fields}


def typed(question: str, answer: str = "done", **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **fields}


def use(corpus: Corpus, talks: list[Any] | None = NOTHING, judged: list[Any] | None = NOTHING, *, alone: bool = False, **overrides: Any) -> None:
    """Write dialogues, and a scenario that has them beside its speech, or alone."""
    sources = [] if alone else list(SCENARIO["sources"])
    for source, records in ((TALKS, talks), (JUDGED, judged)):
        if records is not None:
            (corpus.folder / source["path"]).write_text("".join(json.dumps(record) + "\n" for record in records))
            sources.append(source)
    place = {"environment": {"sampling_rate": 8000}} if alone else {}
    corpus.write_scenario(sources=sources, **place, **overrides)


def told(build: Artefact) -> dict[str, Demonstration]:
    """The demonstrations that the source gave, by the id that it uses."""
    rows = [line for split in SPLITS for line in lines_of(build.path / f"demonstrations.{split}.jsonl") if line["rule"] != "transcribe"]
    return {row["id"].removeprefix("talks/"): Demonstration.model_validate_json(json.dumps(row)) for row in rows}


def cuts_of(build: Artefact) -> dict[str, tuple[str, dict[str, Any]]]:
    return {cut["id"]: (split, cut) for split in SPLITS for cut in lines_of(build.path / f"cuts.{split}.jsonl")}


def heard(messages: tuple[Message, ...]) -> list[str]:
    return [part.cut for message in messages for part in message.content if part.cut is not None]


def fates(build: Artefact, source: str = "talks") -> dict[str, tuple[str, str | None]]:
    return {input: (fate, rule) for input, fate, rule in ledger_of(build).filter(source=source).select("input", "fate", "rule").iter_rows()}


def deep(build: Artefact) -> list[str]:
    return [f"{one.code} {one.file} {one.what}" for one in verify_deep(build.path).problems]


def test_a_dialogue_names_the_cuts_of_its_audio_and_every_part_is_in_the_ledger(corpus: Corpus) -> None:
    two = asked("asked/0.wav", "asked/1.wav", id="two", speaker="zoe", rule="confirm")
    use(corpus, [two, typed("Are you there?", id="none"), asked("asked/2.wav", id="one")])
    build = build_here(corpus).artefact
    found, cuts = told(build), cuts_of(build)
    assert fates(build) == dict.fromkeys(["two/0.0", "two/2.0", "none", "one/0.0"], ("kept", None))
    assert found.keys() == {"two", "none", "one"}
    assert [found[id].rule for id in ("two", "none")] == ["confirm", "given"]
    assert len(set(heard(found["two"].messages))) == 2
    for demonstration in found.values():
        for cut in heard(demonstration.messages):
            split, content = cuts[cut]
            assert split == demonstration.split
            assert (content["custom"]["source"], content["custom"]["stages"], content["supervisions"][0]["text"]) == ("talks", ["align"], None)
    assert cuts[heard(found["two"].messages)[0]][1]["custom"]["speaker"] == called("zoe", build)
    assert deep(build) == []


def test_the_recordings_of_a_dialogue_and_of_those_that_share_one_are_in_one_split_whatever_is_declared(corpus: Corpus) -> None:
    chain = [asked(f"asked/{n}.wav", f"asked/{n + 1}.wav", id=f"link{n}") for n in range(0, 5)]
    others = [asked(f"asked/{n}.wav", id=f"alone{n}") for n in range(6, 12)]
    use(corpus, [*chain, *others], alone=True, job__task="converse", splits={"dev": 0.2, "test": 0.2, "disjoint": ["audio"]}, training={"stages": ["align"]})
    build = build_here(corpus).artefact
    found = told(build)
    assert len({found[f"link{n}"].split for n in range(5)}) == 1
    assert {demonstration.split for demonstration in found.values()} == set(SPLITS)
    certificate = json.loads((build.path / "splits.json").read_bytes())
    assert any("dialogues that hear the same recording" in note for note in certificate["notes"])
    assert sum(counts["demonstrations"] for counts in certificate["dialogues"].values()) == len(found)
    assert deep(build) == []


def test_a_recording_in_several_dialogues_or_in_the_speech_is_one_cut(corpus: Corpus) -> None:
    use(corpus, [asked("asked/0.wav", id="a"), asked("asked/0.wav", id="b"), asked("words/anna-ba.wav", id="c")])
    build = build_here(corpus).artefact
    found, cuts = told(build), cuts_of(build)
    assert heard(found["a"].messages) == heard(found["b"].messages)
    [cut] = heard(found["c"].messages)
    assert (cuts[cut][0], cuts[cut][1]["custom"]["source"]) == (found["c"].split, "words")
    assert fates(build) == {"a/0.0": ("kept", None), "b/0.0": ("dropped", "duplicate"), "c/0.0": ("dropped", "duplicate")}
    assert deep(build) == []


@pytest.mark.parametrize("missing", ["refused", "failed", "silent", "address"])
def test_a_dialogue_of_which_a_part_is_missing_is_dropped_as_a_whole_and_its_other_parts_say_why(corpus: Corpus, missing: str) -> None:
    corpus.add_file("asked/broken.wav", b"RIFF nothing")
    corpus.add_file("asked/silent.wav", 0 * word_samples("ba"))
    file = {"refused": "asked/1.wav", "failed": "asked/broken.wav", "silent": "asked/silent.wav", "address": "https://example.org/a.wav"}[missing]
    record = asked("asked/0.wav", file, id="half", **({"licence": "CC-BY-NC-4.0"} if missing == "refused" else {}))
    use(corpus, [record, asked("asked/0.wav", id="other"), asked("asked/2.wav", id="whole")], rights={"use": ["train"], "accept": ["CC0-1.0"]})
    build = build_here(corpus).artefact
    assert told(build).keys() == {"other", "whole"}
    found = fates(build)
    assert found["half/2.0"][0] == {"silent": "dropped", "address": "failed"}.get(missing, missing)
    assert found["half/0.0"] == (("refused", "rights") if missing == "refused" else ("dropped", INCOMPLETE))
    assert found["other/0.0"] == ("kept", None)
    assert deep(build) == []


def test_parts_that_nobody_hears_any_more_are_dropped_by_a_rule_of_their_own(corpus: Corpus) -> None:
    corpus.add_file("asked/broken.wav", b"RIFF nothing")
    use(corpus, [asked("asked/0.wav", "asked/broken.wav", id="half"), asked("asked/2.wav", id="whole")])
    build = build_here(corpus).artefact
    assert fates(build) == {"half/0.0": ("dropped", INCOMPLETE), "half/2.0": ("failed", "not_audio"), "whole/0.0": ("kept", None)}
    [row] = ledger_of(build).filter(input="half/0.0").to_dicts()
    assert row["value"] == "talks:half/2.0 is not kept"
    assert deep(build) == []


def test_what_goes_with_its_dialogue_takes_no_speech_of_the_same_samples_with_it(corpus: Corpus) -> None:
    corpus.add_file("asked/broken.wav", b"RIFF nothing")
    use(corpus, [asked("words/anna-ba.wav", "asked/broken.wav", id="half"), asked("asked/2.wav", id="whole")])
    corpus.write_scenario(sources=[*SCENARIO["sources"], {**TALKS, "split": "test"}])
    build = build_here(corpus).artefact
    assert fates(build)["half/0.0"] == ("dropped", INCOMPLETE)
    assert fates(build, "words")["words/anna-ba.wav"] == ("kept", None)
    assert deep(build) == []


def test_pairs_are_written_with_where_they_come_from(corpus: Corpus) -> None:
    heard_rows = [
        {
            "id": f"p{n}",
            "prompt": [{"role": "user", "content": [{"type": "audio", "path": f"asked/{n}.wav"}]}],
            "chosen": [{"role": "assistant", "content": "Yes."}],
            "rejected": [{"role": "assistant", "content": "Certainly, and more."}],
        }
        for n in range(3)
    ]
    use(corpus, judged=[*heard_rows, {"id": "typed", "prompt": "Is it open?", "chosen": "Yes.", "rejected": "It depends.", "criterion": "efficient"}])
    build = build_here(corpus).artefact
    pairs = {pair["id"]: Pair.model_validate_json(json.dumps(pair)) for pair in lines_of(build.path / "pairs.jsonl")}
    cuts = cuts_of(build)
    assert pairs.keys() == {"judged/p0", "judged/p1", "judged/p2", "judged/typed"}
    assert {pair.origin for pair in pairs.values()} == {"given"}
    assert (pairs["judged/p0"].criterion, pairs["judged/typed"].criterion) == ("overall", "efficient")
    for pair in pairs.values():
        assert all(cuts[cut][0] == pair.split for cut in heard(pair.prompt))
    assert {entry.path: entry.count for entry in build.record.files}["pairs.jsonl"] == 4
    assert deep(build) == []


def test_two_spoken_answers_that_are_copies_of_each_other_keep_their_own_sound(corpus: Corpus) -> None:
    corpus.add_file("said/loud.wav", 1.8 * word_samples("ko", pitch=1.7, seed=500, seconds=0.5))
    yes, loud = ([{"role": "assistant", "content": [{"type": "audio", "path": f"said/{name}.wav"}]}] for name in ("yes", "loud"))
    record = {"id": "p", "prompt": "Say yes.", "chosen": yes, "rejected": loud}
    use(corpus, judged=[record])
    build = build_here(corpus).artefact
    [pair] = lines_of(build.path / "pairs.jsonl")
    assert pair["chosen"][0]["content"][0]["cut"] != pair["rejected"][0]["content"][0]["cut"]


def spoken(*files: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": [{"type": "audio", "path": file} for file in files]}]


def test_a_pair_whose_answers_are_the_same_samples_is_dropped_and_takes_nothing_with_it(corpus: Corpus) -> None:
    corpus.add_file("said/again.wav", (corpus.folder / "said/yes.wav").read_bytes())
    corpus.add_file("said/no.wav", word_samples("ne", pitch=1.7, seed=501, seconds=0.5))
    asks = [{"role": "user", "content": [{"type": "audio", "path": "words/anna-ba.wav"}]}]
    one = {"id": "one", "prompt": asks, "chosen": spoken("said/yes.wav"), "rejected": spoken("said/again.wav")}
    two = {"id": "two", "prompt": "Say yes.", "chosen": spoken("said/again.wav"), "rejected": spoken("said/no.wav")}
    more = {"id": "more", "prompt": "Say yes.", "chosen": spoken("said/yes.wav"), "rejected": spoken("said/yes.wav", "said/no.wav")}
    use(corpus, judged=[one, two, more])
    corpus.write_scenario(sources=[*SCENARIO["sources"], {**JUDGED, "split": "test"}])
    build = build_here(corpus).artefact
    assert [pair["id"] for pair in lines_of(build.path / "pairs.jsonl")] == ["judged/more", "judged/two"]
    found = fates(build, "judged")
    assert {found.pop(f"one/{part}") for part in ("0.0", "chosen.0.0", "rejected.0.0")} == {("dropped", "answers_alike")}
    assert sorted(found.values(), key=str) == [("dropped", "duplicate")] * 3 + [("kept", None)] * 2
    assert fates(build, "words")["words/anna-ba.wav"] == ("kept", None)
    assert deep(build) == []


def test_verify_deep_finds_a_pair_with_one_answer(corpus: Corpus) -> None:
    use(corpus, judged=[{"id": "typed", "prompt": "Is it open?", "chosen": "Yes.", "rejected": "It depends."}])
    path = build_here(corpus).artefact.path
    [pair] = lines_of(path / "pairs.jsonl")
    store.write_bytes(path / "pairs.jsonl", store.json_lines([pair | {"rejected": pair["chosen"]}]))
    evidence = read_build(path)
    assert [(one.code, one.file) for check in CHECKS for one in check(evidence)] == [("SC530", "pairs.jsonl")]


@pytest.mark.parametrize("split", ["train", "test"])
def test_what_the_assistant_says_is_heard_in_its_own_voice_and_not_in_the_place(corpus: Corpus, split: str) -> None:
    answer = [{"type": "audio", "path": "said/yes.wav"}, {"type": "text", "text": "Yes."}]
    use(corpus, [asked("asked/0.wav", answer=answer, id="spoken")])
    corpus.write_scenario(sources=[*SCENARIO["sources"], {**TALKS, "split": split}])
    build = build_here(corpus).artefact
    demonstration, cuts = told(build)["spoken"], cuts_of(build)
    question, spoken = heard(demonstration.messages)
    assert demonstration.split == split
    place = cuts[spoken][1]["custom"]["place"]
    assert place is None if split == "train" else not (place["noise"] or place["room"] or place["channel"])
    assert cuts[question][1]["custom"]["place"]["noise"]
    shards = ShardReader(build.path / "shards" / split)
    assert all((shards.samples(spoken, condition) == shards.samples(spoken)).all() for condition in shards.conditions)
    assert split == "train" or any((shards.samples(question, condition) != shards.samples(question)).any() for condition in shards.conditions)
    assert deep(build) == []


def test_dialogues_in_text_alone_are_split_by_what_is_asked(corpus: Corpus) -> None:
    use(corpus, [typed(f"Question {n // 2}?", f"Answer {n}", id=str(n)) for n in range(60)], alone=True, job__task="converse", training={"stages": ["align"]})
    build = build_here(corpus).artefact
    found = told(build)
    assert len(found) == 60
    assert {one.split for one in found.values()} == set(SPLITS)
    assert all(found[str(n)].split == found[str(n + 1)].split for n in range(0, 60, 2))
    assert ledger_of(build).filter(fate="kept", cuts=0, seconds=0.0).height == 60
    assert deep(build) == []


def test_an_official_split_of_a_source_holds_for_its_dialogues(corpus: Corpus) -> None:
    use(corpus, [asked("asked/0.wav", id="a"), typed("Hello?", id="b")])
    corpus.write_scenario(sources=[*SCENARIO["sources"], {**TALKS, "split": "dev"}])
    build = build_here(corpus).artefact
    assert {one.split for one in told(build).values()} == {"dev"}


def test_speech_and_dialogues_that_hear_it_cannot_be_in_different_official_splits(corpus: Corpus) -> None:
    (corpus.folder / "first.jsonl").write_text(json.dumps(asked("asked/0.wav", "asked/1.wav", id="a")) + "\n")
    (corpus.folder / "second.jsonl").write_text(json.dumps(asked("asked/1.wav", "asked/2.wav", id="a")) + "\n")
    sources = [{**TALKS, "id": name, "path": f"{name}.jsonl", "split": split} for name, split in (("first", "train"), ("second", "test"))]
    corpus.write_scenario(sources=[*SCENARIO["sources"], *sources], splits__disjoint=["audio"])
    with pytest.raises(SpeccraftError, match=r"dialogue .* stands in more than one"):
        build_here(corpus)


def test_an_edited_answer_is_another_build_and_decodes_nothing_again(corpus: Corpus) -> None:
    use(corpus, [asked("asked/0.wav", id="a"), typed("Hello?", id="b")])
    first = build_here(corpus)
    assert build_here(corpus).reused
    use(corpus, [asked("asked/0.wav", id="a"), typed("Hello?", "Yes, hello.", id="b")])
    second = build_here(corpus)
    assert not second.reused
    assert first.artefact.record.id != second.artefact.record.id


def test_verify_deep_finds_a_dialogue_that_hears_another_split(corpus: Corpus) -> None:
    use(corpus, [asked(f"asked/{n}.wav", id=f"d{n}") for n in range(10)])
    build = build_here(corpus).artefact
    cuts = {split: [cut for cut, (found, _) in cuts_of(build).items() if found == split] for split in SPLITS}
    for split in SPLITS:
        path = build.path / f"demonstrations.{split}.jsonl"
        rows = lines_of(path)
        mine = [row for row in rows if row["rule"] == "given"]
        if mine:
            mine[0]["messages"][0]["content"][0]["cut"] = cuts["test" if split != "test" else "train"][0]
            store.write_bytes(path, store.json_lines(rows))
    evidence = read_build(build.path)
    problems = [one for check in CHECKS for one in check(evidence)]
    assert {"SC525", "SC523"} <= {one.code for one in problems}


def test_the_plan_counts_dialogues_with_and_without_audio(corpus: Corpus) -> None:
    use(corpus, [asked("asked/0.wav", "asked/1.wav", id="a"), typed("Hello?", id="b"), typed("Hello again?", id="c")])
    assert "3 dialogues: 1 with audio, 2 in text alone" in describe(look_ahead(plan_of(corpus), corpus.workspace, workers=1))


# Decisions without audio


def planned(id: str, **recordings: str) -> Planned:
    messages = (Message(role="user", content=tuple(Part(type="audio", cut=part) for part in recordings)),)
    return Planned("s", Dialogue(id, messages, "given"), recordings, None)


def fated(**fates: tuple[str, str | None, str | None]) -> pl.DataFrame:
    rows = [{"source": "s", "input": input, "fate": fate, "rule": rule, "value": value, "limit": None} for input, (fate, rule, value) in fates.items()]
    return pl.DataFrame(rows, schema=dict.fromkeys(("source", "input", "fate", "rule", "value", "limit"), pl.String))


def test_a_part_that_another_whole_dialogue_hears_stays() -> None:
    segments = fated(a=("kept", None, None), b=("dropped", "quality.snr_db", "1"), c=("dropped", "duplicate", "s:a"))
    dialogues = (planned("half", x="s:a", y="s:b"), planned("whole", x="s:c"))
    assert parts_of(dialogues, segments)["heard"].to_list() == ["s:a", "s:b", "s:a"]
    assert without_incomplete(segments, dialogues)["fate"].to_list() == ["kept", "dropped", "dropped"]
    assert without_incomplete(segments, dialogues[:1])["rule"].to_list() == [INCOMPLETE, "quality.snr_db", "duplicate"]
