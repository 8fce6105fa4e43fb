"""A run's memory doesn't grow: what runs for a minute with a flat line runs for days."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import command_line, environment

UPDATES = 2000
EPISODES, TARGETS, UPDATES_PER_ROLLOUT = 2048, 16, 4
FULL_AT = EPISODES // TARGETS * UPDATES_PER_ROLLOUT
WINDOW = 200


def anonymous_memory(process: int) -> int:
    """Kilobytes that no file stands for; raises when the process is gone."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))


def newest_update(metrics: Path) -> int:
    return int(metrics.read_text().splitlines()[-1].partition(",")[0])


def sample(run: subprocess.Popen[bytes], metrics: Path) -> list[tuple[int, int]]:
    """(update, kilobytes) a few times a second, as long as the run trains."""
    found: list[tuple[int, int]] = []
    while run.poll() is None:
        time.sleep(0.2)
        try:
            update = newest_update(metrics)
            if update >= UPDATES:  # measuring the trained agent takes memory of its own
                run.wait()
                break
            found.append((update, anonymous_memory(run.pid)))
        except (OSError, IndexError, ValueError, StopIteration):
            continue  # no row yet, or the process has just ended
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is read from /proc")
def test_from_a_full_replay_to_the_2000th_update_memory_grows_by_less_than_a_percent(
    tmp_path: Path,
) -> None:
    """Validations, pictures, checkpoints and the rows of metrics.csv are all part of it."""
    arguments = [
        "task=train",
        "experiment=quickstart",
        f"updates={UPDATES}",
        f"batch_size={TARGETS}",
        f"replay.episodes={EPISODES}",
        f"agent.updates_per_rollout={UPDATES_PER_ROLLOUT}",
        "agent.actor.width=8",
        "agent.actor.hidden=32",
        "agent.critic.width=8",
        "trainer.val_check_interval=200",
        "callbacks.metrics_csv.every=10",
        "callbacks.checkpoints.every=200",
        f"data.cache={tmp_path / 'data'}",
        f"hydra.run.dir={tmp_path / 'run'}",
    ]
    with subprocess.Popen(
        command_line(*arguments),
        env=environment(),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        samples = sample(run, tmp_path / "run" / "metrics.csv")
    assert run.returncode == 0

    def median(first: int) -> float:
        window = [memory for update, memory in samples if first <= update < first + WINDOW]
        assert len(window) >= 5
        return statistics.median(window)

    assert median(UPDATES - WINDOW) < 1.01 * median(FULL_AT)
