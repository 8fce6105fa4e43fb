"""A person's strokes by a paint program's brush: along the same lines, in the same order."""

import torch
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from impasto.rendering import draw
from impasto.rl.human_strokes import HumanStrokes, center_lines, follows
from impasto.strokes import Bezier, MyPaint
from impasto.strokes.conversion import to_record

CLASSES = [str(digit) for digit in range(10)]


def test_the_ten_digits_can_be_read() -> None:
    """By scikit-learn's classifier of real ones: the paint lies about as wide as the pen's."""
    human, stroke = HumanStrokes("digits"), MyPaint()
    human.check(stroke, 6)
    canvas = draw(stroke, human.of(CLASSES, stroke), 64, 64)
    small = torch.nn.functional.avg_pool2d(canvas[:, 0], 8) * 16
    bunch = load_digits()
    reader = SVC().fit(bunch.data, bunch.target)
    assert reader.predict(small.flatten(1).numpy()).tolist() == list(range(10))
    pen = draw(Bezier(), human.of(CLASSES, Bezier()), 64, 64)
    assert abs(canvas.mean() / pen.mean() - 1) < 0.1


def test_an_example_in_the_numbers_of_a_brush() -> None:
    human, stroke, pen = HumanStrokes("digits"), MyPaint(), Bezier()
    there = human.records["3"].strokes
    examples = human.of(["3"], stroke)[0]
    record = to_record(pen, there[1, :10])
    points = [record[f"{axis}{number}"] for number in range(3) for axis in "xy"]
    expected = torch.tensor([0.5, 0.5, float(there[1, 6]), *points])
    torch.testing.assert_close(examples[1, :9], expected)
    torch.testing.assert_close(examples[:, 9:], there[:, 10:])  # white
    torch.testing.assert_close(stroke.from_trace(stroke.trace(examples[:, :9])), examples[:, :9])
    assert to_record(stroke, examples[1, :9])["size"] == 2 * record["radius0"]


def test_its_strokes_are_judged_as_those_of_the_examples_own_kind() -> None:
    human, stroke = HumanStrokes("digits"), MyPaint()
    ours = center_lines(stroke, human.of(CLASSES, stroke))
    theirs = center_lines(Bezier(), human.of(CLASSES, Bezier()))
    torch.testing.assert_close(ours, theirs)
    swapped = human.of(CLASSES, stroke)[:, [0, 1, 3, 2, 4, 5]]
    kept = torch.tensor([True, True, False, False, True, True])
    assert torch.equal(follows(center_lines(stroke, swapped), theirs), kept.expand(10, 6))
