import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torchvision

from datamodules import ImageDataModule, Kmnist, Mnist
from impasto.errors import UserError
from tests.datamodules.conftest import write_idx_files

Build = Callable[..., ImageDataModule]

# The real set, where it lies beside the project.
HIRAGANA = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
_REAL = Path(__file__).parents[3] / "shared" / "data" / "mnist"


def raw(root: Path, part: str, title: str = "MNIST") -> np.ndarray:
    data = (root / title / "raw" / f"{part}-images-idx3-ubyte.gz").read_bytes()
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


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("layout", ["{dotted}", "{name}", "{name}/{name}", "{dotted}/{dotted}"])
def test_unpackers_name_the_files_with_dots_and_in_folders(
    build: Build, mnist_root: Path, tmp_path: Path, layout: str, packed: bool
) -> None:
    expected = build(Mnist, mnist_root).labels("test")
    for path in list(mnist_root.rglob("*.gz")):
        name = path.stem
        place = layout.format(name=name, dotted=name.replace("-idx", ".idx"))
        target = tmp_path / "other" / f"{place}{'.gz' if packed else ''}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes() if packed else gzip.decompress(path.read_bytes()))
    assert np.array_equal(build(Mnist, tmp_path / "other").labels("test"), expected)


@pytest.mark.parametrize("content", [b"", b"no gzip", b"cut off"])
def test_a_damaged_file_is_named(build: Build, mnist_root: Path, content: bytes) -> None:
    path = next(mnist_root.rglob("t10k-images*"))
    path.write_bytes(path.read_bytes()[:500] if content == b"cut off" else content)
    with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte\.gz: damaged"):
        build(Mnist, mnist_root).setup()


@pytest.mark.parametrize("kind", [Mnist, Kmnist])
def test_without_a_network_the_error_says_what_to_put_where(
    kind: type[Mnist], build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("impasto.io.download.reachable", lambda urls: bool(asked.extend(urls)))
    with pytest.raises(UserError) as caught:
        build(kind).setup()
    assert caught.value.what.startswith(f"{kind.title} cannot be downloaded")
    assert "train-images-idx3-ubyte.gz" in caught.value.todo
    assert "`root`" in caught.value.todo
    assert all(("kmnist" in url) == (kind is Kmnist) for url in asked)
    assert asked


def test_kmnist_is_its_own_files_and_classes(
    build: Build, mnist_root: Path, kmnist_root: Path
) -> None:
    digits, characters = build(Mnist, mnist_root), build(Kmnist, kmnist_root, canvas_size=28)
    digits.setup()
    batch = next(iter(characters.test_dataloader()))
    assert np.array_equal(batch["target"][:, 0].numpy(), raw(kmnist_root, "t10k", "KMNIST"))
    assert characters.classes == HIRAGANA
    assert digits.classes == [str(digit) for digit in range(10)]


def test_sets_with_files_of_the_same_names_are_told_apart_by_their_folders(
    build: Build, tmp_path: Path
) -> None:
    root = write_idx_files(write_idx_files(tmp_path / "both", "MNIST"), "KMNIST", seed=1)
    for kind in (Mnist, Kmnist):
        batch = next(iter(build(kind, root, canvas_size=28).test_dataloader()))
        assert np.array_equal(batch["target"][:, 0].numpy(), raw(root, "t10k", kind.title))
    with pytest.raises(UserError, match=r"no KMNIST in it; .* in raw/ and in KMNIST/raw/ — put"):
        build(Kmnist, write_idx_files(tmp_path / "one", "MNIST")).setup()


@pytest.mark.parametrize("title", ["MNIST", "KMNIST"])
def test_the_fakes_are_laid_out_as_torchvision_has_them(tmp_path: Path, title: str) -> None:
    root = write_idx_files(tmp_path, title)
    for path in list(root.rglob("*.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    theirs = getattr(torchvision.datasets, title)(str(root), train=False)
    assert np.array_equal(theirs.data.numpy(), raw(root, "t10k", title))


def test_a_download_goes_where_torchvision_puts_it_and_is_made_once(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def download(self: object, root: str, download: bool) -> None:
        assert download
        made.append(root)
        write_idx_files(Path(root), "KMNIST", seed=1)

    monkeypatch.setattr("impasto.io.download.reachable", lambda urls: True)
    monkeypatch.setattr(torchvision.datasets.KMNIST, "__init__", download)
    write_idx_files(tmp_path / "cache", "MNIST")  # downloaded before: of the same names
    for size in (28, 16):
        build(Kmnist, canvas_size=size).setup()
    assert made == [str(tmp_path / "cache")]
    batch = next(iter(build(Kmnist, canvas_size=28).test_dataloader()))
    expected = raw(tmp_path / "cache", "t10k", "KMNIST")
    assert np.array_equal(batch["target"][:, 0].numpy(), expected)


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
