"""SVHN, cropped digits, read from its .mat files."""

import hashlib
import logging
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.base import ImageDataModule
from datamodules.files import fingerprint_files
from datamodules.items import Items
from datamodules.splits import TEST, TRAIN
from impasto.errors import UserError
from impasto.io.download import downloading
from impasto.io.files import open_file

_log = logging.getLogger(__name__)

# The official files and their MD5 sums, as torchvision has them.
_FILES = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
    "extra_32x32.mat": "a93ce644f1a588dc4d68dda5feec44a7",
}
_MOST_BYTES = 1 << 31  # 1.6 times the largest one's
_URL = "http://ufldl.stanford.edu/housenumbers/"


class Svhn(ImageDataModule):
    """99,289 digits of house numbers, 32 x 32 pixels.

    ``train_32x32.mat`` and ``test_32x32.mat`` in ``root`` or in ``root/svhn``, its two files being
    its two official splits. Files that are not the official ones are read with a warning. Without a
    root they are downloaded. ``protocol="paper"`` needs ``extra_32x32.mat``, too: 630,420 digits.
    Arguments as in the base class.
    """

    name = "svhn"
    protocols = ("official", "paper")
    layout = "train_32x32.mat and test_32x32.mat"
    flips = False

    def fingerprint(self) -> Mapping[str, object]:
        """Name the files, and warn where they are not the official ones.

        Raises:
            UserError: ``root`` does not hold them, or the download failed.
        """
        files = self._files()
        for path in files:
            if _md5(path) not in _FILES.values():
                _log.warning("svhn: %s is not the official file; it is read all the same", path)
        return fingerprint_files(files[0].parent, files)

    def items(self) -> Items:
        """Read the files.

        Raises:
            UserError: A file is damaged or has another structure.
        """
        images, labels = zip(*(_read_mat(path) for path in self._files()), strict=True)
        counts = [len(one) for one in labels]
        ends = np.cumsum(counts)

        def read(number: int) -> NDArray[np.uint8]:
            file = int(np.searchsorted(ends, number, side="right"))
            return np.ascontiguousarray(images[file][..., number - ends[file]])  # from its end

        return Items(
            names=[f"digit {number}" for number in range(sum(counts))],
            read=read,
            parts=np.repeat(np.array([TRAIN, TEST, TRAIN][: len(counts)], np.int8), counts),
            labels=np.concatenate(labels),
            classes=[str(digit) for digit in range(10)],
        )

    def _files(self) -> list[Path]:
        """Find the files, or download them where there is no root."""
        if self.root is not None:
            if files := _find(self.root, self._names):
                return files
            raise UserError(
                f"`root={self.root}`: no SVHN in it; looked for {self._listed}, also in svhn/",
                f"put the {len(self._names)} files there, or leave `root` out to download them",
            )
        if not (files := _find(self.cache, self._names)):
            self._download()
            files = _find(self.cache, self._names)
        return files

    @property
    def _names(self) -> list[str]:
        """Names of the files that the protocol needs."""
        return list(_FILES)[: 2 if self.protocol == "official" else 3]

    @property
    def _listed(self) -> str:
        return f"{', '.join(self._names[:-1])} and {self._names[-1]}"

    def _download(self) -> None:
        from torchvision.datasets import SVHN

        todo = f"put {self._listed} into a folder and give it as `root`"
        with downloading("SVHN", [_URL], todo):
            for split in (name.partition("_")[0] for name in self._names):
                SVHN(str(self.cache / "svhn"), split=split, download=True)


def _find(root: Path, names: list[str]) -> list[Path]:
    """Find all files in one folder."""
    for folder in (root, root / "svhn"):
        files = [folder / name for name in names]
        if all(path.is_file() for path in files):
            return files
    return []


def _md5(path: Path) -> str:
    try:
        with open_file(path, _MOST_BYTES) as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise _damaged(path, error) from error


def _read_mat(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read images ``(32, 32, 3, N)`` and labels ``(N,)``; the file labels the digit 0 as 10.

    Raises:
        UserError: The file is damaged or has another structure.
    """
    # Here and not above: other sets need not wait for it.
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        with open_file(path, _MOST_BYTES) as file:
            content: dict[str, Any] = loadmat(file, variable_names=["X", "y"])
        images = np.asarray(content["X"], np.uint8)
        labels = np.asarray(content["y"], np.int64).reshape(-1)
        if images.shape[2:] != (3, len(labels)):
            raise ValueError(f"X has the shape {images.shape}, y {len(labels)} labels")
    except (OSError, EOFError, KeyError, ValueError, TypeError, NotImplementedError) as error:
        raise _damaged(path, error) from error
    except (MatReadError, zlib.error) as error:
        raise _damaged(path, error) from error
    return images, labels % 10


def _damaged(path: Path, error: Exception) -> UserError:
    why = getattr(error, "strerror", None) or error
    return UserError(f"{path}: damaged or not SVHN's cropped digits ({why})", "get the file anew")
