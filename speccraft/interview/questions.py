"""The questions of stage 1, as data: what is asked, what each answer leads to, what is proposed, and what counts as an answer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from speccraft.interview import answers as read
from speccraft.interview.answers import AS_RECORDED, NONE, OTHER, UNKNOWN, Answers, Facts
from speccraft.interview.look import Look, column_guess, is_table, speaker_level
from speccraft.interview.near import slug
from speccraft.interview.remain import CONSENT_RECORD
from speccraft.scenario.places import PRESETS
from speccraft.scenario.source import Columns
from speccraft.scenario.source_base import AUDIO_ENDINGS

if TYPE_CHECKING:
    from speccraft.scenario.places import Preset

Reader: TypeAlias = Callable[[str, Answers, Facts], str]


@dataclass(frozen=True)
class Choice:
    """One possible answer and what follows from it."""

    value: str
    means: str


@dataclass(frozen=True)
class Question:
    """One question. `read` checks an answer and brings it into one form; `applies` looks at earlier answers only."""

    key: str
    text: str
    allowed: str
    default: Callable[[Answers, Facts], str]
    read: Reader
    choices: tuple[Choice, ...] = ()
    applies: Callable[[Answers], bool] = lambda _: True
    when: str = "always"
    found: Callable[[Answers, Facts], str] = lambda *_: ""


@functools.cache
def questions() -> tuple[Question, ...]:
    """Every question, in the order that they are asked in."""
    return (*_about_the_job(), *_about_the_place(), *_about_the_recordings(), *_about_the_end())


def _about_the_job() -> tuple[Question, ...]:
    tasks = (
        Choice("transcribe", "it writes down what was said. Judged by word error rate; needs recordings with transcripts."),
        Choice("converse", "it answers. Judged by its job manual too; also needs rules for answers and demonstrations of good ones."),
    )
    styles = (
        Choice("scripted", "people read aloud or give fixed commands. Clean transcripts, little data needed; fails on free speech."),
        Choice(
            "spontaneous", "people speak freely: hesitations, half sentences. Transcribing takes several times the hours, and read speech does not replace it."
        ),
        Choice("mixed", "both. Recordings of each are needed, and each source should say which it is."),
    )
    outputs = (
        Choice("text", "on a screen. Nobody's voice has to be cleared."),
        Choice("speech", "aloud, and in text. Needs a voice that may be used, and a model with units for sound."),
    )
    voices = (
        Choice("stock", "a synthetic voice that imitates nobody. No consent needed."),
        Choice("licensed", "a real person's voice. Without a record of that person's consent `plan` refuses."),
    )
    return (
        Question("name", "What is the job called? Builds and runs are kept under this name.", "letters, digits, dot, dash, underscore", _name, read.an_id),
        _choice("task", "Does the assistant write down what was said, or answer?", tasks, "transcribe"),
        Question(
            "languages",
            "Which languages are spoken? Rows in other languages are dropped.",
            "BCP 47 tags with commas between them, such as en or en, de-CH",
            lambda *_: "en",
            read.languages,
        ),
        _choice("style", "How will people speak?", styles, "mixed"),
        _choice("output", "How does it answer?", outputs, "text", applies=lambda a: a["task"] == "converse", when="task is converse"),
        _choice("voice", "Whose voice does it answer with?", voices, "stock", applies=read.is_speaking, when="output is speech"),
        Question(
            "persona",
            "Who is the assistant, in a sentence? The job manual begins with it, and answers are judged by the manual.",
            "a sentence",
            lambda *_: "You are a helpful assistant. You are brief and exact.",
            read.words,
            applies=lambda a: a["task"] == "converse",
            when="task is converse",
        ),
    )


def _about_the_place() -> tuple[Question, ...]:
    places = (
        Choice(AS_RECORDED, "as the recordings are. Nothing is added, and nothing is promised about other places."),
        *(Choice(name, described(preset)) for name, preset in PRESETS.items()),
        Choice(OTHER, "a place of your own: you give the numbers."),
    )
    licence = "An SPDX id, or `unknown`: then these recordings are refused until the file says one."
    return (
        Question(
            "place",
            "Where will it be used? Speech is made to sound like the place in training and in test, and the result is measured against it.",
            ", ".join(choice.value for choice in places),
            lambda *_: AS_RECORDED,
            functools.partial(read.one_of, values=[choice.value for choice in places]),
            places,
        ),
        Question(
            "place_words",
            "What place, in a few words? Reports and the model card name it.",
            "a few words",
            lambda *_: "a place of our own",
            read.words,
            applies=lambda a: a["place"] == OTHER,
            when="place is other",
        ),
        Question(
            "noise",
            "Which folder holds recordings of the noise there, without speech? A preset brings numbers and no sound: with `none`, neither training "
            "nor test data will sound like the place, until the file names noise.",
            "a folder, relative to the scenario, or none",
            lambda *_: NONE,
            read.noise,
            applies=lambda a: a["place"] != AS_RECORDED,
            when="place is not as-recorded",
            found=lambda a, facts: _heard_noise(a, facts),
        ),
        Question(
            "noise_licence",
            f"Which licence do the noise recordings have? {licence}",
            "an SPDX id, or unknown",
            lambda *_: UNKNOWN,
            read.licence_of_noise,
            applies=read.has_noise,
            when="noise is a folder",
        ),
        Question(
            "snr_db",
            "How far is speech above the noise there, in dB: lowest and highest? Noise is mixed in at ratios drawn from this band.",
            "two numbers, such as 5 20",
            _snr_band,
            read.band,
            applies=read.needs_snr,
            when="noise is a folder, and the place has no SNR of its own",
            found=_heard_snr,
        ),
    )


def _about_the_recordings() -> tuple[Question, ...]:
    uses = (
        Choice("research", "train and evaluate, nothing sold. Every licence for non-commercial use will do."),
        Choice("open-model", "publish the model, nothing sold. Licences must allow passing on what was made from them."),
        Choice("product", "use it in business; the model stays with you. Recordings under an NC licence are refused."),
        Choice("sold-model", "business, and the model itself goes to others. NC licences are refused, and passing on must be allowed."),
    )
    return (
        Question(
            "recordings",
            "Where are the recordings? A folder (audio with .txt transcripts beside it) has one licence for all; a table (CSV, TSV, JSONL, Parquet) can "
            "state speaker, transcript and licence row by row.",
            "a folder or a table, relative to the scenario",
            lambda _, facts: "recordings" if facts.heard is None else facts.heard_path,
            read.recordings,
        ),
        Question(
            "speaker_folder",
            "Which folder names the speaker? 1 for `anna/take1.wav`, 2 for `2026/anna/take1.wav`, 0 if none does: then a voice may be in training and in "
            "test at once, and results look better than they are.",
            "0 to 9",
            lambda a, facts: str(speaker_level(facts.look(a["recordings"]))),
            read.level,
            applies=lambda a: not is_table(a["recordings"]),
            when="recordings is a folder",
            found=lambda a, facts: _seen_folder(facts.look(a["recordings"])),
        ),
        Question(
            "columns",
            f"Which column of the table holds what? `audio` is needed; without `text` nothing can be trained on, without `speaker` nobody can be kept out of "
            f"the test. Known: {', '.join((*Columns.model_fields, 'split'))}.",
            "pairs with commas between them, such as audio=path, text=sentence, speaker=client_id",
            _column_default,
            read.columns,
            applies=lambda a: is_table(a["recordings"]),
            when="recordings is a table",
            found=lambda a, facts: _seen_table(facts.look(a["recordings"])),
        ),
        Question(
            "voice_speaker",
            "Who is the speaker of the licensed voice? By the name that the recordings use, for the consent record has to be about this very speaker. "
            + CONSENT_RECORD,
            "letters, digits, dot, dash, underscore",
            _speaker,
            read.speaker,
            applies=lambda a: a.get("voice") == "licensed",
            when="voice is licensed",
            found=lambda a, facts: _seen_speakers(read.speakers_found(a, facts)),
        ),
        _choice("uses", "What will be done with the recordings and the model? Every licence has to allow it, or the recordings are refused.", uses, "research"),
        Question(
            "licence",
            "Which licence do the recordings have? An SPDX id such as CC-BY-4.0, or `unknown`: the file is valid then, but no recording enters a build "
            "until it says one.",
            "an SPDX id, or unknown",
            lambda *_: UNKNOWN,
            read.licence,
            applies=lambda a: "licence" not in read.columns_of(a),
            when="no column of the table holds it",
        ),
    )


def _about_the_end() -> tuple[Question, ...]:
    return (
        Question(
            "budget",
            "What can you spend: hours of people's time for transcribing, and hours of one GPU? `plan` holds its estimates against it and says whether more "
            "would be worth it; with `none` it says what is needed, and judges nothing.",
            "two numbers, such as 20 8; or none",
            lambda *_: NONE,
            read.budget,
        ),
        Question(
            "wer",
            "Which share of words may be wrong on clean recordings, and, where the place changes the sound, in the place? Above it the model is blocked, "
            "however good it looks otherwise.",
            "one share such as 0.15, or two such as 0.15 0.35; or none",
            lambda a, _: proposed_wer(a),
            read.error_rates,
        ),
        Question(
            "amount",
            "How many hours of training speech are enough, and how many speakers? `plan` says how much is missing before anyone trains on too little; with "
            "`none`, no amount is too little.",
            "hours, and a number of speakers where these are known, such as 10 20; or none",
            lambda *_: NONE,
            read.amount,
        ),
    )


def _choice(
    key: str, text: str, choices: tuple[Choice, ...], default: str, applies: Callable[[Answers], bool] = lambda _: True, when: str = "always"
) -> Question:
    allowed = ", ".join(choice.value for choice in choices)
    return Question(key, text, allowed, lambda *_: default, functools.partial(read.one_of, values=[choice.value for choice in choices]), choices, applies, when)


def proposed_wer(answers: Answers) -> str:
    """Error rates to begin with; nobody's measurement."""
    return "0.15 0.35" if read.changes_the_sound(answers) else "0.15"


