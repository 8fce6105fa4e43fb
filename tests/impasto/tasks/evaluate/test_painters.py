"""Painters measured on a folder of pictures, by number of strokes."""

import csv
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.io.images import read_image, resize_image
from impasto.metrics import target_of
from impasto.networks import Actor
from impasto.networks.classifiers import Classifier
from impasto.painters import Painter, Progress, Sketch
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw_picture
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier, Circle
from impasto.tasks.evaluate import painters
from impasto.tasks.evaluate.painters import evaluate_painters, means, stroke_counts
from tests.conftest import RunMain

COLUMNS = "painter,picture,strokes,psnr,ssim,l2,seconds,peak_memory_mb,work_size,size"


class Dots(Painter):
    """A row of dots in the picture's mean colour, on black."""

    stroke = Circle()
    background = (0.0, 0.0, 0.0)
    steps = 2

    def __init__(self, strokes: int, longer: int = 16) -> None:
        self.strokes, self.longer = strokes, longer

    def with_strokes(self, strokes: int) -> "Dots":
        return Dots(strokes, self.longer)

    def canvas(self, height: int, width: int) -> tuple[int, int]:
        shorter = self.longer // 2
        return (self.longer, shorter) if height > width else (shorter, self.longer)

    def paint(
        self,
        target: Tensor,
        progress: Progress | None = None,
        start: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        color = target.mean((1, 2))
        dots = [
            torch.cat([torch.tensor([(n + 0.5) / self.strokes, 0.5, 0.9, 1.0]), color])
            for n in range(self.strokes)
        ]
        for step in range(self.steps):
            if progress is not None:
                progress(Sketch(step + 1, 20.0, self.stroke, torch.stack(dots)))
        return torch.stack(dots)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures of different aspects."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name, size in {"a": (20, 40), "b": (50, 30), "c": (8, 12)}.items():
        image = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / f"{name}.png")
    return folder


def read_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "painters.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def expected_l2(picture: Path, painter: Dots, size: tuple[int, int]) -> float:
    image = read_image(picture)
    strokes = painter.paint(target_of(image, painter.canvas(*image.shape[:2])))
    drawn = draw_picture(painter.stroke, strokes, *size, painter.background)
    return float(np.square(drawn / 255 - resize_image(image, *size) / 255).mean())


