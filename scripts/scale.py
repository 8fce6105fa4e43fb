"""The figures of docs/scale.md that follow from the code: sizes, and work per update."""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.agents import PLAIN, make_agent
from benchmarks.floors import Counter, parameter_count
from impasto.rl.rewards import WganGpReward

_STROKES, _BATCH = 400, 2
_GIGA = 1e9


def main() -> None:
    """Print the papers' recipe for ImageNet in figures: 128 px, 400 strokes, bundles of 5."""
    sizes = (f"strokes={_STROKES}", f"batch_size={_BATCH}", f"replay.episodes={_BATCH}")
    agent = make_agent([*PLAIN, *sizes])
    environment, reward = agent.environment, agent.reward
    assert isinstance(reward, WganGpReward)
    learned: dict[str, nn.Module] = {
        "actor": agent.actor,
        "critic": agent.critic,
        "discriminator": reward.discriminator,
    }
    for name, module in learned.items():
        print(f"{name}: {parameter_count(module):,} parameters that learn")
    print(f"renderer: {parameter_count(agent.renderer):,} parameters, frozen")
    state = sum(tensor.numel() for tensor in agent.state_dict().values())
    print(f"state dict, target networks and renderer included: {state:,} numbers")
    size = agent.renderer.canvas_size
    target = torch.rand(_BATCH, 3, size, size, device=agent.device)
    steps = _BATCH * environment.max_steps
    print(f"step of one canvas: {_gflop(agent.rollout, target) / steps:.2f} GFLOP")
    print(f"replay: {agent.replay.bytes_per_transition * environment.max_steps:,.0f} B / episode")
    transition = agent.replay.sample(_BATCH, device=agent.device)
    for update in (agent.update_critic, agent.update_actor, agent.update_discriminator):
        print(f"{update.__name__}: {_gflop(update, transition) / _BATCH:.2f} GFLOP / transition")


def _gflop(work: Callable[..., object], *arguments: object) -> float:
    with Counter() as counter:
        work(*arguments)
    flops: float = counter.work.flops
    return flops / _GIGA


if __name__ == "__main__":
    main()
