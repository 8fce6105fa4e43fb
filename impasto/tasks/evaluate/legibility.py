"""Legibility of painted digits: a classifier trained on real ones is asked."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.base import ImageDataModule
from datamodules.streaming.train_stream import SplitImages

_MOST = 5000  # a support vector machine's training grows with the square of this
_AT_ONCE = 50  # pictures


class ReadingCount:
    """Counter of pictures that scikit-learn's ``SVC()`` takes for what they are.

    It is trained on the real training images at the same size. What it makes of the real test
    images says how far it is to be trusted: about 99 % on `digits`.

    Args:
        datamodule: The set, of digits, set up.
    """

    def __init__(self, datamodule: ImageDataModule) -> None:
        from sklearn.svm import SVC  # slow to import

        images = datamodule.images("train")
        numbers = np.random.default_rng(0).permutation(len(images))[:_MOST]
        gray, labels = _together(images, np.sort(numbers))
        self._reader: Any = SVC().fit(gray, labels)
        self._originals = datamodule.images("test")
        self._read = self._count = 0

    def add(self, pictures: Tensor, label: Tensor) -> None:
        """Count a batch: pictures (B, 3, n, n) in [0, 1] of classes (B,)."""
        self._read += self._right(_gray(pictures), label)
        self._count += len(label)

    def shares(self) -> tuple[float, float]:
        """The share that was read of what was counted, and of the real test images, in [0, 1]."""
        right = 0
        for start in range(0, len(self._originals), _AT_ONCE):
            end = min(start + _AT_ONCE, len(self._originals))
            right += self._right(*_together(self._originals, np.arange(start, end)))
        return self._read / self._count, right / len(self._originals)

    def _right(self, gray: NDArray[np.float32], label: Tensor) -> int:
        return int((self._reader.predict(gray) == label.cpu().numpy()).sum())


def reading_count(datamodule: ImageDataModule) -> ReadingCount | None:
    """Return a counter of legible digits; None for another set, or one without labels."""
    if datamodule.labels("test") is None:
        return None
    if datamodule.classes != [str(digit) for digit in range(10)]:
        return None
    return ReadingCount(datamodule)


def _together(
    images: SplitImages, numbers: NDArray[np.int64]
) -> tuple[NDArray[np.float32], Tensor]:
    """Gray rows of some of a set's pictures, and their labels; in colour only a few at once."""
    rows, labels = [], []
    for start in range(0, len(numbers), _AT_ONCE):
        part = images.__getitems__(numbers[start : start + _AT_ONCE])
        rows.append(_gray(part["target"] / 255))
        labels.append(part["label"])
    return np.concatenate(rows), torch.cat(labels)


def _gray(pictures: Tensor) -> NDArray[np.float32]:
    """(N, 3, n, n) in [0, 1] as rows (N, n * n)."""
    rows: NDArray[np.float32] = pictures.to(torch.float32).mean(1).flatten(1).cpu().numpy()
    return rows
