"""Decoding of pictures, and resizing to the canvas, by several processes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from impasto.errors import UserError
from impasto.io.images import resize_image

_T = TypeVar("_T")


@dataclass(frozen=True)
class Decoded:
    """Pictures at the canvas's size.

    Attributes:
        images: ``(N, 3, H, W)`` uint8; black where one is broken. An array, not a tensor: those
            travel between processes in shared memory, of which a container has little.
        broken: Why, by the place among the N.
    """

    images: NDArray[np.uint8]
    broken: dict[int, str] = field(default_factory=dict)


class Decoder(Dataset[Decoded]):
    """Decodes pictures and resizes them to the canvas.

    Args:
        read: Makes a picture ``(H, W, 3)`` of it; raises ``UserError`` where it is broken.
        canvas_size: Pixels on a side, n.
    """

    def __init__(self, read: Callable[[Any], NDArray[np.uint8]], canvas_size: int) -> None:
        self._read = read
        self._size = canvas_size

    def __getitem__(self, given: object) -> Decoded:
        """Decode one picture."""
        return self.__getitems__([given])

    def __getitems__(self, given: Sequence[object]) -> Decoded:
        """Decode some pictures."""
        images = np.zeros((len(given), 3, self._size, self._size), np.uint8)
        broken: dict[int, str] = {}
        for place, one in enumerate(given):
            try:
                image = resize_image(self._read(one), self._size, self._size)
                images[place] = image.transpose(2, 0, 1)  # (3, H, W)
            except UserError as error:
                broken[place] = str(error)
        return Decoded(images, broken)


def decode(
    decoder: Decoder,
    chunks: Iterable[Sequence[object]],
    workers: int,
    context: str | None = None,
    start_worker: Callable[[int], None] | None = None,
) -> Iterator[Decoded]:
    """Decode chunk after chunk, ahead of what is asked for, in the order of the chunks.

    Args:
        decoder: Decodes.
        chunks: What is handed to it; drawn from in this process.
        workers: Processes that decode; 0 decodes in this one.
        context: How they are started; None is Python's way on this system.
        start_worker: Called with its number in each of them at its start.

    Raises:
        UserError: One of the processes died.
    """
    loader: DataLoader[Decoded] = DataLoader(
        decoder,
        batch_sampler=_Chunks(chunks),
        num_workers=workers,
        collate_fn=_as_it_is,
        # See SplitImages.loader.
        generator=torch.Generator().manual_seed(0),
        multiprocessing_context=context if workers else None,
        worker_init_fn=start_worker,
    )
    try:
        yield from loader
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise UserError(
            f"a process that decodes pictures died ({' '.join(str(error).split())})",
            "see whether memory was short, and start again: what is done is kept",
        ) from error


@dataclass(frozen=True)
class _Chunks(Sampler[list[Any]]):
    """Hands the chunks on, each as what a batch is made of."""

    chunks: Iterable[Sequence[object]]

    def __iter__(self) -> Iterator[list[Any]]:
        return map(list, self.chunks)


def _as_it_is(batch: _T) -> _T:
    return batch
