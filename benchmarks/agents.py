"""Objects to measure, built as `run.py` builds them: composed from conf/, attached to a trainer."""

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf

from benchmarks.machine import device
from impasto.launch.build import build
from impasto.launch.compose import compose_run
from lightning_modules import ModelBasedDDPG
from lightning_modules.acceleration import quicken
from lightning_modules.base import UpdateModule
from lightning_modules.renderers.base import RendererModule

RECIPE = ("task=train", "experiment=celeba", "renderer.allow_untrained=true")
PRETRAINING = ("task=pretrain",)
PLAIN = ("trainer=cpu", "precision=32-true", "compile=false")
"""The slow and simple form, of which operations and bytes are counted."""


def compose(overrides: Sequence[str]) -> DictConfig:
    """Compose the config of one run that leaves nothing behind."""
    folder = f"run.folder={tempfile.gettempdir()}"
    return compose_run([*overrides, "logger=none", folder])


def make_agent(overrides: Sequence[str] = ()) -> ModelBasedDDPG:
    """The agent of the paper's recipe for CelebA, as in the middle of a run.

    Args:
        overrides: Of the command line, after the recipe's own.
    """
    cfg = compose([*RECIPE, *overrides])
    module: ModelBasedDDPG = build(_plain(cfg.agent), "agent")
    _attach(module, cfg)
    return module


def make_pretraining(overrides: Sequence[str] = ()) -> RendererModule:
    """The pretraining of the paper's renderer, as in the middle of a run."""
    cfg = compose([*PRETRAINING, *overrides])
    module = new_pretraining(cfg)
    _attach(module, cfg)
    return module


def new_pretraining(cfg: DictConfig) -> RendererModule:
    """The module of ``task=pretrain``, before a trainer has it."""
    module: RendererModule = build(_plain(cfg.task.module), "task.module")
    return module


def make_trainer(cfg: DictConfig, **changes: Any) -> pl.Trainer:
    """The trainer of a config, without callbacks and loggers."""
    node = _plain(cfg.trainer) | {"logger": False, "callbacks": [], **changes}
    with _quiet():
        trainer: pl.Trainer = build(node, "trainer")
    return trainer


def as_in_a_run(module: UpdateModule) -> AbstractContextManager[None]:
    """Return the context that Lightning puts around a training step: the trainer's precision."""
    context: AbstractContextManager[None] = module.trainer.precision_plugin.train_step_context()
    return context


def step_renderer(module: RendererModule) -> None:
    """Make an update of a renderer as Lightning does."""
    [optimizer] = module.trainer.optimizers
    loss, _ = module.loss(module.update_count)
    optimizer.zero_grad()
    module.backward(loss)
    optimizer.step()


def _attach(module: UpdateModule, cfg: DictConfig) -> None:
    """Let Lightning make the optimizers and choose the precision."""
    trainer = make_trainer(cfg, max_epochs=1, limit_train_batches=0)
    with _quiet():
        trainer.fit(module, train_dataloaders=[0])
    place = torch.device("cpu" if cfg.trainer.accelerator == "cpu" else device())
    module.to(place).train()
    quicken(module, place, cfg.compile)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's advice while the context is open."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _plain(node: DictConfig) -> dict[str, Any]:
    values = OmegaConf.to_container(node, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}
