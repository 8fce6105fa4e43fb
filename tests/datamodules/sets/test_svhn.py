import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from datamodules import ImageDataModule, Svhn
from impasto.errors import UserError

Build = Callable[..., ImageDataModule]


def test_pixels_and_labels_are_those_of_the_files(build: Build, svhn_root: Path) -> None:
    data = build(Svhn, svhn_root, canvas_size=32)
    batch = next(iter(data.test_dataloader()))
    official = loadmat(svhn_root / "test_32x32.mat")
    assert np.array_equal(batch["target"].numpy(), official["X"].transpose(3, 2, 0, 1))
    assert batch["label"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]  # 10 in the file is 0
    assert data.splits()["test"].tolist() == list(range(30, 41))
    first = data.images("train").cache.read(np.array([0, 29])).numpy()
    training = loadmat(svhn_root / "train_32x32.mat")["X"]
    assert np.array_equal(first, training.transpose(3, 2, 0, 1)[[0, 29]])


def test_a_file_that_is_not_the_official_one_is_read_with_a_warning(
    build: Build, svhn_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        build(Svhn, svhn_root).setup()
    assert caplog.text.count("is not the official file") == 2
    assert "train_32x32.mat" in caplog.text


@pytest.mark.parametrize("damage", ["cut off", "text", "empty", "other shape", "no labels"])
def test_a_damaged_file_is_named(build: Build, svhn_root: Path, damage: str) -> None:
    path = svhn_root / "test_32x32.mat"
    contents = {
        "cut off": path.read_bytes()[:2000],
        "text": b"This is no matrix, only a few words of text. " * 9,
        "empty": b"",
    }
    if damage in contents:
        path.write_bytes(contents[damage])
    elif damage == "other shape":
        savemat(path, {"X": np.zeros((11, 32, 32, 3), np.uint8), "y": np.zeros((11, 1))})
    else:
        savemat(path, {"X": np.zeros((32, 32, 3, 11), np.uint8)})
    with pytest.raises(UserError, match=r"test_32x32\.mat: damaged or not SVHN"):
        build(Svhn, svhn_root).setup()


def test_without_a_network_the_error_says_what_to_put_where(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.io.download.reachable", lambda urls: False)
    with pytest.raises(UserError, match=r"put train_32x32\.mat and test_32x32\.mat into a folder"):
        build(Svhn).setup()


def test_the_papers_set_has_the_extra_digits(
    build: Build, svhn_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"looked for .*extra_32x32\.mat"):
        build(Svhn, svhn_root, protocol="paper").setup()
    pixels = np.random.default_rng(9).integers(0, 256, (32, 32, 3, 20), np.uint8)
    savemat(svhn_root / "extra_32x32.mat", {"X": pixels, "y": np.arange(1, 21)[:, None] % 10 + 1})
    monkeypatch.setattr("datamodules.splits.PAPER_TEST", 15)
    data = build(Svhn, svhn_root, protocol="paper", canvas_size=32, train_limit=7)
    splits = data.splits()
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 7, "val": 5, "test": 15}
    assert splits["test"].max() > 40  # drawn from all files
    last = data.images("test").cache.read(np.array([41, 60])).numpy()
    assert np.array_equal(last, pixels.transpose(3, 2, 0, 1)[[0, 19]])
