"""Palettes found in pictures, and pictures as pixel art."""

from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.errors import UserError
from impasto.io.exporters import PixelArt
from impasto.io.images import read_image
from impasto.io.palette import find_palette, pixelate
from impasto.io.record import StrokeRecord
from impasto.strokes import Bezier, Pixel, Stroke

RED, BLUE, GREY = (255, 0, 0), (0, 51, 204), (102, 102, 102)


def flags() -> np.ndarray:
    """Red above, blue below left, grey below right, (8, 12, 3)."""
    picture = np.zeros((8, 12, 3), np.uint8)
    picture[:4], picture[4:, :6], picture[4:, 6:] = RED, BLUE, GREY
    return picture


def test_the_colors_of_a_picture_of_few_are_these() -> None:
    expected = {tuple(level / 255 for level in color) for color in (RED, BLUE, GREY)}
    for count in (3, 16):
        found = find_palette(flags(), count)
        assert set(found) == expected
        assert len(found) == 3
    assert len(find_palette(flags(), 2)) == 2


def test_a_palette_is_k_means_of_the_pixels() -> None:
    """No picture's pixel can move to another colour and be nearer; every colour is a mean."""
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    palette = np.array(find_palette(picture, 5)) * 255
    pixels = picture.reshape(-1, 3).astype(float)
    owner = ((pixels[:, None] - palette) ** 2).sum(2).argmin(1)
    for number, color in enumerate(palette):
        np.testing.assert_allclose(pixels[owner == number].mean(0), color, atol=6)


def test_cells_have_their_mean() -> None:
    picture = flags()
    picture[0:2, 0:2] = [[(0, 0, 0), (255, 0, 0)], [(0, 0, 0), (255, 0, 0)]]
    art = pixelate(picture, grid=4)  # of two by two pixels
    expected = flags()
    expected[0:2, 0:2] = (128, 0, 0)
    assert np.abs(art.astype(int) - expected).max() <= 1
    assert np.array_equal(pixelate(flags(), grid=8), flags())
    assert np.array_equal(pixelate(flags(), grid=100), flags())  # no finer than pixels
    assert pixelate(picture, grid=1).shape == picture.shape


def test_cells_take_the_palettes_colors() -> None:
    art = pixelate(flags(), 4, [[1.0, 0.1, 0.0], [0.0, 0.0, 0.0]])
    assert {tuple(color) for color in art.reshape(-1, 3).tolist()} == {(255, 26, 0), (0, 0, 0)}
    assert (art[:4] == (255, 26, 0)).all()
    noise = np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    assert len(np.unique(pixelate(noise, 10, 3).reshape(-1, 3), axis=0)) == 3
    with pytest.raises(UserError, match=r"`palette`"):
        pixelate(noise, 10, [[0, 0, 2]])


@pytest.mark.parametrize(
    ("stroke", "cells", "colors"),
    [(Bezier(), 48, 16), (Bezier(palette=4), 48, 4), (Pixel(grid=6), 6, 16)],
)
def test_the_export_is_a_file_beside_the_painting(
    tmp_path: Path, stroke: Stroke, cells: int, colors: int
) -> None:
    strokes = torch.rand(30, stroke.dim, generator=torch.Generator().manual_seed(0))
    record = StrokeRecord(stroke, strokes, 144, 96, (1.0, 1.0, 1.0))
    PixelArt().write(tmp_path, record)
    assert [path.name for path in tmp_path.iterdir()] == ["pixel.png"]
    art = read_image(tmp_path / "pixel.png")
    assert art.shape == (96, 144, 3)
    side = 96 // cells
    assert np.array_equal(art, art[::side, ::side].repeat(side, 0).repeat(side, 1))
    assert 2 < len(np.unique(art.reshape(-1, 3), axis=0)) <= colors
