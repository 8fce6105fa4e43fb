"""The figure of a painting is that of its file."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from impasto.api import paint
from impasto.io.images import resize_image
from impasto.painters import OptimizePainter
from impasto.strokes import Circle

GREEN = (0.2, 0.6, 0.4)  # 51, 153, 102


def scene(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """Coloured blocks with noise, which 32 pixels don't show; with alpha, half is half there."""
    generator = np.random.default_rng(0)
    blocks = generator.integers(60, 200, (3, 4, 3)).repeat(height // 3, 0).repeat(width // 4, 1)
    image = blocks + generator.integers(-40, 40, blocks.shape)
    alpha = np.full((*blocks.shape[:2], 1), 255)
    alpha[:, : width // 2] = 150
    alpha[: height // 3] = 0
    return np.concatenate([image, alpha], 2)[..., :channels].astype(np.uint8)


def painter() -> OptimizePainter:
    settings = {"work_size": 32, "steps": 10, "tries": 4, "moves": 0}
    return OptimizePainter(Circle(), 12, background=GREEN, **settings)  # type: ignore[arg-type]


def shown(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A picture on green, not rounded."""
    if image.shape[2] == 3:
        return image.astype(float)
    share = image[..., 3:] / 255
    return image[..., :3] * share + np.multiply(GREEN, 255) * (1 - share)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [None, 40, 300])
def test_the_figure_is_that_of_the_two_files(
    tmp_path: Path, channels: int, size: int | None
) -> None:
    """A photograph of 96 x 128 pixels, whose strokes are found at 24 x 32."""
    Image.fromarray(scene(96, 128, channels)).save(tmp_path / "photo.png")
    painting = paint(tmp_path / "photo.png", painter=painter()).at(size)
    painting.save(tmp_path)
    picture, delivered = (
        np.asarray(Image.open(tmp_path / name)) for name in ("photo.png", "painting.png")
    )
    assert delivered.shape[2] == channels
    flat = np.rint(shown(picture)).astype(np.uint8)
    target = resize_image(flat, *delivered.shape[:2])
    expected = peak_signal_noise_ratio(target.astype(float), shown(delivered), data_range=255)
    assert painting.psnr == pytest.approx(expected, abs=0.02 if channels == 4 else 1e-6)
    assert painting.measures()["psnr"] == painting.psnr
    assert painting.canvas.shape == painting.target.shape == (3, *delivered.shape[:2])


def test_detail_that_the_canvas_has_not_counts() -> None:
    """On a canvas of 24 x 32 pixels there would be next to no noise."""
    told: list[float] = []
    painting = paint(
        scene(96, 128), painter=painter(), progress=lambda sketch: told.append(sketch.psnr)
    )
    assert painting.psnr < told[-1] - 1


def test_a_painting_is_drawn_once_and_apart_from_what_is_done_to_its_arrays() -> None:
    image = scene(24, 32)
    painting = paint(image, painter=painter())
    assert painting.at(32) is painting.at(None) is painting
    assert painting.drawn is painting.drawn
    assert painting.picture(64).shape == (48, 64, 3)
    expected = peak_signal_noise_ratio(image, painting.picture())
    image[:] = 0
    painting.picture()[:] = 0
    assert painting.psnr == pytest.approx(expected)
