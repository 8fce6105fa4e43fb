"""Budgets: strokes by content, steps by quality and by time; all told and kept beforehand."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.api import paint
from impasto.errors import UserError
from impasto.io.record import read_record
from impasto.launch.validation.validate import validate
from impasto.painters import AgentPainter, OptimizePainter
from impasto.painters import optimize as optimize_module
from impasto.painters.budget import QUALITIES, Budget, Cost, count_wavelets, strokes_for
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier, Circle
from impasto.tasks.paint import paint as paint_task
from tests.conftest import Compose
from tests.impasto.painters.test_agent import BACKGROUND, MeanColorActor

SIZE = 32


def painter(**settings: int | None) -> OptimizePainter:
    return OptimizePainter(Circle(), **{"strokes": 9, "tries": 2, "steps": 3, **settings})  # type: ignore[arg-type]


def agent() -> AgentPainter:
    environment = PaintingEnvironment(AnalyticRenderer(Circle(), 16), 4, 2, BACKGROUND)
    return AgentPainter(PaintingPolicy(MeanColorActor(), environment), strokes=9)


def texture(contrast: int, side: int = SIZE) -> NDArray[np.uint8]:
    """Noise around grey."""
    noise = np.random.default_rng(0).integers(-contrast, contrast + 1, (side, side, 3))
    return (128 + noise).astype(np.uint8)


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Painting costs 1 s, and 0.25 s a step."""
    monkeypatch.setattr(optimize_module, "measure_cost", lambda *given: Cost(1.0, 0.25))


def test_wavelets_are_counted_by_the_error_that_leaving_them_out_makes() -> None:
    """An edge along a whole half is one wavelet: of Haar's own shape."""
    flat = np.full((SIZE, SIZE, 3), 90, np.uint8)
    assert count_wavelets(flat) == count_wavelets(flat[:1, :1]) == 0
    edge = flat.copy()
    edge[:, SIZE // 2 :] = 200
    assert count_wavelets(edge) == 1
    faint = flat.copy()
    faint[:, SIZE // 2 :] = 90 + 15  # half of it off on each side: 255 / 7.5 is 30.6 dB
    assert count_wavelets(faint) == 0
    faint[:, SIZE // 2 :] = 90 + 17  # 29.5 dB
    assert count_wavelets(faint) == 1
    assert count_wavelets(texture(127)) > 0.9 * SIZE * SIZE


def test_more_detail_gets_more_strokes() -> None:
    gradient = np.broadcast_to(np.arange(256)[None, :, None], (256, 256, 3)).astype(np.uint8)
    pictures = [gradient, *(texture(contrast, 256) for contrast in (20, 40, 80, 127))]
    strokes = [strokes_for(count_wavelets(image)) for image in pictures]
    assert strokes == sorted(strokes)
    assert strokes[0] < 100 < 1000 < strokes[-1]
    counts = [strokes_for(number) for number in (0, 10, 1000, 5000, 50_000, 10**6)]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (50, 16_000)


def test_steps_of_a_time() -> None:
    cost = Cost(2.0, 0.5)
    assert cost.seconds(10) == 7
    assert (cost.steps(7), cost.steps(7.4), cost.steps(0.1)) == (10, 10, 1)


def test_a_painter_has_the_steps_of_good_quality() -> None:
    assert painter(steps=None).gradient_steps == QUALITIES["good"] == 400
    assert painter().gradient_steps == 3
    refined = agent().refined(6)
    assert (refined.gradient_steps, refined.with_steps(7).gradient_steps) == (6, 7)
    assert agent().gradient_steps is None
    assert agent().cost(SIZE, SIZE, "cpu") is None


@pytest.mark.usefixtures("costs")
@pytest.mark.parametrize(
    ("budget", "strokes", "steps", "said"),
    [
        (Budget(), 9, 3, "9 strokes, 3 steps"),
        (Budget(9, "sketch"), 9, 100, "9 strokes, 100 steps"),
        (Budget(quality="best"), 9, 1500, "9 strokes, 1,500 steps: about 6 min"),
        (Budget(seconds=6), 9, 20, "9 strokes, 20 steps: about 6 s"),
        (Budget(seconds=0.01), 9, 1, "9 strokes, 1 step: about 1 s"),
        (
            Budget("auto", seconds=2.0),
            50,
            4,
            "by its content, 1 wavelet comes to 30 dB; 50 strokes, 4 steps: about 2 s",
        ),
    ],
)
def test_what_is_planned_is_said(
    caplog: pytest.LogCaptureFixture, budget: Budget, strokes: int, steps: int, said: str
) -> None:
    """The time only where it is seconds, or was asked for."""
    edge = np.zeros((128, 128, 3), np.uint8)
    edge[:64] = 200
    with caplog.at_level(logging.INFO):
        planned = budget.plan(painter(), edge)
    assert (planned.strokes, planned.gradient_steps) == (strokes, steps)
    assert [record.getMessage() for record in caplog.records] == [said]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"quality": "fine"}, "`quality=fine` is unknown — choose from sketch, good, best"),
        ({"quality": "good", "seconds": 3.0}, "`quality=good` and `seconds=3.0` each say"),
        ({"steps": 9, "seconds": 3.0}, "`steps=9` and `seconds=3.0` each say"),
        ({"steps": 9, "quality": "good"}, "`steps=9` and `quality=good` each say"),
        ({"seconds": 0.0}, "`seconds` is 0.0"),
        ({"seconds": 86_401.0}, "`seconds` is 86401.0"),
        ({"strokes": "many"}, "`strokes=many` — give a whole number, or auto"),
    ],
)
def test_a_budget_says_one_thing(given: dict[str, object], what: str) -> None:
    with pytest.raises(UserError) as error:
        Budget(**given)  # type: ignore[arg-type]
    assert what in f"{error.value.what} — {error.value.todo}"


