import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datamodules import ImageDataModule, Mnist
from painting.errors import UserError

Build = Callable[..., ImageDataModule]

# The real set, where it lies beside the project.
_REAL = Path(__file__).parents[3] / "shared" / "data" / "mnist"


def raw(root: Path, part: str) -> np.ndarray:
    data = (root / "MNIST" / "raw" / f"{part}-images-idx3-ubyte.gz").read_bytes()
    return np.frombuffer(gzip.decompress(data), np.uint8, offset=16).reshape(-1, 28, 28)


def test_the_packed_files_are_read_as_they_lie(build: Build, mnist_root: Path) -> None:
    before = sorted(mnist_root.rglob("*"))
    data = build(Mnist, mnist_root, canvas_size=28)
    batch = next(iter(data.test_dataloader()))
    assert np.array_equal(batch["target"][:, 0].numpy(), raw(mnist_root, "t10k"))
    assert batch["label"].tolist() == [*range(10), 0, 1]
    assert (batch["target"] == batch["target"][:, :1]).all()  # grey as RGB
    assert sorted(mnist_root.rglob("*")) == before


def test_the_official_test_set_is_the_test_split(build: Build, mnist_root: Path) -> None:
    splits = build(Mnist, mnist_root).splits()
    assert splits["test"].tolist() == list(range(40, 52))
    assert [len(splits["train"]), len(splits["val"])] == [36, 4]


@pytest.mark.parametrize("depth", ["MNIST", "MNIST/raw"])
def test_the_root_may_be_any_of_the_usual_folders(
    build: Build, mnist_root: Path, depth: str
) -> None:
    assert len(build(Mnist, mnist_root / depth).splits()["test"]) == 12


def test_unpacked_files_are_the_same_images(build: Build, mnist_root: Path) -> None:
    packed = next(iter(build(Mnist, mnist_root).test_dataloader()))["target"]
    for path in list(mnist_root.rglob("*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    unpacked = next(iter(build(Mnist, mnist_root).test_dataloader()))["target"]
    assert np.array_equal(packed, unpacked)


@pytest.mark.parametrize("content", [b"", b"no gzip", b"cut off"])
def test_a_damaged_file_is_named(build: Build, mnist_root: Path, content: bytes) -> None:
    path = next(mnist_root.rglob("t10k-images*"))
    path.write_bytes(path.read_bytes()[:500] if content == b"cut off" else content)
    with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte\.gz: damaged"):
        build(Mnist, mnist_root).setup()


def test_without_a_network_the_error_says_what_to_put_where(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("painting.download.reachable", lambda urls: False)
    with pytest.raises(UserError) as caught:
        build(Mnist).setup()
    assert "MNIST cannot be downloaded" in caught.value.what
    assert "train-images-idx3-ubyte.gz" in caught.value.todo
    assert "data.root" in caught.value.todo


@pytest.mark.skipif(not _REAL.is_dir(), reason="the real MNIST does not lie beside the project")
def test_the_blank_canvas_has_the_known_distance_to_the_real_test_set(
    build: Build, snapshot: Callable[[Path], object]
) -> None:
    before = snapshot(_REAL)
    data = build(Mnist, _REAL, canvas_size=32)
    assert [len(rows) for rows in data.splits().values()] == [58_000, 2_000, 10_000]
    squares = [(batch["target"].float() / 255).square() for batch in data.test_dataloader()]
    blank = sum(float(part.sum()) for part in squares) / sum(part.numel() for part in squares)
    assert round(blank, 3) == 0.103
    assert snapshot(_REAL) == before
