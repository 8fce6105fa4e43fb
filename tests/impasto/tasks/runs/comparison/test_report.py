"""The files of a report: what they say, and that the pictures are the runs' own."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from impasto.io.images import read_image
from impasto.tasks.runs.comparison.pictures import _font, save_side_by_side
from impasto.tasks.runs.comparison.report import write_report
from impasto.tasks.runs.comparison.runs import Run, read_run
from impasto.tasks.runs.comparison.table import compare_runs
from tests.impasto.tasks.runs.comparison.folders import add_sheet, pictures, write_run


def two_variants(tmp_path: Path) -> list[Run]:
    """Bundle 5 above 1, of two seeds each, with sheets of the same 14 targets, and a failed run."""
    for i, (bundle, seed, l2) in enumerate(
        [(5, 0, 0.5), (5, 1, 0.75), (1, 0, 0.125), (1, 1, 0.25)]
    ):
        folder = write_run(
            tmp_path / str(i),
            l2=l2,
            seed=seed,
            bundle=bundle,
            by_stroke=[1.0, l2],
            by_picture=[l2 - 0.125, l2, l2 + 0.125],
            validations=[(10, 2000.0 + 2 * seed, 0.5), (20, 4000.0, l2)],
            overrides=["task=train", f"bundle={bundle}", "exploration=<a|b>"],
        )
        add_sheet(folder, pictures(0), pictures(i + 1))
    write_run(tmp_path / "4", seed=2, status="failed", l2=None)
    return [read_run(tmp_path / str(i)) for i in range(5)]


def pixels(tensor: torch.Tensor) -> np.ndarray:
    """Pictures (N, 3, 16, 16) as they stand side by side: 96 px each, and 4 px between."""
    large = (tensor * 255).round().byte().permute(0, 2, 3, 1).numpy().repeat(6, 1).repeat(6, 2)
    return large


def strip(page: np.ndarray, row: int, column: int) -> np.ndarray:
    top, left = row * (22 + 100) + 22, column * 100
    return page[top : top + 96, left : left + 96]


def test_the_table_in_markdown(tmp_path: Path) -> None:
    write_report(tmp_path / "report", compare_runs(two_variants(tmp_path)))
    text = (tmp_path / "report" / "report.md").read_text()
    header, line, first, second = text.splitlines()[2:6]
    assert header.count("|") == line.count("|") == first.count("|") == second.count("|") == 12
    assert first == (
        "| `bundle=1` | 2 | 0.18750 ± 0.08839 | -0.43750 | -0.43750 to -0.43750 | better "
        "| 10.50 ± 0.71 | 0.500 ± 0.000 | 20 | 2,001 ± 1 (2 of 2) | 4,000 |"
    )
    assert second.startswith("| `bundle=5` | 2 of 3 | 0.62500 ± 0.17678 | – | – | baseline |")
    assert "validation L2 of 0.5, the lowest that at least one seed of every variant" in text
    assert "'no difference seen'" in text
    assert f"in no figure: {tmp_path / '4'} (failed)" in text
    assert f"## Runs in {tmp_path}\n" in text


def test_a_click_on_a_column_sorts_by_it(tmp_path: Path, browser: Any) -> None:
    runs = [read_run(write_run(tmp_path / str(i), seed=i, l2=0.5)) for i in range(11)]
    failed = read_run(write_run(tmp_path / "11", seed=11, status="failed", l2=None))
    path = write_report(tmp_path / "report", compare_runs([*runs[::-1], failed]))
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(path.as_uri())
    assert page.evaluate(
        "[...document.querySelectorAll('section')].every(one => one.scrollWidth <= one.clientWidth)"
    )
    table = page.locator("section.runs")
    heads, column = table.locator("th"), table.locator("tbody td:first-child")
    heads.nth(0).click()
    assert column.all_text_contents() == [str(i) for i in range(12)]  # 10 after 9
    heads.nth(0).click()
    assert column.all_text_contents() == [str(i) for i in reversed(range(12))]
    heads.nth(4).click()  # test L2, of which the failed one has none
    assert column.all_text_contents()[-1] == "11"
    page.close()


def test_millions_sort_as_numbers_and_dates_as_texts(tmp_path: Path, browser: Any) -> None:
    updates = [1_234_567, 20_000, 999]
    days = ["2026-02-01_09-00-00", "2026-01-31_10-00-00", "2026-01-31_09-00-00"]
    runs = [
        read_run(write_run(tmp_path / day, updates=made, summary={"updates": made}))
        for day, made in zip(days, updates, strict=True)
    ]
    path = write_report(tmp_path / "report", compare_runs(runs))
    page = browser.new_page()
    page.goto(path.as_uri())
    for table, name, expected in (
        ("figures", "updates", ["999", "20,000", "1,234,567"]),
        ("figures", "variant", [f" updates={made}" for made in reversed(updates)]),
        ("runs", "run", days[::-1]),
    ):
        heads = page.locator(f"section.{table} th")
        place = heads.all_text_contents().index(name)
        heads.nth(place).click()
        cells = page.locator(f"section.{table} tbody td:nth-child({place + 1})")
        assert cells.all_text_contents() == expected
    page.close()


def test_folders_are_named_from_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = two_variants(tmp_path)
    monkeypatch.chdir(tmp_path)
    write_report(tmp_path / "report", compare_runs(runs))
    text = (tmp_path / "report" / "report.md").read_text()
    assert str(tmp_path) not in text
    assert "| 0 | bundle=5 | 0 | finished |" in text
    assert "## Runs in .\n" in text
    assert "in no figure: 4 (failed)" in text


def test_a_command_makes_a_run_in_one_go(tmp_path: Path) -> None:
    asked = ["task=train", "bundle=5", "resume='/a/checkpoints/last.ckpt'"]
    run = read_run(write_run(tmp_path / "0", l2=0.5, overrides=asked))
    assert run.command == "python run.py task=train bundle=5"


def test_captions_can_be_written_with_accents() -> None:
    font = _font()
    unknown = font.getmask("\uffff").getbbox(), bytes(font.getmask("\uffff"))
    for letter in "éäñ→×":
        assert (font.getmask(letter).getbbox(), bytes(font.getmask(letter))) != unknown


def test_commands_of_all_runs_are_listed(tmp_path: Path) -> None:
    write_report(tmp_path / "report", compare_runs(two_variants(tmp_path)))
    text = (tmp_path / "report" / "report.md").read_text()
    rows = [line for line in text.splitlines() if "python run.py" in line]
    assert len(rows) == 5
    assert rows[0] == (
        r"| 2 | bundle=1 | 0 | finished | 0.12500 "
        r"| `python run.py task=train bundle=1 'exploration=<a\|b>'` |"
    )
    assert "| 4 | bundle=5 | 2 | failed | – |" in text
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("exploration=&lt;a|b&gt;") == 4


def test_the_page_needs_no_other_file_and_the_markdown_those_beside_it(tmp_path: Path) -> None:
    path = write_report(tmp_path / "report", compare_runs(two_variants(tmp_path)))
    assert path == tmp_path / "report" / "report.html"
    page = path.read_text()
    sources = re.findall(r'src="([^"]{22})', page)
    assert sources == ["data:image/png;base64,"] * 4
    assert "<a|b>" not in page
    assert "http" not in page
    names = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (tmp_path / "report" / "report.md").read_text())
    assert len(names) == 4
    assert {f.name for f in path.parent.iterdir()} == {*names, "report.md", "report.html"}


def test_paintings_are_the_first_seeds_below_the_common_targets(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    assert save_side_by_side(path, compare_runs(two_variants(tmp_path))) == []
    page = read_image(path)
    assert page.shape == (3 * 122, 1204, 3)
    for row, seed in enumerate((0, 3, 1)):  # targets, then run 2 (bundle 1), then run 0
        expected = pixels(pictures(seed))
        for column in (0, 11):
            assert np.array_equal(strip(page, row, column), expected[column])


def test_other_targets_stand_apart(tmp_path: Path) -> None:
    runs = two_variants(tmp_path)
    add_sheet(tmp_path / "2", pictures(9), pictures(8))
    path = tmp_path / "page.png"
    [note] = save_side_by_side(path, compare_runs(runs))
    assert "same targets" in note
    page = read_image(path)
    assert page.shape[0] == 4 * 122
    for row, seed in enumerate((9, 8, 0, 1)):
        assert np.array_equal(strip(page, row, 0), pixels(pictures(seed))[0])


def test_runs_without_a_sheet_of_use_are_named(tmp_path: Path) -> None:
    runs = two_variants(tmp_path)
    (tmp_path / "0" / "paintings.png").unlink()  # the second seed's is taken
    add_sheet(tmp_path / "2", pictures(0, size=32), pictures(1, size=32))
    (tmp_path / "3" / "paintings.png").write_bytes(b"")
    path = tmp_path / "page.png"
    [note] = save_side_by_side(path, compare_runs(runs))
    assert note.startswith("No paintings of bundle=1: ")
    page = read_image(path)
    assert page.shape[0] == 2 * 122
    assert np.array_equal(strip(page, 1, 0), pixels(pictures(2))[0])


def test_a_report_without_curves_and_paintings_leaves_none_of_an_older_one(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write_report(folder, compare_runs(two_variants(tmp_path)))
    bare = [read_run(write_run(tmp_path / name, validations=[])) for name in ("x", "y")]
    write_report(folder, compare_runs(bare))
    assert {path.name for path in folder.iterdir()} == {"report.md", "report.html"}
    text = (folder / "report.md").read_text()
    assert "The level is" not in text
    assert "| – | 99.0 |" in text
    assert "No paintings of experiment=quickstart: " in text