def test_every_painting_has_a_row_and_every_count_a_mean(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = evaluate_painters({"dots": Dots(9)}, pictures, out, counts=[5, 2])
    rows = read_rows(out)
    assert ",".join(rows[0]) == COLUMNS
    keys = [(row["painter"], row["picture"], row["strokes"]) for row in rows]
    single = [("dots", f"{name}.png", count) for name in "abc" for count in "25"]
    assert keys == [*single, ("dots", "mean", "2"), ("dots", "mean", "5")]
    sizes = {"a.png": (20, 40), "b.png": (50, 30), "c.png": (8, 12)}
    for row in rows[:6]:
        count, size = int(row["strokes"]), sizes[row["picture"]]
        l2 = expected_l2(pictures / row["picture"], Dots(count), size)
        assert float(row["l2"]) == pytest.approx(l2, rel=1e-5)
        assert float(row["psnr"]) == pytest.approx(-10 * np.log10(l2), rel=1e-5)
        assert float(row["ssim"]) < 1
        assert float(row["seconds"]) > 0
        assert float(row["peak_memory_mb"]) > 10
        assert (row["work_size"], row["size"]) == ("16", str(max(size)))
    for key in ("l2", "psnr", "ssim", "seconds"):
        mean = np.mean([float(row[key]) for row in rows[1:6:2]])
        assert float(rows[7][key]) == pytest.approx(mean)
    assert (result["images"], result["strokes"]) == (3, 5)
    assert [result[key] for key in ("l2", "psnr", "ssim")] == [
        pytest.approx(float(rows[7][key])) for key in ("l2", "psnr", "ssim")
    ]
    files = {"painters.csv", "painters.png", "paintings.png"}
    assert {path.name for path in out.iterdir()} == files
    sheet = read_image(out / "paintings.png")
    assert sheet.shape == (3 * 130 + 4, 3 * 130, 3)  # the target above two paintings
    assert (sheet[32, 130 + 2 : 130 + 8] == 255).all()  # the frame beside the upright picture


def test_painters_are_compared_at_one_size(pictures: Path, tmp_path: Path) -> None:
    painters = {"small": Dots(3), "large": Dots(3, longer=32)}
    result = evaluate_painters(painters, [pictures / "a.png"], tmp_path / "out", counts=3)
    small, large, *_ = read_rows(tmp_path / "out")
    assert (small["work_size"], large["work_size"]) == ("16", "32")
    assert small["size"] == large["size"] == "40"
    l2 = expected_l2(pictures / "a.png", Dots(3), (20, 40))
    assert float(small["l2"]) == pytest.approx(l2, rel=1e-5)
    assert result["l2_small"] == pytest.approx(l2, rel=1e-5)
    assert {"l2_large", "psnr_small", "ssim_large"} < set(result)
    assert (tmp_path / "out" / "paintings_small.png").exists()
    asked = {"small": Dots(3)}
    evaluate_painters(asked, [pictures / "a.png"], tmp_path / "out", counts=3, size=60)
    assert read_rows(tmp_path / "out")[0]["size"] == "60"
    assert float(read_rows(tmp_path / "out")[0]["l2"]) == pytest.approx(
        expected_l2(pictures / "a.png", Dots(3), (30, 60)), rel=1e-5
    )


def test_means_are_over_pictures_of_each_painter_and_count() -> None:
    rows = [
        {"painter": painter, "picture": picture, "strokes": strokes, "psnr": psnr, "size": 16}
        for painter, picture, strokes, psnr in (
            ("x", "a", 5, 10.0),
            ("x", "a", 9, 20.0),
            ("y", "a", 5, 1.0),
            ("x", "b", 5, 13.0),
        )
    ]
    assert means(pd.DataFrame(rows)).values.tolist() == [
        ["x", "mean", 5, 11.5, 16],
        ["x", "mean", 9, 20.0, 16],
        ["y", "mean", 5, 1.0, 16],
    ]


@pytest.mark.parametrize(
    ("counts", "strokes", "expected"),
    [
        (None, 400, [50, 100, 200, 400]),
        (None, 3, [1, 2, 3]),
        (7, 400, [7]),
        ([200, 50, 50], 400, [50, 200]),
    ],
)
def test_counts(counts: list[int] | None, strokes: int, expected: list[int]) -> None:
    assert stroke_counts(counts, strokes) == expected


@pytest.mark.parametrize("counts", [[], [0], [5, -1], [1.5], ["a"], "abc", [True], [None]])
def test_counts_that_make_no_sense(counts: list[int], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="counts"):
        evaluate_painters({"dots": Dots(3)}, tmp_path, tmp_path, counts=counts)


def test_a_painter_of_one_number_of_strokes_is_refused_others(tmp_path: Path) -> None:
    class Fixed(Dots):
        with_strokes = Painter.with_strokes

    assert Fixed(3).with_strokes(3).strokes == 3
    with pytest.raises(UserError, match="can't paint with 4 strokes"):
        evaluate_painters({"fixed": Fixed(3)}, tmp_path, tmp_path, counts=[3, 4])


def test_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no pictures in this folder"):
        evaluate_painters({"dots": Dots(3)}, tmp_path, tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"broken\.png: not a picture"):
        evaluate_painters({"dots": Dots(3)}, tmp_path, tmp_path)
    with pytest.raises(
        UserError, match=r"^`size` is 8 — give a whole number, from 16 to 20000, or null$"
    ):
        evaluate_painters({"dots": Dots(3)}, tmp_path, tmp_path, size=8)


def test_a_broken_picture_is_left_out_and_named(
    pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (pictures / "b.png").write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING):
        result = evaluate_painters({"dots": Dots(3)}, pictures, tmp_path / "out", counts=3)
    assert result["images"] == 2
    assert "b.png" in caplog.text


def test_pictures_of_one_name_are_told_apart(pictures: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "a.png"
    other.parent.mkdir()
    other.write_bytes((pictures / "b.png").read_bytes())
    sources = [pictures / "a.png", other, pictures / "c.png"]
    evaluate_painters({"dots": Dots(3)}, sources, tmp_path / "out", counts=3)
    names = [row["picture"] for row in read_rows(tmp_path / "out")]
    assert names == [str(pictures / "a.png"), str(other), "c.png", "mean"]


def test_an_interruption_leaves_what_is_measured(pictures: Path, tmp_path: Path) -> None:
    class Interrupted(Dots):
        def with_strokes(self, strokes: int) -> "Interrupted":
            return Interrupted(strokes)

        def paint(self, target: Tensor, *others: object, **named: object) -> Tensor:
            if target.shape[1] > target.shape[2]:  # the second one
                raise KeyboardInterrupt
            return super().paint(target)

    with pytest.raises(KeyboardInterrupt):
        evaluate_painters({"dots": Interrupted(3)}, pictures, tmp_path / "out", counts=3)
    assert [row["picture"] for row in read_rows(tmp_path / "out")] == ["a.png"]


def test_lpips_is_a_column_where_weights_are_given(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from torchvision.models import alexnet

    torch.manual_seed(0)
    torch.save(alexnet(weights=None).state_dict(), tmp_path / "alexnet.pth")
    weights = str(tmp_path / "alexnet.pth")
    source, out = pictures / "a.png", tmp_path / "out"
    evaluate_painters({"dots": Dots(3)}, source, out, counts=3, lpips=weights)
    assert float(read_rows(out)[0]["lpips"]) > 0
    assert "LPIPS" not in capsys.readouterr().out
    evaluate_painters({"dots": Dots(3)}, source, out, counts=3)
    assert "lpips" not in read_rows(out)[0]
    assert "lpips=FILE" in capsys.readouterr().out


@pytest.mark.parametrize(("share", "same"), [(0.0, 1.0), (0.99, 0.0), (2.0, 1.0)])
def test_a_reader_says_whether_it_sees_the_same(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, same: float
) -> None:
    """By a classifier of brightness: a dot on black is darker than the picture of its colour."""
    source = pictures / "a.png"
    level = share * read_image(source).mean() / 255

    class Brightness(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            return torch.stack([given.mean((1, 2, 3)), torch.full((len(given),), level)], 1)

    reader = Classifier("brightness", Brightness(), ["bright", "dark"], 8)
    monkeypatch.setattr(painters, "load_classifier", lambda given, setting: reader)
    out = tmp_path / "out"
    summary = evaluate_painters({"dots": Dots(3)}, source, out, counts=1, reader="given")
    assert summary["recognized"] == same
    assert float(read_rows(out)[0]["recognized"]) == same


def test_painters_side_by_side_from_the_command_line(
    pictures: Path, tmp_path: Path, run_main: RunMain
) -> None:
    environment = PaintingEnvironment(AnalyticRenderer(Bezier(), 16), strokes=4, bundle=2)
    actor = Actor(9, environment.action_dim, blocks=[1, 1], width=4)
    PaintingPolicy(actor, environment).save(tmp_path / "agent")
    folder = tmp_path / "conf" / "painter"  # of choices of the user's own
    folder.mkdir(parents=True)
    for name, steps in (("plain", 0), ("quick", 30)):
        (folder / f"{name}.yaml").write_text(f"defaults: [agent, _self_]\nrefine: {steps}\n")
    done = run_main(
        f"hydra.searchpath=[file://{folder.parent}]",
        "task=evaluate",
        f"image={pictures / 'a.png'}",
        "painters=[plain,quick]",
        "agent.weights=agent",
        "counts=[6]",
        "size=32",
        "trainer=cpu",
        "hydra.run.dir=out",
    )
    assert done.code == 0, done.err
    rows = read_rows(tmp_path / "out")
    assert [row["painter"] for row in rows] == ["plain", "quick"] * 2
    psnr = {row["painter"]: float(row["psnr"]) for row in rows}
    assert psnr["quick"] > psnr["plain"] + 1
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["task"], summary["strokes"], summary["images"]) == ("evaluate", 6, 1)
    assert summary["psnr_quick"] == pytest.approx(psnr["quick"])
    assert len(list((tmp_path / "out").glob("paintings_*.png"))) == 2
