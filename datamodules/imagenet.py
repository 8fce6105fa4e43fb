"""ImageNet, or any tree of class folders."""

import logging
from pathlib import Path
from typing import ClassVar, Unpack

import numpy as np

from datamodules.base import Options
from datamodules.cache import Items
from datamodules.files import file_items
from datamodules.picture_set import PictureSet
from datamodules.splits import TEST, TRAIN
from painting.errors import UserError
from painting.images import find_images

_log = logging.getLogger(__name__)

_TEST_FOLDER = "val"
# ImageNet's own test images have no labels, so nothing is measured on them; nothing may train on
# them either.
_UNUSED_FOLDER = "test"
_UNLABELLED = -1


class ImageNet(PictureSet):
    """Pictures in folders that are named for their class, at any depth below ``root``.

    Those below a folder ``val`` are the test split, those in every other class folder training; a
    folder ``test`` is not used. Where there is no ``val``, a tenth is drawn for the test split.
    Labels are the places of the class names in sorted order; a picture that lies directly in
    ``val`` has the label -1. Also the hub's files of many pictures; without a root, from the hub.

    Args:
        hub_id: Data set on the hub with the splits ``train`` and ``val`` or ``validation``.
        **options: As in the base class.
    """

    name = "imagenet"
    layout = "train/<class>/*.JPEG and val/<class>/*.JPEG"
    terms = (
        "ImageNet (Deng et al., CVPR 2009), for non-commercial research and educational use. The "
        "copyright of each photograph stays with its owner, so none of them is here."
    )
    licence = (
        "The code is MIT, as the rest of the project. These weights are for non-commercial "
        "research and educational use only, as the images that they were learned from."
    )
    hub_parts: ClassVar[dict[str, int]] = {"train": TRAIN, "val": TEST, "validation": TEST}

    def __init__(
        self, *, hub_id: str = "evanarlian/imagenet_1k_resized_256", **options: Unpack[Options]
    ) -> None:
        super().__init__(hub_id=hub_id, instead=f"give the folder of {self.layout}", **options)

    def file_items(self, files: list[Path]) -> Items:
        """Say which class and which split each picture is in."""
        assert self.root is not None
        folders = [path.relative_to(self.root).parent.parts for path in files]
        is_test = np.array([_TEST_FOLDER in parts for parts in folders])
        if not is_test.any():
            _log.warning("imagenet: no folder val/ in %s; a test split is drawn", self.root)
        named = [parts[-1] for parts in folders]
        classes = sorted({name for name in named if name != _TEST_FOLDER})
        number = {name: place for place, name in enumerate(classes)}
        return file_items(
            self.root,
            files,
            parts=np.where(is_test, TEST, TRAIN).astype(np.int8),
            labels=np.array([number.get(name, _UNLABELLED) for name in named], np.int64),
            classes=classes,
        )

    def files(self) -> list[Path]:
        """Find the pictures that lie in a class folder or in ``val``."""
        assert self.root is not None
        try:
            found = find_images(self.root, recursive=True)
        except UserError:  # said better below
            found = []
        parts = {path: path.relative_to(self.root).parent.parts for path in found}
        unused = [path for path in found if _UNUSED_FOLDER in parts[path]]
        if unused:
            _log.warning("imagenet: %d pictures below a folder test/ are not used", len(unused))
        files = [path for path in found if parts[path] and _UNUSED_FOLDER not in parts[path]]
        if not files:
            raise UserError(
                f"data.root={self.root}: no pictures in class folders; looked for {self.layout}",
                "put the set there, or leave data.root out to download it",
            )
        return files
