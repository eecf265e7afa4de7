"""The deep proof: a build whose files were changed, with every digest made anew, contradicts itself somewhere, and that is found."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from corpus import SCENARIO, build_here, make_corpus, word_samples
from typer.testing import CliRunner

import speccraft.verify_deep
from speccraft import store
from speccraft.build.run import Built
from speccraft.cli import app
from speccraft.rights.pseudonyms import SESSION, derived_key, pseudonym
from speccraft.scenario import Scenario
from speccraft.sound.shards import decode_flac, encode_flac, recording_of, write_tar
from speccraft.verify import Report, verify
from speccraft.verify_deep import verify_deep

TRAIN = "shards/train/recording.000000.tar"
KEY = derived_key(Scenario.model_validate_json(json.dumps(SCENARIO)))
EMIL, EMILS_SESSION = pseudonym("emil", KEY), pseudonym("emil-1", KEY, SESSION)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build with quality rules, an unseen speaker, more declared axes, and rows that do not make it."""
    corpus = make_corpus(
        tmp_path_factory.mktemp("strict"),
        quality={"duplicates": "exact", "level_dbfs": {"min": -40.0}, "characters_per_s": {"max": 50.0}},
        splits={"dev": 0.2, "test": 0.2, "disjoint": ["speaker", "session", "recording", "audio"], "unseen": {"speaker": ["emil"]}},
        rights={"use": ["train", "redistribute-data"], "accept": ["CC0-1.0", "CC-BY-4.0"]},
        environment__made=["babble"],
        environment__events={"sources": ["hiss"], "per_minute": {"low": 200.0, "high": 300.0}, "snr_db": {"low": 0.0, "high": 5.0}},
        environment__dry=["hiss"],
    )
    corpus.add_row("words/quiet.wav", word_samples("di", seed=9) * 0.01, speaker="anna", text="di")
    corpus.add_row("words/twice.wav", (corpus.folder / "words/anna-ba.wav").read_bytes(), speaker="anna", session="anna-1", text="ba")
    corpus.add_row("words/broken.wav", b"RIFF", speaker="anna")
    corpus.add_row("words/refused.wav", word_samples("ko", seed=8), speaker="anna", licence="My-Own-1.0")
    corpus.add_row("words/by.wav", word_samples("ri", seed=7), speaker="bela", licence="CC-BY-4.0")
    return build_here(corpus)


def copied(built: Built, folder: Path) -> Path:
    return Path(shutil.copytree(built.artefact.path, folder / "copy"))


def sealed(build: Path) -> Path:
    """Make every size, digest, count and id of a record anew, as a builder with a defect or a careful forger would."""
    record = json.loads((build / "BUILD.json").read_bytes())
    counts = {entry["path"]: entry["count"] for entry in record["files"]}
    names = sorted(path.relative_to(build).as_posix() for path in build.rglob("*") if path.is_file() and path.name != "BUILD.json")
    record["files"] = [
        {"path": name, "bytes": (build / name).stat().st_size, "sha256": store.sha256_of(build / name), "count": counts.get(name)} for name in names
    ]
    for entry in record["files"]:
        path = build / entry["path"]
        if path.suffix == ".jsonl":
            entry["count"] = path.read_bytes().count(b"\n")
        elif path.suffix == ".parquet" and entry["count"] is not None and path.stat().st_size > 12:
            entry["count"] = pl.read_parquet(path).height
        elif path.suffix == ".tar":
            with tarfile.open(path) as tar:
                entry["count"] = len(tar.getmembers()) // 2
    record["id"] = store.digest_of({key: record[key] for key in ("kind", "name", "info", "files", "version", "derives_from")})[:16]
    (build / "BUILD.json").write_bytes(store.canonical_json(record))
    assert verify(build).problems == [], "the edit is one that the byte check cannot see"
    return build


# Ways to change a build


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def table(name: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Path], None]:
    def edit(build: Path) -> None:
        path = build / f"{name}.parquet"
        change(pl.read_parquet(path)).write_parquet(path)

    return edit


