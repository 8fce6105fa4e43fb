"""Canvas of MyPaint, and a brush on it."""

import colorsys
import ctypes
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UserError
from impasto.mypaint.brushes import Settings
from impasto.mypaint.library import (
    FULL,
    TILE,
    Rectangle,
    SettingInfo,
    TileRequest,
    library,
    setting_number,
)

SEEDS = 64
_STEPS = 40  # motions of the pen along a stroke, at any size
_SECONDS = 1.0  # that a stroke takes: brushes see how fast the pen moves
_VERSION = 3  # of brush files

Pixels = NDArray[np.uint16]


class _Held(ABC):
    """Base of objects that hold memory of the library, which a ``with`` frees."""

    @abstractmethod
    def close(self) -> None:
        """Free the memory."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class MyPaintCanvas(_Held):
    """Canvas of MyPaint, transparent at first.

    Args:
        height: Rows H.
        width: Columns W.

    Raises:
        UserError: libmypaint is not installed.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self._library = library()
        self.surface = self._library.mypaint_fixed_tiled_surface_new(width, height)
        rows, columns = math.ceil(height / TILE), math.ceil(width / TILE)
        self._tiles = [
            [self._tile(column, row) for column in range(columns)] for row in range(rows)
        ]
        self.clear(Rectangle(0, 0, width, height))  # a new surface is opaque white

    def close(self) -> None:
        """Free the memory; the canvas is of no use any more."""
        if self.surface is not None:
            self._tiles = []
            self._library.mypaint_surface_unref(self.surface)
            self.surface = None

    def pixels(self) -> Pixels:
        """Copy the pixels, (H, W, 4) uint16: premultiplied RGB, and alpha; 2^15 is 1."""
        rows = [np.concatenate(row, axis=1) for row in self._tiles]
        return np.concatenate(rows)[: self.height, : self.width].copy()

    def rgba(self) -> NDArray[np.float32]:
        """Copy the pixels as premultiplied RGBA in [0, 1], (H, W, 4)."""
        values: NDArray[np.float32] = np.divide(self.pixels(), FULL, dtype=np.float32)
        return values

    def take_alpha(self, box: Rectangle, alpha: Pixels) -> None:
        """Copy alpha out of a box into (H, W), and clear the box."""
        for tile, (top, left) in self._touched(box):
            rows, columns = alpha[top : top + TILE, left : left + TILE].shape
            alpha[top : top + TILE, left : left + TILE] = tile[:rows, :columns, 3]
        self.clear(box)

    def clear(self, box: Rectangle) -> None:
        """Make every tile transparent that a box touches."""
        for tile, _ in self._touched(box):
            tile[:] = 0

    def _touched(self, box: Rectangle) -> list[tuple[Pixels, tuple[int, int]]]:
        """Return the tiles that a box touches, with the first row and column of each."""
        if box.width <= 0 or box.height <= 0:
            return []
        rows = range(max(0, box.y // TILE), min(len(self._tiles), -(-(box.y + box.height) // TILE)))
        last = min(len(self._tiles[0]), -(-(box.x + box.width) // TILE))
        columns = range(max(0, box.x // TILE), last)
        return [(self._tiles[r][c], (r * TILE, c * TILE)) for r in rows for c in columns]

    def _tile(self, column: int, row: int) -> Pixels:
        """Return the memory of a tile, (64, 64, 4), which stays where it is."""
        request = TileRequest()
        given = ctypes.byref(request)
        self._library.mypaint_tile_request_init(given, 0, column, row, 0)
        self._library.mypaint_tiled_surface_tile_request_start(self.surface, given)
        memory = ctypes.cast(request.buffer, ctypes.POINTER(ctypes.c_uint16))
        self._library.mypaint_tiled_surface_tile_request_end(self.surface, given)
        return np.ctypeslib.as_array(memory, (TILE, TILE, 4))


class MyPaintBrush(_Held):
    """Brush, for one stroke after the other.

    Its randomness goes on from stroke to stroke, as in the program; `seed` makes a stroke the same
    every time.

    Args:
        settings: Checked ones: see `impasto.mypaint.brushes.find_brush`.

    Raises:
        UserError: libmypaint is not installed, or does not take the settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._library = library()
        self._text = json.dumps({"version": _VERSION, "settings": _within_bounds(settings)})
        self._brush: Any = None

    def close(self) -> None:
        """Free the memory."""
        if self._brush is not None:
            self._library.mypaint_brush_unref(self._brush)
            self._brush = None

    def stroke(
        self,
        canvas: MyPaintCanvas,
        points: NDArray[np.float64],
        pressure: Sequence[float],
        radius: float,
        color: Sequence[float] = (0.0, 0.0, 0.0),
        seed: int | None = None,
    ) -> Rectangle:
        """Paint one stroke along a quadratic Bézier curve.

        Args:
            canvas: What to paint on.
            points: (3, 2), x and y of P0, P1 and P2 in pixels.
            pressure: At the start and at the end, in [0, 1]; linear in between.
            radius: Of the brush, in pixels; what it paints depends on its settings.
            color: RGB in [0, 1].
            seed: 0 to 63; None goes on with what the stroke before left.

        Returns:
            The box that was painted, in pixels, which may reach past the canvas.
        """
        if seed is not None:
            self._renew(canvas, seed)
        elif self._brush is None:
            self._renew(canvas, 0)
        self._set_up(radius, color)
        move = self._library.mypaint_brush_stroke_to
        brush, surface = self._brush, canvas.surface
        self._library.mypaint_brush_reset(brush)
        self._library.mypaint_brush_new_stroke(brush)
        self._library.mypaint_surface_begin_atomic(surface)
        # A long time with the pen up: it is there at once, and paints nothing on its way.
        move(brush, surface, *points[0], 0, 0, 0, 10.0)
        for x, y, force in _motions(points, pressure):
            move(brush, surface, x, y, force, 0, 0, _SECONDS / _STEPS)
        box = Rectangle()
        self._library.mypaint_surface_end_atomic(surface, ctypes.byref(box))
        return box

    def _set_up(self, radius: float, color: Sequence[float]) -> None:
        """Set size and colour, in the brush's own terms."""
        hue, saturation, value = colorsys.rgb_to_hsv(*color)
        values = {
            "radius_logarithmic": math.log(max(radius, 1e-3)),
            "color_h": hue,
            "color_s": saturation,
            "color_v": value,
        }
        for name, number in values.items():
            self._library.mypaint_brush_set_base_value(self._brush, setting_number(name), number)

    def _renew(self, canvas: MyPaintCanvas, seed: int) -> None:
        """Make a new brush, which draws the same random numbers; each motion uses up some."""
        self.close()
        self._brush = self._library.mypaint_brush_new()
        self._library.mypaint_brush_from_defaults(self._brush)
        if not self._library.mypaint_brush_from_string(self._brush, self._text.encode()):
            raise UserError("libmypaint does not take this brush", "give another `brush`")
        move = self._library.mypaint_brush_stroke_to
        for _ in range(seed % SEEDS):
            move(self._brush, canvas.surface, 0, 0, 0, 0, 0, 10.0)


def _motions(points: NDArray[np.float64], pressure: Sequence[float]) -> list[list[float]]:
    """Return the pen's x, y and pressure after each step."""
    t = np.linspace(0, 1, _STEPS + 1)[:, None]
    path = (1 - t) ** 2 * points[0] + 2 * t * (1 - t) * points[1] + t**2 * points[2]
    force = (1 - t) * pressure[0] + t * pressure[1]
    motions: list[list[float]] = np.concatenate([path, force], axis=1).tolist()
    return motions


def _within_bounds(settings: Settings) -> Settings:
    """Clamp base values to the ranges of MyPaint's sliders; drop settings of other versions."""
    bounded = {}
    for name, setting in settings.items():
        number = setting_number(name)
        if number < 0:
            continue
        info: SettingInfo = library().mypaint_brush_setting_info(number).contents
        value = min(max(setting["base_value"], info.min), info.max)
        bounded[name] = {"base_value": value, "inputs": _known_inputs(setting["inputs"])}
    return bounded


def _known_inputs(inputs: Settings) -> Settings:
    number_of = library().mypaint_brush_input_from_cname
    return {name: points for name, points in inputs.items() if number_of(name.encode()) >= 0}
