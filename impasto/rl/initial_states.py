"""Initial states of episodes: a blank canvas, or the middle of a painting."""

from typing import Annotated, Protocol

import torch
from annotated_types import Gt, Le
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from impasto.bounds import Count, validated
from impasto.rendering import draw
from impasto.rl.environment import State
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import COLOR_DIM, Stroke
from impasto.strokes.conversion import from_region


class Start(Protocol):
    """Interface of what says where rollouts begin."""

    def __call__(self, policy: PaintingPolicy, target: Tensor, generator: torch.Generator) -> State:
        """Return the states in which episodes begin.

        Args:
            policy: The present actor, in evaluation mode, and its environment.
            target: (B, 3, N, N) in [0, 1], as the data set has them; N is at least n.
            generator: All that is drawn comes from it; on the target's device.

        Returns:
            States of any number of canvases (3, n, n), at step 0.
        """


@validated
class ContinuedStart:
    """Begins some episodes on the agent's own painting, enlarged around a part of it.

    `AgentPainter` paints the whole picture, then regions of it, each on what is there already. An
    agent that has only seen blank canvases begins anew on every one of them. Here each target gets
    a number of earlier rounds, 0 to `rounds` - 1, all alike often. In each of them the agent paints
    what it sees, and then a square of the picture takes its place, enlarged; the strokes so far,
    exactly drawn at the new scale, are the canvas.

    Args:
        rounds: As many kinds of starts, the blank one included.
        smallest: Least side of the part that is looked at next, as a share of what was seen; it is
            uniform between that and 1.

    Raises:
        UserError: `rounds` is below 1, or `smallest` not in (0, 1].
    """

    def __init__(self, rounds: Count = 3, smallest: Annotated[float, Gt(0), Le(1)] = 0.5) -> None:
        self.rounds = rounds
        self.smallest = smallest

    @torch.no_grad()
    def __call__(self, policy: PaintingPolicy, target: Tensor, generator: torch.Generator) -> State:
        """See `Start`: B states; targets of earlier rounds are parts of those given."""
        target = policy.seen(target)
        state = policy.environment.reset(target)
        device = target.device
        earlier = torch.randint(self.rounds, (len(target),), generator=generator, device=device)
        drawn = torch.rand(len(target), 3, self.rounds, generator=generator, device=device)
        strokes = target.new_empty(len(target), 0, policy.stroke.dim)
        canvas, target = state.canvas.clone(), target.clone()
        for number in range(1, self.rounds):
            on = (earlier >= number).nonzero()[:, 0]
            if not len(on):
                break
            new, _ = policy.paint(target[on], canvas[on])
            previous = strokes[earlier[earlier >= number - 1] >= number]  # of the round before's
            side = self.smallest + (1 - self.smallest) * drawn[on, 0, number]  # (b,)
            corner = (1 - side[:, None]) * drawn[on, 1:, number]  # (b, 2), x and y
            strokes = closer(policy.stroke, torch.cat([previous, new], dim=1), corner, side)
            target[on] = enlarged(target[on], corner, side)
            height, width = target.shape[2:]
            canvas[on] = draw(policy.stroke, strokes, height, width, policy.environment.background)
        return State(canvas, target, state.step)


def enlarged(image: Tensor, corner: Tensor, side: Tensor) -> Tensor:
    """Enlarge squares of pictures to the pictures' size.

    Args:
        image: (B, C, H, W).
        corner: (B, 2), x and y of the squares' upper left corners, as fractions.
        side: (B,), their sides, as fractions.

    Returns:
        (B, C, H, W), bilinear.
    """
    shift = 2 * corner + side[:, None] - 1  # their centres, where a picture goes from -1 to 1
    scale = side[:, None, None] * torch.eye(2).to(side)
    grid = affine_grid(torch.cat([scale, shift[:, :, None]], dim=2), list(image.shape), False)
    squares: Tensor = grid_sample(image, grid, padding_mode="border", align_corners=False)
    return squares


def closer(stroke: Stroke, strokes: Tensor, corner: Tensor, side: Tensor) -> Tensor:
    """Convert strokes (B, N, D) of pictures to strokes of squares of them: see `enlarged`."""
    count = strokes.shape[1]
    shape, color = strokes.flatten(0, 1).split([stroke.shape_dim, COLOR_DIM], dim=1)
    each = [part.repeat_interleave(count, dim=0) for part in (-corner / side[:, None], 1 / side)]
    shape = from_region(stroke, shape, each[0], each[1][:, None], each[1])
    closer_strokes: Tensor = torch.cat([shape, color], dim=1).unflatten(0, strokes.shape[:2])
    return closer_strokes
