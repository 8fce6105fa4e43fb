"""What is dropped on the page."""

import numpy as np
import pytest

from impasto.errors import UserError
from impasto.tasks.serve.form import encoded
from impasto.tasks.serve.uploads import Limits, read_upload
from tests.impasto.tasks.serve.pictures import hollow_png

LIMITS = Limits(megabytes=0.02, megapixels=0.01, strokes=10)


def test_a_picture_is_read() -> None:
    image = np.full((50, 60, 3), (10, 200, 30), dtype=np.uint8)
    assert np.array_equal(read_upload(encoded(image), "a.png", LIMITS), image)


def test_what_is_transparent_stays_so() -> None:
    image = np.full((50, 60, 4), (10, 200, 30, 255), dtype=np.uint8)
    image[:, :20, 3] = 0
    read = read_upload(encoded(image), "a.png", LIMITS)
    assert read.shape == (50, 60, 4)
    assert np.array_equal(read[..., 3], image[..., 3])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"I am a text", "not a picture"),
        (b"", "empty"),
        (hollow_png(60, 50), "damaged"),
        (hollow_png(200, 100), "200 × 100 pixels"),
        (hollow_png(60_000, 60_000), "far too many pixels"),  # 10.8 GB, if it were decoded
        (bytes(20_001), "too large — give a file of at most 0.02 MB"),
    ],
)
def test_what_is_no_good_is_said_by_its_own_name(data: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said) as raised:
        read_upload(data, "photo.jpg", LIMITS)
    assert raised.value.what.startswith("photo.jpg")


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("megabytes", 0, "a number, above 0"),
        ("megapixels", -1, "a number, above 0"),
        ("strokes", 0, "a whole number, at least 1"),
    ],
)
def test_limits_that_make_no_sense(name: str, value: int, bound: str) -> None:
    with pytest.raises(UserError, match=f"^`{name}` is {value} — give {bound}$"):
        Limits(**{name: value})
    assert Limits(megabytes=1.5).bytes == 1_500_000
