"""Classes by name and number, and a digit that is painted."""

import pytest
import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.networks.classifiers import Classifier, load_classifier
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw_canvas
from impasto.strokes import Bezier
from impasto.visualizing import ClassGoal, Descent, Grid, GridCanvas, Views, find_class

BLACK = (0.0, 0.0, 0.0)
NAMES = ["tench", "giant panda", "red panda", "Pandora", "7"]
STILL = Views(2, 0, 0, 0)


class Means(nn.Module):
    """Logits: the mean of each channel, as many times as there are classes."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, pictures: Tensor) -> Tensor:
        return self.factor * pictures.mean((2, 3))


def named(names: list[str], name: str = "one") -> Classifier:
    return Classifier(name, Means(), names, 8)


def color_reader(name: str, names: list[str], factor: float = 1.0) -> Classifier:
    return Classifier(name, Means(factor), names, 8)


@pytest.mark.parametrize(
    ("label", "index"),
    [("tench", 0), ("Giant Panda", 1), ("pandora", 3), ("7", 4), ("3", 3), ("0", 0)],
)
def test_a_class_by_name_or_number(label: str, index: int) -> None:
    assert find_class(named(NAMES), label) == index


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("pandorra", r"^one has no class 'pandorra' — did you mean Pandora"),
        ("panda", r"^one has no class 'panda' — did you mean .*giant panda"),
        ("giant pnda", r"did you mean giant panda"),
        ("zzzz", r"^one has no class 'zzzz' — give another, such as tench, giant panda, red panda"),
        ("12", r"^one has 5 classes, and no number 12 — give a number from 0 to 4, or a name"),
        ("-1", r"^one has no class '-1'"),
    ],
)
def test_a_class_that_is_not_there(label: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        find_class(named(NAMES), label)


def test_several_share_the_class_by_its_name() -> None:
    first, other = named(["red", "green", "blue"]), named(["Blue", "red", "green"], "other")
    goal = ClassGoal.of([first, other], "2", "logit", STILL, BLACK)
    assert (goal.name, list(goal.indices)) == ("blue", [2, 0])
    lacking = named(["red", "green"], "lacking")
    with pytest.raises(UserError, match=r"^lacking has no class 'blue'"):
        ClassGoal.of([first, lacking], "2", "logit", STILL, BLACK)


def test_the_loss_is_the_mean_over_classifiers_and_views() -> None:
    one = color_reader("one", ["red", "green", "blue"])
    two = color_reader("two", ["green", "blue", "red"], factor=3.0)
    picture = torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1).expand(3, 8, 8)
    generator = torch.Generator()
    goal = ClassGoal.of([one, two], "red", "logit", STILL, BLACK)
    # One reads red in channel 0, two in channel 2.
    assert float(goal.loss(generator)(picture)) == pytest.approx(-(0.2 + 3 * 0.9) / 2)
    goal = ClassGoal.of([one, two], "red", "log_probability", STILL, BLACK)
    first = torch.tensor([0.2, 0.5, 0.9]).softmax(0)[0]
    second = torch.tensor([0.6, 1.5, 2.7]).softmax(0)[2]
    expected = -(first.log() + second.log()) / 2
    assert float(goal.loss(generator)(picture)) == pytest.approx(float(expected))
    assert goal.probabilities(picture) == pytest.approx([float(first), float(second)])


def test_every_step_looks_from_elsewhere() -> None:
    picture = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    goal = ClassGoal.of([named(["a", "b", "c"])], "a", "logit", Views(), BLACK)
    generator = torch.Generator().manual_seed(0)
    loss = goal.loss(generator)
    first, second = float(loss(picture)), float(loss(picture))
    assert first != second
    again = goal.loss(torch.Generator().manual_seed(0))
    assert float(again(picture)) == first


def test_an_unknown_goal() -> None:
    with pytest.raises(UserError, match=r"^`goal=max` makes no sense — give one of log_prob"):
        ClassGoal.of([named(["a", "b", "c"])], "a", "max", STILL, BLACK)


def test_the_ideal_3(capsys: pytest.CaptureFixture[str]) -> None:
    """Five strokes at random are no 3; at the end they are, drawn exactly."""
    stroke, size = Bezier(max_width=0.2), 32
    canvas = GridCanvas(AnalyticRenderer(stroke, size), Grid(size), 5, BLACK)
    goal = ClassGoal.of([load_classifier("digits")], "3", "log_probability", Views(4), BLACK)
    generator = torch.Generator().manual_seed(0)
    descent = Descent(steps=100, size=0.05, spread=0.5)
    start = descent.start(stroke, 5, generator)
    exact = [
        draw_canvas(stroke, strokes, size, size)
        for strokes in (
            descent.finished(stroke, start),
            descent.run(canvas, start, goal.loss(generator)),
        )
    ]
    [before], [after] = (goal.probabilities(picture) for picture in exact)
    with capsys.disabled():
        print(f"\nthe ideal 3: {before:.4f} at the start, {after:.4f} at the end")
    assert before < 0.5
    assert after >= 0.9
