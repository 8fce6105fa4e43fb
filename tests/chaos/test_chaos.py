"""A short chaos: real processes, real signals, and the end compared bit for bit."""

import random
from collections import Counter
from pathlib import Path

import pytest
import torch

from impasto.persistence.manifest import Manifest, seal
from tests.chaos.campaign import Campaign
from tests.chaos.comparing import Lost, compare_checkpoints, leftovers
from tests.chaos.faults import KINDS, Fault
from tests.chaos.faults.disks import FileLimit, FullDisk, ReadOnly
from tests.chaos.faults.endings import KillExporting
from tests.chaos.faults.files import (
    Clock,
    Damaged,
    DeadWorker,
    Diverged,
    LostCache,
    LostPicture,
    TwoRuns,
)
from tests.chaos.faults.signals import Kill, KillWriting, Requeue, Terminate
from tests.chaos.lives import Nursery
from tests.chaos.plan import AT_ONCE, counts, take
from tests.chaos.recipes import AGENTS, REWARDS, Recipe, coverage, recipe

SIGNALS = [Kill, KillWriting, Terminate, Requeue, Kill, KillExporting]
OTHERS = [
    FileLimit,
    DeadWorker,
    LostPicture,
    LostCache,
    Damaged,
    TwoRuns,
    ReadOnly,
    Clock,
    Diverged,
]


@pytest.mark.parametrize(
    ("made", "updates", "kinds"),
    [(recipe(0, 0), 96, SIGNALS), (recipe(1, 22), 84, OTHERS)],  # both without a critic: fast
    ids=["signals", "others"],
)
def test_a_run_survives(
    made: Recipe, updates: int, kinds: list[type[Fault]], tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    campaign = Campaign(
        tmp_path / "run",
        logs,
        made,
        [kind.name for kind in kinds],
        1,
        random.Random(0),
        disk=False,
        show=print,
        updates=updates,
        fresh=0,
    )
    with Nursery(tmp_path / "lives") as nursery:
        found = campaign.go(nursery)
    assert [fault.why for fault in found if fault.why] == []
    # How far a run comes between two faults is the machine's affair: one may come too late for it.
    happened, planned = [fault.kind for fault in found], iter([kind.name for kind in kinds])
    assert all(kind in planned for kind in happened), happened
    assert len(happened) >= len(kinds) - 2
    logged = "".join(path.read_text() for path in logs.iterdir())
    assert logged.count("equal to the undisturbed run's at that point") > 0
    if KillWriting.name in happened:
        assert "inside a checkpoint's writing: temporary file" in logged
        assert "present: yes" in logged


def test_two_hundred_faults_are_what_was_promised() -> None:
    found = counts(200, list(KINDS), {})
    assert found.total() == 200
    assert set(found) == set(KINDS)
    signals = sum(count for kind, count in found.items() if KINDS[kind].signals)
    writing = sum(count for kind, count in found.items() if KINDS[kind].writing)
    assert signals >= 120
    assert writing >= 25
    without = counts(200, list(KINDS), {FullDisk.name: False})
    assert without.total() == 200
    assert FullDisk.name not in without
    assert counts(5, list(KINDS), {}).total() == 5


def test_a_run_takes_only_what_it_can_have_and_endings_last() -> None:
    left = Counter(dict.fromkeys(KINDS, 2))
    for number in range(6):
        made = recipe(number, 0)
        taken = take(left, made, False, random.Random(number))
        assert 0 < len(taken) <= AT_ONCE
        assert FullDisk.name not in taken
        assert (DeadWorker.name in taken) <= (made.workers > 0)
        assert (LostPicture.name in taken) <= made.pictures
        endings = [KINDS[name].ending for name in taken]
        assert endings == sorted(endings)
    assert coverage(12, 0) >= {*AGENTS, *REWARDS, "prioritized", "parameter_noise", "2 workers"}


def write_checkpoint(path: Path, weight: float, seconds: float) -> None:
    content = {
        "impasto": {"update_count": 3},
        "seconds": seconds,
        "state_dict": {"weight": torch.tensor([1.0, weight])},
    }
    with path.open("w+b") as file:
        torch.save(content, file)
        seal(file, Manifest(3), path)


def test_one_wrong_bit_is_a_loss_and_another_clock_is_none(tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{name}.ckpt" for name in "abc")
    write_checkpoint(one, 2.0, seconds=1)
    write_checkpoint(two, 2.0, seconds=9)
    write_checkpoint(three, torch.tensor(2.0).nextafter(torch.tensor(3.0)).item(), seconds=1)
    assert compare_checkpoints(one, two) == 1
    with pytest.raises(Lost, match=r"state_dict\.weight: a tensor differs"):
        compare_checkpoints(three, one)
    three.write_bytes(three.read_bytes()[:100])
    with pytest.raises(Lost, match="can't be read"):
        compare_checkpoints(three, one)


def test_what_is_left_behind_is_found(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / ".a").touch()
    (tmp_path / "checkpoints").mkdir()
    assert leftovers(tmp_path) == []
    (tmp_path / "checkpoints" / ".impasto-0123456789ab.tmp.ckpt").touch()
    assert leftovers(tmp_path) == ["checkpoints/.impasto-0123456789ab.tmp.ckpt"]
