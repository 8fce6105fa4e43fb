"""A painting being made, as a film: GIF and MP4."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from painting.errors import UserError
from painting.exporters.base import STEM, Exporter
from painting.images import atomic_write
from painting.picture import draw_frames
from painting.record import StrokeRecord
from painting.sizes import fit_size
from painting.strokes import Stroke
from painting.video import check_ffmpeg, write_video


class Film(Exporter):
    """What the two kinds of film share.

    Args:
        seconds: How long the painting takes; shorter if it has fewer strokes than frames.
        fps: Frames a second.
        hold: Seconds that the finished painting stands.
        size: Pixels on the longer side, at most; a painting is not enlarged.

    Raises:
        UserError: One of them makes no sense.
    """

    name: str
    most_fps = 120

    def __init__(self, seconds: float, fps: float, hold: float, size: int) -> None:
        wanted = {
            "seconds": (seconds, seconds > 0),
            "fps": (fps, 0 < fps <= self.most_fps),
            "hold": (hold, hold >= 0),
            "size": (size, 1 <= size <= 8192),
        }
        for key, (value, fits) in wanted.items():
            if not fits:
                raise UserError(f"export.{self.name}.{key}={value} makes no sense", "mend it")
        self.seconds, self.fps, self.hold, self.size = seconds, fps, hold, size

    def frames(self, painting: StrokeRecord) -> Iterator[NDArray[np.uint8]]:
        """The blank canvas, states at equal distances, and the finished painting: (H, W, 3)."""
        height, width = fit_size(painting.height, painting.width, self.size)
        count = max(2, round(self.seconds * self.fps))
        return draw_frames(painting.stroke, painting.strokes, height, width, painting.ground, count)


class Gif(Film):
    """`painting.gif`: 256 colours, without an end.

    The arguments are those of `Film`.
    """

    name = "gif"
    most_fps = 50  # browsers show a faster one at 10 frames a second

    def __init__(
        self, seconds: float = 6.0, fps: float = 16.0, hold: float = 2.5, size: int = 480
    ) -> None:
        super().__init__(seconds, fps, hold, size)

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        frames = list(self.frames(painting))
        palette = _palette(frames)
        pages = [
            Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
            for frame in frames
        ]
        durations = [1000 / self.fps] * (len(pages) - 1) + [1000 * max(self.hold, 1 / self.fps)]
        path = folder / f"{STEM}.gif"
        with atomic_write(path) as temporary:
            pages[0].save(
                temporary, format="GIF", save_all=True, append_images=pages[1:],
                duration=[round(one) for one in durations], loop=0,
            )  # fmt: skip
        return path


class Mp4(Film):
    """`painting.mp4`: H.264, which every browser and telephone plays.

    The arguments are those of `Film`.
    """

    name = "mp4"

    def __init__(
        self, seconds: float = 10.0, fps: float = 30.0, hold: float = 2.5, size: int = 1080
    ) -> None:
        super().__init__(seconds, fps, hold, size)

    def check(self, stroke: Stroke | None = None, strokes: Tensor | None = None) -> None:
        """See `Exporter.check`: ffmpeg is needed."""
        check_ffmpeg("export=mp4 needs ffmpeg")

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        self.check()
        path = folder / f"{STEM}.mp4"
        write_video(path, self._held(painting), self.fps)
        return path

    def _held(self, painting: StrokeRecord) -> Iterator[NDArray[np.uint8]]:
        """The frames, the last one as often as it is held."""
        for frame in self.frames(painting):
            yield frame
        for _ in range(round(self.hold * self.fps)):
            yield frame


def _palette(frames: Sequence[NDArray[np.uint8]]) -> Image.Image:
    """One palette for all frames (one for each would flicker), from some of them."""
    some = [*frames[:: max(1, len(frames) // 8)], frames[-1]]
    sheet = np.concatenate([frame[::2, ::2] for frame in some], axis=1)
    return Image.fromarray(sheet).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=2)
