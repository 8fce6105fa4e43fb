"""Pretraining each kind of renderer from the command line, by what its own file says."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from impasto.launch.compose import choices
from impasto.renderers import load_renderer
from impasto.strokes import Circle
from impasto.tasks import pretrain as pretrain_task
from lightning_modules import GanRendererModule, RendererModule, VaeRendererModule
from tests.conftest import CONF, RunMain

SMALL = (
    "task=pretrain",
    "stroke=circle",
    "trainer=cpu",
    "logger=none",
    "canvas.size=16",
    "updates=4",
    "batch_size=4",
    "task.judged_strokes=32",
    "~callbacks.progress",
)
LEARNED = [name for name in choices(CONF, "renderer") if name != "analytic"]
MODULES = {"gan": GanRendererModule, "vae": VaeRendererModule}
OWN = {
    "gan": ("task.module.pixel_updates=1", "task.module.critic_alone=1"),
    "vae": ("task.module.vae_updates=2",),
}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The modules that are fitted."""
    modules: list[Any] = []
    real = pretrain_task.fit

    def fit(module: RendererModule, *rest: Any, **named: Any) -> None:
        modules.append(module)
        real(module, *rest, **named)

    monkeypatch.setattr(pretrain_task, "fit", fit)
    return modules


@pytest.mark.parametrize("renderer", LEARNED)
def test_every_renderer_is_learned_as_its_file_says(
    run_main: RunMain, tmp_path: Path, seen: list[Any], renderer: str
) -> None:
    folder = tmp_path / "run"
    done = run_main(
        *SMALL, f"renderer={renderer}", *OWN.get(renderer, ()), f"hydra.run.dir={folder}"
    )
    assert done.code == 0, done.err
    (module,) = seen
    assert type(module) is MODULES.get(renderer, RendererModule)
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["updates"], summary["status"]) == (4, "untrained")
    assert {"renderer_ssim", "spectral_distance", "renderer_mse"} <= summary.keys()
    verdict = yaml.safe_load((folder / "renderer/config.yaml").read_text())["verdict"]
    assert verdict["ssim"] == pytest.approx(summary["renderer_ssim"])
    loaded = load_renderer(folder, Circle(), 16, allow_untrained=True)
    shape = loaded.stroke.sample(3)
    torch.testing.assert_close(loaded(shape), module.renderer(shape))
    assert (folder / "strokes.png").exists()
    assert (folder / "curve.png").exists()
    assert (folder / "validation.png").exists()


def test_settings_of_a_renderers_learning_get_to_its_module(
    run_main: RunMain, tmp_path: Path, seen: list[Any]
) -> None:
    """Those of its own file, those of the task, and both in one section, laid over each other."""
    done = run_main(
        *SMALL,
        "renderer=gan",
        "task.module.critic_updates=2",
        "task.optimizer.lr=0.25",
        "task.module.critic.channels=6",
        *OWN["gan"],
        f"hydra.run.dir={tmp_path}",
    )
    assert done.code == 0, done.err
    (module,) = seen
    assert (module.critic_updates, module.batch_size, module.gradient_penalty) == (2, 4, 10.0)
    made = module.networks_that_learn["renderer"].optimizer(module.renderer.parameters())
    assert isinstance(made, torch.optim.Adam)
    assert (made.defaults["lr"], made.defaults["betas"]) == (0.25, (0.5, 0.9))
    first = next(module.critic.parameters())
    assert first.shape[0] == 6
    rates = ["RendererModule.optimizer.lr", "GanRendererModule.critic_optimizer.lr"]
    assert module.rate_keys == [f"`{rate}`" for rate in rates]
