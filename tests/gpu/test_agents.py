"""Rollouts and updates of every agent on the GPU: where everything lies, and that it is right."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from impasto.canvas import to_float
from impasto.errors import Diverged
from impasto.networks import Actor
from impasto.renderers import NeuralRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.exploration import ActionNoise, ParameterNoise
from impasto.rl.replay import PrioritizedReplay, ReplayBuffer, Transition
from impasto.strokes import Circle
from lightning_modules import (
    DDPG,
    TD3,
    ModelBasedDDPG,
    OffPolicyAgent,
    PatchQ,
    Sara,
    ShortHorizon,
    UpdateModule,
)
from lightning_modules.callbacks import Checkpoints
from tests.gpu.conftest import ACCELERATORS, agent_on, everything_of, moved
from tests.lightning_modules.conftest import (
    BATCH,
    BUNDLE,
    SIZE,
    SMALL,
    STEPS,
    STROKES,
    MemoryData,
    make_agent_of,
    make_trainer,
    pictures,
)

pytestmark = pytest.mark.gpu

AGENTS = [ModelBasedDDPG, TD3, DDPG, PatchQ, Sara, ShortHorizon]
every_agent = pytest.mark.parametrize("kind", AGENTS, ids=lambda kind: kind.__name__)
CPU = torch.device("cpu")


def target_on(device: torch.device) -> Tensor:
    return to_float(pictures(1, BATCH).to(device))


def world() -> PaintingEnvironment:
    torch.manual_seed(3)
    return PaintingEnvironment(NeuralRenderer(Circle(), SIZE, [16, 16], 8), STROKES, BUNDLE)


def ready(kind: type[OffPolicyAgent], device: torch.device, **arguments: object) -> OffPolicyAgent:
    agent = agent_on(device, kind, "wgan_gp", environment=world(), **arguments)
    agent.update_count = 1  # TD3's actor is due at every second update
    return agent


@every_agent
def test_all_that_an_update_touches_lies_on_the_device(
    kind: type[OffPolicyAgent], device: torch.device
) -> None:
    agent = ready(kind, device)
    agent.rollout(target_on(device))
    before = {name: value.clone() for name, value in agent.named_parameters()}
    transition = agent.replay.sample(6, agent.generator, agent.device)
    figures = agent.update(transition)
    assert agent.generator.device.type == device.type
    kept = everything_of(agent)
    assert any(name.endswith("exp_avg") for name in kept)
    elsewhere = {name for name, value in kept.items() if value.device.type != device.type}
    assert not elsewhere
    for name, value in figures.items():
        assert value.device.type == device.type, name
        assert value.isfinite(), name
    changed = {
        name.split(".")[0]
        for name, value in agent.named_parameters()
        if not torch.equal(value, before[name])
    }
    targets = {f"target_{name}" for name in agent.target_networks}
    assert changed == {"actor", "critic", "reward"} | targets


@every_agent
def test_losses_are_those_of_the_cpu(kind: type[OffPolicyAgent], device: torch.device) -> None:
    """The same weights and the same transitions; of the random numbers none counts here."""
    here, there = ready(kind, CPU), ready(kind, device)
    assert_same_weights(here, there)
    here.rollout(target_on(CPU))
    transition = here.replay.sample(6, torch.Generator().manual_seed(0))
    if isinstance(here, TD3):
        here.target_noise = there.target_noise = 0.0  # type: ignore[union-attr]
    ours = here.update(transition)
    theirs = there.update(moved(transition, device))
    assert ours.keys() == theirs.keys()
    for name in ("critic_loss", "actor_loss", "value"):  # the discriminator's has random numbers
        value = float(ours[name])
        assert float(theirs[name]) == pytest.approx(value, rel=1e-3, abs=1e-5), name
        assert abs(value) > 1e-6


def assert_same_weights(here: OffPolicyAgent, there: OffPolicyAgent) -> None:
    for (name, ours), theirs in zip(
        here.state_dict().items(), there.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs.cpu()), name


@every_agent
def test_a_rollout_is_that_of_the_cpu(kind: type[OffPolicyAgent], device: torch.device) -> None:
    here, there = ready(kind, CPU), ready(kind, device)
    for agent in (here, there):
        agent.rollout(target_on(agent.device))
    ours, theirs = here.replay.tensors(), there.replay.tensors()
    for name, value in ours.items():
        found = theirs[name].cpu().float()
        # A canvas is rounded to bytes: next to half a step the two may round apart.
        torch.testing.assert_close(
            found, value.float(), atol=1 if name != "action" else 1e-4, rtol=0
        )
    assert ours["canvas"][:, -1].float().std() > 1


@pytest.mark.parametrize("kind", [ReplayBuffer, PrioritizedReplay], ids=lambda kind: kind.__name__)
def test_the_replay_lies_on_the_device_in_as_few_bytes(
    kind: type[ReplayBuffer], device: torch.device
) -> None:
    """T + 2 pictures an episode, and what was done."""
    agent = agent_on(device, ModelBasedDDPG, "l2", replay=kind(64), environment=world())
    agent.rollout(target_on(device))
    held = agent.replay.tensors()
    assert {value.device.type for value in held.values()} == {device.type}
    assert held["canvas"].shape == (BATCH, STEPS + 1, 3, SIZE, SIZE)
    assert held["target"].shape == (BATCH, 3, SIZE, SIZE)
    assert held["canvas"].dtype == held["target"].dtype == torch.uint8
    picture = 3 * SIZE**2
    episode = (STEPS + 2) * picture + 4 * STEPS * agent.environment.action_dim
    assert agent.replay.bytes_per_transition * STEPS == episode
    claimed = [held[name].untyped_storage().nbytes() for name in ("target", "canvas", "action")]
    assert sum(claimed) == 64 * episode


def test_a_replay_on_the_host_serves_an_agent_on_the_device(device: torch.device) -> None:
    """For one that is too large; what is drawn is the same, as the agent's generator draws."""
    drawn: list[Transition] = []
    for where in ("cpu", None):
        replay = ReplayBuffer(6, device=where)
        agent = agent_on(device, ModelBasedDDPG, "l2", replay=replay, environment=world())
        agent.rollout(target_on(device))
        held = {value.device.type for value in replay.tensors().values()}
        assert held == {where or device.type}
        drawn.append(replay.sample(8, agent.generator, agent.device))
        assert drawn[-1].state.canvas.device.type == device.type
        figures = agent.update(drawn[-1])
        assert all(value.isfinite() for value in figures.values())
    for ours, theirs in zip(*drawn, strict=True):
        for one, other in zip(_parts(ours), _parts(theirs), strict=True):
            assert torch.equal(one.cpu(), other.cpu())


