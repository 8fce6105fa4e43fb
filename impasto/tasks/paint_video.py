"""A video painted: every frame's strokes start from the previous one's, so that it stands still."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from tqdm import tqdm

from impasto.api import paint_picture
from impasto.bounds import Count, validated
from impasto.errors import UserError
from impasto.io.images import asked_size
from impasto.io.record import write_record
from impasto.io.video import Clip, write_video
from impasto.painters import Painter
from impasto.painting import Painting, Unfinished
from impasto.runtime.memory import check_drawing
from impasto.tasks.runs.run_folder import shown

log = logging.getLogger(__name__)

FILM = "painting.mp4"
_MOST_SIDE = 16_384  # pixels: the encoder's
_CUT = 3.0  # dB below the last frame that was painted anew, where a scene is taken for another one


@validated
@dataclass(frozen=True)
class VideoSettings:
    """Settings of painting a video.

    Attributes:
        steps: Gradient steps of every frame but the first, which has the painter's own.
        fps: Frames a second to paint; the video's by default.
        frames: At most how many frames.
    """

    steps: Count = 60
    fps: Annotated[float, Ge(0.01), Le(240)] | None = None
    frames: Count | None = None


def paint_frames(
    painter: Painter, frames: Iterable[NDArray[np.uint8]], steps: int, device: torch.device | str
) -> Iterator[Painting]:
    """Paint frame after frame.

    The first is painted anew, and so is one that its predecessor's strokes cannot be moved to.

    Args:
        painter: One that `refines`.
        frames: (H, W, 3) uint8, of one size.
        steps: Gradient steps of every frame but the first.
        device: Where to paint.

    Yields:
        The paintings.
    """
    following = painter.following(steps)
    last: Painting | None = None
    anew = 0.0  # dB on the painter's canvas
    for frame in frames:
        painted = None
        if last is not None:
            painted = paint_picture(frame, following, device=device, start=last.record.strokes)
        if painted is None or _canvas_psnr(painter, painted) < anew - _CUT:
            painted = paint_picture(frame, painter, device=device)
            anew = _canvas_psnr(painter, painted)
        last = painted
        yield painted


def _canvas_psnr(painter: Painter, painting: Painting) -> float:
    """Return the PSNR, dB, at the size at which strokes are found.

    At the film's size detail that is never painted would hide another scene.
    """
    return painting.at(max(painter.canvas(painting.record.height, painting.record.width))).psnr


def paint_video(
    painter: Painter,
    clip: Clip,
    folder: Path,
    size: int | None,
    settings: VideoSettings,
    device: torch.device | str,
) -> tuple[list[dict[str, float]], Painting]:
    """Write `painting.mp4`, without sound, and the strokes of every frame in `frames/`.

    An interruption leaves the film of the frames so far.

    Args:
        painter: One that `refines`.
        clip: The video.
        folder: Where to write.
        size: Longer side of the film in pixels; the video's by default.
        settings: How.
        device: Where to paint.

    Returns:
        How near each frame came before the film was encoded, and the first frame's painting.

    Raises:
        UserError: It is damaged, or the painter cannot paint videos.
    """
    check_film(clip, size)
    frames = _Frames(folder)
    paintings = _painted(painter, clip, size, settings, device)
    try:
        write_video(folder / FILM, frames.drawn(paintings), settings.fps or clip.fps)
    finally:
        if frames.interruption is not None:
            if frames.measured:
                log.warning("painted so far: %s", shown(folder / FILM))
            raise frames.interruption
    assert frames.first is not None  # a film has one
    return frames.measured, frames.first


def check_film(clip: Clip, size: int | None) -> None:
    """Check, before it is painted, that a film of a size can be made of a video.

    Args:
        clip: The video.
        size: Longer side of the film in pixels; the video's by default.

    Raises:
        UserError: H.264 has no such size, or there is not the memory.
    """
    height, width = asked_size(clip.height, clip.width, size)
    if max(height, width) > _MOST_SIDE:
        what = f"{clip.path}: a film of {width} x {height} pixels can't be encoded"
        raise UserError(what, f"give size={_MOST_SIDE} or less")
    check_drawing(height, width)


class _Frames:
    """Record of a video's frames, filled while they are drawn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.measured: list[dict[str, float]] = []
        self.first: Painting | None = None
        self.interruption: KeyboardInterrupt | None = None

    def drawn(self, paintings: Iterable[Painting]) -> Iterator[NDArray[np.uint8]]:
        """Write each frame's record, and draw it; end early, but in order, when interrupted."""
        try:
            for number, painted in enumerate(paintings, start=1):
                picture = painted.drawn
                write_record(self.folder / "frames" / f"{number:06d}.json", painted.record)
                self.measured.append(painted.measures())
                self.first = self.first or painted
                yield picture
        except KeyboardInterrupt as error:
            self.interruption = error.cause if isinstance(error, Unfinished) else error


def _painted(
    painter: Painter,
    clip: Clip,
    size: int | None,
    settings: VideoSettings,
    device: torch.device | str,
) -> Iterator[Painting]:
    """The paintings of a video's frames at the film's size, with a bar of their own."""
    fps, most = settings.fps or clip.fps, settings.frames
    count = max(1, round(clip.frames * fps / clip.fps))
    total = count if most is None else min(count, most)
    with (
        tqdm(total=total, unit="frame", desc=clip.path.name, dynamic_ncols=True) as bar,
        closing(clip.read(settings.fps, most)) as frames,
    ):
        for painted in paint_frames(painter, frames, settings.steps, device):
            delivered = painted.at(size)
            bar.set_postfix(psnr=f"{delivered.psnr:.2f} dB", refresh=False)
            bar.update()
            yield delivered
