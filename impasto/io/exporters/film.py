"""A painting being made, as a film: GIF and MP4."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.bounds import Positive, validated
from impasto.io.exporters.base import STEM, Exporter
from impasto.io.images import fit_size
from impasto.io.record import StrokeRecord
from impasto.io.video import check_ffmpeg, write_video
from impasto.painting_order import painting_order
from impasto.persistence.atomic import atomic_write
from impasto.rendering import draw_frames
from impasto.runtime.memory import check_export
from impasto.strokes import Stroke

_FRAME = 5  # bytes a pixel of a GIF's frame: RGB, its palette's, and what changed

_Side = Annotated[int, Ge(1), Le(8192)]
_LONGEST = 655_350  # ms of a GIF's frame: hundredths of a second in 16 bits


class Film(Exporter):
    """Base of the two kinds of film, GIF and MP4.

    Args:
        seconds: How long the painting takes; shorter if it has fewer strokes than frames.
        fps: Frames a second.
        hold: Seconds that the finished painting stands.
        size: Pixels on the longer side, at most; a painting is not enlarged.
        sorted: Whether strokes come as a person would paint them (`painting_order`), large ones
            first; else as they stand in the record.
    """

    def __init__(self, seconds: float, fps: float, hold: float, size: int, sorted: bool) -> None:
        self.seconds, self.fps, self.hold, self.size = seconds, fps, hold, size
        self.sorted = sorted

    def frames(self, painting: StrokeRecord) -> Iterator[NDArray[np.uint8]]:
        """Return the frames (H, W, 3): blank, states at equal distances, and the finished one."""
        height, width = fit_size(painting.height, painting.width, self.size)
        strokes = painting.strokes
        if self.sorted:
            strokes = strokes[painting_order(painting.stroke, strokes, height, width)]
        most = self.most_frames
        frames = draw_frames(painting.stroke, strokes, height, width, painting.ground, most)
        return self.watched(frames, min(most, len(strokes) + 1))

    @property
    def most_frames(self) -> int:
        """Number of frames in which the painting grows, if it has as many strokes."""
        return max(2, round(self.seconds * self.fps))


@validated
class Gif(Film):
    """`painting.gif`: 256 colours, without an end.

    The arguments are those of `Film`.
    """

    file = f"{STEM}.gif"

    def __init__(
        self,
        seconds: Positive = 6.0,
        fps: Annotated[float, Ge(0.01), Le(50)] = 16.0,  # browsers show a faster one at 10
        hold: Annotated[float, Ge(0), Le(_LONGEST // 1000)] = 2.5,
        size: _Side = 480,
        sorted: bool = True,
    ) -> None:
        super().__init__(seconds, fps, hold, size, sorted)

    def check_size(self, height: int, width: int) -> None:
        """See `Exporter.check_size`: all frames are in memory at once."""
        rows, columns = fit_size(height, width, self.size)
        check_export(
            type(self).__name__, self.most_frames * rows * columns * _FRAME, "size or seconds"
        )

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        frames = list(self.frames(painting))
        palette = _palette(frames)
        pages = [
            Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
            for frame in frames
        ]
        each, last = 1000 / self.fps, 1000 * max(self.hold, 1 / self.fps)
        pages, durations = _joined(pages, [*[each] * (len(pages) - 1), last])
        path = folder / self.file
        with atomic_write(path) as temporary:
            pages[0].save(
                temporary,
                format="GIF",
                save_all=True,
                append_images=pages[1:],
                duration=durations,
                loop=0,
            )
        return path


@validated
class Mp4(Film):
    """`painting.mp4`: H.264, which every browser and telephone plays.

    The arguments are those of `Film`.
    """

    file = f"{STEM}.mp4"

    def __init__(
        self,
        seconds: Positive = 10.0,
        fps: Annotated[float, Ge(0.01), Le(120)] = 30.0,  # with fewer, its clock runs over
        hold: Annotated[float, Ge(0), Le(3600)] = 2.5,
        size: _Side = 1080,
        sorted: bool = True,
    ) -> None:
        super().__init__(seconds, fps, hold, size, sorted)

    def check(self, stroke: Stroke | None = None, strokes: Tensor | int | None = None) -> None:
        """See `Exporter.check`: ffmpeg is needed."""
        check_ffmpeg("`Mp4` needs ffmpeg")

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        self.check()
        path = folder / self.file
        write_video(path, self._held_frames(painting), self.fps)
        return path

    def _held_frames(self, painting: StrokeRecord) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames, the last one as often as it is held."""
        for frame in self.frames(painting):
            yield frame
        for _ in range(round(self.hold * self.fps)):
            yield frame


def _joined(
    pages: Sequence[Image.Image], durations: Sequence[float]
) -> tuple[list[Image.Image], list[int]]:
    """Merge equal frames in a row, as Pillow does, but with right durations, in ms."""
    joined: list[tuple[Image.Image, float]] = []
    for page, duration in zip(pages, durations, strict=True):
        if joined and page.tobytes() == joined[-1][0].tobytes():
            joined[-1] = page, joined[-1][1] + duration
        else:
            joined.append((page, duration))
    return [page for page, _ in joined], [round(min(time, _LONGEST)) for _, time in joined]


def _palette(frames: Sequence[NDArray[np.uint8]]) -> Image.Image:
    """Choose one palette for all frames (one for each would flicker), from some of them."""
    some = [*frames[:: max(1, len(frames) // 8)], frames[-1]]
    sheet = np.concatenate([frame[::2, ::2] for frame in some], axis=1)
    return Image.fromarray(sheet).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=2)
