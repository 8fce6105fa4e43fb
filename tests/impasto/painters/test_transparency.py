"""Pictures with transparent parts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.api import paint
from impasto.errors import UserError
from impasto.io.record import read_record
from impasto.painters import OptimizePainter
from impasto.painters.transparency import composite_on, on_opaque, opaque, shown_on, unlike
from impasto.strokes import Circle


def disc(color: tuple[int, int, int], side: int = 48) -> np.ndarray:
    """A disc on nothing, with an edge of half-transparent pixels."""
    y, x = np.mgrid[:side, :side] + 0.5
    distance = np.hypot(x - side / 2, y - side / 2)
    image = np.zeros((side, side, 4), np.uint8)
    image[..., :3] = color
    image[..., 3] = np.clip(side / 3 - distance + 0.5, 0, 1) * 255
    return image


def test_half_transparent_is_one_or_the_other() -> None:
    image = np.array([[[9, 8, 7, 0], [9, 8, 7, 127], [9, 8, 7, 128], [9, 8, 7, 255]]], np.uint8)
    assert opaque(image).tolist() == [[False, False, True, True]]
    assert composite_on(image, (1.0, 0.5, 0.0))[0].tolist() == [[255, 128, 0]] * 2 + [[9, 8, 7]] * 2
    with pytest.raises(UserError, match="wholly transparent"):
        opaque(image[:, :2])


def test_the_ground_is_a_colour_that_the_picture_has_not() -> None:
    assert unlike(disc((10, 20, 0))) == (1.0, 1.0, 1.0)
    assert unlike(disc((255, 250, 250))) == (0.0, 0.0, 0.0)
    both = np.concatenate([disc((0, 0, 0)), disc((255, 255, 255)), disc((0, 255, 0))])
    assert unlike(both) in {(1.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)}


def test_strokes_outside_are_left_out_in_order() -> None:
    mask = torch.zeros(32, 64, dtype=torch.bool)
    mask[:, 32:] = True
    circles = torch.tensor([[x, 0.5, 0.1, 1.0, x, 0, 0] for x in (0.9, 0.1, 0.51, 0.49, 0.7)])
    kept = on_opaque(Circle(), circles, mask)
    assert kept[:, 0].tolist() == pytest.approx([0.9, 0.51, 0.7])
    assert on_opaque(Circle(), circles[:0], mask).shape == (0, 7)


def test_going_on_from_strokes_is_for_pictures_without_alpha() -> None:
    with pytest.raises(ValueError, match="start"):
        paint(disc((0, 0, 0)), strokes=2, start=torch.rand(2, 13))


@pytest.mark.parametrize("color", [(0, 0, 0), (200, 60, 30)])
def test_a_picture_is_painted_where_it_is_opaque(
    color: tuple[int, int, int], tmp_path: Path
) -> None:
    """Also a black one on the black canvas that is the default."""
    image = disc(color)
    painter = OptimizePainter(Circle(), strokes=8, work_size=48, steps=60, tries=8)
    painting = paint(image, painter=painter)
    assert painting.record.background is None
    painting.save(tmp_path)
    with Image.open(tmp_path / "painting.png") as written:
        assert written.mode == "RGBA"
        drawn = np.asarray(written).astype(float)
    inside, alpha = image[..., 3] >= 128, drawn[..., 3] / 255
    assert alpha[inside].mean() > 0.9
    assert alpha[~inside].mean() < 0.05
    painted = alpha > 0.9
    assert np.abs(drawn[painted][:, :3] - color).mean() < 8
    assert read_record(tmp_path / "strokes.json").background is None
    assert painting.psnr > 20


def test_it_is_shown_as_a_viewer_does() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 4), dtype=np.uint8)
    color = (1.0, 0.5, 0.0)
    ground = Image.new("RGBA", (40, 30), (255, 128, 0, 255))
    ground.alpha_composite(Image.fromarray(image))
    expected = np.asarray(ground.convert("RGB")).astype(int)
    assert np.abs(shown_on(image, color).astype(int) - expected).max() <= 1
    assert shown_on(image[..., :3], color).tolist() == image[..., :3].tolist()
