"""Any folder of pictures, or any data set of pictures on the Hugging Face hub."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Unpack

from datamodules.base import ImageDataModule, Options
from datamodules.cache import Items
from datamodules.files import file_items, fingerprint_files
from datamodules.hub import Hub
from painting.errors import UserError
from painting.images import find_images


class Images(ImageDataModule):
    """Pictures of one's own: all below ``root``, at any depth, or a data set of the hub's.

    A tenth is the test split, a tenth of the rest validation; a data set on the hub keeps the
    splits that it has.

    Args:
        hub_id: ``owner/name`` of a data set with an image column, instead of ``root``.
        **options: As in the base class.

    Raises:
        UserError: Not exactly one of ``root`` and ``hub_id`` is given.
    """

    name = "images"
    layout = "a folder with pictures"

    def __init__(self, *, hub_id: str | None = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        if (self.root is None) == (hub_id is None):
            what = "neither is" if hub_id is None else "both are"
            raise UserError(
                f"data.root and data.hub_id: {what} given",
                "give data.root=FOLDER or data.hub_id=OWNER/NAME",
            )
        self._hub = None if hub_id is None else Hub(hub_id, self.cache, "give a folder of pictures")

    def fingerprint(self) -> Mapping[str, object]:
        """Name the files, or the hub's data set."""
        if self._hub is not None:
            return self._hub.fingerprint()
        assert self.root is not None
        return fingerprint_files(self.root, self._files)

    def items(self) -> Items:
        """Give the pictures."""
        if self._hub is not None:
            return self._hub.items()
        assert self.root is not None
        return file_items(self.root, self._files)

    @cached_property
    def _files(self) -> list[Path]:
        assert self.root is not None
        try:
            return find_images(self.root, recursive=True)
        except UserError as error:
            raise UserError(
                f"data.root={self.root}: no pictures in this folder or below", "put some there"
            ) from error
