"""What goes wrong with training images that are decoded on the way, and the hub."""

import logging
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import datasets
import pytest
import torch

from datamodules import Digits, ImageDataModule, ImageNet, Mnist
from impasto.errors import UserError
from tests.datamodules.shard_files import (
    KINDS,
    SHARD_COUNTS,
    batches,
    png,
    same,
    write_shards,
    write_tar,
)

Build = Callable[..., ImageDataModule]


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
    for path, count in zip(sorted(root.rglob("*train*")), SHARD_COUNTS, strict=True):
        assert path.is_file()
        write, _ = KINDS[kind]
        write(path, [png(0)] * (count // 2), [0] * (count // 2))
    with pytest.raises(UserError, match=r"train-0000\d.*: has fewer pictures than when they were"):
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
    with pytest.raises(UserError, match=r"`root=.*set`: no set of pictures in .parquet or"):
        build(ImageNet, tmp_path / "set", streaming=True).setup()


def test_a_stream_without_workers_says_that_it_is_slow(
    build: Build, imagenet_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        batches(build(ImageNet, imagenet_root, streaming=True, num_workers=1), 1)
        assert "num_workers" not in caplog.text
        batches(build(ImageNet, imagenet_root, streaming=True), 1)
    assert "streaming without workers: training waits" in caplog.text


@pytest.mark.parametrize("value", [0, -4])
def test_a_buffer_out_of_range_names_its_key(build: Build, imagenet_root: Path, value: int) -> None:
    with pytest.raises(UserError, match=f"^`shuffle_buffer` is {value} — .*, at least 1$"):
        build(ImageNet, imagenet_root, streaming=True, shuffle_buffer=value)


def test_a_buffer_below_two_batches_is_refused(stream: Build) -> None:
    with pytest.raises(UserError, match=r"^`shuffle_buffer=7` is smaller than two batches"):
        stream(shuffle_buffer=7).train_dataloader()


@pytest.mark.parametrize("kind_of_set", [Digits, Mnist])
def test_a_set_that_cannot_stream_says_so(
    build: Build, mnist_root: Path, kind_of_set: type[ImageDataModule]
) -> None:
    root = mnist_root if kind_of_set is Mnist else None
    with pytest.raises(UserError, match=r"^`streaming=true`: (digits|mnist) is small"):
        build(kind_of_set, root, streaming=True)


@pytest.mark.parametrize("value", ["maybe", 1])
def test_streaming_is_true_or_false(build: Build, imagenet_root: Path, value: object) -> None:
    with pytest.raises(UserError, match=rf"^`streaming` is {value!r} — give true or false$"):
        build(ImageNet, imagenet_root, streaming=value)


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
        monkeypatch.setattr("impasto.io.download.reachable", lambda urls: True)
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
        monkeypatch.setattr("impasto.io.download.reachable", lambda urls: False)
        with pytest.raises(UserError, match=r"owner/name .* cannot be downloaded: .* as `root`"):
            build(ImageNet, hub_id="owner/name", streaming=True).setup()
