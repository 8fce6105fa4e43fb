"""Painters by a trained agent, on a picture of any size: feed-forward, and refined."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.bounds import Count, Whole, validated
from impasto.canvas import decibels
from impasto.errors import UserError
from impasto.painters.agent_proposals import AgentProposer, best_bundles, paint_regions
from impasto.painters.base import Painter, Progress, Sketch
from impasto.painters.optimize import OptimizePainter
from impasto.painters.proposals import Proposer
from impasto.painters.regions import cover, worst_regions
from impasto.painters.tiled_canvas import TiledCanvas, canvas_beside
from impasto.rl.inference import fast_form
from impasto.rl.policy import PaintingPolicy, check_agreement
from impasto.runtime.precision import AUTO, check_compiling, check_precision
from impasto.strokes import Stroke

_LARGEST = 512  # pixels on the longer side of the canvas
_PASSES = 8  # of the agent over a canvas; where there are more, a larger one shows more
_ROUNDS = 10  # each on what the ones before have painted
_OVERSHOOT = 1.75  # strokes painted for each that is asked for: those that are worth least go
_PRUNED = 0.1  # share of the strokes that go at once: what the others are worth changes by it
# Share of the painting's strokes: where fewer are wanted, random ones are as good. So these are the
# first large ones, and those that are put elsewhere.
_FEWEST = 0.1
# In so many steps narrow strokes grow where that helps, and wide ones hide what is there (0.14 dB).
_MANY_STEPS = 60
_NARROWED = 0.6


@validated
class AgentPainter(Painter):
    """Paints with an agent: first the whole picture, then squares of it where that helps most.

    The agent sees squares of its own size, so nothing is squashed: a picture that is not square is
    covered by several. Then, in rounds, it is shown the worst squares of every size, and paints on
    those apart where that mends most. It goes on from what is painted there; its strokes become
    strokes of the picture, which end where they end and not at a square's border. Those that make
    the whole picture worse are left out. In the end there are far more than are asked for,
    and those that are worth least go. Nothing is solved or refined: shapes and colours are the
    agent's.

    Args:
        policy: The agent; its canvas size, stroke kind and background are used.
        strokes: How many strokes, N; the agent's own by default.
        precision: Of its networks: see `impasto.rl.inference.fast_form`.
        compiled: Whether they are compiled: see there.

    Raises:
        UserError: The number is out of its bounds, no agent paints in this precision, or there is
            nothing to compile with.
    """

    def __init__(
        self,
        policy: PaintingPolicy,
        strokes: Count | None = None,
        precision: str = AUTO,
        compiled: bool | str = "auto",
    ) -> None:
        self.policy = policy
        self.precision = check_precision(precision)
        self.compiled = check_compiling(compiled, "cpu")
        self._fast: dict[torch.device, PaintingPolicy] = {}
        self.stroke = policy.stroke
        self.strokes = policy.environment.strokes if strokes is None else strokes
        self.background: Sequence[float] = policy.environment.background
        self.steps = self.strokes

    @classmethod
    def load(
        cls,
        weights: str | Path | None,
        stroke: Stroke | None = None,
        strokes: Count | None = None,
        precision: str = AUTO,
        compiled: bool | str = "auto",
        refine: Whole = 0,
        **settings: Any,
    ) -> "AgentPainter | AgentOptimizePainter":
        """Load the painter of an exported agent.

        Args:
            weights: An exported `agent/` folder or a run folder.
            stroke: Of this, only the limits count: where some are set they must be the agent's own.
            strokes: How many strokes; the agent's own by default.
            precision: See the class.
            compiled: See the class.
            refine: Gradient steps on all strokes; 0 is the agent's painting as it is.
            settings: Other arguments of `OptimizePainter`, which count where it is refined.

        Raises:
            UserError: None is given, it does not hold an agent, or one of other limits; or its
                strokes can't be refined.
        """
        if weights is None:
            raise UserError(
                "the agent's `weights` is not set: `AgentPainter` needs a trained agent",
                "give the agent's `weights=photos` or FOLDER of a training run, or use "
                "`OptimizePainter`",
            )
        policy = PaintingPolicy.load(weights)
        asked = {
            f"stroke.{key}": value for key, value in (stroke.limits() if stroke else {}).items()
        }
        check_agreement(weights, asked, policy.stroke.geometry())
        painter = cls(policy, strokes, precision, compiled)
        return painter.refined(refine, **settings) if refine else painter

    def refined(self, steps: Count, **settings: Any) -> "AgentOptimizePainter":
        """Return the painter that has this agent propose strokes, and refines them.

        Args:
            steps: Its gradient steps.
            settings: Other arguments of `OptimizePainter`.

        Raises:
            UserError: What the agent's strokes draw has no gradient, or a number is out of its
                bounds.
        """
        ours: dict[str, Any] = {"background": self.background, "steps": steps, "agent": self}
        return AgentOptimizePainter(self.stroke, self.strokes, **ours, **settings)

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        """See `Painter.canvas`: the agent's own size, and twice that as strokes grow fourfold."""
        size = self.policy.canvas_size
        passes = self.strokes / self.policy.environment.strokes
        aspect = max(height, width) / min(height, width)
        while passes > _PASSES * aspect and 2 * size * aspect <= _LARGEST:
            size, passes = 2 * size, passes / 4
        longer = 8 * round(size * aspect / 8)
        return (longer, size) if height > width else (size, longer)

    def with_strokes(self, strokes: int) -> "AgentPainter":
        """See `Painter.with_strokes`."""
        painter = AgentPainter(self.policy, strokes, self.precision, self.compiled)
        painter._fast = self._fast
        return painter

    @torch.no_grad()
    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """See `Painter.paint`."""
        if start is not None:
            raise ValueError("an agent paints anew: it does not go on from strokes")
        policy, squares = self.policy_on(target.device), cover(*target.shape[1:])
        tiled = canvas_beside(self.stroke, target, self.background, weight)
        blank = tiled.canvas(target.new_empty(0, self.stroke.dim))
        strokes = paint_regions(policy, tiled, blank, squares)[0].flatten(0, 1)
        if len(strokes) < self.strokes:
            strokes = self._rounds(policy, tiled, strokes, progress)
        while len(strokes) > self.strokes:
            surplus = len(strokes) - self.strokes
            few = max(policy.environment.bundle, int(_PRUNED * len(strokes)))
            strokes = strokes[tiled.most_useful(strokes, min(few, surplus))]
        if progress is not None:
            progress(self._sketch(tiled, strokes))
        return strokes

    def _rounds(
        self,
        policy: PaintingPolicy,
        tiled: TiledCanvas,
        strokes: Tensor,
        progress: Progress | None,
    ) -> Tensor:
        """Go on in rounds from strokes (n, D), to more than are asked for where they help."""
        goal = _OVERSHOOT * self.strokes
        for number in range(1, _ROUNDS + 1):
            wanted = (goal * number / _ROUNDS - len(strokes)) / policy.environment.strokes
            if wanted > 0:
                new = best_bundles(policy, tiled, tiled.canvas(strokes), math.ceil(wanted))
                new = new[tiled.worth(torch.cat([strokes, new]))[len(strokes) :] > 0]
                strokes = torch.cat([strokes, new])
                if progress is not None and len(new) and len(strokes) < self.strokes:
                    progress(self._sketch(tiled, strokes))
        while len(strokes) < self.strokes:  # nothing helps any more, and least harm is done there
            canvas = tiled.canvas(strokes)
            least = worst_regions(torch.ones_like(canvas[0]).cpu(), self.policy.canvas_size, 1)
            new = paint_regions(policy, tiled, canvas, least)[0].flatten(0, 1)
            strokes = torch.cat([strokes, new])
        return strokes

    def _sketch(self, tiled: TiledCanvas, strokes: Tensor) -> Sketch:
        error = (tiled.canvas(strokes) - tiled.target).square().mean()
        return Sketch(len(strokes), decibels(error), self.stroke, strokes)

    def policy_on(self, device: torch.device) -> PaintingPolicy:
        """Return the agent's fast form, made once for each device."""
        if device not in self._fast:
            self._fast[device] = fast_form(self.policy, device, self.precision, self.compiled)
        return self._fast[device]


@validated
@dataclass(eq=False)
class AgentOptimizePainter(OptimizePainter):
    """Paints by gradient descent on strokes that an agent proposes.

    The agent is asked where `OptimizePainter` tries random strokes, on the way from few large ones
    to many small ones.

    Attributes:
        agent: The agent; its number of strokes doesn't count.

    Raises:
        UserError: See `OptimizePainter`.
    """

    agent: AgentPainter = field(kw_only=True)

    def __post_init__(self) -> None:
        if not self.stroke.differentiable:
            raise UserError(
                f"what `{type(self.stroke).__name__}` draws has no gradient by which an agent's "
                "strokes could be refined",
                "give `refine=0`",
            )
        super().__post_init__()

    def proposer(self, tiled: TiledCanvas, generator: torch.Generator) -> Proposer:
        """See `OptimizePainter.proposer`."""
        policy = self.agent.policy_on(tiled.target.device)
        fewest = math.ceil(_FEWEST * self.strokes)
        narrowed = _NARROWED if self.steps >= _MANY_STEPS else 1.0
        aligned = {"along": self.along, "longer": self.longer}
        shared = tiled, self.tries, self.focus, generator
        return AgentProposer(*shared, policy, fewest, narrowed, **aligned)
