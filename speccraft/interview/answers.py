"""Answers of the interview: what counts as one, what is known before it is given, and what follows from those given before."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeAlias

from speccraft.ingest.table import READERS
from speccraft.interview.look import Look, is_table, look_at
from speccraft.interview.near import near_licences, near_path, slug, stranger
from speccraft.rights import gate
from speccraft.rights.licences import NotALicence, licence_ids, licence_table
from speccraft.rights.papers import Papers
from speccraft.scenario.acceptance import Rights, Use
from speccraft.scenario.language import near_tag, well_formed
from speccraft.scenario.places import PRESETS
from speccraft.scenario.source import Columns

if TYPE_CHECKING:
    from speccraft.interview.listen import Heard
    from speccraft.scenario.places import Preset

Answers: TypeAlias = Mapping[str, str]
"""What was answered so far, by the key of the question, in the form that `read` gives it."""

NONE, UNKNOWN = "none", "unknown"
AS_RECORDED, OTHER = "as-recorded", "other"
MOST_UP = 3
"""Steps up to a common folder for which a relative path is still easier to read than an absolute one."""

USES: Mapping[str, tuple[tuple[Use, ...], bool]] = {
    "research": (("train", "evaluate"), False),
    "open-model": (("train", "evaluate", "redistribute-model"), False),
    "product": (("train", "evaluate"), True),
    "sold-model": (("train", "evaluate", "redistribute-model"), True),
}
"""What is done with recordings and model: intended uses, and whether it is business."""


class NotAnAnswer(ValueError):
    """The text cannot be used; the message says why, and what can."""


class Doubtful(NotAnAnswer):
    """The text can be used and is probably a mistake; the message says why. `answer` is what it is taken for when it is meant."""

    def __init__(self, message: str, answer: str) -> None:
        super().__init__(message)
        self.answer = answer


@dataclass(frozen=True)
class Facts:
    """What is known before anyone answers: the folder that the scenario will lie in (paths start there), and what was heard."""

    folder: Path
    heard: Heard | None = None
    _looks: dict[str, Look] = field(default_factory=dict, compare=False, repr=False)

    def look(self, path: str) -> Look:
        """What lies at a path as answers write it; looked at once."""
        if path not in self._looks:
            self._looks[path] = look_at(self.folder / path)
        return self._looks[path]

    @property
    def heard_path(self) -> str:
        """The folder that was listened to, as an answer writes it."""
        assert self.heard is not None
        whole = self.heard.folder.resolve()
        relative = Path(os.path.relpath(whole, self.folder))
        return str(whole) if relative.parts.count("..") > MOST_UP else relative.as_posix()

    @property
    def settled(self) -> dict[str, str]:
        """Answers that nobody has to give: what was listened to are the recordings."""
        return {} if self.heard is None else {"recordings": self.heard_path}


def is_speaking(answers: Answers) -> bool:
    """Whether the assistant answers aloud."""
    return answers["task"] == "converse" and answers["output"] == "speech"


def preset_of(answers: Answers) -> Preset | None:
    """The place, where it is one that has numbers of its own."""
    return PRESETS.get(answers["place"])


def has_noise(answers: Answers) -> bool:
    """Whether noise is added; for it there is something to be loud."""
    return answers.get("noise", NONE) != NONE


def changes_the_sound(answers: Answers) -> bool:
    """Whether anything of the place can be heard: noise, or a channel."""
    preset = preset_of(answers)
    return has_noise(answers) or (preset is not None and preset.channel is not None)


def needs_snr(answers: Answers) -> bool:
    """Whether noise is added at a ratio that the place does not say."""
    preset = preset_of(answers)
    return has_noise(answers) and (preset is None or preset.snr_db is None)


def rights_of(answers: Answers) -> tuple[tuple[Use, ...], bool]:
    """The intended uses, and whether it is business; a person's voice is to be synthesised."""
    use, commercial = USES[answers["uses"]]
    return ((*use, "synthesise") if answers.get("voice") == "licensed" else use), commercial


def columns_of(answers: Answers) -> dict[str, str]:
    """Which column holds what, out of the answer."""
    return dict(pair.split("=", 1) for pair in answers["columns"].split(", ")) if "columns" in answers else {}


def knows_speakers(answers: Answers) -> bool:
    """Whether anyone knows who speaks in which recording."""
    return "speaker" in columns_of(answers) or answers.get("speaker_folder", "0") != "0"


def speakers_found(answers: Answers, facts: Facts) -> list[str]:
    """The names of the speakers, where folders have them; a table is not read for them."""
    level = int(answers.get("speaker_folder", "0"))
    return facts.look(answers["recordings"]).names_at(level) if level else []


def numbers_of(answer: str) -> list[float]:
    """The numbers of an answer; none for `none`."""
    return [] if answer == NONE else [float(word) for word in answer.split()]