def lines(name: str, change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Path], None]:
    def edit(build: Path) -> None:
        rows = rows_of(build / name)
        change(rows)
        (build / name).write_bytes(store.json_lines(rows))

    return edit


def cuts(split: str, change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Path], None]:
    """Change the cuts of a split, in the list and in the shard alike."""
    return both(lines(f"cuts.{split}.jsonl", change), lines(f"shards/{split}/cuts.000000.jsonl", change))


def renamed(call: Callable[[str], str]) -> Callable[[Path], None]:
    """Another pseudonym for every speaker, in every cut and in the certificate."""

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            called = call(row["custom"]["speaker"])
            row["custom"]["speaker"] = row["supervisions"][0]["speaker"] = called

    unseen = document("splits.json", lambda content: content["unseen"].update(speaker=[call(one) for one in content["unseen"]["speaker"]]))
    return both(*(cuts(split, change) for split in ("train", "dev", "test")), unseen)


def document(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def edit(build: Path) -> None:
        content = json.loads((build / name).read_bytes())
        change(content)
        (build / name).write_bytes(store.canonical_json(content))

    return edit


def both(*edits: Callable[[Path], None]) -> Callable[[Path], None]:
    def edit(build: Path) -> None:
        for one in edits:
            one(build)

    return edit


def tar(name: str, change: Callable[[list[tuple[dict[str, Any], bytes]]], object]) -> Callable[[Path], None]:
    """Change the (description, FLAC) pairs of a tar."""

    def edit(build: Path) -> None:
        pairs = []
        with tarfile.open(build / name) as members:
            contents = [members.extractfile(one).read() for one in members]  # type: ignore[union-attr]
        for flac, described in zip(contents[::2], contents[1::2], strict=True):
            pairs.append((json.loads(described), flac))
        change(pairs)
        file = io.BytesIO()
        write_tar(file, pairs)
        (build / name).write_bytes(file.getvalue())

    return edit


def first(column: str, value: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Another value in the first row of speech."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        speech = (pl.col("source") == "words") & (pl.int_range(pl.len()).over("source") == 0)
        return frame.with_columns(pl.when(speech).then(pl.lit(value, frame.schema[column])).otherwise(pl.col(column)).alias(column))

    return change


def repeats(what: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Another recording that the duplicates repeat."""
    return lambda frame: frame.with_columns(value=pl.when(pl.col("rule") == "duplicate").then(pl.lit(what)).otherwise("value"))


def exchange_audio(pairs: list[tuple[dict[str, Any], bytes]]) -> None:
    """The audio of two cuts of one length changes places; their descriptions stay."""
    same = [index for index, (described, _) in enumerate(pairs) if described["num_samples"] == pairs[0][0]["num_samples"]]
    left, right = same[0], next(index for index in same if peak(pairs[index][1]) != peak(pairs[same[0]][1]))
    pairs[left], pairs[right] = (pairs[left][0], pairs[right][1]), (pairs[right][0], pairs[left][1])


def peak(flac: bytes) -> float:
    return float(np.abs(decode_flac(flac)).max())


def encoded(samples: np.ndarray, rate: int, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="FLAC", subtype=subtype)
    return file.getvalue()


def replaced(flac: Callable[[bytes], bytes]) -> Callable[[list[tuple[dict[str, Any], bytes]]], None]:
    def change(pairs: list[tuple[dict[str, Any], bytes]]) -> None:
        pairs[0] = (pairs[0][0], flac(pairs[0][1]))

    return change


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]


def say_it_is_longer(pairs: list[tuple[dict[str, Any], bytes]]) -> None:
    described, flac = pairs[0]
    pairs[0] = (recording_of(described["id"], described["num_samples"] + 8, described["sampling_rate"]), flac)


def move_first_train_cut_to_test(build: Path) -> None:
    """A cut, its audio and its rows go over to test, in every file that names it."""
    moved = rows_of(build / "cuts.train.jsonl")[0]
    id, place = moved["id"], rows_of(build / "cuts.test.jsonl")[0]["custom"]["place"]
    audio: list[tuple[dict[str, Any], bytes]] = []

    def take(pairs: list[tuple[dict[str, Any], bytes]]) -> None:
        audio.append(pairs.pop(0))

    def put(pairs: list[tuple[dict[str, Any], bytes]]) -> None:
        pairs.append(audio[0])
        pairs.sort(key=lambda pair: pair[0]["id"])

    def arrive(rows: list[dict[str, Any]]) -> None:
        rows.append({**moved, "custom": {**moved["custom"], "place": place}})
        rows.sort(key=lambda row: row["id"])

    tar(TRAIN, take)(build)
    for path in (build / "shards/test").glob("*.tar"):
        tar(path.relative_to(build).as_posix(), put)(build)
    cuts("train", lambda rows: rows.pop(0))(build)
    cuts("test", arrive)(build)
    table("measures", lambda frame: frame.with_columns(split=pl.when(pl.col("cut") == id).then(pl.lit("test")).otherwise("split")))(build)


def recount_certificate(build: Path) -> None:
    """A certificate that counts the moved cut, and goes on to say that nothing is shared."""
    for split in ("train", "test"):
        rows = rows_of(build / f"cuts.{split}.jsonl")
        found = {"cuts": len(rows), "seconds": round(sum(row["duration"] for row in rows), 3), "speakers": len({row["custom"]["speaker"] for row in rows})}
        document("splits.json", lambda content, split=split, found=found: content["counts"].update({split: found}))(build)


def all_licences(value: str) -> Callable[[Path], None]:
    return both(*(cuts(split, lambda rows: [row["custom"].update(licence=value) for row in rows]) for split in ("train", "dev", "test")))


def scenario_text(old: str, new: str) -> Callable[[Path], None]:
    def change(record: dict[str, Any]) -> None:
        text = record["info"]["scenario"]["text"]
        assert old in text
        record["info"]["scenario"] = {"text": (changed := text.replace(old, new)), "digest": hashlib.sha256(changed.encode()).hexdigest()}

    return document("BUILD.json", change)


def retold(text: str) -> Callable[[Path], None]:
    """Another transcript of the first training cut, in the lists, the measures and the demonstrations."""
    return both(
        cuts("train", lambda rows: rows[0]["supervisions"][0].update(text=text)),
        lambda build: table(
            "measures",
            lambda frame: frame.with_columns(
                text=pl.when(pl.col("cut") == rows_of(build / "cuts.train.jsonl")[0]["id"]).then(pl.lit(text)).otherwise(pl.col("text"))
            ),
        )(build),
    )


def swap_bank_splits(rows: list[dict[str, Any]]) -> None:
    train, test = (next(row for row in rows if row["role"] == "noise" and row["split"] == split) for split in ("train", "test"))
    train["split"], test["split"] = "test", "train"


def swap_in_certificate(content: dict[str, Any]) -> None:
    noise = content["banks"]["noise"]
    noise["train"], noise["test"] = noise["test"], noise["train"]


def same_noise_everywhere(build: Path) -> None:
    """The file of a test noise becomes that of a training noise."""
    rows = rows_of(build / "banks.jsonl")
    train, test = (next(row for row in rows if row["role"] == "noise" and row["split"] == split) for split in ("train", "test"))
    (build / test["path"]).write_bytes((build / train["path"]).read_bytes())


def from_training(role: str, change: Callable[[dict[str, Any], str], None]) -> Callable[[Path], None]:
    """A test cut with short noises hears something that only training may hear."""

    def edit(build: Path) -> None:
        item = next(row for row in rows_of(build / "banks.jsonl") if row["role"] == role and row["split"] == "train")
        cuts("test", lambda rows: change(next(row for row in rows if row["custom"]["place"]["events"])["custom"]["place"], item["id"]))(build)

    return edit


def babble_of(split: str) -> Callable[[Path], None]:
    """Test babble that a cut of another split is heard in."""

    def edit(build: Path) -> None:
        rows = rows_of(build / "banks.jsonl")
        heard = rows_of(build / "cuts.test.jsonl")[0]["id"] if split == "test" else next(row for row in rows if row["source"] == "babble")["made_of"][0]
        lines("banks.jsonl", lambda rows: next(row for row in rows if row["id"] == "babble-test-1")["made_of"].append(heard))(build)

    return edit


def clean_in_place_of_noisy(build: Path) -> None:
    shutil.copyfile(build / "shards/test/recording.000000.tar", build / "shards/test/recording_place.000000.tar")


Edit = Callable[[Path], None]
EDITS: dict[str, tuple[Edit, set[str]]] = {
    "a ledger row less": (table("ledger", lambda frame: frame.filter(pl.col("input") != "words/broken.wav")), {"SC522"}),
    "an input that is not in the ledger": (table("ledger", lambda frame: frame.filter(pl.col("input") != "words/anna-ba.wav")), {"SC522", "SC524"}),
    "a ledger row twice": (table("ledger", lambda frame: pl.concat([frame, frame.tail(1)])), {"SC522", "SC523"}),
    "an input that was lost and is called kept": (
        table("ledger", lambda frame: frame.with_columns(fate=pl.when(pl.col("fate") == "failed").then(pl.lit("kept")).otherwise("fate"))),
        {"SC524"},
    ),
    "a refusal without a reason": (table("ledger", lambda frame: frame.with_columns(reason=pl.lit(None, pl.String))), {"SC524"}),
    "a fate nobody knows": (table("ledger", first("fate", "mislaid")), {"SC524"}),
    "seconds that are lost": (table("ledger", first("seconds_unvoiced", 0.25)), {"SC524"}),
    "seconds that are moved from dropped to kept": (
        table("ledger", lambda frame: frame.with_columns(seconds_kept=pl.col("seconds_kept") + pl.col("seconds_dropped"), seconds_dropped=pl.lit(0.0))),
        {"SC524"},
    ),
    "seconds that fall out of the air": (table("ledger", first("seconds", 99.0)), {"SC524"}),
    "cuts that nobody made": (table("ledger", first("cuts", 3)), {"SC524"}),
    "a segment less": (
        table("segments", lambda frame: frame.filter(pl.col("segment") != frame.filter(pl.col("source") == "words")["segment"][0])),
        {"SC523", "SC524"},
    ),
    "a dropped segment that is called kept": (table("segments", lambda frame: frame.with_columns(fate=pl.lit("kept"))), {"SC523", "SC524", "SC530"}),
    "a segment kept by taking its rule away": (
        table("segments", lambda frame: frame.with_columns(fate=pl.lit("kept"), rule=pl.lit(None, pl.String))),
        {"SC523", "SC524", "SC530"},
    ),
    "a segment that starts to be longer": (table("segments", first("seconds", 0.9)), {"SC523", "SC524"}),
    "a measure of a segment": (table("segments", first("peak_dbfs", -1.0)), {"SC523"}),
    "a measure in both tables": (both(table("segments", first("peak_dbfs", -1.0)), table("measures", first("peak_dbfs", -1.0))), {"SC528"}),
    "a kept segment outside a rule": (table("segments", lambda frame: frame.with_columns(level_dbfs=pl.lit(-50.0))), {"SC530"}),
    "a dropped segment inside its rule": (table("segments", lambda frame: frame.with_columns(level_dbfs=pl.lit(-20.0))), {"SC530"}),
    "a repeat of what was dropped": (table("segments", repeats("words:words/quiet.wav")), {"SC530"}),
    "a repeat of nothing": (table("segments", repeats("words:words/none.wav")), {"SC530"}),
    "a repeat of noise": (table("segments", repeats("hiss:hiss0.wav")), {"SC530"}),
    "a scenario with another limit": (scenario_text('"min": -40.0', '"min": -5.0'), {"SC530"}),
    "a scenario that accepts less": (scenario_text('"CC-BY-4.0"', '"CC-BY-3.0"'), {"SC527"}),
    "a scenario with another seed": (scenario_text('"speccraft": 1,', '"speccraft": 1,\n "seed": 7,'), {"SC526"}),
    "a scenario that is called otherwise": (scenario_text('"name": "tiny"', '"name": "other"'), {"SC526"}),
    "a scenario with another axis": (scenario_text('"recording",', '"text",'), {"SC525", "SC526"}),
    "a scenario with another stranger": (scenario_text('"emil"', '"dora"'), {"SC525", "SC526"}),
    "measures of another speccraft": (table("measures", lambda frame: frame.drop("licence")), {"SC521"}),
    "a scenario that is none": (scenario_text('"job"', '"jbo"'), {"SC521"}),
    "a scenario whose digest is another": (document("BUILD.json", lambda record: record["info"]["scenario"].update(digest="0" * 64)), {"SC526"}),
    "cuts under a licence that is not accepted": (all_licences("CC-BY-SA-4.0"), {"SC527"}),
    "cuts under a licence that nobody knows": (all_licences("Anything-Goes-1.0"), {"SC527"}),
    "cuts without a licence": (all_licences(""), {"SC527"}),
    "noise under a licence that permits no training": (lines("banks.jsonl", lambda rows: rows[0].update(licence="CC-BY-NC-ND-4.0")), {"SC527"}),
    "a cut for a stage it may not serve": (
        both(cuts("train", lambda rows: rows[0]["custom"].update(stages=["prefer"])),),
        {"SC523", "SC527"},
    ),
    "a speaker renamed in the cuts": (cuts("train", lambda rows: rows[0]["custom"].update(speaker=EMIL)), {"SC523", "SC525", "SC526"}),
    "a speaker renamed everywhere in the cut": (
        cuts("train", lambda rows: (rows[0]["custom"].update(speaker=EMIL), rows[0]["supervisions"][0].update(speaker=EMIL))),
        {"SC523"},
    ),
    "a session that is in two splits": (cuts("train", lambda rows: rows[0]["custom"].update(session=EMILS_SESSION)), {"SC523", "SC525", "SC526"}),
    "people who are called by another key": (renamed(lambda called: pseudonym(called, b"another key")), {"SC523"}),
    "people who are called by words": (renamed(lambda called: f"person {called[-2:]}"), {"SC523"}),
    "two people under one pseudonym": (renamed(lambda called: "spk-00000000"), {"SC523"}),
    "a description with another digest": (document("croissant.json", lambda told: told["distribution"][0].update(sha256="0" * 64)), {"SC526"}),
    "a description of a private table": (
        document("croissant.json", lambda told: told["distribution"].append({"contentUrl": "ledger.parquet", "sha256": "0" * 64})),
        {"SC526"},
    ),
    "a description without a licence": (document("croissant.json", lambda told: told["license"].pop()), {"SC526"}),
    "a description of nothing": (document("croissant.json", lambda told: told.clear()), {"SC526"}),
    "a certificate with another stranger": (document("splits.json", lambda content: content["unseen"].update(speaker=["spk-00000000"])), {"SC526"}),
    "a stranger who is no stranger": (cuts("test", lambda rows: [row["custom"].update(unseen=False) for row in rows]), {"SC523", "SC525"}),
    "a transcript in the cuts and measures": (retold("other words"), {"SC523"}),
    "a transcript in one list only": (lines("cuts.train.jsonl", lambda rows: rows[0]["supervisions"][0].update(text="other")), {"SC523"}),
    "a cut that is moved to test": (move_first_train_cut_to_test, {"SC522", "SC525", "SC526"}),
    "a cut that is moved to test and counted there": (both(move_first_train_cut_to_test, recount_certificate), {"SC525", "SC526"}),
    "a certificate that counts other speakers": (document("splits.json", lambda content: content["axes"]["speaker"].update(train=9)), {"SC526"}),
    "a certificate that hides what is shared": (document("splits.json", lambda content: content["axes"]["text"].update(n_shared=0, shared=[])), {"SC526"}),
    "a certificate that declares less": (document("splits.json", lambda content: content["axes"]["speaker"].update(declared=False)), {"SC526"}),
    "a certificate without an axis": (document("splits.json", lambda content: content["axes"].pop("speaker")), {"SC526"}),
    "a certificate of nothing": (document("splits.json", lambda content: content.clear()), {"SC522", "SC521"}),
    "a certificate of lists": (document("splits.json", lambda content: content.update(counts=[], banks=[], axes=[])), {"SC522", "SC521"}),
    "a verdict that the findings deny": (document("report.json", lambda content: content["findings"].append({"severity": "block"})), {"SC526"}),
    "a verdict in the record": (document("BUILD.json", lambda record: record["info"].update(verdict="BLOCK")), {"SC526"}),
    "counts in the record": (document("BUILD.json", lambda record: record["info"]["counts"].update(cuts=1, seconds=1.0, inputs=1)), {"SC522"}),
    "a count of a table": (document("BUILD.json", lambda record: [entry.update(count=None) for entry in record["files"]]), {"SC522"}),
    "a demonstration about a cut of test": (
        lambda build: lines(
            "demonstrations.train.jsonl", lambda rows: rows[0]["messages"][0]["content"][0].update(cut=rows_of(build / "cuts.test.jsonl")[0]["id"])
        )(build),
        {"SC525"},
    ),
    "a demonstration that transcribes otherwise": (
        lines("demonstrations.train.jsonl", lambda rows: rows[0]["messages"][-1]["content"][0].update(text="other")),
        {"SC523"},
    ),
    "audio of two cuts exchanged": (tar(TRAIN, exchange_audio), {"SC528"}),
    "audio that is shorter": (tar(TRAIN, replaced(lambda flac: encode_flac(decode_flac(flac)[:-8], 8000))), {"SC528"}),
    "audio at another rate": (tar(TRAIN, replaced(lambda flac: encode_flac(decode_flac(flac), 16000))), {"SC528"}),
    "audio of 24 bits": (tar(TRAIN, replaced(lambda flac: encoded(decode_flac(flac), 8000, "PCM_24"))), {"SC528"}),
    "audio in stereo": (tar(TRAIN, replaced(lambda flac: encoded(np.stack([decode_flac(flac)] * 2, 1), 8000))), {"SC528"}),
    "audio that is none": (tar(TRAIN, replaced(lambda flac: b"fLaC" + bytes(50))), {"SC528"}),
    "audio with a bit flipped inside of a frame": (tar(TRAIN, replaced(flipped)), {"SC528"}),
    "audio that is quieter": (tar(TRAIN, replaced(lambda flac: encode_flac(decode_flac(flac) * 0.5, 8000))), {"SC528"}),
    "a description of other audio": (tar(TRAIN, say_it_is_longer), {"SC528"}),
    "clean audio called noisy": (clean_in_place_of_noisy, {"SC528"}),
    "banks that changed splits": (both(lines("banks.jsonl", swap_bank_splits), document("splits.json", swap_in_certificate)), {"SC529"}),
    "a short noise of training in test": (from_training("noise", lambda place, id: place["events"][0].update(id=id)), {"SC529"}),
    "noise in a room of training in test": (from_training("rir", lambda place, id: place["noise"]["room"].update(id=id)), {"SC529"}),
    "a short noise in a room of training in test": (from_training("rir", lambda place, id: place["events"][0]["room"].update(id=id)), {"SC529"}),
    "babble of somebody in test": (babble_of("test"), {"SC529"}),
    "babble of test that training hears": (babble_of("train"), {"SC529"}),
    "a test noise that is a training noise": (same_noise_everywhere, {"SC529"}),
    "a bank file that is not listed": (lines("banks.jsonl", lambda rows: rows.pop()), {"SC526", "SC529"}),
    "a bank item that is longer": (lines("banks.jsonl", lambda rows: rows[0].update(seconds=7.0)), {"SC529"}),
    "a room that is not what the environment asks for": (
        lines("banks.jsonl", lambda rows: next(row for row in rows if row["role"] == "rir").update(rt60_s=4.0)),
        {"SC523", "SC530"},
    ),
    "a place that was asked for": (table("measures", lambda frame: frame.with_columns(place_snr_db=pl.col("place_snr_db") + 5)), {"SC523"}),
    "a column of texts for numbers": (table("ledger", lambda frame: frame.with_columns(seconds=pl.lit("much"))), {"SC521"}),
    "a column less": (table("measures", lambda frame: frame.drop("peak_dbfs")), {"SC521"}),
    "a table that is none": (lambda build: (build / "segments.parquet").write_bytes(b"PAR1"), {"SC521"}),  # type: ignore[dict-item,return-value]
}  # fmt: skip


def found(report: Report) -> set[str]:
    return {problem.code for problem in report.problems}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_with_new_digests_is_found_where_it_contradicts_the_rest(strict: Built, tmp_path: Path, edit: str) -> None:
    change, expected = EDITS[edit]
    build = copied(strict, tmp_path)
    change(build)
    report = verify_deep(sealed(build))
    assert report.exit_code == 5
    assert expected <= found(report), report.problems


@pytest.mark.parametrize("name", ["tiny_build", "strict"])
def test_a_build_as_it_was_made_proves_itself(name: str, request: pytest.FixtureRequest) -> None:
    made = request.getfixturevalue(name)
    built = made if isinstance(made, Built) else made[1]
    report = verify_deep(built.artefact.path)
    assert (report.problems, report.exit_code) == ([], 0)
    assert all(note.startswith("splits.json: the tables hold no values of the axis near") for note in report.notes), report.notes


def test_a_sample_decodes_less_and_says_the_same_of_a_whole_build(strict: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    real = speccraft.verify_deep.audio._decoded
    monkeypatch.setattr(speccraft.verify_deep.audio, "_decoded", lambda *arguments: (decoded.append(1), real(*arguments))[1])
    assert verify_deep(strict.artefact.path, sample=2).exit_code == 0
    few, _ = len(decoded), decoded.clear()
    assert verify_deep(strict.artefact.path).exit_code == 0
    assert few < len(decoded)


def test_where_bytes_are_wrong_the_tables_are_not_read(strict: Built, tmp_path: Path) -> None:
    build = copied(strict, tmp_path)
    (build / "ledger.parquet").write_bytes(b"")
    report = verify_deep(build)
    assert {problem.code for problem in report.problems} == {"SC505", "SC506"}
    assert "tables were not looked at" in report.notes[-1]


def test_what_has_no_tables_is_told_so(tmp_path: Path) -> None:
    with store.scratch_folder(tmp_path) as scratch:
        store.write_bytes(scratch / "x", b"x")
        run = store.commit(scratch, tmp_path / "r1", kind="run", name="n", id="r1")
    report = verify_deep(run.path)
    assert report.exit_code == 0
    assert "no tables" in report.notes[-1]


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module)


def test_the_proof_shares_no_code_with_what_it_proves() -> None:
    files = Path(speccraft.verify_deep.__file__).parent.glob("*.py")
    ours = {name for path in files for name in imported_modules(path) if name.startswith("speccraft")}
    assert {name.split(".")[1] for name in ours} == {"errors", "resources", "scenario", "verify"}


def test_a_build_without_noise_or_rooms_proves_itself(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", environment={"place": "studio", "sampling_rate": 8000}, sources=SCENARIO["sources"][:1])
    assert verify_deep(build_here(corpus).artefact.path).problems == []


def test_the_command_proves_says_what_it_proved_and_ends_with_5_where_it_cannot(strict: Built, tmp_path: Path) -> None:
    whole = CliRunner().invoke(app, ["verify", "--deep", "--sample", "1", str(strict.artefact.path)])
    assert (whole.exit_code, "prove each other" in whole.stdout) == (0, True)
    build = copied(strict, tmp_path)
    all_licences("CC-BY-SA-4.0")(build)
    sealed(build)
    assert CliRunner().invoke(app, ["verify", str(build)]).exit_code == 0
    found = CliRunner().invoke(app, ["verify", "--deep", "--json", str(build)])
    assert found.exit_code == 5
    assert "SC527" in {finding["code"] for finding in json.loads(found.stdout)["findings"]}
    assert CliRunner().invoke(app, ["verify", "--sample", "1", str(build)]).exit_code == 2
