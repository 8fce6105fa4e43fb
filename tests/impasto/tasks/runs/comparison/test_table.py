"""The table of a comparison, from run folders with figures that are known."""

from math import nan
from pathlib import Path
from typing import Any

import pytest

from impasto.errors import UserError
from impasto.tasks.runs.compare import compare
from impasto.tasks.runs.comparison.runs import Run, read_run
from impasto.tasks.runs.comparison.statistics import Verdict
from impasto.tasks.runs.comparison.table import Comparison, compare_runs
from tests.impasto.tasks.runs.comparison.folders import write_run


def made(tmp_path: Path, *runs: dict[str, Any]) -> list[Run]:
    return [read_run(write_run(tmp_path / str(i), **run)) for i, run in enumerate(runs)]


def noted(comparison: Comparison) -> str:
    return "\n".join(comparison.notes)


def three_variants(tmp_path: Path) -> list[Run]:
    """Bundle 5: L2 0.5 and 0.75, and one diverged; bundle 1: 0.125 and 0.25; bundle 2: none."""
    return made(
        tmp_path,
        {"l2": 0.5, "validations": [(10, 4.0, 0.75), (20, 8.0, 0.25)]},
        {"l2": 0.75, "seed": 1, "validations": [(10, 4.0, 0.75), (20, 10.0, 0.5)]},
        {"bundle": 1, "l2": 0.125, "validations": [(10, 2.0, 0.5), (20, 4.0, 0.125)]},
        {"bundle": 1, "l2": 0.25, "seed": 1, "validations": [(10, 2.0, 0.125)]},
        {"l2": None, "seed": 2, "status": "diverged", "validations": [(5, 1.0, 0.1)]},
        {"bundle": 2, "l2": None, "status": None},
    )


def test_rows_are_sorted_and_their_figures_right(tmp_path: Path) -> None:
    comparison = compare_runs(three_variants(tmp_path))
    best, base, none = comparison.rows
    assert [row.variant.label for row in comparison.rows] == ["bundle=1", "bundle=5", "bundle=2"]
    assert [row.number for row in comparison.rows] == [1, 0, 2]
    assert comparison.baseline is base
    assert (best.l2, base.l2, len(none.figures)) == (0.1875, 0.625, 0)
    assert best.figures["l2"].tolist() == [0.125, 0.25]
    assert best.figures[["psnr", "ssim", "updates"]].values.tolist() == [
        [10, 0.5, 20],
        [11, 0.5, 20],
    ]
    assert best.figures["seconds"].tolist() == [4, 2]
    # Pooled: sqrt((2^-7 + 2^-5) / 2) = 0.1398, of which twice is less than 0.4375.
    assert [row.verdict for row in comparison.rows] == ["better", "baseline", "no finished run"]
    assert len(comparison.runs) == 6


def test_time_to_the_level_is_over_the_seeds_that_reached_it(tmp_path: Path) -> None:
    comparison = compare_runs(three_variants(tmp_path))
    best, base, none = comparison.rows
    assert comparison.level == 0.25  # bundle 5's best seed; a diverged run says nothing
    assert not comparison.level_given
    assert base.figures["to_level"].tolist() == [8, pytest.approx(nan, nan_ok=True)]
    assert best.figures["to_level"].tolist() == [pytest.approx(2 + 2 * (0.25 / 0.375)), 2]
    assert none.figures["to_level"].empty
    given = compare_runs(three_variants(tmp_path / "again"), level=0.01)
    assert (given.level, given.level_given) == (0.01, True)
    assert [row.figures["to_level"].count() for row in given.rows] == [0, 0, 0]


@pytest.mark.parametrize(
    ("wanted", "label"),
    [
        (None, "strokes=5 bundle=5"),
        ("strokes=10 bundle=1", "strokes=10 bundle=1"),
        ("bundle=1", "strokes=10 bundle=1"),
        ("bundle=5 strokes=10", "strokes=10 bundle=5"),
    ],
)
def test_the_baseline_is_known_by_its_words(tmp_path: Path, wanted: str | None, label: str) -> None:
    runs = made(tmp_path, {}, {"strokes": 10}, {"strokes": 10, "bundle": 1})
    assert compare_runs(runs, baseline=wanted).baseline.variant.label == label


def test_the_baseline_is_one_that_has_finished(tmp_path: Path) -> None:
    runs = made(tmp_path, {"status": "failed"}, {"bundle": 1})
    assert compare_runs(runs).baseline.variant.label == "bundle=1"
    with pytest.raises(UserError, match=r"'bundle=5' is no finished variant.*'bundle=1'"):
        compare_runs(runs, baseline="bundle=5")


