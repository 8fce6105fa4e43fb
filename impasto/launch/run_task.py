"""The work of one job: from its composed config to its summary."""

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from impasto.errors import UserError
from impasto.launch.build import build_call, import_call, pick_device
from impasto.launch.changes import other_versions
from impasto.launch.compose import CONF, ROOT
from impasto.launch.ddp_processes import other_ranks
from impasto.launch.loading import gc_paused
from impasto.launch.outcome import Outcome, outcome_of, terminable, undisturbed
from impasto.launch.quiet import silence_libraries
from impasto.launch.resume import CHECKPOINTS, find_checkpoint, locked
from impasto.launch.summary import SUMMARY, git_commit, write_summary
from impasto.launch.sweeps.processes import register_process
from impasto.launch.task_variants import resolve_variants
from impasto.launch.validation.devices import assigned_rank, check_ranks
from impasto.launch.validation.knobs import check
from impasto.persistence.checkpoints import newest_good
from impasto.persistence.temporary import remove_leftovers
from impasto.runtime.allocator import return_large_blocks
from impasto.runtime.memory_peak import MemoryPeak
from impasto.tasks.runs.written_files import begin_list, end_list


def run_task(cfg: DictConfig, folder: Path) -> Outcome:
    """Perform the task and write its summary, however it ends."""
    started = time.monotonic()
    facts: dict[str, object] = {"device": None, "strokes": None}
    outcome: Outcome | None = None
    try:
        with terminable(), MemoryPeak() as memory, locked(folder):
            task = HydraConfig.get().runtime.choices["task"]
            others = begin_list(folder, task)
            outcome = _try_task(cfg, folder, facts)
            with undisturbed():  # so that a second signal costs no summary, and no way on
                facts["seconds"] = round(time.monotonic() - started, 3)
                outcome = _add_checkpoint(outcome, folder)
                outcome = _write_summary(outcome, cfg, folder, facts, memory.megabytes)
                end_list(folder, task, others)
    except BaseException as error:  # another process's folder, say, whose summary stays its own
        if outcome is None or outcome.code == 0:  # else the first reason stays the reason
            return outcome_of(error)
    return outcome


def _try_task(cfg: DictConfig, folder: Path, facts: dict[str, object]) -> Outcome:
    """Perform the task in a folder that is this process's own."""
    try:
        register_process(folder)
        remove_leftovers(folder)
        (folder / SUMMARY).unlink(missing_ok=True)
        result = call_task(cfg, folder, facts)
        return Outcome(str(result.get("status", "finished")), result=result)
    except BaseException as error:  # whatever it is, the summary says so
        return outcome_of(error)


def _add_checkpoint(outcome: Outcome, folder: Path) -> Outcome:
    """Add to an interruption the checkpoint to resume from."""
    # A signal before or after the updates; what they left can be gone on with nevertheless.
    if outcome.status == "interrupted" and outcome.checkpoint is None:
        with suppress(UserError):
            good = newest_good(folder / CHECKPOINTS)
            outcome = replace(outcome, checkpoint=str(good.path))
    return outcome


def _write_summary(
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


def call_task(cfg: DictConfig, folder: Path, facts: dict[str, object]) -> dict[str, object]:
    """Check the config, build the objects from it, and call the task with them.

    Args:
        cfg: The composed config.
        folder: The run folder.
        facts: What becomes known on the way, for the summary; filled in.

    Returns:
        What the task returned.
    """
    composed, cfg = cfg, resolve_variants(cfg, CONF)
    check(cfg)
    count = check_ranks(cfg)
    cfg.run.checkpoint = None if cfg.resume is None else _checkpoint(composed)
    with other_ranks(cfg, folder, 1 if assigned_rank() else count):
        return call_on_this_rank(cfg, folder, facts)


def call_on_this_rank(cfg: DictConfig, folder: Path, facts: dict[str, object]) -> dict[str, object]:
    """Do this process's part of `call_task`, from a checked config on."""
    facts["strokes"] = cfg.strokes
    cfg.run.folder = folder
    if cfg.task.get("reads_only"):
        return build_call(cfg)()
    with gc_paused():
        cfg.run.device = pick_device(str(OmegaConf.select(cfg, "trainer.accelerator")))
        import_call(cfg)  # first, as some libraries draw random numbers while they are loaded
        from impasto.runtime.random_state import (
            seed_random_state,  # torch: a wrong key need not wait
        )

        silence_libraries()
        return_large_blocks()
        seed_random_state(cfg.seed)
        call = build_call(cfg)
    trainer = call.keywords.get("trainer")
    facts["device"] = cfg.run.device if trainer is None else str(trainer.strategy.root_device)
    return call()


def _checkpoint(cfg: DictConfig) -> Path:
    """Find the checkpoint that `resume` names, and print what is remarkable about it."""
    checkpoint = find_checkpoint(str(cfg.resume), cfg)
    for line in (checkpoint.remark, other_versions(checkpoint.manifest)):
        if line is not None:
            print(line, file=sys.stderr)
    return checkpoint.path
