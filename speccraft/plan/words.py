"""What rooms above the scenario know about its words: which licences there are, and which recipes."""

from __future__ import annotations

from collections.abc import Iterator

from speccraft.errors import UnreadableInput
from speccraft.plan.recipe import recipe_for
from speccraft.resources import recipe_file
from speccraft.rights.licences import NotALicence, licence_ids, licence_table, near_licence
from speccraft.scenario import LoadedScenario
from speccraft.scenario.diagnostics import Diagnostic
from speccraft.scenario.document import Document
from speccraft.scenario.text import parse


def unknown_words(loaded: LoadedScenario) -> tuple[Diagnostic, ...]:
    """Licences and recipes that nobody knows, each at its place; a source's licence only where it would stop the build."""
    document = parse(loaded.text, str(loaded.path))
    return (*_accepted(loaded, document), *_licences(loaded, document), *_recipe(loaded, document))


def _accepted(loaded: LoadedScenario, document: Document) -> Iterator[Diagnostic]:
    for index, id in enumerate(loaded.scenario.rights.accept):
        if id not in licence_table():
            near = near_licence(id)
            help = f"did you mean '{near}'?" if near else f"known are {', '.join(licence_table())}"
            yield document.diagnostic("SC301", f"`{id}` is not in our table of what licences permit", ("rights", "accept", index), help=help)


def _licences(loaded: LoadedScenario, document: Document) -> Iterator[Diagnostic]:
    for index, source in enumerate(loaded.scenario.sources):
        try:
            if source.licence is not None:
                licence_ids(source.licence)
        except NotALicence as error:
            near = near_licence(source.licence or "")
            help = f"did you mean '{near}'?" if near else "write an SPDX id such as CC-BY-4.0"
            yield document.diagnostic("SC301", str(error), ("sources", index, "licence"), severity="warning", help=help)


def _recipe(loaded: LoadedScenario, document: Document) -> Iterator[Diagnostic]:
    try:
        recipe_file(recipe_for(loaded.scenario).name, loaded.path.parent)
    except UnreadableInput as error:
        yield document.diagnostic("SC302", "there is no such recipe", ("training", "recipe"), help=error.try_this)
