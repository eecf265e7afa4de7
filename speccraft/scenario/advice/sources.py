"""Do the sources make sense: their names, roles, columns and languages, and whether one of them says all the others need."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import PurePosixPath

from speccraft.remote.url import PACKAGES, fault_in, looks_remote
from speccraft.scenario.diagnostics import Severity
from speccraft.scenario.document import Where
from speccraft.scenario.language import primary, well_formed
from speccraft.scenario.model import Scenario
from speccraft.scenario.source import FolderSource, Source, SpokenSource, TableSource
from speccraft.scenario.source_corpora import CommonVoiceSource, CorpusSource, HuggingFaceSource
from speccraft.scenario.source_manifests import ManifestSource

from .remark import Also, Remark, Written

COLUMN_MEANINGS = {"audio": "a path", "text": "a transcript", "licence": "a licence", "language": "a language", "duration": "seconds"}
"""Columns of which none can be another; speaker, session and attribution may share one with others."""

MOST_COMPARED = 50
"""Sources of one path that a source is compared with, so that a file of thousands is checked at once."""
_EXPANDED = re.compile(r"~[\w-]*(?=/|$)|\$\w+|\$\{\w+\}|%\w+%|(?P<drive>[A-Za-z]:[\\/]|\.\.?\\|\\\\)", re.ASCII)
"""What a shell or Windows would expand at the beginning of a path, and Windows' own beginnings."""


