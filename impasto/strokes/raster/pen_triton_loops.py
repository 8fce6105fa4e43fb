"""The kernels of `pen_triton.py`, compiled by Triton when they are first launched.

A program has one tile of one window in registers and goes through the stroke's segments; those that
do not reach the tile cost it a glance. Numbers are of the segments' type.

Shapes: N strokes, M segments of ten numbers (`pen.to_segments`), R windows of H rows, W columns, K
tiles a window.
"""

# Triton reads annotations as code: it knows those of its own only.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

try:
    import triton
    import triton.language as tl
except ImportError:  # as on macOS: the module can be imported, and `pen.kernel_of` does not
    triton = None

WORD = 32  # segments whose showing at a pixel is noted in one number


def _kernel(function):
    return function if triton is None else triton.jit(function)


if triton is not None:
    _WORD = tl.constexpr(WORD)


@_kernel
def _load(segments, place):
    """The ten numbers of a segment."""
    at = segments + place * 10
    return (
        tl.load(at),
        tl.load(at + 1),
        tl.load(at + 2),
        tl.load(at + 3),
        tl.load(at + 4),
        tl.load(at + 5),
        tl.load(at + 6),
        tl.load(at + 7),
        tl.load(at + 8),
        tl.load(at + 9),
    )


@_kernel
def _reaches(segment, left, top, rows: tl.constexpr, columns: tl.constexpr):
    """Return True if a segment's box meets a tile; False for a segment of NaN."""
    start_x, start_y, cosine, sine, length, radius, growth, _, _, _ = segment
    end_x, end_y = start_x + cosine * length, start_y + sine * length
    reach = tl.maximum(radius, radius + growth * length) + 1.0
    in_x = tl.minimum(start_x, end_x) - reach < left + columns
    in_x = in_x & (tl.maximum(start_x, end_x) + reach > left)
    in_y = tl.minimum(start_y, end_y) - reach < top + rows
    return in_x & in_y & (tl.maximum(start_y, end_y) + reach > top)


@_kernel
def _nearest(segment, x, y):
    """Locate pixels from the nearest disc of a segment's hull: `pen_eager.hull_coverage`.

    Returns:
        Where along the segment that disc is; of a pixel from its centre, along and across; the
        distance; and how deep inside the pen's edge, from 0 on its outer to 1 on its inner side.
    """
    start_x, start_y, cosine, sine, length, radius, growth, lean, shift, _ = segment
    dx, dy = x - start_x, y - start_y
    u, v = dx * cosine + dy * sine, dy * cosine - dx * sine
    reach = tl.minimum(tl.maximum(u + lean * tl.abs(v) + shift, 0.0), length)
    beside = u - reach
    distance = tl.sqrt(beside * beside + v * v + 1e-9)
    return reach, beside, v, distance, radius + 0.5 + growth * reach - distance


@_kernel
def _coverage(segment, x, y):
    """Coverage of pixels by a segment."""
    _, _, _, _, depth = _nearest(segment, x, y)
    return tl.minimum(tl.maximum(depth, 0.0), 1.0) * segment[9]


