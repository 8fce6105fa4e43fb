"""Training of an agent: ``task=train``."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from datamodules.base import ImageDataModule
from impasto.bounds import Count, validated
from impasto.tasks.evaluate.agent import evaluate
from impasto.tasks.fit import TRIED, find_callback, fit, save_history
from lightning_modules.agents.lstm_adversarial import LstmAdversarial
from lightning_modules.agents.off_policy import OffPolicyAgent
from lightning_modules.callbacks import Checkpoints
from lightning_modules.distributed import goes_on_alone


@validated
def train(
    agent: OffPolicyAgent | LstmAdversarial,
    datamodule: ImageDataModule,
    trainer: pl.Trainer,
    folder: Path,
    ckpt_path: Path | None = None,
    compiled: bool | str = "auto",
    test_strokes: Count | None = None,
) -> dict[str, Any]:
    """Train an agent, export the best one by validation, and measure it on the test split.

    Leaves ``agent/`` and everything that `evaluate` leaves, and ``learning.png``, the L2 by update.

    Args:
        agent: What learns.
        datamodule: The data.
        trainer: Runs it.
        folder: The run folder.
        ckpt_path: Where to go on.
        compiled: Whether networks are compiled: see `quicken`.
        test_strokes: See `strokes` of `impasto.tasks.evaluate.agent.evaluate`.

    Returns:
        Metrics for the summary, and how the run ended: see `fit`.
    """
    status = fit(agent, trainer, datamodule, ckpt_path, compiled)
    if status == TRIED:
        return {"updates": agent.update_count, "status": status}
    trainer.validate(agent, datamodule=datamodule, verbose=False)
    if not goes_on_alone(trainer):
        return {}
    checkpoints = find_callback(trainer, Checkpoints)
    best = trainer.strategy.load_checkpoint(checkpoints.best)
    agent.load_state_dict(best["state_dict"])
    policy = agent.policy
    policy.save(folder / "agent")
    save_history(folder / "learning.png", trainer, {"validation L2": "val_l2"}, "L2")
    device = str(trainer.strategy.root_device)
    metrics = evaluate(policy, datamodule, folder, device, test_strokes)
    # What a search goes by: test figures are no business of its.
    measured = {"val_l2": checkpoints.best_value, **metrics}
    return {"updates": agent.update_count, "status": status, **measured}
