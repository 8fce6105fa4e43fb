"""Base of all image sets: preparing, splitting, loading, resuming."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Required, TypedDict

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from datamodules.cache.image_cache import HeldOut, ImageCache
from datamodules.cache.prepare import prepare, prepare_held_out
from datamodules.files import checked_root
from datamodules.items import Items
from datamodules.rollouts import Agent, Rollouts
from datamodules.splits import SPLITS, paper_parts, split_rows
from datamodules.streaming.batch_plans import BatchPlan, Plan, ShardPlan
from datamodules.streaming.decoded_images import DecodedImages
from datamodules.streaming.train_stream import (
    Batch,
    Cursor,
    Source,
    SplitImages,
    TrainStream,
)
from impasto.bounds import Count, Whole, validated
from impasto.errors import UserError
from impasto.runtime.memory import LEARNING, WORKER, check_count


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
    train_limit: int | None
    val_limit: int | None
    test_limit: int | None
    protocol: str
    streaming: bool
    shuffle_buffer: int


@validated
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
        train_limit: Use only so many images of the training split, drawn by ``split_seed``.
        val_limit: The same for the validation split.
        test_limit: The same for the test split.
        protocol: Whose splits: ``official``, those of the set; ``paper``, where a set has it, those
            of ICCV 2019, section 5.1: 2,000 images drawn from all for the test, the rest trains;
            ``sara``, where a set has it: the first 2,000 are the test (SARA, section 6.1).
        streaming: Whether training images are decoded when they are needed, instead of prepared
            once; those of validation and test are prepared all the same.
        shuffle_buffer: Decoded images among which a stream from files of many is shuffled, 3 n n
            bytes each; at least two batches. Single files are shuffled as a whole, without it.

    Raises:
        UserError: A number is out of its range, the cache lies in the root, or the set has no such
            protocol.
    """

    name: str
    layout: ClassVar[str]
    # Whose the pictures are, in words, and what weights that learned from them may be used for:
    # without the first none are published.
    terms: ClassVar[str] = ""
    licence: ClassVar[str] = "MIT, as the rest of the project."
    flips: ClassVar[bool] = True
    streams: ClassVar[bool] = False  # whether there is a point in `streaming`
    test_fraction: ClassVar[float] = 0.1
    protocols: ClassVar[tuple[str, ...]] = ("official",)

    def __init__(
        self,
        *,
        canvas_size: Count,
        batch_size: Count,
        root: str | None = None,
        cache: str = "data",
        seed: Whole = 0,
        split_seed: Whole = 0,
        num_workers: Whole = 0,
        flip: bool | None = None,
        eval_batch_size: Count = 256,
        train_limit: Count | None = None,
        val_limit: Count | None = None,
        test_limit: Count | None = None,
        protocol: str = "official",
        streaming: bool = False,
        shuffle_buffer: Count = 4096,
    ) -> None:
        super().__init__()
        self.canvas_size = canvas_size
        self.batch_size = batch_size
        check_count("batch_size", batch_size, LEARNING * canvas_size**2)
        self.cache = Path(cache).expanduser()
        self.root = None if root is None else checked_root(root, self.cache)
        self.seed = seed
        self.split_seed = split_seed
        self.num_workers = num_workers
        check_count("num_workers", num_workers, WORKER)
        self.flip = self.flips if flip is None else flip
        self.eval_batch_size = eval_batch_size
        self._limits = {"train": train_limit, "val": val_limit, "test": test_limit}
        if protocol not in self.protocols:
            what = f"`protocol={protocol}`: {self.name} has {' and '.join(self.protocols)} alone"
            raise UserError(what, "choose from these")
        self.protocol = protocol
        if streaming and not self.streams:
            raise UserError(
                f"`streaming=true`: {self.name} is small, and always prepared",
                "leave `streaming` out",
            )
        self.streaming = streaming
        self.shuffle_buffer = shuffle_buffer
        self._cursor = Cursor()
        self._items: Items | None = None
        self._prepared: ImageCache | None = None
        self._splits: dict[str, NDArray[np.int64]] = {}

    @abstractmethod
    def fingerprint(self) -> Mapping[str, object]:
        """Return what the cache depends on, as JSON: names, sizes and times of files, or an id.

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
        cache = self._hold_out() if self.streaming else self._prepare()
        rows = self._rows(len(cache), cache.parts, cache.run)
        for split in SPLITS:
            self._splits[split] = rows[split][cache.valid[rows[split]]]
            if not len(self._splits[split]):
                raise UserError(
                    f"`root={self.root}`: no readable image is in {self.name}'s {split} split",
                    f"give more of the set: {self.layout}",
                )
        self._prepared = cache
        return cache

    def _prepare(self) -> ImageCache:
        return prepare(self.cache, self.name, self.canvas_size, self.fingerprint(), self.items)

    def _hold_out(self) -> HeldOut:
        """Prepare validation and test; the rest is decoded when it is needed."""
        self._items = items = self.items()
        rows = self._rows(len(items.names), items.parts, items.run)
        held_out = np.sort(np.concatenate([rows["val"], rows["test"]]))
        about = self.fingerprint()
        return prepare_held_out(self.cache, self.name, self.canvas_size, about, items, held_out)

    def _rows(
        self, count: int, parts: NDArray[np.int8] | None, run: int
    ) -> dict[str, NDArray[np.int64]]:
        if self.protocol != "official":
            parts = paper_parts(count, self.split_seed, drawn=self.protocol == "paper", run=run)
        return split_rows(count, parts, self.split_seed, self.test_fraction, self._limits, run)

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

    def train_dataloader(self) -> Rollouts | TrainStream:
        """Give an agent the targets of its rollouts, from where they were left.

        Without an agent the endless stream of batches, whose images `apply_flips` flips.
        """
        stream, agent = self._stream(), getattr(self.trainer, "lightning_module", None)
        if not isinstance(agent, Agent):
            return stream
        assert self.trainer is not None
        return Rollouts(stream, agent, int(vars(self.trainer)["overfit_batches"]))

    def _stream(self) -> TrainStream:
        images = self.images("train")
        source: Source = images
        sizes = None
        if self._items is not None:
            source = DecodedImages(self._items, images.rows, self.canvas_size)
            sizes = source.shard_sizes
        common = self.seed, self.flip, *self._place
        plan: Plan
        if sizes is None:
            plan = BatchPlan(len(images), self.batch_size, *common)
        else:  # each file is best read from its start
            plan = ShardPlan(sizes, self.batch_size, self.shuffle_buffer, *common)
        return TrainStream(source, plan, self._cursor, self.num_workers, self._pin_memory)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Give this rank's share of the validation split, in its order; all of it to a single one.

        Shares are disjoint and of any length above 0, so that a mean over images that is weighted
        by their number is that of the whole split.
        """
        images, (rank, world) = self.images("val"), self._place
        if len(images) >= world:
            images = SplitImages(images.cache, np.array_split(images.rows, world)[rank])
        return self._eval_loader(images)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Give the whole test split, in its order."""
        return self._eval_loader(self.images("test"))

    def _eval_loader(self, images: SplitImages) -> DataLoader[Batch]:
        count = min(self.eval_batch_size, len(images))
        check_count("eval_batch_size", count, LEARNING * self.canvas_size**2)
        return images.loader(count, self.num_workers, self._pin_memory)

    @property
    def _place(self) -> tuple[int, int]:
        """Return this process's rank and the number of ranks."""
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

    @property
    def _pin_memory(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    def state_dict(self) -> dict[str, Any]:
        """Return the number of training batches drawn, their size, and the set's."""
        return {**vars(self._cursor), "images": len(self._open())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after the batches that were drawn.

        Raises:
            UserError: The set has lost or gained images since.
        """
        before, now = state_dict["images"], len(self._open())
        if before != now:
            raise UserError(
                f"`root={self.root}`: {self.name} has {now} images, and had {before} when the "
                "checkpoint was saved",
                "put back what is missing, or start a new run",
            )
        self._cursor.position = int(state_dict["position"])
        self._cursor.together = state_dict.get("together")
