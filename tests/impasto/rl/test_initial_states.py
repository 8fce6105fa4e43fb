"""Episodes that begin in the middle of a painting."""

import pytest
import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.initial_states import ContinuedStart, closer, enlarged
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier, Circle, Stroke

SIZE, STROKES, BUNDLE, COUNT = 16, 3, 2, 24
BACKGROUND = (0.1, 0.2, 0.3)


class Painter(nn.Module):
    """Paints circles where the target is bright and whose size the canvas says."""

    def forward(self, observation: Tensor) -> Tensor:
        canvas, target = observation[:, 0:3], observation[:, 3:6]
        circle = torch.stack([canvas.mean((1, 2, 3)), target[:, 0, 3, 5]], dim=1)
        size = torch.full_like(circle, 0.6)
        return torch.cat([circle, size, target.mean((2, 3))], dim=1).repeat(1, BUNDLE)


def make_policy() -> PaintingPolicy:
    renderer = AnalyticRenderer(Circle(), SIZE)
    environment = PaintingEnvironment(renderer, STROKES, BUNDLE, BACKGROUND)
    return PaintingPolicy(Painter(), environment)


def targets() -> Tensor:
    return torch.rand(COUNT, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_round_is_a_blank_canvas() -> None:
    policy, target = make_policy(), targets()
    state = ContinuedStart(rounds=1)(policy, target, generator())
    blank = policy.environment.reset(target)
    assert all(torch.equal(one, other) for one, other in zip(state, blank, strict=True))


def test_a_look_at_the_whole_goes_on_where_the_painting_ended() -> None:
    """With parts that are the whole, a canvas is that of so many paintings one after another."""
    policy, target = make_policy(), targets()
    before = target.clone()
    state = ContinuedStart(rounds=3, smallest=1.0)(policy, target, generator())
    assert torch.equal(target, before)  # what came in is left alone
    assert torch.allclose(state.target, target, atol=1e-6)
    assert not state.step.any()
    canvases = [policy.environment.reset(target).canvas]
    for _ in range(2):
        canvases.append(policy.paint(target, canvases[-1])[1])
    distance = torch.stack([(state.canvas - canvas).abs().amax((1, 2, 3)) for canvas in canvases])
    nearest, round_ = distance.min(0)
    assert nearest.max() < 1e-5
    assert (round_.bincount(minlength=3) >= 3).all()  # of 24, 8 each on average


def test_a_closer_look_shows_a_part_of_the_picture_and_of_its_painting() -> None:
    policy, target = make_policy(), targets()
    state = ContinuedStart(rounds=2, smallest=0.5)(policy, target, generator())
    changed = (state.target != target).flatten(1).any(1)
    assert 4 <= changed.sum() <= 20
    assert torch.equal(state.canvas[~changed], policy.environment.reset(target).canvas[~changed])
    # Parts are of their picture's: no brighter or darker than it is anywhere.
    assert (state.target.amax((2, 3)) <= target.amax((2, 3)) + 1e-6).all()
    assert (state.target.amin((2, 3)) >= target.amin((2, 3)) - 1e-6).all()
    painted = (state.canvas - torch.tensor(BACKGROUND)[:, None, None]).abs().amax((1, 2, 3)) > 0.05
    assert (painted | ~changed).float().mean() > 0.7  # the part seen may be one without paint


def test_it_is_a_function_of_its_generator() -> None:
    policy, target = make_policy(), targets()
    start = ContinuedStart(rounds=4)
    one, same, other = (start(policy, target, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.canvas, same.canvas)
    assert torch.equal(one.target, same.target)
    assert not torch.equal(one.target, other.target)


def test_enlarged_is_the_square() -> None:
    """Of a ramp, every pixel centre of the square is known."""
    x = (torch.arange(SIZE) + 0.5) / SIZE
    ramp = torch.stack([x.expand(SIZE, SIZE), x[:, None].expand(SIZE, SIZE)])[None]
    corner, side = torch.tensor([[0.25, 0.375]]), torch.tensor([0.5])
    [seen] = enlarged(ramp, corner, side)
    assert torch.allclose(seen[0], (0.25 + 0.5 * x).expand(SIZE, SIZE), atol=1e-6)
    assert torch.allclose(seen[1], (0.375 + 0.5 * x)[:, None].expand(SIZE, SIZE), atol=1e-6)


@pytest.mark.parametrize("stroke", [Circle(), Bezier()])
def test_closer_strokes_are_drawn_as_the_part_of_the_whole(stroke: Stroke) -> None:
    """Drawn at twice the size, the part has the same pixels."""
    many = torch.rand(2, 4, stroke.dim, generator=generator())
    corner, side = torch.tensor([[0.25, 0.125], [0.5, 0.0]]), torch.tensor([0.5, 0.5])
    whole = draw(stroke, many, 2 * SIZE, 2 * SIZE, BACKGROUND)
    part = draw(stroke, closer(stroke, many, corner, side), SIZE, SIZE, BACKGROUND)
    assert torch.allclose(part[0], whole[0, :, 4:20, 8:24], atol=1e-4)
    assert torch.allclose(part[1], whole[1, :, 0:16, 16:32], atol=1e-4)


@pytest.mark.parametrize(
    ("rounds", "smallest", "key"),
    [(0, 0.5, "rounds` is 0"), (2, 0.0, r"smallest` is 0\.0"), (2, 1.1, r"smallest` is 1\.1")],
)
def test_nonsense_is_refused(rounds: int, smallest: float, key: str) -> None:
    with pytest.raises(UserError, match=f"^`{key} — give"):
        ContinuedStart(rounds, smallest)
