"""One job, single or of a sweep: from its composed config to its summary."""

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.impasto.alternatives import settle
from hydra_plugins.impasto.building import build_call, pick_device
from hydra_plugins.impasto.changes import other_versions
from hydra_plugins.impasto.checks import check
from hydra_plugins.impasto.composing import CONF, ROOT
from hydra_plugins.impasto.outcomes import (
    JobFailed,
    Outcome,
    outcome_of,
    terminable,
    undisturbed,
)
from hydra_plugins.impasto.quiet import quieten
from hydra_plugins.impasto.resuming import (
    CHECKPOINTS,
    Resumption,
    find_checkpoint,
    find_resumable,
    locked,
)
from hydra_plugins.impasto.slurm import requeue
from hydra_plugins.impasto.summary import SUMMARY, git_commit, write_summary
from painting.checkpoints import newest_good
from painting.errors import UserError
from painting.memory_peak import MemoryPeak
from painting.temporary import remove_leftovers
from tasks.run_folder import command

_TIME_IS_UP = 128 + signal.SIGUSR1


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
    try:
        if cfg.resume == "auto":  # a single run has looked already, before its folder was made
            found = find_resumable(folder, cfg, alone=False) if sweep else None
            if found is not None and nothing_left(found):
                return {}
            cfg.resume = None if found is None else str(found.checkpoint)
        outcome = execute(cfg, folder)
    except UserError as error:  # its checkpoints are broken, or of other settings: so it stays
        outcome = outcome_of(error)
    if outcome.code == 0:
        return dict(outcome.result)
    overrides = list(hydra_cfg.overrides.task)
    label = f"job {hydra_cfg.job.num} ({' '.join(overrides)}): " if sweep else ""
    report(outcome, show_traceback, label)
    logging.getLogger("impasto.file").error("%s\n%s", outcome.message, _details(outcome))
    if not requeued(outcome) and outcome.checkpoint:
        kept = [word for word in overrides if not word.startswith("resume=")]
        print(f"to go on: {command([*kept, f'resume={outcome.checkpoint}'])}", file=sys.stderr)
    if sweep and outcome.status != "interrupted":
        raise JobFailed(outcome.code, Path(hydra_cfg.sweep.dir))
    raise SystemExit(outcome.code)


def execute(cfg: DictConfig, folder: Path) -> Outcome:
    """Perform the task and write its summary, however it ends."""
    if not _is_first_process():
        return Outcome("finished", result=perform(cfg, folder, {}))
    started = time.monotonic()
    facts: dict[str, object] = {"device": None, "strokes": None}
    try:
        with terminable(), MemoryPeak() as memory, locked(folder):
            outcome = _outcome(cfg, folder, facts)
            with undisturbed():  # so that a signal costs no summary, which is a moment's work
                facts["seconds"] = round(time.monotonic() - started, 3)
                return _summarized(outcome, cfg, folder, facts, memory.megabytes)
    except BaseException as error:  # another process's folder, say, whose summary stays its own
        return outcome_of(error)


def _outcome(cfg: DictConfig, folder: Path, facts: dict[str, object]) -> Outcome:
    """Perform the task in a folder that is this process's own."""
    try:
        remove_leftovers(folder)
        (folder / SUMMARY).unlink(missing_ok=True)
        result = perform(cfg, folder, facts)
        return Outcome(str(result.get("status", "finished")), result=result)
    except BaseException as error:  # whatever it is, the summary says so
        outcome = outcome_of(error)
    # A signal before or after the updates; what they left can be gone on with nevertheless.
    if outcome.status == "interrupted" and outcome.checkpoint is None:
        with suppress(UserError):
            good = newest_good(folder / CHECKPOINTS)
            outcome = replace(outcome, checkpoint=str(good.path))
    return outcome


def _summarized(
    outcome: Outcome, cfg: DictConfig, folder: Path, facts: Mapping[str, object], megabytes: float
) -> Outcome:
    """Write the summary; a run that can't write it has failed."""
    choices: dict[str, str] = HydraConfig.get().runtime.choices
    summary = {
        "task": choices["task"],
        "experiment": choices["experiment"],
        "status": outcome.status,
        "seed": cfg.seed,
        "seconds": None,  # here by its place in the file
        **facts,
        **outcome.result,
        "peak_memory_mb": round(megabytes, 1),
        "git_commit": git_commit(ROOT),
    }
    try:
        write_summary(folder, summary)
    except OSError as error:  # what went wrong first is the better reason
        return outcome_of(error) if outcome.code == 0 else outcome
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
    composed, cfg = cfg, settle(cfg, CONF)
    check(cfg)
    from pytorch_lightning import seed_everything  # takes seconds, which a wrong key need not wait

    quieten()
    facts["strokes"] = cfg.strokes
    cfg.run.folder = folder
    cfg.run.checkpoint = None if cfg.resume is None else _checkpoint(composed)
    cfg.run.device = pick_device(str(OmegaConf.select(cfg, "trainer.accelerator")))
    seed_everything(cfg.seed, verbose=False)
    call = build_call(cfg)
    trainer = call.keywords.get("trainer")
    facts["device"] = cfg.run.device if trainer is None else str(trainer.strategy.root_device)
    return call()


def _checkpoint(cfg: DictConfig) -> Path:
    """Where `resume` leads, saying what is remarkable about it."""
    found = find_checkpoint(str(cfg.resume), cfg)
    for line in (found.remark, other_versions(found.manifest)):
        if line is not None and _is_first_process():
            print(line, file=sys.stderr)
    return found.path


def requeued(outcome: Outcome) -> bool:
    """Put a job whose time is nearly up into Slurm's queue again, and say so; whether it is."""
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


def _is_first_process() -> bool:
    """Whether this is no helper process that Lightning started."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _details(outcome: Outcome) -> str:
    return "" if outcome.error is None else "".join(traceback.format_exception(outcome.error))


def nothing_left(found: Resumption) -> bool:
    """Say where a run goes on; whether it is finished."""
    if found.remark is not None:
        print(found.remark, file=sys.stderr)
    if found.complete:
        print(f"{found.folder} is finished; nothing to do (updates=NUMBER would go on with it)")
    else:
        print(f"going on in {found.folder}")
    return found.complete
