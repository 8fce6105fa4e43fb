import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules import ImageDataModule, Photos
from impasto.errors import UserError

Build = Callable[..., ImageDataModule]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_split_is_by_photograph(build: Build, seed: int) -> None:
    data = build(Photos, crops=5, split_seed=seed)
    assert isinstance(data, Photos)
    photos = data.photographs()
    assert len(photos) >= 10
    of = {split: set(rows // 5) for split, rows in data.splits().items()}
    assert not of["train"] & of["val"]
    assert not of["train"] & of["test"]
    assert not of["val"] & of["test"]
    for number, (_, split) in enumerate(photos):
        assert number in of[split]
    assert len({path.name for path, split in photos if split == "test"}) >= 2


def test_crops_are_a_function_of_the_seed_and_their_number(build: Build, tmp_path: Path) -> None:
    def crops(cache: str, **options: object) -> torch.Tensor:
        data = build(Photos, cache=str(tmp_path / cache), **options)
        return data.images("train").cache.read(np.arange(8))

    first = crops("a", crops=4)
    assert torch.equal(first, crops("b", crops=4))
    assert torch.equal(first, crops("c", crops=4, seed=7))
    assert not torch.equal(first, crops("d", crops=4, split_seed=7))
    assert len({crop.numpy().tobytes() for crop in first}) == 8


def test_no_crops_are_an_error(build: Build) -> None:
    with pytest.raises(UserError, match=r"^`crops` is 0 — give a whole number, at least 1"):
        build(Photos, crops=0)
