"""The sweeper of searches: current Optuna behind Hydra's interface for sweepers.

Hydra's own plugin for Optuna needs a version of it from before 2022.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from impasto.bounds import Count, fits, misfit
from impasto.errors import UserError
from impasto.launch.compose import one_at_a_time
from impasto.launch.outcome import JobFailed
from impasto.launch.sweeps.folder import MULTIRUN, Job, held, register_jobs
from impasto.launch.sweeps.running import again, compose_job, make_launcher, run_jobs
from impasto.tasks.runs.run_folder import command

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution


class OptunaSweeper(Sweeper):
    """Sweeper that asks Optuna for values, and tells it the validation metric of each trial.

    Args:
        n_trials: How many in all, those of an earlier start in the same folder included.
        n_jobs: How many the launcher gets at a time.
        objective: What of a job's summary is minimized.
        monitor: What of a validation the pruner goes by.
        params: What is searched besides the command line: key to Hydra's notation.
        storage: Optuna's URL of the study; None is a file in the sweep's folder.
        sampler: `name` in ``optuna.samplers``, and options.
        pruner: `name` in ``optuna.pruners``, and options; None prunes nothing.
    """

    def __init__(
        self,
        n_trials: int,
        n_jobs: int,
        objective: str,
        monitor: str,
        params: Mapping[str, str] | None,
        storage: str | None,
        sampler: Mapping[str, Any],
        pruner: Mapping[str, Any] | None,
    ) -> None:
        self.n_trials = n_trials
        self.n_jobs = n_jobs
        self.objective = objective
        self.monitor = monitor
        self.params = dict(params or {})
        self.storage = storage
        self.sampler = dict(sampler)
        self.pruner = None if pruner is None else dict(pruner)
        self.hydra_context: HydraContext | None = None
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Receive from Hydra what a sweep is made of.

        Raises:
            UserError: Optuna or the launcher is not installed; a number of trials is none.
        """
        _check_count("n_trials", self.n_trials)
        _check_count("n_jobs", self.n_jobs)
        try:
            import optuna  # noqa: F401
        except ModuleNotFoundError as error:
            what = "hydra/sweeper=optuna needs optuna, which is not installed"
            raise UserError(what, "pip install 'impasto[sweeps]'") from error
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = make_launcher(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> None:
        """Try values until there are `n_trials`, and leave the best.

        Raises:
            JobFailed: No trial finished.
            UserError: The folder is in use or holds another search; there is nothing to search; the
                objective is in no summary.
        """
        from impasto.launch.sweeps import space, study

        assert self.config is not None
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        given = [f"{key}={value}" for key, value in self.params.items()]
        fixed, searched = space.split(parser.parse_overrides([*given, *arguments]))
        folder = Path(str(self.config.hydra.sweep.dir))
        for overrides in one_at_a_time([*given, *arguments]):  # both ends of every interval
            compose_job(self.hydra_context, self.config, overrides)
        if self.pruner is not None:
            study.make_pruner(self.pruner)
        with held(folder):
            url = study.storage_url(folder, self.storage)
            search_study = study.open_study(url, fixed, folder)
            OmegaConf.save(self.config, folder / MULTIRUN)
            try:
                self._search(search_study, fixed, searched, folder)
            except (KeyboardInterrupt, SystemExit):
                print(f"to go on with the search: {again(self.config, folder)}", file=sys.stderr)
                raise
            self._conclude(search_study, fixed, folder)

    def _search(
        self,
        study: "Study",
        fixed: Sequence[str],
        space: "Mapping[str, BaseDistribution]",
        folder: Path,
    ) -> None:
        from impasto.launch.sweeps.study import next_trials

        assert self.config is not None
        assert self.launcher is not None
        ask = (study, space, self.n_jobs, self.n_trials, self.sampler, int(self.config.seed))
        self._tell(study, folder)  # what ended after the search had been killed
        while trials := next_trials(*ask):
            jobs = [self._job(number, params, fixed, folder) for number, params in trials]
            register_jobs(folder, jobs)
            run_jobs(self.launcher, [job for job in jobs if not job.ended], folder)
            self._tell(study, folder)
            for job in jobs:  # neither finished nor interrupted: its worker died too often
                if job.status == "killed":
                    study.tell(int(job.name), state=_failed())

    def _job(self, number: int, params: dict[str, Any], fixed: Sequence[str], folder: Path) -> Job:
        from impasto.launch.sweeps.space import as_overrides

        overrides = (*fixed, *as_overrides(params), f"run.trial={number}")
        return Job(overrides, str(number), folder / str(number), None)

    def _tell(self, study: "Study", folder: Path) -> None:
        """Tell the study what has become of the trials that it takes for running."""
        from impasto.launch.sweeps.study import tell

        for trial in study.trials:
            if not trial.state.is_finished():
                run = folder / str(trial.number)
                status = tell(study, trial.number, run, self.objective)
                values = " ".join(f"{key}={value}" for key, value in trial.params.items())
                if status is not None:
                    told = study.trials[trial.number].value
                    shown = "" if told is None else f", {self.objective} {told:.6g}"
                    print(f"trial {trial.number} ({values}): {status}{shown}")

    def _conclude(self, study: "Study", fixed: Sequence[str], folder: Path) -> None:
        """Write and print what was found."""
        from impasto.launch.sweeps.space import as_overrides
        from impasto.launch.sweeps.study import best_of, history, importance
        from impasto.tasks.runs.search_report import write_search

        best = best_of(study)
        if best is None or best.value is None:
            print(f"error: no trial finished — see run.log in {folder}/0", file=sys.stderr)
            raise JobFailed(2, folder)
        write_search(
            folder,
            self.objective,
            history(study),
            importance(study),
            {
                "trial": best.number,
                self.objective: float(best.value),
                "parameters": dict(best.params),
                "command": command([*fixed, *as_overrides(best.params)]),
            },
        )


def _failed() -> Any:
    from optuna.trial import TrialState

    return TrialState.FAIL


def _check_count(name: str, value: object) -> None:
    if not fits(value, Count):
        raise misfit(f"hydra.sweeper.{name}", value, Count)
