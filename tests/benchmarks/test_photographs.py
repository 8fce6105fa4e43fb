"""Debian's photographs: as installed, out of a package, and none."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.photographs import Background, fetch_background
from impasto.errors import UserError
from impasto.io.images import write_png

PICTURE = Background("some-backgrounds", "usr/share/backgrounds/some/Dune.png")
PIXELS = np.full((4, 6, 3), 200, np.uint8)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_program(path: Path, text: str) -> None:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)


def test_without_apt_it_is_said_what_to_install(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no apt-get .* — install Debian's package some-back"):
        fetch_background(PICTURE, tmp_path)


def test_what_apt_says_is_passed_on(programs: Path, tmp_path: Path) -> None:
    write_program(programs / "apt-get", "import sys; sys.exit('E: Unable to locate package')")
    write_program(programs / "dpkg-deb", "")
    with pytest.raises(UserError, match=r"Dune\.png: E: Unable to locate package — install"):
        fetch_background(PICTURE, tmp_path)


def test_a_package_is_unpacked_once(programs: Path, tmp_path: Path) -> None:
    write_png(tmp_path / "source.png", PIXELS)
    write_program(programs / "apt-get", "import sys; open(sys.argv[2] + '_1_all.deb', 'x').close()")
    write_program(
        programs / "dpkg-deb",
        "import pathlib, shutil, sys\n"
        f"path = pathlib.Path(sys.argv[3]) / {PICTURE.path!r}\n"
        "path.parent.mkdir(parents=True)\n"
        "shutil.copy('source.png', path)\n",
    )
    assert (fetch_background(PICTURE, tmp_path) == PIXELS).all()
    (programs / "apt-get").unlink()
    assert (fetch_background(PICTURE, tmp_path) == PIXELS).all()


def test_a_package_without_the_picture_is_named(programs: Path, tmp_path: Path) -> None:
    write_program(programs / "apt-get", "import sys; open(sys.argv[2] + '_1_all.deb', 'x').close()")
    write_program(programs / "dpkg-deb", "")
    with pytest.raises(UserError, match=r"Dune\.png"):
        fetch_background(PICTURE, tmp_path)
