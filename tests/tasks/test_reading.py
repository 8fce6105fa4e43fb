"""What painted digits are read as, and by whom not: only digits are."""

from pathlib import Path

import torch

from datamodules import Kmnist, Mnist
from tasks.reading import share_read
from tests.datamodules.conftest import write_idx_files

SETTINGS = {"canvas_size": 16, "batch_size": 4}


def test_digits_are_read_and_characters_are_not_taken_for_digits(tmp_path: Path) -> None:
    root = write_idx_files(write_idx_files(tmp_path / "both", "MNIST"), "KMNIST")
    settings = {**SETTINGS, "root": str(root), "cache": str(tmp_path / "cache")}
    shares = []
    for kind in (Mnist, Kmnist):  # the same labels, the same pictures
        data = kind(**settings)
        data.setup("test")
        real = torch.stack([torch.as_tensor(one["target"]) for one in data.images("test")]) / 255
        shares.append(share_read(data, real))
    read, not_asked = shares
    assert read is not None
    assert read[0] == read[1]  # of the real ones themselves
    assert not_asked is None
