"""A process that speaks one text with espeak-ng and ends; run by espeak.py, standard library only.

Usage: espeak_process.py LIBRARY DATA VOICE WORDS_PER_MINUTE PITCH < text > rate (4 bytes, little endian) + int16 samples
Exit codes: 3 the library or its data does not load, 4 the voice or its variant is unknown.
"""

import ctypes
import os
import sys
from pathlib import Path

RETRIEVAL, CHARS_UTF8, RATE, PITCH = 1, 1, 1, 3
"""Constants of espeak-ng's speak_lib.h."""


def main(library_path: str, data: str, voice: str, words_per_minute: str, pitch: str) -> int:
    """Speak standard input to standard output."""
    try:
        library = ctypes.CDLL(library_path)
    except OSError:
        return 3
    out = sys.stdout.buffer

    def collect(samples: int | None, count: int, _events: int) -> int:
        if samples and count > 0:
            out.write(ctypes.string_at(samples, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(collect)
    sampling_rate = library.espeak_Initialize(RETRIEVAL, 0, data.encode() or None, 0)
    if sampling_rate <= 0:
        return 3
    if library.espeak_SetVoiceByName(voice.encode()) != 0 or not has_variant(library, voice):
        return 4
    out.write(sampling_rate.to_bytes(4, "little"))
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetParameter(RATE, int(words_per_minute), 0)
    library.espeak_SetParameter(PITCH, int(pitch), 0)
    text = sys.stdin.buffer.read()
    # The breath of some voices is noise that is otherwise seeded by the clock.
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    out.flush()
    return 0


def has_variant(library: ctypes.CDLL, voice: str) -> bool:
    """Whether there is the variant after a voice's `+`; espeak-ng speaks on without one that is not."""
    _, plus, variant = voice.partition("+")
    data = ctypes.c_char_p()
    library.espeak_Info(ctypes.byref(data))
    return not plus or variant in {path.name for path in Path(os.fsdecode(data.value or b""), "voices", "!v").iterdir()}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
