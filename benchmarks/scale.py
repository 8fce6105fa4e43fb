"""The figures of docs/scale.md that follow from the code: sizes, and work per update."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.__main__ import _attach
from lightning_modules import ModelBasedDDPG
from painting.environment import PaintingEnvironment
from painting.networks import Actor, Critic, Discriminator
from painting.renderers import NeuralRenderer
from painting.replay import ReplayBuffer
from painting.rewards import WganGpReward
from painting.strokes import Bezier

_SIZE, _STROKES, _BATCH = 128, 400, 2


def main() -> None:
    """Print the papers' recipe for ImageNet in figures: 128 px, 400 strokes, bundles of 5."""
    environment = PaintingEnvironment(NeuralRenderer(Bezier(), _SIZE), strokes=_STROKES, bundle=5)
    reward = WganGpReward(Discriminator())
    agent = ModelBasedDDPG(
        environment=environment, actor=Actor, critic=Critic, replay=ReplayBuffer(_BATCH),
        updates=0, batch_size=_BATCH, reward=reward,
        actor_optimizer=partial(torch.optim.Adam, lr=3e-4),
        critic_optimizer=partial(torch.optim.Adam, lr=1e-3),
        reward_optimizer=partial(torch.optim.Adam, lr=1e-4),
    )  # fmt: skip
    _attach(agent)
    learned = {"actor": agent.actor, "critic": agent.critic, "discriminator": reward.discriminator}
    for name, module in learned.items():
        print(f"{name}: {_count(module):,} parameters that learn")
    print(f"renderer: {_count(agent.renderer):,} parameters, frozen")
    state = sum(tensor.numel() for tensor in agent.state_dict().values())
    print(f"state dict, slow copies and renderer included: {state:,} numbers")
    target = torch.rand(_BATCH, 3, _SIZE, _SIZE, device=agent.device)
    steps = _BATCH * environment.max_steps
    print(f"step of one canvas: {_gflop(agent.rollout, target) / steps:.2f} GFLOP")
    print(f"replay: {agent.replay.bytes_per_transition * environment.max_steps:,.0f} B / episode")
    transition = agent.replay.sample(_BATCH, device=agent.device)
    for update in (agent.update_critic, agent.update_actor):
        print(f"{update.__name__}: {_gflop(update, transition) / _BATCH:.2f} GFLOP / transition")
    # Not the discriminator's update: the counter cannot follow a gradient's gradient.
    forward = _gflop(reward.discriminator, target, target) / _BATCH
    print(f"discriminator, forward: {forward:.2f} GFLOP / pair")


def _gflop(work: Callable[..., object], *arguments: object) -> float:
    with FlopCounterMode(display=False) as counter:
        work(*arguments)
    return counter.get_total_flops() / 1e9


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


if __name__ == "__main__":
    main()
