"""Files of many pictures, as the hub has them."""

import io
import tarfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import datasets
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules import ImageDataModule

# Training pictures in four files.
SHARD_COUNTS = (17, 9, 23, 31)


def png(number: int) -> bytes:
    """A picture of random pixels."""
    pixels = np.random.default_rng(number).integers(0, 256, (18, 20, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_parquet(path: Path, pictures: Sequence[bytes], labels: Sequence[int]) -> None:
    """Write groups of four pictures."""
    features = datasets.Features(
        image=datasets.Image(), label=datasets.ClassLabel(names=["cat", "dog"])
    )
    rows = {
        "image": [{"bytes": data, "path": None} for data in pictures],
        "label": list(labels),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path, batch_size=4)


def write_tar(path: Path, pictures: Sequence[bytes], labels: Sequence[int]) -> None:
    """Write a WebDataset file, in which a picture and its label follow each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
            for suffix, data in (("cls", str(label).encode()), ("png", picture)):
                member = tarfile.TarInfo(f"{number:05d}.{suffix}")
                member.size = len(data)
                file.addfile(member, io.BytesIO(data))


KINDS = {
    "parquet": (write_parquet, "data/{split}-{shard:05d}-of-00005.parquet"),
    "tar": (write_tar, "{split}-{shard:05d}.tar"),
}


def write_shards(root: Path, kind: str, counts: Sequence[int], split: str = "train") -> list[Path]:
    """Write files of so many pictures each; a picture's label is its number modulo 2."""
    write, name = KINDS[kind]
    paths, start = [], 0
    for shard, count in enumerate(counts):
        numbers = range(start, start + count)
        path = root / name.format(split=split, shard=shard)
        write(path, [png(number) for number in numbers], [number % 2 for number in numbers])
        paths.append(path)
        start += count
    return paths


def batches(data: ImageDataModule, count: int) -> list[dict[str, Tensor]]:
    """The next training batches."""
    return list(islice(iter(data.train_dataloader()), count))


def same(some: list[dict[str, Tensor]], others: list[dict[str, Tensor]]) -> bool:
    """Whether batches are equal, bit for bit."""
    pairs = list(zip(some, others, strict=True))
    assert all(set(one) == set(other) for one, other in pairs)
    return all(torch.equal(one[key], other[key]) for one, other in pairs for key in one)
