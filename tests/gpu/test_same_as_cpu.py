"""Strokes, renderers, environment and rewards are on the GPU what they are on the CPU."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from impasto.io.images import write_png
from impasto.launch.build import build
from impasto.launch.compose import choices
from impasto.painters import OptimizePainter
from impasto.renderers import AnalyticRenderer, FieldRenderer, NeuralRenderer, Renderer, judge
from impasto.rendering import draw
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.replay import ReplayBuffer
from impasto.rl.rewards import LearnedReward, Reward
from impasto.strokes import Bezier, Circle, Stroke
from impasto.strokes.limits import limit_shape
from tests.conftest import CONF, Compose
from tests.gpu.conftest import twin
from tests.impasto.strokes.kinds import bounds, rasterize_windows
from tests.test_every_choice_resumes import cache, shrink

__all__ = ["cache"]  # a fixture

pytestmark = pytest.mark.gpu

SIZE, COUNT = 32, 12
STROKES = choices(CONF, "stroke")
REWARDS = choices(CONF, "reward")
CPU = torch.device("cpu")


@pytest.fixture
def brush(tmp_path: Path) -> Path:
    picture = np.zeros((24, 16), np.uint8)
    picture[4:20, 3:12] = np.arange(9) * 25 + 30
    write_png(tmp_path / "brush.png", picture)
    return tmp_path / "brush.png"


def close(found: Tensor, expected: Tensor, atol: float) -> None:
    assert found.device.type != "cpu" or expected.device.type == "cpu"
    torch.testing.assert_close(found.detach().cpu(), expected.detach(), atol=atol, rtol=1e-3)


# ---- strokes


@pytest.mark.parametrize("name", STROKES)
def test_strokes_and_their_gradients(
    name: str, device: torch.device, compose_config: Compose, brush: Path
) -> None:
    """Of every kind, whole and in windows; a pixel or a gradient in a thousand may round apart."""
    cfg = compose_config("task=render", f"stroke={name}")
    if "image" in cfg.stroke:
        cfg.stroke.image = str(brush)
    stroke: Stroke = build(OmegaConf.to_container(cfg.stroke, resolve=True), "stroke")
    free = torch.rand(COUNT, stroke.shape_dim, generator=torch.Generator().manual_seed(2))
    weight = torch.rand(COUNT, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    alphas, gradients, boxes = [], [], []
    for where in (CPU, device):
        shape = free.to(where, copy=True).requires_grad_()
        limited = limit_shape(stroke, shape)
        alpha = stroke.rasterize(limited, SIZE, SIZE)
        if alpha.requires_grad:  # squares on a grid stand still
            (alpha * weight.to(where)).sum().backward()
        alphas.append(alpha)
        gradients.append(torch.zeros_like(free) if shape.grad is None else shape.grad.cpu())
        boxes.append(bounds(stroke, limited.detach(), SIZE, SIZE).cpu())
        corner = torch.tensor([[8, 8]] * COUNT, device=where)
        window = rasterize_windows(stroke, limited.detach(), SIZE, SIZE, corner, 16, 16)
        close(window, alpha[:, :, 8:24, 8:24].cpu(), 1e-4)
    assert alphas[1].device.type == device.type
    assert alphas[0].mean() > 0.001
    apart = (alphas[1].detach().cpu() - alphas[0].detach()).abs()
    assert apart.mean() < 1e-5
    assert (apart > 1e-3).float().mean() < 1e-3
    scale = gradients[0].abs().amax().clamp_min(1e-6)
    off = (gradients[1] - gradients[0]).abs() / scale
    assert (off > 1e-2).float().mean() < 0.02
    assert torch.equal(*boxes) or (boxes[0] - boxes[1]).abs().max() <= 1  # at a pixel's very edge


def test_paintings_and_the_painter_itself(device: torch.device) -> None:
    """A painting of the same strokes is the same; one that is optimized comes as near."""
    strokes = torch.rand(2, 9, 13, generator=torch.Generator().manual_seed(0))
    paintings = [draw(Bezier(), strokes.to(where), SIZE, SIZE).cpu() for where in (CPU, device)]
    close(paintings[1], paintings[0], 2e-3)
    target = torch.zeros(3, 32, 48)
    target[0, 8:24, 10:30], target[2, :, 30:] = 0.9, 0.6
    errors = []
    for where in (CPU, device):
        painter = OptimizePainter(Circle(), 8, steps=40, tries=8, work_size=48)
        found = painter.paint(target.to(where))
        assert found.device.type == where.type
        canvas = draw(Circle(), found[None], 32, 48)
        errors.append(float((canvas[0].cpu() - target).square().mean()))
    assert errors[1] == pytest.approx(errors[0], rel=0.25)
    assert errors[1] < 0.3 * float(target.square().mean())


# ---- renderers and environment


def renderers() -> list[Renderer]:
    torch.manual_seed(5)
    made: list[Renderer] = [
        AnalyticRenderer(Circle(), SIZE),
        NeuralRenderer(Circle(), SIZE, [16, 32], 8),
        FieldRenderer(Circle(), SIZE, fields=4, opacities=2, hidden=16, channels=8),
    ]
    for renderer in made:
        for parameter in renderer.parameters():
            parameter.data.add_(0.05 * torch.rand_like(parameter))
    return made


@pytest.mark.parametrize("renderer", renderers(), ids=lambda one: type(one).__name__)
def test_an_environments_step_and_its_gradient(renderer: Renderer, device: torch.device) -> None:
    draws = torch.Generator().manual_seed(1)
    target, canvas = (torch.rand(3, 3, SIZE, SIZE, generator=draws) for _ in range(2))
    action = torch.rand(3, 2 * 7, generator=draws)
    left = []
    for where in (CPU, device):
        environment = PaintingEnvironment(twin(renderer, where), strokes=5, bundle=2)
        leaf = action.to(where, copy=True).requires_grad_()
        state = environment.reset(target.to(where))
        assert state.canvas.device.type == state.step.device.type == where.type
        state = state._replace(canvas=canvas.to(where), step=state.step + torch.tensor(2).to(where))
        following = environment.step(state, leaf)
        seen = environment.observe(following)
        (following.canvas - state.target).square().sum().backward()
        assert environment.done(following).all()
        left.append([following.canvas, seen, leaf.grad])
    for found, expected in zip(left[1], left[0], strict=True):
        close(found, expected, 1e-3 * float(expected.detach().abs().max()))
    assert left[0][2][:, 7:].abs().max() == 0  # the sixth stroke of five
    assert left[0][2][:, :7].abs().max() > 1e-3


def test_a_verdict_is_of_the_same_strokes(device: torch.device) -> None:
    renderer = renderers()[1]
    verdicts = [judge(twin(renderer, where), 300, seed=4) for where in (CPU, device)]
    assert verdicts[1].mse == pytest.approx(verdicts[0].mse, rel=1e-3)
    assert verdicts[1].mean_image == pytest.approx(verdicts[0].mean_image, rel=1e-3)


# ---- rewards


@pytest.mark.parametrize("name", REWARDS)
def test_rewards_their_gradients_and_losses(
    name: str, device: torch.device, compose_config: Compose, cache: Path
) -> None:
    """With the same random numbers for the penalties, which each device draws of its own."""
    cfg = compose_config("task=train", f"reward={name}", "canvas.size=32")
    shrink(cfg.reward, cache)
    draws = torch.Generator().manual_seed(1)
    canvas, following, target = (torch.rand(4, 3, SIZE, SIZE, generator=draws) for _ in range(3))
    torch.manual_seed(0)
    reward: Reward = build(OmegaConf.to_container(cfg.reward, resolve=True), "reward")
    left: list[dict[str, Any]] = []
    for where in (CPU, device):
        copy = twin(reward, where)
        leaf = following.to(where, copy=True).requires_grad_()
        value = copy(canvas.to(where), leaf, target.to(where))
        value.sum().backward()
        found = {"reward": value, "gradient": leaf.grad}
        if isinstance(copy, LearnedReward):
            generator = torch.Generator(where).manual_seed(0)
            loss, figures = copy.loss(leaf.detach(), target.to(where), generator)
            loss.backward()
            assert {one.device.type for one in figures.values()} == {where.type}
            assert loss.isfinite()
            assert all(p.grad is not None and p.grad.isfinite().all() for p in learned(copy))
            copy.update_target()
        left.append(found)
    for name in left[0]:
        expected = left[0][name]
        close(left[1][name], expected, 2e-3 * float(expected.detach().abs().max()) + 1e-6)
    assert float(left[0]["reward"].detach().abs().max()) > 0


def learned(reward: LearnedReward) -> list[nn.Parameter]:
    """What takes part in the loss; an attention that starts at 0 hides what is before it."""
    return [p for p in reward.trained.parameters() if p.grad is not None]


def test_a_replay_restored_from_the_host_lies_on_the_device(device: torch.device) -> None:
    draws = torch.Generator().manual_seed(1)
    target, canvas = (
        torch.rand(3, *more, 3, 8, 8, generator=draws).to(device) for more in ((), (3,))
    )
    replay, other = ReplayBuffer(4), ReplayBuffer(4)
    replay.add(target, canvas, torch.rand(3, 2, 5, generator=draws).to(device))
    layout = {name: (tuple(v.shape), v.dtype) for name, v in replay.tensors().items()}
    for name, space in other.claim(layout, replay.state_dict(), device).items():
        space.copy_(replay.tensors()[name].cpu())
        assert space.device.type == device.type
        assert torch.equal(space, replay.tensors()[name])
