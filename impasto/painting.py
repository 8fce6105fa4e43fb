"""A painting: its strokes, and how near it comes to its picture."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import signature
from io import BytesIO
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.errors import UserError
from impasto.io.exporters import Exporter, Gif, Html, Mp4, Png, Svg
from impasto.io.images import asked_size, resize_image, write_png
from impasto.io.in_memory import as_picture
from impasto.io.record import StrokeRecord, read_record, write_record
from impasto.metrics import Nearness, as_tensor
from impasto.painters.transparency import Color, shown_on
from impasto.persistence.atomic import atomic_write

RECORD = "strokes.json"
PICTURE = "painting.png"

_NOTEBOOK = 1024  # pixels on the longer side of what a notebook shows, at most
_FILMS = {".gif": Gif, ".mp4": Mp4, ".html": Html}


@dataclass(frozen=True, repr=False)
class Painting:
    """A painting, and how near it comes to its picture.

    What is measured is what is written: the bytes of `painting.png`, against the picture at that
    size. A picture that is smaller or larger is resampled to it: beside a painting several times
    larger than its photograph there is a photograph without detail. What is transparent is
    compared as it is shown on the blank canvas.

    Attributes:
        record: Its strokes, and the size at which it is drawn: the picture's own, but after `at`.
        image: The picture, (h, w, 3) uint8, RGB, or (h, w, 4) with alpha, of its own size; None of
            a painting that was loaded without it, which can be measured against nothing.
        background: RGB in [0, 1] of the blank canvas.
    """

    record: StrokeRecord
    image: NDArray[np.uint8] | None
    background: Color

    @classmethod
    def load(cls, folder: str | Path, image: Any = None) -> "Painting":
        """Load a painting that `save` or the command line wrote.

        Args:
            folder: A folder that holds `strokes.json`, or such a file.
            image: The picture that it was painted from, in any form that `paint` takes.

        Raises:
            UserError: There is none, it is damaged, or the image is none.
        """
        path = Path(folder)
        record = read_record(path / RECORD if path.is_dir() else path)
        return cls(record, None if image is None else as_picture(image), record.ground)

    def __repr__(self) -> str:
        record = self.record
        strokes = f"{len(record.strokes):,} {record.stroke.name} strokes"
        return f"<Painting: {strokes}, {record.width} x {record.height} px>"

    def _repr_png_(self) -> bytes:
        """Return the PNG that a notebook shows."""
        buffer = BytesIO()
        shown = self.at(min(_NOTEBOOK, max(self.record.height, self.record.width)))
        shown.to_pil().save(buffer, format="PNG")
        return buffer.getvalue()

    @cached_property
    def drawn(self) -> NDArray[np.uint8]:
        """Bytes of `painting.png`: see `picture`."""
        return self.record.draw()

    @cached_property
    def nearness(self) -> Nearness:
        """Similarity of `painting.png` to the picture at its size.

        Raises:
            UserError: The picture is not known.
        """
        if self.image is None:
            what = "the picture that was painted is not in the painting's folder"
            raise UserError(what, "load it with `image`")
        image = shown_on(self.image, self.background)
        size = self.record.height, self.record.width
        target = image if image.shape[:2] == size else resize_image(image, *size)
        return Nearness(shown_on(self.drawn, self.background), target)

    @property
    def psnr(self) -> float:
        """Peak signal to noise ratio of `painting.png`, dB."""
        return self.nearness.psnr

    @property
    def canvas(self) -> Tensor:
        """`painting.png` as it is measured, (3, H, W) in [0, 1]."""
        return as_tensor(self.nearness.canvas)

    @property
    def target(self) -> Tensor:
        """The picture that it is measured against, (3, H, W) in [0, 1]."""
        return as_tensor(self.nearness.target)

    def measures(self) -> dict[str, float]:
        """`l2`, `psnr` and `ssim` of `painting.png`: see `Nearness`."""
        return self.nearness.measures()

    def picture(self, size: int | None = None) -> NDArray[np.uint8]:
        """Draw the painting exactly.

        Args:
            size: Pixels on the longer side; the picture's own by default.

        Returns:
            (H, W, 3) uint8, RGB; with alpha, (H, W, 4), on a transparent background.
        """
        return self.at(size).drawn.copy()

    def at(self, size: int | None) -> "Painting":
        """Return the same painting, to be drawn at another size.

        Args:
            size: Pixels on the longer side; the picture's own by default.

        Raises:
            UserError: It makes no sense.
        """
        height, width = asked_size(self.record.height, self.record.width, size)
        if (height, width) == (self.record.height, self.record.width):
            return self  # with what is drawn already
        return replace(self, record=replace(self.record, height=height, width=width))

    def to_pil(self, size: int | None = None) -> Image.Image:
        """Draw the painting as a PIL image, RGB or RGBA; `size` as in `picture`."""
        return Image.fromarray(self.picture(size))

    def show(self, size: int | None = None) -> None:
        """Open the painting in this machine's viewer of pictures; `size` as in `picture`."""
        self.to_pil(size).show()

    def film(self, path: str | Path, **settings: Any) -> Path:
        """Write the painting being made.

        Args:
            path: The file: `.gif`, `.mp4`, or `.html`, a page that plays the strokes.
            settings: Arguments of `Gif` or `Mp4`, such as `seconds`.

        Returns:
            The file.

        Raises:
            UserError: It is of another kind, can't be written, or a setting makes no sense.
        """
        path = Path(path)
        kind = _FILMS.get(path.suffix.lower())
        if kind is None:
            raise UserError(f"{path}: no film", f"give a name that ends in {', '.join(_FILMS)}")
        try:
            export = kind(**settings)
        except TypeError as error:  # none of its arguments
            what = f"`{kind.__name__}` takes {', '.join(signature(kind).parameters) or 'nothing'}"
            raise UserError(what, f"leave out {', '.join(settings)}") from error
        export.check(self.record.stroke, self.record.strokes)
        export.check_size(self.record.height, self.record.width)
        with TemporaryDirectory() as folder, atomic_write(path) as temporary:
            copyfile(export.write(Path(folder), self.record), temporary)
        return path

    def svg(self, path: str | Path | None = None) -> str:
        """Return the painting as SVG, every stroke a path, and write it to a file if one is named.

        Raises:
            UserError: The file can't be written, or the strokes have no such geometry.
        """
        text = "\n".join(Svg().lines(self.record)) + "\n"
        if path is not None:
            with atomic_write(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        return text

    def save(
        self,
        folder: str | Path,
        exports: Iterable[Exporter] = (),
        told: Callable[[str], None] | None = None,
    ) -> None:
        """Write `painting.png`, `strokes.json` and further files.

        Args:
            folder: Where; made if need be.
            exports: What else to write.
            told: Called with the name of each file before it is written.

        Raises:
            UserError: The folder cannot be written, or an export not be made.
        """
        if told is not None:
            told(PICTURE)
        save_record(folder, self.record, exports, self.drawn, told)


def save_record(
    folder: str | Path,
    record: StrokeRecord,
    exports: Iterable[Exporter] = (),
    drawn: NDArray[np.uint8] | None = None,
    told: Callable[[str], None] | None = None,
) -> None:
    """Write a record as a painting: `painting.png`, `strokes.json` and further files.

    Args:
        folder: Where; made if need be.
        record: The strokes.
        exports: What else to write.
        drawn: What `record.draw` gave, where that was asked already.
        told: Called with the name of each of these before it is written.

    Raises:
        UserError: The folder cannot be written, or an export not be made.
    """
    write_record(Path(folder) / RECORD, record)
    write_png(Path(folder) / PICTURE, record.draw() if drawn is None else drawn)
    for export in exports:
        if not isinstance(export, Png):
            if told is not None:
                told(export.file)
            export.write(Path(folder), record)


class Unfinished(KeyboardInterrupt):
    """Interruption of a painting.

    Args:
        painting: What is painted so far.
        cause: What interrupted it.
    """

    def __init__(self, painting: Painting, cause: KeyboardInterrupt) -> None:
        super().__init__()
        self.painting = painting
        self.cause = cause
