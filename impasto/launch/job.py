"""One job, single or of a sweep: where it goes on, and how it ends for whoever started it."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from impasto.errors import Unwritable, UserError
from impasto.launch.claims import withdraw
from impasto.launch.outcome import JobFailed, Outcome, outcome_of
from impasto.launch.resume import find_resumable, go_on, go_on_as_named, nothing_left
from impasto.launch.run_task import outlive_terminal, run_task
from impasto.launch.slurm import preemptible, requeue
from impasto.launch.sweeps.processes import STOPPING
from impasto.launch.validation.validate import validate
from impasto.tasks.runs.run_folder import command, read_summary

_TIME_IS_UP = 128 + getattr(signal, "SIGUSR1", 0)  # which Windows has not, nor has it Slurm


@dataclass(frozen=True)
class Starter:
    """The process that a person started; jobs of a sweep may run in others.

    Attributes:
        program: What was started: run.py or the installed command.
        host: The machine.
        pid: The process.
        folder: Where it runs: what relative paths start from.
    """

    program: str = field(default_factory=lambda: sys.argv[0])
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    folder: str = field(default_factory=os.getcwd)

    @property
    def is_here(self) -> bool:
        """Return True if this process is the one."""
        return (self.host, self.pid) == (socket.gethostname(), os.getpid())


def job(cfg: DictConfig, show_traceback: bool, starter: Starter | None = None) -> dict[str, object]:
    """Run one job, single or of a sweep, in the folder that Hydra made for it.

    Args:
        cfg: The composed config.
        show_traceback: Whether an error comes with its traceback.
        starter: Who started it; None is this process.

    Returns:
        What the task returned; of a run that was finished already, its summary.

    Raises:
        SystemExit: If it didn't finish.
        JobFailed: The same in a sweep, whose other jobs go on unless it was interrupted.
    """
    hydra_cfg = HydraConfig.get()
    sweep = hydra_cfg.mode == RunMode.MULTIRUN
    folder = Path(hydra_cfg.runtime.output_dir)
    elsewhere = starter is not None and not starter.is_here
    if starter is not None and elsewhere:
        _begin_worker(starter, Path(hydra_cfg.sweep.dir))
    try:
        if sweep:  # checked by the sweeper; here whole floats become integers
            validate(cfg)
        # A job of a sweep always goes on in its folder: it may have been stopped, and queued again.
        # A single run has looked already, before its folder was made.
        if sweep and cfg.resume in (None, "auto"):
            resumption = find_resumable(folder, cfg, beside=False)
            cfg.resume = None
            if resumption is not None:
                if nothing_left(resumption):
                    return read_summary(folder)
                go_on(cfg, resumption)
        elif sweep:
            go_on_as_named(cfg)
        elif cfg.resume == "auto":  # there was nothing to go on from
            cfg.resume = None
        _add_pruning(cfg, hydra_cfg)
        with preemptible():
            outcome = run_task(cfg, folder)
    except UserError as error:  # its checkpoints are broken, or of other settings: so it stays
        outcome = outcome_of(error)
    if outcome.code == 0:
        return dict(outcome.result)
    overrides = list(hydra_cfg.overrides.task)
    label = f"job {folder.name} ({' '.join(overrides)}): " if sweep else ""
    report(outcome, show_traceback, label)
    # A run that could not save what it had learned was no mistake: its summary stays.
    mistaken = isinstance(outcome.error, UserError) and not isinstance(outcome.error, Unwritable)
    if outcome.status == "failed" and mistaken and withdraw(folder):
        raise SystemExit(outcome.code)  # not even a line in the log
    logging.getLogger("impasto.file").error("%s\n%s", outcome.message, _details(outcome))
    # A worker leaves the queue to its starter, which first waits for the other jobs.
    if (elsewhere or not requeued(outcome)) and outcome.checkpoint:
        other_words = [word for word in overrides if not word.startswith("resume=")]
        print(
            f"to go on: {command([*other_words, f'resume={outcome.checkpoint}'])}", file=sys.stderr
        )
    if sweep and (elsewhere or outcome.status != "interrupted"):
        raise JobFailed(outcome.code, Path(hydra_cfg.sweep.dir))
    raise SystemExit(outcome.code)


def _add_pruning(cfg: DictConfig, hydra_cfg: HydraConf) -> None:
    """Let the search end a run that promises nothing, if the run is a trial and learns."""
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


def _begin_worker(starter: Starter, sweep: Path) -> None:
    """Be the starter's worker: in its folder, under its name, able to start processes."""
    if (sweep / STOPPING).exists():
        raise JobFailed(128 + signal.SIGTERM, sweep)
    outlive_terminal()
    sys.argv[0] = starter.program
    os.chdir(starter.folder)
    if multiprocessing.get_start_method(allow_none=True) == "loky":  # knows no data workers
        multiprocessing.set_start_method("spawn", force=True)


def requeued(outcome: Outcome) -> bool:
    """Put a job whose time is nearly up into Slurm's queue again, and say so; True if it was."""
    name = requeue() if outcome.code == _TIME_IS_UP else None
    if name is not None:
        print(f"Slurm's queue has job {name} again; there it goes on", file=sys.stderr)
    return name is not None


def report(outcome: Outcome, show_traceback: bool, label: str = "") -> None:
    """Say on standard error how a run ended."""
    details = _details(outcome)
    if show_traceback or not outcome.message:
        print(details, file=sys.stderr, end="")
    if outcome.message:
        text = outcome.message.removeprefix("error: ")
        start = "error: " if text != outcome.message else ""
        print(f"{start}{label}{text}", file=sys.stderr)


def _details(outcome: Outcome) -> str:
    return "" if outcome.error is None else "".join(traceback.format_exception(outcome.error))
