"""The entry point: python run.py task=NAME [group=choice] [key=value] ...

It composes the config, checks it, builds the objects, calls the task, and leaves summary.json.
"""

import argparse
import logging
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.impasto.alternatives import settle
from hydra_plugins.impasto.arguments import quote, quote_paths, verbatim_keys
from hydra_plugins.impasto.building import build_call, pick_device
from hydra_plugins.impasto.checks import check, select
from hydra_plugins.impasto.command import as_arguments, asks_for_help, short_help
from hydra_plugins.impasto.composing import CONFIG_NAME, compose_jobs
from hydra_plugins.impasto.help import help_text
from hydra_plugins.impasto.outcomes import (
    JobFailed,
    Outcome,
    outcome_before_job,
    outcome_of,
    terminable,
)
from hydra_plugins.impasto.quiet import quieten
from hydra_plugins.impasto.resuming import Resumption, find_checkpoint, find_resumable, locked
from hydra_plugins.impasto.summary import SUMMARY, git_commit, write_summary
from hydra_plugins.impasto.sweeping import report_sweep
from painting.errors import UserError
from painting.memory_peak import MemoryPeak
from tasks.run_folder import command

ROOT = Path(__file__).resolve().parent
CONF = ROOT / "conf"
_FULL_ERROR = "HYDRA_FULL_ERROR"


def main() -> None:
    """Run what the command line asks for, and exit with its code."""
    arguments = sys.argv[1:]
    if "-h" in arguments or "--help" in arguments:
        print(help_text(CONF))
        return
    show_traceback = os.environ.get(_FULL_ERROR) == "1"
    try:
        prepared = prepare(arguments)
        if prepared is None:
            return
        sys.argv[1:] = prepared
        # Hydra then hands every exception on, so that there is one place that reports them.
        os.environ[_FULL_ERROR] = "1"
        decorate = hydra.main(version_base="1.3", config_path=str(CONF), config_name=CONFIG_NAME)
        decorate(lambda cfg: job(cfg, show_traceback))()
    except JobFailed as failure:  # Hydra then says nothing of the sweep's end
        report_sweep(failure.sweep)
        sys.exit(failure.code)
    except (Exception, KeyboardInterrupt) as error:
        outcome = outcome_before_job(error, CONF, arguments)
        report(outcome, show_traceback)
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
    quoted = quote_paths(arguments, verbatim_keys(CONF))
    args = _parse(quoted)
    elsewhere = args.config_dir or args.config_name or args.config_path or args.experimental_rerun
    if args.hydra_help or args.shell_completion or elsewhere:
        return quoted
    jobs = compose_jobs(CONF, args.overrides, args.multirun)
    if args.cfg or args.info:
        return quoted
    for cfg in jobs:
        check(settle(cfg, CONF))
        if cfg.resume not in (None, "auto"):
            find_checkpoint(str(cfg.resume))
    if args.multirun or jobs[0].resume != "auto":
        return quoted
    found = _find_beside(jobs[0])
    if found is None:
        print("no run with this config to go on with: starting a new one")
        return quoted
    if _nothing_left(found):
        return None
    there = (f"hydra.run.dir={quote(str(found.folder))}", f"resume={quote(str(found.checkpoint))}")
    return [*(w for w in quoted if not w.startswith(("resume=", "hydra.run.dir="))), *there]


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse Hydra's own flags; what it does not know is a mistake of one line, not a page."""
    parser = get_args_parser()

    def complain(message: str) -> NoReturn:
        raise UserError(message, f"{command(['--hydra-help'])} shows the flags")

    parser.error = complain  # type: ignore[method-assign]
    return parser.parse_args(arguments)


def _find_beside(cfg: DictConfig) -> Resumption | None:
    """What `resume=auto` finds for a single run, whose folder Hydra has not made yet."""
    HydraConfig.instance().set_config(cfg)  # the folder's name is made from it
    try:
        return find_resumable(Path(str(select(cfg, "hydra.run.dir"))), cfg)
    finally:
        HydraConfig.instance().cfg = None