def one_of(text: str, answers: Answers, facts: Facts, *, values: Sequence[str]) -> str:
    """One of several answers, by its word or its number."""
    if text.lower() in values:
        return text.lower()
    if text.isdecimal() and text.isascii() and 1 <= int(text[:4]) <= len(values):
        return values[int(text[:4]) - 1]
    near = [value for value in values if value.startswith(text.lower())] or difflib.get_close_matches(text.lower(), values, n=1)
    raise NotAnAnswer(f"`{text}` is not among the answers; " + (f"did you mean {near[0]}?" if near else f"give a number from 1 to {len(values)} or a word"))


def an_id(text: str, answers: Answers, facts: Facts) -> str:
    """A name as `scenario.base.Id` takes it."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        return text
    near = slug(text)
    raise NotAnAnswer("a name has at most 64 letters (a to z), digits, dots, dashes and underscores" + (f"; did you mean {near}?" if near else ""))


def speaker(text: str, answers: Answers, facts: Facts) -> str:
    """A name as `scenario.base.Id` takes it, best one of the speakers found."""
    name = an_id(text, answers, facts)
    if unknown := stranger(name, speakers_found(answers, facts)):
        raise Doubtful(unknown, name)
    return name


def words(text: str, answers: Answers, facts: Facts) -> str:
    """Plain words, with single spaces."""
    return " ".join(text.split())


def languages(text: str, answers: Answers, facts: Facts) -> str:
    """BCP 47 tags, with commas between them."""
    tags = [tag.strip() for tag in text.split(",") if tag.strip()]
    for tag in tags:
        if not well_formed(tag):
            near = near_tag(tag)
            raise NotAnAnswer(f"`{tag}` is not a language tag" + (f"; did you mean {near}?" if near else ": write en, or de-CH"))
    if not tags:
        raise NotAnAnswer("at least one language is needed")
    return ", ".join(dict.fromkeys(tags))


def _path(text: str) -> str:
    if found := re.match(r"~|\$|%|[A-Za-z]+:|\.{0,2}\\", text):
        raise NotAnAnswer(f"`{found[0]}` means nothing in a scenario: write the path out, with `/`, relative to the scenario")
    return Path(text).as_posix()


def recordings(text: str, answers: Answers, facts: Facts) -> str:
    """A folder or table, there or not."""
    where = facts.folder / _path(text)
    if where.is_file() and not is_table(text):
        raise NotAnAnswer(f"{where.name} is neither a folder nor a table (.csv, .tsv, .jsonl, .ndjson or .parquet)")
    if where.is_dir() and is_table(text):
        raise NotAnAnswer(f"{where.name} is a folder with the name of a table")
    if has_noise(answers) and PurePath(answers["noise"]) == PurePath(text):
        raise NotAnAnswer("this is the folder of the noise: test speech would be mixed into training")
    return _there(_path(text), facts, tuple(READERS) if is_table(text) else ())


def noise(text: str, answers: Answers, facts: Facts) -> str:
    """A folder, there or not, or `none`."""
    if text.lower() == NONE:
        return NONE
    path = _path(text)
    if (facts.folder / path).is_file() or is_table(path):
        raise NotAnAnswer(f"{text} is no folder")
    if facts.heard is not None and (facts.folder / path).resolve() == facts.heard.folder.resolve():
        raise NotAnAnswer("this is the folder that was listened to: test speech would be mixed into training")
    return _there(path, facts)


def _there(path: str, facts: Facts, endings: Sequence[str] = ()) -> str:
    """The path, doubted where nothing is and something is called nearly so."""
    if near := near_path(facts.folder, path, endings):
        raise Doubtful(f"nothing is at {path}; did you mean {near}?", path)
    return path


def licence_of_noise(text: str, answers: Answers, facts: Facts) -> str:
    """A licence of our table, or `unknown`."""
    # What is done with the model is asked later; whether a licence is known at all can be said now.
    return _permitted(_spdx(text), Rights(use=("train",)))


def licence(text: str, answers: Answers, facts: Facts) -> str:
    """A licence that permits what `uses` says, or `unknown`."""
    known = _spdx(text)
    use, commercial = rights_of(answers)
    return _permitted(known, Rights(use=use, commercial=commercial))


def _spdx(text: str) -> str:
    """Ids that SPDX knows, or `unknown`; what is no id gets the near ones."""
    if text.lower() == UNKNOWN:
        return UNKNOWN
    text = {id.lower(): id for id in licence_table()}.get(text.lower(), text)
    try:
        licence_ids(text)
    except NotALicence as error:
        near = near_licences(text)
        others = f" (or {', '.join(near[1:])}: what came with the recordings says which)" if near[1:] else ""
        raise NotAnAnswer(f"`{text}` is no SPDX id; did you mean {near[0]}{others}?" if near else f"{error}. {_known_licences()}") from error
    return text


def _permitted(licence: str, rights: Rights) -> str:
    if licence == UNKNOWN:
        return UNKNOWN
    decision = gate.may(Papers(rights, ""), door="speech", licence=licence)
    if not decision.allowed:
        raise NotAnAnswer(f"{decision.reason}. {_known_licences()}")
    return decision.licence


def _known_licences() -> str:
    return f"Known are {', '.join(licence_table())}, joined by AND; or answer unknown"


def _is_number(word: str) -> bool:
    return re.fullmatch(r"[-+]?(\d{1,6}(\.\d{0,6})?|\.\d{1,6})", word, re.ASCII) is not None


def _numbers(text: str) -> list[float]:
    if re.search(r",\d", text, re.ASCII):
        meant = re.sub(r",(?=[0-9])", ".", text)
        near = f"; did you mean {meant}?" if all(map(_is_number, meant.split())) else ""
        raise NotAnAnswer(f"write a dot for decimals, and a space between two numbers{near}")
    words = re.split(r"[\s,;/]+", text.strip())
    if not all(map(_is_number, words)):
        raise NotAnAnswer(f"`{text}` is not made of numbers; write them with a space between them and a dot for decimals")
    return [float(word) for word in words]


def _spaced(numbers: Sequence[float]) -> str:
    return " ".join(f"{number:.6f}".rstrip("0").rstrip(".") for number in numbers)


def band(text: str, answers: Answers, facts: Facts) -> str:
    """Two numbers, the lower first."""
    band = _numbers(text)
    if len(band) != 2:
        raise NotAnAnswer("two numbers are needed: the lowest and the highest, such as 5 20")
    if band[0] > band[1]:
        raise NotAnAnswer(f"the first number is the lowest; did you mean {_spaced(band[::-1])}?")
    if max(map(abs, band)) > 100:
        raise NotAnAnswer("no place has an SNR beyond 100 dB")
    return _spaced(band)


def amounts(text: str, answers: Answers, facts: Facts, *, fewest: int, most: int) -> str:
    """As many numbers as are wanted, none below 0."""
    given = _numbers(text)
    if not fewest <= len(given) <= most:
        raise NotAnAnswer(f"{most} numbers are needed" if fewest == most else f"{fewest} or {most} numbers are needed")
    if min(given) < 0:
        raise NotAnAnswer("no amount is below 0")
    return _spaced(given)


def budget(text: str, answers: Answers, facts: Facts) -> str:
    """Hours of people and of a GPU, or `none`."""
    return NONE if text.lower() == NONE else amounts(text, answers, facts, fewest=2, most=2)


def error_rates(text: str, answers: Answers, facts: Facts) -> str:
    """One or two shares of 1, or `none`."""
    if text.lower() == NONE:
        return NONE
    rates = numbers_of(amounts(text, answers, facts, fewest=1, most=2))
    if len(rates) == 2 and not changes_the_sound(answers):
        raise NotAnAnswer("the place changes nothing that can be heard, so only the first number can be tested")
    if max(rates) > 1:
        raise NotAnAnswer(f"write shares, not per cent: {_spaced([rate / 100 if rate > 1 else rate for rate in rates])}")
    return _spaced(rates)


def amount(text: str, answers: Answers, facts: Facts) -> str:
    """Hours, and speakers where they are known; or `none`."""
    if text.lower() == NONE:
        return NONE
    wanted = numbers_of(amounts(text, answers, facts, fewest=1, most=2))
    if len(wanted) == 2 and not knows_speakers(answers):
        raise NotAnAnswer("nobody knows who speaks in these recordings, so speakers cannot be counted: give the hours alone")
    if len(wanted) == 2 and (wanted[1] < 1 or not wanted[1].is_integer()):
        raise NotAnAnswer("the second number counts speakers")
    return _spaced(wanted)


def level(text: str, answers: Answers, facts: Facts) -> str:
    """A level of folders that every recording has, 0 for none."""
    if not re.fullmatch(r"[0-9]", text):
        raise NotAnAnswer("a folder level is a number from 0 to 9")
    look = facts.look(answers["recordings"])
    if look.files and int(text) > look.depth:
        raise NotAnAnswer(f"some recordings lie only {look.depth} folder(s) deep, and would have no speaker")
    return text


def columns(text: str, answers: Answers, facts: Facts) -> str:
    """Pairs of a field and a column that the table has."""
    known, columns = [*Columns.model_fields, "split"], facts.look(answers["recordings"]).columns
    pairs = dict[str, str]()
    for pair in filter(None, (part.strip() for part in text.split(","))):
        field, _, column = (part.strip() for part in pair.partition("="))
        field = "licence" if field == "license" else field
        if field not in known or not column or "=" in column:
            near = difflib.get_close_matches(field, known, n=1)
            raise NotAnAnswer(f"`{pair}` is not FIELD=COLUMN with a field of {', '.join(known)}" + (f"; did you mean {near[0]}=...?" if near else ""))
        if field in pairs:
            raise NotAnAnswer(f"`{field}` is named twice")
        if column in pairs.values():
            raise NotAnAnswer(f"one column cannot hold two things: `{column}`")
        if columns and column not in columns:
            near = difflib.get_close_matches(column, columns, n=1)
            raise NotAnAnswer(f"the table has no column `{column}`" + (f"; did you mean {near[0]}?" if near else f", it has {', '.join(columns)}"))
        pairs[field] = column
    if "audio" not in pairs:
        raise NotAnAnswer("one column has to hold the path of the audio: audio=COLUMN")
    return ", ".join(f"{field}={column}" for field, column in pairs.items())
