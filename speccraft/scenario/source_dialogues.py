"""Sources of dialogues: conversations that show the job, and preferences between two answers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .base import such_as
from .job import Stage
from .source_manifests import ManifestSource


class DialogueSource(ManifestSource):
    """Dialogues in a file, with the audio files that they name."""

    path: Annotated[str, such_as("data/dialogues.jsonl", "data/dialogues.parquet")]
    """JSON Lines, a JSON array or Parquet, relative to `--data` or the scenario's folder. What the file is shows in its first bytes; addresses in it are
    never fetched."""
    audio_folder: Annotated[str | None, such_as("corpora/instructions")] = None
    """Folder that the audio paths in dialogues start from; the file's own when left out. Training tools take them from wherever they were started."""


class ConversationsSource(DialogueSource):
    """Demonstrations: messages with audio parts, or ShareGPT with `<audio>` placeholders."""

    format: Annotated[Literal["conversations"], such_as("conversations")]
    """`conversations`: lines with `messages` (role and content) or `conversations` (from and value). Audio becomes cuts, and dialogues name those."""
    role: Annotated[Literal["demonstrations"], such_as("demonstrations")] = "demonstrations"  # type: ignore[assignment]  # recordings have other roles
    """What the dialogues are for: `demonstrations` of the job, to align with. Their recordings are speech as well, and split together with all other speech."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1), such_as(["align"])] = ("align",)
    """Training stages that may use it; `align` is one of them. With `pretrain`, audio parts that state a `transcript` also teach to listen."""

    @model_validator(mode="after")
    def _serves_alignment(self) -> Self:
        if "align" not in self.stages:
            raise ValueError("demonstrations are for the stage `align`: name it among the `stages`")
        return self


class PreferencesSource(DialogueSource):
    """Preferences as TRL writes them: a prompt with a chosen and a rejected answer."""

    format: Annotated[Literal["preferences"], such_as("preferences")]
    """`preferences`: lines with `prompt`, `chosen` and `rejected`, as text or messages. A prompt that is left out is what both answers begin with."""
    role: Annotated[Literal["preferences"], such_as("preferences")] = "preferences"  # type: ignore[assignment]  # recordings have other roles
    """What the rows are for: `preferences` between answers. Nobody learns from a rejected answer what to say, so they are kept apart from demonstrations."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1), such_as(["prefer"])] = ("prefer",)
    """Training stages that may draw on it; `prefer` is one of them. The recordings in the prompts can serve others as well where they state a `transcript`."""
    criterion: Annotated[str, Field(min_length=1), such_as("overall", "efficient")] = "overall"
    """What was judged, for rows that state no `criterion`. Answers that are better by one criterion may be worse by another, so they are told apart."""

    @model_validator(mode="after")
    def _serves_preference(self) -> Self:
        if "prefer" not in self.stages:
            raise ValueError("preferences are for the stage `prefer`: name it among the `stages`")
        return self
