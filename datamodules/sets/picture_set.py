"""Base of the sets of picture files: single files, shards of many, or the Hugging Face hub."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Unpack

from datamodules.base import ImageDataModule, Options
from datamodules.files import fingerprint_files
from datamodules.items import Items
from datamodules.sets.zipped import Zipped
from datamodules.streaming.hub import PARTS, Hub
from datamodules.streaming.hub_files import SUFFIXES, HubFiles
from datamodules.streaming.shards import Shards
from impasto.errors import UserError

_FOLDERS = (".", "data")  # where the hub keeps such files


class PictureSet(ImageDataModule):
    """A set of pictures that can be streamed.

    ``root`` holds picture files in the set's layout or, in the hub's layout, ``.parquet`` or
    WebDataset ``.tar`` files of many pictures, there or in ``root/data``. Without a root the set
    comes from the hub.

    A further set is a subclass with ``name``, ``layout``, ``files`` and ``file_items``.

    Args:
        hub_id: ``owner/name`` of a data set with an image column; None where there must be a root.
        instead: What to do without a network, before "as `root`".
        **options: As in the base class.
    """

    streams = True
    # Which split a split of the hub's becomes; one that is not named is left out.
    hub_parts: ClassVar[dict[str, int]] = PARTS

    def __init__(self, *, hub_id: str | None, instead: str, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self._hub_id = hub_id
        self._instead = instead

    @abstractmethod
    def files(self) -> list[Path]:
        """Find the picture files below ``root``.

        Raises:
            UserError: There are none.
        """

    @abstractmethod
    def file_items(self, files: list[Path]) -> Items:
        """Say what the files are."""

    def archive(self) -> Zipped | None:
        """Find a .zip file of the pictures, where none lie below ``root``; most sets have none."""
        return None

    def fingerprint(self) -> Mapping[str, object]:
        """Name the files, or the hub's data set."""
        if isinstance(self._source, list):
            assert self.root is not None
            return fingerprint_files(self.root, self._source)
        return self._source.fingerprint()

    def items(self) -> Items:
        """Give the pictures."""
        if isinstance(self._source, list):
            return self.file_items(self._source)
        return self._source.items()

    @cached_property
    def _source(self) -> list[Path] | Zipped | Shards | Hub:
        if self.root is None:
            assert self._hub_id is not None
            if self.streaming:
                return self._shards(self._hub_id, f"{self._instead} as `root`")
            return Hub(self._hub_id, self.cache, self._instead, self.hub_parts)
        try:
            return self.files()
        except UserError:
            if (archive := self.archive()) is not None:
                return archive
            if (source := _many_in_one(self.root)) is None:
                raise
        return self._shards(source, f"put {self.layout} there, or files in the hub's layout")

    def _shards(self, source: Path | str, todo: str) -> Shards:
        return Shards(HubFiles(source, self.hub_parts, self.cache, todo), self.cache)


def _many_in_one(root: Path) -> Path | None:
    """Name the folder to be read where there are files of many pictures, as the hub keeps them."""
    for folder in (root / name for name in _FOLDERS):
        if folder.is_dir() and any(path.suffix in SUFFIXES for path in folder.iterdir()):
            return folder if folder.is_symlink() else root  # the library looks through no link
    return None
