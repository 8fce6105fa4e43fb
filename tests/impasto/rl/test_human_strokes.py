"""Strokes by hand: the ten digits of the project, and files that don't fit; how long they count."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from impasto.errors import UserError
from impasto.io.record import StrokeRecord, write_record
from impasto.rendering import draw
from impasto.rl.demonstrations import NoPreconditioning, Preconditioning
from impasto.rl.human_strokes import HumanStrokes
from impasto.strokes import Bezier, Circle, Line

CLASSES = [str(digit) for digit in range(10)]


def write(folder: Path, name: str, strokes: torch.Tensor, stroke: Bezier | Line) -> Path:
    path = folder / f"{name}.json"
    write_record(path, StrokeRecord(stroke, strokes, 64, 64, (0.0, 0.0, 0.0)))
    return path


def test_the_ten_digits_can_be_read() -> None:
    """By scikit-learn's classifier of real ones."""
    human = HumanStrokes("digits")
    assert list(human.records) == CLASSES
    human.check(Bezier(), 6)
    canvas = draw(Bezier(), human.of(CLASSES, Bezier()), 64, 64, (0.0, 0.0, 0.0))
    small = torch.nn.functional.avg_pool2d(canvas[:, 0], 8) * 16
    bunch = load_digits()
    reader = SVC().fit(bunch.data, bunch.target)
    assert reader.predict(small.flatten(1).numpy()).tolist() == list(range(10))


def test_a_digit_is_written_in_one_go_but_for_known_lifts() -> None:
    """Each stroke begins where the one before it ended; 4 and 5 take the pen off once."""
    lifts = {}
    for name, record in HumanStrokes("digits").records.items():
        start, end = record.strokes[1:, 0:2], record.strokes[:-1, 4:6]
        lifts[name] = int(((start - end).norm(dim=1) > 1e-4).sum())
    assert lifts == {**dict.fromkeys(CLASSES, 0), "4": 1, "5": 1}


def test_they_come_in_the_order_of_the_classes() -> None:
    human = HumanStrokes("digits")
    both = human.of(["7", "1"], Bezier())
    assert both.shape == (2, 6, 13)
    torch.testing.assert_close(both[0], human.records["7"].strokes)
    torch.testing.assert_close(both[1], human.records["1"].strokes)
    assert both[1, 0, 1] < both[1, 5, 5]  # a 1 is written downwards


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    strokes = torch.rand(2, 11)
    write(tmp_path, "cat", strokes, Line())
    human = HumanStrokes(tmp_path)
    human.check(Line(), 2)
    torch.testing.assert_close(human.of(["cat"], Line()), strokes[None], atol=1e-5, rtol=0)
    with pytest.raises(UserError, match=r"no example for class 'dog' — draw dog.json, or .*cat"):
        human.of(["cat", "dog"], Line())


def test_what_is_no_folder_of_records(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match=r"no folder with stroke records — .*, or digits"):
            HumanStrokes(folder)
    (tmp_path / "cat.json").write_text("{")
    with pytest.raises(UserError, match=r"cat.json: not JSON"):
        HumanStrokes(tmp_path)


def test_strokes_that_do_not_fit() -> None:
    human = HumanStrokes("digits")
    with pytest.raises(
        UserError, match=r"0.json has 6 strokes, .*painting has 5 — give `strokes=6`"
    ):
        human.check(Bezier(), 5)
    with pytest.raises(UserError, match=r"0.json has bezier .*line — choose `Bezier`"):
        human.check(Line(), 6)
    with pytest.raises(UserError, match=r"bezier strokes, and the painter paints circle"):
        human.check(Circle(), 6)
    assert [human.fit(Bezier(), 6), human.fit(Bezier(), 5), human.fit(Line(), 6)] == [True, 0, 0]


def test_a_control_point_that_no_action_reaches(tmp_path: Path) -> None:
    path = write(tmp_path, "cat", torch.full((1, 13), 0.5), Bezier())
    record = json.loads(path.read_text())
    record["strokes"][0]["shape"] |= {"x0": 0.2, "x1": 0.9, "x2": 0.6}
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"cat.json: x1 of stroke 0 is 1.75 .*from 0 to 1"):
        HumanStrokes(tmp_path).check(Bezier(), 1)


# ---- for how long, and how much


def test_the_weight_falls_in_steps_after_the_first_phase() -> None:
    plan = Preconditioning(updates=100, weight=8.0, factor=0.5, every=10)
    weights = {0: 1, 99: 1, 100: 8, 109: 8, 110: 4, 119: 4, 120: 2, 130: 1, 159: 0.25}
    assert {update: plan.weight_at(update) for update in weights} == weights
    assert [plan.is_alone(update) for update in (0, 99, 100)] == [True, True, False]


def test_a_factor_of_0_drops_it_and_one_of_1_keeps_it() -> None:
    dropped = Preconditioning(updates=0, weight=8.0, factor=0.0, every=10)
    assert [dropped.weight_at(update) for update in (0, 9, 10, 500)] == [8, 8, 0, 0]
    kept = Preconditioning(updates=5, weight=8.0, factor=1.0, every=10)
    assert np.unique([kept.weight_at(update) for update in range(5, 99)]).tolist() == [8]


def test_without_any_nothing_is_regressed() -> None:
    plan = NoPreconditioning()
    assert plan.examples is None
    assert not plan.is_alone(0)
    assert [plan.weight_at(update) for update in (0, 10**6)] == [0, 0]
