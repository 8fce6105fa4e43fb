"""What painted digits are read as, and by whom not: only digits are."""

from pathlib import Path

import torch

from datamodules import Kmnist, Mnist
from impasto.tasks.evaluate.legibility import reading_count
from tests.datamodules.conftest import write_idx_files

SETTINGS = {"canvas_size": 16, "batch_size": 4}


def test_digits_are_read_and_characters_are_not_taken_for_digits(tmp_path: Path) -> None:
    root = write_idx_files(write_idx_files(tmp_path / "both", "MNIST"), "KMNIST")
    settings = {**SETTINGS, "root": str(root), "cache": str(tmp_path / "cache")}
    counts = []
    for kind in (Mnist, Kmnist):  # the same labels, the same pictures
        data = kind(**settings)
        data.setup("test")
        real = torch.stack([torch.as_tensor(one["target"]) for one in data.images("test")]) / 255
        counts.append(reading_count(data))
        if counts[-1] is not None:
            labels = torch.as_tensor(data.labels("test"))
            for part in (slice(0, 3), slice(3, None)):
                counts[-1].add(real[part], labels[part])
    count, not_asked = counts
    assert count is not None
    read = count.shares()
    assert read[0] == read[1]  # of the real ones themselves
    assert not_asked is None