def described(preset: Preset) -> str:
    """A place and its numbers, in words."""
    numbers = [
        f"SNR {preset.snr_db.low:g} to {preset.snr_db.high:g} dB" if preset.snr_db else "",
        f"T60 {preset.rt60_s.low:g} to {preset.rt60_s.high:g} s" if preset.rt60_s else "",
        f"channel {preset.channel.codec}" if preset.channel else "",
        f"{preset.sampling_rate} Hz" if preset.sampling_rate else "",
    ]
    return f"{preset.words}: {', '.join(filter(None, numbers))}"


def _speaker(answers: Answers, facts: Facts) -> str:
    names = read.speakers_found(answers, facts)
    return names[0] if len(names) == 1 and slug(names[0]) == names[0] else "narrator"


def _seen_speakers(names: list[str]) -> str:
    return f"Speakers' folders: {', '.join(names[:6])}{f' and {len(names) - 6} more' if len(names) > 6 else ''}." if names else ""


def _name(answers: Answers, facts: Facts) -> str:
    return slug(facts.folder.name) or "assistant"


def _heard_noise(answers: Answers, facts: Facts) -> str:
    return "" if facts.heard is None else "What was listened to is speech: its folder is not the one."


def _snr_band(answers: Answers, facts: Facts) -> str:
    heard = facts.heard.snr_db if facts.heard is not None else None
    return "5 20" if heard is None else f"{heard[0]} {heard[1]}"