def repeated_sources(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Ids name sources in reports and files, so each belongs to one source."""
    first: dict[str, Where] = {}
    for index, source in enumerate(scenario.sources):
        where: Where = ("sources", index, "id")
        if source.id in first:
            yield Remark("SC201", f"two sources are called `{source.id}`", where, "choose another id", also=((first[source.id], "first used here"),))
        first.setdefault(source.id, where)


def no_speech(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """There is something to learn from."""
    if not heard_of(scenario):
        also: Also = tuple((("sources", index, "role"), f"has role `{one.role}`") for index, one in enumerate(scenario.sources))
        yield Remark("SC204", "no source has role `speech` or `demonstrations`", ("sources",), "add a source to learn from", also=also)


def given_without_table(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Official splits are a column, and only tables, the metadata of audio folders and dialogues have such."""
    if scenario.splits.given is not None and not (
        any(source.format in ("table", "hf") for source in scenario.sources_with("speech")) or scenario.sources_with("demonstrations")
    ):
        also: Also = tuple((("sources", index, "format"), f"a {source.format} has no columns") for index, source in speech_of(scenario))
        yield Remark("SC209", "names a table column, but no speech source is a table", ("splits", "given"), "remove it; splits are drawn then", also=also)


def one_column_twice(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """No column is both a path and a transcript."""
    for index, source in enumerate(scenario.sources):
        if not isinstance(source, TableSource):
            continue
        names = source.columns.model_dump()
        for one, other in combinations([field for field in COLUMN_MEANINGS if names.get(field) is not None], 2):
            if names[one] == names[other]:
                where: Where = ("sources", index, "columns")
                also: Also = (((*where, one), f"here it holds {COLUMN_MEANINGS[one]}"),)
                yield Remark(
                    "SC226", f"the column `{names[other]}` cannot hold {COLUMN_MEANINGS[other]} as well", (*where, other), "name another column", also=also
                )


def same_recordings(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A recording is speech to learn from or noise to add, and enters once."""
    at_path: defaultdict[tuple[str, PurePosixPath], list[int]] = defaultdict(list)
    for index, source in enumerate(scenario.sources):
        if isinstance(source, SpokenSource):
            continue
        earlier = at_path[source.format, PurePosixPath(source.path)]
        before = next((number for number in earlier[:MOST_COMPARED] if _overlap(scenario.sources[number], source)), None)
        earlier.append(index)
        if before is None:
            continue
        other, where = scenario.sources[before], ("sources", index, "path")
        also: Also = ((("sources", before, "path"), f"`{other.id}` has role `{other.role}` and the same recordings"),)
        if source.role == other.role:
            yield Remark("SC224", f"the recordings of `{other.id}` again; each is kept once", where, "remove one of the two sources", "warning", also)
        else:
            help = f"give `{source.id}` other recordings, or keep the rows apart with `where:`"
            yield Remark("SC224", f"the recordings of `{other.id}` again, in another role: test speech would be mixed into training", where, help, also=also)


def _overlap(one: Source, other: Source) -> bool:
    """Whether two sources of one path and format certainly share recordings, and should not: noise may also serve as a room."""
    if one.role != other.role and "speech" not in (one.role, other.role):
        return False
    if isinstance(one, FolderSource) and isinstance(other, FolderSource):
        return bool({ending.lower() for ending in one.endings} & {ending.lower() for ending in other.endings})
    if isinstance(one, TableSource) and isinstance(other, TableSource):
        selects_within = one.where.items() <= other.where.items() or one.where.items() >= other.where.items()
        return one.columns.audio == other.columns.audio and selects_within
    if isinstance(one, CommonVoiceSource) and isinstance(other, CommonVoiceSource):
        return bool(set(one.lists) & set(other.lists))
    return isinstance(one, CorpusSource | ManifestSource)


def paths_as_written(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Nothing in a path is expanded, so that it means the same for everybody."""
    paths: list[tuple[Where, str | None]] = [(("roots", index), root) for index, root in enumerate(scenario.roots)]
    paths += [(("sources", index, name), path) for index, source in enumerate(scenario.sources) for name, path in source.paths.items()]
    paths += [(("rights", "consents"), scenario.rights.consents), (("training", "recipe"), scenario.training.recipe)]
    for where, path in paths:
        if path is not None and (found := _EXPANDED.match(path)):
            help = f"write the path out, relative to the scenario; for a folder that is really called so, `./{path[:40]}`"
            if found["drive"]:
                help = "write it with `/`, relative to the scenario or to --data"
            yield Remark("SC230", f"`{found[0]}` is not expanded: paths are taken as they are written", where, help)


def addresses(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Sources and roots may lie in object storage, by an address that tells no secret; nothing else is fetched."""
    remote: list[tuple[Where, str]] = [(("roots", index), root) for index, root in enumerate(scenario.roots)]
    remote += [(("sources", index, name), path) for index, source in enumerate(scenario.sources) for name, path in source.paths.items()]
    for where, path in remote:
        if fault := fault_in(path):
            yield Remark("SC232", fault, where, f"write {', '.join(f'`{protocol}://`' for protocol in PACKAGES)} and BUCKET/PREFIX, or the path of a file")
    for where, local in ((("rights", "consents"), scenario.rights.consents), (("training", "recipe"), scenario.training.recipe)):
        if looks_remote(local):
            yield Remark("SC232", "only sources and `roots` may be remote", where, "copy the file beside the scenario")


def languages_of_sources(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Rows in languages that the job does not speak are dropped."""
    spoken = [tag for tag in scenario.job.languages if well_formed(tag)]
    if len(spoken) < len(scenario.job.languages):
        return  # told already, and not to be judged by
    for index, source in speech_of(scenario):
        if source.language is None or not well_formed(source.language) or primary(source.language) in map(primary, spoken):
            continue
        by_row = isinstance(source, TableSource | HuggingFaceSource) and source.columns.language is not None
        severity: Severity = "warning" if by_row else "error"
        rows = "rows that state no language of their own" if by_row else "all its rows"
        message = f"{rows} would be dropped: the job does not speak `{source.language}`"
        also: Also = ((("job", "languages"), "the languages of the job"),)
        yield Remark("SC219", message, ("sources", index, "language"), "add it to `job.languages`, or correct it", severity, also)


def styles_of_sources(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Who is to understand free speech does not learn it from read speech alone, nor the other way round."""
    styles = {source.style for source in scenario.sources_with("speech")}
    if {scenario.job.style, *styles} == {"scripted", "spontaneous"} and len(styles) == 1:
        (style,) = styles
        also: Also = tuple((("sources", index, "style"), f"this speech is {style}") for index, _ in speech_of(scenario))
        message = f"the job hears {scenario.job.style} speech, and all recordings are {style}"
        yield Remark("SC220", message, ("job", "style"), f"add recordings of {scenario.job.style} speech, or correct the style", "warning", also)


def nobody_unseen(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Who is kept out of training has to be known to a source."""
    speech = speech_of(scenario)
    for axis, values in scenario.splits.unseen.items():
        where: Where = ("splits", "unseen", axis)
        if values and speech and not any(_knows(source, axis) for _, source in speech):
            also: Also = tuple((("sources", index), f"does not say the {axis}") for index, _ in speech)
            help = f"add `{axis}:` to the `columns` of a table, or remove the line"
            message = f"no speech source says the {axis} of its recordings, so nobody would be kept out of training"
            yield Remark("SC229", message, where, help, unless_files_tell(speech), also)
        voices = {voice.id for _, source in speech if isinstance(source, SpokenSource) for voice in source.voices}
        if axis == "speaker" and voices and all(isinstance(source, SpokenSource) for _, source in speech):
            for number, value in enumerate(values):
                if value not in voices:
                    also = tuple((("sources", index, "voices"), "has other voices") for index, _ in speech)
                    yield Remark("SC229", f"no voice is called `{value}`", (*where, number), "name one of the voices, or remove it", also=also)


def unless_files_tell(speech: Sequence[tuple[int, Source]]) -> Severity:
    """A warning where a folder is among the sources: files beside its audio may tell what the scenario does not."""
    return "warning" if any(isinstance(source, FolderSource) for _, source in speech) else "error"


def _knows(source: Source, axis: str) -> bool:
    if isinstance(source, TableSource | HuggingFaceSource):
        return getattr(source.columns, axis) is not None
    if isinstance(source, FolderSource):
        return (axis == "speaker" and source.speaker_folder is not None) or f"{{{axis}}}" in (source.pattern or "")
    if isinstance(source, CommonVoiceSource):
        return axis == "speaker"
    return True


def knows_speakers(source: Source) -> bool:
    """Whether a source says who speaks."""
    return _knows(source, "speaker")


def heard_of(scenario: Scenario) -> list[tuple[int, Source]]:
    """The sources to learn from, with their index in the file: speech, and demonstrations of the job."""
    return [(index, source) for index, source in enumerate(scenario.sources) if source.role in ("speech", "demonstrations")]


def speech_of(scenario: Scenario) -> list[tuple[int, Source]]:
    """The speech sources with their index in the file."""
    return [(index, source) for index, source in enumerate(scenario.sources) if source.role == "speech"]
