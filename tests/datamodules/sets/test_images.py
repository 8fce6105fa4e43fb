from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pytest

from datamodules import CelebA, ImageDataModule, ImageNet, Images
from impasto.errors import UserError
from impasto.io.images import read_image

Build = Callable[..., ImageDataModule]


@pytest.fixture
def hub(
    tmp_path: Path, picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[str]]:
    """Stand in for the hub with splits of given sizes; returns what was asked for."""

    def offer(columns: tuple[str, ...] = ("image", "label"), **sizes: int) -> list[str]:
        splits = {}
        for seed, (split, count) in enumerate(sizes.items()):
            paths = [
                str(picture(tmp_path / "hub" / split / f"{number}.png", 100 * seed + number))
                for number in range(count)
            ]
            labels = [number % 2 for number in range(count)]
            table = datasets.Dataset.from_dict({"image": paths, "label": labels})
            table = table.cast_column("image", datasets.Image())
            table = table.cast_column("label", datasets.ClassLabel(names=["cat", "dog"]))
            splits[split] = table.select_columns(list(columns))
        asked: list[str] = []

        def load_dataset(hub_id: str, cache_dir: str) -> datasets.DatasetDict:
            asked.append(hub_id)
            return datasets.DatasetDict(splits)

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        monkeypatch.setattr("impasto.io.download.reachable", lambda urls: True)
        return asked

    return offer


def test_every_picture_below_the_root_counts(build: Build, images_root: Path) -> None:
    splits = build(Images, images_root).splits()
    assert [len(splits[name]) for name in ("train", "val", "test")] == [16, 2, 2]


def test_a_hub_set_gives_its_pictures_and_labels(
    build: Build, hub: Callable[..., list[str]], tmp_path: Path
) -> None:
    asked = hub(train=20)
    data = build(Images, hub_id="someone/pictures", canvas_size=16)
    splits = data.splits()
    assert [len(splits[name]) for name in ("train", "val", "test")] == [16, 2, 2]
    assert data.classes == ["cat", "dog"]
    assert data.labels("test").tolist() == (splits["test"] % 2).tolist()
    full = build(Images, hub_id="someone/pictures", canvas_size=20)
    stored = full.images("train").cache.read(np.array([7]))[0].numpy()
    original = read_image(tmp_path / "hub" / "train" / "7.png")
    assert stored.shape == (3, 20, 20)
    assert abs(stored.mean() - original.mean()) < 2
    assert asked == ["someone/pictures"] * 2


def test_what_the_hub_gave_is_not_asked_for_again(
    build: Build, hub: Callable[..., list[str]]
) -> None:
    asked = hub(train=20)
    for _ in range(2):
        build(Images, hub_id="someone/pictures").setup()
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("kind", "sizes", "expected"),
    [
        (Images, {"train": 10, "validation": 3, "test": 4}, [10, 3, 4]),
        (CelebA, {"train": 10, "valid": 3, "test": 4}, [10, 3, 4]),
        (ImageNet, {"train": 10, "val": 3, "test": 4}, [9, 1, 3]),  # its test has no labels
    ],
)
def test_the_hubs_own_splits_are_kept(
    build: Build,
    hub: Callable[..., list[str]],
    kind: type[ImageDataModule],
    sizes: dict[str, int],
    expected: list[int],
) -> None:
    hub(**sizes)
    splits = build(kind, hub_id="someone/pictures").splits()
    assert [len(splits[name]) for name in ("train", "val", "test")] == expected


def test_a_hub_set_without_images_names_its_columns(
    build: Build, hub: Callable[..., list[str]]
) -> None:
    hub(columns=("label",), train=5)
    with pytest.raises(UserError, match="someone/numbers has no column of images, only label"):
        build(Images, hub_id="someone/numbers").setup()


def test_a_hub_set_with_unknown_splits_names_them(
    build: Build, hub: Callable[..., list[str]]
) -> None:
    hub(left=5, right=5)
    with pytest.raises(UserError, match="has the splits left, right"):
        build(Images, hub_id="someone/pictures").setup()


@pytest.mark.parametrize("error", [ConnectionError, datasets.exceptions.DatasetNotFoundError])
def test_a_failing_hub_says_what_to_do(
    build: Build,
    hub: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:
    hub(train=5)

    def fail(*args: object, **options: object) -> None:
        raise error("on two\nlines")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(UserError, match="cannot be downloaded: on two lines — give a folder of"):
        build(Images, hub_id="someone/pictures").setup()


def test_root_and_hub_id_exclude_each_other(build: Build, images_root: Path) -> None:
    with pytest.raises(UserError, match=r"`root` and `hub_id`: neither is given"):
        build(Images)
    with pytest.raises(UserError, match=r"`root` and `hub_id`: both are given"):
        build(Images, images_root, hub_id="someone/pictures")
