"""The share of test digits that are written as the examples are, in the summary of a run."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from datamodules.sets.digits import Digits
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.human_strokes import HumanStrokes
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier, Circle, Line, Stroke
from impasto.tasks.evaluate.agent import evaluate
from impasto.tasks.evaluate.stroke_order import OrderCount, order_count

SIZE = 16
CLASSES = [str(digit) for digit in range(10)]
DIGITS = HumanStrokes("digits").of(CLASSES, Bezier())


class Always(nn.Module):
    """Paints one digit, whatever is to be seen."""

    def __init__(self, strokes: Tensor) -> None:
        super().__init__()
        self.action = nn.Parameter(strokes.flatten())

    def forward(self, observation: Tensor) -> Tensor:
        return self.action.expand(len(observation), -1)


def policy(strokes: Tensor, stroke: Stroke | None = None) -> PaintingPolicy:
    renderer = AnalyticRenderer(stroke or Bezier(), SIZE)
    return PaintingPolicy(
        Always(strokes), PaintingEnvironment(renderer, len(strokes), len(strokes))
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    made = Digits(canvas_size=SIZE, batch_size=4, cache=str(tmp_path_factory.mktemp("cache")))
    made.setup("test")
    return made


def test_shares_by_hand() -> None:
    """Of a 3, a 3 with two strokes exchanged, and a 7 that is a 3: all, none, and what it may."""
    count = OrderCount(Bezier(), DIGITS)
    exchanged = DIGITS[3, [1, 0, 2, 3, 4, 5]]
    count.add(torch.stack([DIGITS[3], exchanged]), torch.tensor([3, 3]))
    count.add(DIGITS[7:8], torch.tensor([7]))
    shares = count.shares()
    assert shares["in_order"] == pytest.approx(2 / 3)
    assert shares["strokes_in_order"] == pytest.approx((6 + 4 + 6) / 18)


def test_the_summary_has_them(data: Digits, tmp_path: Path) -> None:
    """Who paints a 3 for every digit follows the example for those that are one."""
    labels = data.labels("test")
    assert labels is not None
    metrics = evaluate(policy(DIGITS[3]), data, tmp_path)
    assert metrics["in_order"] == pytest.approx(float((labels == 3).mean()))
    assert metrics["in_order"] < metrics["strokes_in_order"] < 1


def test_they_are_left_out_where_no_example_fits(data: Digits) -> None:
    for strokes, stroke in (
        (torch.rand(5, 13), Bezier()),
        (torch.rand(6, 11), Line()),
        (torch.rand(6, 7), Circle()),
    ):
        assert order_count(data, policy(strokes, stroke)) is None
    assert order_count(data, policy(DIGITS[3])) is not None
