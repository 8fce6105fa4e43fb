"""The painting environment."""

import pytest
import torch
from torch import Tensor

from impasto.compositing import composite
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw
from impasto.rl.environment import OBSERVATION_CHANNELS, PaintingEnvironment, State
from impasto.strokes import Circle, Line, Stroke

SIZE, B = 16, 3


def environment(
    strokes: int = 5, bundle: int = 2, stroke: Stroke | None = None, relative_color: bool = False
) -> PaintingEnvironment:
    renderer = AnalyticRenderer(stroke or Line(), SIZE)
    return PaintingEnvironment(renderer, strokes, bundle, (0.1, 0.2, 0.3), relative_color)


def random(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("strokes", "bundle", "steps"), [(5, 5, 1), (5, 2, 3), (40, 5, 8), (400, 1, 400), (3, 5, 1)]
)
def test_steps_of_an_episode(strokes: int, bundle: int, steps: int) -> None:
    assert environment(strokes, bundle).max_steps == steps


def test_action_dim() -> None:
    assert environment(bundle=3).action_dim == 3 * 11
    assert PaintingEnvironment(AnalyticRenderer(Circle(), SIZE), 5, 4).action_dim == 4 * 7


def test_reset() -> None:
    target = random(B, 3, SIZE, SIZE)
    state = environment().reset(target)
    assert torch.equal(state.target, target)
    assert torch.equal(state.canvas[1, :, 4, 5], torch.tensor([0.1, 0.2, 0.3]))
    assert state.step.tolist() == [0, 0, 0]
    assert state.step.dtype == torch.int64


def test_a_bundle_paints_its_strokes_in_order() -> None:
    world = environment(strokes=4, bundle=2)
    line = world.renderer.stroke
    state = world.reset(random(B, 3, SIZE, SIZE))
    action = random(B, 2, line.dim)
    canvas = state.canvas
    for k in range(2):
        alpha = line.rasterize(action[:, k, : line.shape_dim], SIZE, SIZE)
        canvas = composite(canvas, alpha, action[:, k, line.shape_dim :])
    following = world.step(state, action.flatten(1))
    torch.testing.assert_close(following.canvas, canvas)
    assert (canvas - state.canvas).abs().max() > 0.2
    assert following.step.tolist() == [1, 1, 1]
    assert state.step.tolist() == [0, 0, 0]  # nothing is changed in place
    assert torch.equal(following.target, state.target)


@pytest.mark.parametrize("strokes", range(1, 7))
def test_a_bundle_of_k_is_k_bundles_of_one(strokes: int) -> None:
    """Also where the last bundle has more strokes than the painting: they are not painted."""
    actions = random(B, 6, 11)
    paintings = []
    for bundle in (1, 2, 3, 4):
        world = environment(strokes, bundle)
        padded = torch.cat([actions[:, :strokes], torch.full((B, bundle, 11), 0.5)], dim=1)
        state = world.reset(torch.zeros(B, 3, SIZE, SIZE))
        for step in range(world.max_steps):
            assert not world.done(state).any()
            bundled = padded[:, step * bundle : (step + 1) * bundle]
            state = world.step(state, bundled.flatten(1))
        assert world.done(state).all()
        paintings.append(state.canvas)
    for painting in paintings[1:]:
        torch.testing.assert_close(painting, paintings[0])


def test_surplus_strokes_are_counted_for_each_canvas_alone() -> None:
    world = environment(strokes=5, bundle=2)
    state = world.reset(torch.zeros(2, 3, SIZE, SIZE))
    action = torch.full((2, 22), 0.5)
    action[:, 11:] = torch.tensor([0.1, 0.1, 0.9, 0.9, 0.3, 1.0, 0.3, 1.0, 1.0, 1.0, 1.0])
    early, late = world.step(state._replace(step=torch.tensor([0, 2])), action).canvas
    first_only = action.clone()
    first_only[:, 11:] = 0  # opacity 0: no paint
    assert (early - late).abs().max() > 0.3
    torch.testing.assert_close(late, world.step(state, first_only).canvas[1])


def test_surplus_strokes_have_no_gradient() -> None:
    world = environment(strokes=1, bundle=2)
    action = random(1, 22).requires_grad_()
    canvas = world.step(world.reset(torch.zeros(1, 3, SIZE, SIZE)), action).canvas
    (gradient,) = torch.autograd.grad(canvas.sum(), action)
    assert gradient[:, :11].abs().max() > 0
    assert gradient[:, 11:].eq(0).all()


