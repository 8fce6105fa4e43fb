"""Weights of where people look in a picture: faces with their eyes, and what stands out."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UserError
from impasto.io.images import fit_size, resize_image

DETAILS = ("auto", "faces", "saliency", "none")
_LOOKED_AT = 320  # pixels on the longer side in which faces are looked for
_SMALLEST = 24  # pixels there of a face's side: the detector's own window
_SURE = 8  # windows of the detector that must agree on a face
_SPECTRUM = 64  # pixels on the longer side of a spectrum (Hou and Zhang, section 3)
_BLUR = 2.5  # pixels there, of the saliency map
_AROUND, _FACE = 0.15, 0.5  # weights beside those of eyes and mouth
# Places and half axes of an ellipse's in shares of a detected square, and its weight.
_PARTS = (
    ((0.50, 0.52), (0.46, 0.60), _FACE),
    ((0.50, 0.80), (0.24, 0.12), 0.9),
    ((0.31, 0.38), (0.17, 0.11), 1.0),
    ((0.69, 0.38), (0.17, 0.11), 1.0),
)


def check_detail(detail: str, mask: object) -> None:
    """Check that detail can be asked for so.

    Raises:
        UserError: There is no such way, or there is a mask beside it.
    """
    if detail not in DETAILS:
        raise UserError(f"`detail={detail}` makes no sense", f"give one of {', '.join(DETAILS)}")
    if mask is not None and detail != "none":
        raise UserError(f"`detail={detail}` beside a mask", "leave one of them out")


def detail_mask(image: NDArray[np.uint8], detail: str) -> NDArray[np.uint8] | None:
    """Return a mask of where detail goes, as a person would draw it.

    Args:
        image: (H, W, 3) uint8, RGB, or (H, W, 4) with alpha.
        detail: `faces`, `saliency`, `auto` (faces, and where there are none, saliency), or `none`.

    Returns:
        (h, w, 3) uint8 of about the picture's shape, white where detail goes; None if it goes
        nowhere in particular, as in a picture without faces.
    """
    image = image[..., :3]
    gray = faces(image) if detail in ("auto", "faces") else None
    if detail == "saliency" or (detail == "auto" and gray is None):
        gray = saliency(image)
    return None if gray is None else (np.repeat(gray[..., None], 3, 2) * 255).astype(np.uint8)


def faces(image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Return weights (h, w) in [0, 1] of faces that look this way; None if there are none.

    Found by scikit-image's cascade of local binary patterns (Liao et al., 2007), which comes with a
    model of faces; eyes and mouth are where they are in a face that looks straight ahead.
    """
    small = resize_image(image, *fit_size(image.shape[0], image.shape[1], _LOOKED_AT))
    height, width = small.shape[:2]
    if min(height, width) < _SMALLEST:
        return None
    found = _cascade().detect_multi_scale(
        img=small,
        scale_factor=1.1,
        step_ratio=1,
        min_size=(_SMALLEST, _SMALLEST),
        max_size=(min(height, width),) * 2,
        min_neighbor_number=_SURE,
    )
    if not found:
        return None
    rows, columns = np.mgrid[:height, :width] + 0.5
    weights = np.full((height, width), _AROUND)
    for face in found:
        for (x, y), (across, down), weight in _PARTS:
            dx = (columns - face["c"] - x * face["width"]) / (across * face["width"])
            dy = (rows - face["r"] - y * face["height"]) / (down * face["height"])
            weights = np.maximum(weights, np.where(dx**2 + dy**2 <= 1, weight, 0))
    return weights


@cache
def _cascade() -> Any:
    from skimage import data, feature  # take a second to load

    model: Any = data.lbp_frontal_face_cascade_filename
    return feature.Cascade(model())


def saliency(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return weights (h, w) in [0, 1] by the spectral residual (Hou and Zhang, CVPR 2007, Eq. 2-5).

    What stands out is what the picture's spectrum has beyond its neighbourhood's mean: the sum of
    the three colours, of the picture beside its mirror images, or its borders would stand out.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter  # as long to load as a first stroke

    small = resize_image(image, *fit_size(image.shape[0], image.shape[1], _SPECTRUM))
    height, width = small.shape[:2]
    mirrored = np.pad(small, ((0, height), (0, width), (0, 0)), mode="symmetric")
    spectrum = np.fft.fft2(mirrored, axes=(0, 1))
    amplitude = np.log(np.abs(spectrum) + 1)  # of levels to 255: what is less is rounding
    residual = amplitude - uniform_filter(amplitude, (3, 3, 1), mode="wrap")
    again = np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)), axes=(0, 1))
    salient = np.square(np.abs(again[:height, :width])).sum(2)
    blurred = gaussian_filter(salient, _BLUR)
    scaled = blurred / max(float(blurred.max()), 1e-12)
    return np.asarray(_AROUND + (1 - _AROUND) * scaled)
