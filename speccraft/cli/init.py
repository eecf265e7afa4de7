"""The command init: write a scenario from answers, recordings or a shipped example."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speccraft.cli.options import Json, Quiet, Workers, Yes
from speccraft.console import Command
from speccraft.errors import WrongUsage
from speccraft.machine import CORES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from speccraft.interview.ask import Talk
    from speccraft.interview.listen import Heard

KEYS = (
    "name, task, languages, style, output, voice, persona, place, place_words, noise, noise_licence, snr_db, recordings, speaker_folder, columns, "
    "voice_speaker, uses, licence, budget, wer, amount"
)
"""The questions, for `--help`, which has no time to read them."""
ANSWER_HELP = f"Answer one question beforehand; repeatable. Keys: {KEYS}; `--answer list` says what each takes."


def init(
    file: Annotated[Path, typer.Argument(help="The scenario to write.", metavar="[FILE]")] = Path("scenario.yaml"),
    template: Annotated[str | None, typer.Option("--template", metavar="NAME", help="Copy a shipped example; `--template list` names them.")] = None,
    from_audio: Annotated[Path | None, typer.Option("--from-audio", metavar="DIR", help="Listen to recordings first, and propose what fits them.")] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing: take the defaults.")] = False,
    answer: Annotated[list[str] | None, typer.Option("--answer", metavar="KEY=VALUE", help=ANSWER_HELP)] = None,
    yes: Yes = False,
    workers: Workers = CORES,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write a scenario: an interview, a shipped example, or what recordings sound like. What it writes passes `check`.

    Example: speccraft init --from-audio recordings
    """
    with Command("init", as_json=as_json, quiet=quiet) as command:
        from speccraft.interview.ask import keys_in_words
        from speccraft.interview.files import need_yaml
        from speccraft.interview.templates import listing

        if template == "list" or answer == ["list"]:
            command.data(listing() if template == "list" else keys_in_words())
            return
        command.if_interrupted = "nothing was written"
        need_yaml(file)
        if template is not None:
            if from_audio is not None or answer:
                raise WrongUsage("--template copies a file as it is: --from-audio and --answer would have no effect", try_this="leave one of them out")
            _copy(command, file, template, None if no_input else _terminal(as_json), yes)
        else:
            _interview(command, file, from_audio, answer or [], None if no_input else _terminal(as_json), yes, workers)
        command.artifact("scenario", file)
        command.data(f"wrote {file}")
        command.say(f"next: speccraft check {file}, then speccraft plan {file}")


def _copy(command: Command, file: Path, name: str, talk: Talk | None, yes: bool) -> None:
    from speccraft.interview.files import schema_beside
    from speccraft.interview.templates import copies, find

    copied = copies(find(name), file)
    files = schema_beside(file) | {path: content for path, content in copied.items() if path != file} | {file: copied[file]}
    _need_room(files, talk, yes)
    _write(command, files)
    command.counts = {"files": len(files)}
    for path in files:
        command.artifact(path.name, path)


def _interview(command: Command, file: Path, from_audio: Path | None, pairs: list[str], talk: Talk | None, yes: bool, workers: int) -> None:
    from speccraft.interview.answers import Facts
    from speccraft.interview.ask import interview, need_answers, parse_given
    from speccraft.interview.compose import compose
    from speccraft.interview.files import schema_beside
    from speccraft.scenario.diagnostics import printable

    given, schema = parse_given(pairs), schema_beside(file)
    if from_audio is not None and "recordings" in given:
        raise WrongUsage("--from-audio says where the recordings are: --answer recordings would have no effect", try_this="leave one of them out")
    # Before minutes of listening; what depends on it is judged after.
    need_answers(given, Facts(file.resolve().parent), asked=talk is not None or from_audio is not None)
    _need_room({**schema, file: None}, talk, yes)
    heard = None if from_audio is None else _listened(command, from_audio, workers)
    facts = Facts(file.resolve().parent, heard)
    answers = interview(facts, given, talk)
    composed = compose(answers, facts)
    _write(command, schema | {file: composed.text.encode()})
    command.artifact("schema", next(iter(schema)))
    command.counts = {"answers": answers} | ({} if heard is None else {"heard": heard.as_data()})
    command.show(tuple(one for one in composed.advice if one.severity == "warning"))
    for sentence in map(printable, composed.remaining):
        command.findings.append({"severity": "note", "message": sentence})
        command.say(f"still open: {sentence}")


def _write(command: Command, files: Mapping[Path, bytes]) -> None:
    from speccraft.interview.files import write

    command.if_interrupted = "run the same command again with --yes"
    write(files)


def _listened(command: Command, folder: Path, workers: int) -> Heard:
    from speccraft.interview.listen import listen
    from speccraft.scenario.diagnostics import printable

    heard = listen(folder, workers=workers, on_progress=lambda done, total: command.progress("listen", done, total))
    command.data("\n".join(map(printable, heard.summary())))
    command.findings += [{"severity": "warning", "file": one.file, "message": one.reason} for one in heard.unreadable]
    return heard


def _need_room(files: Mapping[Path, bytes | None], talk: Talk | None, yes: bool) -> None:
    """Write over nothing that is there, unless someone says so; asked before the questions, not after.

    Raises:
        WrongUsage: nobody does.
    """
    from speccraft.interview.ask import confirmed
    from speccraft.interview.files import existing

    if yes or not (there := existing(files)):
        return
    named = ", ".join(map(str, there))
    if talk is None or not sys.stdin.isatty():
        raise WrongUsage(f"{named}: there already, and would change", try_this="--yes writes over it; or name another file")
    if not confirmed(talk, f"{named}: there already. Write over it?"):
        raise WrongUsage(f"{named}: stays as it is; nothing was written", try_this="name another file")


def _terminal(as_json: bool) -> Talk:
    """Questions on stderr, answers from stdin; with --json and a pipe nobody reads the questions."""
    from speccraft.interview.ask import LONGEST_ANSWER, Talk

    def read() -> str | None:
        try:
            line = sys.stdin.buffer.readline(4 * LONGEST_ANSWER)
        except KeyboardInterrupt:
            write("\n")
            raise
        return line.decode("utf-8", "replace") if line else None

    def write(text: str) -> None:
        if sys.stdin.isatty() or not as_json:
            print(text, end="", file=sys.stderr, flush=True)

    return Talk(read, write)
