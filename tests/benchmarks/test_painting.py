"""The benchmark of painters: its figures, its history, its curves, and a quick run of all of it."""

import csv
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.curves import Entry, by_seconds, by_strokes, entries, table
from benchmarks.history import History, PaintingResult
from benchmarks.painting import QUICK, main, row, ten
from benchmarks.photographs import PROTOTYPE, find_picture, fitted, square
from impasto.errors import UserError
from impasto.metrics import Nearness, target_of
from impasto.networks import Actor
from impasto.painters import AgentPainter, OptimizePainter, Painter, Progress, Sketch
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier, Circle

RESULT = PaintingResult("ten", "coffee", 128, 200, psnr=30.5, seconds=20.0, cpu_seconds=38.0)


def policy() -> PaintingPolicy:
    torch.manual_seed(0)
    environment = PaintingEnvironment(AnalyticRenderer(Bezier(), 16), strokes=4, bundle=2)
    actor = Actor(9, environment.action_dim, blocks=[1, 1], width=4)
    return PaintingPolicy(actor, environment).eval()


def test_history_grows_and_knows_the_last_of_the_same(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "painting.csv"
    assert History(path, "a machine").last(RESULT) is None
    History(path, "a machine, 2 cores").append([RESULT], "abc")
    later = PaintingResult("ten", "coffee", 128, 200, 31.0, 16.0, 30.0)
    History(path, "a machine, 2 cores").append([later], None)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["commit"], r["psnr"], r["seconds"]) for r in rows] == [
        ("abc", "30.500", "20.000"),
        ("", "31.000", "16.000"),
    ]
    history = History(path, "a machine, 2 cores")
    assert history.last(RESULT) == (31.0, 16.0)
    assert History(path, "another machine").last(RESULT) is None
    for other in ({"strokes": 100}, {"size": 64}, {"picture": "china"}, {"part": "large"}):
        assert history.last(PaintingResult(**{**vars(RESULT), **other})) is None
    assert "| -0.50 dB, 1.25 × the time |" in row(RESULT, history)


def test_a_row_shows_what_is_to_be_beaten(tmp_path: Path) -> None:
    history = History(tmp_path / "none.csv", "a machine")
    cells = row(RESULT, history).split(" | ")
    assert cells[4:6] == ["30.50 dB", "20.0 s"]
    assert cells[8] == "prototype: 29.2 dB, 45 s"
    mean = PaintingResult("ten", "mean", 128, 200, 30.0, 20.0, 38.0)
    assert "28.2 dB" in row(mean, history)
    assert "aim: 27 dB" in row(
        PaintingResult("large", "astronaut", 512, 2000, 27, 200, 300), history
    )


def test_all_ten_photographs_are_there() -> None:
    assert len(PROTOTYPE) == 10
    assert sum(PROTOTYPE.values()) / 10 == pytest.approx(28.2)
    for name in PROTOTYPE:
        assert find_picture(name).shape[2] == 3
    assert square("coffee", 16).shape == (16, 16, 3)
    assert fitted("coffee", 300).shape == (200, 300, 3)
    with pytest.raises(UserError, match="'sunset'"):
        find_picture("sunset")


def test_the_mean_is_of_all_pictures() -> None:
    *results, mean = ten(QUICK)
    assert [result.picture for result in results] == ["coffee", "china"]
    assert mean.picture == "mean"
    for key in ("psnr", "seconds", "cpu_seconds"):
        assert getattr(mean, key) == pytest.approx(
            sum(getattr(result, key) for result in results) / 2
        )


class Growing(Painter):
    """Dots of the picture's mean colour, told of one by one; half a picture's rows of them."""

    stroke = Circle()
    background = (0.0, 0.0, 0.0)
    steps = 4

    def __init__(self, strokes: int = 4) -> None:
        self.strokes = strokes

    def with_strokes(self, strokes: int) -> "Growing":
        return Growing(strokes)

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        return 16, 16

    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        rounds = 2 if target.mean() > 0.5 else 4
        place = torch.linspace(0.2, 0.8, self.strokes)[:, None]
        color = target.mean((1, 2)).expand(self.strokes, 3)
        dots = torch.cat([place, place, place * 0 + 0.5, place * 0 + 1, color], dim=1)
        for step in range(rounds):
            if progress is not None:
                progress(Sketch(step + 1, 20.0, self.stroke, dots[: step + 1]))
        return dots


