"""Whether painted digits can be read: a classifier trained on real ones is asked."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.base import ImageDataModule

_MOST = 5000  # a support vector machine's training grows with the square of this


def share_read(datamodule: ImageDataModule, paintings: Tensor) -> tuple[float, float] | None:
    """Share of the test split's paintings that scikit-learn's ``SVC()`` takes for what they are.

    It is trained on the real training images at the same size. What it makes of the real test
    images says how far it is to be trusted: about 99 % on `digits`.

    Args:
            datamodule: The set; one without labels, or not of digits, is not asked.
            paintings: (N, 3, n, n) in [0, 1], of the test split in its order.

    Returns:
            That share, and that of the real test images, in [0, 1]; None for a set not of digits.
    """
    labels = datamodule.labels("test")
    if labels is None or datamodule.classes != [str(digit) for digit in range(10)]:
        return None
    from sklearn.svm import SVC  # slow to import

    images = datamodule.images("train")
    numbers = np.random.default_rng(0).permutation(len(images))[:_MOST]
    real = images.__getitems__(np.sort(numbers))
    reader = SVC().fit(_gray(real["target"] / 255), real["label"].numpy())
    originals = datamodule.images("test")
    targets = originals.__getitems__(np.arange(len(originals)))["target"] / 255
    painted, real_ones = (float(reader.score(_gray(p), labels)) for p in (paintings, targets))
    return painted, real_ones


def _gray(pictures: Tensor) -> NDArray[np.float32]:
    """(N, 3, n, n) in [0, 1] as rows (N, n * n)."""
    rows: NDArray[np.float32] = pictures.to(torch.float32).mean(1).flatten(1).cpu().numpy()
    return rows
