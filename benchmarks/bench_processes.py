"""Whole processes: what a full-size run takes, and how long a person waits for the first stroke.

``python -m benchmarks.bench_processes OVERRIDES`` is the process of `memory_of_a_run`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.agents import as_in_a_run, make_agent
from benchmarks.conftest import Timed
from benchmarks.machine import ROOT, device
from benchmarks.photographs import find_picture, fitted
from benchmarks.workbench import Workbench
from impasto.io.images import write_png
from impasto.runtime.memory import MemoryPeak, return_large_blocks

PAINTED = b"canvas="
"""What `task=paint` shows behind its progress bar once there is a first stroke."""

_PATIENCE = 300.0  # seconds
_UPDATES = 2  # the second one meets what the first one left: moments, gradients, caches
_CHUNK = 8  # episodes put into the replay at once
_PHOTOGRAPH, _SIZE = "coffee", 300


@dataclass(frozen=True)
class RunMemory:
    """Peak memory of a run, and what it held.

    Attributes:
        megabytes: Most anonymous resident memory, 10^6 bytes.
        batch: Canvases in the rollout, transitions in an update.
        episodes: Of the replay, every one written.
        updates: Made after a whole rollout.
    """

    megabytes: float
    batch: int
    episodes: int
    updates: int


@pytest.mark.benchmark(group="memory")
def test_memory(bench: Workbench, timed: Timed, benchmark: Any) -> None:
    """Most anonymous memory on the host, in a process of its own."""
    peak = timed("", lambda: memory_of_a_run(bench.scale.overrides), rounds=1)
    benchmark.extra_info |= {
        "what": f"anonymous memory of a CelebA run ({device().type}, batch {peak.batch}, replay of "
        f"{peak.episodes} episodes all claimed, 1 rollout, {peak.updates} updates)",
        "figure": peak.megabytes,
        "unit": "MB",
        "aim": "≤ 4,000 MB",
    }


@pytest.mark.benchmark(group="start")
def test_first_stroke(tmp_path: Path, timed: Timed) -> None:
    """From the command line to the first stroke that is reported, files warm.

    The command is watched from outside, as a person does.
    """
    picture = tmp_path / "picture.png"
    write_png(picture, fitted(find_picture(_PHOTOGRAPH), _SIZE))
    paths = (f"image={picture}", f"hydra.run.dir={tmp_path / 'painted'}")
    command = [sys.executable, str(ROOT / "run.py"), "task=paint", *paths]
    what = "`python run.py task=paint` to its first stroke"
    timed(what, lambda: watch(command, PAINTED), slow=True, aim="≤ 6 s")


def memory_of_a_run(overrides: Sequence[str] = ()) -> RunMemory:
    """Peak of a process that fills the replay, paints a whole rollout and learns from it.

    Its networks, batch and replay are the recipe's for CelebA. A run's pictures are in a file that
    is mapped, so they are no anonymous memory; here they are random.

    Raises:
        RuntimeError: The process failed.
    """
    command = [sys.executable, "-m", "benchmarks.bench_processes", *overrides]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a full-size run failed: {done.stderr[-500:]}")
    return RunMemory(**json.loads(done.stdout.splitlines()[-1]))


def run(overrides: Sequence[str]) -> RunMemory:
    """The part of a full-size run in which its memory peaks, in this process."""
    return_large_blocks()
    with MemoryPeak() as peak:
        agent = make_agent([*overrides, f"updates={_UPDATES}"])
        size, steps = agent.renderer.canvas_size, agent.environment.max_steps
        episodes = agent.replay.episodes
        where = device()
        some = (
            torch.rand(_CHUNK, 3, size, size, device=where),
            torch.rand(_CHUNK, steps + 1, 3, size, size, device=where),
            torch.rand(_CHUNK, steps, agent.environment.action_dim, device=where),
        )
        for _ in range(0, episodes, _CHUNK):
            agent.replay.add(*some)
        del some
        agent.collector.rollout_count = agent.collector.warmup_rollouts
        target = torch.randint(256, (agent.batch_size, 3, size, size), dtype=torch.uint8)
        with as_in_a_run(agent):
            for batch in ([{"target": target.to(where)}], *[[]] * (_UPDATES - 1)):
                agent.make_update(batch)
                agent.update_count += 1
        return RunMemory(peak.megabytes, agent.batch_size, episodes, agent.update_count)


def watch(command: Sequence[str], message: bytes) -> None:
    """Wait until a command says something on standard error, and end it.

    Raises:
        RuntimeError: It ended, or five minutes went by, and it had not said it.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        said = b""
        while message not in said:
            heard = os.read(process.stderr.fileno(), 4096)
            said += heard
            if not heard or time.perf_counter() - started > _PATIENCE:
                process.kill()
                raise RuntimeError(f"{message.decode()} was never reported: {said[-500:]!r}")
        process.kill()


if __name__ == "__main__":
    print(json.dumps(asdict(run(sys.argv[1:]))))
