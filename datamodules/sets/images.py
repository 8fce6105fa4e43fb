"""Any folder of pictures, or any data set of pictures on the Hugging Face hub."""

from pathlib import Path
from typing import Unpack

from datamodules.base import Options
from datamodules.files import file_items
from datamodules.items import Items
from datamodules.sets.picture_set import PictureSet
from impasto.errors import UserError
from impasto.io.images import find_images


class Images(PictureSet):
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
        super().__init__(hub_id=hub_id, instead="give a folder of pictures", **options)
        if (self.root is None) == (hub_id is None):
            what = "neither is" if hub_id is None else "both are"
            raise UserError(
                f"`root` and `hub_id`: {what} given",
                "give `root=FOLDER` or `hub_id=OWNER/NAME`",
            )

    def file_items(self, files: list[Path]) -> Items:
        """Give the pictures, nothing else being known of them."""
        assert self.root is not None
        return file_items(self.root, files)

    def files(self) -> list[Path]:
        """Find the pictures below the root."""
        assert self.root is not None
        try:
            return find_images(self.root, recursive=True)
        except UserError as error:
            found = error.what.removeprefix(str(self.root))
            raise UserError(f"`root={self.root}`{found}", "put some there") from error
