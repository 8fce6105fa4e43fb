"""DDP worker, a rank other than 0: it learns with the others, writes nothing, ends with rank 0."""

import contextlib
import json
import os
import pickle
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, open_dict, read_write

from impasto.errors import UserError
from impasto.launch.ddp_processes import Task
from impasto.launch.outcome import Outcome, outcome_of, terminable
from impasto.launch.resume import run_folder
from impasto.launch.run_task import call_on_this_rank


def run_worker() -> None:
    """Be a process that `impasto.launch.ddp_processes` has started: told by a pipe what to do.

    What it says goes to standard error, which rank 0 keeps; how it ended, as JSON to standard
    output. It ends at once when rank 0 does, which closes the pipe.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as report:
        os.dup2(2, 1)
        import pytorch_lightning  # noqa: F401  seconds that pass while rank 0 gets ready

        task: Task = pickle.load(sys.stdin.buffer)  # from our own parent
        threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
        os.environ.update(task.env)
        outcome = _learn(task.cfg, task.hydra, task.folder)
        if outcome.error is not None:
            traceback.print_exception(outcome.error)
            error = outcome.error
            words = {"what": error.what, "todo": error.todo} if type(error) is UserError else {}
            last = traceback.format_exception_only(error)[-1].strip()
            json.dump({"message": last, **words}, report)
    # Not by the interpreter's end, which would wait for threads of a group whose others are gone.
    sys.stderr.flush()
    os._exit(outcome.code)


def run_started_worker(cfg: DictConfig) -> int:
    """Be a process that torchrun or Slurm has started.

    Args:
        cfg: The composed config, checked, with its `hydra` section; its folder is rank 0's.

    Returns:
        The exit code.
    """
    folder = run_folder(cfg).absolute()
    with read_write(cfg.hydra.runtime), open_dict(cfg.hydra.runtime):
        cfg.hydra.runtime.output_dir = str(folder)
    HydraConfig.instance().set_config(cfg)
    hydra = cast(DictConfig, HydraConfig.instance().cfg)
    cfg = cfg.copy()
    with read_write(cfg), open_dict(cfg):
        del cfg["hydra"]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        outcome = _learn(cfg, hydra, folder)
    if outcome.error is not None and not outcome.message:  # of all else rank 0 tells
        traceback.print_exception(outcome.error)
    return outcome.code


def _learn(cfg: DictConfig, hydra: DictConfig, folder: Path) -> Outcome:
    setup_globals()
    HydraConfig.instance().cfg = hydra  # type: ignore[assignment]
    with terminable():
        try:
            call_on_this_rank(cfg, folder, {})
        except BaseException as error:
            return outcome_of(error)
    return Outcome("finished")


def _end_with(pipe: IO[bytes]) -> None:
    """Wait for rank 0's end, however it comes about, and end too."""
    pipe.read()
    os._exit(1)
