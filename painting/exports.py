"""Exported folders: weights that anyone can load, without running code from the file.

A folder holds ``config.yaml`` (what to build, its measurements) and ``weights.safetensors``, in
shards under 15 MB with the usual index where it would be larger. Where a ``SHA256SUMS`` lies
beside them, as `sha256sum` writes it, what is read is verified by it.
"""

import importlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from painting.checksums import verify_checksums, write_checksums
from painting.errors import UserError
from painting.files import WEIGHTS, check_file, read_json, read_yaml
from painting.temporary import named_errors, temporary_name

CONFIG = "config.yaml"
_WEIGHTS = "weights.safetensors"
_INDEX = "weights.safetensors.index.json"
_SHARD_BYTES = 14_000_000  # leaves room for headers under 15 MB
_PIECE = "#"  # a tensor that is larger than a shard is cut into rows: name#0, name#1, …
_PACKAGE = "painting."
# What the readers of YAML, JSON and safetensors raise on what is damaged, or shaped otherwise.
_UNREADABLE = (
    OSError, SafetensorError, yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError,
    RecursionError,
)  # fmt: skip


@runtime_checkable
class Describable(Protocol):
    """Anything that can say how it was built."""

    def config(self) -> dict[str, Any]:
        """Constructor arguments, plain or describable."""


def describe(thing: Describable) -> dict[str, Any]:
    """How to build `thing` again, as a plain dictionary: ``_target_`` and its arguments."""
    kind = type(thing)
    arguments = {
        key: describe(value) if hasattr(value, "config") else value
        for key, value in thing.config().items()
    }
    return {"_target_": f"{kind.__module__}.{kind.__qualname__}", **arguments}


def build(node: Mapping[str, Any]) -> Any:
    """Build what `describe` described. Only classes of this package are ever called.

    Raises:
        UserError: The description names something else, or arguments that do not fit.
    """
    target = str(node.get("_target_", ""))
    if not target.startswith(_PACKAGE):
        raise UserError(
            f"the exported config names {target or 'nothing'!r}, which is not of {_PACKAGE[:-1]}",
            "use a folder that this project exported",
        )
    module, _, name = target.rpartition(".")
    arguments = {
        key: build(value) if isinstance(value, Mapping) and "_target_" in value else value
        for key, value in node.items()
        if key != "_target_"
    }
    try:
        kind = getattr(importlib.import_module(module), name)
        if not isinstance(kind, type) or not kind.__module__.startswith(_PACKAGE):
            raise TypeError(f"{target} is not a class of {_PACKAGE[:-1]}")
        return getattr(kind, "from_options", kind)(**arguments)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise UserError(
            f"the exported config can't be built ({error})", "export it again with this version"
        ) from error


def write_export(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor],
    dtype: torch.dtype | None = None, files: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write an exported folder, whole or not at all; an older one of the same name is replaced.

    Args:
        folder: Where; its parent exists.
        config: Plain values.
        tensors: By name; saved on the CPU.
        dtype: What floating-point numbers are rounded to, such as `torch.float16`; their own by
            default. Modules that load them have their own again.
        files: Texts to write beside them by name; then ``SHA256SUMS`` of weights and config, too.

    Raises:
        ValueError: A number does not fit the dtype.
        OSError: The disk is full; the error names ``folder``.
    """
    tensors = {key: _rounded(key, value, dtype) for key, value in tensors.items()}
    temporary, old = temporary_name(folder), temporary_name(folder)
    try:
        with named_errors(folder):
            temporary.mkdir()
            _write_folder(temporary, config, tensors, files)
            for path in temporary.iterdir():
                path.chmod(0o644)  # safetensors' files are for the owner alone
            temporary.chmod(0o755)
            if folder.exists():
                folder.rename(old)  # at once, as removing it is not
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _write_folder(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor],
    files: Mapping[str, str] | None,
) -> None:  # fmt: skip
    (folder / CONFIG).write_text(yaml.safe_dump(dict(config), sort_keys=False))
    shards = _shards({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
    if len(shards) == 1:
        save_file(shards[0], folder / _WEIGHTS)
    else:
        _write_shards(folder, shards)
    if files is not None:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        write_checksums(folder, _names(folder))


def read_export(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `write_export` wrote.

    Raises:
        UserError: It is missing, cut off, not an exported folder, or not what its checksums say.
    """
    try:
        verify_checksums(folder, _names(folder))
        config = read_yaml(folder / CONFIG)
        index = folder / _INDEX
        if os.path.lexists(index):  # a link to nothing is damage
            names = sorted(set(read_json(index)["weight_map"].values()))
            if any(name != Path(name).name or name == ".." for name in names):
                raise ValueError(f"{_INDEX} names files elsewhere")
        else:
            names = [_WEIGHTS]
        pieces: dict[str, Tensor] = {}
        for name in names:
            check_file(folder / name, WEIGHTS)
            pieces |= load_file(folder / name)
    except UserError:  # which is a ValueError, too
        raise
    except FileNotFoundError as error:
        raise UserError(
            f"{error.filename or folder} does not exist", "give a folder that a run exported"
        ) from error
    except _UNREADABLE as error:
        raise UserError(
            f"{folder} can't be read as exported weights ({error})", "export it again"
        ) from error
    if not isinstance(config, dict):
        raise UserError(f"{folder / CONFIG} is not an exported config", "export it again")
    return config, _joined(pieces)


