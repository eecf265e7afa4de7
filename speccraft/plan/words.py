"""What rooms above the scenario know about its words: which licences there are, and which recipes."""

from __future__ import annotations

from collections.abc import Iterator

from speccraft.errors import UnreadableInput
from speccraft.plan.recipe import recipe_for
from speccraft.resources import recipe_file
from speccraft.rights.doors import ANOTHER_VOICE, voice_decision
from speccraft.rights.licences import NotALicence, licence_ids, licence_table, near_licence
from speccraft.rights.papers import read_papers
from speccraft.scenario import LoadedScenario
from speccraft.scenario.diagnostics import Diagnostic
from speccraft.scenario.document import Document
from speccraft.scenario.text import parse


def unknown_words(loaded: LoadedScenario) -> tuple[Diagnostic, ...]:
    """Licences and recipes that nobody knows, each at its place; a source's licence only where it would stop the build."""
    document = parse(loaded.text, str(loaded.path))
    return (*_accepted(loaded, document), *_licences(loaded, document), *_recipe(loaded, document))


def refused_voice(loaded: LoadedScenario, day: str) -> tuple[Diagnostic, ...]:
    """Why the voice may not be used on a day, at its place; nothing where it may, or is nobody's.

    Raises:
        InvalidScenario: the consents file is not valid.
        BrokenIntegrity: the consent log is broken.
    """
    if loaded.scenario.voice.kind != "licensed":
        return ()
    refusal = voice_decision(loaded.scenario, read_papers(loaded.scenario, loaded.path.parent, day)).refusal
    document = parse(loaded.text, str(loaded.path))
    return (document.diagnostic("SC303", refusal, ("voice", "consent"), help=ANOTHER_VOICE),) if refusal else ()


def _accepted(loaded: LoadedScenario, document: Document) -> Iterator[Diagnostic]:
    own = [one.id for one in loaded.scenario.rights.licences]
    for index, id in enumerate(loaded.scenario.rights.accept):
        if id not in licence_table() and id not in own:
            near = near_licence(id)
            help = f"did you mean '{near}'?" if near else f"known are {', '.join(licence_table())}"
            yield document.diagnostic("SC301", f"`{id}` is not in our table of what licences permit", ("rights", "accept", index), help=help)


def _licences(loaded: LoadedScenario, document: Document) -> Iterator[Diagnostic]:
    for index, source in enumerate(loaded.scenario.sources):
        try:
            if source.licence is not None:
                licence_ids(source.licence, choice=source.licence_choice, own=[one.id for one in loaded.scenario.rights.licences])
        except NotALicence as error:
            near = near_licence(source.licence or "")
            help = f"did you mean '{near}'?" if near else "write an SPDX id such as CC-BY-4.0"
            yield document.diagnostic("SC301", str(error), ("sources", index, "licence"), severity="warning", help=help)


def _recipe(loaded: LoadedScenario, document: Document) -> Iterator[Diagnostic]:
    try:
        recipe_file(recipe_for(loaded.scenario).name, loaded.path.parent)
    except UnreadableInput as error:
        yield document.diagnostic("SC302", "there is no such recipe", ("training", "recipe"), help=error.try_this)
