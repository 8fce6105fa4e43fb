"""The picture loader, for any picture and any bytes."""

from io import BytesIO

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import UserError
from impasto.io.decoding import FORMATS, OPAQUE, decode_image, decode_picture

# What Pillow writes without loss, by the modes that a format has.
LOSSLESS: dict[str, tuple[str, dict[str, object]]] = {
    "PNG": ("L LA RGB RGBA", {}),
    "TIFF": ("L LA RGB RGBA", {"compression": "tiff_lzw"}),
    "WEBP": ("RGB RGBA", {"lossless": True, "exact": True}),
    "BMP": ("L RGB", {}),
    "DIB": ("L RGB", {}),
    "PPM": ("L RGB", {}),
    "TGA": ("L LA RGB RGBA", {}),
    "SGI": ("L RGB RGBA", {}),
    "QOI": ("RGB RGBA", {}),
    "GIF": ("L", {}),
    "JPEG2000": ("L RGB RGBA", {}),
}
CASES = [(name, mode) for name, (modes, _) in LOSSLESS.items() for mode in modes.split()]
CHANNELS = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)


def encoded(pixels: NDArray[np.uint8], mode: str, name: str) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels, mode).save(buffer, name, **LOSSLESS[name][1])
    return buffer.getvalue()


@pytest.mark.parametrize(("name", "mode"), CASES)
@SETTINGS
@given(data=st.data())
def test_what_is_written_without_loss_is_read_as_it_was(
    name: str, mode: str, data: st.DataObject
) -> None:
    if name not in Image.SAVE:
        Image.init()
    if name not in Image.SAVE or name not in FORMATS:
        pytest.skip(f"this Pillow writes no {name}")
    least = 2 if name == "JPEG2000" else 1
    height, width = data.draw(st.tuples(*[st.integers(least, 9)] * 2))
    pixels = data.draw(arrays.arrays(np.uint8, (height, width, *CHANNELS[mode])))
    file = encoded(pixels, mode, name)
    rows = pixels.reshape(height, width, -1)
    alpha = rows[..., -1:] if mode.endswith("A") else np.full((height, width, 1), 255, np.uint8)
    color = np.broadcast_to(rows[..., : -1 if mode.endswith("A") else None], (height, width, 3))
    if alpha.max() < OPAQUE:
        with pytest.raises(UserError, match="wholly transparent"):
            decode_picture(file, "a")
        return
    found = decode_picture(file, "a")
    if alpha.min() < 255:
        assert np.array_equal(found, np.concatenate([color, alpha], axis=2))
    else:
        assert np.array_equal(found, color)
    solid = np.broadcast_to(alpha == 255, color.shape)
    assert np.array_equal(decode_image(file, "a")[solid], color[solid])


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@SETTINGS
@given(data=st.data())
def test_deep_pictures_are_scaled_to_their_white(kind: type, data: st.DataObject) -> None:
    top = 65535 if kind is np.uint16 else 1.0
    numbers = st.integers(0, 65535) if kind is np.uint16 else st.floats(0, 1, width=32)
    pixels = data.draw(arrays.arrays(kind, (3, 4), elements=numbers))
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "TIFF")
    found = decode_image(buffer.getvalue(), "a")
    assert np.array_equal(found[..., 0], np.rint(pixels.astype(np.float64) * (255 / top)))
    assert np.array_equal(found, np.repeat(found[..., :1], 3, axis=2))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_picture_or_refused(data: bytes) -> None:
    for decode in (decode_image, decode_picture):
        refusal, picture = "a.png: ", np.zeros((1, 1, 3), np.uint8)
        try:
            picture = decode(data, "a.png")
        except UserError as error:
            refusal = str(error)
        assert refusal.startswith("a.png: ")
        assert picture.dtype == np.uint8
        assert picture.shape[2] in (3, 4)
