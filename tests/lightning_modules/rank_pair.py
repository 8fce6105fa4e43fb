"""One of two ranks of the tests in test_ranks.py, which starts both and looks at what they leave.

As a program: rank_pair.py RESULTS, with LOCAL_RANK and where to meet in the environment.
"""

import logging
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from datamodules.rollouts import Rollouts
from datamodules.sets.digits import Digits
from datamodules.streaming.train_stream import Batch
from impasto.errors import Interrupted
from impasto.networks import Actor, Critic
from impasto.rl.environment import State
from impasto.rl.replay import Transition
from impasto.rl.rewards import wgan_gp
from impasto.rl.rewards.penalties import slope_penalty
from lightning_modules import ModelBasedDDPG, OffPolicyAgent, RankStrategy, UpdateModule
from lightning_modules.callbacks import Checkpoints, MetricsCsv, Progress
from tests.lightning_modules.conftest import (
    BATCH,
    BUNDLE,
    SIZE,
    SMALL,
    STEPS,
    AfterUpdate,
    MemoryData,
    make_agent,
    make_renderer_module,
    make_trainer,
)

WORLD = 2
UPDATES = 12


def given_transition(update: int, of: slice) -> tuple[Transition, Tensor]:
    """Some of 2 B transitions of an update, and their interpolation factors, all float64."""
    generator = torch.Generator().manual_seed(update)
    count = WORLD * BATCH
    canvas, following, target = (
        torch.rand(count, 3, SIZE, SIZE, generator=generator) for _ in range(3)
    )
    step = torch.randint(STEPS, (count,), generator=generator)
    action = torch.rand(count, BUNDLE * 7, generator=generator)
    factor = torch.rand(count, 1, 1, 1, generator=generator)
    state = State(canvas[of], target[of], step[of])
    following_state = State(following[of], target[of], step[of] + 1)
    drawn = torch.arange(count)[of]
    return Transition(state, action[of], following_state, drawn, torch.ones(len(drawn))), factor[of]


@contextmanager
def given_factors(factor: Tensor) -> Iterator[None]:
    """Let the gradient penalty interpolate by these."""
    drawn = wgan_gp.gradient_penalty

    def penalty(discriminator: Any, target: Tensor, canvas: Tensor, generator: Any) -> Tensor:
        return slope_penalty(discriminator, target, torch.lerp(canvas, target, factor))

    wgan_gp.gradient_penalty = penalty
    try:
        yield
    finally:
        wgan_gp.gradient_penalty = drawn


def exact_updates(of: slice, seed: int, norm: str, **trainer: Any) -> dict[str, Any]:
    """Gradients of an early update, and everything after all of them, in float64."""
    torch.set_default_dtype(torch.float64)
    try:
        agent = make_agent(
            seed=seed,
            updates=UPDATES,
            actor=partial(Actor, norm=norm, **SMALL),
            critic=partial(Critic, norm=norm, **SMALL),
        ).double()
        attached = make_trainer(Path("."), limit_train_batches=0, **trainer)
        attached.fit(agent, MemoryData())
        if trainer.get("sync_batchnorm"):
            attached.strategy._layer_sync.apply(agent)  # which the end of fitting has undone
        agent.train()
        gradients: dict[str, Tensor] = {}
        for update in range(UPDATES):
            transition, factor = given_transition(update, of)
            with given_factors(factor):
                agent.update(transition)
            if update == 1:  # the critic starts at 0, and says nothing to the actor before
                gradients = {
                    name: parameter.grad.clone()
                    for name, parameter in agent.named_parameters()
                    if parameter.grad is not None
                }
        return {"gradients": gradients, "state": agent.state_dict()}
    finally:
        torch.set_default_dtype(torch.float32)


def two_ranks() -> dict[str, Any]:
    """What makes a trainer one for two ranks, as conf/trainer/ddp.yaml does."""
    return {"strategy": RankStrategy(), "devices": WORLD, "use_distributed_sampler": False}


