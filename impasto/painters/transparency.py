"""Pictures with transparent parts: painted where they are opaque, on nothing.

The strokes are found on a blank canvas of a colour that the picture itself does not have: so all
that is opaque must be painted, and nothing else wants paint. Strokes that only mend the canvas
around the picture are left out in the end, and the painting's background is transparent.
"""

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import UserError
from impasto.io.decoding import OPAQUE
from impasto.rendering import rasterize_boxes
from impasto.strokes import Stroke

Color = tuple[float, float, float]

_SEEN = 10_000  # pixels that are enough to choose a colour by
_NEAREST = 0.1  # share of the pixels by whose distance a colour is judged: those most like it
_OUTSIDE = 0.5  # share of a stroke's paint on the opaque part, below which it is left out


def composite_on(image: NDArray[np.uint8], color: Color) -> NDArray[np.uint8]:
    """Composite a picture (H, W, 4) on one colour, without half-transparent pixels: (H, W, 3)."""
    ground = np.rint(np.multiply(color, 255)).astype(np.uint8)
    return np.where(opaque(image)[..., None], image[..., :3], ground)


def shown_on(image: NDArray[np.uint8], color: Color) -> NDArray[np.uint8]:
    """Show a picture (H, W, 3) or (H, W, 4) as a viewer does on one colour: (H, W, 3)."""
    if image.shape[2] == 3:
        return image
    ground = np.rint(np.multiply(color, 255)).astype(np.uint16)
    shown = np.empty((*image.shape[:2], 3), np.uint8)
    for row, line in zip(shown, image, strict=True):  # 24 bytes a pixel for all at once
        alpha = line[:, 3:].astype(np.uint16)
        row[:] = (line[:, :3] * alpha + ground * (255 - alpha) + 127) // 255
    return shown


def opaque(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return a mask (H, W) of the painted pixels of a picture (H, W, 4).

    Raises:
        UserError: Nowhere.
    """
    mask: NDArray[np.bool_] = image[..., 3] >= OPAQUE
    if not mask.any():
        raise UserError("the picture is wholly transparent", "give one that shows something")
    return mask


def unlike(image: NDArray[np.uint8]) -> Color:
    """Return the corner of the RGB cube farthest from a picture's (H, W, 4) opaque colours."""
    levels = image[opaque(image)][:, :3]  # (n, 3)
    colors = levels[:: max(1, len(levels) // _SEEN)].astype(np.float64) / 255
    corners = list(itertools.product((0.0, 1.0), repeat=3))
    distances = [np.quantile(np.square(colors - one).sum(1), _NEAREST) for one in corners]
    red, green, blue = corners[int(np.argmax(distances))]
    return red, green, blue


@torch.no_grad()
def on_opaque(stroke: Stroke, strokes: Tensor, mask: Tensor) -> Tensor:
    """Return the strokes of which at least half the paint lies where a picture is opaque.

    Args:
        stroke: The stroke kind.
        strokes: (N, D), in painting order.
        mask: (H, W) bool.

    Returns:
        (n, D), in the same order.
    """
    shapes = strokes[:, : stroke.shape_dim]
    mostly_opaque = []
    for rows, columns, alpha in rasterize_boxes(stroke, shapes, *mask.shape):
        on_mask = (alpha[0] * mask[rows, columns]).sum()
        mostly_opaque.append(bool(on_mask >= _OUTSIDE * alpha.sum()))
    return strokes[torch.tensor(mostly_opaque, dtype=torch.bool, device=strokes.device)]
