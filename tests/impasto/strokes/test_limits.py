"""Limits: what every stroke of every kind keeps, and that none cost nothing."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.strokes import Bezier, Circle, Line, Rectangle, Stroke, Triangle
from impasto.strokes.conversion import columns, to_record
from impasto.strokes.limits import (
    limit_color,
    limit_shape,
    looser_limit,
    nearest,
    release,
    with_palette,
)
from tests.impasto.strokes.kinds import every_kind, names

PALETTE = [[0.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.2, 0.3, 0.9]]
LIMITS: dict[str, object] = {
    "opaque": True,
    "max_width": 0.1,
    "max_length": 0.25,
    "palette": PALETTE,
    "max_opacity": 0.4,
}


def limited() -> list[Stroke]:
    """Every kind with every limit that it has something for."""
    made = []
    for key, value in LIMITS.items():
        for kind in every_kind():
            try:
                made.append(type(kind)(**kind.options(), **{key: value}))
            except UserError:
                assert key in ("max_width", "max_length")
    return made


def identity(kind: Stroke) -> str:
    return f"{kind.name}-{next(iter(kind.limits()))}"


def strokes(kind: Stroke, count: int = 200, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, kind.dim, generator=generator, dtype=torch.float64)


def test_without_limits_nothing_happens(kind: Stroke) -> None:
    free = strokes(kind)
    assert kind.limit(free) is free
    shape, color = free.split([kind.shape_dim, 3], dim=1)
    assert limit_shape(kind, shape) is shape
    assert limit_color(kind, color) is color
    assert kind.limits() == {}


@pytest.mark.parametrize("kind", limited(), ids=identity)
def test_a_limit_keeps_the_range_and_has_a_gradient(kind: Stroke) -> None:
    free = strokes(kind).view(20, 10, kind.dim).requires_grad_()
    kept = kind.limit(free)
    assert kept.shape == free.shape
    assert 0 <= kept.min() <= kept.max() <= 1
    assert (kept != free).any()
    (gradient,) = torch.autograd.grad(kept.sum(), free)
    assert gradient.isfinite().all()
    assert (gradient.abs().sum((0, 1)) > 0).sum() >= kind.dim - len(names(kind, "opacity"))
    # A stroke is limited alone as it is in a bundle.
    torch.testing.assert_close(kind.limit(free[3, 4]), kept[3, 4], rtol=0, atol=0)


@pytest.mark.parametrize("kind", limited(), ids=identity)
def test_samples_are_limited_and_places_are_not(kind: Stroke) -> None:
    """A place's size is that of the limited stroke, where the limits let it be so large."""
    free = type(kind)(**kind.options()).sample(50, torch.Generator().manual_seed(1))
    shape = kind.sample(50, torch.Generator().manual_seed(1))
    assert torch.equal(shape, limit_shape(kind, free))
    center = torch.full((50, 2), 0.5)
    placed = limit_shape(kind, kind.place(center, 0.03, torch.Generator().manual_seed(2)))
    plain = type(kind)(**kind.options()).place(center, 0.03, torch.Generator().manual_seed(2))
    sized = columns(kind, names(kind, "radius", "width", "height", "size"))
    torch.testing.assert_close(placed[:, sized], plain[:, sized], atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", list(every_kind(opaque=True)), ids=lambda kind: kind.name)
def test_opaque_strokes_have_full_paint(kind: Stroke) -> None:
    shape = kind.limit(strokes(kind))[:, :-3]
    opacities = columns(kind, names(kind, "opacity"))
    assert opacities
    assert (shape[:, opacities] == 1).all()
    others = [column for column in range(kind.shape_dim) if column not in opacities]
    assert torch.equal(shape[:, others], strokes(kind)[:, others])


def path_length(shape: Tensor, kind: Stroke) -> Tensor:
    """Arc lengths of curves (N, S), in canvas sides, by 2,000 chords."""
    assert isinstance(kind, (Bezier, Line))
    points = kind.curve(shape, torch.linspace(0, 1, 2001, dtype=shape.dtype))
    return (points[:, 1:] - points[:, :-1]).norm(dim=-1).sum(1)


def longest_side(shape: Tensor, kind: Stroke) -> Tensor:
    corners = shape[:, :6].view(-1, 3, 2)
    return torch.cdist(corners, corners).amax((1, 2))


def recorded(*parameters: str, full: float = 1.0) -> Callable[[Tensor, Stroke], Tensor]:
    """The largest of parameters as they stand in records."""

    def measure(shape: Tensor, kind: Stroke) -> Tensor:
        records = [to_record(kind, one) for one in shape]
        return torch.tensor([max(full * one[key] for key in parameters) for one in records])

    return measure


def test_no_opacity_is_above_its_limit() -> None:
    kind = Bezier(max_opacity=0.4)
    free = strokes(kind)
    shape = kind.limit(free)
    opacities = columns(kind, names(kind, "opacity"))
    torch.testing.assert_close(shape[:, opacities], 0.4 * free[:, opacities])
    torch.testing.assert_close(release(kind, shape), free)


WIDTHS = [
    (Bezier, recorded("radius0", "radius1", full=2)),
    (Line, recorded("radius0", "radius1", full=2)),
    (Circle, recorded("radius", full=2)),
    (Rectangle, recorded("height")),
]
LENGTHS = [
    (Bezier, path_length),
    (Line, path_length),
    (Circle, recorded("radius", full=2)),
    (Rectangle, recorded("width", "height")),
    (Triangle, longest_side),
]
Measure = Callable[[Tensor, Stroke], Tensor]


@pytest.mark.parametrize(("kind", "measure"), WIDTHS, ids=lambda value: getattr(value, "name", ""))
def test_no_stroke_is_wider(kind: type[Stroke], measure: Measure) -> None:
    narrow, free = kind(max_width=0.1), strokes(kind(), 500)
    width = measure(narrow.limit(free)[:, :-3], narrow)
    assert width.max() <= 0.1 + 1e-9
    assert width.max() > 0.095  # the whole range is used,
    order = measure(free[:, :-3], narrow).argsort()
    assert (width[order].diff() >= -1e-12).all()  # and a wider stroke stays the wider one
    # Exactly: the widest becomes as wide as allowed, the thinnest stays.
    ends = torch.stack([torch.zeros(kind().dim), torch.ones(kind().dim)]).double()
    found = measure(narrow.limit(ends)[:, :-3], narrow).tolist()
    assert found == pytest.approx([1 / 128, 0.1])


@pytest.mark.parametrize(("kind", "measure"), LENGTHS, ids=lambda value: getattr(value, "name", ""))
def test_no_stroke_is_longer(kind: type[Stroke], measure: Measure) -> None:
    short, free = kind(max_length=0.25), strokes(kind(), 500)
    before, after = free[:, :-3], short.limit(free)[:, :-3]
    length = measure(after, short)
    assert length.max() <= 0.25 * 1.001
    assert length.max() > 0.24
    if kind in (Bezier, Line, Triangle):  # these shrink only if they are too long
        was = measure(before, short)
        fits = was < 0.249
        assert 0 < fits.sum() < 500
        assert torch.equal(after[fits], before[fits])
        torch.testing.assert_close(length[~fits], was[~fits].clamp_max(0.25), rtol=1e-3, atol=0)


def test_what_is_too_long_keeps_its_place_and_direction() -> None:
    line = torch.tensor([[0.2, 0.1, 0.8, 0.9, 0.3, 1.0, 0.3, 1.0, 0.0, 0.0, 0.0]]).double()
    kept = Line(max_length=0.5).limit(line)  # of length 1: half of it
    expected = line.clone()
    expected[0, 2:4] = torch.tensor([0.5, 0.5])
    torch.testing.assert_close(kept, expected)
    curve = Bezier().sample(20, torch.Generator().manual_seed(3)).double()
    short = limit_shape(Bezier(max_length=0.1), curve)
    t = torch.linspace(0, 1, 9).double()
    start = curve[:, None, 0:2]
    was, now = Bezier().curve(curve, t) - start, Bezier().curve(short, t) - start
    cosine = torch.nn.functional.cosine_similarity(was[:, 1:], now[:, 1:], dim=-1)
    torch.testing.assert_close(cosine, torch.ones_like(cosine))
    corners = torch.tensor([[0.0, 0.0, 0.6, 0.0, 0.0, 0.8, 0.5]]).double()
    half = limit_shape(Triangle(max_length=0.5), corners)  # its longest side is 1
    expected = torch.tensor([[0.1, 0.4 / 3, 0.4, 0.4 / 3, 0.1, 0.4 + 0.4 / 3, 0.5]]).double()
    torch.testing.assert_close(half, expected)


@pytest.mark.parametrize("kind", [Bezier, Line, Circle, Rectangle, Triangle])
def test_lengths_have_a_true_gradient(kind: type[Stroke]) -> None:
    short = kind(max_length=0.25, opaque=True)
    shape = strokes(short, 6)[:, :-3].requires_grad_()
    assert torch.autograd.gradcheck(partial(limit_shape, short), shape)


def test_colors_are_the_palettes_and_the_gradient_goes_straight_through() -> None:
    kind = Circle(palette=PALETTE)
    free = torch.rand(4, 50, kind.dim, generator=torch.manual_seed(0), requires_grad=True)
    kept = kind.limit(free)
    assert torch.equal(kept[..., :4], free[..., :4])
    for color, found in zip(free[..., 4:].flatten(0, 1), kept[..., 4:].flatten(0, 1), strict=True):
        distances = [math.dist(color.tolist(), one) for one in PALETTE]
        best = torch.tensor(PALETTE[distances.index(min(distances))])
        assert torch.equal(found, best)  # to the last bit: it is what records will hold
    weight = torch.rand(kept.shape)
    (gradient,) = torch.autograd.grad((kept * weight).sum(), free)
    torch.testing.assert_close(gradient, weight)


def test_nearest_is_by_distance() -> None:
    palette = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    color = torch.tensor([[0.49, 0.5, 0.5], [0.51, 0.5, 0.5], [0.9, 0.4, 0.3]])
    assert torch.equal(nearest(color, palette), palette)


def test_a_number_of_colors_is_no_palette_yet() -> None:
    kind = Circle(palette=4)
    assert kind.limits() == {"palette": 4}
    with pytest.raises(ValueError, match="with_palette"):
        kind.limit(torch.rand(2, 7))
    found = with_palette(kind, [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0)])
    assert found.limits() == {"palette": [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]}
    assert kind.palette == 4


@pytest.mark.parametrize("kind", limited(), ids=identity)
def test_config_builds_the_same(kind: Stroke) -> None:
    again = type(kind)(**kind.config())
    free = strokes(kind)
    assert torch.equal(again.limit(free), kind.limit(free))
    assert again.geometry() == kind.geometry()
    plain = type(kind)(**kind.options())
    assert plain.geometry() != kind.geometry()
    assert set(kind.geometry()) - set(plain.geometry()) == {
        f"stroke.{key}" for key in kind.limits()
    }


def test_looser_limits_are_found() -> None:
    assert looser_limit(Bezier(opaque=True, max_width=0.1), Bezier(max_width=0.2)) is None
    assert looser_limit(Bezier(), Bezier(opaque=True)) == "opaque"
    assert looser_limit(Bezier(max_width=0.3), Bezier(max_width=0.2)) == "max_width"
    assert looser_limit(Bezier(), Bezier(max_length=0.2)) == "max_length"
    assert looser_limit(Bezier(), Bezier(max_opacity=0.2)) == "max_opacity"
    assert looser_limit(Bezier(), Bezier(palette=8)) is None  # a renderer draws no colour
