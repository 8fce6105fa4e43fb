"""Whole processes: what a full-size run takes, and how long a person waits for the first stroke."""

from collections.abc import Iterator

from benchmarks.children import memory_of_a_run, until_first_stroke
from benchmarks.machine import device
from benchmarks.registry import Figure, measures
from benchmarks.workbench import Workbench


@measures("memory")
def memory(bench: Workbench) -> Iterator[Figure]:
    """Most anonymous memory on the host, in a process of its own."""
    found = memory_of_a_run(bench.scale.overrides)
    where = "on the host, " if device().type == "cuda" else ""
    what = (
        f"anonymous memory of a CelebA run ({where}batch {found.batch}, replay of "
        f"{found.episodes} episodes all claimed, {found.rollouts} rollout, {found.updates} update)"
    )
    yield Figure("host_memory", what, found.megabytes, "MB", aim="≤ 4,000 MB")


@measures("start")
def first_stroke(bench: Workbench) -> Iterator[Figure]:
    """From the command line to the first stroke that is reported, files warm."""
    seconds = until_first_stroke(bench.folder, bench.few)
    what = "`python run.py task=paint` to its first stroke"
    yield Figure("first_stroke", what, seconds, "s", aim="≤ 6 s")
