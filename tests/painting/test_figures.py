"""Sheets of pictures, and cutting pictures out of them again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from painting.figures import cut_sheet, save_sheet
from painting.images import read_image


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
