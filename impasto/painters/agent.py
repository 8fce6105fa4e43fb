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
from impasto.painters.agent_proposals import AgentProposer, paint_regions
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
_FEW = 0.05  # share of new strokes that help, below which more rounds are not worth their time
# Share of the painting's strokes: where fewer are wanted, random ones are as good. So these are the
# first large ones, and those that are put elsewhere.
_FEWEST = 0.1


@validated
class AgentPainter(Painter):
    """Paints with an agent: first the whole picture, then ever smaller regions of it.

    The agent sees squares of its own size, so nothing is squashed: a picture that is not square is
    covered by several. Each round takes the regions where most error is left, half as large as
    the round before's. The agent goes on from what is painted there; its strokes become strokes of
    the picture, which end where they end and not at a region's border. Those that make the whole
    picture worse are left out, and their number is spent elsewhere.

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
        """See `Painter.canvas`: the agent's own size, twice that for each further round."""
        size = self.policy.canvas_size
        passes = self.strokes / self.policy.environment.strokes
        aspect = max(height, width) / min(height, width)
        while passes > 2 * aspect and 2 * size * aspect <= _LARGEST:
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
        policy = self.policy_on(target.device)
        tiled = canvas_beside(self.stroke, target, self.background, weight)
        strokes = target.new_empty(0, self.stroke.dim)
        regions = cover(*target.shape[1:])
        side = regions[0].side
        while len(strokes) < self.strokes:
            new, _ = paint_regions(policy, tiled, tiled.canvas(strokes), regions)
            new = self._chosen(tiled, strokes, new.flatten(0, 1), side)
            strokes = torch.cat([strokes, new])
            error = (tiled.canvas(strokes) - target).square().mean(0)  # (H, W)
            if progress is not None:
                progress(Sketch(len(strokes), decibels(error.mean()), self.stroke, strokes))
            side = max(self.policy.canvas_size, side // 2)
            passes = (self.strokes - len(strokes)) // self.policy.environment.strokes
            if weight is not None:
                error = error * weight
            regions = worst_regions(error.cpu(), side, max(1, passes)) or cover(*target.shape[1:])
        return strokes

    def policy_on(self, device: torch.device) -> PaintingPolicy:
        """Return the agent's fast form, made once for each device."""
        if device not in self._fast:
            self._fast[device] = fast_form(self.policy, device, self.precision, self.compiled)
        return self._fast[device]

    def _chosen(self, tiled: TiledCanvas, strokes: Tensor, new: Tensor, side: int) -> Tensor:
        """Choose the new strokes that are painted, in order: at most as many as are to come."""
        left = self.strokes - len(strokes)
        if len(new) == left:
            return new
        worth = tiled.worth(torch.cat([strokes, new]))[len(strokes) :]
        if len(new) > left:
            return new[worth.argsort(descending=True, stable=True)[:left].sort()[0]]
        helpful = worth > 0
        done = side <= self.policy.canvas_size and helpful.sum() < _FEW * len(new)
        return new if done else new[helpful]  # when next to nothing helps, they come to an end


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
        return AgentProposer(tiled, self.tries, self.focus, generator, policy, fewest)
