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
