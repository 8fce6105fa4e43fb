"""Bring your own brush: a grayscale picture as a stroke."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from impasto.bounds import validated
from impasto.errors import UserError
from impasto.runtime.constants import constant
from impasto.strokes.areas import turned_extent
from impasto.strokes.base import Frame, Stroke
from impasto.strokes.brush_image import Pyramid, embedded, is_embedded, read_brush
from impasto.strokes.geometry import Stamp
from impasto.strokes.raster.coverage import in_chunks, pixel_centers


@validated
class Brush(Stroke):
    """A picture of a brush, stamped at any place, size and angle, in one colour.

    What a pixel shows is the mean of the picture over the pixel's own size (turned with the brush):
    exact where that is a whole power of two of the picture's pixels, between two such means in
    between (trilinear: Williams, "Pyramidal parametrics", SIGGRAPH 1983), and the picture itself,
    bilinear, where a brush is drawn larger than its picture. Differentiable in every parameter.

    `size` is the length of the picture's longer side. An angle of 1 in the vector is a full turn.

    Args:
        image: A grayscale picture's file of at most 2048 pixels on a side, whose white paints;
            records and exports embed it.
        invert: Whether black paints, not white.
        limits: As for any kind; a brush's width is that of its picture's shorter side.

    Raises:
        UserError: The picture is missing, too large, not grayscale, or paints nothing.
    """

    name = "brush"
    parameters = ("x", "y", "size", "angle", "opacity")
    across = ("size",)
    along = ("size",)
    fingerprints = ("stroke.image",)

    def __init__(
        self, image: str | Path | None = None, invert: bool = False, **limits: Any
    ) -> None:
        self._paint = read_brush(image, invert)
        self._pyramid = Pyramid(self._paint)
        self._longer = max(self._paint.shape)
        self.slimness = min(self._paint.shape) / self._longer
        super().__init__(**limits)

    @classmethod
    def from_options(cls, **options: Any) -> "Brush":
        """Build the kind of a record or an export, which somebody else may have written.

        Raises:
            UserError: Its picture is not in it: no file is opened because a file says so.
        """
        if not is_embedded(options.get("image")):
            raise UserError("a brush without its picture in the file", "write it again")
        return cls(**options)

    def options(self) -> dict[str, Any]:
        """Return the constructor arguments that drawing depends on: the picture, white on black."""
        return {"image": embedded(self._paint)}

    def geometry(self) -> dict[str, Any]:
        """As for any kind, with the picture's fingerprint for the picture."""
        height, width = self._paint.shape
        fingerprint = hashlib.sha256(self._paint.tobytes()).hexdigest()[:12]
        image = {"stroke.image": f"{width}x{height}-{fingerprint}"}
        limits = {f"stroke.{key}": value for key, value in self.limits().items()}
        return {"stroke": self.name, **image, **limits}

    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        rows, columns = frame.rows, frame.columns

        def draw(center: Tensor, size: Tensor, angle: Tensor, opacity: Tensor) -> Tensor:
            return self._stamp(center, size, angle, rows, columns) * opacity[:, None, None]

        center, size = frame.pixels(shape[:, 0:2]), frame.length(shape[:, 2])
        angle, opacity = self.turn * shape[:, 3], shape[:, 4]
        return in_chunks(draw, rows * columns, 24, center, size, angle, opacity)

    def _stamp(
        self, center: Tensor, size: Tensor, angle: Tensor, rows: int, columns: int
    ) -> Tensor:
        """Draw the coverage (N, H, W) of brushes at (N, 2), of (N,) pixels, at (N,) radians."""
        drawn = size.clamp_min(1.0)  # smaller than a pixel: as large as one, and fainter
        ink = (size / drawn).square()
        texels = self._longer / drawn  # per pixel
        x, y = pixel_centers(rows, columns, center)
        dx = (x - center[:, 0, None])[:, None, :]  # (N, 1, W)
        dy = (y - center[:, 1, None])[:, :, None]  # (N, H, 1)
        cosine, sine = (angle.cos() * texels)[:, None, None], (angle.sin() * texels)[:, None, None]
        u, v = cosine * dx + sine * dy, cosine * dy - sine * dx
        depth = texels.log2().clamp(0, self._pyramid.levels)
        fine = depth.detach().floor().long()
        coarse = (fine + 1).clamp_max(self._pyramid.levels)
        share = (depth - fine)[:, None, None]
        near, far = self._pyramid.sample(u, v, fine), self._pyramid.sample(u, v, coarse)
        return torch.lerp(near, far, share) * ink[:, None, None]

    def mark(self, shape: Tensor, height: int, width: int) -> Stamp:
        """See `Stroke.mark`."""
        frame = Frame(height, width, height, width)
        center, longer = frame.pixels(shape[None, 0:2].double()), frame.length(shape[2].double())
        size = np.array(self._paint.shape[::-1]) * (float(longer) / self._longer)
        angle, opacity = self.turn * float(shape[3]), float(shape[4])
        return Stamp(self._paint, center[0].numpy(), size, angle, opacity)

    def _extent(self, shape: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
        center, size = frame.pixels(shape[:, 0:2]), frame.length(shape[:, 2]).clamp_min(1.0)
        pixel = size / self._longer  # of a texel
        sides = constant((self._pyramid.width, self._pyramid.height), size) * pixel[:, None]
        # A texel of the coarser level is at most two pixels or, of the picture itself, one texel.
        # It may reach past the picture by nearly all of itself, and its blur by half.
        margin = 1.5 * pixel.clamp_min(2.0)
        reach = turned_extent(sides / 2 + margin[:, None], self.turn * shape[:, 3])
        half = torch.stack(reach, dim=1)
        return center - half, center + half
