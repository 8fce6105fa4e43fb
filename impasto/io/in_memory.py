"""Pictures that a program hands over: files, Pillow's, NumPy's and torch's, in one form.

Whatever could be meant in two ways, or lies out of its range, is refused: the painting of a wrong
picture looks like a painting.
"""

import os
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import UserError
from impasto.io.color_profiles import grey_of_words
from impasto.io.decoding import convert_picture, decode_picture, visible
from impasto.io.images import ADDRESS, read_picture, read_stream

_CHANNELS = (1, 3, 4)  # grey, RGB, RGB with alpha
_FORMS = "give a path, bytes, a file object, a PIL image, a NumPy array or a torch tensor"
_DTYPES = "pictures are uint8, uint16, bool, or float in [0, 1]"


def as_picture(image: Any) -> NDArray[np.uint8]:
    """Return a picture of any accepted form, as `read_picture` does a file.

    Args:
        image: The path of a file, its bytes, or a file object open for reading bytes; a PIL image
            of any mode; a NumPy array (H, W) or (H, W, 1, 3 or 4); a torch tensor (3, H, W) or
            (H, W, 3) on any device. Arrays and tensors are uint8, uint16, bool, or float in [0, 1].

    Returns:
        ``(H, W, 3)`` uint8, RGB; ``(H, W, 4)`` with alpha if there is a pixel that is not opaque.
        The array is the caller's own.

    Raises:
        UserError: It is none of these, ambiguous or out of range, or a file is no picture.
    """
    if isinstance(image, str | os.PathLike):
        return _of_file(os.fsdecode(image))
    if isinstance(image, bytes | bytearray | memoryview):
        return decode_picture(bytes(image), "the bytes")
    if isinstance(image, Image.Image):
        return convert_picture(image, "the PIL image")
    if isinstance(image, np.ndarray):
        return _of_array(image)
    if isinstance(image, torch.Tensor):
        return _of_tensor(image)
    if callable(getattr(image, "read", None)):
        return _of_stream(image)
    what = f"a picture can't be of type {type(image).__name__}"
    if isinstance(image, list | tuple):
        raise UserError(what, "give np.asarray(image), or several pictures to paint_many")
    raise UserError(what, _FORMS)


def _of_file(path: str) -> NDArray[np.uint8]:
    if ADDRESS.match(path):
        raise UserError(f"{path} is an address, not a file", "download it, and give the file")
    if "\0" in path:
        raise UserError("a path can't have a zero byte", "give a picture file's bytes as bytes")
    return read_picture(path)


def _of_stream(stream: Any) -> NDArray[np.uint8]:
    name = f"the file object {getattr(stream, 'name', type(stream).__name__)}"
    try:
        data = read_stream(stream, name)
    except (OSError, ValueError) as error:  # closed, or open for writing
        if isinstance(error, UserError):
            raise
        raise UserError(f"{name} can't be read ({error})", "open it for reading bytes") from error
    if not data:
        raise UserError(f"{name} is at its end", "call .seek(0) first")
    return decode_picture(data, name)


def _of_array(image: NDArray[Any]) -> NDArray[np.uint8]:
    shape = image.shape
    if isinstance(image, np.ma.MaskedArray):
        raise UserError("a masked array says no colour for some pixels", "call image.filled(0)")
    if image.ndim == 4:
        raise UserError(_is(image, "several pictures"), "give them to paint_many")
    if image.ndim not in (2, 3) or 0 in shape:
        raise UserError(_is(image, "no picture"), "give (H, W) or (H, W, 3)")
    if image.ndim == 3 and shape[0] in (3, 4) and shape[2] in _CHANNELS:
        raise UserError(
            _is(image, "ambiguous: its first or its last side may be the channels"),
            "give a torch tensor or Image.fromarray(image), which say which is meant",
        )
    if image.ndim == 3 and shape[2] not in _CHANNELS:
        if shape[0] in _CHANNELS:
            raise UserError(_is(image, "channels first"), "call image.transpose(1, 2, 0)")
        raise UserError(_is(image, "no picture"), "give 1, 3 or 4 channels: image[..., :3], say")
    levels = _levels(image)
    if levels.ndim == 2 or shape[2] == 1:
        levels = np.repeat(levels.reshape(*shape[:2], 1), 3, axis=2)
    return visible(np.ascontiguousarray(levels), "the array").copy()


def _of_tensor(image: torch.Tensor) -> NDArray[np.uint8]:
    shape = tuple(image.shape)
    if image.layout is not torch.strided or image.is_quantized:
        raise UserError("the tensor is sparse or quantized", "call .to_dense() or .dequantize()")
    if image.ndim == 4:
        raise UserError(_is(image, "several pictures"), "give them to paint_many, as a list")
    if image.ndim != 3 or 0 in shape or 3 not in (shape[0], shape[2]):
        raise UserError(_is(image, "no picture"), "give (3, H, W) or (H, W, 3)")
    if shape[0] == shape[2] == 3:
        raise UserError(
            _is(image, "ambiguous: its first or its last side may be the channels"),
            "give a picture of another width, or Image.fromarray of its array",
        )
    image = image.detach().cpu()
    if image.dtype is torch.bfloat16:  # which NumPy doesn't know
        image = image.float()
    return _levels((image.permute(1, 2, 0) if shape[0] == 3 else image).numpy()).copy()


def _levels(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert an array's values to 8 bits, if they are of a range that is known."""
    kind, bits = image.dtype.kind, 8 * image.dtype.itemsize
    if kind == "b":
        return image * np.uint8(255)
    if kind == "u" and bits == 8:
        return image
    if kind == "u" and bits == 16:
        return grey_of_words(image.astype(np.uint16))
    if kind != "f":
        what = f"the picture's values are {image.dtype}; {_DTYPES}"
        raise UserError(what, "call .astype(np.uint8) if they are 0 to 255")
    least, most = float(image.min()), float(image.max())  # NaN if there is one
    if np.isnan(least) or np.isnan(most):
        raise UserError("the picture has NaN", "call np.nan_to_num(image)")
    if least < 0 or most > 1:
        if least >= 0 and 2 < most <= 255:
            todo = "divide by 255"
        elif -1 <= least < 0 and most <= 1:
            todo = "call (image + 1) / 2, or np.clip(image, 0, 1) if they only overshoot"
        else:
            todo = "call np.clip(image, 0, 1)"
        raise UserError(f"the picture's values go from {least:g} to {most:g}; {_DTYPES}", todo)
    return np.rint(image.astype(np.float64) * 255).astype(np.uint8)


def _is(image: NDArray[Any] | torch.Tensor, what: str) -> str:
    kind = "an array" if isinstance(image, np.ndarray) else "a tensor"
    return f"{kind} of shape {tuple(image.shape)} is {what}"
