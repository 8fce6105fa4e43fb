"""The papers' recipes in pieces: what is trained, how long, how fast, and what is taken away."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto.errors import UserError
from impasto.io.images import write_png
from impasto.rl.policy import PaintingPolicy
from scripts.recipes.__main__ import main
from scripts.recipes.runs import Clock, Pace, age, pace, renderer_error, updates_made, work
from scripts.recipes.stages import SCALES, stages_of
from tests.conftest import Compose

WEIGHTS = Path("/runs/closed/renderer/renderer")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """CelebA and ImageNet in their layouts, of a few pictures each."""
    draws = np.random.default_rng(0)
    names = [
        f"celeba/img_align_celeba/{number:06d}" for number in (*range(1, 13), 170_000, 190_000)
    ]
    names += [f"imagenet/train/a/{number}" for number in range(12)]
    names += [f"imagenet/val/a/{number}" for number in range(4)]
    for name in names:
        path = tmp_path / "data" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, draws.integers(0, 256, (20, 16, 3)).astype(np.uint8))
    return tmp_path / "data"


def write_metrics(folder: Path, rows: Sequence[dict[str, float]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for row in rows for name in row))
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


# ---- what is trained


def test_the_recipes_are_the_papers(data: Path, compose_config: Compose) -> None:
    stages = stages_of(SCALES["paper"], data, WEIGHTS, [], [])
    assert [stage.name for stage in stages] == ["renderer", "celeba", "imagenet"]
    composed = {stage.name: compose_config(*stage.overrides) for stage in stages}
    assert {cfg.canvas.size for cfg in composed.values()} == {128}
    assert composed["renderer"].updates == 500_000
    assert composed["renderer"].renderer.hidden == [512, 1024, 2048]
    for name, strokes in (("celeba", 200), ("imagenet", 400)):
        cfg = composed[name]
        assert (cfg.updates, cfg.batch_size, cfg.strokes, cfg.bundle) == (200_000, 96, strokes, 5)
        assert cfg.data.root == str(data / name)
        assert cfg.renderer.weights == str(WEIGHTS)
        assert cfg.agent.actor.width == 64
        assert cfg.data.test_limit == 2000  # however many there are, closing takes as long
        assert cfg.reward._target_.endswith("WganGpReward")


def test_stages_and_overrides_that_are_asked_for(data: Path, compose_config: Compose) -> None:
    more = ["trainer.precision=bf16-mixed", "celeba:seed=3", "renderer:batch_size=7"]
    more += ["celeba:updates=5000"]
    first, second = stages_of(SCALES["paper"], data, WEIGHTS, ["celeba", "renderer"], more)
    assert (first.name, second.name) == ("renderer", "celeba")  # an agent needs the renderer
    one, other = compose_config(*first.overrides), compose_config(*second.overrides)
    assert one.trainer.precision == other.trainer.precision == "bf16-mixed"
    assert (one.batch_size, other.batch_size) == (7, 96)
    assert (one.seed, other.seed) == (0, 3)
    assert (first.updates, second.updates) == (one.updates, other.updates) == (500_000, 5000)


def test_stages_and_data_that_are_not_there(data: Path, tmp_path: Path) -> None:
    paper = SCALES["paper"]
    for chosen, more in ((["mnist"], []), ([], ["mnist:seed=1"])):
        with pytest.raises(UserError, match="no stage 'mnist' — choose from renderer, celeba"):
            stages_of(paper, data, WEIGHTS, chosen, more)
    with pytest.raises(UserError, match=r"celeba is not there"):
        stages_of(paper, tmp_path, WEIGHTS, [], [])
    assert stages_of(paper, tmp_path, WEIGHTS, ["renderer"], [])[0].root is None


# ---- how fast


def test_a_pace_leaves_out_what_came_before_and_the_warm_up(tmp_path: Path) -> None:
    """100 updates in 10 s, a slow start after a pause, then 100 in 2 s."""
    seconds = {100: 10, 200: 20, 300: 60, 400: 62, 500: 64, 600: 66}
    rows = [{"update": update, "seconds": second} for update, second in seconds.items()]
    write_metrics(tmp_path, rows)
    assert pace(tmp_path) == Pace(500, 56)
    assert pace(tmp_path, since=200, warm=100) == Pace(300, 6)
    assert pace(tmp_path, since=200, warm=100).rate == pytest.approx(50)
    assert pace(tmp_path, since=200, warm=150) == Pace(200, 4)
    assert pace(tmp_path, since=500, warm=900) == Pace(0, 0)  # a single row
    assert pace(tmp_path / "none") == Pace(0, 0)
    assert Pace(0, 0).rate == 0


def test_hours_are_said_of_enough_updates_alone() -> None:
    assert Pace(2000, 100).hours(200_000, 2000) == pytest.approx(200_000 / 20 / 3600)
    assert Pace(1999, 100).hours(200_000, 2000) is None
    assert Pace(0, 0).hours(200_000, 0) is None
    assert SCALES["paper"].steady == 2000


def test_a_renderers_error_is_that_of_its_last_validation(tmp_path: Path) -> None:
    assert renderer_error(tmp_path) is None
    write_metrics(
        tmp_path,
        [
            {"update": 100, "seconds": 5, "renderer_loss": 0.3},
            {"update": 250, "seconds": 9, "val_mse": 0.02, "mean_image_mse": 0.1},
            {"update": 500, "seconds": 20, "val_mse": 0.004, "mean_image_mse": 0.1},
            {"update": 600, "seconds": 24, "renderer_loss": 0.1},
        ],
    )
    assert renderer_error(tmp_path) == pytest.approx((500, 20, 0.04))
    assert SCALES["paper"].enough == pytest.approx(0.05)


def test_time_is_counted_from_the_start_of_the_process() -> None:
    assert 0 < age() < 24 * 3600
    clock = Clock(1.0, spent=age())
    assert clock.left < 60
    assert Clock(1.0).left == pytest.approx(60, abs=5)


# ---- all of it


@pytest.mark.slow
def test_two_commands_make_one_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first trains a renderer and is stopped in the agent; the second goes on with that."""
    runs = tmp_path / "runs"

    def shortly(name: str, folder: Path, overrides: Sequence[str], left: float, enough: Any) -> int:
        """As if the time of an agent were up after a few updates."""
        began = updates_made(folder)
        stop = enough if name == "renderer" else lambda run: pace(run, began).updates > 20
        return work(name, folder, overrides, left, stop)

    def command(number: int) -> str:
        out = tmp_path / f"out{number}"
        main(
            [
                "--data",
                str(data),
                "--out",
                str(out),
                "--runs",
                str(runs),
                "--scale",
                "tiny",
                "--minutes",
                str(8 + age() / 60),
                "--stages",
                "renderer celeba",
                "trainer=cpu",
                "celeba:updates=100000",
            ]
        )
        said = capsys.readouterr().out
        assert (out / "report.md").read_text() in said
        left = {path.name for path in out.iterdir()}
        assert left == {"report.md", "figures.tar", "celeba.1.tar"}
        assert "exported, 16 bits: L2 0." in said
        return said

    monkeypatch.setattr("scripts.recipes.__main__.work", shortly)
    first = command(1)
    assert "of the mean image's error after" in first
    made = updates_made(runs / "celeba")
    assert 20 < made < 100_000
    assert f"- celeba: {made:,} of 100,000 updates" in first
    assert "hours for the whole recipe, extrapolated" in first
    second = command(2)
    assert ", from an earlier command" in second
    assert f"celeba: from update {made:,}, for at most" in second
    assert updates_made(runs / "celeba") > made + 20
    updates = [int(row["update"]) for row in csv.DictReader((runs / "celeba/metrics.csv").open())]
    assert updates == sorted(set(updates))
    closed = json.loads((runs / "closed" / "celeba" / "summary.json").read_text())
    assert (closed["status"], closed["updates"]) == ("finished", updates_made(runs / "celeba"))
    assert PaintingPolicy.load(runs / "exports" / "celeba").environment.strokes == 4


def test_a_stage_that_fails_is_reported_and_the_command_fails(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> int:
        raise UserError("renderer ended with 2", "mend that")

    monkeypatch.setattr("scripts.recipes.__main__.work", broken)
    out = tmp_path / "out"
    asked = ["--data", str(data), "--out", str(out), "--runs", str(tmp_path / "runs")]
    with pytest.raises(SystemExit) as end:
        main([*asked, "--minutes", str(30 + age() / 60)])
    assert end.value.code == 1
    report = (out / "report.md").read_text()
    assert "- renderer: error: renderer ended with 2" in report
    assert "- celeba: waits for the renderer" in report
    assert report in capsys.readouterr().out
    with pytest.raises(UserError, match="no stage 'mnist'"):
        main([*asked, "--stages", "mnist"])
