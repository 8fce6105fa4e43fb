"""CelebA, the aligned and cropped faces."""

from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from datamodules.base import Options
from datamodules.files import file_items
from datamodules.items import Items
from datamodules.sets.picture_set import PictureSet
from datamodules.sets.zipped import Zipped
from datamodules.splits import TEST, TRAIN, VAL
from impasto.errors import UserError
from impasto.io.images import find_images

# The official partition: the last image of training and of validation.
_LAST_TRAIN = 162_770
_LAST_VAL = 182_637

# Where the set's folders lie: in the root, as torchvision has them, or as its authors hand it out.
_ABOVE = (".", "celeba", "CelebA", "Img", "celeba/Img", "CelebA/Img")
_FOLDERS = ("img_align_celeba", "img_align_celeba/img_align_celeba", "img_align_celeba_png")
_ZIP = "img_align_celeba.zip"


class CelebA(PictureSet):
    """202,599 faces of 178 x 218 pixels.

    ``root`` holds ``img_align_celeba/NNNNNN.jpg``, or the files themselves, or
    ``img_align_celeba.zip``; also in ``Img``, as the set is handed out. No annotation file is
    needed, since the image's number says its part: to 162770 training, to 182637 validation, the
    rest test. Without a root they come from the Hugging Face hub.

    Args:
        hub_id: Data set on the hub with the splits ``train``, ``valid`` and ``test``.
        **options: As in the base class.
    """

    name = "celeba"
    protocols = ("official", "paper", "sara")
    layout = "img_align_celeba/000001.jpg to img_align_celeba/202599.jpg"
    terms = (
        "CelebA (Liu et al., ICCV 2015), faces for non-commercial research only. Its agreement "
        "forbids to publish or distribute the images further, so none of them is here."
    )
    licence = (
        "The code is MIT, as the rest of the project. These weights are for non-commercial "
        "research only, as the images that they were learned from."
    )

    def __init__(self, *, hub_id: str = "flwrlabs/celeba", **options: Unpack[Options]) -> None:
        instead = f"unpack {self.layout} and give its folder"
        super().__init__(hub_id=hub_id, instead=instead, **options)

    def file_items(self, files: list[Path]) -> Items:
        """Say which part each face is in."""
        assert self.root is not None
        return file_items(self.root, files, parts=_partition(files))

    def files(self) -> list[Path]:
        """Find the numbered pictures."""
        assert self.root is not None
        above = [self.root / name for name in _ABOVE]
        for folder in (*(place / name for place in above for name in _FOLDERS), self.root):
            if folder.is_dir() and (files := _numbered(folder)):
                return files
        packed = [path for place in above for path in sorted(place.glob("*.7z*"))]
        if packed:
            what = f"`root={self.root}`: {packed[0].relative_to(self.root)} is packed as 7z"
            raise UserError(f"{what}, which is not read", f"unpack it, or put {_ZIP} there")
        raise UserError(
            f"`root={self.root}`: no CelebA in it; looked for numbered pictures such as "
            f"img_align_celeba/000001.jpg and for {_ZIP}, also in Img/",
            f"put {_ZIP} there, or leave `root` out to download the set",
        )

    def archive(self) -> Zipped | None:
        """Find the set's .zip file."""
        assert self.root is not None
        paths = filter(Path.is_file, (self.root / name / _ZIP for name in _ABOVE))
        path = next(paths, None)
        return None if path is None else Zipped(path, _is_numbered, self.file_items)


def _numbered(folder: Path) -> list[Path]:
    """List the pictures whose names are image numbers."""
    try:
        return [path for path in find_images(folder) if _is_numbered(path)]
    except UserError:  # no picture at all: perhaps the next folder has some
        return []


def _is_numbered(path: Path) -> bool:
    return path.stem.isdecimal() and path.suffix.lower() in (".jpg", ".jpeg", ".png")


def _partition(files: list[Path]) -> NDArray[np.int8]:
    numbers = np.array([int(path.stem) for path in files])
    parts = np.where(numbers <= _LAST_TRAIN, TRAIN, np.where(numbers <= _LAST_VAL, VAL, TEST))
    return parts.astype(np.int8)
