"""The shards of a committed build as Lhotse wants to be told of them: by the commit record, never by a directory listing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from speccraft import store
from speccraft.errors import UnreadableInput
from speccraft.sound.shards import condition_of, field_of

_SHARD = re.compile(r"shards/(?P<split>\w+)/(?P<field>\w+)\.\d+\.(?:jsonl|tar)")


def fields_of(build: store.Artefact, split: str, conditions: Sequence[str]) -> dict[str, list[str]]:
    """The files of each Shar field that is wanted, in order: those of `cuts`, and of each condition.

    Raises:
        UnreadableInput: the split was not heard in such a condition.
    """
    there: dict[str, list[str]] = defaultdict(list)
    for entry in build.record.files:
        if (match := _SHARD.fullmatch(entry.path)) and match["split"] == split:
            there[match["field"]].append(str(build.path / entry.path))
    wanted = ["cuts", *map(field_of, conditions)]
    if lacking := [field for field in wanted if field not in there]:
        heard = ", ".join(sorted(condition_of(field) for field in there if field != "cuts")) or "nothing, for it is empty"
        raise UnreadableInput(f"{build.path}: the split {split} has no {', '.join(map(condition_of, lacking))}", try_this=f"it has {heard}")
    return {field: sorted(there[field]) for field in wanted}
