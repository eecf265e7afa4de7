"""From answers to a scenario: plain data, proven valid, as YAML with a line on what each section decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from speccraft.interview.answers import (
    AS_RECORDED,
    NONE,
    OTHER,
    UNKNOWN,
    Answers,
    Facts,
    changes_the_sound,
    columns_of,
    has_noise,
    is_speaking,
    knows_speakers,
    needs_snr,
    numbers_of,
    preset_of,
    rights_of,
)
from speccraft.interview.look import is_table
from speccraft.interview.questions import described, proposed_wer
from speccraft.interview.remain import CONSENT_RECORD, CONSENTS, nothing_there, remaining, without_noise
from speccraft.interview.render import comment, render
from speccraft.scenario import Scenario
from speccraft.scenario.advice import advise
from speccraft.scenario.diagnostics import Diagnostic, printable
from speccraft.scenario.document import Where
from speccraft.scenario.text import check, parse

SCHEMA = "scenario.schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA}"
STAGES = ["pretrain", "align"]


@dataclass
class _Draft:
    """A scenario in the making: its data, comments above keys and notes beside them."""

    data: dict[str, Any] = field(default_factory=dict)
    above: dict[Where, str] = field(default_factory=dict)
    beside: dict[Where, str] = field(default_factory=dict)

    def section(self, name: str, value: Any, why: str) -> None:
        """Add a section with a comment on what it decides."""
        self.data[name] = value
        self.above[(name,)] = why

    def note(self, text: str, *where: str | int) -> None:
        """Add a note at the end of a line."""
        self.beside[where] = text


@dataclass(frozen=True)
class Composed:
    """A scenario as text, as model, and what `check` has to say about it."""

    text: str
    scenario: Scenario
    advice: tuple[Diagnostic, ...]
    remaining: tuple[str, ...]


def compose(answers: Answers, facts: Facts) -> Composed:
    """The scenario that the answers describe; it passes `check`.

    Raises:
        InvalidScenario: it does not, which is our bug.
    """
    draft = _Draft()
    _head(draft, answers, facts)
    _job(draft, answers, facts)
    _environment(draft, answers, facts)
    _rights(draft, answers)
    draft.section("sources", _sources(draft, answers, facts), "Where recordings come from. What has no licence is refused, never guessed.")
    _data(draft, answers, facts)
    _manual(draft, answers)
    draft.section("training", {"stages": STAGES}, "Which stages train. No `recipe:` is written, so `plan` chooses one for the job and says why.")
    _acceptance(draft, answers)
    text = "\n".join([MODELINE, *comment(_opening(facts))]) + "\n" + render(draft.data, above=draft.above, beside=draft.beside)
    return _checked(text, draft.data, tuple(remaining(answers, facts)))


def _checked(text: str, data: dict[str, Any], remaining: tuple[str, ...]) -> Composed:
    """What is written is what was meant, and is a valid scenario."""
    document = parse(text, "the scenario that init composed")
    assert document.data == data, "the YAML says something else than the data it was written from"
    scenario = check(document, Scenario)
    advice = advise(scenario, document)
    assert not [one for one in advice if one.severity == "error"], f"init composed a scenario that contradicts itself: {advice}"
    return Composed(text, scenario, advice, remaining)


def _opening(facts: Facts) -> str:
    lines = ["Written by `speccraft init`. Every line may be changed; `speccraft check` says at once when something does not fit."]
    if facts.heard is not None:
        lines += ["", *(printable(line) for line in facts.heard.summary())]
    return "\n".join(lines)


def _head(draft: _Draft, answers: Answers, facts: Facts) -> None:
    draft.data |= {"speccraft": 1, "name": answers["name"], "seed": 0}
    draft.note("builds and runs are kept under it", "name")
    draft.note("of every random draw: the same seed and data give the same bytes", "seed")
    outside = [root for key in ("recordings", "noise") if (root := _root(answers.get(key, NONE), facts)) is not None]
    if outside:
        draft.section(
            "roots", sorted(set(outside)), "Folders outside this one that paths may reach into; without them a scenario reads nothing else of your disk."
        )
    if spent := numbers_of(answers["budget"]):
        why = "What can be spent. `plan` holds its estimates against it and says whether more would be worth it."
        draft.section("budget", dict(zip(("annotation_hours", "gpu_hours"), spent, strict=True)), why)


def _root(path: str, facts: Facts) -> str | None:
    """The folder that has to be named for a path that leaves the scenario's."""
    if path == NONE or (facts.folder / path).resolve().is_relative_to(facts.folder.resolve()):
        return None
    return PurePath(path).parent.as_posix() if is_table(path) else path


