"""The pen in tensor operations, which run on any device.

They go through memory once for each of some thirty steps per segment: what has compiled loops
(`pen.kernel_of`) does not come here. Finding the edges waits for the device, once a segment.

Shapes: N strokes, M segments of ten numbers (`pen.to_segments`), H rows, W columns, P pixels on an
edge.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.strokes.raster.coverage import in_chunks, pixel_centers
from impasto.strokes.raster.frame import Windows


def draw(segments: Tensor, opacity: Tensor, count: Tensor, windows: Windows) -> Tensor:
    """Alpha (R, H, W) of windows, of segments (N, M, 10), opacities (N, 2) and counts (N,)."""
    if windows.owner is not None:
        segments, opacity, count = (
            values.index_select(0, windows.owner) for values in (segments, opacity, count)
        )
    if windows.corner is not None:
        start = segments[..., :2] - windows.corner.to(segments)[:, None]
        segments = torch.cat([start, segments[..., 2:]], dim=-1)

    def drawn(segments: Tensor, opacity: Tensor, count: Tensor) -> Tensor:
        alpha: Tensor = _EagerPen.apply(segments, opacity, count, windows.rows, windows.columns)
        return alpha

    return in_chunks(drawn, windows.rows * windows.columns, 2, segments, opacity, count)


class _EagerPen(torch.autograd.Function):
    """`pen.pen_alpha` of segments (N, M, 10), each stroke on a window of its own.

    A parameter other than opacity moves only pixels on an edge that shows, a few in a hundred. The
    forward pass notes them, and the backward pass differentiates at them alone: many times faster
    than through all M maps, and nothing of size N * M * H * W is kept.
    """

    @staticmethod
    def forward(
        ctx: Any, segments: Tensor, opacity: Tensor, count: Tensor, height: int, width: int
    ) -> Tensor:
        covered, later, edges = _cover(segments, count, height, width, ctx.needs_input_grad[0])
        ctx.save_for_backward(segments, opacity, count, covered, later, *edges)
        start, end = opacity[:, 0, None, None], opacity[:, 1, None, None]
        return start * covered + (end - start) * later

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        segments, opacity, count, covered, later, *edges = ctx.saved_tensors
        of_end = (grad * later).sum((1, 2))
        of_start = (grad * covered).sum((1, 2)) - of_end
        of_opacity = torch.stack([of_start, of_end], dim=1)
        if not edges:
            return None, of_opacity, None, None, None
        segment, shown_from, pixel = edges  # (P,) each
        height, width = grad.shape[1:]
        stroke, place = pixel // (height * width), pixel % (height * width)
        x, y = pixel_centers(height, width, segments)
        with torch.enable_grad():
            leaf = segments.detach().requires_grad_()
            rows = leaf.flatten(0, 1).index_select(0, stroke * segments.shape[1] + segment)
            here = rows.unbind(1)
            frame = _along_and_across(here, x[place % width], y[place // width])
            coverage = hull_coverage(*frame, *here[4:])
        # Segment i's coverage is M of the segments that it shows for; M of the first has weight
        # opacity0, of every other one an equal share of opacity1 - opacity0.
        start, end = opacity[stroke, 0], opacity[stroke, 1]
        others = segment - shown_from.clamp_min(1) + 1
        weight = start * (shown_from == 0) + (end - start) * others / (count[stroke] - 1)
        (of_segments,) = torch.autograd.grad(coverage, leaf, grad.flatten()[pixel] * weight)
        return of_segments, of_opacity, None, None, None


def _along_and_across(segment: tuple[Tensor, ...], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels in a segment's own frame: u runs along it from 0 to its length, v across it."""
    start_x, start_y, cosine, sine = segment[:4]
    dx, dy = x - start_x, y - start_y
    return dx * cosine + dy * sine, dy * cosine - dx * sine


def hull_coverage(
    u: Tensor,
    v: Tensor,
    length: Tensor,
    radius: Tensor,
    growth: Tensor,
    lean: Tensor,
    shift: Tensor,
    ink: Tensor,
) -> Tensor:
    """Coverage of pixels (u, v) by the hull of the discs at a segment's two ends."""
    with torch.no_grad():
        # How far along lies the disc that reaches nearest to the pixel. The signed distance is
        # least there, so by the envelope theorem moving it adds nothing to the gradient.
        fraction = torch.minimum((u + lean * v.abs() + shift).clamp_min(0), length) / length
    reach = fraction * length
    distance = ((u - reach).square() + v.square() + 1e-9).sqrt()
    return (radius + 0.5 + growth * reach - distance).clamp(0, 1) * ink


def _cover(
    segments: Tensor, count: Tensor, height: int, width: int, find_edges: bool
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """M(0) and the integral of M, (N, H, W) each, and the edges that show.

    Segment i *shows* at a pixel if it covers it more than every later one; its coverage is
    then M of all segments from after the next earlier one that shows there up to itself.

    Returns:
        M(0); the integral; with `find_edges`, of the P pixels at which a showing segment covers
        partly: the segment, the first one whose M it is, and the index into (N, H, W).
    """
    x, y = pixel_centers(height, width, segments)
    covered = segments.new_zeros(segments.shape[0], height, width)
    later = torch.zeros_like(covered)
    shows, edges = [], []
    for index in reversed(range(segments.shape[1])):
        segment = segments[:, index, :, None, None].unbind(1)  # ten of (N, 1, 1)
        u, v = _along_and_across(segment, x, y[:, None])
        coverage = hull_coverage(u, v, *segment[4:]) * (index < count)[:, None, None]
        if find_edges:
            shows.append((coverage > covered).flatten())
            edges.append((shows[-1] & (coverage < segment[9]).flatten()).nonzero().squeeze(1))
        covered = torch.maximum(covered, coverage)
        if index > 0:
            later += covered
    later /= (count - 1)[:, None, None]
    if not find_edges:
        return covered, later, ()
    first = torch.zeros(shows[0].shape, dtype=torch.int16, device=segments.device)
    shown_from = []
    for index, (show, edge) in enumerate(zip(shows[::-1], edges[::-1], strict=True)):
        shown_from.append(first[edge])
        first.masked_fill_(show, index + 1)
    counts = torch.tensor([len(edge) for edge in edges[::-1]], device=segments.device)
    numbers = torch.arange(len(edges), device=segments.device)
    segment_of = numbers.repeat_interleave(counts)
    return covered, later, (segment_of, torch.cat(shown_from).long(), torch.cat(edges[::-1]))
