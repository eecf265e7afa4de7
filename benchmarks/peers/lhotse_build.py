"""The job in Lhotse: cuts are mapped, trimmed to speech, mapped, filtered, written as Shar. `python -m benchmarks.peers.lhotse_build CORPUS OUT --workers 1`.

`--fused` measures while the recording is decoded for speech detection, so that a cut's audio is read once more only, for the shard.
"""

from __future__ import annotations

import argparse
import gzip
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from lhotse import CutSet, MonoCut, Recording, RecordingSet, SupervisionSegment

from benchmarks.peers.recipe import RATE, ROWS_PER_SHARD, audio_files, is_good, measures, pieces


def with_speech(cut: MonoCut, *, fused: bool) -> MonoCut:
    """The cut with a supervision for each piece of speech."""
    samples = _samples(cut)
    for number, piece in enumerate(pieces(samples)):
        known = {"speech_share": piece.speech_share, "noise_power": piece.noise_power}
        cut.supervisions.append(
            SupervisionSegment(
                id=f"{cut.id}-{number:04d}",
                recording_id=cut.recording_id,
                start=piece.start / RATE,
                duration=(piece.end - piece.start) / RATE,
                custom=measures(samples[piece.start : piece.end], **known) if fused else known,
            )
        )
    return cut


def with_measures(cut: MonoCut) -> MonoCut:
    """The trimmed cut with its measures in place of what was known of its piece."""
    supervision = cut.supervisions[0]
    supervision.custom = measures(_samples(cut), **supervision.custom)
    return cut


def build(numbered: tuple[int, list[Path]], out: Path, *, fused: bool) -> int:
    """Do a share of the files; return how many cuts are kept."""
    number, files = numbered
    recordings = RecordingSet.from_recordings(Recording.from_file(path, recording_id=path.stem) for path in files)
    cuts = CutSet.from_manifests(recordings=recordings).map(partial(with_speech, fused=fused)).trim_to_supervisions(keep_overlapping=False)
    kept = (cuts if fused else cuts.map(with_measures)).filter(_is_good)
    folder = out / f"part-{number:02d}"
    folder.mkdir()
    kept.to_shar(folder, fields={"recording": "flac"}, shard_size=ROWS_PER_SHARD)
    return sum(gzip.open(path).read().count(b"\n") for path in folder.glob("cuts.*.jsonl.gz"))


def main() -> None:
    """Build, and say how many cuts are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--fused", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True)
    files = audio_files(options.corpus)
    shares = list(enumerate(files[number :: options.workers] for number in range(options.workers)))
    work = partial(build, out=options.out, fused=options.fused)
    if options.workers == 1:
        kept = work(shares[0])
    else:
        with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
            kept = sum(pool.map(work, shares))
    print(json.dumps({"kept": kept}))


def _samples(cut: MonoCut) -> np.ndarray:
    return np.clip(np.round(cut.load_audio()[0] * 32768), -32768, 32767).astype(np.int16)


def _is_good(cut: MonoCut) -> bool:
    return is_good(cut.supervisions[0].custom)


if __name__ == "__main__":
    main()
