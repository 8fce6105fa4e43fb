"""Trials of other runs: what they would learn, built as they would have it, for a small batch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from omegaconf import OmegaConf

from impasto.launch.build import build
from impasto.launch.compose import compose_run
from impasto.launch.validation.validate import validate

if TYPE_CHECKING:  # a plan that is only carried out needs nothing of what learns
    from impasto.tasks.ablations.costs import Trial


class TrialBuilder:
    """Builder of what a run of ``task=train`` or ``task=pretrain`` would learn, by its command."""

    def __call__(self, overrides: Sequence[str]) -> "Trial":
        """Build it; its data set isn't asked for.

        Args:
            overrides: The run's, without the program.

        Raises:
            UserError: The overrides don't compose, or something can't be built.
        """
        from impasto.tasks.ablations.costs import BATCH, Trial

        cfg = compose_run([*overrides, "run.folder=."])
        validate(cfg.copy())
        numbers = {name: int(OmegaConf.select(cfg, name)) for name in ("updates", "batch_size")}
        episodes = int(cfg.replay.episodes)
        cfg.batch_size = cfg.replay.episodes = BATCH
        if "weights" in cfg.renderer:  # an untrained one costs what a trained one does
            cfg.renderer.weights, cfg.renderer.allow_untrained = None, True
        section = "agent" if cfg.task.get("module") is None else "task.module"
        node = OmegaConf.to_container(OmegaConf.select(cfg, section), resolve=True)
        return Trial(build(node, section), episodes=episodes, **numbers)
