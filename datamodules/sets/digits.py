"""The handwritten digits that come with scikit-learn."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from datamodules.base import ImageDataModule
from datamodules.items import Items

# Grey levels of the set: 0 (black) to 16 (white).
_LEVELS = 16.0


class Digits(ImageDataModule):
    """1,797 digits of 8 x 8 pixels, white on black; needs no file and no network.

    A fifth is the test split, a tenth of the rest is validation. Arguments as in the base class.
    """

    name = "digits"
    layout = "nothing, it comes with scikit-learn"
    terms = (
        "1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn: the test part of "
        "Optical Recognition of Handwritten Digits by E. Alpaydin and C. Kaynak (1998), UCI "
        "Machine Learning Repository, doi.org/10.24432/C50P49, CC BY 4.0."
    )
    flips = False
    test_fraction = 0.2

    def fingerprint(self) -> Mapping[str, object]:
        """The set never changes."""
        return {"set": "sklearn.datasets.load_digits"}

    def items(self) -> Items:
        """Give the digits as grey pictures."""
        raw, labels = _load()
        levels = np.rint(raw * (255.0 / _LEVELS)).astype(np.uint8)
        return Items(
            names=[f"digit {number}" for number in range(len(levels))],
            read=lambda number: np.repeat(levels[number][:, :, None], 3, axis=2),
            labels=labels,
            classes=[str(digit) for digit in range(10)],
        )

    def raw(self, split: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Give a split as scikit-learn has it, in the order of ``images(split)``.

        Args:
            split: ``train``, ``val`` or ``test``.

        Returns:
            Images ``(N, 8, 8)`` float64 in 0..16, and labels ``(N,)``.
        """
        images, labels = _load()
        rows = self.splits()[split]
        return images[rows], labels[rows]


def _load() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    # Here and not above: importing scikit-learn takes a second that other sets need not wait.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.asarray(bunch.images, np.float64), np.asarray(bunch.target, np.int64)
