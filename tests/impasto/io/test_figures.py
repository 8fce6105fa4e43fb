"""Sheets of pictures, and cutting pictures out of them again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.io.figures import Panel, cut_sheet, framed, save_panels, save_sheet
from impasto.io.images import read_image


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (5, 5), (12, 12), (13, 12), (30, 12)])
@pytest.mark.parametrize("size", [16, 33, 128])
def test_cutting_undoes_the_sheet(tmp_path: Path, count: int, shown: int, size: int) -> None:
    generator = torch.Generator().manual_seed(count)
    rows = torch.randint(0, 256, (2, count, 3, size, size), generator=generator)
    save_sheet(tmp_path / "sheet.png", *(rows / 255))
    cut = cut_sheet(read_image(tmp_path / "sheet.png"), size)
    assert len(cut) == 2
    for own, row in zip(cut, rows, strict=True):
        assert own.dtype == np.uint8
        assert np.array_equal(own, row[:shown].permute(0, 2, 3, 1).numpy())


def test_what_is_no_such_sheet_is_refused(tmp_path: Path) -> None:
    pictures = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    save_sheet(tmp_path / "sheet.png", pictures, pictures)
    sheet = read_image(tmp_path / "sheet.png")
    for wrong, size in (
        (sheet, 24),
        (sheet, 33),
        (sheet[:-1], 16),
        (sheet[:, :-1], 16),
        (sheet[:, :0], 16),
    ):
        with pytest.raises(ValueError, match="no sheet of"):
            cut_sheet(wrong, size)
    with pytest.raises(ValueError, match="no sheet of 3 rows"):
        cut_sheet(sheet, 16, rows=3)
    with pytest.raises(ValueError, match="no sheet"):
        cut_sheet(sheet, 16, columns=2)


def test_a_frame_is_white_and_keeps_the_aspect() -> None:
    picture = torch.zeros(3, 10, 40)
    picture[0, :, 20:] = 1
    square = framed(picture, 20)
    assert square.shape == (3, 20, 20)
    inside = square[:, 7:12]  # 40 x 10 becomes 20 x 5
    assert inside[:, :, :10].abs().max() == 0
    assert (inside[0, :, 10:] == 1).all()
    assert inside[1:].abs().max() == 0
    assert (square[:, :7] == 1).all()
    assert (square[:, 12:] == 1).all()


def test_a_name_has_one_colour_in_all_panels(tmp_path: Path) -> None:
    curves = {"a": ([1.0, 2.0], [1.0, 1.0]), "b": ([1.0, 2.0], [2.0, 2.0])}
    panels = [Panel("x", "y", curves), Panel("x", "y", {"b": curves["b"]}, log_x=False)]
    save_panels(tmp_path / "panels.png", panels)
    drawn = read_image(tmp_path / "panels.png")
    left, right = drawn[:, : drawn.shape[1] // 2], drawn[:, drawn.shape[1] // 2 :]
    blue, orange = (31, 119, 180), (255, 127, 14)  # Matplotlib's first two

    def has(part: np.ndarray, color: tuple[int, int, int]) -> bool:
        return bool((part == color).all(-1).any())

    assert (has(left, blue), has(left, orange)) == (True, True)
    assert (has(right, blue), has(right, orange)) == (False, True)
