"""The demo's files: written once, the same everywhere, and what they claim to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speccraft.demo import NOISES, ROOM_RT60_S, SAMPLING_RATE, write_demo
from speccraft.ingest import reach_of, read_sources
from speccraft.rights.gate import may
from speccraft.rights.papers import Papers
from speccraft.scenario import load_scenario
from speccraft.sound.decode import decode
from speccraft.sound.rooms import rt60_of


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo")).parent


def test_the_demo_is_the_same_bytes_everywhere(demo: Path, tmp_path: Path) -> None:
    write_demo(tmp_path)
    files = sorted(path.relative_to(demo) for path in demo.rglob("*") if path.is_file())
    assert len(files) == 1 + len(NOISES) + len(ROOM_RT60_S)
    for name in files:
        assert (demo / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    scenario = write_demo(tmp_path)
    scenario.write_text("mine")
    hum = tmp_path / "noise/hum.flac"
    before = hum.stat().st_mtime_ns
    (tmp_path / "noise/crowd.flac").unlink()
    assert write_demo(tmp_path) == scenario
    assert scenario.read_text() == "mine"
    assert hum.stat().st_mtime_ns == before
    assert (tmp_path / "noise/crowd.flac").exists()


@pytest.mark.parametrize("rt60_s", ROOM_RT60_S)
def test_a_hall_rings_as_long_as_its_name_says(demo: Path, rt60_s: float) -> None:
    decoded = decode(demo / f"rooms/hall-{rt60_s:g}s.flac", SAMPLING_RATE, channel=0)
    assert rt60_of(decoded.samples / 32768, SAMPLING_RATE) == pytest.approx(rt60_s, rel=0.1)


def test_the_noises_are_eight_seconds_unclipped_and_unlike_each_other(demo: Path) -> None:
    spectra = []
    for name in NOISES:
        samples = decode(demo / f"noise/{name}.flac", SAMPLING_RATE).samples / 32768
        assert len(samples) == 8 * SAMPLING_RATE
        assert np.abs(samples).max() == pytest.approx(0.5, abs=1e-3)
        bands = np.add.reduceat(np.abs(np.fft.rfft(samples)) ** 2, np.arange(0, len(samples) // 2, 800))
        spectra.append(bands / bands.sum())
    assert all(np.abs(a - b).sum() > 0.02 for at, a in enumerate(spectra) for b in spectra[:at])


def test_the_scenario_finds_its_files_and_every_source_may_be_used(demo: Path) -> None:
    scenario = load_scenario(demo / "scenario.yaml").scenario
    rows = read_sources(scenario, reach_of(demo / "scenario.yaml", scenario, None))
    voices = next(source for source in scenario.sources if source.id == "voices")
    assert {id: len(found) for id, found in rows.items()} == {"voices": 10 * 12 * 4, "platform": len(NOISES), "station": len(ROOM_RT60_S)}
    assert voices.format == "synthesis"
    assert len(voices.voices) >= 8
    assert not any(row.problem for found in rows.values() for row in found)
    assert all(may(Papers(scenario.rights, ""), door="speech", licence=source.licence).allowed for source in scenario.sources)
