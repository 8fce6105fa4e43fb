"""Square regions of a picture, chosen where its painting is worst."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Region:
    """A square of a canvas.

    Attributes:
        left: Its first column.
        top: Its first row.
        side: Pixels on its side.
    """

    left: int
    top: int
    side: int

    def of(self, image: Tensor) -> Tensor:
        """Cut this part out of an image (..., H, W): (..., side, side)."""
        return image[..., self.top : self.top + self.side, self.left : self.left + self.side]

    def overlaps(self, other: "Region") -> bool:
        """Return whether a pixel lies in both."""
        beside = self.left < other.left + other.side and other.left < self.left + self.side
        return beside and self.top < other.top + other.side and other.top < self.top + self.side


def cover(height: int, width: int) -> list[Region]:
    """Return as few squares as cover a canvas, as large as it allows, at equal distances."""
    side, longer = min(height, width), max(height, width)
    count = -(-longer // side)
    starts = [round(i * (longer - side) / max(1, count - 1)) for i in range(count)]
    wide = width > height
    return [Region(start, 0, side) if wide else Region(0, start, side) for start in starts]


def worst_regions(error: Tensor, side: int, count: int) -> list[Region]:
    """Return the squares where most error is left, none of which overlap.

    They stand on a grid of half their side, so that no border is where another one was by force.

    Args:
        error: (H, W), not negative.
        side: Pixels on a side, at most that of the canvas.
        count: At most how many.

    Returns:
        The worst first; fewer than `count` where no more fit or no error is left.
    """
    height, width = error.shape
    rows, columns = _starts(height, side), _starts(width, side)
    sums = functional.pad(error.double().cumsum(0).cumsum(1), (1, 0, 1, 0))  # (H + 1, W + 1)
    top, left = torch.tensor(rows)[:, None], torch.tensor(columns)
    inside = sums[top + side, left + side] - sums[top, left + side]
    inside = inside - sums[top + side, left] + sums[top, left]  # (rows, columns)
    regions: list[Region] = []
    for place in inside.flatten().argsort(descending=True).tolist():
        row, column = divmod(place, len(columns))
        region = Region(columns[column], rows[row], side)
        if len(regions) == count or inside[row, column] <= 0:
            break
        if not any(region.overlaps(other) for other in regions):
            regions.append(region)
    return regions


def _starts(length: int, side: int) -> list[int]:
    """Return where squares start on one side of a canvas: half a square apart, the last flush."""
    last = length - side
    return sorted({*range(0, last + 1, max(1, side // 2)), last})