def _parts(value: object) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else list(value)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "exploration", [ActionNoise(0.1, theta=0.2), ParameterNoise(0.1)], ids=["ou", "parameters"]
)
def test_exploration_draws_on_the_device(
    exploration: ActionNoise | ParameterNoise, device: torch.device
) -> None:
    actions = []
    for chosen in (exploration, None):
        agent = agent_on(device, ModelBasedDDPG, "l2", exploration=chosen, environment=world())
        agent.rollout(target_on(device))
        actions.append(agent.replay.tensors()["action"])
    assert float((actions[0] - actions[1]).abs().mean()) > 1e-4


@pytest.mark.parametrize(
    "replay", [ReplayBuffer, PrioritizedReplay], ids=lambda kind: kind.__name__
)
def test_a_training_step_waits_for_the_device_nowhere(
    replay: type[ReplayBuffer], device: torch.device, tmp_path: Path
) -> None:
    """A copy to the host, or one from it that is waited for, stalls all launches behind it.

    With rollouts and metrics; what is made once is made in the first two steps.
    """
    if device.type != "cuda":
        pytest.skip("only CUDA can tell")
    agent = make_agent_of(
        ModelBasedDDPG,
        "wgan_gp",
        replay=replay(8),
        environment=world(),
        actor=partial(Actor, **SMALL),
    )
    trainer = make_trainer(tmp_path, [NoWaiting()], accelerator="gpu", limit_val_batches=0)
    try:
        trainer.fit(agent, MemoryData())
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert agent.finished
    assert agent.figures.keys() >= {"critic_loss", "actor_loss"}


class NoWaiting(pl.Callback):
    """Lets CUDA refuse what waits for it within training steps."""

    def on_train_batch_start(self, trainer: pl.Trainer, module: UpdateModule, *_: Any) -> None:  # type: ignore[override]
        torch.cuda.set_sync_debug_mode("error" if module.update_count >= 2 else "default")

    def on_train_batch_end(self, *_: Any) -> None:
        torch.cuda.set_sync_debug_mode("default")


def test_an_explosion_ends_a_run_at_most_an_update_later(
    device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(self: ModelBasedDDPG, transition: Transition) -> dict[str, Tensor]:
        value = 2e6 if self.update_count == 4 else 1.0
        return {"critic_loss": torch.full((), value, device=self.device)}

    monkeypatch.setattr(ModelBasedDDPG, "update", diverge)
    agent = make_agent_of(ModelBasedDDPG, "l2", environment=world())
    callbacks = [Checkpoints(tmp_path, every=5)]
    with pytest.raises(Diverged, match="explodes at update 5: critic_loss"):
        make_trainer(tmp_path, callbacks, accelerator=ACCELERATORS[device.type]).fit(
            agent, MemoryData()
        )
    assert not list(tmp_path.glob("*.ckpt"))
