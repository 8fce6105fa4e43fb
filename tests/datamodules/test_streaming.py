"""Training images that are decoded on the way, from single files and from files of many."""

import logging
import pickle
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules import CelebA, Digits, ImageDataModule, ImageNet, Images, Mnist
from datamodules.shards import Shards
from painting.errors import UserError
from tests.datamodules.shard_files import KINDS, png, write_shards, write_tar

Build = Callable[..., ImageDataModule]
COUNTS = (17, 9, 23, 31)


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(tmp_path: Path, kind: str) -> Path:
    """80 training pictures in four files, 6 others in one."""
    write_shards(tmp_path / "set", kind, COUNTS)
    write_shards(tmp_path / "set", kind, [6], "validation")
    return tmp_path / "set"


@pytest.fixture
def stream(build: Build, root: Path) -> Build:
    """Make ImageNet from files of many, streamed; blocks of two batches of 4."""
    return lambda **options: build(
        ImageNet, root, streaming=True, **{"shuffle_buffer": 16, **options}
    )


def batches(data: ImageDataModule, count: int) -> list[dict[str, Tensor]]:
    return list(islice(iter(data.train_dataloader()), count))


def same(some: list[dict[str, Tensor]], others: list[dict[str, Tensor]]) -> bool:
    pairs = list(zip(some, others, strict=True))
    assert all(set(one) == set(other) for one, other in pairs)
    return all(torch.equal(one[key], other[key]) for one, other in pairs for key in one)


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
    assert streamed.state_dict() == {"position": 9, "together": 4}


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
    with pytest.raises(UserError, match=r"^data\.root: .*\.JPEG: the file is empty"):
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
    later.load_state_dict({"position": position})  # later than the loader: it is lazy
    assert same(whole[position:], list(islice(iter(loader), 5)))
    assert later.state_dict() == {"position": position + 5, "together": 4}


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
    data.load_state_dict({"position": 15})
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