@pytest.mark.parametrize(
    ("runs", "arguments", "message"),
    [
        ([{}, {"choices": {"task": "pretrain"}}], {}, r"0 is of task=train, .*1 of pretrain"),
        (
            [{"status": "diverged"}, {"status": None}],
            {},
            r"none is finished .*0: diverged, .*1: no",
        ),
        ([{"l2": None}], {}, r"0 has no test L2"),
        ([{}, {"bundle": 1}], {"baseline": "bundle=3"}, "no finished variant.*'bundle=5'"),
        (
            [{}, {"strokes": 9}, {"bundle": 1}],
            {"baseline": "bundle=5"},
            "several variants.*'strokes=5 bundle=5'",
        ),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, runs: list[dict[str, Any]], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        compare_runs(made(tmp_path, *runs), **arguments)


def test_only_runs_with_all_of_the_tags_are_compared(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for i, tags in enumerate((["a", "b"], ["b", "a", "c"], ["a"], None)):
        made_by = {"summary": {"tags": tags}} if tags else {}
        write_run(runs / str(i), bundle=i + 1, **made_by)
    assert compare(str(runs), tmp_path)["runs"] == 4
    assert compare(str(runs), tmp_path, tags=["a", "b"])["runs"] == 2
    with pytest.raises(UserError, match=r"none of the 4 has tags=\[a,d\]"):
        compare(str(runs), tmp_path, tags=["a", "d"])


def test_a_level_is_above_zero(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^`level` is 0 — give a number, above 0, or null$"):
        compare(str(tmp_path), tmp_path, level=0)


def test_a_single_seed_has_no_verdict(tmp_path: Path) -> None:
    rows = compare_runs(made(tmp_path, {}, {"bundle": 1, "l2": 0.5})).rows
    assert [row.verdict for row in rows] == [Verdict.BASELINE, Verdict.ONE_SEED]


def test_the_interval_is_over_pairs_of_pictures_seeds_averaged(tmp_path: Path) -> None:
    """Pictures differ by a thousand times what the variants do, the same on each: that is seen."""
    hard = [0.001, 0.5, 2.0, 9.0]
    [base, other] = compare_runs(
        made(
            tmp_path,
            {"by_picture": [l2 + 0.001 for l2 in hard]},
            {"by_picture": [l2 - 0.001 for l2 in hard], "seed": 1},
            {"by_picture": [l2 + 0.002 for l2 in hard], "bundle": 1, "l2": 0.5},
        )
    ).rows
    assert base.interval is None
    assert other.interval == pytest.approx((0.002, 0.002))


@pytest.mark.parametrize(
    "change", [{"by_picture": [0.1, 0.2, 0.3]}, {"by_picture": ()}, {"canvas__size": 32}]
)
def test_other_pictures_have_no_interval(tmp_path: Path, change: dict[str, Any]) -> None:
    pictures = {"by_picture": [0.1, 0.2]}
    rows = compare_runs(made(tmp_path, pictures, {**pictures, "bundle": 1, **change})).rows
    assert [row.interval for row in rows] == [None, None]


@pytest.mark.parametrize(
    "change",
    [
        {"canvas__size": 32},
        {"data__split_seed": 1},
        {"data__test_limit": 10},
        {"data___target_": "datamodules.MNIST"},
        {"summary": {"images": 7}, "bundle": 1},
    ],
)
def test_other_test_sets_are_noted(tmp_path: Path, change: dict[str, Any]) -> None:
    [base, other] = made(tmp_path, {"l2": 0.1}, change)
    comparison = compare_runs([base, other])
    assert f"not at its canvas size: {comparison.rows[1].variant.label}." in noted(comparison)


@pytest.mark.parametrize(
    "change", [{"strokes": 10}, {"data__strokes": 10}, {"data__flip": True}, {"data__root": "/b"}]
)
def test_what_leaves_the_test_set_as_it_is_is_not(tmp_path: Path, change: dict[str, Any]) -> None:
    assert compare_runs(made(tmp_path, {}, {"seed": 1, **change})).notes == ()


def test_other_notes(tmp_path: Path) -> None:
    text = noted(compare_runs(three_variants(tmp_path)))
    assert f"in no figure: {tmp_path / '4'} (diverged), {tmp_path / '5'} (no summary" in text
    runs = made(
        tmp_path / "more",
        {"summary": {"device": "cpu", "git_commit": "a1"}},
        {"summary": {"device": "cuda:0", "git_commit": "b2"}},
    )
    text = noted(compare_runs(runs))
    assert "experiment=quickstart has several runs of seed 0" in text
    assert "on different devices: cpu, cuda:0." in text
    assert "by different versions: a1, b2." in text
