"""What `pip install .` puts where, and the command `impasto`."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT, environment

FOLDERS = ("hydra_plugins", "impasto", "lightning_modules", "datamodules")
_START = "from impasto.launch.cli import impasto; impasto()"  # what the installed script does


def impasto(code: Path, folder: Path, *words: str) -> str:
    """Run the command of the code in a folder, from another one."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _START, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(PYTHONPATH=str(code)),
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def photo(folder: Path) -> str:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(picture).save(folder / "my photo.png")
    return "my photo.png"


def test_the_command_paints_a_picture(tmp_path: Path) -> None:
    quick = ["strokes=3", "painter.steps=2", "painter.work_size=16", "export=[]"]
    said = impasto(ROOT, tmp_path, photo(tmp_path), *quick)
    painting = tmp_path / "my photo-painting" / "my photo" / "painting.png"
    assert said.splitlines()[-1] == str(painting.relative_to(tmp_path))
    with Image.open(painting) as picture:
        assert picture.size == (30, 20)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy: building leaves files beside the sources."""
    pytest.importorskip("setuptools", "77", reason="NO SETUPTOOLS: the wheel is not tested")
    folder = tmp_path_factory.mktemp("wheel")
    for name in (*FOLDERS, "conf", "tests"):
        shutil.copytree(ROOT / name, folder / "code" / name)
    for name in ("run.py", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "code")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    done = subprocess.run(
        [*command, "-w", str(folder), "."],
        cwd=folder / "code",
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.mark.slow
def test_the_wheel_holds_all_that_runs(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    names = set(wheel.namelist())
    expected = {"impasto/io/exporters/player.html", "impasto/py.typed"}
    expected |= {f"impasto/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".yaml", ".html", ".json"):
                expected.add(str(path.relative_to(ROOT)))
    assert expected <= names
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(FOLDERS)
    [entry] = [name for name in names if name.endswith("entry_points.txt")]
    assert "impasto = impasto.launch.cli:impasto" in wheel.read(entry).decode()
    wheel.extractall(tmp_path / "site")
    quick = ["strokes=3", "painter.steps=2", "painter.work_size=16", "export=[html]"]
    impasto(tmp_path / "site", tmp_path, photo(tmp_path), *quick)
    record = tmp_path / "my photo-painting" / "my photo" / "strokes.json"
    assert (record.parent / "painting.html").is_file()
    out = "hydra.run.dir=again"
    impasto(tmp_path / "site", tmp_path, "task=render", f"record={record}", "size=90", out)
    with Image.open(tmp_path / "again" / "painting.png") as picture:
        assert picture.size == (90, 60)


LIBRARY = """
import sys
from impasto import OptimizePainter, paint
from impasto.strokes import Bezier
import impasto, numpy
picture = numpy.full((20, 30, 3), (200, 30, 30), numpy.uint8)
painting = paint(picture, painter=OptimizePainter(Bezier(), strokes=2, steps=2, work_size=16))
print(painting.picture().shape, impasto.__file__)
print(sorted({"hydra", "pytorch_lightning", "painting", "tasks", "datamodules"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_a_users_own_names_do_not_matter(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    site, folder = tmp_path / "site", tmp_path / "user"
    wheel.extractall(site)
    for name in ("painting.py", "run.py", "tasks/__init__.py", "datamodules/__init__.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise RuntimeError('the user's own')\n")
    (folder / "conf").mkdir()
    (folder / "conf" / "config.yaml").write_text("own: [\n")
    (folder / "script.py").write_text(LIBRARY)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(PYTHONPATH=str(site)),
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == f"(20, 30, 3) {site / 'impasto' / '__init__.py'}"
    assert second == "[]"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with next to no programs, in which `make browser` looks for a browser."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("make", "bash", "head", "id", "true"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def script(path: Path, text: str = "") -> None:
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(0o755)


def make_browser(programs: Path) -> subprocess.CompletedProcess[str]:
    command = [str(programs / "make"), "-f", str(ROOT / "Makefile"), "browser"]
    command += [f"SHELL={programs / 'bash'}", "PYTHON=none"]
    return subprocess.run(
        command,
        cwd=programs,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_make_browser_leaves_one_that_is_found(programs: Path) -> None:
    script(programs / "chromium-browser")
    script(programs / "apt-get", "exit 1")
    done = make_browser(programs)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(programs / "chromium-browser") in done.stdout


def test_make_browser_without_apt_says_what_to_do(programs: Path) -> None:
    done = make_browser(programs)
    assert done.returncode == 2
    assert done.stderr.startswith("error: NO BROWSER")


def test_make_browser_installs_debians(programs: Path) -> None:
    script(programs / "sudo", 'while [[ $1 == -* ]]; do shift; done; "$@"')
    script(programs / "apt-get", f'echo "$*" >> {programs}/asked')
    assert make_browser(programs).returncode == 0
    asked = (programs / "asked").read_text().splitlines()
    assert asked[0].startswith("update")
    assert asked[1].startswith("install")
    assert asked[1].endswith(" chromium")
