"""Glimpses on which an agent learns to paint pictures of any size: what `AgentPainter` shows it."""

import torch
from torch import Tensor

from impasto.bounds import Count, validated
from impasto.painters.agent import AgentPainter
from impasto.rl.environment import State
from impasto.rl.policy import PaintingPolicy

_SMALLEST = 0.5  # side of the part of a picture that is painted, as a share of the picture's


@validated
class GlimpseStart:
    """Begins episodes on the glimpses that `AgentPainter` takes of pictures larger than the canvas.

    The present agent paints parts of some of the targets, in numbers of strokes that are
    log-uniform from its own to `strokes`; what it is shown there, of all rounds and sizes of
    squares, is what it learns on. So states are those of its use, and change with it (as in
    DAgger: Ross, Gordon and Bagnell, 2011). A part is turned, and its channels change places, so
    that few pictures are many.

    Args:
        strokes: The most in a painting.
        glimpses: How many begin an episode, for each call.

    Raises:
        UserError: A number is below 1.
    """

    def __init__(self, strokes: Count = 1000, glimpses: Count = 256) -> None:
        self.strokes = strokes
        self.glimpses = glimpses

    @torch.no_grad()
    def __call__(self, policy: PaintingPolicy, target: Tensor, generator: torch.Generator) -> State:
        """See `impasto.rl.initial_states.Start`."""
        few = policy.environment.strokes
        record, place = _Record(policy), 0
        while record.count < self.glimpses:
            chance = torch.rand(4, generator=generator, device=generator.device).tolist()
            picture = _part(target[place % len(target)], policy.canvas_size, chance, generator)
            most = max(self.strokes, few)
            strokes = round(few * (most / few) ** torch.rand(1, generator=generator).item())
            _Watched(record, strokes).paint(picture)
            place += 1
        seen, canvas = (torch.cat(parts) for parts in (record.targets, record.canvases))
        some = torch.randperm(len(seen), generator=generator, device=generator.device)
        some = some[: self.glimpses].to(seen.device)
        return policy.environment.reset(seen[some])._replace(canvas=canvas[some])


def _part(picture: Tensor, least: int, chance: list[float], generator: torch.Generator) -> Tensor:
    """Cut a random square out of a picture (3, N, N), turn it, and exchange its channels."""
    size = picture.shape[-1]
    side = max(min(size, least), round(size * (_SMALLEST + (1 - _SMALLEST) * chance[0])))
    top, left = (int(share * (size - side + 1)) for share in chance[1:3])
    part = picture[:, top : top + side, left : left + side].rot90(int(4 * chance[3]), (1, 2))
    order = torch.randperm(3, generator=generator, device=generator.device)
    return part[order.to(part.device)].contiguous()


class _Record(PaintingPolicy):
    """A policy that keeps what it is shown."""

    def __init__(self, policy: PaintingPolicy) -> None:
        super().__init__(policy.actor, policy.environment)
        self.targets = list[Tensor]()
        self.canvases = list[Tensor]()
        self.count = 0

    def paint(
        self, target: Tensor, canvas: Tensor | None = None, bundles: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """See `PaintingPolicy.paint`."""
        assert canvas is not None
        self.targets.append(target)
        self.canvases.append(canvas)
        self.count += len(target)
        return super().paint(target, canvas, bundles)


class _Watched(AgentPainter):
    """The painter by a record."""

    def __init__(self, record: _Record, strokes: int) -> None:
        super().__init__(record, strokes)
        self._record = record

    def policy_on(self, device: torch.device) -> PaintingPolicy:
        """Return the record itself: a fast copy would keep nothing."""
        return self._record
