"""``make bench`` itself, with next to nothing to measure."""

import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.children import memory_of_a_run, run, watch
from benchmarks.pretraining import AIM, Learned, pretrain_until
from benchmarks.registry import ENTRIES, chosen, groups
from benchmarks.rows.strokes import KINDS
from benchmarks.sizes import QUICK
from benchmarks.workbench import Workbench
from impasto.errors import UserError


def test_groups_are_what_the_issue_lists() -> None:
    expected = ["strokes", "renderer", "training", "pictures", "memory", "start", "growth"]
    assert [name for name in groups() if name not in ("pretraining", "recipe")] == expected
    assert {entry.group for entry in chosen(["strokes"])} == {"strokes"}
    gpu = {entry.group for entry in ENTRIES if entry.gpu}
    assert gpu == {"pretraining", "recipe"}


def test_the_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    only = "strokes,renderer,training,pictures,floors"
    main(["--quick", "--only", only, "--history", str(history)])
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| ---")]
    assert len(rows) == 1 + 2 * len(KINDS) + 1 + 5 + 2 + 1 + 6
    replay = next(line for line in rows if line.startswith("| replay"))
    assert "T + 2 canvases: 12,288 B" in replay  # two steps of two bundles at 32 px
    assert "| 12,808 B |" in replay  # and two actions of 65 floats
    for line in rows[1 : 1 + 2 * len(KINDS)]:
        assert line.split(" | ")[2].endswith("ms")
    assert not history.exists()  # nothing of this is worth keeping


def test_unknown_groups_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "sculpture"])
    assert "choose from strokes, renderer" in capsys.readouterr().err


def test_counts_do_not_depend_on_the_form() -> None:
    counted = Workbench(QUICK).counted
    assert counted.steps == 2
    assert counted.learning.flops == pytest.approx(
        counted.update.flops + counted.rollout.flops / 10
    )
    assert counted.rollout.flops == 2 * counted.steps_of(QUICK.batch).flops
    assert counted.painted(2).flops == pytest.approx(2 * counted.painted(1).flops)
    assert counted.update.flops > 3 * counted.steps_of(QUICK.batch).flops


def test_pretraining_stops_where_it_is_given_up() -> None:
    learned = pretrain_until(QUICK.renderer, limit=0, interval=3)
    assert learned.updates == 3
    assert learned.ratio > AIM
    assert not learned.reached
    assert Learned(1.0, 3, AIM).reached


def test_memory_is_that_of_every_episode() -> None:
    found = run([*QUICK.overrides, "replay.episodes=16", "batch_size=4"])
    assert (found.batch, found.episodes, found.rollouts, found.updates) == (4, 16, 1, 2)
    assert found.megabytes > 16 * 12_808 / 1e6
    with pytest.raises(UserError, match=r"a full-size run failed: .*nowhere"):
        memory_of_a_run(["replay.nowhere=1"])


def test_a_command_is_watched_from_outside() -> None:
    script = """
import sys, time
time.sleep(0.3)
print("step 1 psnr=3", file=sys.stderr, flush=True)
time.sleep(60)
"""
    assert 0.3 < watch([sys.executable, "-c", script], b"psnr=") < 30
    with pytest.raises(UserError, match="never reported: broken"):
        watch([sys.executable, "-c", "import sys; sys.exit('broken')"], b"psnr=")
