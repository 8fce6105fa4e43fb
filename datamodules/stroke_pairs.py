"""Cache of strokes that a program draws slowly: drawn once, by all cores, with their shapes."""

import logging
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from datamodules.files import digest
from datamodules.growing_files import GrowingFiles
from impasto.bounds import Count, Seed, validated
from impasto.canvas import to_float, to_uint8
from impasto.errors import UserError
from impasto.persistence.locks import lock
from impasto.strokes import Stroke

_log = logging.getLogger(__name__)

_VERSION = 1  # of what is stored, in every key
_CHUNK = 256  # strokes that a process draws at a time; which ones follows from their number alone
_SAVE_EVERY = 32  # chunks between two savings of the progress, which is what a kill can lose
_APART = 2**20  # chunks of one seed


@validated
class StrokePairs:
    """Random shapes of a stroke kind and their alpha on a square canvas, in a memory-mapped cache.

    What was drawn before a stop is kept and gone on with; more of them are added to those that are
    there; of several processes that want them, one draws.

    Args:
        cache: The folder of all prepared sets.
        stroke: The kind.
        canvas_size: Pixels on a side, n.
        count: How many, P; None or 0 keeps none: whoever has them draws fresh ones.
        seed: Of the shapes.
    """

    def __init__(
        self,
        cache: str | Path,
        stroke: Stroke,
        canvas_size: int,
        count: Count | None,
        seed: Seed = 0,
    ) -> None:
        self.stroke, self.canvas_size, self.seed = stroke, canvas_size, seed
        self.count = count or 0
        key = digest({"version": _VERSION, "seed": seed, "config": stroke.config()})
        name = f"{stroke.name}-{canvas_size}px-{key}"
        self.folder = Path(cache).expanduser() / "strokes" / name
        self._item_bytes = {"shapes.f32": 4 * stroke.shape_dim, "alphas.u8": canvas_size**2}
        self._files = GrowingFiles(self.folder, self._item_bytes)
        self._arrays: tuple[NDArray[np.float32], NDArray[np.uint8]] | None = None

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw random pairs.

        Args:
            count: How many, N.
            generator: Source of randomness, on the CPU.

        Returns:
            Shapes (N, S) float32 in [0, 1], and alpha (N, 1, n, n) float32 in [0, 1].

        Raises:
            UserError: They have to be drawn first, and the folder cannot be written.
        """
        shapes, alphas = self._opened()
        rows = torch.randint(self.count, (count,), generator=generator).numpy()
        alpha = to_float(torch.from_numpy(alphas[rows]))
        return torch.from_numpy(shapes[rows]), alpha[:, None]

    def prepare(self) -> None:
        """Draw what is missing.

        Raises:
            UserError: The folder cannot be written.
        """
        if self._progress() >= self.count:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            waiting = f"another process draws {self._what}, waiting"
            with lock(self.folder / ".lock", waiting=waiting):
                self._draw()
        except OSError as error:
            raise UserError(
                f"`cache={self.folder.parent.parent}`: cannot be written ({error.strerror})",
                "make room or give another folder with `cache=FOLDER`; "
                "in the same folder, what is drawn already is kept",
            ) from error

    @property
    def _what(self) -> str:
        return f"{self.count:,} {self.stroke.name} strokes at {self.canvas_size} px"

    def _opened(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        if self._arrays is None:
            self.prepare()
            size = self.canvas_size
            dim = self.stroke.shape_dim
            shapes = np.memmap(self.folder / "shapes.f32", np.float32, "r", shape=(self.count, dim))
            alphas = np.memmap(
                self.folder / "alphas.u8", np.uint8, "r", shape=(self.count, size, size)
            )
            self._arrays = shapes, alphas
        return self._arrays

    def _progress(self) -> int:
        """Return the number of strokes that are safely on the disk."""
        return int(self._files.progress()["done"])

    def _draw(self) -> None:
        """Append chunk after chunk, each counted once it is safe on the disk."""
        done = self._progress()  # also of a process that was waited for
        chunks = range(done // _CHUNK, -(-self.count // _CHUNK))
        self._check_space(len(chunks) * _CHUNK)
        if done:
            _log.info("drawing %s goes on after %s of them", self._what, f"{done:,}")
        with (
            self._files.opened(done) as files,
            tqdm(
                total=self.count, initial=done, desc=f"Drawing {self._what}", unit="stroke"
            ) as bar,
        ):
            shapes, alphas = files
            for number, (shape, alpha) in enumerate(self._drawn(chunks), start=1):
                shapes.write(shape.data)
                alphas.write(alpha.data)
                done += _CHUNK
                bar.update(_CHUNK)
                if number % _SAVE_EVERY == 0:
                    self._files.save(files, done)
            self._files.save(files, done)

    def _check_space(self, missing: int) -> None:
        needed = missing * sum(self._item_bytes.values())
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise UserError(
                f"`cache`: {self._what} need {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are "
                "free",
                "make room, give another `cache` or fewer `pairs`",
            )

    def _drawn(self, chunks: range) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
        """Yield chunks of pairs in order, by as many processes as there are cores."""
        draw = partial(_draw_chunk, self.stroke, self.canvas_size, self.seed)
        if len(chunks) == 1 or multiprocessing.current_process().daemon:
            yield from map(draw, chunks)
            return
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        with multiprocessing.get_context("spawn").Pool(cores, _be_quiet) as pool:
            yield from pool.imap(draw, chunks)


def _be_quiet() -> None:
    """Leave Ctrl-C to the first process, and silence libmypaint, which prints rounding errors."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _draw_chunk(
    stroke: Stroke, canvas_size: int, seed: int, chunk: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the shapes (256, S) and alphas (256, n, n) of one chunk."""
    generator = torch.Generator().manual_seed((seed * _APART + chunk) % 2**63)
    shape = stroke.sample(_CHUNK, generator)
    alpha = stroke.rasterize(shape, canvas_size, canvas_size)[:, 0]
    return shape.numpy(), to_uint8(alpha).numpy()
