"""The photographs that painters are measured on, and what a bare prototype made of them."""

from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UserError
from impasto.io.images import fit_size, read_image, resize_image

# PSNR in dB of the prototype: Adam on all strokes at once, 45 s each on 2 cores.
PROTOTYPE = {
    "astronaut": 23.1,
    "chelsea": 29.6,
    "coffee": 29.2,
    "rocket": 32.0,
    "retina": 35.9,
    "hubble_deep_field": 27.7,
    "camera": 27.8,
    "motorcycle_left": 23.0,
    "china": 25.3,
    "flower": 28.4,
}
PROTOTYPE_SECONDS = 45.0
_FOLDERS = (("skimage", "data"), ("sklearn", "datasets/images"))


def find_picture(name: str) -> NDArray[np.uint8]:
    """A photograph that comes with scikit-image or scikit-learn, (H, W, 3) uint8."""
    for package, folder in _FOLDERS:
        place = Path(str(resources.files(package))) / folder
        for path in (place / f"{name}.png", place / f"{name}.jpg"):
            if path.is_file():
                return read_image(path)
    raise UserError(f"there is no photograph {name!r}", f"give some of {', '.join(PROTOTYPE)}")


def square(name: str, size: int) -> NDArray[np.uint8]:
    """A photograph squeezed into a square, as the prototype's were."""
    return resize_image(find_picture(name), size, size)


def fitted(name: str, longer: int) -> NDArray[np.uint8]:
    """A photograph in its own aspect, at most so large on its longer side."""
    image = find_picture(name)
    height, width = image.shape[:2]
    return resize_image(image, *fit_size(height, width, longer))
