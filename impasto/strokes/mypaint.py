"""Strokes of MyPaint, a real paint program: by any of its brushes, with their texture."""

import copy
import hashlib
import json
import zlib
from typing import Any, NoReturn, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import UserError
from impasto.mypaint import MyPaintBrush, MyPaintCanvas, check_settings, find_brush
from impasto.mypaint.library import FULL, library
from impasto.mypaint.program import SEEDS
from impasto.strokes.base import Frame
from impasto.strokes.conversion import columns
from impasto.strokes.discrete import LIFTED, DiscreteStroke
from impasto.strokes.geometry import Stamp, Trace
from impasto.strokes.levels import to_levels

_SETTINGS = "the settings of stroke.brush"
_REACH = (-1.0, 2.0)  # canvases: of a point farther away, a brush would not come back for hours
# Of a pen at full opacity: there a brush paints about as wide as its own radius says
# (classic/dry_brush and classic/pen: to a tenth), pressed fully twice as wide.
_USUAL = 0.5  # pressure


class MyPaint(DiscreteStroke):
    """A stroke of a MyPaint brush along a quadratic Bézier curve (Neural Painters, section 2.1).

    Pressure at its start and at its end, the brush's size, and three points: absolute ones, as in
    the paper, not relative as those of `Bezier`. `size` is twice the brush's own radius; how wide
    its paint lies depends on its settings and on the pressure.

    What is drawn has no gradient: pretrain a renderer of it. A brush draws with
    random numbers; here they follow from the shape, so that a record looks the same every time, and
    of two shapes that are nearly the same as different as of any two.

    Alpha is all there is of a stroke: MyPaint puts dab after dab of one colour on the canvas,
    which comes to the same as laying all of their paint at once. Of a brush that takes up colours
    from the canvas, changes its own, or erases, this is its paint on a blank canvas. Points more
    than a canvas away from it are drawn that far away.

    In the action space of SPIRAL (section 3.1) pressure and size have ten levels, and a flag lifts
    the brush. The program rounds to them whatever it gets, and records hold what it drew.

    Args:
        brush: ``classic/dry_brush`` or another that is installed, or a ``.myb`` file.
        settings: Those of the brush, where no file is to be read: records and exports hold them.
        discrete: `levels` of pressure and size, `lift`, and how agents see them, as for any
            `DiscreteStroke`; limits, as for any kind.

    Raises:
        UserError: There is no such brush, or it is none; or libmypaint is not installed, although a
            brush is asked for and not read from a record or an export.
    """

    name = "mypaint"
    parameters = ("pressure0", "pressure1", "size", "x0", "y0", "x1", "y1", "x2", "y2")
    stepped = ("pressure0", "pressure1", "size")
    across = ("size",)
    differentiable = False
    random = True
    fingerprints = (_SETTINGS,)

    def __init__(
        self,
        brush: str = "classic/dry_brush",
        settings: dict[str, Any] | None = None,
        **discrete: Any,
    ) -> None:
        super().__init__(**discrete)
        self._first_seed = 0
        if settings is None:
            self.brush, self._settings = find_brush(brush)
            library()  # who asks for a brush is told at once, and not when something is drawn
        else:
            self.brush, self._settings = brush, check_settings(settings, brush)

    @classmethod
    def from_options(cls, **options: Any) -> "MyPaint":
        """Build the kind of a record or an export, which somebody else may have written.

        Raises:
            UserError: Its brush is not in it: no file is opened because a file says so.
        """
        settings, brush = options.get("settings"), options.get("brush")
        if not isinstance(settings, dict) or not isinstance(brush, str):
            raise UserError("a MyPaint brush without its settings in the file", "write it again")
        return cls(**options)

    def options(self) -> dict[str, Any]:
        """Return the constructor arguments that drawing depends on."""
        return {"brush": self.brush, "settings": self._settings, **super().options()}

    def geometry(self) -> dict[str, Any]:
        """As for any kind; the brush by its name, and a fingerprint of what that means."""
        text = json.dumps(self._settings, sort_keys=True)
        fingerprint = hashlib.sha256(text.encode()).hexdigest()[:12]
        numbers = {key: value for key, value in self.config().items() if key != "settings"}
        named = {f"stroke.{key}": value for key, value in numbers.items()}
        return {"stroke": self.name, **named, _SETTINGS: fingerprint}

    def reseeded(self) -> Self:
        """See `Stroke.reseeded`."""
        other = copy.copy(self)
        other._first_seed = (self._first_seed + SEEDS // 2) % SEEDS
        return other

    def place(
        self,
        center: Tensor,
        scale: float,
        generator: torch.Generator | None = None,
        sides: tuple[float, float] = (1.0, 1.0),
    ) -> Tensor:
        """See `Stroke.place`; pressed so hard that it can be seen."""
        shape = super().place(center, scale, generator, sides)
        pressure = columns(self, ("pressure0", "pressure1"))
        shape[:, pressure] = 0.5 + 0.5 * shape[:, pressure]
        return shape

    def trace(self, shape: Tensor) -> Trace:
        """See `AlongCurve.trace`."""
        size = shape[:, 2:3].expand(-1, 2)  # twice the brush's own radius
        return Trace(shape[:, 3:9].unflatten(1, (3, 2)), size, shape[:, 0:2] / _USUAL)

    def from_trace(self, trace: Trace) -> Tensor:
        """See `FollowsCurve.from_trace`; its own radius is the mean of those at the ends."""
        size = trace.radius.mean(1, keepdim=True)
        down = size.new_zeros(len(size), self.shape_dim - 9)  # never lifted
        numbers = [_USUAL * trace.pressure, size, trace.points.flatten(1), down]
        return to_levels(torch.cat(numbers, dim=1), self.levels)

    def mark(self, shape: Tensor, height: int, width: int) -> Stamp:
        """See `Stroke.mark`: a picture of the paint, as texture is no geometry."""
        alpha = self._paint(shape[None], height, width)[0]
        rows, columns = (np.flatnonzero(alpha.any(axis)) for axis in (1, 0))
        top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 1)
        left, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 1)
        paint = np.rint(alpha[top:bottom, left:right] * (255 / FULL)).astype(np.uint8)
        center = np.array([left + right, top + bottom]) / 2
        return Stamp(paint, center, np.array([right - left, bottom - top], dtype=float), 0.0, 1.0)

    def _draw(self, shape: Tensor, frame: Frame) -> Tensor:
        if shape.requires_grad and torch.is_grad_enabled():
            self._refuse_gradient()
        broken = ~shape.isfinite().all(1)
        whole = shape.detach().masked_fill(broken[:, None], 0)
        alpha = self._painted(whole, frame.height, frame.width)
        alpha[broken] = torch.nan  # a network that diverges must not go unseen
        if frame.corner is None:
            return alpha
        corners = frame.corner.long().expand(len(shape), 2)
        padded = torch.nn.functional.pad(alpha, (0, frame.columns, 0, frame.rows))
        x = corners[:, 0, None] + torch.arange(frame.columns, device=shape.device)
        y = corners[:, 1, None] + torch.arange(frame.rows, device=shape.device)
        every = torch.arange(len(shape), device=shape.device)[:, None, None]
        return padded[every, y[:, :, None], x[:, None, :]]

    def _painted(self, shape: Tensor, height: int, width: int) -> Tensor:
        """Paint shapes (N, S) without a gradient: alpha (N, H, W) in [0, 1], on their device."""
        alpha = self._paint(shape.cpu(), height, width)
        return torch.from_numpy(alpha.astype(np.float32) / FULL).to(shape)

    def _paint(self, shape: Tensor, height: int, width: int) -> NDArray[np.uint16]:
        """Paint each shape (N, S) by itself: its alpha (N, H, W), 2^15 is 1."""
        shapes = to_levels(shape, self.levels).numpy()
        alpha = np.zeros((len(shapes), height, width), np.uint16)
        down = (shapes[:, 9:] < LIFTED).all(1)
        places = shapes[:, 3:9].reshape(-1, 3, 2).astype(np.float64).clip(*_REACH)
        points = places * [width, height]
        frame = Frame(height, width, height, width)
        radii = frame.length(torch.from_numpy(shapes[:, 2].astype(np.float64))).numpy() / 2
        seeds = [zlib.crc32(row.tobytes()) + self._first_seed for row in shapes.astype(np.float32)]
        with MyPaintCanvas(height, width) as canvas, MyPaintBrush(self._settings) as brush:
            for row in np.flatnonzero(down):
                force = shapes[row, :2].clip(0, 1).tolist()
                box = brush.stroke(canvas, points[row], force, radii[row], seed=seeds[row] % SEEDS)
                canvas.take_alpha(box, alpha[row])
        return alpha

    def _refuse_gradient(self) -> NoReturn:
        raise UserError(
            "`MyPaint` has no gradient: a paint program draws it",
            "learn a painter of it, and give that as the renderer's `weights`",
        )
