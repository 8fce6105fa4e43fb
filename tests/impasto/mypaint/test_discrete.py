"""The kind `mypaint` in SPIRAL's action space: levels of pressure and size, and a lift flag."""

import json
from pathlib import Path

import jsonschema
import pytest
import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.io.record import StrokeRecord, read_record, write_record
from impasto.io.schema import schema
from impasto.renderers import AnalyticRenderer, NeuralRenderer, Renderer, Verdict
from impasto.renderers.exported import load_renderer, save_renderer
from impasto.rendering import draw
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.human_strokes import HumanStrokes
from impasto.strokes import MyPaint
from impasto.strokes.limits import limit_shape
from impasto.visualizing import Grid, GridCanvas

SIZE = 32


@pytest.fixture
def kind() -> MyPaint:
    return MyPaint(levels=10, lift=True)


def strokes(kind: MyPaint, count: int = 40) -> torch.Tensor:
    return torch.rand(count, kind.dim, generator=torch.Generator().manual_seed(2))


def test_its_vector_and_its_levels(kind: MyPaint) -> None:
    assert kind.parameters == (*MyPaint().parameters, "lift")
    assert kind.levels == (10, 10, 10, 0, 0, 0, 0, 0, 0, 2)
    assert MyPaint().levels == ()
    assert MyPaint(lift=True).levels == (0, 0, 0, 0, 0, 0, 0, 0, 0, 2)
    assert MyPaint(levels=4).levels == (4, 4, 4, 0, 0, 0, 0, 0, 0)
    sampled = kind.sample(500, torch.Generator().manual_seed(0))
    assert [len(column.unique()) for column in sampled.T[[0, 1, 2, 9]]] == [10, 10, 10, 2]
    assert torch.equal(limit_shape(kind, sampled), sampled)


def test_the_program_draws_the_nearest_levels(kind: MyPaint) -> None:
    free = strokes(kind)[:, :10]
    rounded = limit_shape(kind, free)
    assert not torch.equal(rounded, free)
    assert torch.equal(kind.rasterize(free, SIZE, SIZE), kind.rasterize(rounded, SIZE, SIZE))


def test_a_lifted_brush_leaves_no_paint_and_others_what_they_left_before(kind: MyPaint) -> None:
    shape = kind.sample(30, torch.Generator().manual_seed(1))
    alpha = kind.rasterize(shape, SIZE, SIZE)
    lifted = shape[:, 9] == 1
    assert 5 < lifted.sum() < 25
    assert not alpha[lifted].any()
    pressed = shape[:, :2].amin(1) > 0.5
    assert (alpha[~lifted & pressed].amax((1, 2, 3)) > 0).all()
    assert kind.watched(shape)["lifted"] == lifted.float().mean()
    assert MyPaint(levels=10).watched(shape[:, :9]) == {}


class Tinted(Renderer):
    """Draws a haze as thick as its weights say, for values between levels, too."""

    def __init__(self, stroke: MyPaint) -> None:
        super().__init__(stroke, SIZE)
        weights = torch.rand(stroke.shape_dim, generator=torch.Generator().manual_seed(0))
        self.weights = nn.Parameter(weights)

    def forward(self, shape: Tensor) -> Tensor:
        alpha = (shape @ self.weights - 2).sigmoid()
        return alpha[:, None, None, None].expand(-1, 1, SIZE, SIZE)


@pytest.mark.parametrize("rounded", [True, False])
def test_an_agents_painter_sees_what_the_program_can_do_unless_it_may_dream(
    rounded: bool, kind: MyPaint
) -> None:
    """Rounded, the canvas in the environment is that of the record; else it is another."""
    free = strokes(kind, 6).requires_grad_()
    renderer = Tinted(MyPaint(levels=10, lift=True, rounded=rounded))
    environment = PaintingEnvironment(renderer, 6, 6)
    state = environment.reset(torch.rand(1, 3, SIZE, SIZE))
    canvas = environment.step(state, free.view(1, -1)).canvas
    valid = kind.limit(free).detach()
    alpha = renderer(valid[:, :10])
    by_hand = torch.zeros(1, 3, SIZE, SIZE)
    for number in range(6):
        by_hand = by_hand + alpha[number] * (valid[number, 10:, None, None] - by_hand)
    assert torch.allclose(canvas, by_hand, atol=1e-6) == rounded
    (grad,) = torch.autograd.grad(canvas.sum(), free)
    assert (grad[:, [0, 1, 2, 9]].abs().amax(0) > 0).all()


def test_a_lift_that_is_known_keeps_its_gradient(kind: MyPaint) -> None:
    """The canvas is that of strokes drawn unlifted, less those that are lifted."""
    known = MyPaint(levels=10, lift=True, lift_known=True)
    free = strokes(known, 6)
    free[:, 9] = torch.tensor([0.9, 0.1, 1.0, 0.2, 0.8, 0.0])
    free.requires_grad_()
    renderer = Tinted(known)
    environment = PaintingEnvironment(renderer, 6, 6)
    state = environment.reset(torch.rand(1, 3, SIZE, SIZE))
    canvas = environment.step(state, free.view(1, -1)).canvas
    down = kind.limit(free).detach()[[1, 3, 5]]
    alone = PaintingEnvironment(Tinted(kind), 3, 3)
    rest = alone.step(alone.reset(state.target), down.view(1, -1)).canvas
    torch.testing.assert_close(canvas, rest)
    (grad,) = torch.autograd.grad(canvas.sum(), free)
    assert (grad[:, 9].abs() > 0).all()
    # Of the lifted stroke 4: what its paint would change, as far as stroke 5 leaves it to be seen.
    valid = kind.limit(free).detach()
    alpha = renderer(torch.cat([valid[4:, :9], torch.zeros(2, 1)], dim=1))
    two = PaintingEnvironment(Tinted(kind), 2, 2)
    below = two.step(two.reset(state.target), down[:2].view(1, -1)).canvas
    changed = (alpha[0] * (valid[4, 10:, None, None] - below) * (1 - alpha[1])).sum()
    torch.testing.assert_close(grad[4, 9], -changed, rtol=1e-3, atol=1e-3)


