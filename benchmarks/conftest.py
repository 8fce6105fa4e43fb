"""Options, fixtures and records of the benchmarks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.utils import safe_dumps

from benchmarks.counted import Counted
from benchmarks.floors import Work
from benchmarks.machine import busy, device, hardware, machine, versions
from benchmarks.report import rows
from benchmarks.workbench import QUICK, Workbench, default_scale
from impasto.persistence.atomic import atomic_write
from impasto.runtime.memory import return_large_blocks

_SLOW_ROUNDS = 3
_SO_FAR = "so_far.json"


class Timed(Protocol):
    """Time some work, and name it for the report.

    Args:
        what: Its name in the table.
        work: What is timed, after a warm-up.
        units: Units of work in one call; the table then has a rate.
        floor: What all of it needs at least.
        slow: Three rounds instead of as many as fit into a second, at least five.
        rounds: So many instead, without a warm-up.
        more: Further entries of `extra_info`, by which `benchmarks.report` makes the row.
    """

    def __call__(
        self,
        what: str,
        work: Callable[[], object],
        units: int | None = None,
        floor: Work | None = None,
        slow: bool = False,
        rounds: int | None = None,
        **more: object,
    ) -> Any:
        """Return what the work returned last."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the command line."""
    parser.addoption("--only", default="", help="groups to run, with commas; all that are not slow")
    parser.addoption("--quick", action="store_true", help="next to nothing, to see that it works")
    parser.addoption("--peer", help="a checkout of github.com/hzwer/ICCV2019-LearningToPaint")
    parser.addoption("--peers", help="a folder of other painters: see docs/measuring.md")


def pytest_report_header() -> list[str]:
    """Describe the machine, and warn if others use it."""
    return [machine(), *([f"WARNING: {said}"] if (said := busy()) else [])]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the groups that are asked for; without asking, those that are not slow.

    Raises:
        pytest.UsageError: There is no such group.
    """
    only = config.getoption("only").replace(",", " ").split()
    groups = [_group(item) for item in items]
    if unknown := set(only) - set(groups):
        names = ", ".join(dict.fromkeys(filter(None, groups)))
        raise pytest.UsageError(f"no group {min(unknown)!r}: choose from {names}")
    wanted = [
        group in only if only else bool(group) and item.get_closest_marker("slow") is None
        for item, group in zip(items, groups, strict=True)
    ]
    config.hook.pytest_deselected(
        items=[item for item, is_wanted in zip(items, wanted, strict=True) if not is_wanted]
    )
    items[:] = [item for item, is_wanted in zip(items, wanted, strict=True) if is_wanted]


def _group(item: pytest.Item) -> str:
    mark = item.get_closest_marker("benchmark")
    return str(mark.kwargs["group"]) if mark else ""


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Keep what figures depend on, and not the host's name."""
    machine_info.clear()
    machine_info |= {"machine": hardware(), "versions": versions(), "device": device().type}


@pytest.fixture(scope="session")
def bench(pytestconfig: pytest.Config) -> Workbench:
    """The fixtures of all measurements."""
    return_large_blocks()
    return Workbench(QUICK if pytestconfig.getoption("quick") else default_scale())


@pytest.fixture(scope="session")
def counted(bench: Workbench) -> Counted:
    """Least operations and bytes of the pieces of work."""
    return Counted(bench.scale)


def keep_what_is_measured(config: Any) -> None:
    """Print the newest row, and store those so far: a lent machine may end before the benchmarks.

    At the end pytest-benchmark stores all of them, in a file of its own.
    """
    session = config._benchmarksession
    if not session.benchmarks or not (session.save or session.autosave):
        return
    run = config.hook.pytest_benchmark_generate_json(
        config=config,
        benchmarks=session.benchmarks,
        include_data=False,
        machine_info=session.get_machine_info(),
        commit_info=config.hook.pytest_benchmark_generate_commit_info(config=config),
    )
    path = Path(session.storage.path) / _SO_FAR
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(safe_dumps(run, indent=1).encode())
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{list(rows(run).values())[-1].line(None)}", flush=True)


def pytest_unconfigure(config: Any) -> None:
    """Remove what was stored on the way, where all of it has been stored by now."""
    session = getattr(config, "_benchmarksession", None)
    if session is not None and session.groups is not None:
        (Path(session.storage.path) / _SO_FAR).unlink(missing_ok=True)


@pytest.fixture
def timed(
    benchmark: BenchmarkFixture, bench: Workbench, pytestconfig: pytest.Config
) -> Iterator[Timed]:
    """Return a function that times work, and names it for the report."""

    def timed(
        what: str,
        work: Callable[[], object],
        units: int | None = None,
        floor: Work | None = None,
        slow: bool = False,
        rounds: int | None = None,
        **more: object,
    ) -> Any:
        benchmark.extra_info |= {"what": what, **more}
        if units is not None:
            benchmark.extra_info["units"] = units
        if floor is not None:
            benchmark.extra_info["floor"] = bench.ceilings.floor(floor)
        if bench.scale is QUICK:
            return benchmark.pedantic(work)
        if rounds is not None:
            return benchmark.pedantic(work, rounds=rounds)
        if slow:
            return benchmark.pedantic(work, rounds=_SLOW_ROUNDS, warmup_rounds=1)
        return benchmark(work)

    yield timed
    keep_what_is_measured(pytestconfig)
