"""The commands, as real processes: exit codes, streams, and what each costs to start."""

from __future__ import annotations

import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from corpus import Corpus, build_here, bytes_of, command, speccraft
from typer.testing import CliRunner

from speccraft import store
from speccraft.build.run import Built
from speccraft.cli import app

COMMANDS = sorted(info.name or info.callback.__name__ for info in app.registered_commands if info.callback is not None)
HEAVY = {"lhotse", "torch", "transformers", "polars", "librosa", "scipy", "audiomentations"}


def imported_by(*arguments: str | Path) -> set[str]:
    """Top-level packages that a command imports, by Python's own account."""
    done = subprocess.run([sys.executable, "-X", "importtime", *command(*arguments)], capture_output=True, text=True, check=False, timeout=120)
    return {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines() if line.startswith("import time:")}


def need_clean(done: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in done.stdout + done.stderr


def one_object(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON object of a `--json` run, which says the same as the exit code, with nothing beside it."""
    printed = json.loads(done.stdout)
    assert set(printed) == {"ok", "command", "exit_code", "artifacts", "counts", "findings"}
    assert printed["exit_code"] == done.returncode
    assert printed["ok"] == (done.returncode == 0)
    assert done.stderr == ""
    return printed


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_build: tuple[Corpus, Built]) -> tuple[Corpus, Path]:
    """A corpus of our own with a build in its workspace."""
    folder = tmp_path_factory.mktemp("cli") / "corpus"
    corpus = Corpus(Path(shutil.copytree(tiny_build[0].folder, folder)))
    return corpus, build_here(corpus).artefact.path


def refuse(corpus: Corpus, **more: str) -> None:
    sources = json.loads(corpus.scenario.read_text())["sources"]
    corpus.write_scenario(sources=[sources[0] | {"licence": "My-Own-1.0", **more}, *sources[1:]])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_shows_an_example_of_it(name: str) -> None:
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0
    assert re.search(rf"Example: speccraft {name}\b", done.output)


def test_the_commands_of_the_house_are_there() -> None:
    assert set(COMMANDS) >= {"check", "plan", "build-manifest", "report", "train", "evaluate", "verify", "schema", "explain", "demo"}


def test_help_imports_nothing_heavy() -> None:
    assert imported_by("--help") & (HEAVY | {"pydantic", "numpy", "rich"}) == set()


def test_check_imports_no_audio_no_tables_and_no_training(corpus: Corpus) -> None:
    found = imported_by("check", corpus.scenario)
    assert "pydantic" in found
    assert found & (HEAVY | {"numpy", "soundfile"}) == set()


def test_a_build_imports_neither_lhotse_nor_torch(built: tuple[Corpus, Path]) -> None:
    assert imported_by("build-manifest", built[0].scenario, "--as-of", "2026-01-01") & {"lhotse", "torch", "transformers"} == set()


def test_check_prints_its_result_on_stdout_and_the_next_step_on_stderr(corpus: Corpus) -> None:
    done = speccraft("check", corpus.scenario)
    assert (done.returncode, done.stdout) == (0, f"{corpus.scenario}: a valid scenario for 'tiny'\n")
    assert f"next: speccraft plan {corpus.scenario}" in done.stderr


def test_an_invalid_scenario_ends_with_1_and_every_problem_in_its_place(corpus: Corpus) -> None:
    corpus.write_scenario(seed="zero", nmae="x")
    done = speccraft("check", corpus.scenario)
    need_clean(done)
    assert done.returncode == 1
    assert done.stdout == ""
    for field in ("seed", "nmae"):
        assert re.search(rf"scenario\.yaml:\d+:\d+.*{field}", done.stderr)
    assert len(one_object(speccraft("check", corpus.scenario, "--json"))["findings"]) == 2


def test_github_gets_annotations_and_people_the_text(corpus: Corpus) -> None:
    corpus.write_scenario(nmae="x")
    done = speccraft("check", corpus.scenario, "--format", "github")
    assert done.returncode == 1
    assert re.fullmatch(rf"::error file={re.escape(str(corpus.scenario))},line=\d+,.*,title=SC101::nmae: no such field%0Ahelp: .*\n", done.stdout)
    assert "error[SC101]: nmae" in done.stderr
    assert one_object(speccraft("check", corpus.scenario, "--format", "github", "--json"))["findings"][0]["code"] == "SC101"


def test_github_is_told_advice_about_a_valid_scenario_too(corpus: Corpus) -> None:
    assert "::" not in speccraft("check", corpus.scenario, "--format", "github").stdout
    corpus.write_scenario(segmentation={"detector": "energy", "aggressiveness": 3})
    done = speccraft("check", corpus.scenario, "--format", "github")
    assert done.returncode == 0
    assert done.stdout.startswith("::warning file=")


def test_a_code_is_explained_on_stdout_and_as_data() -> None:
    done = speccraft("explain", "SC101")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("SC101: ")
    (found,) = one_object(speccraft("explain", "SC101", "--json"))["findings"]
    assert (found["code"], set(found)) == ("SC101", {"code", "means", "why", "try", "wrong", "right"})


def test_a_code_that_is_none_ends_with_1_and_the_near_miss() -> None:
    done = speccraft("explain", "SC1O1")
    need_clean(done)
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean 'SC101'?" in done.stderr


@pytest.mark.parametrize("arguments", [["nonsense"], ["check"], ["check", "x", "--no-such-option"], ["build-manifest", "x", "--workers", "0"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    done = speccraft(*arguments)
    need_clean(done)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage" in done.stderr


@pytest.mark.parametrize("name", ["check", "build-manifest", "report"])
def test_a_scenario_that_is_not_there_ends_with_3(name: str, tmp_path: Path) -> None:
    done = speccraft(name, tmp_path / "nothing.yaml")
    need_clean(done)
    assert (done.returncode, done.stdout) == (3, "")
    assert "nothing.yaml" in done.stderr


def test_a_source_that_is_not_there_ends_with_3_and_names_it(corpus: Corpus) -> None:
    (corpus.folder / "words.csv").unlink()
    printed = one_object(speccraft("build-manifest", corpus.scenario, "--json"))
    assert printed["exit_code"] == 3
    assert "source 'words': words.csv does not exist" in printed["findings"][0]["message"]
    assert not corpus.workspace.exists()


@pytest.mark.parametrize("name", ["plan", "build-manifest"])
def test_an_unknown_licence_ends_with_4_names_the_source_and_writes_nothing(name: str, corpus: Corpus) -> None:
    refuse(corpus)
    before = bytes_of(corpus.folder)
    done = speccraft(name, corpus.scenario)
    need_clean(done)
    assert done.returncode == 4
    assert "words" in done.stdout + done.stderr
    assert "My-Own-1.0" in done.stdout + done.stderr
    assert bytes_of(corpus.folder) == before


@pytest.mark.slow
def test_a_source_that_may_be_left_out_is_left_out(corpus: Corpus) -> None:
    refuse(corpus, on_refusal="exclude")
    printed = one_object(speccraft("build-manifest", corpus.scenario, "--json"))
    # Without that source nothing is left to train on: the build stands, and its report blocks.
    assert (printed["exit_code"], printed["counts"]) == (1, {"inputs": 36, "cuts": 0, "seconds": 0.0, "decoded": 6})


@pytest.mark.slow
def test_a_flipped_byte_ends_with_5(built: tuple[Corpus, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(built[1], tmp_path / built[1].name))
    assert speccraft("verify", copy).returncode == 0
    for name in ("report.html", "report.json"):
        (copy / name).write_bytes((copy / name).read_bytes()[:-2] + b"x\n")
    for arguments in (("verify", copy), ("report", copy)):
        done = speccraft(*arguments)
        need_clean(done)
        assert done.returncode == 5
        assert "report." in done.stdout + done.stderr
    assert one_object(speccraft("verify", copy, "--json"))["findings"]


def test_a_workspace_that_cannot_be_written_ends_with_6(corpus: Corpus) -> None:
    (corpus.folder / "file").write_text("")
    done = speccraft("build-manifest", corpus.scenario, "--workspace", corpus.folder / "file" / "work")
    need_clean(done)
    assert done.returncode == 6
    assert "--workspace" in done.stderr


def test_a_workspace_that_another_process_holds_ends_with_7(corpus: Corpus) -> None:
    with store.locked(corpus.workspace):
        done = speccraft("build-manifest", corpus.scenario)
    need_clean(done)
    assert done.returncode == 7
    assert "another speccraft process" in done.stderr


def test_training_without_its_extra_ends_with_8_and_says_what_to_install(built: tuple[Corpus, Path], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['transformers'] = None\n")
    done = speccraft("train", built[0].scenario, environment={"PYTHONPATH": str(tmp_path)})
    need_clean(done)
    assert done.returncode == 8
    assert "training needs transformers" in done.stderr
    assert "pip install 'speccraft[train]'" in done.stderr


@pytest.mark.slow
def test_a_report_that_passes_ends_with_0_and_one_that_blocks_with_1(built: tuple[Corpus, Path], corpus: Corpus) -> None:
    passed = speccraft("report", built[0].scenario)
    assert passed.returncode == 0
    assert f"PASS  {built[1] / 'report.html'}" in passed.stdout
    corpus.write_scenario(quality={"duration_s": {"min": 3.0}})
    assert speccraft("build-manifest", corpus.scenario, "--quiet").returncode == 1
    blocked = speccraft("report", corpus.scenario)
    assert blocked.returncode == 1
    assert "BLOCK" in blocked.stdout
    assert "SC420" in json.dumps(one_object(speccraft("report", corpus.scenario, "--json")))


def test_a_build_prints_verdict_and_folder_and_a_second_one_reuses_it(corpus: Corpus) -> None:
    first, second = (speccraft("build-manifest", corpus.scenario, "--as-of", "2026-01-01") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == second.stdout
    assert re.fullmatch(rf"PASS  {re.escape(str(corpus.workspace))}/builds/tiny/[0-9a-f]{{16}}\n", first.stdout)
    assert "the build is reused" in second.stderr
    assert "30 cuts" in first.stderr


@pytest.mark.slow
def test_quiet_says_nothing_but_the_result(built: tuple[Corpus, Path]) -> None:
    done = speccraft("build-manifest", built[0].scenario, "--quiet", "--as-of", "2026-01-01")
    assert (done.stdout, done.stderr) == (f"PASS  {built[1]}\n", "")


@pytest.mark.slow
def test_json_tells_where_the_build_is(built: tuple[Corpus, Path]) -> None:
    printed = one_object(speccraft("build-manifest", built[0].scenario, "--json", "--as-of", "2026-01-01"))
    assert printed["artifacts"] == {"build": str(built[1]), "report": str(built[1] / "report.html")}
    assert printed["counts"] == {"cuts": 30, "inputs": 36, "seconds": 21.0, "decoded": 0}
    for arguments in (("check", built[0].scenario), ("plan", built[0].scenario), ("report", built[0].scenario), ("verify", built[1])):
        assert one_object(speccraft(*arguments, "--json"))["exit_code"] == 0


def test_a_dry_run_writes_nothing(corpus: Corpus) -> None:
    done = speccraft("build-manifest", corpus.scenario, "--dry-run")
    assert done.returncode == 0
    assert "30 of 30 rows enter" in done.stdout
    assert not corpus.workspace.exists()


@pytest.mark.slow
def test_damaged_audio_is_no_traceback_and_no_failure(corpus: Corpus) -> None:
    corpus.add_row("words/truncated.wav", (corpus.folder / "words/anna-ba.wav").read_bytes()[:3000])
    corpus.add_row("words/empty.wav", b"")
    corpus.add_row("words/text.wav", b"this is no sound\n")
    done = speccraft("build-manifest", corpus.scenario)
    need_clean(done)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_data_names_the_folder_that_paths_start_from(corpus: Corpus, tmp_path: Path) -> None:
    moved = Path(shutil.move(corpus.scenario, tmp_path / "scenario.yaml"))
    assert speccraft("plan", moved).returncode == 3
    by_option = speccraft("plan", moved, "--data", corpus.folder)
    by_environment = speccraft("plan", moved, environment={"SPECCRAFT_DATA": str(corpus.folder)})
    assert (by_option.returncode, by_environment.returncode) == (0, 0)
    assert by_option.stdout == by_environment.stdout


def test_a_day_that_is_no_day_is_an_error(corpus: Corpus) -> None:
    done = speccraft("build-manifest", corpus.scenario, "--as-of", "soon")
    assert done.returncode == 2
    assert "'soon' is no day" in done.stderr


@pytest.mark.parametrize("name", ["scenario", "recipe", "demonstration", "pair", "cut", "hypothesis", "score"])
def test_every_schema_is_printed_as_json(name: str) -> None:
    done = CliRunner().invoke(app, ["schema", name])
    assert done.exit_code == 0
    assert "$schema" in json.loads(done.stdout) or "properties" in json.loads(done.stdout)


@pytest.mark.slow
def test_a_worker_may_use_less_memory_than_we_would_allow(corpus: Corpus) -> None:
    def less_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))

    done = subprocess.run(command("build-manifest", corpus.scenario), preexec_fn=less_memory, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


STEPS = ("pretrain.steps=6", "pretrain.warmup_steps=1", "align.steps=4", "align.warmup_steps=1", "answer.max_new_tokens=4")


@pytest.mark.slow
def test_the_whole_way_from_a_scenario_to_a_judged_model(corpus: Corpus) -> None:
    build = one_object(speccraft("build-manifest", corpus.scenario, "--json"))
    assert one_object(speccraft("report", corpus.scenario, "--json"))["exit_code"] == 0
    overrides = [part for step in STEPS for part in ("--set", step)]
    trained = speccraft("train", corpus.scenario, *overrides, "--json")
    need_clean(trained)
    run = one_object(trained)
    assert run["exit_code"] == 0
    again = one_object(speccraft("train", corpus.scenario, *overrides, "--json"))
    assert again["artifacts"] == run["artifacts"]
    evaluated = speccraft("evaluate", corpus.scenario)
    need_clean(evaluated)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "clean" in evaluated.stdout
    evaluation = store.current(corpus.workspace, "evaluation", "tiny")
    assert evaluation is not None
    assert f"PASS  {evaluation.path / 'acceptance.html'}" in evaluated.stdout
    scores = json.loads((evaluation.path / "scores.json").read_text())
    rows = scores if isinstance(scores, list) else scores["rows"]
    assert {row["condition"] for row in rows if row["metric"] == "wer"} >= {"clean", "place", "snr_20", "snr_10", "snr_5", "snr_0"}
    for path in (build["artifacts"]["build"], run["artifacts"]["run"], evaluation.path):
        assert one_object(speccraft("verify", path, "--json"))["findings"] == []


@pytest.mark.slow
def test_a_model_that_misses_its_target_blocks_and_ends_with_1(corpus: Corpus) -> None:
    corpus.write_scenario(acceptance={"model": {"wer": {"clean": 0.0}}}, training={"stages": ["pretrain"]})
    assert speccraft("build-manifest", corpus.scenario).returncode == 0
    assert speccraft("train", corpus.scenario, *[part for step in STEPS for part in ("--set", step)]).returncode == 0
    evaluated = speccraft("evaluate", corpus.scenario)
    need_clean(evaluated)
    assert evaluated.returncode == 1
    assert "BLOCK" in evaluated.stdout


def test_an_output_that_is_closed_early_is_no_bug_of_ours() -> None:
    done = subprocess.run(["bash", "-c", '"$@" | true', "bash", *command("schema", "scenario")], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_an_output_on_a_full_disk_ends_with_6(corpus: Corpus, as_json: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command("check", corpus.scenario, *as_json), stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode == 6
    assert "Traceback" not in done.stderr
    assert as_json or "standard output: cannot write" in done.stderr


@pytest.mark.parametrize(
    ("override", "words"),
    [({"rights": {"accept": ["CC-BY-4"]}}, "did you mean 'CC-BY-4.0'?"), ({"training": {"recipe": "tiny-gpu"}}, "tiny-cpu")],
)
def test_check_knows_the_licences_and_recipes_there_are(corpus: Corpus, override: dict[str, Any], words: str) -> None:
    corpus.write_scenario(**override)
    done = speccraft("check", corpus.scenario)
    assert done.returncode in (1, 3)
    assert words in done.stderr


def test_a_plan_without_speech_ends_with_1_and_does_not_offer_a_build(corpus: Corpus) -> None:
    corpus.write_scenario(job__languages=["de"], sources__0__language="en")
    done = speccraft("plan", corpus.scenario)
    assert done.returncode == 1
    assert "build-manifest" not in done.stderr


def test_an_unknown_schema_is_wrong_usage(corpus: Corpus) -> None:
    done = speccraft("schema", "recipes")
    assert done.returncode == 2
    assert "did you mean 'recipe'" in done.stderr
