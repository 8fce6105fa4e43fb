"""Faults by the hundred, injected into real runs: python -m tests.chaos --faults 200 --seed 0."""

import argparse
import random
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.campaign import Campaign, Injected
from tests.chaos.faults import KINDS
from tests.chaos.faults.disks import FullDisk, make_mounts_private
from tests.chaos.lives import Nursery
from tests.chaos.plan import counts, take
from tests.chaos.recipes import recipe

_FRUITLESS = 6  # runs in a row in which none of what is left could happen


@dataclass
class Chaos:
    """The program's state.

    Attributes:
        faults: How many faults are wanted.
        seed: Fixes runs and moments.
        fresh: The share of lives that are no forks.
        folder: For logs and runs.
        left: Faults that are still to be injected.
        disks: Whether a small file system can be mounted.
    """

    faults: int
    seed: int
    fresh: float
    folder: Path
    left: Counter[str]
    disks: bool
    injected: list[Injected] = field(default_factory=list)
    present: list[Injected] = field(default_factory=list)
    lives: int = 0
    runs: int = 0
    started: float = field(default_factory=time.monotonic)

    def go(self, nursery: Nursery) -> None:
        """Run after run, until all faults are injected, or none of those left can happen."""
        chosen = random.Random(self.seed)
        fruitless = 0
        while self.left.total() and fruitless < _FRUITLESS:
            made = recipe(self.runs, self.seed)
            disk = self.disks and self.runs % 4 == 2
            kinds = take(self.left, made, disk, chosen)
            campaign = Campaign(
                self.folder / f"run-{self.runs:02d}",
                self.folder / "faults",
                made,
                kinds,
                len(self.injected) + 1,
                random.Random(f"{self.seed}-{self.runs}"),
                disk,
                self.show,
                fresh=self.fresh,
            )
            self.present = campaign.injected
            found = campaign.go(nursery) if kinds else []
            self.present = []
            self.left = +(self.left - Counter(fault.kind for fault in found))
            self.injected += found
            self.lives += campaign.lives
            fruitless = 0 if found else fruitless + 1
            self.runs += 1

    def show(self, text: str) -> None:
        """Say on the screen where things are."""
        seconds = time.monotonic() - self.started
        found = [*self.injected, *self.present]
        lost = sum(1 for fault in found if fault.why)
        done = f"{len(found)}/{self.faults} injected, {lost} lost"
        _show(f"[{seconds:5.0f} s, {done}] {text}")


def main() -> int:
    """Inject faults; 1 if a run lost something, or not all faults could be injected."""
    arguments = _parser().parse_args()
    folder = Path(arguments.folder).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "faults").mkdir(parents=True)
    disks = make_mounts_private()
    names = [n for n in KINDS if not arguments.kinds or any(k in n for k in arguments.kinds)]
    left = counts(arguments.faults, names, {FullDisk.name: disks})
    chaos = Chaos(arguments.faults, arguments.seed, arguments.fresh, folder, left, disks)
    with Nursery(folder / "lives") as nursery:
        chaos.go(nursery)
    _show("")
    return report(chaos, time.monotonic() - chaos.started)


def report(chaos: Chaos, seconds: float) -> int:
    """Print the table of kinds and the last line; the program's exit code."""
    injected, left = chaos.injected, chaos.left
    lost = [fault for fault in injected if fault.why]
    total = Counter(fault.kind for fault in injected)
    gone = Counter(fault.kind for fault in lost)
    print(f"\n| {'fault':42} | injected | survived |\n| {'-' * 42} | -------: | -------: |")
    for kind in [*KINDS, *(kind for kind in total if kind not in KINDS)]:
        if total[kind]:
            print(f"| {kind:42} | {total[kind]:8} | {total[kind] - gone[kind]:8} |")
    signals = sum(n for kind, n in total.items() if kind in KINDS and KINDS[kind].signals)
    writing = sum(n for kind, n in total.items() if kind in KINDS and KINDS[kind].writing)
    print(
        f"\n{signals} real signals to training processes, {writing} of them inside a checkpoint's "
        f"writing; {chaos.lives} lives of {chaos.runs} runs in {seconds / 60:.1f} minutes; "
        f"logs: {chaos.folder}"
    )
    for fault in lost:
        print(f"LOST {fault.number} ({fault.kind}): {fault.why}", file=sys.stderr)
    for kind, count in left.items():
        if count > 0:
            print(f"NOT INJECTED: {count} x {kind}", file=sys.stderr)
    print(f"{len(injected) - len(lost)} faults survived, {len(lost)} lost")
    return 1 if lost or left.total() > 0 else 0


def _show(text: str) -> None:
    """One line that is written again and again; where there is no screen, a line each."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}", end="", file=sys.stderr)
    elif text:
        print(text, file=sys.stderr)
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=200, help="how many together")
    parser.add_argument("--seed", type=int, default=0, help="fixes the runs and the moments drawn")
    parser.add_argument(
        "--folder", default="outputs/chaos", help="for logs and runs; emptied first"
    )
    parser.add_argument("--fresh", type=float, default=0.1, help="share of lives that are no forks")
    parser.add_argument("--kinds", nargs="*", help="only kinds whose names hold one of these words")
    return parser


if __name__ == "__main__":
    sys.exit(main())
