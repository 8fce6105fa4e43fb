"""One job, single or of a sweep: from its composed config to its summary."""

import logging
import os
import sys
import time
import traceback
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.impasto import footprint
from hydra_plugins.impasto.alternatives import settle
from hydra_plugins.impasto.building import build_call, pick_device
from hydra_plugins.impasto.checks import check
from hydra_plugins.impasto.composing import CONF, ROOT
from hydra_plugins.impasto.outcomes import JobFailed, Outcome, outcome_of, terminable
from hydra_plugins.impasto.quiet import quieten
from hydra_plugins.impasto.resuming import Resumption, find_checkpoint, find_resumable, locked
from hydra_plugins.impasto.summary import SUMMARY, git_commit, write_summary
from painting.errors import UserError
from painting.memory_peak import MemoryPeak
from tasks.run_folder import command


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
        if found is not None and nothing_left(found):
            return {}
        cfg.resume = None if found is None else str(found.checkpoint)
    outcome = execute(cfg, folder)
    if outcome.code == 0:
        return dict(outcome.result)
    overrides = list(hydra_cfg.overrides.task)
    label = f"job {hydra_cfg.job.num} ({' '.join(overrides)}): " if sweep else ""
    report(outcome, show_traceback, label)
    if outcome.status == "failed" and isinstance(outcome.error, UserError) and footprint.erase():
        raise SystemExit(outcome.code)  # with the folder the log is gone
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


def nothing_left(found: Resumption) -> bool:
    """Say where a run goes on; whether it is finished."""
    if found.complete:
        print(f"{found.folder} is finished; nothing to do (updates=NUMBER would go on with it)")
    else:
        print(f"going on in {found.folder}")
    return found.complete
