"""The tasks that learn and measure, end to end on small objects."""

import csv
import json
from pathlib import Path

import pytest
import torch

from datamodules.sets.digits import Digits
from impasto.canvas import to_float
from impasto.errors import UserError
from impasto.io.images import read_image, write_png
from impasto.renderers import NeuralRenderer, load_renderer
from impasto.rendering import draw
from impasto.rl.policy import PaintingPolicy
from impasto.rl.rewards import l2_distance
from impasto.strokes import Circle
from impasto.tasks.evaluate.agent import evaluate
from impasto.tasks.pretrain import pretrain
from impasto.tasks.runs.gallery import gallery
from impasto.tasks.train import train
from lightning_modules.callbacks import Checkpoints, GracefulStop, MetricsCsv
from tests.lightning_modules.conftest import (
    BATCH,
    SIZE,
    STROKES,
    make_agent,
    make_renderer_module,
    make_trainer,
)


def callbacks(folder: Path) -> list[MetricsCsv | Checkpoints | GracefulStop]:
    checkpoints = Checkpoints(folder / "checkpoints", every=100, monitor="val_l2")
    return [MetricsCsv(folder / "metrics.csv", every=2), checkpoints, GracefulStop()]


def digits(cache: Path) -> Digits:
    return Digits(canvas_size=SIZE, batch_size=BATCH, cache=str(cache), val_limit=8, test_limit=20)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A finished training run: its folder and its figures."""
    folder = tmp_path_factory.mktemp("run")
    trainer = make_trainer(folder, callbacks(folder), val_check_interval=4)
    data = digits(folder / "data")
    return folder, train(make_agent("l2", updates=6), data, trainer, folder)


def test_train_leaves_what_it_promises(trained: tuple[Path, dict[str, object]]) -> None:
    folder, metrics = trained
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "agent/config.yaml",
        "agent/weights.safetensors",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
        "metrics.csv",
        "learning.png",
        "curve.csv",
        "curve.png",
        "pictures.csv",
        "paintings.png",
    } <= left
    expected = {
        "updates",
        "status",
        "strokes",
        "images",
        "val_l2",
        "l2",
        "psnr",
        "ssim",
        "l2_renderer",
        "readable",
    }
    assert set(metrics) == expected
    assert (metrics["updates"], metrics["strokes"], metrics["images"]) == (6, STROKES, 20)
    assert metrics["status"] == "finished"


def test_what_is_exported_is_the_best_by_validation(
    trained: tuple[Path, dict[str, object]],
) -> None:
    folder, _ = trained
    best = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    policy = PaintingPolicy.load(folder)
    for key, value in policy.actor.state_dict().items():
        assert torch.equal(value, best[f"actor.{key}"]), key


def test_the_curve_is_the_exact_error_after_every_stroke(
    trained: tuple[Path, dict[str, object]],
) -> None:
    folder, metrics = trained
    policy, data = PaintingPolicy.load(folder), digits(folder / "data")
    data.setup()
    images = data.images("test")
    target = to_float(images.__getitems__(range(len(images)))["target"])
    strokes, _ = policy.paint(target)
    with (folder / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["stroke"]) for row in rows] == list(range(STROKES + 1))
    for count, row in enumerate(rows):
        canvas = torch.zeros_like(target)
        if count:
            canvas = draw(Circle(), strokes[:, :count], SIZE, SIZE)
        distance = l2_distance(canvas, target).double()
        assert float(row["l2_mean"]) == pytest.approx(distance.mean().item(), rel=1e-5)
        assert float(row["l2_std"]) == pytest.approx(distance.std(correction=0).item(), rel=1e-4)
        psnr = -10 * distance.log10()
        assert float(row["psnr_mean"]) == pytest.approx(psnr.mean().item(), rel=1e-4)
    assert metrics["l2"] == float(rows[-1]["l2_mean"])
    # With the exact renderer the agent saw what is judged.
    assert metrics["l2_renderer"] == pytest.approx(metrics["l2"], rel=1e-5)


def test_evaluate_measures_the_same_again(
    trained: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    folder, metrics = trained
    again = evaluate(PaintingPolicy.load(folder), digits(folder / "data"), tmp_path)
    # Not to the last bit: weights that learned lie in memory in another order than those read.
    assert again == pytest.approx(
        {key: metrics[key] for key in metrics.keys() - {"updates", "status", "val_l2"}}, rel=1e-6
    )


def test_a_run_that_goes_on_elsewhere_has_a_best_of_its_own(tmp_path: Path) -> None:
    for name, updates in (("one", 4), ("two", 8)):
        folder = tmp_path / name
        trainer = make_trainer(folder, callbacks(folder))
        last = tmp_path / "one" / "checkpoints" / "last.ckpt" if name == "two" else None
        data = digits(tmp_path / "data")
        metrics = train(make_agent("l2", updates=updates), data, trainer, folder, last)
        assert metrics["updates"] == updates
        assert (folder / "checkpoints" / "best.ckpt").exists()


def test_pretrain_refuses_to_call_noise_a_renderer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = make_trainer(tmp_path, callbacks(tmp_path), val_check_interval=2)
    metrics = pretrain(make_renderer_module(updates=4), trainer, tmp_path)
    assert metrics["status"] == "untrained"
    assert metrics["renderer_mse"] > metrics["mean_image_mse"] / 10
    assert "NOT TRAINED" in capsys.readouterr().err
    with pytest.raises(UserError, match="never trained"):
        load_renderer(tmp_path)
    loaded = load_renderer(tmp_path, allow_untrained=True)
    assert isinstance(loaded, NeuralRenderer)
    assert {"strokes.png", "curve.png", "metrics.csv"} <= {p.name for p in tmp_path.iterdir()}


def test_gallery_holds_figures_and_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "summary.json").write_text(json.dumps({"task": "train", "l2": 0.0123456}))
    write_png(run / "paintings.png", read_image(_picture(tmp_path)))
    gallery([str(run)], tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "0.01235" in page
    assert page.count("data:image/png;base64,") == 1
    assert "l2 0.01235" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"summary\.json"):
        gallery([str(tmp_path)], tmp_path)


def _picture(folder: Path) -> Path:
    path = folder / "dot.png"
    write_png(path, torch.zeros(2, 3, 3, dtype=torch.uint8).numpy())
    return path
