"""Compiled loops over tiles: composite, compare, differentiate and sum up, a tile at a time.

A tile stays in the cache while all that an optimization wants of it is worked out. Every row has
sums of its own, which are added up in the rows' order: no result depends on the number of threads.

Shapes: N strokes, R rows (`tile_source`), C tiles, T pixels on a tile's side. A `Layout` says which
rows lie on a tile.
"""

# numba reads the functions below as code.
# mypy: allow-untyped-calls

from typing import Any, NamedTuple

import numpy as np

from impasto.strokes.raster.pen_loops import Array, compiled
from impasto.strokes.raster.tile_source import LINE, TILE, draw_row, make_room, pull_row

_PIXELS = np.uint64(TILE * TILE)


class Layout(NamedTuple):
    """Rows of strokes on the tiles of a canvas."""

    across: int  # tiles in a row of the canvas
    tiles: Array  # (R,) int32, of each row; rows go stroke by stroke
    strokes: Array  # (R,) int32, of each row
    start: Array  # (C + 1,) int64, where each tile begins in
    order: Array  # (R,) int32, the rows sorted by tile, each tile's in painting order


class Tiles(NamedTuple):
    """A canvas and its target, cut into tiles."""

    ground: Array  # (C, 3, T T), what is painted over
    target: Array  # (C, 3, T T)
    weight: Array  # (C, T T), of each pixel's squared error; 0 outside of the picture
    more: Array  # (C, 3, T T), what is added to the gradient of half its sum; or of no tile


class Fit(NamedTuple):
    """Normal equations of the colours: a canvas is linear in them."""

    begin: Array  # (C + 1,) int64, where the matrix of each tile begins in `matrix`
    matrix: Array  # products of what is seen of each two rows of a tile
    right: Array  # (R, 3), what is seen of each row times what it should paint


@compiled
def sort_rows(tiles: Array, start: Array, order: Array) -> None:
    """Sort rows by tile: see `Layout`."""
    start[:] = 0
    for row in range(len(tiles)):
        start[tiles[row] + 1] += 1
    for tile in range(len(start) - 1):
        start[tile + 1] += start[tile]
    filled = start[:-1].copy()
    for row in range(len(tiles)):
        order[filled[tiles[row]]] = row
        filled[tiles[row]] += 1


@compiled
def corner_of(layout: Layout, tile: int) -> tuple[Any, Any]:
    """Return x and y of a tile's corner, in pixels."""
    down, along = divmod(tile, layout.across)
    return np.float32(along * TILE), np.float32(down * TILE)


@compiled
def _most_layers(layout: Layout, begin: int, end: int) -> int:
    most = 1
    for tile in range(begin, end):
        most = max(most, layout.start[tile + 1] - layout.start[tile])
    return most


