import itertools
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datamodules import ImageDataModule, ImageNet

Build = Callable[..., ImageDataModule]


def test_val_is_the_test_split_and_every_other_class_folder_is_training(
    build: Build, imagenet_root: Path
) -> None:
    data = build(ImageNet, imagenet_root)
    files = [path.relative_to(imagenet_root) for path in sorted(imagenet_root.rglob("*.JPEG"))]
    splits = data.splits()
    assert {files[row].parts[0] for row in splits["test"]} == {"val"}
    assert len(splits["test"]) == 8
    others = np.concatenate([splits["train"], splits["val"]])
    assert {files[row].parts[0] for row in others} == {"train", "train_1000class", "deeper"}
    assert len(others) == 16


def test_labels_are_places_among_the_sorted_class_names(build: Build, imagenet_root: Path) -> None:
    data = build(ImageNet, imagenet_root)
    assert data.classes == ["n01", "n02", "n03", "n04"]
    files = sorted(imagenet_root.rglob("*.JPEG"))
    for split in ("train", "val", "test"):
        names = [files[row].parent.name for row in data.splits()[split]]
        assert [data.classes[label] for label in data.labels(split)] == names


def test_unlabelled_pictures_in_val_are_for_the_test_and_those_in_test_for_nothing(
    build: Build,
    imagenet_root: Path,
    picture: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    picture(imagenet_root / "val" / "ILSVRC2012_val_00000001.JPEG")
    picture(imagenet_root / "test" / "ILSVRC2012_test_00000001.JPEG")
    picture(imagenet_root / "cover.jpg")
    with caplog.at_level(logging.WARNING):
        data = build(ImageNet, imagenet_root)
        splits = data.splits()
    assert sum(len(rows) for rows in splits.values()) == 25
    assert len(splits["test"]) == 9
    assert sorted(data.labels("test"))[:2] == [-1, 2]
    assert "1 pictures below a folder test/ are not used" in caplog.text


def test_without_val_a_test_split_is_drawn(build: Build, imagenet_root: Path) -> None:
    splits = build(ImageNet, imagenet_root / "train").splits()
    assert [len(splits[name]) for name in ("train", "val", "test")] == [6, 1, 1]


@pytest.fixture
def fill(tmp_path: Path, picture: Callable[..., Path]) -> Callable[..., Path]:
    """Make a tree of pictures, so many in each folder."""

    def make(**folders: int) -> Path:
        seeds = itertools.count()
        for folder, count in folders.items():
            for number in range(count):
                picture(tmp_path / "set" / folder / f"{number}.JPEG", next(seeds))
        return tmp_path / "set"

    return make


TRAIN = {f"train/{name}/images": 8 for name in ("n01", "n02", "n03")}


def test_a_class_is_the_folder_directly_below_the_split(
    build: Build, fill: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    data = build(ImageNet, fill(**TRAIN, **{"val/images": 9}))  # as Tiny ImageNet is laid out
    assert {name: len(rows) for name, rows in data.splits().items()} == {
        "train": 22,
        "val": 2,
        "test": 9,
    }
    assert data.classes == ["n01", "n02", "n03"]
    assert set(data.labels("train")) == {0, 1, 2}
    assert set(data.labels("test")) == {-1}  # there are no classes in images/
    assert "class" not in caplog.text


@pytest.mark.parametrize("name", ["val", "valid", "validation", "VAL"])
@pytest.mark.parametrize("above", ["", "ILSVRC/Data/CLS-LOC/"])
def test_validation_is_the_test_split_whatever_it_is_called(
    build: Build, fill: Callable[..., Path], name: str, above: str
) -> None:
    folders = {f"{above}train/n0{n}": 8 for n in range(3)}
    tested = {f"{above}{name}/n0{n}": 3 for n in range(3)}
    data = build(ImageNet, fill(**folders, **tested))
    assert [len(data.splits()[split]) for split in ("train", "val", "test")] == [22, 2, 9]
    assert data.labels("test").tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_folders_of_a_class_that_are_named_as_splits_are(
    build: Build, fill: Callable[..., Path]
) -> None:
    root = fill(**{"train/car": 4, "train/test": 4, "train/val/deeper": 4, "test/car": 2})
    data = build(ImageNet, root)
    assert data.classes == ["car", "test", "val"]
    assert sum(len(rows) for rows in data.splits().values()) == 12


def test_trees_without_splits(build: Build, fill: Callable[..., Path]) -> None:
    trains = build(ImageNet, fill(**{"train": 4, "car": 4, "bus": 4}))
    assert trains.classes == ["bus", "car", "train"]
    inside = build(ImageNet, fill(**TRAIN) / "train")  # <class>/images/
    assert inside.classes == ["n01", "n02", "n03"]


def test_one_class_only_is_said(
    build: Build, fill: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    root = fill(**{"train/images": 12})
    assert build(ImageNet, root).classes == ["images"]
    lines = [one.getMessage() for one in caplog.records]
    [line] = [one for one in lines if "class only" in one]
    assert line.startswith(f"imagenet: one class only, images in {root}; looked for train/<class>/")
