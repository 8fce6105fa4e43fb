"""Pretraining of a renderer: its strokes, its checkpoints, its verdict."""

from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.errors import Diverged, UserError
from impasto.renderers import NeuralRenderer
from impasto.strokes import Circle, Line
from lightning_modules import RendererModule
from lightning_modules.callbacks import Checkpoints
from tests.lightning_modules.conftest import (
    SIZE,
    AfterUpdate,
    make_renderer_module,
    make_trainer,
    run,
)


class Killed(Exception):
    """The process is gone."""


def learned(path: Path) -> dict[str, Any]:
    """Everything of a checkpoint that is the module's, by name."""
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    parts: dict[str, Any] = dict(checkpoint["state_dict"])
    for number, state in checkpoint["optimizer_states"][0]["state"].items():
        parts |= {f"adam {number} {key}": value for key, value in state.items()}
    parts["rate"] = torch.tensor(checkpoint["optimizer_states"][0]["param_groups"][0]["lr"])
    parts["schedule"] = torch.tensor(checkpoint["lr_schedulers"][0]["last_epoch"])
    parts["random"] = checkpoint["impasto"]["ranks"][0]["random"]["torch"]
    parts["update"] = torch.tensor(checkpoint["impasto"]["update_count"])
    return parts


def assert_same_run(found: Path, expected: Path) -> None:
    ours, theirs = learned(found), learned(expected)
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert torch.equal(ours[key], value), key


# ---- strokes


