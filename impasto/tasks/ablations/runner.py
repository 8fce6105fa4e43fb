"""Runs as processes of their own, some side by side, which go on where they were stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from impasto.tasks.ablations.plan import Job
from impasto.tasks.runs.run_folder import read_summary

_PROGRAM = (sys.executable, "-m", "impasto")
_POLL_SECONDS = 0.2
# Runs that have come to an end that going on would not change.
_ENDED = ("finished", "diverged")


def has_ended(job: Job) -> bool:
    """Return True if a run needs no more time."""
    return read_summary(job.folder).get("status") in _ENDED


def run_all(jobs: Sequence[Job], side_by_side: int) -> list[Job]:
    """Make runs, skipping those that have ended and going on with those that were stopped.

    One that needs another begins after that, and fails with it. Where there are GPUs, each run
    sees one of them. Each writes what it says to ``NAME.log`` beside its folder, which is the run's
    own. One that fails leaves the others be; an interruption reaches all of them, and they save
    themselves.

    Args:
        jobs: In the order to begin them.
        side_by_side: How many at a time.

    Returns:
        Those that failed.
    """
    waiting = [job for job in jobs if not has_ended(job)]
    running: dict[subprocess.Popen[bytes], tuple[Job, str | None]] = {}
    several = gpus() or [None]
    places = [several[number % len(several)] for number in range(side_by_side)]
    failed: list[Job] = []
    bar = tqdm(total=len(jobs), initial=len(jobs) - len(waiting), desc="runs", unit="run")
    try:
        while waiting or running:
            to_come = [*waiting, *(job for job, _ in running.values())]
            ready = [job for job in waiting if job.after not in to_come]
            lost = [job for job in ready if job.after is not None and not has_ended(job.after)]
            failed += lost
            begun = [job for job in ready if job not in lost][: len(places)]
            for job in begun:
                gpu = places.pop(0)
                running[_start(job, gpu)] = job, gpu
            waiting = [job for job in waiting if job not in lost and job not in begun]
            time.sleep(_POLL_SECONDS)
            for process in [process for process in running if process.poll() is not None]:
                job, gpu = running.pop(process)
                places.append(gpu)
                bar.update()
                if process.returncode and not has_ended(job):
                    failed.append(job)
                    bar.write(f"failed: {_log_of(job)}", file=sys.stderr)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
        bar.close()
    return failed


def gpus() -> list[str | None]:
    """Return the CUDA devices that there are, as `CUDA_VISIBLE_DEVICES` names them."""
    import torch  # only here: a report needs none of it

    count = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return list(visible.split(",") if visible else map(str, range(count)))[:count]


def _start(job: Job, gpu: str | None) -> "subprocess.Popen[bytes]":
    job.folder.parent.mkdir(parents=True, exist_ok=True)
    command = [
        *_PROGRAM,
        *job.overrides,
        "resume=auto",
        f"hydra.run.dir={job.folder}",
    ]
    # Small networks gain nothing from a second thread, and lose much where another run wants it.
    # The package is found where this process found it, installed or not.
    environment = {
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        **({} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}),
    }
    with _log_of(job).open("ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )


def _log_of(job: Job) -> Path:
    return job.folder.with_name(f"{job.folder.name}.log")
