"""The table: figures, floors, ratios to what was stored; and how cost grows."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.floors import Ceilings, Work
from benchmarks.report import (
    ceilings_line,
    curves,
    floors_table,
    last_seconds,
    number,
    picture_tables,
    rows,
    save_growth,
    slope,
    summaries,
    write_section,
)
from impasto.errors import UserError


def stored(commit: str, median: float, dirty: bool = False, **info: object) -> dict[str, Any]:
    """A run of one benchmark, as pytest-benchmark stores it."""
    benchmark = {"fullname": "a", "extra_info": {"what": "a", **info}, "stats": {"median": median}}
    return {
        "benchmarks": [benchmark],
        "machine_info": {"machine": "m", "versions": "v", "device": "cpu"},
        "commit_info": {"id": commit, "dirty": dirty},
    }


def line(run: dict[str, Any], last: float | None = None) -> str:
    (row,) = rows(run).values()
    return row.line(last)


def test_a_rate_and_its_floor() -> None:
    run = stored("abc", 0.5, units=1000, floor=0.1, aim="more")
    assert line(run) == "| a | 2,000 / s | 0.500 ms | 0.100 ms | 20.0 % |  | more |"
    assert line(run, 0.001).split(" | ")[5] == "2.00"  # twice as fast as last


def test_a_duration() -> None:
    cells = line(stored("abc", 1.5, floor=0.3), 0.75).split(" | ")
    assert cells[1:6] == ["1,500 ms", "1,500 ms", "300 ms", "20.0 %", "0.50"]


def test_figures_that_are_no_time() -> None:
    run = stored("abc", 0.001, figure=28.06, unit="dB", more="3 s of CPU")
    assert line(run).startswith("| a | 28.1 dB (3 s of CPU) | 1.00 ms |")
    hours = stored("abc", 36.0, scaled=100 / 3600, unit="h")
    assert line(hours).split(" | ")[1] == "1.00 h"


def test_pictures_are_rows_beside_what_others_made_of_them() -> None:
    run, other = (
        stored("abc", 2.0, table="ten", row=name, cells={"ours: dB": decibels}, mean=True)
        for name, decibels in (("coffee", 32.0), ("china", 30.0))
    )
    rival = stored("abc", 9.0, table="ten", row="china", cells={"its: dB": 25.0}, mean=True)
    run["benchmarks"] += other["benchmarks"] + rival["benchmarks"]
    assert picture_tables(run)["ten"] == [
        "| picture | ours: dB | its: dB |",
        "| --- | ---: | ---: |",
        "| coffee | 32.0 |  |",
        "| china | 30.0 | 25.0 |",
        "| mean | 31.0 | 25.0 |",
    ]


def test_last_is_of_the_same_machine_and_of_another_commit_without_changes() -> None:
    other = stored("bcd", 9.0) | {"machine_info": {"machine": "n", "versions": "v"}}
    earlier = [stored("bcd", 1.0), stored("cde", 2.0), stored("abc", 3.0)]
    earlier += [stored("def", 4.0, dirty=True), other]
    assert last_seconds(stored("abc", 5.0), earlier) == {"a": 2.0}
    assert last_seconds(stored("abc", 5.0), []) == {}


def test_numbers_have_three_digits() -> None:
    shown = [number(x) for x in (12345.6, 123.4, 12.34, 1.234, 0.1234, 0.00012345, 0)]
    assert shown == ["12,346", "123", "12.3", "1.23", "0.123", "0.000123", "0"]


def test_counts_and_ceilings_are_said() -> None:
    ceilings = Ceilings({"fp32": 2e12, "bf16": 8e12}, bandwidth=1e10)
    lines = floors_table([("an update", Work(4e9, 1e6, 2e6))], ceilings)
    assert lines[2] == "| an update | 4.00 GFLOP | 6.00 MB | 2.00 ms | 4.00 MB | 0.500 ms |"
    assert "2.00 TFLOP/s in fp32" in ceilings_line(ceilings)
    assert "10.0 GB/s" in ceilings_line(ceilings)


def test_a_section_of_a_document_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text("a\n<!-- x -->\nold\n<!-- end of x -->\nb\n")
    write_section(path, "x", ["new", "newer"])
    assert path.read_text() == "a\n<!-- x -->\nnew\nnewer\n<!-- end of x -->\nb\n"
    with pytest.raises(UserError, match="no section"):
        write_section(path, "y", [])


def test_slopes_of_power_laws(tmp_path: Path) -> None:
    work = [1.0, 3.0, 10.0, 30.0, 100.0]
    for power in (0.5, 1.0, 2.0):
        assert slope(work, [7 * x**power for x in work]) == pytest.approx(power)
    seconds = [1.0, 1.0, 1.0, 30**0.5 / 10**0.5, 10**0.5]
    run = stored("abc", 1.0)
    run["benchmarks"] = [
        benchmark
        for x, y in zip(work, seconds, strict=True)
        for benchmark in stored("abc", y, growth="drawing", work_done=x)["benchmarks"]
    ]
    (row,) = summaries(run)
    assert row.what == "growth of cost: drawing (the upper half 0.50)"
    assert 0 < float(row.figure.split()[0]) < 0.5
    save_growth(tmp_path / "cost.png", curves(run))
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")
