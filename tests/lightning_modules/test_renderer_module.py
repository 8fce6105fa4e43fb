"""Pretraining: strokes as a function of seed and update, exact resume, the verdict."""

from pathlib import Path

import torch

from lightning_modules.callbacks import Checkpoints
from painting.renderers import judge
from tests.lightning_modules.conftest import make_renderer_module, make_trainer


def test_strokes_are_a_function_of_seed_and_update() -> None:
    module, again, other = (make_renderer_module(seed=seed) for seed in (0, 0, 1))
    assert torch.equal(module.strokes_of(7), again.strokes_of(7))
    assert not torch.equal(module.strokes_of(7), module.strokes_of(8))
    assert not torch.equal(module.strokes_of(7), other.strokes_of(7))
    state = torch.get_rng_state()
    module.strokes_of(3)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_loss_is_the_error_of_alpha() -> None:
    module = make_renderer_module()
    shape = module.strokes_of(0)
    exact = module.renderer.stroke.rasterize(shape, 16, 16)
    expected = (module.renderer(shape) - exact).square().mean()
    torch.testing.assert_close(module.training_step(0, 0), expected)


def test_n_and_n_is_2n(tmp_path: Path) -> None:
    states = []
    for stops in ([10], [4, 10]):
        last = None
        for updates in stops:
            module = make_renderer_module(updates=updates)
            checkpoints = Checkpoints(tmp_path / str(len(stops)), every=3)
            make_trainer(tmp_path, [checkpoints]).fit(module, ckpt_path=last)
            last = checkpoints.last
        states.append(torch.load(last, weights_only=True))
    whole, resumed = states
    assert whole["impasto"]["update_count"] == resumed["impasto"]["update_count"] == 10
    for key, value in whole["state_dict"].items():
        assert torch.equal(value, resumed["state_dict"][key]), key
    for one, two in zip(whole["optimizer_states"], resumed["optimizer_states"], strict=True):
        for number, state in one["state"].items():
            assert torch.equal(state["exp_avg"], two["state"][number]["exp_avg"])
    assert whole["lr_schedulers"] == resumed["lr_schedulers"]


def test_the_verdict_is_on_strokes_that_no_update_sees() -> None:
    module = make_renderer_module()
    verdict = module.judge()
    assert verdict == judge(module.renderer, 32, seed=2**40)
    assert not verdict.trained
    # One that always draws the mean picture reaches the mean image's level, and is not trained.
    assert verdict.mse > 0.5 * verdict.mean_image
