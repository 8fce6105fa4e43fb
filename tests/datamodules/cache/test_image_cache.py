import json
import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datamodules import ImageDataModule, Images
from datamodules.cache.image_cache import ImageCache
from datamodules.cache.prepare import prepare
from datamodules.items import Items
from impasto.errors import UserError
from impasto.io.images import read_image, resize_image

Build = Callable[..., ImageDataModule]


def gray_items(count: int = 6) -> Items:
    return Items(
        names=[f"image {number}" for number in range(count)],
        read=lambda number: np.full((5, 7, 3), 2 * number, np.uint8),
    )


def prepared(cache: Path) -> list[Path]:
    found = sorted((cache / "prepared").iterdir())
    return [path for path in found if path.suffix != ".lock"]


def test_images_are_resized_whole_and_kept_in_order(
    build: Build, images_root: Path, tmp_path: Path
) -> None:
    data = build(Images, images_root, canvas_size=16)
    rows = np.concatenate(list(data.splits().values()))
    stored = data.images("train").cache.read(np.sort(rows)).numpy()
    for row, path in enumerate(sorted(images_root.rglob("*.png"))):
        expected = resize_image(read_image(path), 16, 16).transpose(2, 0, 1)
        assert np.array_equal(stored[row], expected)


def test_a_second_run_decodes_nothing(tmp_path: Path) -> None:
    first = prepare(tmp_path, "fake", 4, {"a": 1}, gray_items)

    def refuse() -> Items:
        raise AssertionError("decoded again")

    second = prepare(tmp_path, "fake", 4, {"a": 1}, refuse)
    rows = np.arange(6)
    assert np.array_equal(first.read(rows).numpy(), second.read(rows).numpy())
    assert len(prepared(tmp_path)) == 1


def test_the_key_follows_what_goes_in(
    build: Build, images_root: Path, tmp_path: Path, picture: Callable[..., Path]
) -> None:
    def folders() -> int:
        build(Images, images_root).setup()
        return len(prepared(tmp_path / "cache"))

    assert [folders(), folders()] == [1, 1]
    changed = picture(images_root / "é [0].png", seed=99, height=21)
    assert folders() == 2
    changed.rename(images_root / "é [00].png")  # the order stays
    assert folders() == 3
    picture(images_root / "more.png", seed=5)
    assert folders() == 4
    build(Images, images_root, canvas_size=32).setup()
    assert len(prepared(tmp_path / "cache")) == 5


def test_broken_images_are_skipped_counted_and_named(
    build: Build, images_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = (images_root / "é [0].png").read_bytes()
    (images_root / "cut.png").write_bytes(whole[: len(whole) // 2])
    (images_root / "empty.png").touch()
    (images_root / "text.png").write_text("no picture")
    with caplog.at_level(logging.WARNING):
        data = build(Images, images_root)
        splits = data.splits()
    assert sum(len(rows) for rows in splits.values()) == 20
    assert sorted(data.skipped) == ["cut.png", "empty.png", "text.png"]
    assert "3 broken image(s) skipped: cut.png, empty.png, text.png" in caplog.text
    caplog.clear()
    build(Images, images_root).setup()  # from the cache: still said
    assert "3 broken" in caplog.text
    used = data.images("train").cache.read(np.concatenate(list(splits.values())))
    assert used.flatten(1).max(1).values.min() > 0  # none of the black stand-ins


def test_a_set_without_one_readable_image_is_an_error(build: Build, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    for number in range(4):
        (tmp_path / "bad" / f"{number}.png").touch()
    with pytest.raises(UserError, match=r"none of the 4 images .*0\.png: the file is empty"):
        build(Images, tmp_path / "bad").setup()
    assert prepared(tmp_path / "cache") == []


def test_processes_that_prepare_at_once_end_with_one_cache(tmp_path: Path) -> None:
    barrier = threading.Barrier(3)
    results: list[ImageCache] = []
    loaded: list[int] = []

    def load() -> Items:
        loaded.append(1)
        return gray_items()

    def run() -> None:
        barrier.wait()
        results.append(prepare(tmp_path, "fake", 4, {}, load))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert len(loaded) == 1
    assert len(prepared(tmp_path)) == 1


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    first = prepare(tmp_path, "fake", 4, {}, gray_items)
    (first.folder / "images.npy").unlink()
    again = prepare(tmp_path, "fake", 4, {}, gray_items)
    assert again.read(np.array([3])).unique().tolist() == [6]


def test_a_cache_that_cannot_be_written_names_its_key(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"`cache=.*file`: cannot be written .* — "):
        prepare(tmp_path / "file", "fake", 4, {}, gray_items)


def test_a_cache_larger_than_the_disk_is_refused_before_decoding(tmp_path: Path) -> None:
    items = Items(names=range(10**9), read=lambda number: np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(UserError, match=r"need 3000000\.0 GB"):
        prepare(tmp_path, "fake", 1000, {}, lambda: items)


def test_a_pickle_does_not_hold_the_images(tmp_path: Path) -> None:
    cache = prepare(tmp_path, "fake", 64, {}, lambda: gray_items(100))
    cache.read(np.array([0]))
    data = pickle.dumps(cache)
    assert len(data) < 10_000
    assert pickle.loads(data).read(np.array([5])).unique().tolist() == [10]


_TRAIN_ON_IT = """
import sys
from pathlib import Path
import numpy as np
from datamodules.cache.image_cache import ImageCache
from datamodules.streaming.batch_plans import BatchPlan
from datamodules.streaming.train_stream import Cursor, SplitImages, TrainStream
images = SplitImages(ImageCache(Path(sys.argv[1])), np.arange(200_000))
stream = TrainStream(images, BatchPlan(200_000, 96, seed=0, flip=True), Cursor())
for _, batch in zip(range(600), stream):
    assert batch["target"].shape == (96, 3, 128, 128)
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_celeba_needs_less_than_2_gb_of_anonymous_memory(tmp_path: Path) -> None:
    """Batches of 200,000 images at 128 px, 9.8 GB in a sparse file."""
    with (tmp_path / "images.npy").open("wb") as file:
        shape = (200_000, 3, 128, 128)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape)))
    np.savez(tmp_path / "items.npz", valid=np.ones(200_000, bool))
    (tmp_path / "cache.json").write_text(json.dumps({"classes": None, "skipped": []}))
    command = [sys.executable, "-c", _TRAIN_ON_IT, str(tmp_path)]
    root = Path(__file__).parents[3]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 2_000_000  # kB
