"""Where the files of base checkpoints are, whether their licences let them in, and what their bytes are; the hub is asked only when that is allowed."""

from __future__ import annotations

import re
from pathlib import Path

from speccraft import store
from speccraft.errors import BadEnvironment, UnreadableInput
from speccraft.rights.doors import need_base_models
from speccraft.rights.papers import Papers

from .base import Base, Source, sources_of

WANTED = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.txt", "*.model")
"""What is fetched of a repository: weights as safetensors, configurations, tokenizers. Never a pickle, never code."""
READ = re.compile(r"\.(safetensors|json|jinja|txt|model)$")
"""Files that decide what a checkpoint is; others in its folder are not read."""
CODEC = "speech_out.checkpoint"
"""The recipe's field that names a published codec."""


def locate(base: Base) -> dict[str, Path]:
    """The local folder of every checkpoint of a base, by the field that names it; nothing is fetched.

    Raises:
        UnreadableInput: one is neither a local folder nor in the local cache.
    """
    return {name: located(f"model.base.{name}", source) for name, source in sources_of(base).items()}


def located(name: str, source: Source) -> Path:
    """The local folder of a checkpoint; nothing is fetched.

    Args:
        name: the recipe's field that names it.

    Raises:
        UnreadableInput: it is neither a local folder nor in the local cache.
    """
    give = f"--set {name}.path=FOLDER"
    if source.path is not None:
        folder = Path(source.path).expanduser()
        if not folder.is_dir():
            raise UnreadableInput(f"{name}: {source.path} is not a folder", try_this=give)
        return folder
    if source.hub is None:
        raise UnreadableInput(f"{name}: names no checkpoint", try_this=give)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source.hub, revision=source.revision, local_files_only=True, allow_patterns=list(WANTED)))
    except (LocalEntryNotFoundError, ValueError, OSError) as error:
        raise UnreadableInput(
            f"{name}: {source.hub} is not on this machine, and nothing is downloaded unasked", try_this=f"{give}, or --allow-download"
        ) from error


def fetch(base: Base) -> None:
    """Bring what a base names on the hub into the local cache; called only where the user allowed it, and before the process goes offline.

    Raises:
        BadEnvironment: the hub cannot be reached, or does not give it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    for name, source in sources_of(base).items():
        if source.path is None and source.hub is not None:
            try:
                snapshot_download(source.hub, revision=source.revision, allow_patterns=list(WANTED))
            except (HfHubHTTPError, OfflineModeIsEnabled, OSError, ValueError) as error:
                told = str(error).strip().splitlines()[0]
                raise BadEnvironment(f"model.base.{name}: cannot fetch {source.hub}: {told}", try_this=f"--set model.base.{name}.path=FOLDER") from error


def admit(base: Base, papers: Papers, codec: Source | None = None) -> None:
    """Ask the gate for every checkpoint of a base, and for the codec that is to speak.

    Raises:
        RefusedByRights: it lets some of them not in.
    """
    sources = {f"model.base.{name}": source for name, source in sources_of(base).items()} | ({CODEC: codec} if codec else {})
    if sources:
        need_base_models({name: source.licence for name, source in sources.items()}, papers)


def digests(base: Base, codec: Source | None = None) -> dict[str, str]:
    """A digest of all files that each checkpoint of a base is read from, by the field that names it, and that of the codec that is to speak.

    Raises:
        UnreadableInput: a checkpoint is not there.
    """
    folders = locate(base) | ({CODEC: located(CODEC, codec)} if codec else {})
    return {name: store.digest_of(_digests(folder)) for name, folder in folders.items()}


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and READ.search(path.name))
    return {path.name: store.sha256_of(path) for path in files}
