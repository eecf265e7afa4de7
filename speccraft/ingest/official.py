"""Official splits, by the names that corpora give them."""

from __future__ import annotations

import re

from speccraft.scenario.contracts import Split

SPLIT_NAMES: dict[str, Split] = {"train": "train", "dev": "dev", "validation": "dev", "valid": "dev", "val": "dev", "test": "test"}
"""Official split names that are understood, in lower case."""


def split_in(path: str) -> Split | None:
    """The split that a path names: a folder or a file called `train`, or `train` and more words, as in `train-00000.parquet` or `dev_clean`."""
    for part in path.split("/"):
        first = re.split(r"[-_.]", part, maxsplit=1)[0].lower()
        if first in SPLIT_NAMES:
            return SPLIT_NAMES[first]
    return None
