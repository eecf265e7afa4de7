"""The package is whole in every way it can be installed: wheel, wheel from the sdist, and editable."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ("speccraft", "trainer", "schemas", "recipes", "examples", "pyproject.toml", "README.md", "LICENSE")
DATA_FILES = {
    "speccraft/demo_scenario.yaml",
    "speccraft/examples/licensed-narrator/consents.log.jsonl",
    "speccraft/examples/licensed-narrator/consents.yaml",
    "speccraft/examples/metro-digits/README.md",
    "speccraft/examples/metro-digits/scenario.yaml",
    "speccraft/interview/questions.py",
    "speccraft/py.typed",
    "speccraft/recipes/tiny-cpu.yaml",
    "speccraft/report/page.html.j2",
    "speccraft/report/page.css",
    "speccraft/rights/aliases.csv",
    "speccraft/rights/licences.csv",
    "speccraft/scenario/codes.yaml",
    "speccraft/scenario/places.yaml",
    "speccraft/schemas/scenario.schema.json",
    "speccraft/trainer/model.py",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel and an sdist of a copy of the checkout, and a wheel made from that sdist."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("package")
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in SOURCE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, checkout / name)
    _build(checkout, folder / "dist")
    sdist = next((folder / "dist").glob("*.tar.gz"))
    with tarfile.open(sdist) as tar:
        tar.extractall(folder / "unpacked", filter="data")
    _build(next((folder / "unpacked").iterdir()), folder / "again", "--wheel")
    return {"wheel": next((folder / "dist").glob("*.whl")), "sdist": sdist, "again": next((folder / "again").glob("*.whl"))}


def _build(source: Path, out: Path, *options: str) -> None:
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), *options, str(source)], check=True, capture_output=True)


@pytest.mark.slow
def test_the_wheel_holds_one_import_root_and_its_data(built: dict[str, Path]):
    names = set(zipfile.ZipFile(built["wheel"]).namelist())
    assert {name.split("/")[0] for name in names} == {"speccraft", next(name.split("/")[0] for name in names if ".dist-info" in name)}
    assert names >= DATA_FILES


@pytest.mark.slow
def test_the_sdist_makes_the_same_wheel(built: dict[str, Path]):
    def contents(path: Path) -> dict[str, int]:
        return {info.filename: info.CRC for info in zipfile.ZipFile(path).infolist() if not info.filename.endswith("RECORD")}

    assert contents(built["again"]) == contents(built["wheel"])


@pytest.mark.slow
def test_the_wheel_works_in_a_fresh_environment_from_an_empty_folder(built: dict[str, Path], tmp_path: Path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "fresh")], check=True)
    python = tmp_path / "fresh" / "bin" / "python"
    site = Path(subprocess.check_output([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True).strip())
    # dependencies come from this environment; its own speccraft does not, since .pth files are read in site folders alone
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site), str(built["wheel"])],
        check=True,
        capture_output=True,
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(ROOT / "examples" / "metro-digits" / "scenario.yaml", tmp_path / "scenario.yaml")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(python), *arguments], cwd=empty, capture_output=True, text=True, check=False)

    where = run("-c", "import speccraft, speccraft.trainer.model; print(speccraft.__file__)")
    assert where.stdout.startswith(str(site)), where.stderr
    checked = run("-c", "from speccraft.cli import main; main()", "check", "../scenario.yaml", "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["ok"]
    recipe = run("-c", "from speccraft.trainer.recipe import load_recipe; print(load_recipe('tiny-cpu').pretrain.steps > 0)")
    assert recipe.stdout.strip() == "True", recipe.stderr
    templates = run("-c", "from speccraft.interview.templates import templates; print(*templates())")
    assert templates.stdout.split() == sorted(path.parent.name for path in ROOT.glob("examples/*/scenario.yaml")), templates.stderr
    assert not list(empty.iterdir())


def test_every_package_of_the_checkout_is_named_in_pyproject():
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in ROOT.glob("speccraft/**/__init__.py")}
    rooms = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("speccraft", "tests")]
    beside = {f"speccraft.{path.parent.relative_to(ROOT).as_posix().replace('/', '.')}" for room in rooms for path in room.glob("**/__init__.py")}
    assert set(named) == folders | beside
    assert len(named) == len(set(named))


@pytest.mark.slow
def test_examples_ship_texts_and_no_audio(built: dict[str, Path]):
    shipped = {name for name in zipfile.ZipFile(built["wheel"]).namelist() if name.startswith("speccraft/examples/")}
    texts = {path.relative_to(ROOT).as_posix() for ending in ("yaml", "md", "txt", "jsonl") for path in ROOT.glob(f"examples/*/*.{ending}")}
    assert {name.removeprefix("speccraft/") for name in shipped} == texts | {"examples/__init__.py"}


def test_the_editable_installation_finds_the_rooms_beside_the_package():
    import speccraft
    import speccraft.trainer
    from speccraft.resources import data_folder

    if Path(speccraft.__file__).parent != ROOT / "speccraft":
        pytest.skip("this environment has no editable installation of this checkout")
    assert Path(speccraft.trainer.__file__).parent == ROOT / "trainer"
    assert (data_folder("recipes") / "tiny-cpu.yaml").is_file()
    assert (data_folder("schemas") / "scenario.schema.json").is_file()