@pytest.mark.parametrize("budget", [Budget(quality="good"), Budget(seconds=3.0)])
def test_an_agent_alone_has_no_steps(budget: Budget, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`AgentPainter`, which takes no gradient steps"):
        paint_task(agent(), "any.png", tmp_path, budget=budget)
    image = texture(127, 64)
    assert Budget("auto").plan(agent(), image).strokes == strokes_for(count_wavelets(image))


@pytest.mark.parametrize("stroke", [Circle(), Bezier(palette=4, max_width=0.2)])
def test_a_measured_cost_grows_with_the_work(stroke: Circle | Bezier) -> None:
    """And measuring leaves nothing behind: neither in the painter nor in random numbers."""
    asked = replace(painter(steps=5), stroke=stroke)
    before = torch.get_rng_state()
    cost = asked.cost(SIZE, SIZE, "cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert 0 < cost.each < 10
    assert 0 < cost.fixed < 100
    assert 0 < agent().refined(5, tries=2).cost(SIZE, SIZE, "cpu").each < 10


@pytest.mark.usefixtures("costs")
def test_the_numbers_of_the_summary_paint_it_again(tmp_path: Path) -> None:
    for name, contrast in (("a", 127), ("b", 90)):
        Image.fromarray(texture(contrast, 64)).save(tmp_path / f"{name}.png")
    budget = Budget("auto", seconds=1.75)
    one = paint_task(painter(), tmp_path / "a.png", tmp_path / "one", budget=budget)
    assert (one["strokes"], one["steps"]) == (strokes_for(count_wavelets(texture(127, 64))), 3)
    same = painter(strokes=int(str(one["strokes"])), steps=int(str(one["steps"])))
    paint_task(same, tmp_path / "a.png", tmp_path / "again")
    first, second = (read_record(tmp_path / run / "a" / "strokes.json") for run in ("one", "again"))
    assert torch.equal(first.strokes, second.strokes)
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    several = paint_task(painter(), files, tmp_path / "two", budget=Budget("auto"))
    assert several["steps"] == 3
    assert several["strokes"] == [one["strokes"], strokes_for(count_wavelets(texture(90, 64)))]


@pytest.mark.usefixtures("costs")
def test_the_library_plans_only_what_it_is_asked() -> None:
    image = texture(60)
    chosen = paint(image, "auto", Circle(), seconds=1.5)
    assert len(chosen.record.strokes) == strokes_for(count_wavelets(image))
    timed = paint(image, 9, painter=painter(steps=None), seconds=1.75)
    assert torch.equal(timed.record.strokes, paint(image, painter=painter()).record.strokes)
    with pytest.raises(UserError, match="unknown"):
        paint(image, quality="fine")


@pytest.mark.parametrize("choice", ["agent", "optimize", "agent+optimize"])
def test_on_the_command_line_auto_is_left_to_the_task(compose_config: Compose, choice: str) -> None:
    """Painters are built for a number that the task puts another one for."""
    given = ("image=a.png", "strokes=auto", f"painter={choice}")
    cfg = compose_config("task=paint", *given)
    validate(cfg)
    assert (cfg.painter.strokes, cfg.strokes, cfg.task.call.budget.strokes) == (500, "auto", "auto")
    with pytest.raises(UserError, match="strokes is 'auto'"):
        validate(compose_config("task=evaluate", *given))


def test_steps_that_were_given_are_known(compose_config: Compose) -> None:
    for choice in ("optimize", "agent", "agent+optimize"):
        assert compose_config("task=paint", f"painter={choice}").task.call.budget.steps is None
    assert compose_config("task=paint", "painter.steps=9").task.call.budget.steps == 9
