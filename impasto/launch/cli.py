"""Command line: python run.py task=NAME [group=choice] [key=value] ...

The way of every command: arguments, one composed config, its checks, its folder, its task, and a
summary. What is wrong with it is said before anything is written.
"""

import os
import sys
from collections.abc import Sequence
from functools import partial

import hydra
from hydra._internal.callbacks import Callbacks
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus, configure_log, run_job
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import DictConfig

from impasto.errors import UserError
from impasto.launch.arguments import is_multirun, quote_paths
from impasto.launch.claims import claim_run, claim_sweep, withdraw
from impasto.launch.command import as_arguments, asks_for_help, short_help
from impasto.launch.compose import CONF, CONFIG_NAME, composed, parse
from impasto.launch.help import help_text
from impasto.launch.job import Starter, job, report, requeued
from impasto.launch.outcome import JobFailed, outcome_before_job, terminable
from impasto.launch.resume import find_run
from impasto.launch.run_task import gc_paused, outlive_terminal
from impasto.launch.slurm import resumed
from impasto.launch.sweeps.folder import find_sweep
from impasto.launch.validation.devices import check_arguments
from impasto.launch.validation.targets import check_hydra
from impasto.launch.validation.validate import validate
from impasto.runtime.ranks import is_rank_zero
from impasto.tasks.runs.run_folder import command

# Ray's own handler of SIGTERM aborts the process that is about to end a sweep in order.
_RAYS_HANDLER_OFF = "RAY_DISABLE_FAILURE_SIGNAL_HANDLER"


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line asks for, and exit with its code.

    Args:
        argv: The arguments without the program's name; None takes the command line's.
    """
    if argv is not None:
        sys.argv[1:] = argv
    arguments = sys.argv[1:]
    if "-h" in arguments or "--help" in arguments:
        tasks = [word.removeprefix("task=") for word in arguments if word.startswith("task=")]
        print(help_text(CONF, *tasks[-1:]))
        return
    outlive_terminal()
    show_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ.setdefault(_RAYS_HANDLER_OFF, "1")
    try:
        with terminable():
            start(resumed(arguments), show_traceback)
    except JobFailed as failure:
        sys.exit(failure.code)
    except (Exception, KeyboardInterrupt) as error:
        outcome = outcome_before_job(error, CONF, arguments)
        report(outcome, show_traceback)
        withdraw()
        interrupted = outcome.status == "interrupted" and not requeued(outcome)
        if interrupted and not is_multirun(arguments):  # a sweep has said how
            print(f"to go on: {command(arguments)}", file=sys.stderr)
        sys.exit(outcome.code)


def impasto() -> None:
    """Be the installed command: paint the pictures that are named, or do as run.py does."""
    words = sys.argv[1:]
    if asks_for_help(words):
        print(short_help(CONF))
        return
    sys.argv[1:] = as_arguments(words)
    main()


def start(arguments: Sequence[str], show_traceback: bool = False) -> None:
    """Compose what the arguments ask for, check it, and run it.

    Raises:
        UserError: Something is wrong, and nothing was written.
        SystemExit: The run didn't finish.
    """
    words = quote_paths(arguments)
    args = parse(words)
    if args.hydra_help or args.shell_completion:
        _hydras_own(words)
        return
    check_arguments(arguments, args.multirun)
    with composed(args) as (config_loader, cfg):
        if not (args.cfg or args.info):
            check_hydra(cfg)
            if cfg.hydra.mode == RunMode.MULTIRUN and not args.multirun:
                raise UserError("the config asks for a sweep of several runs", "add -m")
            configure_log(cfg.hydra.hydra_logging, cfg.hydra.verbose)
            # Not a lambda: launchers hand the function to other processes by its name.
            task = partial(job, show_traceback=show_traceback, starter=Starter())
            context = HydraContext(config_loader, Callbacks(cfg))
            (_run_sweep if args.multirun else _run_once)(cfg, context, task)
            return
    _hydras_own(words)


def _run_once(cfg: DictConfig, context: HydraContext, task: TaskFunction) -> None:
    """Run a single job in its folder; processes besides rank 0 learn with it."""
    with gc_paused():  # the signatures that bounds stand in are those of what the task loads
        validate(cfg)
    if not find_run(cfg):
        return
    if not is_rank_zero():
        from impasto.launch.ddp_worker import run_started_worker

        sys.exit(run_started_worker(cfg))
    claim_run(cfg)
    context.callbacks.on_run_start(config=cfg, config_name=CONFIG_NAME)
    done = run_job(task, cfg, "hydra.run.dir", None, context)
    context.callbacks.on_run_end(config=cfg, config_name=CONFIG_NAME, job_return=done)
    if done.status == JobStatus.FAILED:  # not by `return_value`, which prints, too
        raise done._return_value


def _run_sweep(cfg: DictConfig, context: HydraContext, task: TaskFunction) -> None:
    """Run the jobs of a sweep; the sweeper checks all of them before the first."""
    find_sweep(cfg)
    claim_sweep(cfg)
    sweeper = Plugins.instance().instantiate_sweeper(
        config=cfg, hydra_context=context, task_function=task
    )
    context.callbacks.on_multirun_start(config=cfg, config_name=CONFIG_NAME)
    sweeper.sweep(arguments=list(cfg.hydra.overrides.task))
    context.callbacks.on_multirun_end(config=cfg, config_name=CONFIG_NAME)


def _hydras_own(words: Sequence[str]) -> None:
    """Let Hydra show its help, a config or its parts: nothing is run."""
    sys.argv[1:] = words
    hydra.main(str(CONF), CONFIG_NAME, version_base="1.3")(partial(job, show_traceback=False))()
