"""Measurements that need a process of their own.

``python -m benchmarks.children OVERRIDES`` is the process of `memory_of_a_run`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch

from benchmarks.agents import as_in_a_run, make_agent
from benchmarks.machine import device
from benchmarks.photographs import fitted
from impasto.errors import UserError
from impasto.io.images import write_png
from impasto.runtime.memory import MemoryPeak, return_large_blocks

ROOT = Path(__file__).resolve().parent.parent
PAINTED = b"psnr="
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
        rollouts: Whole ones.
        updates: Made after them.
    """

    megabytes: float
    batch: int
    episodes: int
    rollouts: int
    updates: int


def memory_of_a_run(overrides: Sequence[str] = ()) -> RunMemory:
    """Peak of a process that fills the replay, paints a whole rollout and learns from it.

    Its networks, batch and replay are the recipe's for CelebA. A run's pictures are in a file that
    is mapped, so they are no anonymous memory; here they are random.

    Raises:
        UserError: The process failed.
    """
    command = [sys.executable, "-m", "benchmarks.children", *overrides]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"a full-size run failed: {_last_line(done.stderr)}", "correct that first")
    return RunMemory(**json.loads(done.stdout.splitlines()[-1]))


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1]


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
        agent.rollout_count = agent.warmup_rollouts
        target = torch.randint(256, (agent.batch_size, 3, size, size), dtype=torch.uint8)
        with as_in_a_run(agent):
            agent.training_step({"target": target.to(where)}, 0)
        return RunMemory(peak.megabytes, agent.batch_size, episodes, 1, agent.update_count)


def until_first_stroke(folder: Path, repeats: int = 3) -> float:
    """Median seconds from the start of ``python run.py task=paint`` to its first stroke.

    The command is watched from outside, as a person does: the first stroke is there when it is
    reported. One run before warms up files and compiled code.

    Args:
        folder: For the picture and the paintings.
        repeats: Runs that count.

    Raises:
        UserError: It ended, or five minutes went by, without a stroke.
    """
    picture = folder / "photograph.png"
    write_png(picture, fitted(_PHOTOGRAPH, _SIZE))
    command = [
        sys.executable,
        str(ROOT / "run.py"),
        "task=paint",
        f"image={picture}",
        f"hydra.run.dir={folder / 'painted'}",
    ]
    return median([watch(command, PAINTED) for _ in range(repeats + 1)][1:])


def watch(command: Sequence[str], message: bytes) -> float:
    """Seconds from a command's start until it says something on standard error; then it is ended.

    Raises:
        UserError: See `until_first_stroke`.
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
                what = _last_line(said.decode(errors="replace"))
                raise UserError(f"{message.decode()} was never reported: {what}", "see to that")
        seconds = time.perf_counter() - started
        process.kill()
    return seconds


if __name__ == "__main__":
    print(json.dumps(asdict(run(sys.argv[1:]))))