class Note(pl.Callback):
    """Remembers what was drawn and measured."""

    def __init__(self) -> None:
        self.images: list[int] = []
        self.measured: list[float] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loader = trainer.train_dataloader
        if isinstance(loader, Rollouts):
            loader._targets = self._noted(loader._targets)

    def _noted(self, targets: Iterable[Batch]) -> Iterator[Batch]:
        for batch in targets:
            self.images += batch["index"].tolist()
            yield batch

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if "val_l2" in trainer.callback_metrics:
            self.measured.append(trainer.callback_metrics["val_l2"].item())


def fit(
    module: UpdateModule,
    own: Path,
    checkpoints: Path,
    data: pl.LightningDataModule | None = None,
    ckpt_path: Path | None = None,
    **trainer: Any,
) -> Note:
    """A run with everything that writes.

    Args:
        module: What learns.
        own: A folder for this rank's figures; those of ranks above 0 should stay empty.
        checkpoints: A folder for all ranks.
        data: Its data.
        ckpt_path: Where to go on.
        trainer: Settings of the trainer.
    """
    note = Note()
    further = trainer.pop("callbacks", [])
    monitor = "val_l2" if data is not None else None
    writing = [MetricsCsv(own / "metrics.csv", every=2), Progress()]
    callbacks = [*further, *writing, note, Checkpoints(checkpoints, every=4, monitor=monitor)]
    settings = {"val_check_interval": 8, "enable_progress_bar": True, **trainer}
    make_trainer(own, callbacks, **settings).fit(module, data, ckpt_path=ckpt_path)
    return note


def digits(cache: Path) -> Digits:
    return Digits(canvas_size=SIZE, batch_size=BATCH, cache=str(cache), val_limit=7)


def described(agent: OffPolicyAgent, note: Note) -> dict[str, Any]:
    """What may be compared with another rank or another run."""
    return {
        "state": dict(agent.state_dict()),
        "replay": agent.replay.tensors(),
        "images": note.images,
        "measured": note.measured,
        "generator": agent.generator.get_state(),
        "global": torch.get_rng_state(),
    }


def real_agent(updates: int = UPDATES) -> ModelBasedDDPG:
    return make_agent(updates=updates)


def main(results: Path, rank: int) -> None:
    left: dict[str, Any] = {}
    of = slice(rank * BATCH, (rank + 1) * BATCH)
    own, cache = results / str(rank), results / "cache"
    # Another seed on each: rank 0's weights become everyone's.
    left["weight"] = exact_updates(of, seed=rank, norm="weight", **two_ranks())
    synced = {"sync_batchnorm": True, **two_ranks()}
    left["batch"] = exact_updates(of, seed=rank, norm="batch", **synced)
    agent = real_agent()
    note = fit(agent, own / "run", results / "run", digits(cache), **two_ranks())
    left["run"] = described(agent, note)
    for updates in (6, UPDATES):  # stopped in the middle of a rollout's group, and gone on with
        last = results / "parts" / "last.ckpt" if updates > 6 else None
        agent = real_agent(updates)
        note = fit(agent, own / "parts", results / "parts", digits(cache), last, **two_ranks())
    left["parts"] = described(agent, note)
    module = make_renderer_module(updates=4)
    fit(module, own / "renderer", results / "renderer", **two_ranks())
    left["renderer"] = {"state": dict(module.state_dict()), "strokes": module.strokes_of(0)}
    stopped = real_agent()

    def ask(number: int, figures: object) -> None:
        if rank == 1 and number == 6:  # only one rank, in the middle of a rollout's group
            stopped.stop_requested = signal.SIGTERM

    asking = {"callbacks": [AfterUpdate(ask)], **two_ranks()}
    try:
        fit(stopped, own / "stopped", results / "stopped", digits(cache), **asking)
    except Interrupted as error:
        left["stopped"] = stopped.update_count, int(error.signal_number)
    torch.save(left, results / f"{rank}.pt")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main(Path(sys.argv[1]), int(os.environ["LOCAL_RANK"]))
