"""Submitit's launchers, which wait for every job although one has died.

Hydra's search for plugins leaves this module out by its underscore: it needs submitit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher
from omegaconf import OmegaConf

from impasto.launch.outcome import WorkerDied


class TolerantLauncher(BaseSubmititLauncher):  # type: ignore[misc]
    """Launcher that submits the jobs as one array; a job without a result counts as a result."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        """Run the jobs to their ends; an interruption cancels those that are left.

        Returns:
            What each job returned; for one whose process died a failure with `WorkerDied`.
        """
        executor = self._executor()
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        state = Singleton.get_state()
        arguments = [
            (list(overrides), "hydra.sweep.dir", initial_job_idx + i, f"job_{i}", state)
            for i, overrides in enumerate(job_overrides)
        ]
        jobs = executor.map_array(self, *zip(*arguments, strict=True))
        with _cancelled(jobs):
            return [_result(job) for job in jobs]

    def _executor(self) -> Any:
        import submitit

        params = {name: value for name, value in self.params.items() if value is not None}
        folder = params.pop("submitit_folder")
        retries = {}
        if "max_num_timeout" in params:
            retries[f"{self._EXECUTOR}_max_num_timeout"] = params.pop("max_num_timeout")
        executor = submitit.AutoExecutor(folder=folder, cluster=self._EXECUTOR, **retries)
        shared = set(OmegaConf.structured(BaseQueueConf).keys())
        executor.update_parameters(
            **{
                name if name in shared else f"{self._EXECUTOR}_{name}": value
                for name, value in params.items()
            }
        )
        return executor


class LocalLauncher(TolerantLauncher):
    """Launcher of jobs on this machine."""

    _EXECUTOR = "local"


class SlurmLauncher(TolerantLauncher):
    """Launcher of jobs on a Slurm cluster."""

    _EXECUTOR = "slurm"


@contextmanager
def _cancelled(jobs: Sequence[Any]) -> Iterator[None]:
    """Cancel the jobs if waiting for them is interrupted."""
    try:
        yield
    except BaseException:
        for job in jobs:
            if not job.done():
                job.cancel()
        raise


def _result(job: Any) -> JobReturn:
    try:
        result: JobReturn = job.results()[0]
        return result
    except Exception as error:
        line = " ".join(str(error).split())
        died = WorkerDied(f"{line[-300:]}; see {job.paths.stderr}")
        return JobReturn(status=JobStatus.FAILED, _return_value=died)
