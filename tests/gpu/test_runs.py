"""Whole runs on the GPU, as a person starts them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from impasto.io.images import write_png
from impasto.persistence.checkpoints import LAST
from impasto.persistence.manifest import read_manifest
from tests.conftest import RunCli, RunMain

pytestmark = pytest.mark.gpu

TINY = (
    "canvas.size=16",
    "strokes=5",
    "bundle=2",
    "batch_size=8",
    "replay.episodes=16",
    "data.val_limit=8",
    "data.test_limit=8",
    "logger=none",
    "data.cache=data",
    "agent.updates_per_rollout=3",
    "agent.warmup_env_steps=3",
    "trainer.val_check_interval=2",
    "agent.actor.blocks=[1,1]",
    "agent.actor.width=4",
    "agent.actor.hidden=16",
    "agent.actor.glance=0",
    "agent.critic.blocks=[1,1]",
    "agent.critic.width=4",
)
QUICKSTART = ("task=train", "experiment=quickstart", *TINY)


def summary_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


@pytest.fixture
def trainer(accelerator: str) -> str:
    return f"trainer={accelerator}"


def picture(folder: Path) -> Path:
    red = torch.zeros(24, 32, 3, dtype=torch.uint8)
    red[6:18, 8:20, 0] = 220
    write_png(folder / "red.png", red.numpy())
    return folder / "red.png"


def test_quickstart_then_evaluate_and_paint_with_its_agent(
    run_main: RunMain, trainer: str, device: torch.device, tmp_path: Path
) -> None:
    done = run_main(*QUICKSTART, "updates=7", trainer, "hydra.run.dir=run")
    assert done.code == 0, done.err
    trained = summary_of(tmp_path / "run")
    assert trained["status"] == "finished"
    assert trained["updates"] == 7
    assert str(trained["device"]).startswith(device.type)
    assert (tmp_path / "run" / "paintings.png").stat().st_size > 0
    asked = ("task=evaluate", "experiment=quickstart", *TINY, "agent.weights=run")
    done = run_main(*asked, trainer, "hydra.run.dir=measured")
    assert done.code == 0, done.err
    measured = summary_of(tmp_path / "measured")
    assert measured["l2"] == pytest.approx(trained["l2"], rel=0.01)
    assert str(measured["device"]).startswith(device.type)
    paint = ("task=paint", f"image={picture(tmp_path)}", "export=[]", "strokes=6", trainer)
    done = run_main(*paint, "painter=agent", "agent.weights=run", "hydra.run.dir=agent")
    assert done.code == 0, done.err
    assert summary_of(tmp_path / "agent")["device"] == device.type
    assert (tmp_path / "agent" / "red" / "painting.png").stat().st_size > 0


def test_the_painter_that_optimizes(
    run_main: RunMain, trainer: str, device: torch.device, tmp_path: Path
) -> None:
    paint = ("task=paint", f"image={picture(tmp_path)}", "strokes=8", "painter.steps=60")
    done = run_main(*paint, trainer, "stroke=rectangle", "export=[svg]", "hydra.run.dir=run")
    assert done.code == 0, done.err
    left = summary_of(tmp_path / "run")
    assert left["device"] == device.type
    assert left["psnr"] > 20
    assert (tmp_path / "run" / "red" / "painting.svg").exists()


@pytest.mark.parametrize("renderer", ["neural", "fields"])
def test_pretraining(renderer: str, run_main: RunMain, trainer: str, tmp_path: Path) -> None:
    small = {"neural": ("renderer.hidden=[16,32]", "renderer.channels=8")}
    done = run_main(
        "task=pretrain",
        f"renderer={renderer}",
        "stroke=circle",
        "canvas.size=16",
        "updates=6",
        "batch_size=8",
        "task.judged_strokes=32",
        "logger=none",
        trainer,
        "hydra.run.dir=run",
        *small.get(renderer, ("renderer.hidden=16", "renderer.channels=8")),
    )
    assert done.code == 0, done.err
    assert summary_of(tmp_path / "run")["renderer_mse"] > 0
    assert (tmp_path / "run" / "renderer" / "weights.safetensors").exists()


@pytest.mark.parametrize("reward", ["l2", "wgan_gp"])
def test_bf16_trains_with_finite_losses(
    reward: str, run_main: RunMain, trainer: str, tmp_path: Path
) -> None:
    done = run_main(
        *QUICKSTART,
        f"reward={reward}",
        "updates=6",
        trainer,
        "trainer.precision=bf16-mixed",
        "callbacks.metrics_csv.every=3",
        "hydra.run.dir=run",
    )
    assert done.code == 0, done.err
    left = summary_of(tmp_path / "run")
    assert left["status"] == "finished"
    assert 0 < left["l2"] < 1
    state = torch.load(tmp_path / "run" / "checkpoints" / LAST, weights_only=True)["state_dict"]
    kinds = {value.dtype for value in state.values() if value.is_floating_point()}
    assert kinds == {torch.float32}  # only what is computed in between is rounded
    assert all(value.isfinite().all() for value in state.values())


def test_a_stopped_run_goes_on_and_ends_as_one_that_was_not(
    run_main: RunMain, trainer: str, tmp_path: Path
) -> None:
    """N and N updates are 2 N: counts and pictures exactly, weights as near as the device is."""
    whole = run_main(*QUICKSTART, "updates=8", trainer, "hydra.run.dir=whole")
    half = run_main(*QUICKSTART, "updates=4", trainer, "hydra.run.dir=parts")
    rest = run_main(*QUICKSTART, "updates=8", trainer, "hydra.run.dir=parts", "resume=auto")
    assert (whole.code, half.code, rest.code) == (0, 0, 0), rest.err
    assert "going on in" in rest.out
    states, replays = [], []
    for name in ("whole", "parts"):
        path = tmp_path / name / "checkpoints" / LAST
        checkpoint = torch.load(path, weights_only=True, map_location="cpu")
        assert checkpoint["impasto"]["update_count"] == 8
        states.append(checkpoint["state_dict"])
        [entry] = read_manifest(path).replay or ()
        replays.append(load_file(path.parent / entry["file"]))
    assert torch.equal(replays[0]["target"], replays[1]["target"])
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, atol=1e-3, rtol=1e-2, msg=name)


def test_a_run_moves_between_the_device_and_the_cpu(
    run_main: RunMain, trainer: str, device: torch.device, tmp_path: Path
) -> None:
    """A checkpoint is of no device: the replay comes along, and goes where the agent is."""
    for updates, where in ((3, trainer), (6, "trainer=cpu"), (8, trainer)):
        more = ("resume=auto",) if updates > 3 else ()
        asked = (*QUICKSTART, f"updates={updates}", where, "hydra.run.dir=run", *more)
        done = run_main(*asked)
        assert done.code == 0, done.err
        left = summary_of(tmp_path / "run")
        assert left["updates"] == updates
        assert str(left["device"]).startswith("cpu" if where == "trainer=cpu" else device.type)
        checkpoint = tmp_path / "run" / "checkpoints" / LAST
        assert torch.load(checkpoint, weights_only=True, map_location="cpu")


def test_a_device_can_be_chosen_and_one_that_is_not_there_is_refused(
    run_main: RunMain, device: torch.device, tmp_path: Path
) -> None:
    paint = ("task=paint", f"image={picture(tmp_path)}", "strokes=2", "painter.steps=2")
    done = run_main(*paint, "export=[]", "stroke=circle", "hydra.run.dir=auto")
    assert done.code == 0, done.err
    best = "cuda" if torch.cuda.is_available() else summary_of(tmp_path / "auto")["device"]
    assert summary_of(tmp_path / "auto")["device"] == best
    done = run_main(*paint, "export=[]", "stroke=circle", "trainer=cpu", "hydra.run.dir=cpu")
    assert done.code == 0, done.err
    assert summary_of(tmp_path / "cpu")["device"] == "cpu"
    missing = "tpu" if torch.cuda.is_available() else "gpu"
    done = run_main(*paint, f"trainer.accelerator={missing}", "hydra.run.dir=none")
    assert done.code == 2
    assert f"trainer.accelerator is '{missing}'" in done.err


def test_two_gpus_learn_as_one(run_cli: RunCli, device: torch.device, tmp_path: Path) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip(
            "there are no two GPUs; tests/lightning_modules/test_distributed.py has two of a CPU"
        )
    done = run_cli(
        *QUICKSTART,
        "updates=6",
        "trainer=ddp",
        "trainer.devices=2",
        "trainer.accelerator=gpu",
        f"hydra.run.dir={tmp_path / 'run'}",
    )
    assert done.code == 0, done.err
    left = summary_of(tmp_path / "run")
    assert (left["status"], left["updates"]) == ("finished", 6)
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / LAST, weights_only=True)
    assert len(checkpoint["impasto"]["ranks"]) == 2
