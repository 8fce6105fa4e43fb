"""Training images that are decoded on the way, from single files and from files of many."""

import pickle
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules import CelebA, ImageDataModule, ImageNet, Images
from datamodules.streaming.shards import Shards
from impasto.errors import UserError
from tests.datamodules.shard_files import batches, same

Build = Callable[..., ImageDataModule]


def evaluated(data: ImageDataModule) -> list[dict[str, Tensor]]:
    return [*data.val_dataloader(), *data.test_dataloader()]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_of_files_gives_what_prepared_images_give(
    build: Build, imagenet_root: Path, workers: int
) -> None:
    prepared = build(ImageNet, imagenet_root)
    streamed = build(ImageNet, imagenet_root, streaming=True, num_workers=workers)
    assert same(batches(prepared, 9), batches(streamed, 9))  # over the border of an epoch
    assert same(evaluated(prepared), evaluated(streamed))
    for split in ("train", "val", "test"):
        assert prepared.splits()[split].tolist() == streamed.splits()[split].tolist()
        assert prepared.labels(split).tolist() == streamed.labels(split).tolist()
    assert prepared.classes == streamed.classes
    assert streamed.state_dict() == {"position": 9, "together": 4, "images": len(streamed._open())}


@pytest.mark.parametrize("kind_of_set", [CelebA, Images])
def test_other_sets_of_files_stream_too(
    build: Build, celeba_root: Path, kind_of_set: type[ImageDataModule]
) -> None:
    prepared = build(kind_of_set, celeba_root)
    streamed = build(kind_of_set, celeba_root, streaming=True)
    assert same(batches(prepared, 7), batches(streamed, 7))


def test_only_validation_and_test_are_prepared(
    build: Build, imagenet_root: Path, tmp_path: Path
) -> None:
    data = build(ImageNet, imagenet_root, streaming=True, test_limit=3)
    batches(data, 3)
    (images,) = (tmp_path / "cache").rglob("images.npy")
    assert len(np.load(images, mmap_mode="r")) == 2 + 3  # of 24


def test_training_images_can_be_asked_for_all_the_same(
    build: Build, imagenet_root: Path, tmp_path: Path
) -> None:
    prepared, streamed = (build(ImageNet, imagenet_root, streaming=on) for on in (False, True))
    rows = np.array([int(streamed.splits()[split][0]) for split in ("train", "test", "val")])
    expected = prepared.images("train").cache.read(rows)
    assert torch.equal(streamed.images("train").cache.read(rows), expected)
    assert torch.equal(streamed.images("train")[0]["target"], prepared.images("train")[0]["target"])
    sorted(imagenet_root.rglob("*.JPEG"))[rows[0]].write_bytes(b"")
    with pytest.raises(UserError, match=r"^`root`: .*\.JPEG: the file is empty"):
        streamed.images("train")[0]


def test_what_reads_validation_travels_to_other_processes(build: Build, root: Path) -> None:
    data = build(ImageNet, root, streaming=True)
    images = data.images("val")
    again = pickle.loads(pickle.dumps(images))
    assert torch.equal(again[0]["target"], images[0]["target"])


def test_files_of_many_are_seen_as_prepared_and_as_streamed_alike(
    build: Build, stream: Build, root: Path, kind: str
) -> None:
    prepared, streamed = build(ImageNet, root), stream()
    for split in ("train", "val", "test"):
        assert prepared.splits()[split].tolist() == streamed.splits()[split].tolist()
        assert prepared.labels(split).tolist() == (prepared.splits()[split] % 2).tolist()
    assert [len(streamed.splits()[split]) for split in ("train", "val", "test")] == [72, 8, 6]
    assert streamed.splits()["test"].tolist() == list(range(80, 86))
    assert streamed.classes == (["cat", "dog"] if kind == "parquet" else None)
    assert same(evaluated(prepared), evaluated(streamed))
    cache = prepared.images("train").cache
    for batch in batches(streamed, 40):
        assert torch.equal(batch["target"], cache.read(batch["index"].numpy()))
        assert batch["label"].tolist() == (batch["index"] % 2).tolist()


def test_a_pass_over_files_of_many_holds_every_training_image(stream: Build) -> None:
    data = stream()
    for epoch in range(2):
        index = torch.cat([batch["index"] for batch in batches(data, 18)])
        assert sorted(index.tolist()) == data.splits()["train"].tolist(), epoch
    other = torch.cat([batch["index"] for batch in batches(stream(seed=1), 18)])
    assert index.tolist() != other.tolist()


@pytest.mark.parametrize("position", [1, 5, 6, 17, 18, 35])
def test_a_stream_of_files_of_many_goes_on_bit_for_bit(stream: Build, position: int) -> None:
    whole = batches(stream(), position + 5)
    later = stream(num_workers=2 if position == 5 else 0)
    loader = later.train_dataloader()
    later.load_state_dict(
        later.state_dict() | {"position": position}
    )  # later than the loader: it is lazy
    assert same(whole[position:], list(islice(iter(loader), 5)))
    assert later.state_dict() == {
        "position": position + 5,
        "together": 4,
        "images": len(later._open()),
    }


def test_going_on_reads_one_block_not_everything(
    stream: Build, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[int] = []
    original = Shards._fetch

    def count(self: Shards, numbers: list[int]) -> object:
        fetched.extend(numbers)
        return original(self, numbers)

    monkeypatch.setattr(Shards, "_fetch", count)
    data = stream()
    data.setup()
    fetched.clear()
    data.load_state_dict(data.state_dict() | {"position": 15})
    batches(data, 1)
    assert len(fetched) <= 12  # the block of two batches, and of the next one a batch


def test_workers_change_nothing(stream: Build) -> None:
    assert same(batches(stream(), 25), batches(stream(num_workers=2), 25))


def test_processes_see_disjoint_images(stream: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trainer:
        world_size = 2
        global_rank = 0

    monkeypatch.setattr(ImageNet, "_pin_memory", False)
    seen = []
    for rank in range(2):
        data = stream()
        data.trainer = Trainer()
        data.trainer.global_rank = rank
        seen.append({int(n) for batch in batches(data, 9) for n in batch["index"]})
    assert [len(share) for share in seen] == [36, 36]
    assert not seen[0] & seen[1]


@pytest.mark.parametrize("given", ["set", "../here/set", "link", "link/../here/set", "linked_data"])
@pytest.mark.parametrize("streaming", [False, True])
def test_a_root_may_be_relative_a_link_or_hold_dots(
    build: Build, root: Path, monkeypatch: pytest.MonkeyPatch, given: str, streaming: bool
) -> None:
    here = root.parent / "here"
    here.mkdir()
    data = root / "data" if (root / "data").is_dir() else root
    (root.parent / "linked").mkdir()
    (root.parent / "linked" / "data").symlink_to(data)
    (here / "set").symlink_to(root)
    (here / "link").symlink_to(root)
    (here / "linked_data").symlink_to(root.parent / "linked")
    monkeypatch.chdir(here)
    options = {"streaming": streaming, "shuffle_buffer": 16}
    found, expected = (build(ImageNet, Path(one), **options) for one in (given, root))
    assert same(batches(found, 3), batches(expected, 3))
    assert same(evaluated(found), evaluated(expected))
