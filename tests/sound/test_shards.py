"""Shards: the same bytes every time, any cut at once, and readable by lhotse itself."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sound_world import white

from speccraft import store
from speccraft.errors import BrokenIntegrity
from speccraft.sound.decode import to_int16
from speccraft.sound.shards import ShardReader, condition_of, decode_flac, encode_flac, field_of, recording_of, write_tar

CUTS = {f"digits-{n:016x}": to_int16(white(500 + 333 * n, seed=n)) for n in range(5)}


def members() -> list[tuple[dict[str, Any], bytes]]:
    return [(recording_of(id, len(samples), 16000), encode_flac(samples, 16000)) for id, samples in CUTS.items()]


def tar_bytes() -> bytes:
    buffer = io.BytesIO()
    assert write_tar(buffer, members()) == len(CUTS)
    return buffer.getvalue()


def shard_folder(folder: Path, *names: str) -> Path:
    for name in names:
        store.write_bytes(folder / name, tar_bytes())
    return folder


def cut_line(id: str, num_samples: int) -> dict[str, Any]:
    duration = num_samples / 16000
    supervision = {"id": id, "recording_id": id, "start": 0.0, "duration": duration, "channel": 0, "text": "hi"}
    recording = recording_of(id, num_samples, 16000)
    return {"id": id, "start": 0.0, "duration": duration, "channel": 0, "supervisions": [supervision], "recording": recording, "type": "MonoCut"}


@given(npst.arrays(np.int16, st.integers(1, 3000), elements=st.integers(-32768, 32767)), st.sampled_from([8000, 16000, 44100, 48000]))
@settings(deadline=None)
def test_flac_is_exact_for_16_bits(samples: np.ndarray, sampling_rate: int) -> None:
    decoded = decode_flac(encode_flac(samples, sampling_rate))
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded * 32768, samples)


def test_flac_of_floats_is_near_and_clips_what_is_too_loud() -> None:
    samples = np.array([0.25, -0.25, 1.5, -1.5, 0.0], np.float32)
    np.testing.assert_allclose(decode_flac(encode_flac(samples, 16000)), np.clip(samples, -1, 1), atol=1.6 / 32768)


def test_flac_and_tar_bytes_are_the_same_twice_and_hold_no_trace_of_this_machine() -> None:
    assert tar_bytes() == tar_bytes()
    with tarfile.open(fileobj=io.BytesIO(tar_bytes())) as tar:
        traces = {(member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode) for member in tar}
    assert traces == {(0, 0, 0, "", "", 0o644)}


def test_any_cut_is_read_back_in_any_order(tmp_path: Path) -> None:
    reader = ShardReader(shard_folder(tmp_path, "recording.000000.tar"))
    for id in reversed(CUTS):
        np.testing.assert_array_equal(reader.samples(id) * 32768, CUTS[id])
        assert reader.flac(id) == encode_flac(CUTS[id], 16000)


def test_shards_of_one_condition_are_one_and_conditions_are_ordered_from_clean_to_loud(tmp_path: Path) -> None:
    names = ["recording.000000.tar", "recording_place.000000.tar", *(f"recording_snr_{snr}.000000.tar" for snr in (0, 5, 10, 20))]
    reader = ShardReader(shard_folder(tmp_path, *names))
    assert reader.conditions == ("clean", "place", "snr_20", "snr_10", "snr_5", "snr_0")
    assert reader.samples(next(iter(CUTS)), "snr_5").any()


def test_fields_and_conditions_are_inverse() -> None:
    for condition in ("clean", "place", "snr_20"):
        assert condition_of(field_of(condition)) == condition
    assert field_of("clean") == "recording"


def test_what_the_shards_do_not_hold_is_a_key_error(tmp_path: Path) -> None:
    reader = ShardReader(shard_folder(tmp_path, "recording.000000.tar"))
    for cut, condition in (("absent", "clean"), (next(iter(CUTS)), "place")):
        with pytest.raises(KeyError):
            reader.flac(cut, condition)


@given(share=st.floats(0, 0.999))
@settings(max_examples=100, deadline=None)
def test_a_tar_that_breaks_off_is_noticed(tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    whole = tar_bytes()
    data = len(whole.rstrip(b"\0"))
    path = tmp_path_factory.mktemp("cut") / "recording.000000.tar"
    path.write_bytes(whole[: int(share * (data + 512))])
    with pytest.raises(BrokenIntegrity, match=r"recording\.000000\.tar"):
        ShardReader(path.parent)


def test_a_tar_that_ends_between_two_members_is_noticed(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(tar_bytes())) as tar:
        third = tar.getmembers()[4].offset
    (tmp_path / "recording.000000.tar").write_bytes(tar_bytes()[:third])
    with pytest.raises(BrokenIntegrity, match="before the end"):
        ShardReader(tmp_path)


def test_a_tar_that_shrinks_under_an_open_reader_is_noticed(tmp_path: Path) -> None:
    reader = ShardReader(shard_folder(tmp_path, "recording.000000.tar"))
    (tmp_path / "recording.000000.tar").write_bytes(tar_bytes()[:700])
    with pytest.raises(BrokenIntegrity, match="ends inside"):
        reader.flac(list(CUTS)[-1])


def test_an_empty_shard_is_a_shard(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    assert write_tar(buffer, []) == 0
    (tmp_path / "recording.000000.tar").write_bytes(buffer.getvalue())
    assert ShardReader(tmp_path).conditions == ("clean",)


def test_lhotse_reads_cuts_and_samples_from_the_folder(tmp_path: Path) -> None:
    from lhotse import CutSet

    shard_folder(tmp_path, "recording.000000.tar")
    lines = [json.dumps(cut_line(id, len(samples))) for id, samples in CUTS.items()]
    store.write_bytes(tmp_path / "cuts.000000.jsonl", "\n".join(lines).encode())
    cuts = list(CutSet.from_shar(in_dir=tmp_path))
    assert [cut.id for cut in cuts] == list(CUTS)
    for cut in cuts:
        np.testing.assert_array_equal(cut.load_audio()[0] * 32768, CUTS[cut.id])
        assert cut.supervisions[0].text == "hi"


@given(st.lists(st.tuples(st.text("abcxyzäé0123456789-_./", min_size=1, max_size=40), st.binary(max_size=1200)), max_size=4, unique_by=lambda pair: pair[0]))
def test_a_tar_is_what_tarfile_writes_without_a_clock(pairs: list[tuple[str, bytes]]) -> None:
    ours, theirs = io.BytesIO(), io.BytesIO()
    write_tar(ours, [(recording_of(id, 8, 16000), flac) for id, flac in pairs])
    with tarfile.open(fileobj=theirs, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for id, flac in pairs:
            for name, content in ((f"{id}.flac", flac), (f"{id}.json", json.dumps(recording_of(id, 8, 16000), sort_keys=True).encode())):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    assert ours.getvalue() == theirs.getvalue()


def test_a_name_that_no_tar_can_hold_is_our_own_bug() -> None:
    with pytest.raises(ValueError, match="too long"):
        write_tar(io.BytesIO(), [(recording_of("x" * 96, 8, 16000), b"")])


@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_a_cut_is_found_in_whichever_shard_it_lies_and_none_that_lies_nowhere(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    folder, number = tmp_path_factory.mktemp("shards"), 0
    ids = []
    for shard, size in enumerate(sizes):
        own = [f"cut-{2 * (number + place):04d}" for place in range(size)]
        number += size
        ids += own
        with (folder / f"recording.{shard:06d}.tar").open("wb") as file:
            write_tar(file, [(recording_of(id, 8, 16000), id.encode()) for id in own])
    reader = ShardReader(folder)
    assert [reader.flac(id) for id in ids] == [id.encode() for id in ids]
    for absent in ("a", "zzz", *(f"cut-{2 * place + 1:04d}" for place in range(number))):
        with pytest.raises(KeyError):
            reader.flac(absent)
