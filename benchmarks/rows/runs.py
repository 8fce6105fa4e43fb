"""Whole processes: what a full-size run takes, and how long a person waits for the first stroke."""

from collections.abc import Iterator

from benchmarks.children import memory_of_a_run, until_first_stroke
from benchmarks.machine import device
from benchmarks.registry import Result, measures
from benchmarks.workbench import Workbench


@measures("memory")
def memory(bench: Workbench) -> Iterator[Result]:
    """Most anonymous memory on the host, in a process of its own."""
    peak = memory_of_a_run(bench.scale.overrides)
    where = "on the host, " if device().type == "cuda" else ""
    what = (
        f"anonymous memory of a CelebA run ({where}batch {peak.batch}, replay of "
        f"{peak.episodes} episodes all claimed, {peak.rollouts} rollout, {peak.updates} update)"
    )
    yield Result("host_memory", what, peak.megabytes, "MB", aim="≤ 4,000 MB")


@measures("start")
def first_stroke(bench: Workbench) -> Iterator[Result]:
    """From the command line to the first stroke that is reported, files warm."""
    seconds = until_first_stroke(bench.folder, bench.few)
    what = "`python run.py task=paint` to its first stroke"
    yield Result("first_stroke", what, seconds, "s", aim="≤ 6 s")
