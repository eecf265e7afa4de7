from __future__ import annotations

import numpy as np
import pytest
from sound_world import level_db, tone, white

from speccraft.sound.speed import at_speed


@pytest.mark.parametrize("speed", [0.9, 0.95, 1.1, 1.013])
def test_a_tone_gets_higher_and_shorter_by_the_speed(speed: float) -> None:
    played = at_speed(tone(1000, 2.0), speed)
    assert len(played) == pytest.approx(32000 / speed, abs=1)
    middle = played[4000:20384] * np.hanning(16384)
    assert np.abs(np.fft.rfft(middle)).argmax() * 16000 / 16384 == pytest.approx(1000 * speed, abs=1)
    assert level_db(played[2000:-2000]) == pytest.approx(level_db(tone(1000, 2.0)), abs=0.1)


def test_at_its_own_speed_nothing_changes_and_little_stays_finite() -> None:
    np.testing.assert_array_equal(at_speed(white(100), 1.0), white(100))
    for few in (np.zeros(0, np.float32), np.ones(1, np.float32), np.ones(5, np.float32)):
        assert np.isfinite(at_speed(few, 0.9)).all()
    assert at_speed(white(100), 0.9).dtype == np.float32