def test_strokes_are_a_function_of_seed_and_update() -> None:
    one, same, other = (make_renderer_module(seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.strokes_of(5), same.strokes_of(5))
    assert one.strokes_of(5).shape == (8, 4)
    firsts = [module.strokes_of(update)[0, 0] for module in (one, other) for update in range(50)]
    assert torch.stack(firsts).unique().numel() == 100  # no stroke comes twice
    state = torch.get_rng_state()
    one.strokes_of(7)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_strokes_that_judge_are_never_trained_on(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's generator knows no more than 32 bits of a seed: 2**40 would be 0."""
    module = make_renderer_module(seed=seed)
    drawn: list[torch.Tensor] = []
    real = Circle.sample

    def spy(self: Circle, *args: Any, **kwargs: Any) -> torch.Tensor:
        drawn.append(real(self, *args, **kwargs))
        return drawn[-1]

    monkeypatch.setattr(Circle, "sample", spy)
    module.judge()
    (judging,) = drawn
    trained_on = torch.cat([module.strokes_of(update) for update in range(300)])
    assert (
        not torch.isin(trained_on, judging)
        .any(1)
        .logical_and(torch.isin(trained_on, judging).all(1))
        .any()
    )
    module.judge()
    assert torch.equal(drawn[-1], judging)  # always the same, so that verdicts can be compared


class FewPairs:
    """Three shapes, and a picture for each that no rasterizer draws."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.prepared = 0
        self.shape = make_renderer_module().renderer.stroke.sample(3)

    def prepare(self) -> None:
        self.prepared += 1

    def sample(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        rows = torch.randint(3, (count,), generator=generator)
        return self.shape[rows], rows.float().view(-1, 1, 1, 1).expand(-1, 1, SIZE, SIZE) / 2


def test_strokes_drawn_beforehand_are_learned_from(tmp_path: Path) -> None:
    pairs = FewPairs(3)
    module = make_renderer_module(pairs=pairs)
    shape, exact = module.pairs_of(4)
    assert shape.shape == (8, 4)
    for one, picture in zip(shape, exact, strict=True):
        row = (pairs.shape == one).all(1).nonzero().item()
        assert (picture == row / 2).all()
    assert torch.equal(module.pairs_of(4)[0], shape)
    assert not torch.equal(module.pairs_of(5)[0], shape)
    of_update_0, painted = module.pairs_of(0)
    expected = (module.renderer(of_update_0) - painted).square().mean()
    losses: list[torch.Tensor] = []
    note = AfterUpdate(lambda n, metrics: losses.append(metrics["renderer_loss"]))
    run(module, tmp_path, callbacks=[note])
    torch.testing.assert_close(losses[0], expected)
    assert pairs.prepared == 1


def test_without_any_strokes_are_fresh() -> None:
    module = make_renderer_module(pairs=FewPairs(0))
    shape, exact = module.pairs_of(2)
    assert torch.equal(shape, module.strokes_of(2))
    assert torch.equal(exact, module.renderer.stroke.rasterize(shape, SIZE, SIZE))


def test_each_update_trains_on_its_own_strokes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = RendererModule.strokes_of

    def spy(self: RendererModule, update: int) -> torch.Tensor:
        asked.append(update)
        return real(self, update)

    monkeypatch.setattr(RendererModule, "strokes_of", spy)
    module = make_renderer_module(updates=6)
    run(module, tmp_path)
    assert asked == list(range(6))
    assert module.update_count == 6


def test_one_update_by_hand(tmp_path: Path) -> None:
    """Adam on the mean squared error to the exact rasterizer."""
    module, twin = make_renderer_module(updates=1), make_renderer_module(updates=1)
    losses: list[float] = []
    note = AfterUpdate(lambda n, metrics: losses.append(metrics["renderer_loss"].item()))
    run(module, tmp_path, callbacks=[note])
    renderer = twin.renderer
    optimizer = torch.optim.Adam(renderer.parameters(), 3e-3)
    shape = twin.strokes_of(0)
    exact = renderer.stroke.rasterize(shape, SIZE, SIZE)
    loss = (renderer(shape) - exact).square().mean()
    loss.backward()
    optimizer.step()
    assert losses == [pytest.approx(loss.item(), rel=1e-5)]
    for found, expected in zip(module.renderer.parameters(), renderer.parameters(), strict=True):
        torch.testing.assert_close(found, expected)


def test_schedule_counts_updates(tmp_path: Path) -> None:
    rates = []
    for updates in (2, 3, 7):
        last = run(make_renderer_module(updates=updates), tmp_path / str(updates))
        rates.append(learned(last)["rate"].item())
    assert rates == pytest.approx([3e-3, 1.5e-3, 0.75e-3])  # milestones at 3 and 7


# ---- resume


@pytest.mark.parametrize("stops", [[6, 12], [1, 5, 12], [11, 12]])
def test_n_and_n_is_2n(tmp_path: Path, stops: list[int]) -> None:
    whole = run(make_renderer_module(updates=12), tmp_path / "whole")
    last = None
    for updates in stops:
        last = run(make_renderer_module(updates=updates), tmp_path / str(updates), None, last)
    assert last is not None
    assert_same_run(last, whole)


@pytest.mark.parametrize("at", [6, 7, 11])
def test_a_killed_run_resumed_ends_as_one_that_was_not(tmp_path: Path, at: int) -> None:
    """It goes on from the last periodic checkpoint, whose counter and weights must agree."""
    whole = run(make_renderer_module(updates=12), tmp_path / "whole")
    module = make_renderer_module(updates=12)

    def die(number: int, metrics: object) -> None:
        if number == at:
            raise Killed

    checkpoints = Checkpoints(tmp_path, every=2)
    with pytest.raises(Killed):
        make_trainer(tmp_path, [AfterUpdate(die), checkpoints]).fit(module)
    kept = learned(checkpoints.last)
    assert kept["update"] == (at - 1) // 2 * 2
    assert kept["adam 0 step"] == kept["update"]
    last = run(make_renderer_module(updates=12), tmp_path / "on", None, checkpoints.last)
    assert_same_run(last, whole)


@pytest.mark.parametrize("bad", [6, 7])
def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(
    tmp_path: Path, bad: int
) -> None:
    module = make_renderer_module(updates=12)

    def spoil(number: int, metrics: object) -> None:
        if number == bad - 1:
            with torch.no_grad():
                next(module.renderer.parameters()).fill_(float("nan"))

    checkpoints = Checkpoints(tmp_path, every=3)
    trainer = make_trainer(tmp_path, [AfterUpdate(spoil), checkpoints])
    with pytest.raises(Diverged, match=f"not finite at update {bad}: renderer_loss nan"):
        trainer.fit(module)
    kept = learned(checkpoints.last)
    assert kept["update"] == kept["adam 0 step"]
    assert kept["adam 0 step"] < bad


@pytest.mark.parametrize(
    ("stroke", "size", "message"),
    [
        (Line(), SIZE, "stroke circle, this run has line"),
        (Circle(), 32, r"canvas\.size 16, this run has 32"),
    ],
)
def test_a_checkpoint_of_another_stroke_or_size_is_refused(
    tmp_path: Path, stroke: Circle | Line, size: int, message: str
) -> None:
    last = run(make_renderer_module(updates=1), tmp_path)
    renderer = NeuralRenderer(stroke, size, [16, 32], 8)
    with pytest.raises(UserError, match=message):
        run(make_renderer_module(renderer=renderer), tmp_path, None, last)


# ---- the verdict


def test_it_starts_untrained_and_learns(tmp_path: Path) -> None:
    module = make_renderer_module(updates=60)
    before = module.judge()
    assert not before.trained
    assert before.mse > 0.5 * before.mean_image
    run(module, tmp_path)
    after = module.judge()
    assert after.mean_image == before.mean_image
    assert after.mse < before.mse


def test_validation_logs_the_verdict(tmp_path: Path) -> None:
    module = make_renderer_module()
    (measured,) = make_trainer(tmp_path).validate(module, verbose=False)
    verdict = module.judge()
    expected = {
        "val_mse": verdict.mse,
        "mean_image_mse": verdict.mean_image,
        "val_ssim": verdict.ssim,
        "val_spectral": verdict.spectral,
    }
    assert measured == pytest.approx(expected, rel=1e-5)


def test_l1_is_another_loss_and_anything_else_is_refused() -> None:
    module = make_renderer_module(criterion="l1")
    loss, _ = module.loss(0)
    shape, exact = module.pairs_of(0)
    torch.testing.assert_close(loss, (module.renderer(shape) - exact).abs().mean())
    with pytest.raises(UserError, match="mse or l1"):
        make_renderer_module(criterion="l3")