@compiled
def differentiate(
    begin: int,
    end: int,
    source: Any,
    color: Array,
    layout: Layout,
    tiles: Tiles,
    canvas: Array,
    errors: Array,
    of_rows: Array,
    of_color: Array,
    fit: Fit,
) -> None:
    """Paint the tiles from begin to end, and go back through them.

    Args:
        begin: The first tile.
        end: One past the last.
        source: Draws rows.
        color: (N, 3).
        layout: Which.
        tiles: On what, and towards what.
        canvas: (C, 3, T T), gets the painting.
        errors: (C,), gets the sums of weighted squared errors.
        of_rows: (R, K), gets the gradient of half that sum, and of `more`, in what the source
            draws by.
        of_color: (R, 3), gets that in the colours.
        fit: Gets the normal equations; of no tile if it has none.
    """
    most = _most_layers(layout, begin, end)
    room = make_room(most, most * TILE * 8)
    ends = np.zeros(most + 1, np.int64)
    alpha = np.empty((most, TILE, TILE), np.float32)
    change = np.empty((most, 3, TILE * TILE), np.float32)
    seen = np.empty((most, TILE * TILE), np.float32)
    grad = np.empty((3, TILE * TILE), np.float32)
    of_alpha = np.empty((TILE, TILE), np.float32)
    rest = np.empty(TILE * TILE, np.float32)
    flat = alpha.reshape(most, TILE * TILE)
    fits = len(fit.begin) > 0
    for tile in range(begin, end):
        rows = layout.order[layout.start[tile] : layout.start[tile + 1]]
        x, y = corner_of(layout, tile)
        painted = canvas[tile]
        while True:
            for layer in range(len(rows)):
                row, paper = rows[layer], alpha[layer]
                stroke = layout.strokes[row]
                notes = draw_row(source, row, stroke, x, y, paper, layer, room, ends[layer])
                ends[layer + 1] = notes
            if ends[len(rows)] < len(room.note):
                break
            room = make_room(most, 2 * ends[len(rows)])
        painted[:] = tiles.ground[tile]
        for layer in range(len(rows)):
            span = room.span[layer]
            _lay(painted, flat[layer], color[layout.strokes[rows[layer]]], change[layer], span)
        errors[tile] = _compare(tile, painted, tiles, grad)
        rest[:] = 1
        for layer in range(len(rows) - 1, -1, -1):
            row = rows[layer]
            span = room.span[layer]
            _lift(grad, flat[layer], change[layer], of_alpha.ravel(), of_color[row], span)
            if fits:
                _see(rest, flat[layer], seen[layer], span)
            stroke, first, last = layout.strokes[row], ends[layer], ends[layer + 1]
            pull_row(source, row, stroke, x, y, of_alpha, layer, room, first, last, of_rows)
        if fits:
            _add_equations(tile, rows, seen, rest, room.span, tiles, fit)


@compiled
def _lay(canvas: Array, alpha: Array, color: Array, change: Array, span: Array) -> None:
    """Lay a stroke over a tile (3 or 4, T T); `change` gets colour minus canvas."""
    for channel in range(len(canvas)):
        paint, below, over = color[channel], canvas[channel], change[channel]
        for pixel in range(span[0] * LINE, span[1] * LINE):
            over[pixel] = paint - below[pixel]
            below[pixel] += over[pixel] * alpha[pixel]


@compiled
def _compare(tile: int, canvas: Array, tiles: Tiles, grad: Array) -> Any:
    """Return the weighted squared error of a tile; `grad` gets the gradient of half of it."""
    total, target, weight = np.float32(0), tiles.target[tile], tiles.weight[tile]
    for channel in range(3):
        for pixel in range(_PIXELS):
            error = canvas[channel, pixel] - target[channel, pixel]
            grad[channel, pixel] = error * weight[pixel]
            total += error * error * weight[pixel]
    if len(tiles.more) > 0:
        grad += tiles.more[tile]
    return total


@compiled
def _lift(
    grad: Array, alpha: Array, change: Array, of_alpha: Array, of_color: Array, span: Array
) -> None:
    """Take a stroke from a tile's gradient (3, T T); write its own in alpha and colour."""
    red, green, blue = np.float32(0), np.float32(0), np.float32(0)
    for pixel in range(span[0] * LINE, span[1] * LINE):
        opacity, left = alpha[pixel], np.float32(1) - alpha[pixel]
        of_red, of_green, of_blue = grad[0, pixel], grad[1, pixel], grad[2, pixel]
        of_alpha[pixel] = (
            of_red * change[0, pixel] + of_green * change[1, pixel] + of_blue * change[2, pixel]
        )
        red += of_red * opacity
        green += of_green * opacity
        blue += of_blue * opacity
        grad[0, pixel], grad[1, pixel], grad[2, pixel] = (
            of_red * left,
            of_green * left,
            of_blue * left,
        )
    of_color[0], of_color[1], of_color[2] = red, green, blue


@compiled
def _see(rest: Array, alpha: Array, seen: Array, span: Array) -> None:
    """Write how much of a stroke is seen, under what is painted over it and leaves `rest`."""
    for pixel in range(span[0] * LINE, span[1] * LINE):
        shows = rest[pixel] * alpha[pixel]
        seen[pixel] = shows
        rest[pixel] -= shows