def _names(folder: Path) -> set[str]:
    """The files of an exported folder that are read."""
    names = {path.name for path in folder.glob("*.safetensors")}
    return names | {name for name in (CONFIG, _INDEX) if (folder / name).exists()}


def _rounded(name: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """A tensor in a dtype, if it holds floating-point numbers."""
    if dtype is None or not tensor.is_floating_point():
        return tensor
    rounded = tensor.to(dtype)
    if not torch.equal(rounded.isfinite(), tensor.isfinite()):
        raise ValueError(f"{name} has numbers that are too large for {dtype}")
    return rounded


def check_keys(config: Mapping[str, Any], folder: Path, *keys: str) -> None:
    """Check that a config was not cut off.

    Raises:
        UserError: A key is missing.
    """
    missing = [key for key in keys if key not in config]
    if missing:
        raise UserError(f"{folder / CONFIG} lacks {', '.join(missing)}", "export it again")


def load_weights(module: torch.nn.Module, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Load weights into a module that was built for them.

    Raises:
        UserError: They are of another module.
    """
    try:
        module.load_state_dict(dict(tensors))
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise UserError(
            f"the weights in {folder} do not fit ({reason})", "use the config they came with"
        ) from error


def _shards(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Tensors in groups of at most a shard each, large ones cut into pieces along their rows."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        bytes_ = tensor.numel() * tensor.element_size()
        count = -(-bytes_ // _SHARD_BYTES)
        pieces = {name: tensor}
        if count > 1:
            cut = tensor.tensor_split(count)
            pieces = {f"{name}{_PIECE}{i}": p.contiguous() for i, p in enumerate(cut)}
        for key, piece in pieces.items():
            piece_bytes = piece.numel() * piece.element_size()
            if shards[-1] and size + piece_bytes > _SHARD_BYTES:
                shards.append({})
                size = 0
            shards[-1][key] = piece
            size += piece_bytes
    return shards


def _write_shards(folder: Path, shards: list[dict[str, Tensor]]) -> None:
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        name = f"weights-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file(shard, folder / name)
        weight_map |= dict.fromkeys(shard, name)
    total = sum(t.numel() * t.element_size() for shard in shards for t in shard.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / _INDEX).write_text(json.dumps(index, indent=2))


def _joined(pieces: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo the cutting of large tensors."""
    rows: dict[str, dict[int, Tensor]] = {}
    tensors = {}
    for key, piece in pieces.items():
        name, cut, number = key.partition(_PIECE)
        if cut:
            rows.setdefault(name, {})[int(number)] = piece
        else:
            tensors[name] = piece
    for name, parts in rows.items():
        tensors[name] = torch.cat([parts[number] for number in sorted(parts)])
    return tensors
