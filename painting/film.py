"""Films of a painting's making, and what else `paint` can write besides picture and strokes."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from painting.errors import UserError
from painting.images import atomic_write, write_png
from painting.palette import pixelate
from painting.picture import draw_frames, draw_picture
from painting.record import StrokeRecord

_LONGEST = 100  # frames
_LARGEST = 480  # pixels on the longer side
_FRAME_MS = 60
_HOLD_MS = 2500  # how long the finished painting stands
_BLACK = (0.0, 0.0, 0.0)
_CELLS = 48  # of pixel art, on the shorter side
_COLORS = 16  # the same's


def write_gif(path: Path, painting: StrokeRecord) -> None:
    """Write the making of a painting as an endless GIF: at most 100 frames, the last one held.

    Args:
        path: The file.
        painting: The painting; drawn at most 480 pixels large.

    Raises:
        UserError: The folder cannot be written.
    """
    height, width = fit_size(painting.height, painting.width, _LARGEST)
    background = painting.background or _BLACK
    frames = list(
        draw_frames(painting.stroke, painting.strokes, height, width, background, _LONGEST)
    )
    palette = _palette(frames)
    pages = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in frames
    ]
    durations = [_FRAME_MS] * (len(pages) - 1) + [_HOLD_MS]
    with atomic_write(path) as temporary:
        pages[0].save(
            temporary, format="GIF", save_all=True, append_images=pages[1:],
            duration=durations, loop=0,
        )  # fmt: skip


def _palette(frames: Sequence[NDArray[np.uint8]]) -> Image.Image:
    """One palette for all frames (one for each would flicker), from some of them."""
    some = [*frames[:: max(1, len(frames) // 8)], frames[-1]]
    sheet = np.concatenate([frame[::2, ::2] for frame in some], axis=1)
    return Image.fromarray(sheet).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=2)


def write_pixel(path: Path, painting: StrokeRecord) -> None:
    """Write a painting as pixel art, `pixel.png`: 48 cells on the shorter side and 16 colours.

    A stroke kind with a grid or a palette of its own has these instead.

    Args:
        path: A file in the folder.
        painting: The painting.

    Raises:
        UserError: The folder cannot be written.
    """
    stroke, background = painting.stroke, painting.background or _BLACK
    picture = draw_picture(stroke, painting.strokes, painting.height, painting.width, background)
    grid = stroke.options().get("grid", _CELLS)
    write_png(path.with_name("pixel.png"), pixelate(picture, grid, stroke.palette or _COLORS))


def fit_size(height: int, width: int, longer: int) -> tuple[int, int]:
    """Shrink a size (rows, columns) to at most `longer` on its longer side, keeping the aspect."""
    share = min(1.0, longer / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


Export = Callable[[Path, StrokeRecord], None]

# What `export=` can name: a further kind of file is a function and a line.
EXPORTS: dict[str, Export] = {"gif": write_gif, "pixel": write_pixel}


def find_exports(names: str | Sequence[str] | None) -> dict[str, Export]:
    """Look up what `export=` names.

    Raises:
        UserError: There is no such export.
    """
    names = [names] if isinstance(names, str) else list(names or ())
    for name in names:
        if name not in EXPORTS:
            raise UserError(
                f"export={name} is unknown", f"choose from {', '.join(sorted(EXPORTS))}"
            )
    return {name: EXPORTS[name] for name in names}
