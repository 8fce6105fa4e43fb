"""MNIST and KMNIST, read from their idx files."""

import gzip
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from datamodules.base import ImageDataModule
from datamodules.files import fingerprint_files
from datamodules.items import Items
from datamodules.splits import TEST, TRAIN
from impasto.errors import UserError
from impasto.io.download import downloading
from impasto.io.files import open_file

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_MOST_BYTES = 1 << 28  # five times MNIST's; a packed file can hold a thousand times its own size
# The third byte of an idx file is its data type, 8 for uint8; the fourth its number of dimensions.
_UINT8 = 8


class Mnist(ImageDataModule):
    """70,000 handwritten digits of 28 x 28 pixels, white on black.

    The idx files are read as they lie, packed or not, with ``-idx`` or ``.idx`` in their names, in
    ``root``, ``root/raw`` or ``root/MNIST/raw``. Without a root they are downloaded. The official
    10,000 are the test split. Arguments as in the base class.

    Attributes:
        title: What the set is called, by torchvision, its folder and people.
        class_names: By label.
    """

    name = "mnist"
    title: ClassVar[str] = "MNIST"
    class_names: ClassVar[tuple[str, ...]] = tuple(str(digit) for digit in range(10))
    layout = "train-images-idx3-ubyte.gz, train-labels-…, t10k-images-… and t10k-labels-…"
    flips = False

    def fingerprint(self) -> Mapping[str, object]:
        """Name the four files.

        Raises:
            UserError: ``root`` does not hold them, or the download failed.
        """
        files = self._files()
        return fingerprint_files(Path(os.path.commonpath([path.parent for path in files])), files)

    def items(self) -> Items:
        """Read the four files.

        Raises:
            UserError: A file is damaged or they do not belong together.
        """
        train, train_labels, test, test_labels = (_read_idx(path) for path in self._files())
        images = np.concatenate([train, test])  # (N, 28, 28)
        labels = np.concatenate([train_labels, test_labels]).astype(np.int64)
        if len(train) != len(train_labels) or len(test) != len(test_labels):
            raise UserError(
                f"`root={self.root}`: the label files do not belong to the image files",
                f"get the four files of {self.title} anew",
            )
        return Items(
            names=[f"picture {number}" for number in range(len(images))],
            read=lambda number: np.repeat(images[number][:, :, None], 3, axis=2),
            parts=np.repeat(np.array([TRAIN, TEST], np.int8), [len(train), len(test)]),
            labels=labels,
            classes=list(self.class_names),
        )

    def _files(self) -> list[Path]:
        """Find the files, or download them where there is no root."""
        if self.root is not None:
            downloads = f"{self.title}/raw"
            if files := _find(*(self.root / folder for folder in (".", "raw", downloads))):
                return files
            raise UserError(
                f"`root={self.root}`: no {self.title} in it; looked for {', '.join(_FILES)}, "
                f"each plain or .gz, or with .idx for -idx, there, in raw/ and in {downloads}/",
                "put the four files there, or leave `root` out to download them",
            )
        # Nowhere else in the cache: the files of these sets have the same names.
        downloaded = self.cache / self.title / "raw"
        if not (files := _find(downloaded)):
            self._download()
            files = _find(downloaded)
        return files

    def _download(self) -> None:
        from torchvision import datasets

        kind: type[datasets.MNIST] = getattr(datasets, self.title)
        todo = f"put {self.layout} into a folder and give it as `root`"
        with downloading(self.title, kind.mirrors, todo):
            kind(str(self.cache), download=True)


class Kmnist(Mnist):
    """70,000 handwritten characters of 28 x 28 pixels, white on black: Kuzushiji-MNIST.

    Ten hiragana as they are written in Japanese books of the 18th century (Clanuwat et al., "Deep
    Learning for Classical Japanese Literature", 2018), in files like MNIST's: ``root``,
    ``root/raw`` or ``root/KMNIST/raw``. Arguments as in the base class.
    """

    name = "kmnist"
    title = "KMNIST"
    class_names = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


def _find(*folders: Path) -> list[Path]:
    """Find all four files in one folder; the packed one is taken where both lie there."""
    for folder in folders:
        paths = [next(filter(Path.is_file, _candidates(folder, name)), None) for name in _FILES]
        if None not in paths:
            return [path for path in paths if path is not None]
    return []


def _candidates(folder: Path, name: str) -> Iterator[Path]:
    """Yield the paths that a file may have: packed or not, with a dash or a dot, or in a folder."""
    for stem in (name, name.replace("-idx", ".idx")):
        for place in (folder, folder / stem):
            yield from (place / f"{stem}.gz", place / stem)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an idx file, packed or not.

    Raises:
        UserError: The file is damaged.
    """
    try:
        packed = path.suffix == ".gz"
        with open_file(path, _MOST_BYTES) as raw, gzip.open(raw) if packed else raw as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES} bytes")
        if len(data) < 4 or data[2] != _UINT8:
            raise ValueError("no idx header")
        shape = np.frombuffer(data, ">i4", count=data[3], offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(
            f"{path}: damaged or no idx file ({error})", "get the file anew from where it came"
        ) from error
