"""`speccraft init` as people and scripts run it: what is written, what is said, and that nothing is written when nothing should be."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
from pathlib import Path

import pytest
from interview_world import COMMAND, init, record, recordings

from speccraft.interview.files import SCHEMA
from speccraft.interview.templates import templates
from speccraft.resources import data_folder
from speccraft.scenario import load_scenario


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def at_a_terminal(folder: Path, keys: list[bytes], *arguments: str) -> tuple[int, str]:
    """Run the command in a terminal and press keys whenever it waits; returns its exit code and the screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*COMMAND, *arguments], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_own_terminal)
    os.close(theirs)
    screen, waiting = b"", list(keys)
    while True:
        if select.select([ours], [], [], 60)[0]:
            try:
                screen += os.read(ours, 65536)
            except OSError:
                break
        if screen.endswith((b"]: ", b"] ")) and waiting:
            screen += b"<keys>"
            os.write(ours, waiting.pop(0))
        elif not waiting and screen.endswith(b"]: "):
            process.kill()
    os.close(ours)
    return process.wait(), screen.decode()


def _own_terminal() -> None:
    """Make stdin the terminal that Ctrl-C is pressed at."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_no_input_writes_a_scenario_that_passes_check_and_the_schema_beside_it(tmp_path: Path):
    done = init(tmp_path, "--no-input")
    assert (done.returncode, done.stdout) == (0, "wrote scenario.yaml\n")
    assert entries(tmp_path) == {"scenario.yaml", SCHEMA}
    assert load_scenario(tmp_path / "scenario.yaml").text.startswith(f"# yaml-language-server: $schema={SCHEMA}\n")
    assert (tmp_path / SCHEMA).read_bytes() == (data_folder("schemas") / SCHEMA).read_bytes()
    assert "next: speccraft check scenario.yaml, then speccraft plan scenario.yaml" in done.stderr
    assert "the recordings have no licence yet" in done.stderr


def test_answers_come_line_by_line_from_a_pipe(tmp_path: Path):
    done = init(tmp_path, "deep/mine.yaml", stdin="metro\nanswer\nconverse\n" + "\n" * 30)
    assert done.returncode == 0, done.stderr
    scenario = load_scenario(tmp_path / "deep" / "mine.yaml").scenario
    assert (scenario.name, scenario.job.task) == ("metro", "converse")
    assert "`answer` is not among the answers" in done.stderr


@pytest.mark.parametrize("stdin", ["", "metro\n", "metro\n1\nen"])
def test_the_end_of_input_leaves_nothing_behind(tmp_path: Path, stdin: str):
    done = init(tmp_path, stdin=stdin)
    assert done.returncode == 2
    assert "nothing was written" in done.stderr
    assert "--no-input" in done.stderr
    assert "Traceback" not in done.stderr
    assert entries(tmp_path) == set()


def test_input_that_is_no_text_is_explained_and_ends(tmp_path: Path):
    done = subprocess.run(COMMAND, cwd=tmp_path, input=b"\xff\xfe\x00\n" * 50, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert b"cannot be shown" in done.stderr
    assert b"Traceback" not in done.stderr
    assert entries(tmp_path) == set()


def test_a_person_at_a_terminal_is_asked_and_told(tmp_path: Path):
    code, screen = at_a_terminal(tmp_path, [b"metro demo\n", b"metro-demo\n", b"1\n", *[b"\n"] * 20])
    assert code == 0, screen
    assert "did you mean" in screen
    assert load_scenario(tmp_path / "scenario.yaml").scenario.name == "metro-demo"


@pytest.mark.parametrize(("key", "code"), [(b"\x03", 130), (b"\x04", 2)])
def test_ctrl_c_and_ctrl_d_leave_nothing_behind(tmp_path: Path, key: bytes, code: int):
    done, screen = at_a_terminal(tmp_path, [b"metro\n", key])
    assert done == code
    assert "nothing was written" in screen
    assert "to go on" not in screen
    assert "Traceback" not in screen
    assert entries(tmp_path) == set()


def test_a_file_that_is_there_stays_unless_someone_says_yes(tmp_path: Path):
    (tmp_path / "scenario.yaml").write_text("mine")
    refused = init(tmp_path, "--no-input")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert init(tmp_path, stdin="\n" * 30).returncode == 2
    code, screen = at_a_terminal(tmp_path, [b"\n"])
    assert (code, (tmp_path / "scenario.yaml").read_text()) == (2, "mine")
    assert "Write over it?" in screen
    assert "stays as it is" in screen
    assert init(tmp_path, "--no-input", "--yes").returncode == 0
    assert load_scenario(tmp_path / "scenario.yaml")


def test_yes_at_the_terminal_writes_over_it(tmp_path: Path):
    (tmp_path / "scenario.yaml").write_text("mine")
    code, _ = at_a_terminal(tmp_path, [b"yes\n", *[b"\n"] * 20])
    assert code == 0
    assert load_scenario(tmp_path / "scenario.yaml")


def test_another_schema_beside_it_is_not_written_over_and_the_same_one_is_kept(tmp_path: Path):
    assert init(tmp_path, "a.yaml", "--no-input").returncode == 0
    before = (tmp_path / SCHEMA).stat()
    assert init(tmp_path, "b.yaml", "--no-input").returncode == 0
    assert (tmp_path / SCHEMA).stat().st_ino == before.st_ino
    (tmp_path / SCHEMA).write_text("{}")
    assert init(tmp_path, "c.yaml", "--no-input").returncode == 2
    assert (tmp_path / SCHEMA).read_text() == "{}"


@pytest.mark.parametrize("name", ["folder", "scenario", "scenario.json", SCHEMA.replace(".json", ".txt")])
def test_only_a_yaml_file_is_a_scenario(tmp_path: Path, name: str):
    (tmp_path / "folder").mkdir()
    done = init(tmp_path, name, "--no-input")
    assert done.returncode == 2
    assert entries(tmp_path) == {"folder"}


@pytest.mark.slow
def test_answers_on_the_command_line_are_taken_and_wrong_ones_explained(tmp_path: Path):
    done = init(tmp_path, "--no-input", "--answer", "task=converse", "--answer", "licence=CC0-1.0", "--json")
    printed = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(printed) == {"ok", "command", "exit_code", "artifacts", "counts", "findings"}
    assert printed["counts"]["answers"]["task"] == "converse"
    assert load_scenario(tmp_path / printed["artifacts"]["scenario"]).scenario.sources[0].licence == "CC0-1.0"
    for answer, said in [("place=mars", "as-recorded"), ("plaec=office", "did you mean place"), ("persona", "KEY=VALUE"), ("voice=stock", "no effect")]:
        wrong = init(tmp_path, "x.yaml", "--no-input", "--answer", answer)
        assert wrong.returncode == 2
        assert said in wrong.stderr


def test_list_says_what_every_key_takes_and_what_templates_there_are(tmp_path: Path):
    assert "place: as-recorded, quiet-room" in init(tmp_path, "--answer", "list").stdout
    listed = init(tmp_path, "--template", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == sorted(templates())
    assert entries(tmp_path) == set()


def test_a_template_comes_with_its_texts_and_the_schema(tmp_path: Path):
    done = init(tmp_path, "guide.yaml", "--template", "licensed-narrator")
    assert done.returncode == 0, done.stderr
    assert entries(tmp_path) == {"guide.yaml", SCHEMA, "consents.yaml", "consents.log.jsonl", "consent-nora.txt"}
    assert load_scenario(tmp_path / "guide.yaml").scenario.name == "licensed-narrator"


def test_a_template_writes_over_none_of_the_files_that_are_there(tmp_path: Path):
    (tmp_path / "consents.yaml").write_text("consents: []\n")
    done = init(tmp_path, "--template", "licensed-narrator")
    assert done.returncode == 2
    assert "consents.yaml" in done.stderr
    assert entries(tmp_path) == {"consents.yaml"}


def test_an_unknown_template_and_options_without_effect_are_usage_errors(tmp_path: Path):
    assert "did you mean metro-digits" in init(tmp_path, "--template", "metro-digit").stderr
    assert "no effect" in init(tmp_path, "--template", "metro-digits", "--answer", "name=x").stderr
    assert entries(tmp_path) == set()


def test_recordings_are_heard_and_become_defaults(tmp_path: Path):
    recordings(tmp_path / "data", takes=8)
    (tmp_path / "data" / "broken.wav").write_bytes(b"RIFF")
    done = init(tmp_path, "--no-input", "--from-audio", "data", "--json")
    printed = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert printed["counts"]["heard"]["recordings"] == 25
    assert [finding["file"] for finding in printed["findings"] if "file" in finding] == ["broken.wav"]
    assert "no licence yet" in printed["findings"][-1]["message"]
    scenario = load_scenario(tmp_path / "scenario.yaml").scenario
    assert scenario.quality.level_dbfs is not None
    assert scenario.sources[0].path == "data"


@pytest.mark.slow
def test_names_of_folders_move_no_cursor_and_need_not_be_utf_8(tmp_path: Path):
    for name in (b"red\x1b[31m", b"\xff\xfe", b"line\nbreak", "\u202eabc".encode()):
        record(tmp_path / "data" / os.fsdecode(name) / "a.wav", text="hello")
    done = init(tmp_path, "--from-audio", "data", stdin="\n" * 30)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "scenario.yaml").read_text()
    for text in (done.stdout, done.stderr, written):
        assert not {"\x1b", "\u202e"} & set(text)
    assert load_scenario(tmp_path / "scenario.yaml").scenario.sources[0].path == "data"


@pytest.mark.slow
def test_recordings_elsewhere_are_reached_through_roots(tmp_path: Path):
    record(tmp_path / "elsewhere" / "a.wav", text="hello")
    (tmp_path / "project").mkdir()
    done = init(tmp_path / "project", "--no-input", "--from-audio", "../elsewhere")
    assert done.returncode == 0, done.stderr
    assert "heard 1 of 1 recordings" in done.stdout
    assert load_scenario(tmp_path / "project" / "scenario.yaml").scenario.roots == ("../elsewhere",)


def test_a_folder_without_audio_is_an_input_error_and_nothing_is_written(tmp_path: Path):
    (tmp_path / "data").mkdir()
    done = init(tmp_path, "--no-input", "--from-audio", "data")
    assert done.returncode == 3
    assert entries(tmp_path) == {"data"}


@pytest.mark.slow
def test_what_was_listened_to_are_the_recordings_and_nobody_is_asked(tmp_path: Path):
    recordings(tmp_path / "takes", takes=1)
    (tmp_path / "recordings").mkdir()
    done = init(tmp_path, "--from-audio", "takes", stdin="\n" * 30)
    assert done.returncode == 0, done.stderr
    assert "recordings [" not in done.stderr
    assert load_scenario(tmp_path / "scenario.yaml").scenario.sources[0].path == "takes"
    refused = init(tmp_path, "x.yaml", "--from-audio", "takes", "--answer", "recordings=recordings")
    assert refused.returncode == 2
    assert "no effect" in refused.stderr
    noise = init(tmp_path, "x.yaml", "--from-audio", "takes", "--no-input", "--answer", "place=cafe", "--answer", "noise=takes")
    assert noise.returncode == 2
    assert "was listened to" in noise.stderr
    assert not (tmp_path / "x.yaml").exists()


def test_wrong_answers_are_named_together_and_before_anything_is_heard(tmp_path: Path):
    recordings(tmp_path / "takes", takes=1)
    answers = [word for pair in ("place=caffe", "licence=CC-BY", "style=odd") for word in ("--answer", pair)]
    for more in ([], ["--from-audio", "takes"]):
        done = init(tmp_path, "--no-input", *answers, *more)
        assert done.returncode == 2
        assert all(word in done.stderr for word in ("cafe?", "CC-BY-4.0", "`odd`"))
        assert "heard" not in done.stdout


def test_what_is_left_open_is_said_at_the_end(tmp_path: Path):
    done = init(tmp_path, "--no-input", "--answer", "place=cafe")
    for said in ("nothing is at recordings yet", "no licence yet", "test data will sound like the place"):
        assert f"{said}" in done.stderr


@pytest.mark.slow
def test_a_decoder_that_talks_is_not_heard(tmp_path: Path):
    record(tmp_path / "data" / "a.wav", text="hello")
    (tmp_path / "data" / "noisy.mp3").write_bytes(b"\xff\xfb\x90" * 500)
    done = init(tmp_path, "--no-input", "--from-audio", "data")
    assert done.returncode == 0
    assert "mpg123" not in done.stderr
