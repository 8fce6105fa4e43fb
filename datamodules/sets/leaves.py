"""Dead-leaves pictures drawn by the project, free of anyone's terms."""

from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Unpack

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from datamodules.base import ImageDataModule, Options
from datamodules.items import Items
from datamodules.sets.dead_leaves import Image, draw_scene
from impasto.bounds import validated
from impasto.io.images import read_image

_DRAWN_SIZE = 128  # pixels; larger canvases get it enlarged
_VERSION = 1  # to be raised when scenes are drawn otherwise
# Photographs of surfaces and things that scikit-image says are CC0, in the public domain or of no
# known copyright restrictions. Parts of them, in grey, are put on leaves.
TEXTURES = (
    "brick.png",
    "grass.png",
    "gravel.png",
    "coins.png",
    "cell.png",
    "clock_motion.png",
    "ihc.png",
)


@validated
class Leaves(ImageDataModule):
    """Random scenes of shapes that occlude each other; needs no file and no network.

    A picture is a function of (split_seed, its number) alone, and of the photographs that come with
    scikit-image as `TEXTURES`.

    Args:
        pictures: How many pictures.
        **options: As in the base class.

    Raises:
        UserError: ``pictures`` is below 10.
    """

    name = "leaves"
    layout = "nothing, the pictures are drawn"
    terms = (
        "random shapes that occlude each other, drawn by this project, so free of anyone's terms. "
        "Some are textured with parts, in grey, of pictures that come with scikit-image, which "
        "says that they are CC0 (brick, grass, gravel, cell), in the public domain (clock_motion) "
        "or have no known copyright restrictions (coins, ihc). No photograph is trained on as such."
    )

    def __init__(
        self, *, pictures: Annotated[int, Ge(10)] = 8000, **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        self.pictures = pictures

    def fingerprint(self) -> Mapping[str, object]:
        """Name the textures and what the pictures depend on."""
        textures = [f"{path.name} {path.stat().st_size}" for path in self._files]
        numbers = {"pictures": self.pictures, "split_seed": self.split_seed}
        return {"version": _VERSION, "textures": textures, **numbers}

    def items(self) -> Items:
        """Give the pictures; each is drawn when it is asked for."""
        textures = [_grey(read_image(path)) for path in self._files]

        def read(number: int) -> NDArray[np.uint8]:
            generator = np.random.default_rng([self.split_seed, number])
            return draw_scene(generator, _DRAWN_SIZE, textures)

        return Items(names=[f"scene {number}" for number in range(self.pictures)], read=read)

    @cached_property
    def _files(self) -> list[Path]:
        """Return the textures that this installation has."""
        folder = Path(str(resources.files("skimage"))) / "data"
        return [folder / name for name in TEXTURES if (folder / name).is_file()]


def _grey(photograph: NDArray[np.uint8]) -> Image:
    """Convert (H, W, 3) uint8 to grey (H, W) in [0, 1]."""
    grey: Image = photograph.mean(axis=2, dtype=np.float32) / np.float32(255)
    return grey
