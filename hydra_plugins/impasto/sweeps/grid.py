"""The sweeper of plain sweeps: Hydra's own, which goes on where a sweep was cut off."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from impasto.errors import UserError
from impasto.launch.outcome import JobFailed
from impasto.launch.sweeps.folder import (
    MULTIRUN,
    NUMBERED,
    Job,
    assign,
    describe,
    held,
    register_jobs,
)
from impasto.launch.sweeps.running import again, compose_job, make_launcher, run_jobs
from impasto.tasks.runs.run_state import is_held

# Stands in for Hydra's own sweeper under its name: a config that overrode `hydra/sweeper` would
# leave no file of `hparams_search` the choice.
ConfigStore.instance().store(
    group="hydra/sweeper",
    name="basic",
    node={
        "_target_": "hydra_plugins.impasto.sweeps.grid.GridSweeper",
        "max_batch_size": None,  # how many jobs the launcher gets at a time; None hands over all
        "params": {},  # what is swept besides the command line, such as {seed: "0,1,2"}
    },
    provider="impasto",
)


class GridSweeper(BasicSweeper):
    """Sweeper that runs every combination, or those that an earlier sweep of the folder left over.

    Args:
        max_batch_size: How many jobs the launcher gets at a time; None hands over all.
        params: What is swept besides the command line: key to values as the command line has them.
    """

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Receive from Hydra what a sweep is made of."""
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = make_launcher(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> None:
        """Run what is left of the sweep that the arguments describe.

        Raises:
            JobFailed: A job failed, now or, where it would again, before.
            UserError: An interval has no values; the folder is in use, or holds another config.
        """
        assert self.config is not None
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        _refuse_intervals(overrides)
        wanted = [one for batch in self.split_arguments(overrides, None) for one in batch]
        folder = Path(str(self.config.hydra.sweep.dir))
        configs, names = self._compose(wanted)
        with held(folder):
            jobs = assign(folder, configs, wanted, names)
            OmegaConf.save(self.config, folder / MULTIRUN)
            register_jobs(folder, jobs)
            for line in describe(jobs):
                print(line)
            self._run(folder, jobs)

    def _compose(
        self, wanted: Sequence[Sequence[str]]
    ) -> tuple[list[DictConfig], list[str | None]]:
        """Compose and check every job; return the configs, and the folders that they must have."""
        assert self.config is not None
        assert self.hydra_context is not None
        raw = OmegaConf.to_container(self.config.hydra.sweep, resolve=False)
        assert isinstance(raw, dict)
        configs, names = [], list[str | None]()
        for number, overrides in enumerate(wanted):
            configs.append(compose_job(self.hydra_context, self.config, list(overrides)))
            names.append(None if raw["subdir"] == NUMBERED else _subdir(configs[-1], number))
        return configs, names

    def _run(self, folder: Path, jobs: Sequence[Job]) -> None:
        """Launch what is left, and say how it went."""
        assert self.config is not None
        assert self.launcher is not None
        left = [job for job in jobs if not job.ended and not is_held(job.folder)]
        code = 0
        try:
            for start in range(0, len(left), self.max_batch_size or max(1, len(left))):
                batch = left[start : start + (self.max_batch_size or len(left))]
                code = run_jobs(self.launcher, batch, folder) or code
        except (KeyboardInterrupt, SystemExit):
            print(f"to go on with the sweep: {again(self.config, folder)}", file=sys.stderr)
            raise
        if missing := [job for job in jobs if not job.succeeded and not is_held(job.folder)]:
            ends = ", ".join(f"{job.name} {job.status}" for job in missing)
            print(
                f"error: {len(missing)} of {len(jobs)} jobs did not finish ({ends}) — see run.log "
                f"in their folders; {again(self.config, folder)} goes on with them",
                file=sys.stderr,
            )
            raise JobFailed(code or 2, folder)


def _subdir(cfg: DictConfig, number: int) -> str:
    """The folder that `hydra.sweep.subdir` gives a job."""
    with open_dict(cfg):
        cfg.hydra.job.num = number
        cfg.hydra.job.id = str(number)
    before: Any = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(cfg)
    try:
        return str(cfg.hydra.sweep.subdir)
    finally:
        HydraConfig.instance().cfg = before


def _refuse_intervals(overrides: Sequence[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override() and not override.is_discrete_sweep():
            todo = "list them as key=1,2,3, or search in it by hydra/sweeper=optuna"
            raise UserError(f"{override.input_line} has no values to run one by one", todo)