def _nothing_left(found: Resumption) -> bool:
    if found.complete:
        print(f"{found.folder} is finished; nothing to do (updates=NUMBER would go on with it)")
    else:
        print(f"going on in {found.folder}")
    return found.complete


def job(cfg: DictConfig, show_traceback: bool) -> dict[str, object]:
    """Run one job, single or of a sweep, in the folder that Hydra made for it.

    Returns:
        What the task returned.

    Raises:
        SystemExit: If it didn't finish.
        JobFailed: The same in a sweep, whose other jobs go on unless it was interrupted.
    """
    hydra_cfg = HydraConfig.get()
    sweep = hydra_cfg.mode == RunMode.MULTIRUN
    folder = Path(hydra_cfg.runtime.output_dir)
    if cfg.resume == "auto":  # a single run has looked already, before its folder was made
        found = find_resumable(folder, cfg, alone=False) if sweep else None
        if found is not None and _nothing_left(found):
            return {}
        cfg.resume = None if found is None else str(found.checkpoint)
    outcome = execute(cfg, folder)
    if outcome.code == 0:
        return dict(outcome.result)
    overrides = list(hydra_cfg.overrides.task)
    label = f"job {hydra_cfg.job.num} ({' '.join(overrides)}): " if sweep else ""
    report(outcome, show_traceback, label)
    logging.getLogger("impasto.file").error("%s\n%s", outcome.message, _details(outcome))
    if outcome.checkpoint:
        kept = [word for word in overrides if not word.startswith("resume=")]
        print(f"to go on: {command([*kept, f'resume={outcome.checkpoint}'])}", file=sys.stderr)
    if sweep and outcome.status != "interrupted":
        raise JobFailed(outcome.code, Path(hydra_cfg.sweep.dir))
    raise SystemExit(outcome.code)


def execute(cfg: DictConfig, folder: Path) -> Outcome:
    """Perform the task and write its summary, however it ends."""
    if os.environ.get("LOCAL_RANK", "0") != "0":  # a helper process that Lightning started
        return Outcome("finished", result=perform(cfg, folder, {}))
    started = time.monotonic()
    facts: dict[str, object] = {"device": None, "strokes": None}
    with terminable(), MemoryPeak() as memory:
        try:
            with locked(folder):
                (folder / SUMMARY).unlink(missing_ok=True)
                result = perform(cfg, folder, facts)
            status = str(result.get("status", "finished"))
            outcome = Outcome(status, result=result)
        except BaseException as error:  # whatever it is, the summary says so
            outcome = outcome_of(error)
        choices: dict[str, str] = HydraConfig.get().runtime.choices
        summary = {
            "task": choices["task"],
            "experiment": choices["experiment"],
            "status": outcome.status,
            "seed": cfg.seed,
            "seconds": round(time.monotonic() - started, 3),
            **facts,
            **outcome.result,
            "peak_memory_mb": round(memory.megabytes, 1),
            "git_commit": git_commit(ROOT),
        }
        write_summary(folder, summary)
    return outcome


def perform(cfg: DictConfig, folder: Path, facts: dict[str, object]) -> dict[str, object]:
    """Check the config, build the objects from it, and call the task with them.

    Args:
        cfg: The composed config.
        folder: The run folder.
        facts: What becomes known on the way, for the summary; filled in.

    Returns:
        What the task returned.
    """
    cfg = settle(cfg, CONF)
    check(cfg)
    from pytorch_lightning import seed_everything  # takes seconds, which a wrong key need not wait

    quieten()
    facts["strokes"] = cfg.strokes
    cfg.run.folder = folder
    cfg.run.checkpoint = None if cfg.resume is None else find_checkpoint(str(cfg.resume))
    cfg.run.device = pick_device(str(OmegaConf.select(cfg, "trainer.accelerator")))
    seed_everything(cfg.seed, verbose=False)
    call = build_call(cfg)
    trainer = call.keywords.get("trainer")
    facts["device"] = cfg.run.device if trainer is None else str(trainer.strategy.root_device)
    return call()


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


if __name__ == "__main__":
    main()