@compiled
def _add_equations(
    tile: int, rows: Array, seen: Array, rest: Array, span: Array, tiles: Tiles, fit: Fit
) -> None:
    """Write what a tile adds to the normal equations of the colours."""
    count, begin = len(rows), fit.begin[tile]
    weight, target, ground = tiles.weight[tile], tiles.target[tile], tiles.ground[tile]
    for layer in range(count):
        shows, right = seen[layer], fit.right[rows[layer]]
        low, high = span[layer, 0] * LINE, span[layer, 1] * LINE
        right[:] = 0
        for channel in range(3):
            wanted = np.float32(0)
            for pixel in range(low, high):
                missing = target[channel, pixel] - rest[pixel] * ground[channel, pixel]
                wanted += shows[pixel] * missing * weight[pixel]
            right[channel] = wanted
        for other in range(layer, count):
            both = np.float32(0)
            first, last = span[other, 0] * LINE, span[other, 1] * LINE
            for pixel in range(max(low, first), min(high, last)):
                both += shows[pixel] * seen[other, pixel] * weight[pixel]
            fit.matrix[begin + layer * count + other] = both
            fit.matrix[begin + other * count + layer] = both


@compiled
def solve_colors(
    color: Array, layout: Layout, fit: Fit, ridge: float, iterations: int, precision: float
) -> Array:
    """Solve for the colours (N, 3), drawn to the present ones, by conjugate gradients.

    Args:
        color: (N, 3), the present ones.
        layout: The rows.
        fit: The normal equations.
        ridge: Weight of the present colours, in pixels.
        iterations: At most.
        precision: Share of the energy at the start at which it is enough.
    """
    count = len(color)
    owner = layout.strokes[layout.order]  # of each tile's rows in turn
    diagonal = np.full((count, 1), ridge, np.float32)
    residual, mapped = np.zeros((count, 3), np.float32), np.empty((count, 3), np.float32)
    _multiply(layout.start, owner, fit, color, mapped)
    for place in range(len(owner)):
        for channel in range(3):
            residual[owner[place], channel] += fit.right[layout.order[place], channel]
    for tile in range(len(layout.start) - 1):
        rows = layout.start[tile + 1] - layout.start[tile]
        for layer in range(rows):
            square = fit.matrix[fit.begin[tile] + layer * rows + layer]
            diagonal[owner[layout.start[tile] + layer], 0] += square
    residual -= mapped
    scaled = residual / diagonal
    direction, change = scaled.copy(), np.zeros((count, 3), np.float32)
    energy = (residual * scaled).sum(0)
    enough = precision * energy.max()
    for _ in range(iterations):
        if not energy.max() > enough:
            break
        _multiply(layout.start, owner, fit, direction, mapped)
        mapped += np.float32(ridge) * direction
        step = energy / np.maximum((direction * mapped).sum(0), np.float32(1e-30))
        change += step * direction
        residual -= step * mapped
        scaled = residual / diagonal
        before, energy = energy, (residual * scaled).sum(0)
        direction = scaled + energy / np.maximum(before, np.float32(1e-30)) * direction
    return color + change


@compiled
def _multiply(start: Array, owner: Array, fit: Fit, values: Array, product: Array) -> None:
    """Multiply the equations' matrix by values (N, 3)."""
    product[:] = 0
    for tile in range(len(start) - 1):
        first, count = start[tile], start[tile + 1] - start[tile]
        for layer in range(count):
            red, green, blue = np.float32(0), np.float32(0), np.float32(0)
            place = fit.begin[tile] + layer * count
            for other in range(count):
                both, stroke = fit.matrix[place + other], owner[first + other]
                red += both * values[stroke, 0]
                green += both * values[stroke, 1]
                blue += both * values[stroke, 2]
            stroke = owner[first + layer]
            product[stroke, 0] += red
            product[stroke, 1] += green
            product[stroke, 2] += blue


