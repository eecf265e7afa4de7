"""Counters and histograms of a server, as Prometheus reads them."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
HELP = {
    "speccraft_requests_total": "Requests by path and status.",
    "speccraft_decisions_total": "What the manual decided about answers.",
    "speccraft_rejected_total": "Requests that were not answered, by code.",
    "speccraft_audio_seconds_total": "Seconds of audio that were heard.",
    "speccraft_batches_total": "Batches that the model answered.",
    "speccraft_batched_total": "Requests in those batches.",
    "speccraft_first_token_seconds": "Seconds from a request to the first piece of its answer.",
    "speccraft_answer_seconds": "Seconds from a request to the end of its answer.",
}
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """What happened so far; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Labels], float] = defaultdict(float)
        self._seconds: dict[str, list[float]] = {}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name, tuple(sorted(labels.items()))] += by

    def observe(self, name: str, seconds: float) -> None:
        """Add one duration to a histogram."""
        with self._lock:
            row = self._seconds.setdefault(name, [0.0] * (len(BOUNDS_S) + 2))
            row[bisect_left(BOUNDS_S, seconds)] += 1
            row[-1] += seconds

    def text(self, **gauges: float) -> str:
        """All of it in Prometheus' text format 0.0.4, with gauges that are read now."""
        with self._lock:
            return "\n".join([*self._counters(), *self._histograms(), *_gauges(gauges), ""])

    def _counters(self) -> Iterator[str]:
        last = ""
        for (name, labels), value in sorted(self._counts.items()):
            if name != last:
                yield from _heading(name, "counter")
            last = name
            shown = ",".join(f'{key}="{_escaped(told)}"' for key, told in labels)
            yield f"{name}{{{shown}}} {value:g}" if shown else f"{name} {value:g}"

    def _histograms(self) -> Iterator[str]:
        for name, row in sorted(self._seconds.items()):
            yield from _heading(name, "histogram")
            below = 0.0
            for bound, number in zip((*BOUNDS_S, "+Inf"), row, strict=False):
                below += number
                yield f'{name}_bucket{{le="{bound}"}} {below:g}'
            yield f"{name}_sum {row[-1]:g}"
            yield f"{name}_count {below:g}"


def _heading(name: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {HELP[name]}", f"# TYPE {name} {kind}"


def _gauges(gauges: dict[str, float]) -> Iterator[str]:
    for name, value in sorted(gauges.items()):
        yield f"# TYPE {name} gauge"
        yield f"{name} {value:g}"


def _escaped(told: str) -> str:
    return told.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
