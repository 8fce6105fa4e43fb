"""A replay's file: readable by others, and in memory only once."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from impasto.errors import UserError
from impasto.rl.replay import PrioritizedReplay, ReplayBuffer, files
from impasto.rl.replay.files import load_tensors, save_tensors
from tests.impasto.rl.replay.restoring import restore

TYPES = [
    torch.uint8,
    torch.bool,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.int64,
    torch.float64,
    torch.int32,
]


def some(dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def filled(replay: ReplayBuffer, count: int = 5) -> ReplayBuffer:
    generator = torch.Generator().manual_seed(0)
    target, canvas = torch.rand(count, 3, 8, 8), torch.rand(count, 3, 3, 8, 8)
    replay.add(target, canvas, torch.rand(count, 2, 5, generator=generator))
    return replay


@pytest.mark.parametrize("piece_bytes", [1, 50, 1 << 20])
def test_others_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", piece_bytes)
    tensors = {str(dtype): some(dtype, 7, 3) for dtype in TYPES}  # of odd lengths, narrow first
    entry = save_tensors(tensors, tmp_path / "replay-5-0.safetensors")
    path = tmp_path / entry["file"]
    assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f"replay-5-0-{entry['sha256'][:8]}.safetensors"
    read = load_file(path)
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)
    places = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    load_tensors(path, lambda layout: places)
    assert all(torch.equal(places[name], tensor) for name, tensor in tensors.items())


def test_only_what_is_held_is_saved(tmp_path: Path) -> None:
    replay, other = filled(PrioritizedReplay(100)), PrioritizedReplay(100)
    path = restore(replay, other, tmp_path)
    with safe_open(path, "pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    assert shapes == {
        "target": [5, 3, 8, 8],
        "canvas": [5, 3, 3, 8, 8],
        "action": [5, 2, 5],
        "priority": [10],
    }
    assert other.episodes == 100
    assert torch.equal(other.probabilities(), replay.probabilities())


class Allocations(TorchDispatchMode):
    """The largest new memory that an operation of torch returns."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {arg.untyped_storage().data_ptr() for arg in args if isinstance(arg, Tensor)}
        if isinstance(result, Tensor) and result.untyped_storage().data_ptr() not in given:
            self.largest = max(self.largest, result.untyped_storage().nbytes())
        return result


def test_no_second_copy_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", 4000)
    tensor = some(torch.float32, 500, 100)  # 200 kB
    with Allocations() as seen:
        entry = save_tensors({"a": tensor}, tmp_path / "replay.safetensors")
    assert seen.largest == 0  # on a CPU pieces are views
    place = torch.zeros_like(tensor)
    with Allocations() as seen:
        load_tensors(tmp_path / entry["file"], lambda layout: {"a": place})
    assert seen.largest <= 4000
    with Allocations() as seen:  # the measure itself sees a copy
        tensor.clone()
    assert seen.largest == 200_000


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0{}x"])
def test_what_is_no_replay(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "replay.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"replay\.safetensors is no replay"):
        load_tensors(path, lambda layout: {})
