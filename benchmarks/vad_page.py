"""The page about detectors of speech: what was measured, and when to choose which."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.page import _processor, _table
from speccraft.sound.silero import HEARD_LATE_FRAMES, SPEECH_FROM, SPEECH_WHILE
from speccraft.sound.vad import HANGOVER_FRAMES, HEARD_AT_DBFS, SHORTEST_PAUSE_FRAMES, SHORTEST_SPEECH_FRAMES

TOOLS = ("speccraft", "numpy", "soxr", "webrtcvad-wheels", "onnxruntime", "silero-vad", "auditok")
QUIET = {"meetings, -35 dBFS": "meetings", "20 dB, -35 dBFS": "20 dB"}
"""Sets that differ from others by their level alone."""


@dataclass(frozen=True)
class Scores:
    """What a detector did: steps of 10 ms by set (rightly found, wrongly found, missed, rightly left), its cost, and what follows from it."""

    cpu_s_per_hour: float
    counts: Mapping[str, np.ndarray]
    patterns: int

    def f1(self, name: str) -> float:
        """Harmonic mean of precision and recall."""
        right, wrong, missed, _ = self.counts[name]
        return float(2 * right / max(1, 2 * right + wrong + missed))

    def missed(self, name: str) -> float:
        """Share of speech that is not found."""
        right, _, missed, _ = self.counts[name]
        return float(missed / max(1, right + missed))

    def false_alarm(self, name: str) -> float:
        """Share of silence and noise that is taken for speech."""
        _, wrong, _, left = self.counts[name]
        return float(wrong / max(1, wrong + left))


def page(scores: Mapping[str, Scores], hours: Mapping[str, float]) -> str:
    """The page."""
    parts = [_opening(hours), _found(scores, hours), _errors(scores, hours), _cost(scores), _advice(scores), _settings(), _method()]
    return "\n\n".join(parts) + "\n"


def _opening(hours: Mapping[str, float]) -> str:
    versions = ", ".join(f"{one.name} {one.version}" for name in TOOLS for one in importlib.metadata.distributions(name=name))
    return f"""# Finding speech

Written by `python -m benchmarks.vad --data DATA`; {60 * sum(hours.values()):.0f} minutes of real recordings, in one run, one thread.
Machine: {_processor()}; {platform.system()}; Python {platform.python_version()}; {versions}."""


def _found(scores: Mapping[str, Scores], hours: Mapping[str, float]) -> str:
    sets = [name for name in hours if name not in QUIET]
    rows = [[name, *(f"{one.f1(each):.3f}" for each in sets)] for name, one in scores.items()]
    return "## F1 of frames\n\nMeetings, and read speech: clean, and in noise at a signal-to-noise ratio.\n\n" + _table(["detector", *sets], rows)


def _errors(scores: Mapping[str, Scores], hours: Mapping[str, float]) -> str:
    sets = [name for name in hours if name not in QUIET]
    rows = [[name, *(f"{one.missed(each):.2f} / {one.false_alarm(each):.2f}" for each in sets)] for name, one in scores.items()]
    note = "Share of speech that is missed / share of silence and noise that is taken for speech."
    return f"## Missed and false alarm\n\n{note}\n\n" + _table(["detector", *sets], rows)


def _cost(scores: Mapping[str, Scores]) -> str:
    rows = [
        [name, f"{one.cpu_s_per_hour:.2f}", *(f"{one.f1(quiet) - one.f1(loud):+.3f}" for quiet, loud in QUIET.items()), f"{one.patterns} of 7"]
        for name, one in scores.items()
    ]
    head = ["detector", "CPU-s an hour of audio", *(f"F1 of {loud} at -35 dBFS" for loud in QUIET.values()), "patterns"]
    note = """What the detector costs without decoding (speccraft's with the frame table, 0.15, which a build needs anyway); how its F1 changes when the same
recordings peak at -35 dBFS; and how many of the files of `dev/vad` have the pattern that their names say."""
    return f"## Cost and level\n\n{note}\n\n" + _table(head, rows)


def _advice(scores: Mapping[str, Scores]) -> str:
    webrtc, strict, silero = scores["`webrtc`, mode 2"], scores["`webrtc`, mode 3"], scores["`silero`"]
    dearer = silero.cpu_s_per_hour / webrtc.cpu_s_per_hour
    return f"""## Which to choose

- `webrtc`, the default: clean or steadily noisy recordings with a transcript, which are only trimmed, and anything of which there are thousands of
  hours. Below 10 dB of changing noise (voices, traffic, clatter) it takes much of that for speech: {webrtc.false_alarm("5 dB"):.0%} at 5 dB.
  Mode 3 takes less ({strict.false_alarm("5 dB"):.0%}) and gives up {strict.missed("meetings"):.0%} of the speech in meetings, mode 2
  {webrtc.missed("meetings"):.0%}. A recording in which nobody speaks is brought to the level of speech, too, and its noise may be taken for speech.
- `silero`: meetings, streets, kitchens, music behind the voice, and wherever speech without a transcript is cut at its pauses. It costs {dearer:.0f} times
  as much as `webrtc` (a third of its own loop), a worker 70 MB more, and `pip install 'speccraft[silero]'`.
- `energy`: clean studio takes and whispers, which the other two were not trained on. It knows nothing of speech, and nothing below -60 dBFS is speech to it:
  do not use it where levels differ.
- `given`: recordings whose turns were annotated. Nothing is detected: each annotated stretch is one utterance, exactly as long as it says, all of it counts as
  speech (so `speech_share` is 1 and there are no pauses), and its noise is looked for in what lies within 10 s and is in no stretch, 0.25 s apart from any."""


def _settings() -> str:
    click, pause, hangover = (30 * frames for frames in (SHORTEST_SPEECH_FRAMES, SHORTEST_PAUSE_FRAMES, HANGOVER_FRAMES))
    return f"""## What was tuned

On other read speech and other noise of the packs, and on the same meetings (there are no more), the F1 of frames and the number of pauses were
compared over some hundred settings. Best, and little worse in their neighbourhood, are:

- sounds shorter than {click} ms are clicks, pauses shorter than {pause} ms are part of speech, and speech goes on for {hangover} ms;
- detectors are given the recording without its constant offset, and with its peak at {HEARD_AT_DBFS:g} dBFS, a few clicks apart; where WebRTC's hears nothing
  at all, energy decides (leaving out what is not louder than the noise was tried: it gains 0.02 in noise and loses as much in clean speech);
- for Silero, speech begins at a probability of {SPEECH_FROM}, goes on while it is above {SPEECH_WHILE}, and began {30 * HEARD_LATE_FRAMES} ms before."""


def _method() -> str:
    return """## How it was measured

- Meetings: 15 excerpts of 30 s from AMI, one distant or mixed channel, truth from their RTTM: turns, with the short pauses inside them. Distant speech that
  nobody annotated counts as silence, so no detector reaches 1.
- Read speech: LibriSpeech sentences by threes with digital silence of 0.5 to 3 s around them; true is what is within 35 dB of the loudest twentieth of a
  sentence, with gaps below 0.1 s closed. The noise is real (dev/noise), three recordings for each; the ratio is over true speech.
- F1 is over steps of 10 ms. auditok runs with its defaults, but for events of any length without trailing silence; `p10` is its automatic threshold.
  "webrtcvad alone" is the detector frame by frame with nothing around it; "Silero's own loop" is `get_speech_timestamps` with its ONNX network."""
