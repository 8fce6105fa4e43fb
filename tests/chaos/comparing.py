"""Two runs, compared bit for bit."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from impasto.persistence.manifest import read_manifest

# Lightning's own loop counters and version.
_LIGHTNINGS = ("loops", "epoch", "global_step", "pytorch-lightning_version")
_CLOCKS = ("seconds",)
# Of a summary: what no two runs have in common.
_OF_THE_MACHINE = ("seconds", "peak_memory_mb", "git_commit", "device")


class Lost(Exception):
    """A run lost what it had promised, or can't go on."""


def update_of(checkpoint: Path) -> int:
    """How many updates a checkpoint holds.

    Raises:
        Lost: It can't be read.
    """
    return point_of(checkpoint)[0]


def point_of(checkpoint: Path) -> tuple[int, int]:
    """How many updates a checkpoint holds, and how many rollouts.

    A run that is asked to stop may have made one rollout more than it would have by that update.

    Raises:
        Lost: It can't be read.
    """
    impasto = _read(checkpoint)["impasto"]
    return int(impasto["update_count"]), int(impasto["ranks"][0]["state"]["rollout_count"])


def compare_checkpoints(found: Path, expected: Path, but: tuple[str, ...] = ()) -> int:
    """Compare two checkpoints leaf by leaf, with the replays that lie beside them.

    Args:
        found: The one of a run that was disturbed.
        expected: The one of a run that was not.
        but: Keys that are left out wherever they are.

    Returns:
        How many tensors were compared.

    Raises:
        Lost: They differ.
    """
    return _compare(_content(found, but), _content(expected, but), found.name)


def compare_with_one(found: Path, expected: list[Path], but: tuple[str, ...] = ()) -> int:
    """Compare a checkpoint with several, of which one must be equal.

    Raises:
        Lost: None is.
    """
    whys = []
    for path in expected:
        try:
            return compare_checkpoints(found, path, but)
        except Lost as why:
            whys.append(str(why))
    raise Lost("; ".join(whys) or f"there is nothing to compare {found} with")


def compare_runs(found: Path, expected: Path) -> int:
    """Compare what two finished runs left; how many tensors and files were compared.

    Raises:
        Lost: They differ.
    """
    compared = 0
    for name in ("last.ckpt", "best.ckpt"):
        compared += compare_checkpoints(*(run / "checkpoints" / name for run in (found, expected)))
    compared += _compare(_metrics(found), _metrics(expected), "metrics.csv")
    compared += _compare(_summary(found), _summary(expected), "summary.json")
    exported = sorted(path.name for path in (expected / "agent").iterdir())
    if sorted(path.name for path in (found / "agent").iterdir()) != exported:
        raise Lost(f"agent/ holds {sorted(p.name for p in (found / 'agent').iterdir())}")
    for name in [*(f"agent/{name}" for name in exported), "curve.csv"]:
        if (found / name).read_bytes() != (expected / name).read_bytes():
            raise Lost(f"{name} differs")
        compared += 1
    return compared


def leftovers(folder: Path) -> list[str]:
    """Temporary files and folders in a run folder; `.hydra` is none."""
    names = (path.relative_to(folder) for path in folder.rglob(".*"))
    return sorted(str(name) for name in names if name.parts[0] != ".hydra")


def _read(checkpoint: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch makes of it, it is no whole checkpoint
        raise Lost(f"{checkpoint} can't be read: {error}") from error
    return content


def _content(checkpoint: Path, but: tuple[str, ...]) -> dict[str, Any]:
    content = _read(checkpoint)
    named = read_manifest(checkpoint).replay or []
    replays = [load_file(checkpoint.with_name(entry["file"])) for entry in named]
    kept = {key: value for key, value in content.items() if key not in _LIGHTNINGS}
    found = _without({**kept, "replays beside it": replays}, (*_CLOCKS, *but))
    assert isinstance(found, dict)
    return found


def _without(value: Any, keys: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {k: _without(v, keys) for k, v in value.items() if k not in keys}
    if isinstance(value, (list, tuple)):
        return [_without(item, keys) for item in value]
    return value


def _compare(found: Any, expected: Any, where: str) -> int:
    """Compare leaf by leaf; how many tensors were compared."""
    if type(found) is not type(expected):
        raise Lost(f"{where}: {type(found).__name__} where {type(expected).__name__} was expected")
    if isinstance(expected, dict):
        if found.keys() != expected.keys():
            raise Lost(f"{where}: {sorted(map(str, found))}, not {sorted(map(str, expected))}")
        return sum(_compare(found[key], expected[key], f"{where}.{key}") for key in expected)
    if isinstance(expected, list):
        if len(found) != len(expected):
            raise Lost(f"{where}: {len(found)} entries, not {len(expected)}")
        pairs = enumerate(zip(found, expected, strict=True))
        return sum(_compare(a, b, f"{where}[{number}]") for number, (a, b) in pairs)
    if isinstance(expected, Tensor):
        if found.dtype != expected.dtype or not torch.equal(found, expected):
            raise Lost(f"{where}: a tensor differs")
        return 1
    if found != expected and not (found != found and expected != expected):
        raise Lost(f"{where}: {found!r}, not {expected!r}")
    return 0


def _metrics(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: value for key, value in row.items() if key not in _CLOCKS} for row in rows]


def _summary(run: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return {key: value for key, value in summary.items() if key not in _OF_THE_MACHINE}
