from collections.abc import Callable
from pathlib import Path
from shutil import make_archive, rmtree

import numpy as np
import pytest
import torch

from datamodules import CelebA, ImageDataModule
from impasto.errors import UserError

Build = Callable[..., ImageDataModule]


def test_the_official_partition_goes_by_the_image_number(build: Build, celeba_root: Path) -> None:
    splits = build(CelebA, celeba_root).splits()
    # The fake has 000001 to 000018, then the two numbers on each side of both borders.
    assert splits["train"].tolist() == list(range(20))  # to 162770
    assert splits["val"].tolist() == [20, 21]  # 162771 to 182637
    assert splits["test"].tolist() == [22, 23]


@pytest.mark.parametrize("inner", ["celeba", "img_align_celeba", "Img", "CelebA/Img", "."])
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


def zipped(celeba_root: Path, root: Path) -> Path:
    """Pack the pictures as the set is handed out; the path of the file in ``root``."""
    root.mkdir(parents=True)
    base = root / "img_align_celeba"
    packed = make_archive(str(base), "zip", celeba_root, "img_align_celeba")
    return Path(packed)


@pytest.mark.parametrize("inner", [".", "Img", "celeba"])
@pytest.mark.parametrize("streaming", [False, True])
def test_the_zip_is_the_same_set(
    build: Build, celeba_root: Path, tmp_path: Path, inner: str, streaming: bool
) -> None:
    archive = zipped(celeba_root, tmp_path / "packed" / inner)
    packed = build(CelebA, tmp_path / "packed", streaming=streaming, flip=False)
    folder = build(CelebA, celeba_root, streaming=streaming, flip=False)
    for split in ("train", "val", "test"):
        assert np.array_equal(packed.splits()[split], folder.splits()[split])
    some, others = (next(iter(data.train_dataloader())) for data in (packed, folder))
    assert torch.equal(some["target"], others["target"])
    assert list(archive.parent.iterdir()) == [archive]


def test_what_is_wrong_with_a_zip_is_said(
    build: Build, celeba_root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = zipped(celeba_root, tmp_path / "packed")
    whole = archive.read_bytes()
    first = whole.index(b"000005.jpg") + 200
    archive.write_bytes(whole[:first] + b"0000" + whole[first + 4 :])
    data = build(CelebA, archive.parent)
    assert sum(len(rows) for rows in data.splits().values()) == 23
    assert "000005.jpg" in data.skipped[0]
    for broken in (whole[:2000], b"no zip"):
        archive.write_bytes(broken)
        with pytest.raises(UserError, match=r"img_align_celeba\.zip: damaged or no \.zip file"):
            build(CelebA, archive.parent).setup()


def test_a_7z_that_is_not_read_is_named(build: Build, celeba_root: Path) -> None:
    rmtree(celeba_root / "img_align_celeba")
    parts = celeba_root / "Img" / "img_align_celeba_png.7z"
    parts.mkdir(parents=True)
    (parts / "img_align_celeba_png.7z.001").write_bytes(b"7z")
    with pytest.raises(UserError, match=r"Img/img_align_celeba_png\.7z is packed as 7z.* — unpack"):
        build(CelebA, celeba_root).setup()


def test_saras_test_are_the_first_faces(
    build: Build, celeba_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datamodules.splits.PAPER_TEST", 4)
    assert build(CelebA, celeba_root, protocol="sara").splits()["test"].tolist() == [0, 1, 2, 3]
    drawn = build(CelebA, celeba_root, protocol="paper").splits()
    assert len(drawn["test"]) == 4
    assert drawn["test"].tolist() != [0, 1, 2, 3]
    assert sum(map(len, drawn.values())) == 24
    with pytest.raises(UserError, match="protocol=third"):
        build(CelebA, celeba_root, protocol="third")