def test_a_lift_that_is_known_is_known_to_what_is_optimized_too(kind: MyPaint) -> None:
    """On the canvas of `visualize` and `stylize`, as in the environment."""
    known = MyPaint(levels=10, lift=True, lift_known=True)
    free = strokes(known, 6)
    free[:, 9] = torch.tensor([0.9, 0.1, 1.0, 0.2, 0.8, 0.0])
    free.requires_grad_()
    black = (0.0, 0.0, 0.0)
    canvas = GridCanvas(Tinted(known), Grid(SIZE), 6, black).draw(known.limit(free))
    down = kind.limit(free).detach()[[1, 3, 5]]
    expected = GridCanvas(Tinted(kind), Grid(SIZE), 3, black).draw(down)
    torch.testing.assert_close(canvas, expected)
    (grad,) = torch.autograd.grad(canvas.sum(), free)
    assert (grad[:, 9].abs() > 0).all()


def test_an_agent_in_sight_of_the_program_sees_its_record(kind: MyPaint) -> None:
    free = strokes(kind, 6)
    environment = PaintingEnvironment(AnalyticRenderer(kind, SIZE), 6, 6)
    state = environment.reset(torch.rand(1, 3, SIZE, SIZE))
    canvas = environment.step(state, free.view(1, -1)).canvas
    drawn = draw(kind, kind.limit(free)[None], SIZE, SIZE)
    torch.testing.assert_close(canvas, drawn, atol=1e-6, rtol=0)


@pytest.mark.parametrize("rounded", [True, False])
def test_a_record_holds_what_was_drawn(rounded: bool, tmp_path: Path) -> None:
    kind = MyPaint(levels=10, lift=True, rounded=rounded)
    free = strokes(kind)
    path = tmp_path / "strokes.json"
    write_record(path, StrokeRecord(kind, kind.limit(free), 40, 30, None))
    jsonschema.validate(json.loads(path.read_text()), schema())
    record = read_record(path)
    assert record.stroke.parameters == kind.parameters
    assert record.stroke.geometry()["stroke.levels"] == 10
    valid = MyPaint(levels=10, lift=True).limit(free)
    torch.testing.assert_close(record.strokes, valid, atol=1e-6, rtol=0)
    again = record.stroke.rasterize(record.strokes[:, :10], SIZE, SIZE)
    assert torch.equal(again, kind.rasterize(free[:, :10], SIZE, SIZE))


def test_examples_have_levels_and_are_not_lifted(kind: MyPaint) -> None:
    human = HumanStrokes("digits")
    human.check(kind, 6)
    examples = human.of([str(digit) for digit in range(10)], kind)
    assert torch.equal(kind.limit(examples), examples)
    assert not examples[..., 9].any()
    assert examples[..., 2].unique().tolist() == [pytest.approx(2 / 9)]


@pytest.mark.parametrize(
    ("learned", "wanted", "why"),
    [
        ({"levels": 10}, {}, "`levels=10` only"),
        ({"lift": True}, {}, "`lift=true`"),
        ({}, {"lift": True}, "`lift="),
        ({"levels": 10}, {"levels": 5}, "`levels=10`"),
    ],
)
def test_a_painter_of_another_action_space_is_refused(
    learned: dict[str, object], wanted: dict[str, object], why: str, tmp_path: Path
) -> None:
    renderer = NeuralRenderer(MyPaint(**learned), SIZE, [8], 4)  # type: ignore[arg-type]
    save_renderer(tmp_path / "renderer", renderer, Verdict(0.001, 0.1))
    with pytest.raises(UserError, match=why):
        load_renderer(tmp_path, MyPaint(**wanted), SIZE)  # type: ignore[arg-type]
    dreaming = {**learned, "rounded": False} if learned else learned
    loaded = load_renderer(tmp_path, MyPaint(**dreaming), SIZE)  # type: ignore[arg-type]
    assert loaded.stroke.limits() == ({"rounded": False} if learned else {})


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"levels": 1}, "`levels` is 1 — give a whole number, from 2 to 256, or null"),
        ({"levels": 2.5}, "`levels` is 2.5"),
        ({"levels": True}, "`levels` is true"),
        ({"levels": 10**6}, "from 2 to 256"),
        ({"lift": "yes"}, "`lift` is 'yes' — give true or false"),
        ({"rounded": 0, "levels": 3}, "`rounded` is 0"),
        ({"rounded": False}, "nothing to be rounded"),
        ({"lift_known": True}, "there is no lift"),
        ({"levels": 10, "max_width": 0.1}, "`max_width` doesn't go with `levels`"),
    ],
)
def test_what_makes_no_sense(options: dict[str, object], why: str) -> None:
    with pytest.raises(UserError, match=why):
        MyPaint(**options)  # type: ignore[arg-type]