def test_a_relative_color_is_a_difference_from_what_lies_under_the_stroke() -> None:
    world = environment(strokes=4, bundle=2, relative_color=True)
    line, state = world.renderer.stroke, world.reset(random(B, 3, SIZE, SIZE))
    action = random(B, 2, line.dim)
    following, strokes = world.advance(state, action.flatten(1))
    shape = action[:, :, : line.shape_dim]
    assert torch.equal(strokes[:, :, : line.shape_dim], shape)
    for k in range(2):
        alpha = line.rasterize(shape[:, k], SIZE, SIZE)
        mean = (alpha * state.target).sum((2, 3)) / alpha.sum((2, 3))
        expected = (mean + action[:, k, line.shape_dim :] - 0.5).clamp(0, 1)
        torch.testing.assert_close(strokes[:, k, line.shape_dim :], expected)
    drawn = draw(line, strokes, SIZE, SIZE, world.background)
    torch.testing.assert_close(following.canvas, drawn)
    assert torch.equal(world.strokes_of(state, action.flatten(1)), strokes)
    assert world.geometry() == environment(strokes=4).geometry() | {"relative_color": True}


def test_a_relative_color_is_one_of_the_palette() -> None:
    palette = ((0.0, 0.0, 0.0), (1.0, 0.5, 0.25))
    world = environment(stroke=Circle(palette=palette), relative_color=True)
    state = world.reset(random(B, 3, SIZE, SIZE))
    colors = world.strokes_of(state, random(B, 14))[:, :, 4:].flatten(0, 1).tolist()
    assert {tuple(color) for color in colors} <= set(palette)


def test_done() -> None:
    world = environment(strokes=5, bundle=2)
    state = world.reset(torch.zeros(4, 3, SIZE, SIZE))._replace(step=torch.tensor([0, 2, 3, 400]))
    assert world.done(state).tolist() == [False, False, True, True]


def test_observation_has_nine_channels() -> None:
    world = environment(strokes=5, bundle=2)  # three steps
    state = State(random(2, 3, 4, 6), 1 - random(2, 3, 4, 6), torch.tensor([0, 2]))
    seen = world.observe(state)
    assert seen.shape == (2, OBSERVATION_CHANNELS, 4, 6) == (2, 9, 4, 6)
    assert torch.equal(seen[:, 0:3], state.canvas)
    assert torch.equal(seen[:, 3:6], state.target)
    assert seen[0, 6].eq(0).all()
    torch.testing.assert_close(seen[1, 6], torch.full((4, 6), 2 / 3))
    torch.testing.assert_close(seen[0, 7], torch.linspace(-1, 1, 6).expand(4, 6))  # x, a column's
    torch.testing.assert_close(seen[1, 8], torch.linspace(-1, 1, 4)[:, None].expand(4, 6))


def test_late_steps_do_not_overflow() -> None:
    """A step in a byte would wrap at 256."""
    world = environment(strokes=1000, bundle=1)
    state = world.reset(torch.zeros(1, 3, SIZE, SIZE))
    state = state._replace(step=torch.tensor([255]))
    following = world.step(state, torch.zeros(1, 11))
    assert following.step.item() == 256
    assert world.observe(following)[0, 6, 0, 0].item() == pytest.approx(0.256)


@pytest.mark.parametrize("relative_color", [False, True])
def test_step_is_differentiable_in_action_and_canvas(relative_color: bool) -> None:
    world = environment(strokes=3, bundle=2, relative_color=relative_color)
    state = world.reset(torch.zeros(1, 3, SIZE, SIZE))
    canvas = random(1, 3, SIZE, SIZE).double().requires_grad_()
    action = (0.1 + 0.8 * random(1, 22)).double().requires_grad_()
    weight = random(1, 3, SIZE, SIZE).double()

    def two_steps(canvas: Tensor, action: Tensor) -> Tensor:
        first = world.step(state._replace(canvas=canvas), action)
        return (world.step(first, 1 - action).canvas * weight).sum()

    assert torch.autograd.gradcheck(two_steps, (canvas, action), eps=1e-7, atol=1e-4)


def test_it_holds_no_state() -> None:
    world = environment()
    state = world.reset(random(1, 3, SIZE, SIZE))
    before = dict(vars(world))
    first = world.step(state, torch.full((1, 22), 0.4))
    again = world.step(state, torch.full((1, 22), 0.4))
    assert torch.equal(first.canvas, again.canvas)
    assert vars(world) == before