def psnr(image: object, strokes: int, of: int = 4) -> float:
    assert hasattr(image, "shape")
    dots = Growing(of).paint(target_of(image, (16, 16)))[:strokes]
    canvas = draw(Circle(), dots[None], *image.shape[:2])[0]
    return Nearness(canvas, target_of(image, image.shape[:2])).psnr


def test_curve_by_strokes_is_the_mean_over_pictures() -> None:
    images = [square("coffee", 24), square("china", 24)]
    x, y = by_strokes(Growing(), images, [2, 4])
    assert x == [2, 4]
    for count, value in zip((2, 4), y, strict=True):
        assert value == pytest.approx(sum(psnr(image, count, count) for image in images) / 2)


def test_curve_by_seconds_holds_what_is_finished() -> None:
    dark, light = square("coffee", 24), 255 - square("coffee", 24) // 4
    entry = Entry(Growing(), Growing(), lambda step: step != 2)
    seconds, values = by_seconds(entry, [dark, light])
    assert seconds == sorted(seconds)
    # The dark one has the points 1, 3, 4 and the end; the light one 1 and the end, where it stays.
    expected = [(1, 1), (3, 4), (4, 4), (4, 4)]
    assert values == pytest.approx([(psnr(dark, a) + psnr(light, b)) / 2 for a, b in expected])
    assert table({"dots": ([1.0, 2.0], [10.0, 11.5])}, "seconds")[2:] == [
        "| dots | 1.0 | 10.00 |",
        "| dots | 2.0 | 11.50 |",
    ]


def test_three_painters_and_their_marks() -> None:
    optimize = OptimizePainter(Bezier(), 5, work_size=32)
    alone = entries(optimize, None, 3, (2, 4))
    assert list(alone) == ["optimize"]
    assert (alone["optimize"].painter.steps, alone["optimize"].patient.steps) == (700, 4)
    assert [step for step in range(9) if alone["optimize"].is_point(step)] == [2, 4]
    three = entries(optimize, AgentPainter(policy(), 5), 3, (2, 4))
    assert list(three) == ["optimize", "agent", "agent+optimize"]
    both = three["agent+optimize"]
    assert (both.painter.steps, both.patient.steps) == (5 + 3, 5 + 4)
    assert [step for step in range(12) if both.is_point(step)] == [0, 1, 2, 3, 4, 5, 7, 9]


def test_quick_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy().save(tmp_path / "agent")
    out = tmp_path / "out"
    agent = ["--agent", str(tmp_path / "agent"), "--pictures", "coffee"]
    main(["ten", "large", "curves", "--quick", "--out", str(out), *agent])
    text = (out / "painting.md").read_text()
    assert text.strip() == capsys.readouterr().out.strip()
    assert "| agent+optimize | 4.0 |" in text
    rows = [line for line in text.splitlines() if line.startswith(("| ten", "| large"))]
    assert [line.split(" | ")[1] for line in rows] == ["coffee", "china", "mean", "astronaut"]
    assert (out / "docs" / "pictures" / "painters.png").stat().st_size > 1000
    main(["ten", "--quick", "--out", str(out)])
    again = capsys.readouterr().out
    assert "| +0.00 dB, " in again
    assert "× the time |" in again
    with (out / "benchmarks" / "painting.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 4 + 3


def test_an_unknown_part_or_agent_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["elven", "--quick", "--out", str(tmp_path)])
    assert "no part 'elven'" in capsys.readouterr().err
    with pytest.raises(UserError):
        main(["curves", "--quick", "--out", str(tmp_path), "--agent", str(tmp_path / "none")])


@pytest.mark.slow
def test_the_cold_start_is_the_whole_command(tmp_path: Path) -> None:
    main(["cold", "--quick", "--out", str(tmp_path)])
    text = (tmp_path / "painting.md").read_text()
    summary = json.loads((tmp_path / "cold" / "summary.json").read_text())
    assert f"| cold | coffee | 32 px | 3 | {summary['psnr']:.2f} dB |" in text
    with (tmp_path / "benchmarks" / "painting.csv").open(newline="") as file:
        [recorded] = csv.DictReader(file)
    assert float(recorded["seconds"]) > summary["seconds"]
