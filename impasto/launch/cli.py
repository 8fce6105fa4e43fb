"""Command line: python run.py task=NAME [group=choice] [key=value] ...

It composes the config, checks it, builds the objects, calls the task, and leaves summary.json.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from impasto.errors import UserError
from impasto.launch import claims
from impasto.launch.arguments import is_multirun, quote, quote_paths
from impasto.launch.command import as_arguments, asks_for_help, short_help
from impasto.launch.compose import CONF, CONFIG_NAME, compose_jobs
from impasto.launch.help import help_text
from impasto.launch.job import Starter, job, nothing_left, report, requeued
from impasto.launch.outcome import JobFailed, outcome_before_job, terminable
from impasto.launch.resume import find_checkpoint, find_resumable, refuse_if_locked
from impasto.launch.run_task import gc_paused, outlive_terminal
from impasto.launch.slurm import resumed
from impasto.launch.sweeps.folder import find_sweep
from impasto.launch.task_variants import resolve_variants
from impasto.launch.validation.devices import (
    assigned_rank,
    check_arguments,
    check_ranks,
    is_rank_zero,
)
from impasto.launch.validation.knobs import check, select
from impasto.tasks.runs.run_folder import command

_FULL_ERROR = "HYDRA_FULL_ERROR"
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
        print(help_text(CONF))
        return
    outlive_terminal()
    show_traceback = os.environ.get(_FULL_ERROR) == "1"
    os.environ.setdefault(_RAYS_HANDLER_OFF, "1")
    try:
        with terminable():
            prepared = prepare(resumed(arguments))
            if prepared is None:
                return
            if not is_rank_zero():
                from impasto.launch.ddp_worker import run_started_worker

                sys.exit(run_started_worker(prepared))
            sys.argv[1:] = prepared
            # Hydra then hands every exception on, so that there is one place that reports them.
            os.environ[_FULL_ERROR] = "1"
            decorate = hydra.main(str(CONF), CONFIG_NAME, version_base="1.3")
            # Not a lambda: launchers hand the function to other processes by its name.
            decorate(partial(job, show_traceback=show_traceback, starter=Starter()))()
    except JobFailed as failure:
        sys.exit(failure.code)
    except (Exception, KeyboardInterrupt, claims.Refused) as error:
        reason = error.error if isinstance(error, claims.Refused) else error
        outcome = outcome_before_job(reason, CONF, arguments)
        report(outcome, show_traceback)
        claims.withdraw()
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


def prepare(arguments: Sequence[str]) -> list[str] | None:
    """Make the arguments readable for Hydra, and find what is wrong with them before a run starts.

    Returns:
        The arguments; None if `resume=auto` found that there is nothing left to do.

    Raises:
        UserError: If the config doesn't compose or has wrong values, or `resume` leads nowhere.
    """
    quoted = quote_paths(arguments)
    args = _parse(quoted)
    elsewhere = args.config_dir or args.config_name or args.config_path or args.experimental_rerun
    if args.hydra_help or args.shell_completion or elsewhere:
        return quoted
    check_arguments(arguments, args.multirun)
    configs = compose_jobs(CONF, args.overrides, args.multirun)
    if args.cfg or args.info:
        return quoted
    for cfg in configs:
        resolved = resolve_variants(cfg, CONF)
        with gc_paused():  # while what the task is built from is loaded
            check(resolved)
        check_ranks(resolved)
        if cfg.resume not in (None, "auto"):
            find_checkpoint(str(cfg.resume), cfg)
    if args.multirun:
        return _with_sweep(quoted, args.overrides, configs[0])
    folder = _folder(configs[0], "hydra.run.dir")
    if is_rank_zero():
        refuse_if_locked(folder)
    if configs[0].resume != "auto":
        return quoted
    resumption = find_resumable(folder, configs[0], alone=not _is_one_of_several())
    if resumption is None:
        print("no run with this config to go on with: starting a new one")
        return quoted
    if nothing_left(resumption):
        return None
    there = (
        f"hydra.run.dir={quote(str(resumption.folder))}",
        f"resume={quote(str(resumption.checkpoint))}",
    )
    return [*(w for w in quoted if not w.startswith(("resume=", "hydra.run.dir="))), *there]


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse Hydra's own flags; what it does not know is a mistake of one line, not a page."""
    parser = get_args_parser()

    def complain(message: str) -> NoReturn:
        raise UserError(message, f"{command(['--hydra-help'])} shows the flags")

    parser.error = complain  # type: ignore[method-assign]
    return parser.parse_args(arguments)


def _is_one_of_several() -> bool:
    """Return True if other ranks, too, look for a run to go on with, and have to find the same.

    A run beside is held as soon as the first of them goes on with it.
    """
    assigned = assigned_rank()
    return assigned is not None and assigned.world > 1


def _with_sweep(arguments: list[str], overrides: Sequence[str], cfg: DictConfig) -> list[str]:
    """The arguments with the folder of the sweep that `resume=auto` goes on with, if any."""
    if cfg.resume != "auto" or any(word.startswith("hydra.sweep.dir=") for word in overrides):
        return arguments
    sweep = find_sweep(_folder(cfg, "hydra.sweep.dir").parent, overrides)
    if sweep is None:
        print("no sweep with these overrides to go on with: starting a new one")
        return arguments
    print(f"going on with {sweep}")
    return [*arguments, f"hydra.sweep.dir={quote(str(sweep))}"]


def _folder(cfg: DictConfig, key: str) -> Path:
    """A folder that Hydra has not made yet."""
    HydraConfig.instance().set_config(cfg)  # the folder's name is made from it
    try:
        return Path(str(select(cfg, key)))
    finally:
        HydraConfig.instance().cfg = None
