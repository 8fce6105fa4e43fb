"""The history of `make bench`: one row per change and machine, and what counts as a change."""

import csv
import subprocess
from pathlib import Path

import pytest

from benchmarks.records import Records, change


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_row_per_change_and_machine(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.csv"
    Records(path, "small").keep({"update": 1520.0, "picture": 690.0}, "abc", "torch 2")
    Records(path, "large").keep({"update": 50.0}, "abc", "torch 2")
    Records(path, "small").keep({"update": 760.0, "slope": 0.98}, "def", "torch 2")
    Records(path, "small").keep({"update": 1500.0}, "abc", "torch 3")  # again, of one group
    found = {(row["commit"], row["machine"]): row for row in rows(path)}
    assert len(rows(path)) == len(found) == 3
    again = found["abc", "small"]
    assert (again["update"], again["picture"], again["slope"]) == ("1500", "690", "")
    assert again["versions"] == "torch 3"
    assert again["date"] > "2020"
    assert found["def", "small"]["slope"] == "0.98"
    assert [row["commit"] for row in rows(path)][-1] == "abc"  # measured last


def test_last_is_of_the_same_machine_and_of_another_change(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    assert Records(path, "small").last("update") is None
    Records(path, "small").keep({"update": 1520.0, "picture": 690.0}, "abc", "")
    Records(path, "large").keep({"update": 50.0}, "bcd", "")
    Records(path, "small").keep({"update": 760.0}, "def", "")
    records = Records(path, "small")
    assert records.last("update") == 760.0
    assert records.last("update", commit="def") == 1520.0
    assert records.last("picture", commit="def") == 690.0
    assert records.last("picture", commit="abc") is None
    assert records.last("replay_bytes") is None
    assert Records(path, "huge").last("update") is None


def test_a_change_is_a_commit_without_changes_that_matter(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True)

    assert change(tmp_path / "missing") is None
    git("init", "-q")
    for name in ("benchmarks/history.csv", "docs/performance.md", "impasto/canvas.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    git("add", "-A")
    git("commit", "-qm", "first")
    commit = change(tmp_path)
    assert commit is not None
    assert len(commit) == 40
    (tmp_path / "benchmarks/history.csv").write_text("new")
    (tmp_path / "docs/performance.md").write_text("new")
    assert change(tmp_path) == commit  # what a benchmark writes itself
    (tmp_path / "impasto/canvas.py").write_text("new")
    assert change(tmp_path) is None


@pytest.mark.parametrize("key", ["date", "commit", "machine", "versions"])
def test_origin_comes_first(tmp_path: Path, key: str) -> None:
    path = tmp_path / "history.csv"
    Records(path, "small").keep({"a": 1.0}, "abc", "torch 2")
    assert key in path.read_text().splitlines()[0].split(",")[:4]
