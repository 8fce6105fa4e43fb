"""Styles: strokes that lie along what the picture shows, and the presets of `style=`."""

import math

import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor

from impasto.errors import UserError
from impasto.launch.compose import choices
from impasto.painters import OptimizePainter
from impasto.painters.proposals import Proposer, directions
from impasto.painters.tiled_canvas import TiledCanvas
from impasto.strokes import Bezier, Circle
from tests.conftest import CONF, Compose

HEIGHT, WIDTH = 48, 64


def stripes(angle: float) -> Tensor:
    """Stripes of 8 px that run along an angle, in radians clockwise from +x: (3, H, W)."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    wave = torch.sin(2 * math.pi / 8 * (math.cos(angle) * y - math.sin(angle) * x))
    return (0.5 + 0.4 * wave).expand(3, -1, -1)


def between(angles: Tensor, angle: float) -> Tensor:
    """Angles between lines, in [0, pi / 2]."""
    return ((angles - angle + math.pi / 2) % math.pi - math.pi / 2).abs()


def proposed(target: Tensor, along: float, longer: float = 1.0) -> Tensor:
    tiled = TiledCanvas(Bezier(), target, (0.5, 0.5, 0.5))
    generator = torch.Generator().manual_seed(0)
    proposer = Proposer(tiled, 8, 1.0, generator, along=along, longer=longer)
    return proposer.propose(torch.full_like(target, 0.5), 40, 0.05)


def chords(strokes: Tensor) -> Tensor:
    """From the first point to the last, in pixels, (N, 2)."""
    return (strokes[:, 4:6] - strokes[:, 0:2]) * torch.tensor([WIDTH, HEIGHT])


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2, 2.2])
def test_strokes_lie_along_stripes(angle: float) -> None:
    center = torch.rand(50, 2, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1
    assert (
        between(directions(stripes(angle), center, 0.15), angle).mean() < 0.04
    )  # of differences over 2 px
    errors = {}
    for along in (0.0, 0.5, 1.0):
        chord = chords(proposed(stripes(angle), along, longer=2))
        errors[along] = float(between(torch.atan2(chord[:, 1], chord[:, 0]), angle).mean())
    assert errors[1.0] < 0.1
    assert errors[1.0] < errors[0.5] < errors[0.0]


def test_longer_strokes_are_narrower() -> None:
    usual, long = (proposed(stripes(0.4), 1, longer) for longer in (1, 4))
    ratio = chords(long).norm(dim=1).mean() / chords(usual).norm(dim=1).mean()
    assert 1.5 < ratio < 3  # twice, of what the best of eight are
    assert long[:, 6].mean() < usual[:, 6].mean()


def test_a_picture_of_one_colour_has_a_direction_everywhere() -> None:
    center = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]])
    found = directions(torch.full((3, 16, 32), 0.3), center, 0.1)
    torch.testing.assert_close(found, torch.full((3,), math.pi / 2))


def test_without_it_the_painting_is_the_usual_one() -> None:
    def paint(**aligned: float) -> Tensor:
        return OptimizePainter(Bezier(), 12, 32, steps=6, tries=4, **aligned).paint(stripes(0.4))

    usual = paint()
    assert torch.equal(paint(along=0.0, longer=1.0), usual)
    assert not torch.equal(paint(along=1.0), usual)
    assert not torch.equal(paint(longer=2.0), usual)


@pytest.mark.parametrize("key", ["along", "longer"])
def test_a_stroke_without_a_direction_is_refused(key: str) -> None:
    with pytest.raises(UserError, match="a circle stroke goes along no curve"):
        OptimizePainter(Circle(), 4, **{key: 1.0 if key == "along" else 2.0})


@pytest.mark.parametrize("style", choices(CONF, "style"))
def test_every_style_paints(compose_config: Compose, style: str) -> None:
    cfg = compose_config("task=paint", "image=x.png", f"style={style}", "strokes=16")
    painter = instantiate(cfg.painter, steps=10, tries=4, _convert_="all")
    target = stripes(0.4)[:, :32, :32]
    strokes = painter.paint(target)
    assert strokes.shape == (16, 13)
    stroke = painter.stroke
    opacity = strokes[:, [7, 9]]
    assert opacity.max() <= (stroke.max_opacity or 1) + 1e-6
    assert (opacity == 1).all() or not stroke.opaque
    assert (stroke.limits() == {}) == (style == "photo")
    tiled = TiledCanvas(stroke, target, painter.background)
    blank = (tiled.canvas(strokes[:0]) - target).square().mean()
    assert (tiled.canvas(strokes) - target).square().mean() < 0.8 * blank
