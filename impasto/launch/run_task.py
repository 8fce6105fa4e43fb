"""The work of one job: from its composed config to its summary."""

import atexit
import errno
import gc
import io
import logging
import signal
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from impasto.errors import UserError
from impasto.launch.build import build_call, import_call
from impasto.launch.compose import ROOT
from impasto.launch.ddp_processes import other_ranks
from impasto.launch.outcome import Outcome, outcome_of, terminable, undisturbed
from impasto.launch.resume import CHECKPOINTS, locked
from impasto.launch.summary import SUMMARY, git_commit, write_summary
from impasto.launch.sweeps.processes import register_process
from impasto.launch.validation.devices import rank_count
from impasto.persistence.atomic import remove_leftovers
from impasto.persistence.checkpoints import newest_good
from impasto.runtime.memory import MemoryPeak, return_large_blocks
from impasto.runtime.ranks import assigned_rank
from impasto.tasks.runs.run_folder import LEARNING, command
from impasto.tasks.runs.written_files import begin_list, end_list

_NO_NEWS = (
    r".*module\(s\) in eval mode at the start",  # target networks and renderers are
    r"You're resuming from a checkpoint that ended before",  # which holds the stream's place
    r".*does not have many workers",  # reading from the cache needs none
    r".*LeafSpec.* is deprecated",  # between Lightning and torch
)


def silence_libraries() -> None:
    """Leave out Lightning's advertisements, and its advice on what is done here on purpose.

    To be called once it is loaded, if it is: loading it sets what it says.
    """
    for library in ("pytorch_lightning", "lightning_fabric"):
        logger = logging.getLogger(library)
        logger.setLevel(logging.WARNING)
        logger.handlers.clear()  # its own, from when nothing else was there to log to
        logger.propagate = True
    for asked in ("profilers", "callbacks"):  # a report or a summary that a setting asks for
        logging.getLogger(f"pytorch_lightning.{asked}").setLevel(logging.INFO)
    logging.raiseExceptions = False  # a log that can't be written, on a full disk, says nothing
    for message in _NO_NEWS:
        warnings.filterwarnings("ignore", message=message)


class _Terminal(io.FileIO):
    """Terminal that may be closed while something is written to it, without an error."""

    def write(self, data: Any) -> int:
        """Write; discard the data once the terminal is closed."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return memoryview(data).nbytes


def outlive_terminal() -> None:
    """Discard what is printed after the terminal was closed, instead of ending the run.

    Its SIGHUP asks the run to save itself, which takes longer than the terminal is there.
    """
    if not hasattr(signal, "SIGHUP"):  # Windows ends the process, and its console is no file
        return
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or not stream.isatty():
            continue
        stream.flush()
        buffer = io.BufferedWriter(_Terminal(stream.fileno(), "w", closefd=False))
        heard = io.TextIOWrapper(
            buffer, stream.encoding, stream.errors, line_buffering=True, write_through=True
        )
        setattr(sys, name, heard)


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause Python's garbage collector while the context is open.

    Torch alone makes 200,000 objects that stay for good, and while they come the collector goes
    through all of them again and again, which takes a quarter as long as loading them. What was
    there after the first time in a process it does not look at later either: not when it could
    interrupt the painting, and not at the end, which would take a second.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # later there may be garbage of other jobs
            gc.freeze()
            atexit.register(_clear_for_triton)
        if collecting:
            gc.enable()


def _clear_for_triton() -> None:
    """Clear at exit what Triton's bindings would report as leaked."""
    if "triton" in sys.modules:
        gc.unfreeze()


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
        print_config(cfg)
        result = call_task(cfg, folder, facts)
        return Outcome(str(result.get("status", "finished")), result=result)
    except BaseException as error:  # whatever it is, the summary says so
        return outcome_of(error)


def print_config(cfg: DictConfig) -> None:
    """Print the config as a tree, a branch for each section, if `extras` says so."""
    learns = HydraConfig.get().runtime.choices["task"] in LEARNING
    wanted = cfg.extras.print_config
    if not (sys.stdout.isatty() and learns if wanted is None else wanted):
        return
    from rich import print  # slow to import
    from rich.syntax import Syntax
    from rich.tree import Tree

    tree, values = Tree("config"), OmegaConf.to_container(cfg)  # references as they stand
    assert isinstance(values, dict)
    for key, value in values.items():
        if isinstance(value, dict) and value:
            tree.add(str(key)).add(Syntax(OmegaConf.to_yaml(value), "yaml"))
        elif value not in (None, {}, []):
            tree.add(Syntax(OmegaConf.to_yaml({key: value}).strip(), "yaml"))
    print(tree)


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
        "tags": list(cfg.tags) or None,
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
    """Build the objects from the config, and call the task with them.

    Args:
        cfg: The composed config, checked.
        folder: The run folder.
        facts: What becomes known on the way, for the summary; filled in.

    Returns:
        What the task returned.
    """
    with other_ranks(cfg, folder, 1 if assigned_rank() else rank_count(cfg)):
        return call_on_this_rank(cfg, folder, facts)


def call_on_this_rank(cfg: DictConfig, folder: Path, facts: dict[str, object]) -> dict[str, object]:
    """Do this process's part of `call_task`, from a checked config on."""
    facts["strokes"] = cfg.strokes
    cfg.run.folder = folder
    cfg.run.command = command(HydraConfig.get().overrides.task)
    with gc_paused():
        import_call(cfg)  # first, as some libraries draw random numbers while they are loaded
        if "torch" in sys.modules:  # a task that only reads files needs neither it nor a device
            _prepare_torch(cfg)
            facts["device"] = cfg.run.device
        call = build_call(cfg)
    if (trainer := call.keywords.get("trainer")) is not None:
        facts["device"] = str(trainer.strategy.root_device)
    return call()


def _prepare_torch(cfg: DictConfig) -> None:
    """Choose the device and what float32 is there, and seed every generator."""
    from impasto.runtime.devices import pick_device  # torch
    from impasto.runtime.precision import exact_float32
    from impasto.runtime.random_state import seed_random_state

    cfg.run.device = pick_device(str(OmegaConf.select(cfg, "trainer.accelerator")))
    exact_float32()
    silence_libraries()
    return_large_blocks()
    seed_random_state(cfg.seed)