def _heard_snr(answers: Answers, facts: Facts) -> str:
    if facts.heard is None or facts.heard.snr_db is None:
        return ""
    low, high = facts.heard.snr_db
    return (
        f"The recordings have {low} to {high} dB as they are (9 in 10 of what was heard), and adding noise only lowers that: lower numbers make a louder "
        "place, and a quieter one cannot be made of them."
    )


def _seen_folder(look: Look) -> str:
    if look.kind != "folder":
        return "There is nothing yet at this path; the scenario is valid without it, a build is not."
    if not look.files:
        return f"There is no audio file below it yet (endings {', '.join(AUDIO_ENDINGS)})."
    seen = f"{look.count} audio files ({', '.join(look.endings)}), {look.transcribed} with a transcript beside them."
    if look.tables and not look.transcribed:
        seen += f" A table lies there or beside it ({', '.join(look.tables[:3])}): if it has the transcripts, start again and name the table."
    for level in range(1, min(look.depth, 3) + 1):
        names = look.names_at(level)
        seen += f" Folder {level}: {', '.join(names[:4])}{f' and {len(names) - 4} more' if len(names) > 4 else ''}."
    return seen


def _seen_table(look: Look) -> str:
    return f"It has the columns {', '.join(look.columns)}." if look.columns else "It cannot be read yet; the scenario is valid without it, a build is not."


def _column_default(answers: Answers, facts: Facts) -> str:
    look = facts.look(answers["recordings"])
    guess = column_guess(look.columns) if look.columns else {"audio": "path", "text": "text", "speaker": "speaker"}
    return ", ".join(f"{field}={column}" for field, column in guess.items() if _is_writable(column))


def _is_writable(column: str) -> bool:
    return column.isprintable() and "=" not in column and "," not in column and column == column.strip() != ""