@_kernel
def draw(
    segments,
    opacity,
    counts,
    owner,
    corner,
    alpha,
    height,
    width,
    most,
    across,
    tiles,
    rows: tl.constexpr,
    columns: tl.constexpr,
) -> None:
    """Draw alpha (R, H, W), a program for each of R K tiles, of which `across` stand in a row."""
    window = (tl.program_id(0) // tiles).to(tl.int64)
    tile = tl.program_id(0) % tiles
    stroke = tl.load(owner + window)
    count = tl.load(counts + stroke).to(tl.int32)
    left, top = tile % across * columns, tile // across * rows
    row, column = top + tl.arange(0, rows)[:, None], left + tl.arange(0, columns)[None, :]
    corner_x, corner_y = tl.load(corner + 2 * window), tl.load(corner + 2 * window + 1)
    x, y = corner_x + (column + 0.5), corner_y + (row + 0.5)
    covered = tl.zeros([rows, columns], alpha.dtype.element_ty)  # M of the segments so far
    later = tl.zeros([rows, columns], alpha.dtype.element_ty)  # the sum of M but for the first
    for back in range(count):
        index = count - 1 - back
        segment = _load(segments, stroke * most + index)
        if _reaches(segment, corner_x + left, corner_y + top, rows, columns):
            # What a segment adds is in M of every segment from here to the first.
            more = tl.maximum(_coverage(segment, x, y) - covered, 0.0)
            covered += more
            later += more * index
    start = tl.load(opacity + 2 * stroke)
    change = (tl.load(opacity + 2 * stroke + 1) - start) / (count - 1)
    place = window * height * width + row * width + column
    tl.store(alpha + place, start * covered + change * later, (row < height) & (column < width))


@_kernel
def differentiate(
    segments,
    opacity,
    counts,
    owner,
    corner,
    grad,
    of_segments,
    of_opacity,
    height,
    width,
    most,
    across,
    tiles,
    alone: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
) -> None:
    """Gradients of that of alpha (R, H, W), a program for each tile as in `draw`.

    With `alone` every tile has sums of its own, (R K, M, 10) and (R K, 2), which are 0; otherwise
    the tiles add to the strokes' (N, M, 10) and (N, 2), in any order.
    """
    window = (tl.program_id(0) // tiles).to(tl.int64)
    tile = tl.program_id(0) % tiles
    stroke = tl.load(owner + window)
    count = tl.load(counts + stroke).to(tl.int32)
    left, top = tile % across * columns, tile // across * rows
    row, column = top + tl.arange(0, rows)[:, None], left + tl.arange(0, columns)[None, :]
    corner_x, corner_y = tl.load(corner + 2 * window), tl.load(corner + 2 * window + 1)
    x, y = corner_x + (column + 0.5), corner_y + (row + 0.5)
    place = window * height * width + row * width + column
    upstream = tl.load(grad + place, (row < height) & (column < width), 0.0)
    start = tl.load(opacity + 2 * stroke)
    change = (tl.load(opacity + 2 * stroke + 1) - start) / (count - 1)
    own = tl.program_id(0).to(tl.int64) if alone else stroke
    shown_from = tl.zeros([rows, columns], tl.int32)  # whose M the next segment that shows is, on
    for first in range(0, count, _WORD):
        # From the last segment down to the first of this word: which of the word show, as bits.
        covered = tl.zeros([rows, columns], grad.dtype.element_ty)
        later = tl.zeros([rows, columns], grad.dtype.element_ty)
        shows = tl.zeros([rows, columns], tl.int32)
        for back in range(count - first):
            index = count - 1 - back
            segment = _load(segments, stroke * most + index)
            if _reaches(segment, corner_x + left, corner_y + top, rows, columns):
                coverage = _coverage(segment, x, y)
                more = tl.maximum(coverage - covered, 0.0)
                covered = tl.maximum(covered, coverage)
                later += more * index
                # A later one's bit is 0: it was or will be noted in another word.
                mine = tl.where(index - first < _WORD, 1, 0) << ((index - first) % _WORD)
                shows = shows | tl.where(more > 0, mine, 0)
        if first == 0:
            of_end = tl.sum(upstream * later) / (count - 1)
            _add(of_opacity + own * 2, tl.sum(upstream * covered) - of_end, alone)
            _add(of_opacity + own * 2 + 1, of_end, alone)
        # And up again: a segment's coverage is M of those from after the last that showed.
        for bit in range(tl.minimum(count - first, _WORD)):
            index = first + bit
            segment = _load(segments, stroke * most + index)
            if _reaches(segment, corner_x + left, corner_y + top, rows, columns):
                show = ((shows >> bit) & 1) == 1
                weight = tl.where(shown_from == 0, start, 0.0)
                weight += change * (index + 1 - tl.maximum(shown_from, 1))
                partly = show & (_coverage(segment, x, y) < segment[9])
                shown_from = tl.where(show, index + 1, shown_from)
                if tl.max(partly.to(tl.int32)) > 0:
                    change_of = tl.where(partly, upstream * weight, 0.0)
                    _move_edge(
                        segment, x, y, change_of, of_segments + (own * most + index) * 10, alone
                    )


@_kernel
def _move_edge(segment, x, y, upstream, of_segment, alone: tl.constexpr) -> None:
    """Add a tile's gradient in a segment's numbers, but for the two that have none.

    Where along the segment the nearest disc lies is held: the signed distance is least there, so
    by the envelope theorem moving it adds nothing.
    """
    reach, beside, v, distance, depth = _nearest(segment, x, y)
    start_x, start_y, cosine, sine, length, _, growth, _, _, ink = segment
    dx, dy = x - start_x, y - start_y
    outward = upstream * ink
    of_u, of_v = -outward * beside / distance, -outward * v / distance
    along, aside, grown = tl.sum(of_u), tl.sum(of_v), tl.sum(outward * reach)
    stretched = growth * grown - tl.sum(of_u * reach)  # reach is a share of the length
    _add(of_segment, aside * sine - along * cosine, alone)
    _add(of_segment + 1, -aside * cosine - along * sine, alone)
    _add(of_segment + 2, tl.sum(of_u * dx + of_v * dy), alone)
    _add(of_segment + 3, tl.sum(of_u * dy - of_v * dx), alone)
    _add(of_segment + 4, stretched / length, alone)
    _add(of_segment + 5, tl.sum(outward), alone)
    _add(of_segment + 6, grown, alone)
    _add(of_segment + 9, tl.sum(upstream * depth), alone)


@_kernel
def _add(total, value, alone: tl.constexpr) -> None:
    """Add to what others add to, or write what nobody else does."""
    if alone:
        tl.store(total, value)
    else:
        tl.atomic_add(total, value)


@_kernel
def touch(
    segments,
    counts,
    owner,
    center,
    around,
    touched,
    most,
) -> None:
    """Mark in `touched` the windows around whose center a disc meets the hull of a segment."""
    window = tl.program_id(0).to(tl.int64)
    stroke = tl.load(owner + window)
    count = tl.load(counts + stroke).to(tl.int32)
    x, y = tl.load(center + 2 * window), tl.load(center + 2 * window + 1)
    met = 0
    for index in range(count):
        segment = _load(segments, stroke * most + index)
        start_x, start_y, cosine, sine, length, radius, growth, _, _, _ = segment
        dx, dy = x - start_x, y - start_y
        u, v = dx * cosine + dy * sine, dy * cosine - dx * sine
        beside = u - tl.minimum(tl.maximum(u, 0.0), length)
        reach = tl.maximum(radius, radius + growth * length) + 0.5 + around
        met = tl.where(beside * beside + v * v <= reach * reach, 1, met)
    tl.store(touched + window, met > 0)
