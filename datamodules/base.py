"""What all image sets share: preparing, splitting, loading, resuming."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Required, TypedDict

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from datamodules.cache import ImageCache, Items, prepare
from datamodules.splits import SPLITS, assign_splits, limit_rows
from datamodules.stream import Batch, BatchPlan, Cursor, SplitImages, TrainStream, apply_flips
from painting.errors import UserError


class Options(TypedDict, total=False):
    """The arguments of every set, for sets that add some of their own."""

    canvas_size: Required[int]
    batch_size: Required[int]
    root: str | None
    cache: str
    seed: int
    split_seed: int
    num_workers: int
    flip: bool | None
    eval_batch_size: int
    val_limit: int | None
    test_limit: int | None


class ImageDataModule(pl.LightningDataModule, ABC):
    """A set of images, split in three and resized to the canvas.

    A batch is a dict: ``target`` uint8 ``(B, 3, H, W)``, RGB; ``index`` int64 ``(B,)``, the image's
    row in the cache; ``label`` int64 ``(B,)`` where the set has labels.

    A further set is a subclass with ``name``, ``layout``, ``fingerprint`` and ``items``.

    Args:
        canvas_size: Pixels on a side of the square canvas.
        batch_size: Images in a training batch.
        root: Folder with the set in its original layout, only ever read; None where the set is
            downloaded or comes with the installation.
        cache: Folder for downloads and prepared images.
        seed: Fixes the order of training and the flips.
        split_seed: Fixes the splits that are drawn and the crops. Apart from ``seed``, so that runs
            with different seeds are judged on the same images, and never on what another saw.
        num_workers: Processes that read batches.
        flip: Whether training images are flipped left to right at random; None is the set's own.
        eval_batch_size: Images in a batch of validation and test.
        val_limit: Use only so many images of the validation split, drawn by ``split_seed``.
        test_limit: The same for the test split.

    Raises:
        UserError: A number is out of its range, or the cache lies in the root.
    """

    name: str
    layout: ClassVar[str]
    terms: ClassVar[str] = ""  # whose the pictures are, in words, where anyone may use them
    flips: ClassVar[bool] = True
    test_fraction: ClassVar[float] = 0.1

    def __init__(
        self,
        *,
        canvas_size: int,
        batch_size: int,
        root: str | None = None,
        cache: str = "data",
        seed: int = 0,
        split_seed: int = 0,
        num_workers: int = 0,
        flip: bool | None = None,
        eval_batch_size: int = 256,
        val_limit: int | None = None,
        test_limit: int | None = None,
    ) -> None:
        super().__init__()
        self.canvas_size = _at_least(1, "canvas.size", canvas_size)
        self.batch_size = _at_least(1, "batch_size", batch_size)
        self.cache = Path(cache).expanduser()
        self.root = None if root is None else _checked_root(root, self.cache)
        self.seed = _at_least(0, "seed", seed)
        self.split_seed = _at_least(0, "data.split_seed", split_seed)
        self.num_workers = _at_least(0, "data.num_workers", num_workers)
        self.flip = self.flips if flip is None else flip
        self.eval_batch_size = _at_least(1, "data.eval_batch_size", eval_batch_size)
        self._limits = {
            key: None if limit is None else _at_least(1, f"data.{key}_limit", limit)
            for key, limit in (("train", None), ("val", val_limit), ("test", test_limit))
        }
        self._cursor = Cursor()
        self._prepared: ImageCache | None = None
        self._splits: dict[str, NDArray[np.int64]] = {}

    @abstractmethod
    def fingerprint(self) -> Mapping[str, object]:
        """Say what goes into the cache, as JSON: names, sizes and times of files, or an id.

        Raises:
            UserError: ``root`` is not as it should be, or a download failed.
        """

    @abstractmethod
    def items(self) -> Items:
        """Give the images; called only when they have to be prepared.

        Raises:
            UserError: ``root`` is not as it should be, or a download failed.
        """

    def prepare_data(self) -> None:
        """Prepare the images once, before the other processes look for them."""
        self._open()

    def setup(self, stage: str | None = None) -> None:
        """Open the prepared images and split them; a second call changes nothing."""
        self._open()

    def _open(self) -> ImageCache:
        """Prepare and split on first use.

        Raises:
            UserError: The set is missing, wrong or too small, or the cache cannot be written.
        """
        if self._prepared is not None:
            return self._prepared
        cache = prepare(self.cache, self.name, self.canvas_size, self.fingerprint(), self.items)
        parts = assign_splits(len(cache), cache.parts, self.split_seed, self.test_fraction)
        for number, split in enumerate(SPLITS):
            rows = np.flatnonzero((parts == number) & cache.valid)
            self._splits[split] = limit_rows(rows, self._limits[split], self.split_seed)
            if not len(rows):
                raise UserError(
                    f"data.root={self.root}: no readable image is in {self.name}'s {split} split",
                    f"give more of the set: {self.layout}",
                )
        self._prepared = cache
        return cache

    def splits(self) -> dict[str, NDArray[np.int64]]:
        """Give the rows of ``train``, ``val`` and ``test``, ascending and disjoint."""
        self._open()
        return dict(self._splits)

    def images(self, split: str) -> SplitImages:
        """Give the images of ``train``, ``val`` or ``test``."""
        return SplitImages(self._open(), self.splits()[split])

    def labels(self, split: str) -> NDArray[np.int64] | None:
        """Give the ``(N,)`` labels of a split in its order, or None where the set has none."""
        labels = self._open().labels
        return None if labels is None else labels[self.splits()[split]]

    @property
    def classes(self) -> list[str] | None:
        """Names of the labels, where the set has them."""
        return self._open().classes

    @property
    def skipped(self) -> list[str]:
        """Names of the broken images."""
        return self._open().skipped

    def train_dataloader(self) -> TrainStream:
        """Give the endless stream of training batches, from where it was left."""
        images = self.images("train")
        rank, world = 0, 1
        if self.trainer is not None:
            rank, world = self.trainer.global_rank, self.trainer.world_size
        plan = BatchPlan(len(images), self.batch_size, self.seed, self.flip, rank, world)
        return TrainStream(images, plan, self._cursor, self.num_workers, self._pin_memory)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Give the whole validation split, in its order."""
        return self._eval_loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """Give the whole test split, in its order."""
        return self._eval_loader("test")

    def _eval_loader(self, split: str) -> DataLoader[Batch]:
        images = self.images(split)
        return images.loader(self.eval_batch_size, self.num_workers, self._pin_memory)

    @property
    def _pin_memory(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Flip on the device what the stream said; other batches stay as they are."""
        return apply_flips(batch)

    def state_dict(self) -> dict[str, Any]:
        """Give the number of training batches that were handed out, and of the set's images."""
        return {"position": self._cursor.position, "images": len(self._open())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after the batches that were handed out.

        Raises:
            UserError: The set has lost or gained images since.
        """
        before, now = state_dict["images"], len(self._open())
        if before != now:
            raise UserError(
                f"data.root={self.root}: {self.name} has {now} images, and had {before} when the "
                "checkpoint was saved",
                "put back what is missing, or start a new run",
            )
        self._cursor.position = int(state_dict["position"])


def _at_least(least: int, key: str, value: int) -> int:
    # What comes from a command line is not always what the annotation says.
    if not isinstance(value, int) or isinstance(value, bool):
        raise UserError(f"{key}={value} is not a whole number", f"give {least} or more")
    if value < least:
        raise UserError(f"{key}={value} is below {least}", f"give {least} or more")
    return value


def _checked_root(root: str, cache: Path) -> Path:
    """Check that the root exists, is not empty and would not be written to."""
    path = Path(root).expanduser()
    if not root:  # which pathlib takes for the current folder
        raise UserError("data.root is given, but empty", "give the folder that holds the data set")
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "no such folder"
        raise UserError(f"data.root={root}: {what}", "give the folder that holds the data set")
    if not any(path.iterdir()):
        raise UserError(f"data.root={root}: the folder is empty", "put the data set there")
    if cache.resolve().is_relative_to(path.resolve()):
        raise UserError(
            f"data.cache={cache} lies in data.root={root}, which is only ever read",
            "give another folder as data.cache",
        )
    return path
