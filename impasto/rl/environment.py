"""Painting environment: a canvas, a target, and strokes painted bundle by bundle.

It is a pure, differentiable function of state and action. Rollouts and the updates' look-ahead
("trans" in ICCV 2019, section 3.3.1) are therefore one and the same code.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from impasto.bounds import Count, Rgb, validated
from impasto.canvas import blank_canvas
from impasto.compositing import paint
from impasto.errors import UserError
from impasto.renderers import Renderer
from impasto.runtime.precision import full_precision
from impasto.strokes import COLOR_DIM
from impasto.strokes.limits import limit_color

_NEXT_TO_NOTHING = 1e-3  # pixels of paint, of which no colour is told
OBSERVATION_CHANNELS = 9
CANVAS = slice(0, 3)
TARGET = slice(3, 6)
STEP = 6
# 7 and 8 are x and y (CoordConv).


def observation(canvas: Tensor, target: Tensor, progress: Tensor) -> Tensor:
    """Stack canvas, target, step and coordinates (ICCV 2019, Figures 13 and 14).

    Args:
        canvas: C_t, (B, 3, H, W) in [0, 1].
        target: I, (B, 3, H, W) in [0, 1].
        progress: t / T, (B,).

    Returns:
        (B, 9, H, W); x and y are in [-1, 1].
    """
    count, _, height, width = canvas.shape
    plane = (count, 1, height, width)
    step = progress.to(canvas).view(-1, 1, 1, 1).expand(plane)
    x = torch.linspace(-1, 1, width, device=canvas.device).expand(plane)
    y = torch.linspace(-1, 1, height, device=canvas.device)[:, None].expand(plane)
    return torch.cat([canvas, target, step, x, y], dim=1)


class State(NamedTuple):
    """s_t = (C_t, I, t) of ICCV 2019, section 3.2, for B canvases.

    Attributes:
        canvas: (B, 3, H, W) float in [0, 1].
        target: (B, 3, H, W) float in [0, 1].
        step: (B,) int64, bundles painted so far, 0 to T.
    """

    canvas: Tensor
    target: Tensor
    step: Tensor


@validated
class PaintingEnvironment:
    """Paints `strokes` strokes in bundles of `bundle`.

    Args:
        renderer: Draws the strokes.
        strokes: Strokes in a painting, exactly: surplus strokes of the last bundle are not painted.
        bundle: Strokes per action, K.
        background: RGB of the blank canvas, in [0, 1].
        relative_color: Whether the colour in an action is a difference from the target's mean under
            the stroke: 0.5 is none, 0 and 1 are half of what there is. So an agent need not tell
            what it sees, and learns where; this project's own, half a decibel for small networks.

    Raises:
        UserError: The stroke kind's palette is a mere number: an agent has no one picture to find
            the colours in.
    """

    def __init__(
        self,
        renderer: Renderer,
        strokes: Count,
        bundle: Count,
        background: Rgb = (0.0, 0.0, 0.0),
        relative_color: bool = False,
    ) -> None:
        if isinstance(renderer.stroke.palette, int):
            raise UserError(
                f"`palette={renderer.stroke.palette}`: a number of colours is found in one "
                "picture, and an agent paints many",
                "give the colours, such as `palette=[[0,0,0],[1,1,1]]`, or `OptimizePainter`",
            )
        self.renderer = renderer
        self.strokes = strokes
        self.bundle = bundle
        self.background = tuple(background)
        self.relative_color = relative_color

    @property
    def max_steps(self) -> int:
        """Steps in an episode, T = ceil(strokes / bundle)."""
        return math.ceil(self.strokes / self.bundle)

    def geometry(self) -> dict[str, Any]:
        """Return stroke kind, canvas and bundle: a replay and an actor of others do not fit."""
        return {
            **self.renderer.stroke.geometry(),
            "canvas.size": self.renderer.canvas_size,
            "strokes": self.strokes,
            "bundle": self.bundle,
            **({"relative_color": True} if self.relative_color else {}),
        }

    @property
    def action_dim(self) -> int:
        """Numbers in an action, K * D."""
        return self.bundle * self.renderer.stroke.dim

    def reset(self, target: Tensor) -> State:
        """Return the initial state: a blank canvas before each target (B, 3, H, W)."""
        count, _, height, width = target.shape
        canvas = blank_canvas(count, height, width, self.background, target.device)
        return State(canvas, target, torch.zeros(count, dtype=torch.long, device=target.device))

    def step(self, state: State, action: Tensor) -> State:
        """Paint one bundle: see `advance`."""
        return self.advance(state, action)[0]

    def advance(self, state: State, action: Tensor) -> tuple[State, Tensor]:
        """Paint one bundle.

        Args:
            state: Of B canvases, each at a step of its own.
            action: (B, K * D) in [0, 1]; the stroke kind's limits are applied to it here.

        Returns:
            The next state, and the bundle's strokes (B, K, D), within their limits; differentiable
            in the action and in the canvas.
        """
        shape, color, alpha = self._drawn(state, action)
        strokes = torch.cat([shape, color], dim=2)
        if self.strokes % self.bundle:
            alpha = alpha * self._painted(state.step)[:, :, None, None, None]
        return State(paint(state.canvas, alpha, color), state.target, state.step + 1), strokes

    def strokes_of(self, state: State, action: Tensor) -> Tensor:
        """Return the strokes (B, K, D) of `advance` alone."""
        if not self.relative_color:
            return self.renderer.stroke.limit(action.unflatten(1, (self.bundle, -1)))
        return torch.cat(self._drawn(state, action)[:2], dim=2)

    def _drawn(self, state: State, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return a bundle's shapes (B, K, S), colours (B, K, 3), opacities (B, K, 1, H, W)."""
        stroke = self.renderer.stroke
        free = action.unflatten(1, (-1, stroke.dim))
        shape, color = stroke.limit(free).split([stroke.shape_dim, COLOR_DIM], dim=2)
        alpha = self.renderer.stroke_alpha(shape.flatten(0, 1)).unflatten(0, shape.shape[:2])
        if self.relative_color:
            difference = free[:, :, stroke.shape_dim :] - 0.5
            color = limit_color(stroke, (_under(alpha, state.target) + difference).clamp(0, 1))
        return shape, color, alpha

    def _painted(self, step: Tensor) -> Tensor:
        """Return a mask (B, K) of the bundle's strokes at `step` (B,) that are in the painting."""
        number = step[:, None] * self.bundle + torch.arange(self.bundle, device=step.device)
        return number < self.strokes

    def done(self, state: State) -> Tensor:
        """Return a mask (B,) of the paintings that are finished."""
        return state.step >= self.max_steps

    def observe(self, state: State) -> Tensor:
        """Return what the networks see of a state, (B, 9, H, W): see `impasto.rl.environment`."""
        return observation(state.canvas, state.target, state.step / self.max_steps)


def _under(alpha: Tensor, target: Tensor) -> Tensor:
    """Return the mean colours (B, K, 3) of targets (B, 3, H, W) under paint (B, K, 1, H, W)."""
    weight = alpha.flatten(2)
    with full_precision(weight):
        total = weight @ target.to(weight).flatten(2).transpose(1, 2)
    return total / weight.sum(2, keepdim=True).clamp_min(_NEXT_TO_NOTHING)