def _job(draft: _Draft, answers: Answers, facts: Facts) -> None:
    job: dict[str, Any] = {"task": answers["task"]}
    if answers["task"] == "converse":
        job["output"] = ["text", "speech"] if is_speaking(answers) else ["text"]
    job |= {"languages": answers["languages"].split(", "), "style": answers["style"]}
    job["longest_utterance_s"] = 20 if facts.heard is None else facts.heard.longest_utterance_s
    judged = "It is judged by word error rate." if answers["task"] == "transcribe" else "It is judged by word error rate and by the manual below."
    draft.section("job", job, f"What the assistant does: it decides what is demonstrated and what is scored. {judged}")
    draft.note("other languages are dropped", "job", "languages")
    draft.note("how people will speak; sources that say nothing else are taken to be like this", "job", "style")
    longest = "longer recordings with a transcript are dropped, others are cut"
    draft.note(longest if facts.heard is None else f"heard at 5, 50, 95 %: {facts.heard.spread('seconds')} s; {longest}", "job", "longest_utterance_s")


def _environment(draft: _Draft, answers: Answers, facts: Facts) -> None:
    preset, heard = preset_of(answers), facts.heard
    place: dict[str, Any] = {"preset": answers["place"]} if preset is not None else {}
    if preset is not None:
        draft.note(f"{described(preset)}; what is written below wins", "environment", "preset")
    if preset is None and answers["place"] == OTHER:
        place["place"] = answers["place_words"]
    if preset is None or preset.sampling_rate is None:
        place["sampling_rate"] = 16000 if heard is None else heard.sampling_rate
        said = "in Hz; enough for recognition" if heard is None else "in Hz; the highest, up to 16 kHz, that nine in ten recordings have"
        draft.note(said, "environment", "sampling_rate")
    if has_noise(answers):
        if needs_snr(answers):
            low, high = numbers_of(answers["snr_db"])
            place["snr_db"] = {"low": low, "high": high}
            draft.note("speech above noise; ratios are drawn from this band", "environment", "snr_db")
        place["noise"] = ["noise"]
    elif preset is not None and preset.snr_db is not None:
        place["snr_db"] = None
        draft.note(f"the preset says {preset.snr_db.low:g} to {preset.snr_db.high:g}: name noise recordings and remove this line", "environment", "snr_db")
    if preset is not None and preset.rt60_s is not None:
        place["rt60_s"] = None
        reach = f"the preset says {preset.rt60_s.low:g} to {preset.rt60_s.high:g}: add a source with `role: rir`, name it under `rooms:`, remove this line"
        draft.note(reach, "environment", "rt60_s")
    if changes_the_sound(answers):
        place["clean_fraction"] = 0.2
        draft.note("share of training cuts left as recorded, so that clean speech is not forgotten", "environment", "clean_fraction")
    draft.section("environment", place, _about_the_place(answers, facts))


def _about_the_place(answers: Answers, facts: Facts) -> str:
    why = "Where it will be used: speech is made to sound like it in training and test, and the result is measured against it."
    if answers["place"] == AS_RECORDED:
        why = "Where it will be used: as the recordings are. Nothing is added, and nothing is promised about other places."
    heard = facts.heard
    if heard is not None and heard.snr_db is not None:
        low, high = heard.snr_db
        why += (
            f"\nThe recordings have an SNR of {low} to {high} dB as they are (5th to 95th percentile of what was heard). Adding noise only lowers that: what "
            "is made of them is never quieter."
        )
    silent = without_noise(answers)
    return f"{why}\nNot yet: {silent}." if silent else why


def _rights(draft: _Draft, answers: Answers) -> None:
    if is_speaking(answers):
        voice = {"kind": "stock"}
        if answers["voice"] == "licensed":
            voice = {"kind": "licensed", "speaker": answers["voice_speaker"], "consent": f"{answers['voice_speaker'][:56]}-consent"}
        draft.section("voice", voice, "Whose voice answers. A real person's cannot be named without the record of their consent.")
    use, commercial = rights_of(answers)
    rights: dict[str, Any] = {"use": list(use), "commercial": commercial}
    if answers.get("voice") == "licensed":
        rights["consents"] = CONSENTS
        draft.note("still to be written, beside this file", "rights", "consents")
    record = f"\n{CONSENT_RECORD}" if "consents" in rights else ""
    draft.section(
        "rights", rights, "What is done with recordings and model. A source that does not allow all of it is refused before its audio is opened." + record
    )
    draft.note("business: NC licences are refused" if commercial else "nothing is sold; `true` refuses NC licences", "rights", "commercial")


def _sources(draft: _Draft, answers: Answers, facts: Facts) -> list[dict[str, Any]]:
    sources = [_table(draft, answers) if is_table(answers["recordings"]) else _folder(draft, answers, facts)]
    if missing := nothing_there(answers, facts, "recordings"):
        draft.note(missing, "sources", 0, "path")
    if "licence" in answers:
        _licence(draft, sources[0], 0, answers["licence"])
    if has_noise(answers):
        noise: dict[str, Any] = {"id": "noise", "role": "noise", "format": "folder", "path": answers["noise"]}
        sources.append(noise)
        if missing := nothing_there(answers, facts, "noise"):
            draft.note(missing, "sources", 1, "path")
        _licence(draft, noise, 1, answers["noise_licence"])
    return sources


