"""The images of a set before they are decoded, and decoding them by several processes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from impasto.errors import UserError
from impasto.io.images import resize_image


def _themselves(numbers: Sequence[int]) -> Sequence[Any]:
    return numbers


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


@dataclass(frozen=True)
class Items:
    """The images of a set before they are decoded.

    Attributes:
        names: What to call each image in a warning.
        read: Gives an image, ``(H, W, 3)`` uint8 RGB of any size; raises ``UserError`` where it is
            broken. It gets what ``fetch`` gave, in any process.
        parts: ``(N,)`` int8 of TRAIN, VAL or TEST where the set defines its splits.
        labels: ``(N,)`` int64 where the set has labels; -1 where one is missing.
        classes: Names of the labels.
        fetch: Gives what ``read`` needs of some images, by their numbers, in their order; called
            in one process alone. Left out, ``read`` gets the numbers.
        run: How many consecutive images to keep together where splits are drawn; more than 1
            where images are read one after the other.
        shards: ``(S,)`` int64, the number of the first image of each file of many, where images
            have to be read one after the other; None where any one can be.
    """

    names: Sequence[str]
    read: Callable[[Any], NDArray[np.uint8]]
    parts: NDArray[np.int8] | None = None
    labels: NDArray[np.int64] | None = None
    classes: Sequence[str] | None = None
    fetch: Callable[[Sequence[int]], Sequence[Any]] = _themselves
    run: int = 1
    shards: NDArray[np.int64] | None = None

    def decode(
        self,
        chunks: Iterable[Sequence[int]],
        canvas_size: int,
        workers: int = 0,
        context: str | None = None,
    ) -> Iterator[Decoded]:
        """Decode chunk after chunk, ahead of what is asked for, in the order of the chunks.

        Args:
            chunks: Numbers of images; what they need is fetched in this process.
            canvas_size: Pixels on a side.
            workers: Processes that decode; 0 decodes in this one.
            context: How they are started; None is Python's way on this system.

        Raises:
            UserError: One of the processes died.
        """
        loader: DataLoader[Decoded] = DataLoader(
            _Decoder(self.read, canvas_size),
            batch_size=None,  # a chunk is one item
            sampler=map(self.fetch, chunks),
            num_workers=workers,
            generator=workers_seeds(),
            multiprocessing_context=context if workers else None,
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


def workers_seeds() -> torch.Generator:
    """Return a generator of a loader's own, from which it draws its workers' seeds.

    So it leaves the global one, and with it the run, the same for every number of workers.
    """
    return torch.Generator().manual_seed(0)


@dataclass(frozen=True)
class _Decoder(Dataset[Decoded]):
    """Decodes pictures and resizes them to the canvas; gets what `Items.fetch` gave of them."""

    read: Callable[[Any], NDArray[np.uint8]]
    size: int

    def __getitem__(self, given: Sequence[object]) -> Decoded:
        images = np.zeros((len(given), 3, self.size, self.size), np.uint8)
        broken: dict[int, str] = {}
        for place, one in enumerate(given):
            try:
                image = resize_image(self.read(one), self.size, self.size)
                images[place] = image.transpose(2, 0, 1)  # (3, H, W)
            except UserError as error:
                broken[place] = str(error)
        return Decoded(images, broken)
