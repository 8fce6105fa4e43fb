"""Weights of the error, from a mask that is white where strokes matter most."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import UserError
from impasto.io.images import resize_image

_LEAST = 0.03  # what black counts beside white: enough to be painted, in a few large strokes
_ASPECT = 0.05  # by which share a mask's aspect ratio may differ from its picture's


def weights(mask: NDArray[np.uint8], picture: tuple[int, int], canvas: tuple[int, int]) -> Tensor:
    """Return the weight of each pixel's error on a canvas.

    Args:
        mask: (H, W, 3) uint8, of any size; its brightness counts.
        picture: Rows and columns of the picture that it is for.
        canvas: Rows and columns of the canvas.

    Returns:
        (rows, columns), with mean 1.

    Raises:
        UserError: The mask has another shape than the picture, or is black all over.
    """
    check_mask(mask, picture)
    gray = resize_image(mask, *canvas).mean(2) / 255
    if not gray.any():
        raise UserError("the mask is black all over", "make it white where detail goes")
    weight = torch.from_numpy(_LEAST + (1 - _LEAST) * gray).float()
    return weight / weight.mean()


def check_mask(mask: NDArray[np.uint8], picture: tuple[int, int]) -> None:
    """Check that a mask can be for a picture.

    Args:
        mask: (H, W, 3) uint8, of any size.
        picture: Rows and columns of the picture.

    Raises:
        UserError: It has another shape, or is black all over.
    """
    (height, width), (rows, columns) = picture, mask.shape[:2]
    if abs(columns * height / (rows * width) - 1) > _ASPECT:
        raise UserError(
            f"the mask has {columns} x {rows} pixels, another shape than the picture's "
            f"{width} x {height}",
            "cut it as the picture is",
        )
    if not mask.any():
        raise UserError("the mask is black all over", "make it white where detail goes")