def _licence(draft: _Draft, source: dict[str, Any], index: int, licence: str) -> None:
    if licence == UNKNOWN:
        draft.above["sources", index] = (
            "No licence is stated, so these recordings are refused. When you know it, add a line such as `licence: CC-BY-4.0` (an SPDX id)."
        )
    else:
        source["licence"] = licence


def _folder(draft: _Draft, answers: Answers, facts: Facts) -> dict[str, Any]:
    source: dict[str, Any] = {"id": "recordings", "format": "folder", "path": answers["recordings"]}
    found = facts.look(answers["recordings"]).endings
    endings = found if facts.heard is None else facts.heard.endings
    if endings:
        source["endings"] = list(endings)
    if deaf := [ending for ending in found if ending not in endings]:
        draft.note(f"left out, for none that was tried can be read: {', '.join(deaf)}", "sources", 0, "endings")
    if (level := int(answers["speaker_folder"])) > 0:
        source["speaker_folder"] = level
        names = facts.look(answers["recordings"]).names_at(level)
        seen = f": {printable(', '.join(names[:3]))}{' ...' if len(names) > 3 else ''}" if names else ""
        draft.note(f"the folder that names the speaker{seen}", "sources", 0, "speaker_folder")
    transcripts = "The transcript of `take1.wav` is `take1.txt` beside it. A recording without one is not trained on."
    draft.above["sources", 0, "path"] = transcripts
    return source


def _table(draft: _Draft, answers: Answers) -> dict[str, Any]:
    columns = {field: column for field, column in columns_of(answers).items() if field != "split"}
    draft.note("which column of the table holds what; others are not read", "sources", 0, "columns")
    return {"id": "recordings", "format": "table", "path": answers["recordings"], "columns": columns}


def _data(draft: _Draft, answers: Answers, facts: Facts) -> None:
    rules: dict[str, Any] = {"clipped_fraction": {"max": 0.01, "max_drop": 0.1}}
    if facts.heard is not None:
        rules = facts.heard.quality()
        for measure in rules:
            draft.note(f"heard at 5, 50, 95 %: {facts.heard.spread(measure, 4 if measure == 'clipped_fraction' else 2)}", "quality", measure)
    rules["characters_per_s"] = {"min": 2, "max": 40, "max_drop": 0.1}
    draft.note("finds transcripts that belong to another recording", "quality", "characters_per_s")
    why = "Which utterances are kept; the ledger names the rule and value for each that is not. A build stops when a rule drops more than `max_drop`."
    draft.section("quality", rules, why)
    splits: dict[str, Any] = {"dev": 0.1, "test": 0.1, "disjoint": ["speaker", "recording", "audio"] if knows_speakers(answers) else ["recording", "audio"]}
    if "session" in columns_of(answers):
        splits["disjoint"].insert(-2, "session")
    if "split" in columns_of(answers):
        splits["given"] = columns_of(answers)["split"]
        draft.note("the table's own splits; rows without one are split here", "splits", "given")
    kept = "no speaker is in two of them" if knows_speakers(answers) else "nobody knows who speaks, so a voice may be in two of them, and results look too good"
    draft.section("splits", splits, f"How training, dev and test are kept apart: {kept}.")


def _manual(draft: _Draft, answers: Answers) -> None:
    if answers["task"] != "converse":
        return
    why = (
        "The job manual: what a right answer is. Add rules that can be taught and checked, such as\n  rules:\n"
        "    - {id: no-medical-advice, topic: medical advice, must: refuse}\n    - {id: buy, when: the user wants to buy, must: confirm}"
    )
    draft.section("manual", {"persona": answers["persona"]}, why)


def _acceptance(draft: _Draft, answers: Answers) -> None:
    amounts, rates = numbers_of(answers["amount"]), numbers_of(answers["wer"])
    data: dict[str, Any] = {}
    if amounts:
        data["hours"] = dict.fromkeys(STAGES, amounts[0])
    if len(amounts) > 1:
        data["speakers"] = int(amounts[1])
    if has_noise(answers):
        data["environment_match"] = 0.9
    targets = {"data": data} if data else {}
    if rates:
        targets["model"] = {"wer": dict(zip(("clean", "environment"), rates, strict=False))}
        if answers["wer"] == proposed_wer(answers):
            draft.note("numbers to begin with, nobody's measurement: set your own", "acceptance", "model")
    if targets:
        draft.section("acceptance", targets, "What counts as done, written down before anyone sees a result. A missed target blocks.")
