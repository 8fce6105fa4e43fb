"""Detail goes where people look."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from impasto import paint
from impasto.errors import UserError
from impasto.painters.detail import detail_mask


def test_the_astronauts_eyes_are_found() -> None:
    image = data.astronaut()
    mask = detail_mask(image, "auto")
    assert mask is not None
    weights = np.asarray(Image.fromarray(mask).resize((512, 512)))[..., 0] / 255
    for x, y in ((202, 102), (248, 104), (226, 147)):  # both eyes, and the mouth
        assert weights[y, x] > 0.85
    assert 0.4 < weights[125, 225] < 0.6  # the nose
    assert weights[350:].max() < 0.2
    assert (weights > 0.85).mean() < 0.02


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
def test_a_picture_without_faces_has_none(name: str) -> None:
    image = getattr(data, name)()
    assert detail_mask(image, "faces") is None
    assert detail_mask(image, "none") is None
    assert (detail_mask(image, "auto") == detail_mask(image, "saliency")).all()


def test_what_stands_out_is_salient() -> None:
    image = np.full((96, 128, 3), 120, np.uint8)
    image[::8] = 140  # a pattern
    image[30:42, 80:92] = (250, 60, 60)
    mask = detail_mask(image, "saliency")
    assert mask is not None
    row, column = np.unravel_index(mask[..., 0].argmax(), mask.shape[:2])
    assert abs(row / mask.shape[0] - 36 / 96) < 0.1
    assert abs(column / mask.shape[1] - 86 / 128) < 0.1
    assert mask[..., 0].max() == 255


def test_detail_of_a_flat_or_tiny_picture() -> None:
    flat = np.full((40, 40, 3), 90, np.uint8)
    for picture in (flat, flat[:8, :8], np.dstack([flat, 2 * flat[..., 0]])):
        mask = detail_mask(picture, "auto")
        assert mask is not None
        assert mask.any()
        assert np.isfinite(paint(picture, 2, "circle", quality="sketch", detail="auto").psnr)


def test_what_makes_no_sense_is_refused() -> None:
    picture = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(UserError, match="`detail=eyes` makes no sense — give one of auto, faces"):
        paint(picture, 2, detail="eyes")
    with pytest.raises(UserError, match="`detail=faces` beside a mask"):
        paint(picture, 2, detail="faces", mask=picture + 255)
