"""Photographs that painters are measured on: installed ones, and some of Debian's backgrounds."""

import shutil
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UserError
from impasto.io.images import fit_size, read_image, resize_image

# They come with scikit-image and scikit-learn.
TEN = (
    "astronaut",
    "chelsea",
    "coffee",
    "rocket",
    "retina",
    "hubble_deep_field",
    "camera",
    "motorcycle_left",
    "china",
    "flower",
)
_FOLDERS = (("skimage", "data"), ("sklearn", "datasets/images"))


@dataclass(frozen=True)
class Background:
    """A photograph in one of Debian's packages, under a free licence that the package states.

    Attributes:
        package: The package's name.
        path: The file's, from the root.
    """

    package: str
    path: str


_MATE = "usr/share/backgrounds/mate/nature"
# By their authors under the GPL, version 2 or later.
BACKGROUNDS = {
    name: Background("mate-backgrounds", f"{_MATE}/{name}.jpg")
    for name in ("Dune", "RainDrops", "TwoWings")
}


def find_path(name: str) -> Path:
    """The file of a photograph that comes with scikit-image or scikit-learn.

    Raises:
        StopIteration: There is none of this name.
    """
    places = (Path(str(resources.files(package))) / folder for package, folder in _FOLDERS)
    paths = (place / f"{name}{end}" for place in places for end in (".png", ".jpg"))
    return next(path for path in paths if path.is_file())


def find_picture(name: str) -> NDArray[np.uint8]:
    """A photograph as in `find_path`, (H, W, 3) uint8."""
    return read_image(find_path(name))


def fetch_background(background: Background, folder: Path) -> NDArray[np.uint8]:
    """A photograph of Debian's, (H, W, 3) uint8: as installed, else out of the package by apt.

    Args:
        background: The photograph.
        folder: Where packages are unpacked; what lies there is not fetched again.

    Raises:
        UserError: It is not installed, and apt gives no package that holds it.
    """
    for root in (Path("/"), folder / background.package):
        if (root / background.path).is_file():
            return read_image(root / background.path)
    advice = f"install Debian's package {background.package}, or run where apt-get has lists of it"
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise UserError(f"{background.path}: there is no apt-get to fetch it", advice)
    try:
        _run(["apt-get", "download", background.package], folder)
        (package,) = folder.glob(f"{background.package}_*.deb")
        _run(["dpkg-deb", "-x", package.name, background.package], folder)
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip() or str(error)
        raise UserError(f"{background.path}: {said.splitlines()[-1]}", advice) from error
    package.unlink()
    return read_image(folder / background.package / background.path)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)


def fitted(image: NDArray[np.uint8], longer: int) -> NDArray[np.uint8]:
    """A photograph in its own aspect, at most so large on its longer side."""
    return resize_image(image, *fit_size(*image.shape[:2], longer))
