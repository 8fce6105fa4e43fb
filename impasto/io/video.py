"""Films as files, through ffmpeg: read and written frame by frame, in the memory of one.

A frame is a ``(H, W, 3)`` uint8 array, RGB. Sound is neither read nor written.
"""

import logging
import os
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UserError
from impasto.io.files import check_file
from impasto.persistence.atomic import atomic_write

log = logging.getLogger(__name__)

_FORMATS = "3gp avi flv m4v mkv mov mp4 mpeg mpg ogv webm wmv"
VIDEO_SUFFIXES = frozenset(f".{name}" for name in _FORMATS.split())
_DEFAULT_FPS = 25.0  # where a file does not say
# Pixels that are not square are drawn out, as players do, to the aspect that is meant.
_SQUARE = "scale='round(iw*max(1,sar))':'round(ih*max(1,1/sar))',setsar=1"


@dataclass(frozen=True)
class Clip:
    """Film that can be read frame by frame.

    Attributes:
        path: The file.
        height: Rows of a frame as it is to be shown: upright, its pixels square.
        width: Columns of it.
        fps: Frames a second.
        frames: How many there are, about.
    """

    path: Path
    height: int
    width: int
    fps: float
    frames: int

    def read(
        self, fps: float | None = None, frames: int | None = None
    ) -> Generator[NDArray[np.uint8], None, None]:
        """Yield the frames from the start; of a damaged film those before the damage.

        Args:
            fps: Frames a second to take; all of them by default.
            frames: At most how many.

        Yields:
            (H, W, 3) uint8.
        """
        reader = _reader(self.path, fps, frames)
        try:
            next(reader)  # what is known of it
            for data in reader:
                frame = np.frombuffer(data, dtype=np.uint8)
                yield frame.reshape(self.height, self.width, 3)
        except RuntimeError:  # the frames so far are good ones
            log.warning("%s: damaged or cut off; it ends early", self.path)
        finally:
            reader.close()


def is_video(path: str | Path) -> bool:
    """Return True if a file's name ends like a film's."""
    return os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES


def open_video(path: str | Path) -> Clip:
    """Open a film, and read its header.

    Raises:
        UserError: It cannot be read, or has no frames; or ffmpeg is missing.
    """
    check_ffmpeg(f"{path} is a video, which needs ffmpeg")
    path = Path(path)
    try:
        check_file(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "check the name") from error
    reader = _reader(path, None, 1)
    try:
        about = next(reader)
        first = next(reader)
    except StopIteration as error:
        raise UserError(f"{path}: a video without frames", "replace it") from error
    # What the parser of ffmpeg's talk raises on what is no film.
    except (OSError, RuntimeError, IndexError, ValueError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not a video that ffmpeg can read", "replace it") from error
    finally:
        reader.close()
    width, height = about["size"]
    assert len(first) == 3 * width * height
    fps = float(about.get("fps") or _DEFAULT_FPS)
    return Clip(path, height, width, fps, max(1, round(fps * float(about.get("duration") or 0))))


def check_ffmpeg(what: str) -> None:
    """Look for ffmpeg.

    Args:
        what: What needs it, as the beginning of a sentence.

    Raises:
        UserError: It is not there.
    """
    try:
        import imageio_ffmpeg

        imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        todo = "run `pip install imageio-ffmpeg`, or do without"
        raise UserError(f"{what}, which is not found", todo) from error


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], fps: float) -> None:
    """Write a film as H.264, which every browser and telephone plays, whole or not at all.

    Args:
        path: The file; its folder is made if need be.
        frames: (H, W, 3) uint8, at least one, all of one size.
        fps: Frames a second.

    Raises:
        UserError: The folder cannot be written, there are no frames, or ffmpeg gave up.
    """
    import imageio_ffmpeg

    film = None
    with atomic_write(path) as temporary:
        try:
            for frame in frames:
                padded = _padded(frame)
                if film is None:
                    height, width = padded.shape[:2]
                    film = imageio_ffmpeg.write_frames(
                        str(temporary.resolve()),
                        (width, height),
                        fps=fps,
                        codec="libx264",
                        macro_block_size=1,
                        pix_fmt_in="rgb24",
                        pix_fmt_out="yuv420p",
                        quality=None,
                        ffmpeg_log_level="error",
                        output_params=["-crf", "18", "-movflags", "+faststart"],
                    )
                    _send(film, None, path)
                _send(film, padded, path)
        finally:
            if film is not None:
                film.close()
        if film is None:
            raise UserError(f"{path}: no frames to write", "give a video that has some")
        if not (temporary.is_file() and temporary.stat().st_size):
            raise _gave_up(path, "it wrote nothing")


def _send(film: Any, frame: NDArray[np.uint8] | None, path: Path) -> None:
    """Send a frame to ffmpeg; None starts it."""
    try:
        film.send(frame)
    except (OSError, StopIteration) as error:  # it ended: imageio passes on what it said last
        said = [line for line in str(error).splitlines() if line.strip()]
        raise _gave_up(path, said[-1].strip() if said else "it ended") from error


def _gave_up(path: Path, why: str) -> UserError:
    return UserError(f"{path}: ffmpeg gave up ({why})", "make room there, or leave the film out")


def _reader(path: Path, fps: float | None, frames: int | None) -> Any:
    import imageio_ffmpeg

    # That frames are turned or widened is as it should be, and no remark for the progress bar.
    logging.getLogger("imageio_ffmpeg").setLevel(logging.ERROR)
    filters = _SQUARE if fps is None else f"fps={fps},{_SQUARE}"
    most = [] if frames is None else ["-frames:v", str(frames)]
    # Absolute: ffmpeg reads a colon in a name as a protocol's, and a dash as an option's.
    given = ["-vf", filters, *most]
    return imageio_ffmpeg.read_frames(str(path.resolve()), output_params=given)


def _padded(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pad a frame to even sides, as H.264's halved colours need, by repeating the last line."""
    height, width = frame.shape[:2]
    padded = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded)
