"""The processes of trainer=ddp: started for one job, watched, and ended with it.

Lightning's own launchers start the command line again, which in a sweep is the whole sweep, or hand
the module to processes from which it does not come back. Here this process is rank 0 and goes on
with what it has learned; the others get the composed config, and end with the training.
"""

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from impasto.errors import Interrupted, Pruned, UserError
from impasto.runtime.ranks import LOST, STARTED_BY_US

_HOST = "127.0.0.1"
_THREADS = "OMP_NUM_THREADS"
_POLL = 0.2
# Seconds: for a rank to be seen dead after this one has noticed, to leave by itself, to obey.
_SEEN_DEAD, _LEAVES, _OBEYS = 10.0, 20.0, 5.0
_RUN_WORKER = "from impasto.launch.ddp_worker import run_worker; run_worker()"


class RankLost(UserError):
    """A rank has died, and the run with it; the last checkpoint is kept."""


@dataclass(frozen=True)
class Task:
    """Job that is passed to another rank.

    Attributes:
        cfg: The composed config of the job.
        hydra: Hydra's own section.
        folder: The run folder.
        env: What is to be in the environment before the trainer is made.
    """

    cfg: DictConfig
    hydra: DictConfig
    folder: Path
    env: dict[str, str]


@contextmanager
def other_ranks(cfg: DictConfig, folder: Path, count: int) -> Iterator[None]:
    """Run the other ranks of a job while the context is open.

    Args:
        cfg: The job's config, checked.
        folder: The run folder.
        count: How many ranks to be in all; 1 starts none, as where torchrun or Slurm has.

    Raises:
        RankLost: One of them died, or failed by a fault of the program.
        UserError: One of them found something that the user can mend, and this one did not.
    """
    if count == 1:
        yield
        return
    before = dict(os.environ)
    ranks = Ranks(count, folder)
    try:
        ranks.start(cfg)
        yield
        ranks.succeeded = True
    except Exception as error:
        lost = ranks.why_lost(error)
        if lost is None:
            raise
        raise lost from error
    finally:
        ranks.end()
        os.environ.clear()
        os.environ.update(before)


class Rank:
    """Another rank's process.

    Args:
        number: Which.
        env: Its environment.
    """

    def __init__(self, number: int, env: dict[str, str]) -> None:
        self.number = number
        self._report: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  open until `end`
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        # -P: not the current folder but the parent's path says what is imported. A process group
        # of its own: Ctrl-C reaches rank 0 alone, which agrees with the others on where to stop.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _RUN_WORKER],
            stdin=subprocess.PIPE,
            stdout=self._report,
            stderr=self._output,
            env={**env, "LOCAL_RANK": str(number)},
            process_group=0,
        )

    def tell(self, task: Task) -> None:
        """Send what is to be done. The pipe stays open: its end is that of rank 0."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(pickle.dumps(task))
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has died already, which is noticed elsewhere

    @property
    def report(self) -> dict[str, Any]:
        """Report that the rank left of its end; empty where it was killed."""
        text = _read(self._report)
        return dict(json.loads(text)) if text else {}

    @property
    def output(self) -> str:
        """Everything that the rank printed; nobody else has seen it."""
        return _read(self._output)

    def end(self, patience: float) -> None:
        """Wait for the process to exit, and kill it if it does not."""
        assert self.process.stdin is not None
        for seconds, insist in ((patience, self.process.terminate), (_OBEYS, self.process.kill)):
            try:
                self.process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                insist()
        self.process.wait()
        self.process.stdin.close()
        self._report.close()
        self._output.close()


class Ranks:
    """All ranks of a job but this one, which is 0.

    Args:
        count: How many ranks, this one included.
        folder: The run folder.
    """

    def __init__(self, count: int, folder: Path) -> None:
        self.count = count
        self.folder = folder
        self._others: list[Rank] = []
        self._store: Any = None
        self._ended = threading.Event()
        self.succeeded = False

    def start(self, cfg: DictConfig) -> None:
        """Start the others, and tell them what to do and where to meet."""
        shared = {"MASTER_ADDR": _HOST, "WORLD_SIZE": str(self.count), "NODE_RANK": "0"}
        shared |= {STARTED_BY_US: str(self.count), "TORCHELASTIC_USE_AGENT_STORE": "True"}
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        threads = os.environ.get(_THREADS, str(max(1, (cores or 1) // self.count)))
        path = os.pathsep.join(entry for entry in sys.path if entry)
        env = {**os.environ, **shared, "PYTHONPATH": path, _THREADS: threads}
        self._others = [Rank(number, env) for number in range(1, self.count)]
        import torch  # while the others do, too
        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        torch.set_num_threads(int(threads) if threads.isdigit() else torch.get_num_threads())
        # A port that the system chooses and this process holds, so that no other job gets it.
        self._store = TCPStore(_HOST, 0, is_master=True, wait_for_workers=False)
        shared["MASTER_PORT"] = str(self._store.port)
        task = Task(cfg, cast(DictConfig, HydraConfig.instance().cfg), self.folder, shared)
        os.environ.update({**shared, "LOCAL_RANK": "0"})
        for rank in self._others:
            rank.tell(task)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """Free this rank where it waits in vain for one that is gone.

        Between two CPUs a closed connection is an error at once. Not so before they are connected,
        and on GPUs.
        """
        while not self._ended.wait(_POLL):
            if any(rank.process.poll() for rank in self._others):
                self._store.set(LOST, "1")
                if self._ended.wait(_SEEN_DEAD):
                    return
                from torch.distributed import distributed_c10d, is_initialized

                if is_initialized():
                    distributed_c10d._abort_process_group()
                return

    def why_lost(self, error: Exception) -> UserError | None:
        """Find another rank's failure behind this one's error; None if it is this one's own."""
        if isinstance(error, UserError | Interrupted | Pruned):  # which all ranks raise
            return None
        deadline = time.monotonic() + _SEEN_DEAD
        while not any(rank.process.poll() for rank in self._others):
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL)
        time.sleep(_POLL)  # where one has died, the others fail by that
        ended = [rank for rank in self._others if rank.process.poll()]
        # The first of these is the cause: what was ended by the system, then what says why.
        ended.sort(key=lambda rank: (rank.process.returncode > 0, "what" not in rank.report))
        return self._explained(ended[0])

    def _explained(self, rank: Rank) -> UserError:
        code, report = rank.process.returncode, rank.report
        if "what" in report:
            return UserError(f"rank {rank.number}: {report['what']}", report["todo"])
        logging.getLogger("impasto.file").error("rank %d wrote:\n%s", rank.number, rank.output)
        checkpoint = self.folder / "checkpoints" / "last.ckpt"
        todo = f"go on by resume={checkpoint}" if checkpoint.exists() else "start the run again"
        if code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                todo += "; the system does that where memory runs out"
        else:
            how = f"failed: {report.get('message') or f'exit code {code}'}"
            todo += f"; {self.folder / 'run.log'} has what it wrote"
        return RankLost(f"rank {rank.number} of {self.count} {how}", todo)

    def end(self) -> None:
        """End the process group and the other ranks, whatever they do."""
        self._ended.set()
        for rank in self._others:
            rank.end(_LEAVES if self.succeeded else 0.0)
        from torch import distributed

        if distributed.is_initialized():
            distributed.destroy_process_group()
        self._store = None


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", errors="replace")
