from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datamodules import CelebA, ImageDataModule

Build = Callable[..., ImageDataModule]


def test_the_official_partition_goes_by_the_image_number(build: Build, celeba_root: Path) -> None:
    splits = build(CelebA, celeba_root).splits()
    # The fake has 000001 to 000018, then the two numbers on each side of both borders.
    assert splits["train"].tolist() == list(range(20))  # to 162770
    assert splits["val"].tolist() == [20, 21]  # 162771 to 182637
    assert splits["test"].tolist() == [22, 23]


@pytest.mark.parametrize("inner", ["celeba", "img_align_celeba", "."])
def test_the_usual_layouts_are_found(
    build: Build, celeba_root: Path, tmp_path: Path, inner: str
) -> None:
    root = tmp_path / "other"
    root.mkdir()
    (celeba_root / "img_align_celeba").rename(tmp_path / "moved")
    target = root if inner == "." else root / inner / "img_align_celeba"
    target.parent.mkdir(parents=True, exist_ok=True)
    if inner == ".":
        root.rmdir()
    (tmp_path / "moved").rename(target)
    rows = np.concatenate(list(build(CelebA, root).splits().values()))
    assert len(rows) == 24


def test_annotations_and_other_pictures_are_left_alone(
    build: Build, celeba_root: Path, picture: Callable[..., Path]
) -> None:
    (celeba_root / "list_eval_partition.txt").write_text("000001.jpg 2")
    picture(celeba_root / "img_align_celeba" / "cover.jpg")
    rows = np.concatenate(list(build(CelebA, celeba_root).splits().values()))
    assert len(rows) == 24
