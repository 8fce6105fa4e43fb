"""Small agents, renderers and runs, built with plain arguments."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from datamodules.rollouts import Rollouts
from datamodules.sets.digits import Digits
from impasto.networks import ActionCritic, Actor, Critic, Discriminator
from impasto.renderers import AnalyticRenderer, NeuralRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.replay import ReplayBuffer
from impasto.rl.rewards import L2Reward, Reward, WganGpReward
from impasto.strokes import Circle
from lightning_modules import (
    DDPG,
    AtomicCheckpointIO,
    ModelBasedDDPG,
    OffPolicyAgent,
    PatchQ,
    RendererModule,
    UpdateModule,
)
from lightning_modules.callbacks import Checkpoints

SIZE, STROKES, BUNDLE, BATCH = 16, 5, 2, 4
STEPS = 3
SMALL: dict[str, Any] = {"blocks": [1, 1], "width": 4}


class TargetStream:
    """Random targets, endless; the k-th batch is a function of k."""

    def __init__(self) -> None:
        self.position = 0

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        while True:
            self.position += 1
            yield {"target": pictures(self.position, BATCH)}


class Validation:
    """Five pictures, in batches of three and of two."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return iter([{"target": pictures(0, 3)}, {"target": pictures(-1, 2)}])


class MemoryData(pl.LightningDataModule):
    """Random pictures in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = TargetStream()

    def train_dataloader(self) -> Rollouts:
        agent = self.trainer.lightning_module
        return Rollouts(self.stream, agent, self.trainer.overfit_batches)

    def val_dataloader(self) -> Validation:
        return Validation()

    def state_dict(self) -> dict[str, int]:
        return {"position": self.stream.position}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self.stream.position = state_dict["position"]


def pictures(seed: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(10_000 + seed)
    return torch.randint(0, 256, (count, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator)


def make_reward(name: str) -> Reward:
    return L2Reward(10.0) if name == "l2" else WganGpReward(Discriminator([4, 4]), tau=0.1)


Agent = TypeVar("Agent", bound=OffPolicyAgent)


def make_agent(reward: str | Reward = "wgan_gp", **arguments: Any) -> ModelBasedDDPG:
    """A tiny agent; the global seed fixes its weights."""
    return make_agent_of(ModelBasedDDPG, reward, **arguments)


def make_agent_of(kind: type[Agent], reward: str | Reward = "wgan_gp", **arguments: Any) -> Agent:
    """A tiny agent of any kind."""
    torch.manual_seed(arguments.get("seed", 0))
    milestones = partial(torch.optim.lr_scheduler.MultiStepLR, milestones=[3, 7], gamma=0.5)
    settings: dict[str, Any] = {
        "environment": PaintingEnvironment(AnalyticRenderer(Circle(), SIZE), STROKES, BUNDLE),
        "actor": partial(Actor, **SMALL),
        "critic": partial(ActionCritic if issubclass(kind, DDPG | PatchQ) else Critic, **SMALL),
        "replay": ReplayBuffer(6),
        "updates": 10,
        "batch_size": 5,
        "updates_per_rollout": 4,
        "warmup_env_steps": 0,
        "tau": 0.1,
        "actor_optimizer": partial(torch.optim.Adam, lr=1e-2),
        "critic_optimizer": partial(torch.optim.Adam, lr=1e-2),
        "reward_optimizer": partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.999)),
        "actor_scheduler": milestones,
        "critic_scheduler": milestones,
    }
    reward = reward if isinstance(reward, Reward) else make_reward(reward)
    return kind(reward=reward, **settings | arguments)


def make_renderer_module(**arguments: Any) -> RendererModule:
    """A tiny renderer; the global seed fixes its weights."""
    torch.manual_seed(arguments.get("seed", 0))
    settings: dict[str, Any] = {
        "renderer": NeuralRenderer(Circle(), SIZE, hidden=[16, 32], channels=8),
        "updates": 10,
        "batch_size": 8,
        "judged_strokes": 32,
        "optimizer": partial(torch.optim.Adam, lr=3e-3),
        "scheduler": partial(torch.optim.lr_scheduler.MultiStepLR, milestones=[3, 7], gamma=0.5),
    }
    return RendererModule(**settings | arguments)


def make_trainer(
    folder: Path, callbacks: Iterable[pl.Callback] = (), **arguments: Any
) -> pl.Trainer:
    """A trainer as conf/trainer makes it."""
    settings: dict[str, Any] = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 1,
        "num_sanity_val_steps": 0,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "check_val_every_n_epoch": None,
        "val_check_interval": 1000,
        "default_root_dir": folder,
        "callbacks": list(callbacks),
        "plugins": [AtomicCheckpointIO()],
    }
    return pl.Trainer(**settings | arguments)


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk is most of a small run's time."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture(scope="session")
def digits_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digits")


@pytest.fixture
def digits(digits_cache: Path) -> Callable[..., Digits]:
    """The real data module, prepared once."""

    def make(seed: int = 0) -> Digits:
        return Digits(
            canvas_size=SIZE, batch_size=BATCH, cache=str(digits_cache), seed=seed, val_limit=8
        )

    return make


@pytest.fixture
def agent() -> ModelBasedDDPG:
    """An agent between two updates: attached to a trainer, with some episodes in its replay."""
    return attached(make_agent())


def attached(agent: Agent) -> Agent:
    """An agent whose optimizers a trainer holds, as in the middle of a run."""
    trainer = make_trainer(Path("."), limit_train_batches=0)
    trainer.fit(agent, MemoryData())
    agent.train()
    agent.rollout(pictures(1, BATCH) / 255)
    stir(agent.critic)
    stir(agent.target_critic)
    return agent


def stir(network: nn.Module) -> None:
    """Take a network that starts at zero away from there."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.rand_like(parameter))


class AfterUpdate(pl.Callback):
    """Calls a function after every update, with its number and its metrics."""

    def __init__(self, function: Callable[[int, dict[str, Tensor]], object]) -> None:
        self.function = function

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        assert isinstance(pl_module, UpdateModule)
        metrics = {name: value for name, value in outputs.items() if name != "loss"}
        self.function(pl_module.update_count, metrics)


def run(
    module: UpdateModule,
    folder: Path,
    data: pl.LightningDataModule | None = None,
    ckpt_path: Path | None = None,
    **trainer: Any,
) -> Path:
    """Make a module's updates; the last checkpoint."""
    checkpoints = Checkpoints(folder, every=10_000, monitor=trainer.pop("monitor", None))
    callbacks = [*trainer.pop("callbacks", []), checkpoints]
    make_trainer(folder, callbacks, **trainer).fit(module, data, ckpt_path=ckpt_path)
    return checkpoints.last