def test_a_broken_picture_is_skipped_and_nothing_after_it_moves(
    build: Build, imagenet_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = build(ImageNet, imagenet_root, streaming=True, batch_size=7)
    row = int(whole.splits()["train"][3])
    broken = sorted(imagenet_root.rglob("*.JPEG"))[row]
    before = batches(whole, 6)
    broken.write_bytes(broken.read_bytes()[:100])
    after = batches(build(ImageNet, imagenet_root, streaming=True, batch_size=7), 6)
    assert caplog.text.count(f"a broken image is skipped: {broken}") == 1
    replaced = 0
    for one, other in zip(before, after, strict=True):
        for place, (was, now) in enumerate(zip(one["index"], other["index"], strict=True)):
            if was == row:
                replaced += 1
                follower = one["index"][(place + 1) % 7]
                assert now == follower
                at = int((one["index"] == follower).nonzero()[0, 0])
                assert torch.equal(other["target"][place], one["target"][at])
            else:
                assert now == was
                assert torch.equal(other["target"][place], one["target"][place])
    assert replaced == 3


def test_a_broken_picture_among_many_is_skipped_and_nothing_after_it_moves(
    stream: Build, root: Path, kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = batches(stream(), 30)
    row = 20
    write, name = KINDS[kind]
    pictures = [png(number) if number != row else b"no picture" for number in range(17, 26)]
    write(root / name.format(split="train", shard=1), pictures, [n % 2 for n in range(17, 26)])
    after = batches(stream(), 30)
    assert "a broken image is skipped: " in caplog.text
    changed = 0
    for one, other in zip(before, after, strict=True):
        moved = (one["index"] != other["index"]).tolist()
        assert moved == (one["index"] == row).tolist()
        assert torch.equal(
            one["target"][~torch.tensor(moved)], other["target"][~torch.tensor(moved)]
        )
        changed += sum(moved)
    assert changed == 2  # in as many passes


def test_pictures_that_are_gone_altogether_end_the_stream(
    build: Build, imagenet_root: Path, tmp_path: Path
) -> None:
    data = build(ImageNet, imagenet_root, streaming=True)
    loader = iter(data.train_dataloader())
    next(loader)
    imagenet_root.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"4 images in a row cannot be read; the first: .*\.JPEG"):
        next(loader)


def test_a_file_of_many_that_is_gone_is_named(stream: Build, root: Path, kind: str) -> None:
    data = stream()
    loader = iter(data.train_dataloader())
    next(loader)
    gone = sorted(path for path in root.rglob("*") if "train" in path.name)
    for path in gone:
        path.unlink()
    with pytest.raises(UserError, match=r"train-0000\d.*: .* — put it back as it was") as caught:
        list(islice(loader, 40))
    assert any(str(path) in caught.value.what for path in gone)


def test_a_file_of_many_that_got_shorter_is_named(stream: Build, root: Path, kind: str) -> None:
    data = stream()
    data.setup()
    for path, count in zip(sorted(root.rglob("*train*")), COUNTS, strict=True):
        assert path.is_file()
        write, _ = KINDS[kind]
        write(path, [b""] * (count // 2), [0] * (count // 2))
    with pytest.raises(UserError, match=r"train-0000\d"):
        batches(data, 40)


def test_an_empty_file_of_many_is_said_and_left_out(
    build: Build, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_shards(tmp_path / "set", kind, (9, 0, 8))
    data = build(ImageNet, tmp_path / "set", streaming=True, shuffle_buffer=8)
    assert len(batches(data, 9)) == 9
    assert "1 file(s) hold no picture, such as" in caplog.text


def test_a_file_of_no_bytes_is_named(build: Build, tmp_path: Path, kind: str) -> None:
    paths = write_shards(tmp_path / "set", kind, (9, 8))
    paths[1].write_bytes(b"")
    with pytest.raises(UserError, match=r"train-00001"):
        batches(build(ImageNet, tmp_path / "set", streaming=True, shuffle_buffer=8), 9)


def test_tar_files_that_hold_no_pictures_are_refused(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "set" / "train-0.tar"
    write_tar(path, [], [])
    with pytest.raises(UserError, match=r"data\.root=.*set: no set of pictures in .parquet or"):
        build(ImageNet, tmp_path / "set", streaming=True).setup()


def test_a_stream_without_workers_says_that_it_is_slow(
    build: Build, imagenet_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        batches(build(ImageNet, imagenet_root, streaming=True, num_workers=1), 1)
        assert "num_workers" not in caplog.text
        batches(build(ImageNet, imagenet_root, streaming=True), 1)
    assert "data.streaming without data.num_workers: training waits" in caplog.text


@pytest.mark.parametrize("value", [0, -4])
def test_a_buffer_out_of_range_names_its_key(build: Build, imagenet_root: Path, value: int) -> None:
    with pytest.raises(UserError, match=f"^data.shuffle_buffer={value} is below 1"):
        build(ImageNet, imagenet_root, streaming=True, shuffle_buffer=value)


def test_a_buffer_below_two_batches_is_refused(stream: Build) -> None:
    with pytest.raises(UserError, match=r"^data\.shuffle_buffer=7 is smaller than two batches"):
        stream(shuffle_buffer=7).train_dataloader()


@pytest.mark.parametrize("kind_of_set", [Digits, Mnist])
def test_a_set_that_cannot_stream_says_so(
    build: Build, mnist_root: Path, kind_of_set: type[ImageDataModule]
) -> None:
    root = mnist_root if kind_of_set is Mnist else None
    with pytest.raises(UserError, match=r"^data\.streaming=true: (digits|mnist) is small"):
        build(kind_of_set, root, streaming=True)


class TestHub:
    """The hub's part, with a folder in its layout in place of the hub."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> list[str]:
        original = datasets.load_dataset_builder
        asked: list[str] = []

        def load(source: str, **options: object) -> datasets.DatasetBuilder:
            asked.append(source)
            return original(str(root), **options)

        monkeypatch.setattr(datasets, "load_dataset_builder", load)
        monkeypatch.setattr("painting.download.reachable", lambda urls: True)
        return asked

    def test_it_streams_without_a_download(
        self,
        asked: list[str],
        build: Build,
        stream: Build,
        kind: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def refuse(*args: object, **options: object) -> None:
            raise AssertionError("downloaded")

        monkeypatch.setattr(datasets, "load_dataset", refuse)
        data = build(ImageNet, hub_id="owner/name", streaming=True, shuffle_buffer=16)
        if kind == "tar":
            with pytest.raises(UserError, match="owner/name is kept as tar files"):
                data.setup()
            return
        assert same(batches(data, 20), batches(stream(), 20))
        assert asked[0] == "owner/name"

    def test_without_a_network_it_says_what_to_do(
        self, build: Build, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("painting.download.reachable", lambda urls: False)
        with pytest.raises(
            UserError, match=r"owner/name .* cannot be downloaded: .* as data\.root"
        ):
            build(ImageNet, hub_id="owner/name", streaming=True).setup()
