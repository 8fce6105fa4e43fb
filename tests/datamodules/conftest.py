"""Small sets in the real ones' layout, full of random pixels."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from datamodules import (
    CelebA,
    Digits,
    ImageDataModule,
    ImageNet,
    Images,
    Kmnist,
    Leaves,
    Mnist,
    Photos,
    Svhn,
)
from tests.datamodules.shard_files import KINDS, SHARD_COUNTS, write_shards

Build = Callable[..., ImageDataModule]
Snapshot = dict[str, tuple[int, int]]
AnySet = tuple[ImageDataModule, Path | None]


def save_picture(path: Path, seed: int = 0, height: int = 20, width: int = 24) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def idx_bytes(array: np.ndarray) -> bytes:
    shape = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + shape + array.astype(np.uint8).tobytes()


@pytest.fixture
def picture() -> Callable[..., Path]:
    return save_picture


def write_idx_files(root: Path, title: str, seed: int = 0) -> Path:
    """What torchvision downloads of MNIST or KMNIST."""
    folder = root / title / "raw"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for part, count in (("train", 40), ("t10k", 12)):
        images = generator.integers(0, 256, (count, 28, 28), np.uint8)
        labels = np.arange(count) % 10
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return root


@pytest.fixture
def mnist_root(tmp_path: Path) -> Path:
    return write_idx_files(tmp_path / "mnist", "MNIST")


@pytest.fixture
def kmnist_root(tmp_path: Path) -> Path:
    return write_idx_files(tmp_path / "kmnist", "KMNIST", seed=1)


@pytest.fixture
def svhn_root(tmp_path: Path) -> Path:
    folder = tmp_path / "svhn"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for part, count in (("train", 30), ("test", 11)):
        images = generator.integers(0, 256, (32, 32, 3, count), np.uint8)
        labels = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]  # 1 to 10
        savemat(folder / f"{part}_32x32.mat", {"X": images, "y": labels}, do_compression=True)
    return folder


@pytest.fixture
def celeba_root(tmp_path: Path) -> Path:
    numbers = [*range(1, 19), 162769, 162770, 162771, 182637, 182638, 202599]
    for number in numbers:
        save_picture(tmp_path / "celeba" / "img_align_celeba" / f"{number:06d}.jpg", number)
    return tmp_path / "celeba"


@pytest.fixture
def imagenet_root(tmp_path: Path) -> Path:
    root = tmp_path / "imagenet"
    folders = ["train/n02", "train/n01", "train_1000class/n03", "deeper/still/n01", "val/n03"]
    for seed, folder in enumerate([*folders, "val/n04"]):
        for number in range(4):
            save_picture(root / folder / f"{number}.JPEG", 10 * seed + number)
    return root


@pytest.fixture
def images_root(tmp_path: Path) -> Path:
    for number in range(20):
        folder = "sub folder" if number % 2 else "."
        save_picture(tmp_path / "images" / folder / f"é [{number}].png", number)
    return tmp_path / "images"


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., ImageDataModule]:
    """Make a set with small defaults and a cache of its own."""

    def make(
        kind: type[ImageDataModule], root: Path | None = None, **options: object
    ) -> ImageDataModule:
        defaults = {"canvas_size": 16, "batch_size": 4, "cache": str(tmp_path / "cache")}
        return kind(root=None if root is None else str(root), **{**defaults, **options})

    return make


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(tmp_path: Path, kind: str) -> Path:
    """80 training pictures in four files, 6 others in one."""
    write_shards(tmp_path / "set", kind, SHARD_COUNTS)
    write_shards(tmp_path / "set", kind, [6], "validation")
    return tmp_path / "set"


@pytest.fixture
def stream(build: Build, root: Path) -> Build:
    """Make ImageNet from files of many, streamed; blocks of two batches of 4."""
    return lambda **options: build(
        ImageNet, root, streaming=True, **{"shuffle_buffer": 16, **options}
    )


SETS = {
    "digits": Digits,
    "photos": Photos,
    "leaves": Leaves,
    "mnist": Mnist,
    "kmnist": Kmnist,
    "svhn": Svhn,
    "celeba": CelebA,
    "imagenet": ImageNet,
    "images": Images,
}


@pytest.fixture(params=list(SETS))
def any_set(request: pytest.FixtureRequest, build: Callable[..., ImageDataModule]) -> AnySet:
    """Each set in turn, with its root or None."""
    name = request.param
    few = {"digits": {}, "photos": {"crops": 3}, "leaves": {"pictures": 20}}  # need no files
    root = None if name in few else request.getfixturevalue(f"{name}_root")
    options = few.get(name, {})
    return build(SETS[name], root, **options), root


@pytest.fixture(params=["mnist", "kmnist", "svhn", "celeba", "imagenet", "images"])
def rooted_kind(request: pytest.FixtureRequest) -> type[ImageDataModule]:
    return SETS[request.param]


@pytest.fixture
def snapshot() -> Callable[[Path], Snapshot]:
    """Take every file's and folder's size and time of change."""

    def take(root: Path) -> Snapshot:
        paths = [root, *root.rglob("*")]
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}

    return take
