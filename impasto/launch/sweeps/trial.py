"""Pruning of the trials of a search."""

from pathlib import Path

from hydra.conf import HydraConf
from omegaconf import DictConfig, open_dict


def add_pruning(cfg: DictConfig, hydra_cfg: HydraConf) -> None:
    """Let the search end a run that promises nothing, if the run is a trial and learns.

    Args:
        cfg: The run's config; its callbacks get one more.
        hydra_cfg: Hydra's section, with the sweeper that searches.
    """
    pruner = hydra_cfg.sweeper.get("pruner")
    if cfg.run.trial is None or pruner is None or "trainer" not in cfg.task.call:
        return
    from impasto.launch.sweeps.study import STUDY, storage_url

    storage = storage_url(Path(hydra_cfg.sweep.dir), hydra_cfg.sweeper.storage)
    with open_dict(cfg):
        cfg.callbacks.pruning = {
            "_target_": "lightning_modules.callbacks.Pruning",
            "study": STUDY,
            "storage": storage,
            "trial": cfg.run.trial,
            "monitor": hydra_cfg.sweeper.monitor,
            "pruner": {key: one for key, one in pruner.items() if one is not None},
        }
