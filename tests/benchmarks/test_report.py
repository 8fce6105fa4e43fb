"""The table: figures, floors, ratios to what was recorded; and how cost grows."""

from pathlib import Path

import pytest

from benchmarks.floors import Ceilings, Work
from benchmarks.growth import Growth, save, slope
from benchmarks.registry import Result, duration, rate
from benchmarks.report import ceilings_line, floors_table, number, row, write_section
from impasto.errors import UserError


def test_a_rate_and_its_floor() -> None:
    result = rate("drawn", "strokes", seconds=0.5, count=1000, floor=0.0001, aim="more")
    assert row(result, None) == "| strokes | 2,000 / s | 0.500 ms | 0.100 ms | 20.0 % |  | more |"
    assert row(result, 1000.0).split(" | ")[5] == "2.00"  # twice as many as last


def test_a_duration_is_better_when_it_is_less() -> None:
    result = duration("update", "one update", seconds=1.5, floor=0.3)
    cells = row(result, 750.0).split(" | ")
    assert cells[1:6] == ["1,500 ms", "1,500 ms", "300 ms", "20.0 %", "0.50"]


def test_a_size_has_its_least_size_as_floor() -> None:
    result = Result("replay", "an episode", 2000.0, "B", floor=1900.0)
    assert row(result, None) == "| an episode | 2,000 B |  | 1,900 B | 95.0 % |  |  |"
    assert row(Result("memory", "run", 10.0, "MB"), None) == "| run | 10.0 MB |  |  |  |  |  |"


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


def test_slopes_of_power_laws() -> None:
    work = [1, 3, 10, 30, 100]
    for power in (0.5, 1.0, 2.0):
        assert slope(work, [7 * x**power for x in work]) == pytest.approx(power)
    growth = Growth("key", "what", work, [1, 1, 1, 30**0.5 / 10**0.5, 10**0.5])
    assert growth.late == pytest.approx(0.5)
    assert 0 < growth.slope < growth.late


def test_curves_are_drawn(tmp_path: Path) -> None:
    save(tmp_path / "cost.png", {"a": {1.0: 0.1, 10.0: 1.0}, "b": {1.0: 0.2, 9.0: 0.5}})
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")
