"""What the answers leave open: said at the end of the interview, and in the file where it belongs."""

from __future__ import annotations

from collections.abc import Iterator

from speccraft.interview.answers import AS_RECORDED, UNKNOWN, Answers, Facts, has_noise, preset_of, speakers_found
from speccraft.interview.near import is_there, near_path, stranger

CONSENTS = "consents.yaml"
CONSENT_RECORD = (
    "A consent record says whose voice it is (`speaker`), what may be done with it (`uses`, `synthesise` among them), from when until when, in which "
    "countries (`territory`), and names the signed document (`evidence`) with its SHA-256; `speccraft init --template licensed-narrator` has one to learn from."
)


def remaining(answers: Answers, facts: Facts) -> Iterator[str]:
    """What is still to be done, a sentence each."""
    for key, what in (("recordings", "the recordings"), ("noise", "the noise")):
        if missing := nothing_there(answers, facts, key):
            yield f"{what}: {missing}"
    for key, what in (("licence", "recordings"), ("noise_licence", "noise recordings")):
        if answers.get(key) == UNKNOWN:
            yield f"the {what} have no licence yet; until the file states one, they are refused"
    if silent := without_noise(answers):
        yield silent
    if "voice_speaker" in answers:
        if unknown := stranger(answers["voice_speaker"], speakers_found(answers, facts)):
            yield unknown
        yield f"{CONSENTS} is still to be written. {CONSENT_RECORD}"


def nothing_there(answers: Answers, facts: Facts, key: str) -> str:
    """Words for a path where nothing is; empty where something is, or no path was answered."""
    path = answers.get(key, "none")
    if path == "none" or is_there(facts.folder / path):
        return ""
    near = near_path(facts.folder, path)
    return f"nothing is at {path} yet; until something is, nothing can be planned or built" + (f" (is {near} meant?)" if near else "")


def without_noise(answers: Answers) -> str:
    """Words for a place whose noise is missing; empty for one that has it, or none."""
    preset = preset_of(answers)
    if answers["place"] == AS_RECORDED or has_noise(answers) or (preset is not None and preset.snr_db is None):
        return ""
    called = preset.words if preset is not None else answers["place_words"]
    how = "remove `snr_db: null`" if preset is not None else "write `snr_db: {low: 5, high: 20}` with your numbers"
    return (
        f"no noise is named, so neither training nor test data will sound like the place ({called}), and no result is about it. To change that: add a source "
        f"with `role: noise`, write its id as `noise: [ID]` under `environment`, and {how}; or run init again with `--answer noise=FOLDER`"
    )