@compiled
def paint(
    begin: int, end: int, source: Any, color: Array, layout: Layout, first: int, canvas: Array
) -> None:
    """Paint over the tiles (n, 3 or 4, T T) of a canvas from `first` on: from begin to end."""
    room, alpha = make_room(1, 0), np.empty((TILE, TILE), np.float32)
    change = np.empty((canvas.shape[1], TILE * TILE), np.float32)
    for tile in range(begin, end):
        x, y = corner_of(layout, tile)
        for row in layout.order[layout.start[tile] : layout.start[tile + 1]]:
            stroke = layout.strokes[row]
            draw_row(source, row, stroke, x, y, alpha, 0, room, 0)
            _lay(canvas[tile - first], alpha.ravel(), color[stroke], change, room.span[0])


@compiled
def weigh(
    begin: int, end: int, source: Any, color: Array, layout: Layout, tiles: Tiles, worth: Array
) -> None:
    """Write to `worth` (R,) by how much the error of a row's tile would grow without the row."""
    most = _most_layers(layout, begin, end)
    room, alpha = make_room(most, 0), np.empty((most, TILE, TILE), np.float32)
    change = np.empty((most, 3, TILE * TILE), np.float32)
    canvas, rest = np.empty((3, TILE * TILE), np.float32), np.empty(TILE * TILE, np.float32)
    for tile in range(begin, end):
        rows = layout.order[layout.start[tile] : layout.start[tile + 1]]
        x, y = corner_of(layout, tile)
        canvas[:] = tiles.ground[tile]
        for layer in range(len(rows)):
            stroke = layout.strokes[rows[layer]]
            draw_row(source, rows[layer], stroke, x, y, alpha[layer], layer, room, 0)
            _lay(canvas, alpha[layer].ravel(), color[stroke], change[layer], room.span[layer])
        rest[:] = 1
        for layer in range(len(rows) - 1, -1, -1):
            total, drawn = np.float32(0), alpha[layer].ravel()
            low, high = room.span[layer, 0] * LINE, room.span[layer, 1] * LINE
            for channel in range(3):
                for pixel in range(low, high):
                    lost = change[layer, channel, pixel] * drawn[pixel] * rest[pixel]
                    error = canvas[channel, pixel] - tiles.target[tile, channel, pixel]
                    total += (lost - 2 * error) * lost * tiles.weight[tile, pixel]
            worth[rows[layer]] = total
            for pixel in range(low, high):
                rest[pixel] *= np.float32(1) - drawn[pixel]


@compiled
def try_rows(begin: int, end: int, source: Any, layout: Layout, tiles: Tiles, sums: Array) -> None:
    """Sum up what each row alone, painted over the ground, says about its stroke's best colour.

    Args:
        begin: The first row.
        end: One past the last.
        source: Draws rows.
        layout: Which.
        tiles: On what, and towards what.
        sums: (R, 5), gets the weighted sums of alpha², of alpha times what it should paint (RGB),
            and of the squared error without less that which no colour of it mends.
    """
    room, paper = make_room(1, 0), np.empty((TILE, TILE), np.float32)
    alpha = paper.reshape(TILE * TILE)
    for row in range(begin, end):
        tile = layout.tiles[row]
        x, y = corner_of(layout, tile)
        draw_row(source, row, layout.strokes[row], x, y, paper, 0, room, 0)
        low, high = room.span[0, 0] * LINE, room.span[0, 1] * LINE
        square, gain = np.float32(0), np.float32(0)
        for pixel in range(low, high):
            square += alpha[pixel] * alpha[pixel] * tiles.weight[tile, pixel]
        sums[row, 0] = square
        for channel in range(3):
            ground, target = tiles.ground[tile, channel], tiles.target[tile, channel]
            product = np.float32(0)
            for pixel in range(low, high):
                missing = target[pixel] - ground[pixel]
                required = missing + ground[pixel] * alpha[pixel]
                product += alpha[pixel] * required * tiles.weight[tile, pixel]
                gain += (missing * missing - required * required) * tiles.weight[tile, pixel]
            sums[row, 1 + channel] = product
        sums[row, 4] = gain


@compiled
def add_up(strokes: Array, of_rows: Array, sums: Array) -> None:
    """Add rows (R, K) up by stroke: (N, K)."""
    for row in range(len(strokes)):
        for number in range(of_rows.shape[1]):
            sums[strokes[row], number] += of_rows[row, number]
