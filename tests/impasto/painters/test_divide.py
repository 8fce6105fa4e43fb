"""The authors' fixed grid of tiles, against their painting written down again."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import interpolate

from impasto.errors import UserError
from impasto.painters import DividePainter, Sketch
from impasto.rl.policy import PaintingPolicy
from impasto.strokes.conversion import from_region
from impasto.tasks.publish.learning_to_paint import import_policy, import_renderer
from tests.impasto.painters.test_agent import BACKGROUND, BUNDLE, SIZE, policy
from tests.impasto.tasks.publish.their_networks import (
    BGR,
    actor_state,
    renderer_state,
    their_painting,
)
from tests.impasto.tasks.publish.their_networks import SIZE as THEIR_SIZE

__all__ = ["policy"]  # a fixture


@torch.no_grad()
def test_it_is_their_painting(tmp_path: Path) -> None:
    """`test.py --max_step=4 --divide=2`: two bundles on the whole, then two on each of 4 tiles."""
    torch.manual_seed(0)
    states = renderer_state(), actor_state()
    torch.save(states[0], tmp_path / "renderer.pkl")
    torch.save(states[1], tmp_path / "actor.pkl")
    ours = import_policy(tmp_path / "actor.pkl", import_renderer(tmp_path / "renderer.pkl"))
    target = torch.rand(3, 2 * THEIR_SIZE, 2 * THEIR_SIZE)
    strokes = DividePainter(ours, 2 * 5 * (1 + 4), divide=2).paint(target)
    assert strokes.shape == (50, 13)

    size = (THEIR_SIZE, THEIR_SIZE)
    bgr = target[None, BGR]
    whole = their_painting(*states, interpolate(bgr, size, mode="bilinear"), steps=2)
    large = interpolate(whole, scale_factor=2, mode="bilinear")
    quarters = [(top, left) for top in (0, THEIR_SIZE) for left in (0, THEIR_SIZE)]  # by rows

    def cut(image: torch.Tensor, top: int, left: int) -> torch.Tensor:
        return image[..., top : top + THEIR_SIZE, left : left + THEIR_SIZE]

    before = torch.cat([cut(large, *place) for place in quarters])
    tiles = torch.cat([cut(bgr, *place) for place in quarters])
    theirs = their_painting(*states, tiles, steps=2, canvas=before)

    # What the strokes say, drawn by the same renderer, is what they painted.
    def drawn(canvas: torch.Tensor, laid: torch.Tensor) -> torch.Tensor:
        for stroke in laid:
            alpha = ours.renderer(stroke[None, :10])
            canvas = canvas * (1 - alpha) + alpha * stroke[None, 10:, None, None]
        return canvas

    first = drawn(torch.zeros(1, 3, *size), strokes[:10])
    torch.testing.assert_close(first[:, BGR], whole, atol=1e-4, rtol=0)
    for number, (top, left) in enumerate(quarters):
        mine = strokes[10 + number :: 4]  # of every four one
        corner = -2 * torch.tensor([left, top]) / (2 * THEIR_SIZE)  # of the picture, in tiles
        shape = from_region(ours.stroke, mine[:, :10], corner, torch.full((2,), 2.0), 2.0)
        tile = drawn(before[number : number + 1, BGR], torch.cat([shape, mine[:, 10:]], dim=1))
        torch.testing.assert_close(tile[0, BGR], theirs[number], atol=1e-4, rtol=0)


@pytest.mark.parametrize(("divide", "strokes"), [(1, 7), (2, 20), (3, 33), (2, 1)])
def test_exactly_as_many_strokes_as_asked_for(
    policy: PaintingPolicy, divide: int, strokes: int
) -> None:
    painter = DividePainter(policy, strokes, divide)
    told: list[Sketch] = []
    height, width = painter.canvas(30, 50)
    assert height == width == divide * SIZE
    target = torch.rand(3, height, width)
    found = painter.paint(target, told.append)
    assert found.shape == (strokes, 7)
    assert told[-1].step == strokes
    whole = policy.paint(interpolate(target[None], (SIZE, SIZE), mode="bilinear"), bundles=1)[0]
    torch.testing.assert_close(found[: min(BUNDLE, strokes)], whole[0, : min(BUNDLE, strokes)])
    assert tuple(painter.background) == BACKGROUND
    assert painter.with_strokes(9).divide == divide


def test_it_needs_an_agent_and_a_grid(policy: PaintingPolicy) -> None:
    with pytest.raises(UserError, match="weights"):
        DividePainter.load(None)
    with pytest.raises(UserError, match="divide"):
        DividePainter(policy, 5, divide=0)
