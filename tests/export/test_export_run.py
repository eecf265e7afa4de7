"""An export is a committed folder of its own: the same bytes each time, nothing in the build, nothing that rights forbid."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from corpus import bytes_of, called, lines_of
from export_world import BOTH, FORBIDDEN, ODD_NAMES, PERMITTED, cuts_of, exported, odd_build
from huggingface_hub import DatasetCard

from speccraft import store
from speccraft.cli.export import ExportFormat
from speccraft.errors import BrokenIntegrity, RefusedByRights, WrongUsage
from speccraft.export.contents import Contents
from speccraft.export.run import FORMATS, export
from speccraft.rights.doors import scenario_of
from speccraft.rights.gate import may_be_passed_on
from speccraft.rights.pseudonyms import SESSION
from speccraft.store import Artefact
from speccraft.verify import verify

AS_WRITTEN = {"privacy": {"pseudonyms": False}}
every_format = pytest.mark.parametrize("to", FORMATS)


def copy_of(build: Artefact, folder: Path) -> Artefact:
    """The build in a workspace of its own, to be damaged or written beside."""
    path = folder / "builds" / build.record.name / build.record.id
    shutil.copytree(build.path, path)
    return store.open_artefact(path, "build")


@every_format
def test_the_same_build_and_options_give_the_same_bytes_and_id(build: Artefact, tmp_path: Path, to: str) -> None:
    one, two = (exported(build, tmp_path / name, to, conditions=BOTH) for name in ("one", "another place"))
    assert one.name == two.name
    assert bytes_of(one) == bytes_of(two)


@every_format
def test_verify_passes_on_an_export_and_not_on_one_with_a_flipped_bit(build: Artefact, tmp_path: Path, to: str) -> None:
    folder = exported(build, tmp_path, to, conditions=BOTH)
    assert verify(folder).exit_code == 0
    victim = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    assert verify(folder).exit_code == 5


def test_an_export_goes_into_the_workspace_derives_from_its_build_and_leaves_that_as_it_is(build: Artefact, tmp_path: Path) -> None:
    mine = copy_of(build, tmp_path)
    before = bytes_of(mine.path)
    made = export(mine, scenario_of(mine), to="pointers", workspace=tmp_path)
    assert made.path == tmp_path / "exports" / build.record.name / made.record.id
    assert made.record.derives_from == (mine.as_parent,)
    assert store.current(tmp_path, "export", build.record.name) == made
    assert bytes_of(mine.path) == before
    assert verify(made.path).problems == []
    assert verify(made.path).notes == []
    assert export(mine, scenario_of(mine), to="pointers", workspace=tmp_path) == made


def test_an_export_elsewhere_writes_nothing_into_the_workspace(build: Artefact, tmp_path: Path) -> None:
    mine = copy_of(build, tmp_path / "work")
    before = bytes_of(tmp_path / "work")
    export(mine, scenario_of(mine), to="nemo", workspace=tmp_path / "work", out=tmp_path / "out")
    assert bytes_of(tmp_path / "work") == before


def test_only_the_splits_and_conditions_that_were_named_are_exported(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "nemo", splits=("train", "test"), conditions=("place", "snr_10"))
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["test_place", "test_snr_10"]


@pytest.mark.parametrize(("options", "says"), [({"splits": ("validation",)}, "validation"), ({"conditions": ("snr_99",)}, "snr_99")])
def test_a_split_or_condition_that_is_not_there_is_named_beside_those_that_are(build: Artefact, tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(WrongUsage, match=says) as raised:
        exported(build, tmp_path, "nemo", **options)
    assert ("train" if "splits" in options else "clean, place, snr_20") in raised.value.try_this


def test_train_alone_has_no_place_to_export(build: Artefact, tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="no condition place"):
        exported(build, tmp_path, "nemo", splits=("train",), conditions=("place",))


def damage_audio(build: Artefact) -> None:
    path = next((build.path / "shards/train").glob("*.tar"))
    path.write_bytes(path.read_bytes()[:600] + b"?" + path.read_bytes()[601:])


def damage_report(build: Artefact) -> None:
    (build.path / "report.json").write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_audio, damage_report])
def test_a_build_that_is_not_as_committed_is_not_exported(build: Artefact, tmp_path: Path, damage: Callable[[Artefact], None]) -> None:
    mine = copy_of(build, tmp_path)
    damage(mine)
    with pytest.raises(BrokenIntegrity):
        exported(mine, tmp_path / "out", "nemo")


def test_every_cut_is_told_as_done_once(build: Artefact, tmp_path: Path) -> None:
    for to in FORMATS:
        told: list[tuple[str, int, int]] = []
        exported(build, tmp_path, to, splits=("train",), on_progress=lambda *step, told=told: told.append(step))
        total = len(cuts_of(build, "train"))
        assert told == [("export", done, total) for done in range(1, total + 1)]


def test_the_command_offers_every_format() -> None:
    assert [one.value for one in ExportFormat] == list(FORMATS)


# Names


def all_pointers(folder: Path) -> list[dict[str, Any]]:
    return [row for path in folder.glob("pointers.*.jsonl") for row in lines_of(path)]


def test_speakers_and_sessions_go_by_the_reports_pseudonyms(build: Artefact, tmp_path: Path) -> None:
    report = json.loads((build.path / "report.json").read_bytes())
    wanted = {row["name"]: row["seconds"] for row in report["groups"]["speaker"] if row["name"].startswith("spk-")}
    rows = all_pointers(exported(build, tmp_path, "pointers"))
    found = {name: sum(row["duration"] for row in rows if row["speaker"] == name) for name in wanted}
    assert found == pytest.approx(wanted, abs=0.01)
    assert len(found) > 1
    assert {row["speaker"] for row in rows} == {called(name, build) if name else None for name in ODD_NAMES.values()}
    assert {row["session"] for row in rows} == {called(f"{name}-1", build, SESSION) for name in ODD_NAMES}


@every_format
def test_no_file_of_an_export_holds_a_name_that_the_scenario_keeps_private(build: Artefact, tmp_path: Path, to: str) -> None:
    content = b"".join(bytes_of(exported(build, tmp_path, to, conditions=BOTH)).values())
    assert not [name for name in ("Zoë Ünal", "anna-1", "bela-1") if name.encode() in content]


def test_names_stay_where_the_scenario_says_so(tmp_path: Path) -> None:
    build = odd_build(tmp_path, **AS_WRITTEN)
    rows = all_pointers(exported(build, tmp_path / "out", "pointers"))
    assert {row["speaker"] for row in rows} == {name or None for name in ODD_NAMES.values()}
    assert {row["session"] for row in rows} == {f"{name}-1" for name in ODD_NAMES}


# Rights


@pytest.mark.parametrize(("licence", "allowed"), [("CC-BY-4.0", True), ("CC0-1.0 AND CC-BY-SA-4.0", True), (FORBIDDEN, False), (f"MIT AND {FORBIDDEN}", False)])
def test_the_gate_lets_out_what_every_licence_permits_to_pass_on(licence: str, allowed: bool) -> None:
    assert may_be_passed_on(licence).allowed is allowed


@pytest.fixture(scope="module")
def bound(build: Artefact, tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """The build, had it been admitted under licences that allow training but not passing on: all of train, and the noise."""
    folder = tmp_path_factory.mktemp("bound")
    shutil.copytree(build.path, folder / "scratch", ignore=shutil.ignore_patterns("BUILD.json"))
    for path in [*folder.glob("scratch/shards/train/cuts.*"), folder / "scratch/cuts.train.jsonl"]:
        path.write_bytes(path.read_bytes().replace(PERMITTED.encode(), FORBIDDEN.encode()))
    banks = [row | {"licence": FORBIDDEN} if row["role"] == "noise" else row for row in lines_of(folder / "scratch/banks.jsonl")]
    (folder / "scratch/banks.jsonl").write_bytes(store.json_lines(banks))
    counts = {file.path: file.count for file in build.record.files if file.count is not None}
    return store.commit(folder / "scratch", folder, kind="build", name=build.record.name, info=build.record.info, counts=counts)


@every_format
def test_rows_that_may_not_be_passed_on_refuse_the_export_and_nothing_is_written(bound: Artefact, tmp_path: Path, to: str) -> None:
    with pytest.raises(RefusedByRights, match="rights") as raised:
        exported(bound, tmp_path, to)
    assert raised.value.details == (f"{len(cuts_of(bound, 'train'))} cuts: {FORBIDDEN} does not permit redistribute-data",)
    assert list(tmp_path.iterdir()) == []


def test_noise_that_may_not_be_passed_on_refuses_its_place_and_not_the_clean_cuts(bound: Artefact, tmp_path: Path) -> None:
    exported(bound, tmp_path, "nemo", splits=("test",))
    with pytest.raises(RefusedByRights):
        exported(bound, tmp_path, "nemo", splits=("test",), conditions=("place",))


def test_an_internal_export_of_them_says_so_on_its_card(bound: Artefact, build: Artefact, tmp_path: Path) -> None:
    inside, outside = exported(bound, tmp_path, "nemo", conditions=BOTH, internal=True), exported(build, tmp_path, "nemo")
    assert "For internal use" in (inside / "README.md").read_text()
    assert "For internal use" not in (outside / "README.md").read_text()
    assert store.open_artefact(inside, "export").record.info["internal"]


def test_a_licensed_voice_is_not_passed_on_where_its_speaker_was_not_asked(build: Artefact, tmp_path: Path) -> None:
    scenario = scenario_of(build)
    voice = {"kind": "licensed", "speaker": "zoe", "consent": "zoe-1"}
    licensed = type(scenario).model_validate(scenario.model_dump(mode="json", by_alias=True) | {"voice": voice}, strict=False)
    with pytest.raises(RefusedByRights) as raised:
        export(build, licensed, to="nemo", workspace=tmp_path, out=tmp_path)
    assert "redistribute-data" in raised.value.details[0]


def test_a_cut_in_a_place_carries_the_licences_and_authors_of_everything_that_is_heard(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "pointers", conditions=BOTH)
    assert {(row["licence"], row["attribution"]) for row in lines_of(folder / "pointers.test.jsonl")} == {("CC-BY-4.0", "Words & Co")}
    assert {(row["licence"], row["attribution"]) for row in lines_of(folder / "pointers.test_place.jsonl")} == {
        ("CC-BY-4.0 AND CC0-1.0", "Words & Co; Hiss Ltd")
    }


def test_babble_names_whose_speech_it_is_made_of_and_a_short_noise_its_author(tmp_path: Path) -> None:
    events = {"sources": ["hiss"], "per_minute": {"low": 600.0, "high": 600.0}, "snr_db": {"low": 0.0, "high": 5.0}}
    build = odd_build(tmp_path / "corpus", environment__made=["babble"], environment__noise=[], environment__events=events)
    folder = exported(build, tmp_path, "pointers", conditions=BOTH)
    noises = {cut["custom"]["place"]["noise"]["id"].rpartition("-")[0] for cut in cuts_of(build, "test")}
    assert noises == {"babble-test"}
    assert {(row["licence"], row["attribution"]) for row in lines_of(folder / "pointers.test_place.jsonl")} == {
        ("CC-BY-4.0 AND CC0-1.0", "Words & Co; Hiss Ltd")
    }
    contents = Contents(build, scenario_of(build), conditions=BOTH)
    babble = next(item for item in contents._banks.values() if item["source"] == "babble")
    assert contents._sources_of(babble) == [("babble", "CC-BY-4.0"), ("words", "CC-BY-4.0")]


def test_the_card_keeps_the_builds_card_and_says_what_was_taken(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "hf", splits=("test",))
    card, original = (folder / "README.md").read_text(), (build.path / "README.md").read_text()
    assert original.partition("## Size")[2] in card
    assert f"| test | test | clean | {len(cuts_of(build, 'test'))} |" in card
    assert build.digest in card
    assert "- CC-BY-4.0: " in card
    assert "- words: Words &amp; Co, under CC-BY-4.0" in card.partition("## Size")[0]
    assert "hiss: Hiss Ltd" not in card.partition("## Size")[0], "no noise is heard in clean cuts"


def test_the_header_of_a_card_is_about_what_was_taken(build: Artefact, tmp_path: Path) -> None:
    taken = {"train": ("clean",), "test": BOTH}
    folders = {split: exported(build, tmp_path / split, "hf", splits=(split,), conditions=conditions) for split, conditions in taken.items()}
    header = {split: DatasetCard.load(folder / "README.md").data for split, folder in folders.items()}
    assert (header["train"].license, header["test"].license) == (["cc-by-4.0"], ["cc-by-4.0", "cc0-1.0"])
    for data in header.values():
        assert (data.language, data.pretty_name, data.size_categories) == (["en"], "tiny", ["n<1K"])
        assert data.task_categories == ["automatic-speech-recognition"]
        assert "croissant" in data.tags
