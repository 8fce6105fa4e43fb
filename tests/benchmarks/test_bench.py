"""``make bench`` itself, with next to nothing to measure."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bench_pretraining import AIM, pretrain_until
from benchmarks.bench_processes import memory_of_a_run, run, watch
from benchmarks.counted import Counted
from benchmarks.photographs import TEN, find_picture, fitted
from benchmarks.report import main, picture_tables, rows
from benchmarks.workbench import QUICK
from tests.benchmarks.test_peer import write_peer


def bench(folder: Path, *words: str) -> str:
    """Run the benchmarks in a process of their own, as they are timed nowhere else."""
    with started(folder, *words) as process:
        return process.communicate()[0]


def started(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """Start such a process."""
    command = [sys.executable, "-m", "pytest", "benchmarks", "-m", "", "-p", "no:cacheprovider"]
    storage = ["--benchmark-storage", str(folder), "--benchmark-save", "one"]
    timer = "--benchmark-timer=benchmarks.machine.clock"
    # By this pytest-benchmark knows a worker, in which it times nothing.
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    return subprocess.Popen(
        [*command, *storage, timer, "-p", "no:xdist", "--quick", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
    )


def test_strokes_and_floors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = bench(tmp_path, "--only", "strokes,floors")
    assert "9 passed" in said
    main(["--history", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if line.startswith("| triangle strokes drawn exactly"))
    assert line.split(" | ")[1].endswith(" / s")
    assert line.split(" | ")[4].endswith(" %")
    assert any(line.startswith("Ceilings measured: ") for line in lines)
    (stored,) = tmp_path.rglob("*.json")
    assert set(json.loads(stored.read_text())["machine_info"]) == {"machine", "versions", "device"}


def test_what_was_measured_outlives_the_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with started(tmp_path, "--only", "strokes") as process:
        assert process.stdout is not None
        row = next(line for line in process.stdout if line.startswith("| bezier strokes"))
        process.kill()
    main(["--history", str(tmp_path)])
    assert row.strip() in capsys.readouterr().out


@pytest.mark.slow
def test_everything_else(tmp_path: Path) -> None:
    peer = write_peer(tmp_path / "peer")
    painters = tmp_path / "painters"
    painters.mkdir()
    write_program(painters / "primitive", COPY)
    only = "renderer,training,pictures,growth,memory,start,ten,large,cold,peer,rivals"
    peers = ("--peer", str(peer), "--peers", str(painters))
    said = bench(tmp_path / "runs", "--only", only, *peers, "-rs")
    assert " failed" not in said
    assert f"NO diffvg: {painters} has no diffvg/apps/painterly_rendering.py" in said
    (stored,) = (tmp_path / "runs").rglob("*.json")
    kept = json.loads(stored.read_text())
    assert len(picture_tables(kept)["ten"]) == 2 + 10 + 1
    assert "| 100 |" in picture_tables(kept)["ten"][-1]  # what copies the picture is at 100 dB
    found = {row.what: row for row in rows(kept).values()}
    replay = next(row for what, row in found.items() if what.startswith("replay"))
    assert replay.figure == "12,808 B"  # two steps of two bundles at 32 px, two actions of 65
    assert replay.aim == "T + 2 canvases: 12,288 B"
    assert sum("LearningToPaint's" in what for what in found) >= 5
    assert sum(row.figure.endswith("MB)") for row in found.values()) == 42


# A program that is called as primitive is, and hands the picture back.
COPY = """
import shutil, sys
words = sys.argv
shutil.copy(words[words.index("-i") + 1], words[words.index("-o") + 1])
"""


def write_program(path: Path, text: str) -> None:
    """Write an executable of Python."""
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)


def test_unknown_groups_are_refused(tmp_path: Path) -> None:
    said = bench(tmp_path, "--only", "sculpture")
    assert "no group 'sculpture': choose from growth, ten, " in said


def test_counts_do_not_depend_on_the_form() -> None:
    counted = Counted(QUICK)
    assert counted.steps == 2
    assert counted.learning.flops == pytest.approx(
        counted.update.flops + counted.rollout.flops / 10
    )
    assert counted.rollout.flops == 2 * counted.steps_of(QUICK.batch).flops
    assert counted.painted(2).flops == pytest.approx(2 * counted.painted(1).flops)
    assert counted.update.flops > 3 * counted.steps_of(QUICK.batch).flops


def test_pretraining_stops_where_it_is_given_up() -> None:
    updates, ratio = pretrain_until(QUICK.renderer, limit=0, interval=3)
    assert updates == 3
    assert ratio > AIM


def test_memory_is_that_of_every_episode() -> None:
    found = run([*QUICK.overrides, "replay.episodes=16", "batch_size=4"])
    assert (found.batch, found.episodes, found.updates) == (4, 16, 2)
    assert found.megabytes > 16 * 12_808 / 1e6
    with pytest.raises(RuntimeError, match=r"a full-size run failed: [\s\S]*nowhere"):
        memory_of_a_run(["replay.nowhere=1"])


def test_a_command_is_watched_from_outside() -> None:
    script = """
import sys, time
print("step 1 psnr=3", file=sys.stderr, flush=True)
time.sleep(60)
"""
    watch([sys.executable, "-c", script], b"psnr=")
    with pytest.raises(RuntimeError, match="never reported: b'broken"):
        watch([sys.executable, "-c", "import sys; sys.exit('broken')"], b"psnr=")


def test_all_ten_photographs_are_there() -> None:
    assert len(TEN) == 10
    for name in TEN:
        assert find_picture(name).shape[2] == 3
    assert fitted(find_picture("coffee"), 300).shape == (200, 300, 3)
