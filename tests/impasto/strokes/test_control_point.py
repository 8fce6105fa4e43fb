"""`stroke.control`: the control point in the box of the ends, or anywhere (ICCV 2019, Eq. 5)."""

from pathlib import Path

import pytest
import torch

from impasto.errors import UserError
from impasto.io.record import StrokeRecord, read_record, write_record
from impasto.strokes import Bezier
from impasto.strokes.conversion import from_record, from_region, to_record
from tests.impasto.strokes.test_limits import path_length

RELATIVE, ABSOLUTE = Bezier(), Bezier(control="absolute")


def shapes(count: int = 40) -> torch.Tensor:
    return ABSOLUTE.sample(count, torch.Generator().manual_seed(0)).double()


def test_both_draw_the_same_curve_by_other_numbers() -> None:
    relative = shapes()
    absolute = relative.clone()
    absolute[:, 2:4] = relative[:, 0:2] + (relative[:, 4:6] - relative[:, 0:2]) * relative[:, 2:4]
    assert torch.equal(RELATIVE.rasterize(relative, 24, 40), ABSOLUTE.rasterize(absolute, 24, 40))
    assert to_record(RELATIVE, relative[0]) == pytest.approx(to_record(ABSOLUTE, absolute[0]))
    moved = {
        "start": torch.tensor([0.2, 0.1]).double(),
        "sides": torch.tensor([0.5, 0.25]),
        "scale": 0.3,
    }
    torch.testing.assert_close(
        RELATIVE.trace(from_region(RELATIVE, relative, **moved)).points,
        ABSOLUTE.trace(from_region(ABSOLUTE, absolute, **moved)).points,
    )


def test_an_absolute_one_may_lie_outside_of_the_ends_box() -> None:
    """Eq. 5's strokes: of uniform ones a ninth has its P1 in the box."""
    shape = shapes(20_000)
    ends = torch.stack([shape[:, 0:2], shape[:, 4:6]])
    inside = ((shape[:, 2:4] >= ends.amin(0)) & (shape[:, 2:4] <= ends.amax(0))).all(1)
    assert inside.double().mean() == pytest.approx(1 / 9, abs=0.01)
    outside = shape[~inside][:50].float()
    for vector in outside:
        again = from_record(ABSOLUTE, to_record(ABSOLUTE, vector))
        torch.testing.assert_close(again, vector)
        in_box = from_record(RELATIVE, to_record(ABSOLUTE, vector))[2:4]
        assert not ((in_box >= 0) & (in_box <= 1)).all()


def test_it_has_a_gradient_and_a_longest_length() -> None:
    few = shapes(3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda s: ABSOLUTE.curve(s, torch.linspace(0, 1, 4).double()), few
    )
    short = Bezier(control="absolute", max_length=0.25)
    strokes = torch.cat([shapes(200), torch.zeros(200, 3)], dim=1)
    assert path_length(ABSOLUTE.limit(strokes), ABSOLUTE).max() > 1
    assert path_length(short.limit(strokes)[:, :10], short).max() < 0.2510  # to a thousandth


def test_a_record_and_a_renderer_say_which(tmp_path: Path) -> None:
    stroke = torch.cat([shapes(4), torch.rand(4, 3)], dim=1).float()
    record = StrokeRecord(ABSOLUTE, stroke, 32, 24, (0.0, 0.0, 0.0))
    write_record(tmp_path / "strokes.json", record)
    back = read_record(tmp_path / "strokes.json")
    assert isinstance(back.stroke, Bezier)
    assert back.stroke.control == "absolute"
    torch.testing.assert_close(back.strokes, stroke)
    assert RELATIVE.geometry() != ABSOLUTE.geometry()
    with pytest.raises(UserError, match="relative or absolute"):
        Bezier(control="elsewhere")
