"""Comparison of strokes with an example's, in order and direction."""

import torch
from torch import Tensor

from impasto.strokes import Stroke

_POINTS = 5  # along a stroke, from its start to its end
_LEAST = 1e-6  # canvas sides: what is smaller is a dot, and has no direction


def center_lines(stroke: Stroke, strokes: Tensor) -> Tensor:
    """Return the brush's path in its order: strokes (B, N, D) to (B, N, 5, 2), in canvas sides.

    Raises:
        UserError: Strokes of the kind go nowhere.
    """
    t = torch.linspace(0, 1, _POINTS).to(strokes)
    points = stroke.trace(strokes.flatten(0, 1)[:, : stroke.shape_dim]).at(t)
    lines: Tensor = points.unflatten(0, strokes.shape[:2])
    return lines


def follows(painted: Tensor, example: Tensor) -> Tensor:
    """Return a mask of the strokes that lie and go where the same stroke of the example does.

    Both are first moved and scaled as a whole, so that the box around all points of all strokes has
    its centre at 0 and a longer side of 1: a digit may be written larger, or beside the example.
    The distance of two strokes is the mean over five pairs of points along them, from start to end.
    Stroke i of a painting follows if it is nearer to stroke i of the example than to any other one
    in either direction, and than to the same one painted backwards. A dot never does.

    Nothing is asked of colour, width and opacity: a stroke that can't be seen is judged, too.

    Args:
        painted: (B, N, M, 2), from `center_lines`.
        example: The same of each painting's example.

    Returns:
        (B, N) bool.
    """
    here, there = _framed(painted), _framed(example)
    either = torch.cat([there, there.flip(2)], dim=1)  # (B, 2 N, M, 2)
    distance = (here[:, :, None] - either[:, None]).norm(dim=-1).mean(-1)  # (B, N, 2 N)
    own = torch.eye(here.shape[1], 2 * here.shape[1], dtype=torch.bool, device=here.device)
    others = distance.masked_fill(own, torch.inf).amin(2)
    nearest: Tensor = distance.diagonal(dim1=1, dim2=2) + _LEAST < others
    return nearest


def _framed(points: Tensor) -> Tensor:
    """Move and scale points (B, N, M, 2) of a painting into its own box."""
    low, high = points.amin((1, 2), keepdim=True), points.amax((1, 2), keepdim=True)
    side = (high - low).amax(-1, keepdim=True).clamp_min(_LEAST)
    return (points - (low + high) / 2) / side
