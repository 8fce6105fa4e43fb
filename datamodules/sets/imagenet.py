"""ImageNet, or any tree of class folders."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Unpack

import numpy as np

from datamodules.base import Options
from datamodules.files import file_items
from datamodules.items import Items
from datamodules.sets.picture_set import PictureSet
from datamodules.splits import TEST, TRAIN
from impasto.errors import UserError
from impasto.io.images import find_images

_log = logging.getLogger(__name__)

# ImageNet's own test images have no labels, so nothing is measured on them; nothing may train on
# them either.
_UNUSED_FOLDER = "test"
_UNLABELLED = -1
_LAYOUT = 2  # of what the folders mean: prepared sets keep their labels

_Folders = tuple[str, ...]


class ImageNet(PictureSet):
    """Pictures in folders that are named for their class.

    A picture's split is the outermost folder ``train``, ``val``, ``valid``, ``validation`` or
    ``test`` (which is not used) that it lies in, its class the folder directly below that. Where
    there is no such folder it is for training, and its class is its own folder, at any depth, or
    the nearest above by which pictures differ. Validation is the test split; where there is none,
    a tenth is drawn for it. Labels are the places of the class names in sorted order; a picture
    that lies directly in ``val``, or in its only folder if training has no such class, has the
    label -1. Also the hub's files of many pictures; without a root, from the hub.

    Args:
        hub_id: Data set on the hub with the splits ``train`` and ``val``, ``valid`` or
            ``validation``.
        **options: As in the base class.
    """

    name = "imagenet"
    protocols = ("official", "paper")
    layout = "train/<class>/*.JPEG and val/<class>/*.JPEG"
    terms = (
        "ImageNet (Deng et al., CVPR 2009), for non-commercial research and educational use. The "
        "copyright of each photograph stays with its owner, so none of them is here."
    )
    licence = (
        "The code is MIT, as the rest of the project. These weights are for non-commercial "
        "research and educational use only, as the images that they were learned from."
    )
    hub_parts: ClassVar[dict[str, int]] = {
        "train": TRAIN,
        "val": TEST,
        "valid": TEST,
        "validation": TEST,
    }

    def __init__(
        self, *, hub_id: str = "evanarlian/imagenet_1k_resized_256", **options: Unpack[Options]
    ) -> None:
        super().__init__(hub_id=hub_id, instead=f"give the folder of {self.layout}", **options)

    def fingerprint(self) -> Mapping[str, object]:
        """Name the files, or the hub's data set, and how folders are read."""
        return {**super().fingerprint(), "layout": _LAYOUT}

    def file_items(self, files: list[Path]) -> Items:
        """Say which class and which split each picture is in."""
        assert self.root is not None
        folders = self._folders(files)
        is_test = np.array([self._part(parts) == TEST for parts in folders])
        if not is_test.any():
            _log.warning("imagenet: no folder val/ in %s; a test split is drawn", self.root)
        named = self._classes(folders)
        taught = {name for name, test in zip(named, is_test, strict=True) if not test}
        asked = {name for name, test in zip(named, is_test, strict=True) if test and name}
        # One that training has not is no class: Tiny ImageNet's val/images/.
        classes = sorted((taught | asked if len(asked) > 1 else taught) - {""})
        if len(classes) < 2:
            problem = f"one class only, {classes[0]}" if classes else "no class folder"
            _log.warning("imagenet: %s in %s; looked for %s", problem, self.root, self.layout)
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
            paths = find_images(self.root, recursive=True)
        except UserError:  # said better below
            paths = []
        folders = dict(zip(paths, self._folders(paths), strict=True))
        unused = {path for path, parts in folders.items() if self._split(parts) == _UNUSED_FOLDER}
        if unused:
            _log.warning("imagenet: %d pictures below a folder test/ are not used", len(unused))
        files = [path for path in paths if folders[path] and path not in unused]
        if not files:
            raise UserError(
                f"`root={self.root}`: no pictures in class folders; looked for {self.layout}",
                "put the set there, or leave `root` out to download it",
            )
        return files

    def _folders(self, files: list[Path]) -> list[_Folders]:
        """List the folders below the root that each picture lies in, outermost first."""
        assert self.root is not None
        return [path.relative_to(self.root).parent.parts for path in files]

    def _split(self, parts: _Folders) -> str:
        """Name the split's folder among a picture's folders, in lower case; empty without one."""
        return parts[at].lower() if (at := self._split_at(parts)) >= 0 else ""

    def _split_at(self, parts: _Folders) -> int:
        """Say which of the folders is the split's; -1 for none.

        A folder `train` in which pictures lie directly is a class of trains.
        """
        for place, name in enumerate(map(str.lower, parts)):
            if name == _UNUSED_FOLDER or self.hub_parts.get(name) == TEST:
                return place
            if name in self.hub_parts and place + 1 < len(parts):
                return place
        return -1

    def _part(self, parts: _Folders) -> int:
        return self.hub_parts.get(self._split(parts), TRAIN)

    def _classes(self, folders: list[_Folders]) -> list[str]:
        """Name each picture's class; empty where it has none."""
        loose = [parts for parts in folders if self._split_at(parts) < 0]
        depths = range(1, min(map(len, loose), default=0) + 1)
        # From the pictures upwards: <class>/images/ says nothing of the class.
        depth = next((d for d in depths if len({parts[-d] for parts in loose}) > 1), 1)

        def name(parts: _Folders) -> str:
            at = self._split_at(parts)
            below = parts[at + 1 : at + 2] if at >= 0 else parts[-depth:]
            return below[0] if below else ""

        return [name(parts) for parts in folders]
