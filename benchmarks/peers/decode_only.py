"""The limit: decode every file of the corpus once and do nothing with it. `python -m benchmarks.peers.decode_only CORPUS OUT --workers 1`."""

from __future__ import annotations

import json
from multiprocessing import get_context
from pathlib import Path

from benchmarks.peers.recipe import arguments, audio_files, decoded


def main() -> None:
    """Decode, and say how many files there were."""
    options = arguments(__doc__)
    files = audio_files(options.corpus)
    if options.workers == 1:
        samples = sum(map(_length, files))
    else:
        with get_context("spawn").Pool(options.workers) as pool:
            samples = sum(pool.imap_unordered(_length, files, chunksize=16))
    print(json.dumps({"kept": len(files), "samples": samples}))


def _length(path: Path) -> int:
    return len(decoded(path))


if __name__ == "__main__":
    main()
