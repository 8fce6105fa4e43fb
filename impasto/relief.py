"""Paint with relief: bristles, thickness and light, drawn from finished strokes at any size.

Thickness is composited with the strokes, in their order: opaque paint fills most of the relief
below it, and adds its own. The surface is lit from one side, by Lambert's law and Blinn and Phong's
highlight; flat paint has the colours of the painting. All lengths are shares of the picture's
shorter side, so that a painting looks the same at every size; a small one is drawn larger, and
reduced.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from impasto.bounds import NotNegative, validated
from impasto.canvas import to_array
from impasto.io.record import StrokeRecord
from impasto.rendering import blank, by_loops, rasterize_boxes, unmultiplied

_BAND_PIXELS = 2**20  # drawn at a time
_FINEST = 2048  # pixels on the shorter side in which bristles are drawn; reduced to fewer
_TILE = 16  # rows of the compiled loops' tiles (`tile_source`)
# Shares of the shorter side.
_BRISTLE = 1 / 900  # width of one
_RIM = 1 / 500  # width of a stroke's edge
_WIDE = 1 / 30  # radius of strokes whose paint is thickest
_THICK = 1 / 600  # their thickness
_SMOOTH = 1 / 2600  # standard deviation of the Gaussian that levels the paint, as it does when wet
_REACH = 10.0  # radii that a brush goes before it begins to run dry
_HEIGHT = 50.0  # degrees of the light over the canvas
_SHININESS = 24.0
_FILLS = 0.65  # of the thickness below, the share that opaque paint takes away


@validated
@dataclass(frozen=True)
class Look:
    """Settings of the paint and of the light.

    Attributes:
        thickness: Of the paint; 0 is flat, 1 as usual.
        bristle: Width of the bristles, beside the usual.
        light: Where light comes from, in degrees clockwise from the right: 225 is the upper left.
        gloss: Strength of the highlights.
    """

    thickness: NotNegative = 1.0
    bristle: Annotated[float, Ge(0.25), Le(16)] = 1.0
    light: float = 225.0
    gloss: Annotated[float, Ge(0), Le(1)] = 0.25


@torch.no_grad()
def draw_relief(painting: StrokeRecord, look: Look | None = None) -> NDArray[np.uint8]:
    """Draw a painting with relief, at its own width and height.

    Args:
        painting: What to draw.
        look: How.

    Returns:
        (H, W, 3) uint8, RGB; (H, W, 4) with alpha on a transparent background.
    """
    look, opaque = look or Look(), painting.background is not None
    height, width = painting.height, painting.width
    fine = max(1, math.ceil(_FINEST / min(height, width)))  # pixels drawn for one, on each side
    painting = replace(painting, height=height * fine, width=width * fine)
    sigma = _SMOOTH * min(painting.height, painting.width)
    halo, high = _whole(3 * sigma + 1), _whole(_BAND_PIXELS / painting.width) * fine
    tops = range(0, painting.height, high)
    bands = [range(max(0, top - halo), min(painting.height, top + high + halo)) for top in tops]
    picture = np.empty((height, width, 3 if opaque else 4), dtype=np.uint8)
    painted = _painted(painting, look, bands)
    for top, rows, (band, thick) in zip(tops, bands, painted, strict=True):
        shade, shine = _light(_level(thick, sigma), look)
        # Paint is lit before it is put on what is behind it: premultiplied, so is its shine.
        lit = band[:3] * shade + (shine if opaque else shine * band[3])
        lit = torch.minimum(lit.clamp_min(0), band.new_ones(()) if opaque else band[3])
        inside = torch.cat([lit, band[3:]])[:, top - rows.start :][:, :high]
        small = functional.avg_pool2d(inside, fine)
        first = top // fine
        picture[first : first + small.shape[1]] = to_array(small if opaque else unmultiplied(small))
    return picture


def _whole(rows: float) -> int:
    """Round a number of rows up to whole tiles."""
    return max(1, math.ceil(rows / _TILE)) * _TILE


def _painted(
    painting: StrokeRecord, look: Look, bands: Sequence[range]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield bands of rows, (3 or 4, rows, W), and their thickness (rows, W) in pixels."""
    side = min(painting.height, painting.width)
    thickness = _THICK * look.thickness * side
    if by_loops(painting.stroke, painting.strokes):
        # Importing numba takes half a second.
        from impasto.strokes.raster.tile_relief import Brush
        from impasto.strokes.tile_rows import raised_bands

        lengths = (_BRISTLE * look.bristle * side, thickness, _RIM * side, _WIDE * side)
        numbers: list[Any] = [np.float32(number) for number in (*lengths, _REACH, _FILLS)]
        brush = Brush(*numbers)
        ground = (0.0,) * 4 if painting.background is None else painting.background
        size = painting.height, painting.width, ground
        yield from raised_bands(painting.stroke, painting.strokes, *size, brush, bands)
    else:
        for band in bands:
            yield _by_boxes(painting, band, thickness / 2)


def _by_boxes(painting: StrokeRecord, rows: range, thickness: float) -> tuple[Tensor, Tensor]:
    """Paint rows with strokes that compiled loops don't draw: as thick as they cover."""
    stroke, strokes, first, last = painting.stroke, painting.strokes, rows.start, rows.stop
    band = blank(last - first, painting.width, painting.background, strokes)
    thick = band.new_zeros(last - first, painting.width)
    shapes, colors = strokes.split([stroke.shape_dim, 3], dim=1)
    colors = torch.cat([colors, colors.new_ones(len(colors), len(band) - 3)], dim=1)
    size = painting.height, painting.width, first, last
    patches = rasterize_boxes(stroke, shapes, *size)
    for (lines, columns, alpha), color in zip(patches, colors, strict=True):
        window = slice(lines.start - first, lines.stop - first), columns
        below = band[:, *window]
        below += alpha * (color[:, None, None] - below)
        thick[window] += alpha[0].square() * (thickness - _FILLS * thick[window])
    return band, thick


def _level(thick: Tensor, sigma: float) -> Tensor:
    """Blur thickness (H, W) by a Gaussian of so many pixels."""
    reach = math.ceil(3 * sigma)
    place = torch.arange(-reach, reach + 1)
    kernel = (-(place.double() / sigma).square() / 2).exp()
    kernel = (kernel / kernel.sum()).to(thick)
    padded = functional.pad(thick[None, None], (reach,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel[None, None, :, None])
    return functional.conv2d(rows, kernel[None, None, None, :])[0, 0]


def _light(thick: Tensor, look: Look) -> tuple[Tensor, Tensor]:
    """Return by what thickness (H, W) in pixels changes colour: a factor, and light on top."""
    padded = functional.pad(thick[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    across = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    down = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    up = torch.rsqrt(1 + across.square() + down.square())  # z of the normal
    turn, tilt = math.radians(look.light), math.radians(_HEIGHT)
    x, y, z = math.cos(turn) * math.cos(tilt), math.sin(turn) * math.cos(tilt), math.sin(tilt)
    shade = (z - across * x - down * y) * up / z
    flat = math.sqrt((1 + z) / 2)  # the cosine between the normal of flat paint and the halfway
    halfway = ((1 + z) - across * x - down * y) * up / (2 * flat)
    shine = halfway.clamp_min(0).pow(_SHININESS) - flat**_SHININESS
    return shade.clamp_min(0), look.gloss * shine.clamp_min(0)
