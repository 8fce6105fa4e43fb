"""Launching jobs so that one which fails, or a worker that dies, costs the others nothing.

A job that runs writes down its process; so a signal to the sweep's own process can be passed on,
and the jobs save themselves before the launcher ends their processes.
"""

import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from impasto.errors import UserError, stop_signals
from impasto.launch.arguments import quote
from impasto.launch.claims import check_folder
from impasto.launch.compose import CONF, ROOT, explained
from impasto.launch.outcome import JobFailed, Terminated, WorkerDied
from impasto.launch.resume import find_checkpoint
from impasto.launch.sweeps.folder import Job
from impasto.launch.sweeps.processes import PROCESS, STOPPING, end_jobs
from impasto.launch.validation.validate import validate
from impasto.tasks.runs.run_folder import command

_TOGETHER = 2  # launches before those that are left go one by one


class OwnLoader(ConfigLoaderImpl):
    """Config loader that forgets schemas in a worker too: Hydra looked for plugins there again."""

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        """Compose the config of one job."""
        forget_schemas()
        return super().load_sweep_config(master_config, sweep_overrides)


def forget_schemas() -> None:
    """Remove from Hydra's store what ``conf/hydra/launcher/`` has a file of the same name for."""
    stored = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
    for path in (CONF / "hydra" / "launcher").glob("*.yaml"):
        stored.pop(path.name, None)


def make_launcher(
    context: HydraContext, task_function: TaskFunction, config: DictConfig
) -> Launcher:
    """Build the launcher that the config names.

    Raises:
        UserError: What it needs is not installed.
    """
    target = str(config.hydra.launcher._target_)
    module, _, name = target.rpartition(".")
    try:
        Plugins.instance().register(getattr(importlib.import_module(module), name))
    except ModuleNotFoundError as error:
        choice = config.hydra.runtime.choices["hydra/launcher"]
        what = f"hydra/launcher={choice} needs {error.name}, which is not installed"
        raise UserError(what, "pip install 'impasto[sweeps]'") from error
    loader = OwnLoader(context.config_loader.get_search_path())
    return Plugins.instance().instantiate_launcher(
        hydra_context=HydraContext(loader, context.callbacks),
        task_function=task_function,
        config=config,
    )


def compose_job(context: HydraContext, config: DictConfig, overrides: list[str]) -> DictConfig:
    """Compose one job of a sweep, and check it.

    Args:
        context: Hydra's.
        config: The sweep's own config.
        overrides: The job's, in Hydra's notation.

    Raises:
        UserError: The overrides don't compose, the config is wrong, or what `resume` names is.
    """
    with explained(overrides):
        cfg = context.config_loader.load_sweep_config(config, overrides)
    validate(cfg.copy())  # in which whole floats become integers; the job does that where it runs
    if cfg.resume not in (None, "auto"):
        find_checkpoint(str(cfg.resume), cfg)
    return cfg


def again(config: DictConfig, folder: Path) -> str:
    """Return the command that goes on with a sweep."""
    given = config.hydra.overrides
    made = ("hydra.mode=", "hydra.sweep.dir=")  # by Hydra itself, and what is about to be given
    typed = [word for word in given.hydra if not word.startswith(made)]
    return command(["-m", *given.task, *typed, f"hydra.sweep.dir={quote(str(folder))}"])


def run_jobs(launcher: Launcher, jobs: Sequence[Job], sweep: Path) -> int:
    """Run jobs to their end, whatever becomes of some of them.

    Where the launcher itself fails because a worker died (out of memory, killed), the jobs that
    were cut off are launched again, and in the end one by one, so that the culprit is alone.

    Returns:
        0, or the exit code of the first job that failed.

    Raises:
        KeyboardInterrupt: By Ctrl-C or one of `stop_signals`; the jobs have saved themselves and
            ended.
        UserError: The launcher could not start a single job, or a job's folder is not for it.
    """
    for job in jobs:
        task = next(word for word in job.overrides if word.startswith("task="))
        check_folder(job.folder, task.removeprefix("task="), job=True)
    _prepare_environment()
    (sweep / STOPPING).unlink(missing_ok=True)
    code, left = 0, list(jobs)
    for _ in range(_TOGETHER):
        began = time.time()
        failed = _launch(launcher, left, sweep)
        code = code or failed[0]
        if failed[1] is None:
            return code
        if not any(_has_begun(job, began) for job in left):
            raise failed[1]
        left = _left(launcher, left, sweep, failed[1])
    for job in left:
        failed = _launch(launcher, [job], sweep)
        if failed[1] is not None:
            _left(launcher, [job], sweep, failed[1])
            code = code or 1
        code = code or failed[0]
    return code


def _launch(launcher: Launcher, jobs: Sequence[Job], sweep: Path) -> tuple[int, Exception | None]:
    """Launch jobs together; return the first exit code of a failure, and what broke."""
    if not jobs:
        return 0, None
    with _passing_signals_on(jobs, sweep):
        try:
            returns = launcher.launch([job.to_launch() for job in jobs], initial_job_idx=0)
        except Exception as error:
            return 0, error
    # Not by `return_value`, which prints and raises; the jobs have reported themselves.
    results = [one._return_value for one in returns]
    codes = [one.code for one in results if isinstance(one, JobFailed)]
    broken = next((one for one in results if isinstance(one, WorkerDied)), None)
    other = [1 for one in results if isinstance(one, Exception) and not isinstance(one, JobFailed)]
    return next(iter([*codes, *([] if broken else other)]), 0), broken


def _left(launcher: Launcher, jobs: Sequence[Job], sweep: Path, error: Exception) -> list[Job]:
    """End what still runs after a launcher broke, and say what has to be launched again."""
    end_jobs([job.folder for job in jobs], sweep, at_once=True)
    (sweep / STOPPING).unlink(missing_ok=True)
    ray: Any = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        ray.shutdown()
    # Those that this has interrupted go on as well as those that have died.
    left = [job for job in jobs if not job.ended and job.status in ("killed", "interrupted")]
    names = ", ".join(str(job.folder) for job in left)
    line = " ".join(str(error).split())[:200] or type(error).__name__
    print(f"warning: a worker died ({line}); cut off: {names or 'none'}", file=sys.stderr)
    return left


def _has_begun(job: Job, since: float) -> bool:
    path = job.folder / PROCESS
    return path.exists() and path.stat().st_mtime >= since - 1


def _prepare_environment() -> None:
    """Let workers that are started afresh find the project's packages."""
    places = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    if str(ROOT) not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(places)


@contextmanager
def _passing_signals_on(jobs: Sequence[Job], sweep: Path) -> Iterator[None]:
    """On a signal that ends a run end the jobs in order before the launcher learns of it."""
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for one, handler in before.items():  # a second Ctrl-C doesn't wait
            signal.signal(one, handler)
        end_jobs([job.folder for job in jobs], sweep, at_once=number != signal.SIGINT)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)

    before: dict[int, Any] = {}
    try:
        for number in (signal.SIGINT, *stop_signals()):
            before[int(number)] = signal.signal(number, stop)
    except ValueError:  # not the main thread, which alone gets signals
        pass
    try:
        yield
    except KeyboardInterrupt:  # Ray makes one of whatever interrupts its waiting
        if received and received[0] != signal.SIGINT:
            raise Terminated(received[0]) from None
        raise
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
