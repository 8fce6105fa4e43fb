"""Where these tests run: on the GPU, or, to try the tests themselves, wherever one says."""

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.runtime.precision import exact_float32
from lightning_modules import OffPolicyAgent
from tests.lightning_modules.conftest import (
    Agent,
    MemoryData,
    make_agent_of,
    make_trainer,
    stir,
)

DEVICE = "IMPASTO_TEST_DEVICE"  # cpu runs the tests without a GPU, comparing the CPU with itself
ACCELERATORS = {"cuda": "gpu", "cpu": "cpu", "mps": "mps"}


@pytest.fixture
def device() -> torch.device:
    """CUDA; without one the test is skipped, unless another device is asked for."""
    asked = os.environ.get(DEVICE)
    if asked is None and not torch.cuda.is_available():
        pytest.skip(f"torch finds no GPU; {DEVICE}=cpu tries the test without one")
    return torch.device(asked or "cuda")


@pytest.fixture
def accelerator(device: torch.device) -> str:
    """What Lightning calls the device, and a choice of trainer for it."""
    return ACCELERATORS[device.type]


@pytest.fixture(autouse=True)
def _exact_convolutions() -> Iterator[None]:
    """Float32 as users have it, and sums in one order, so that much may be compared closely."""
    exact_float32()
    deterministic, torch.backends.cudnn.deterministic = torch.backends.cudnn.deterministic, True
    yield
    torch.backends.cudnn.deterministic = deterministic


def agent_on(device: torch.device, kind: type[Agent], *args: Any, **arguments: Any) -> Agent:
    """A tiny agent between two updates, with all that it has on a device.

    Its weights are fixed, so that there is the same on another device.
    """
    agent = make_agent_of(kind, *args, **arguments)
    trainer = make_trainer(Path("."), accelerator=ACCELERATORS[device.type], limit_train_batches=0)
    trainer.fit(agent, MemoryData())
    torch.manual_seed(1)
    for network in (agent.critic, getattr(agent, "target_critic", None)):
        if isinstance(network, nn.Module):  # they start at 0, and would say nothing
            stir(network.cpu())
    agent.to(device).train()
    return agent


def twin(module: nn.Module, device: torch.device) -> nn.Module:
    """The same module on another device."""
    return copy.deepcopy(module).to(device)


def everything_of(agent: OffPolicyAgent) -> dict[str, Tensor]:
    """Parameters, buffers, and what the optimizers keep of each: all that takes memory."""
    optimizers: Any = agent.optimizers()
    every = optimizers if isinstance(optimizers, list) else [optimizers]
    kept = {
        f"{number}.{name}": value
        for number, optimizer in enumerate(every)
        for state in optimizer.state.values()
        for name, value in state.items()
        if isinstance(value, Tensor) and value.ndim
    }
    return {**dict(agent.named_parameters()), **dict(agent.named_buffers()), **kept}


def moved(tree: Any, device: torch.device) -> Any:
    """Every tensor of named tuples on a device."""
    if isinstance(tree, Tensor):
        return tree.to(device)
    return type(tree)(*(moved(value, device) for value in tree))
