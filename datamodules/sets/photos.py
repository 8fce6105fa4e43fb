"""Crops of the photographs that come with scikit-image and scikit-learn."""

from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from datamodules.base import ImageDataModule, Options
from datamodules.items import Items
from datamodules.splits import TEST, TRAIN, VAL
from impasto.bounds import Count, validated
from impasto.io.images import read_image

# Those in the packages themselves; scikit-image would download the others. Of the motorcycle's two
# views only one, so that no scene is in two splits.
_PHOTOS = {
    "skimage": (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "hubble_deep_field.jpg",
        "ihc.png",
        "moon.png",
        "motorcycle_left.png",
        "retina.jpg",
        "rocket.jpg",
    ),
    "sklearn": ("china.jpg", "flower.jpg"),
}
# What no weights that come with the project are trained on, so that figures on them count.
HELD_OUT = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "retina.jpg",
    "hubble_deep_field.jpg",
    "camera.png",
    "motorcycle_left.png",
    "china.jpg",
    "flower.jpg",
)
_FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}
# Side of a crop as a share of the photograph's shorter side.
_SMALLEST, _LARGEST = 0.3, 1.0
_TEST_FRACTION, _VAL_FRACTION = 0.2, 0.1


@validated
class Photos(ImageDataModule):
    """Square crops of 16 photographs; needs no file and no network.

    The split is by photograph, so no crop of a test photograph is ever trained on: a fifth of them
    for the test, a tenth for validation. A crop is a function of (split_seed, its number) alone.

    Args:
        crops: How many crops of each photograph.
        **options: As in the base class.

    Raises:
        UserError: ``crops`` is below 1.
    """

    name = "photos"
    layout = "nothing, it comes with scikit-image and scikit-learn"

    def __init__(self, *, crops: Count = 128, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.crops = crops

    def fingerprint(self) -> Mapping[str, object]:
        """Name the photographs and what the crops depend on."""
        names = [f"{path.name} {path.stat().st_size}" for path in self._files]
        return {"photos": names, "crops": self.crops, "split_seed": self.split_seed}

    def items(self) -> Items:
        """Give the crops, photograph by photograph."""
        photos = [read_image(path) for path in self._files]
        return Items(
            names=[
                f"{path.name} crop {number}" for path in self._files for number in range(self.crops)
            ],
            read=lambda number: _crop(photos[number // self.crops], self.split_seed, number),
            parts=np.repeat(_split(len(photos), self.split_seed), self.crops),
        )

    def photographs(self) -> list[tuple[Path, str]]:
        """Give each photograph's file and its split."""
        names = {TRAIN: "train", VAL: "val", TEST: "test"}
        parts = _split(len(self._files), self.split_seed)
        return [(path, names[int(part)]) for path, part in zip(self._files, parts, strict=True)]

    @cached_property
    def _files(self) -> list[Path]:
        """The photographs that this installation has."""
        return _installed()


def held_out_photographs() -> list[Path]:
    """The photographs of `HELD_OUT` that this installation has, in their order."""
    installed = {path.name: path for path in _installed()}
    return [installed[name] for name in HELD_OUT if name in installed]


def _installed() -> list[Path]:
    folders = {
        package: Path(str(resources.files(package))) / folder
        for package, folder in _FOLDERS.items()
    }
    listed = [folders[package] / name for package, names in _PHOTOS.items() for name in names]
    return [path for path in listed if path.is_file()]


def _split(count: int, seed: int) -> NDArray[np.int8]:
    """Put every photograph into one split, ``(count,)``."""
    order = np.random.default_rng([seed, count]).permutation(count)
    parts = np.full(count, TRAIN, np.int8)
    tests = max(1, round(_TEST_FRACTION * count))
    parts[order[:tests]] = TEST
    parts[order[tests : tests + max(1, round(_VAL_FRACTION * count))]] = VAL
    return parts


def _crop(photo: NDArray[np.uint8], seed: int, number: int) -> NDArray[np.uint8]:
    """Cut a random square out of ``(H, W, 3)``."""
    generator = np.random.default_rng([seed, number])
    height, width = photo.shape[:2]
    side = max(1, round(min(height, width) * generator.uniform(_SMALLEST, _LARGEST)))
    top = generator.integers(height - side, endpoint=True)
    left = generator.integers(width - side, endpoint=True)
    return photo[top : top + side, left : left + side]
