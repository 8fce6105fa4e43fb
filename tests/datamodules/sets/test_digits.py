import socket
from collections.abc import Callable

import numpy as np
import pytest

from datamodules import Digits, ImageDataModule
from datamodules.streaming.train_stream import SplitImages

Build = Callable[..., ImageDataModule]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_the_whole_set_needs_no_file_and_no_network(build: Build) -> None:
    splits = build(Digits).splits()
    assert [len(splits[name]) for name in ("train", "val", "test")] == [1294, 144, 359]


def test_images_are_white_on_black_over_the_whole_range(build: Build) -> None:
    data = build(Digits, canvas_size=8)  # at the original size nothing is resized
    assert isinstance(data, Digits)
    for split in ("train", "test"):
        images: SplitImages = data.images(split)
        batch = images.__getitems__(range(len(images)))
        raw, labels = data.raw(split)
        assert raw.shape == (len(images), 8, 8)
        expected = np.rint(raw * 255 / 16).astype(np.uint8)
        assert np.array_equal(batch["target"].numpy(), np.repeat(expected[:, None], 3, axis=1))
        assert batch["target"].max() == 255
        assert batch["label"].tolist() == labels.tolist() == data.labels(split).tolist()
    assert data.classes == [str(digit) for digit in range(10)]


def test_raw_digits_can_be_told_apart_across_the_splits(build: Build) -> None:
    from sklearn.svm import SVC

    data = build(Digits)
    assert isinstance(data, Digits)
    (images, labels), (held_out, truth) = data.raw("train"), data.raw("test")
    classifier = SVC().fit(images.reshape(-1, 64), labels)
    assert classifier.score(held_out.reshape(-1, 64), truth) > 0.97
