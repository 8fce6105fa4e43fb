"""Columns of metrics.csv of several runs in one picture."""

from pathlib import Path
from typing import Any

import pytest

from impasto.errors import UserError
from impasto.tasks.runs import curves as module
from impasto.tasks.runs.curves import curves
from tests.impasto.tasks.runs.comparison.folders import write_run


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was handed to the drawing of the picture, which is made too."""
    seen: dict[str, Any] = {}
    draw = module.save_curves

    def note(path: Path, x: object, lines: object, *labels: str, **scales: bool) -> None:
        seen.update(x=x, lines=lines, labels=labels, scales=scales)
        draw(path, x, lines, *labels, **scales)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "save_curves", note)
    return seen


def two_runs(folder: Path) -> list[str]:
    """A run validated after 10 and 20 updates, and one after 10 and 30, of another tau."""
    first = write_run(folder / "a", validations=[(10, 1.0, 0.5), (15, 1.5, None), (20, 2.0, 0.25)])
    other = write_run(
        folder / "b",
        validations=[(10, 3.0, 0.4), (30, 9.0, 0.1)],
        agent__tau=0.5,
        overrides=["agent.tau=0.5"],
    )
    return [str(first), str(other)]


def test_a_curve_for_each_run_over_its_own_updates(tmp_path: Path, drawn: dict[str, Any]) -> None:
    assert curves(two_runs(tmp_path), tmp_path, "val_l2") == {"runs": 2}
    assert drawn["x"] == [10, 20, 30]
    found = {
        name: [value for value in line if value == value] for name, line in drawn["lines"].items()
    }
    assert found == {"agent.tau=0.001": [0.5, 0.25], "agent.tau=0.5": [0.4, 0.1]}
    assert drawn["lines"]["agent.tau=0.5"][1] != drawn["lines"]["agent.tau=0.5"][1]  # NaN at 20
    assert drawn["labels"] == ("updates", "val_l2")
    assert drawn["scales"] == {"log": True, "log_x": True}
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_column_as_a_share_of_another(tmp_path: Path, drawn: dict[str, Any]) -> None:
    curves(two_runs(tmp_path), tmp_path, "val_l2", share_of="seconds")
    assert drawn["lines"]["agent.tau=0.001"][:2] == [0.5, 0.125]
    assert drawn["labels"] == ("updates", "val_l2 / seconds")


def test_every_run_of_a_variant_has_its_curve(tmp_path: Path, drawn: dict[str, Any]) -> None:
    for number, seed in enumerate([0, 1, 1]):
        validations = [(10, 1.0, 0.5 + number)]
        write_run(tmp_path / "runs" / str(number), seed=seed, validations=validations)
    assert curves(str(tmp_path / "runs"), tmp_path, "val_l2") == {"runs": 3}
    assert sorted(line[0] for line in drawn["lines"].values()) == [0.5, 1.5, 2.5]


def test_a_run_without_the_column_is_named(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    with pytest.raises(UserError, match=r"a/metrics\.csv has no row with update and val_mse"):
        curves(runs, tmp_path, "val_mse")
    assert not (tmp_path / "curves.png").exists()
