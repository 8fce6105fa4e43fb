"""A resumed run may change optimizers and schedules, and then the change counts."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR

from impasto.errors import UserError
from lightning_modules import TD3
from lightning_modules.optimizers import apply_changes, settings_of
from tests.lightning_modules.agents import test_lstm_adversarial as lstm
from tests.lightning_modules.conftest import (
    AfterUpdate,
    make_agent,
    make_agent_of,
    make_renderer_module,
    run,
)
from tests.lightning_modules.conftest import MemoryData as Data
from tests.lightning_modules.renderers import test_gan as gan
from tests.lightning_modules.renderers import test_vae as vae

Made = tuple[Optimizer, LRScheduler | None]
MULTI = partial(MultiStepLR, milestones=[3, 6], gamma=0.5)
COSINE = partial(CosineAnnealingLR, T_max=8, eta_min=1e-5)


def make(schedule: Callable[[Optimizer], LRScheduler] | None, **options: Any) -> Made:
    parameter = nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    optimizer = Adam([parameter], **{"lr": 1e-2, **options})
    return optimizer, None if schedule is None else schedule(optimizer)


def step(made: Made, count: int) -> list[float]:
    rates = []
    for _ in range(count):
        rates.append(made[0].param_groups[0]["lr"])
        made[0].step()
        if made[1] is not None:
            made[1].step()
    return rates


def restore(saved: Made, configured: Made, new: Made) -> bool:
    """As Lightning does, and then the changes; `configured` is the saved one at its beginning."""
    before, here = settings_of(*configured), settings_of(*new)
    new[0].load_state_dict(saved[0].state_dict())
    if saved[1] is not None and new[1] is not None:
        new[1].load_state_dict(saved[1].state_dict())
    return apply_changes(*new, before, here)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((MULTI, {}), (MULTI, {"lr": 1e-3})),
        ((COSINE, {}), (COSINE, {"lr": 1e-3})),
        ((MULTI, {}), (partial(MultiStepLR, milestones=[2, 5], gamma=0.1), {})),
        ((MULTI, {}), (COSINE, {"lr": 3e-3})),
        ((COSINE, {}), (partial(COSINE.func, T_max=20), {})),
        ((None, {}), (None, {"lr": 1e-3})),
        ((MULTI, {"lr": 0.0}), (MULTI, {"lr": 1e-3})),
    ],
    ids=["multistep", "cosine", "milestones", "kind", "horizon", "plain", "from zero"],
)
def test_the_rate_is_that_of_a_run_that_always_had_it(old: Any, new: Any) -> None:
    saved = make(old[0], **old[1])
    step(saved, 4)
    resumed = make(new[0], **new[1])
    assert restore(saved, make(old[0], **old[1]), resumed)
    always = make(new[0], **new[1])
    step(always, 4)
    assert step(resumed, 6) == step(always, 6)


def test_other_options_are_taken_as_they_are() -> None:
    saved = make(MULTI)
    step(saved, 4)
    resumed = make(MULTI, betas=(0.5, 0.9), weight_decay=0.1)
    assert restore(saved, make(MULTI), resumed)
    group = resumed[0].param_groups[0]
    assert (group["betas"], group["weight_decay"], group["lr"]) == ((0.5, 0.9), 0.1, 0.5e-2)
    assert resumed[0].state_dict()["state"][0]["step"] == 4  # moments stay


@pytest.mark.parametrize("schedule", [None, MULTI, COSINE])
def test_nothing_is_touched_where_nothing_changed(schedule: Any) -> None:
    saved = make(schedule)
    step(saved, 4)
    saved[0].param_groups[0]["lr"] *= 1.7  # as nothing in the config says
    resumed = make(schedule)
    assert not restore(saved, make(schedule), resumed)
    groups = [made[0].state_dict()["param_groups"] for made in (resumed, saved)]
    assert groups[0] == groups[1]
    if saved[1] is not None and resumed[1] is not None:
        assert resumed[1].state_dict() == saved[1].state_dict()


def rates_of(module: Any) -> list[float]:
    return [optimizer.param_groups[0]["lr"] for optimizer, _ in module._pairs]


def test_an_agents_changed_rate_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    last = run(make_agent("l2", updates=5), tmp_path / "a", Data())
    same = make_agent("l2", updates=6)
    run(same, tmp_path / "b", Data(), last)
    assert rates_of(same) == [0.5e-2, 0.5e-2]  # critic, actor; halved at 3
    assert "other settings" not in caplog.text
    slower = make_agent("l2", updates=6, actor_optimizer=partial(Adam, lr=1e-3))
    run(slower, tmp_path / "c", Data(), last)
    assert rates_of(slower) == [0.5e-2, 0.5e-3]
    assert "other settings of optimizers" in caplog.text


def test_a_renderers_changed_rate_counts(tmp_path: Path) -> None:
    last = run(make_renderer_module(updates=5), tmp_path / "a")
    module = make_renderer_module(updates=6, optimizer=partial(Adam, lr=1e-3))
    run(module, tmp_path / "b", None, last)
    assert rates_of(module) == [0.5e-3]


BOTH = {"actor_scheduler": MULTI, "critic_scheduler": MULTI}


@pytest.mark.parametrize(
    ("made", "data"),
    [
        (partial(make_agent_of, TD3, "l2", actor_every=2, **BOTH), Data()),
        (partial(make_agent_of, TD3, "l2", actor_every=99, **BOTH), Data()),  # which never comes
        (partial(lstm.make, actor_every=2, reward_scheduler=MULTI, **BOTH), Data()),
        (partial(gan.make_module, scheduler=MULTI, pixel_updates=2, critic_alone=4), None),
        (partial(vae.make_module, scheduler=MULTI, vae_updates=4), None),
    ],
    ids=["td3", "never", "lstm", "gan", "vae"],
)
def test_rates_are_functions_of_the_update_whoever_learns_at_it(
    made: Callable[..., Any], data: Data | None, tmp_path: Path
) -> None:
    """Halved after 3 and after 6 updates, also where a network learned at some of these only."""
    module = made(updates=8)
    rates: list[list[float]] = []
    note = AfterUpdate(lambda update, figures: rates.append(rates_of(module)))
    run(module, tmp_path, data, callbacks=[note])
    scheduled = [n for n, (_, schedule) in enumerate(module._pairs) if schedule is not None]
    assert scheduled
    for number in scheduled:
        found = [at[number] / rates[0][number] for at in rates]
        assert found == pytest.approx([1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25])


def test_another_kind_of_optimizer_is_refused(tmp_path: Path) -> None:
    last = run(make_renderer_module(updates=5), tmp_path / "a")
    for change in ({"optimizer": partial(torch.optim.SGD, lr=1e-3)}, {"scheduler": None}):
        module = make_renderer_module(updates=6, **change)
        with pytest.raises(UserError, match="optimizers and schedules are of other kinds"):
            run(module, tmp_path / "b", None, last)


def test_other_networks_are_refused_by_name(tmp_path: Path) -> None:
    last = run(make_agent("l2", updates=5), tmp_path / "a", Data())
    wider = make_agent("wgan_gp", updates=6)
    with pytest.raises(UserError, match=r"has reward\.discriminator\..* of shape none, this run"):
        run(wider, tmp_path / "b", Data(), last)
