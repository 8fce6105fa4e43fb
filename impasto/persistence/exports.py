"""Exported folders: weights that can be loaded without running code from the file.

A folder holds ``config.yaml`` (what to build, its measurements) and ``weights.safetensors``, in
shards under 15 MB with the usual index where it would be larger. Where a ``SHA256SUMS`` lies
beside them, as `sha256sum` writes it, what is read is verified by it.
"""

import json
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from impasto.errors import UserError, brief
from impasto.io.files import WEIGHTS, check_file, read_json, read_yaml
from impasto.persistence.atomic import atomic_folder
from impasto.persistence.checksums import verify_checksums, write_checksums
from impasto.persistence.description import build, no_larger_than

CONFIG = "config.yaml"
_WEIGHTS = "weights.safetensors"
_INDEX = "weights.safetensors.index.json"
_SHARD_BYTES = 14_000_000  # leaves room for headers under 15 MB
_PIECE = "#"  # a tensor that is larger than a shard is cut into rows: name#0, name#1, …
# What the readers of YAML, JSON and safetensors raise on what is damaged, or shaped otherwise.
_UNREADABLE = (
    OSError,
    SafetensorError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
)


def write_export(
    folder: Path,
    config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype | None = None,
    files: Mapping[str, str] | None = None,
) -> None:
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
    with atomic_folder(folder) as temporary:
        _write_folder(temporary, config, tensors, files)
        for path in temporary.iterdir():
            path.chmod(0o644)  # safetensors' files are for the owner alone
        temporary.chmod(0o755)


def _write_folder(
    folder: Path,
    config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    files: Mapping[str, str] | None,
) -> None:
    (folder / CONFIG).write_text(yaml.safe_dump(dict(config), sort_keys=False))
    shards = _shards({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
    if len(shards) == 1:
        save_file(shards[0], folder / _WEIGHTS)
    else:
        _write_shards(folder, shards)
    if files is not None:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        write_checksums(folder, exported_files(folder))


def read_export(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what `write_export` wrote.

    Raises:
        UserError: It is missing, cut off, not an exported folder, or not what its checksums say.
    """
    try:
        verify_checksums(folder, exported_files(folder))
        config = read_yaml(folder / CONFIG)
        index = folder / _INDEX
        names = [_WEIGHTS]
        if os.path.lexists(index):  # a link to nothing is damage
            from impasto.persistence.schemas import Index

            content = read_json(index)
            _check(Index, content, index)
            names = sorted(set(content["weight_map"].values()))
        pieces: dict[str, Tensor] = {}
        for name in names:
            check_file(folder / name, WEIGHTS)
            pieces |= load_file(folder / name)
        tensors = _joined(pieces)
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
    return config, tensors


def check_config(config: Mapping[str, Any], folder: Path, kind: str, todo: str) -> None:
    """Check that an exported folder is of a kind, and that its config has all that this needs.

    Args:
        config: What `read_export` read.
        folder: Where.
        kind: ``agent``, ``renderer`` or ``classifier``.
        todo: What to do if it is of another one.

    Raises:
        UserError: It is of another kind, or a key is missing, of another type or out of bounds.
    """
    from impasto.persistence.schemas import OF_KIND

    found = config.get("kind", "thing of no kind")
    if found != kind:
        shown = found if isinstance(found, str) else brief(found)
        holds, wanted = (f"an {name}" if name[:1] == "a" else f"a {name}" for name in (shown, kind))
        raise UserError(f"{folder} holds {holds}, not {wanted}", todo)
    _check(OF_KIND[kind], config, folder / CONFIG)


def _check(schema: Any, content: object, path: Path) -> None:
    from impasto.persistence.schemas import fault

    if wrong := fault(schema, content):
        raise UserError(f"{path}: {wrong[0]}", f"export it again: {wrong[1]}")


def exported_files(folder: Path) -> set[str]:
    """Return the files of an exported folder that are read."""
    names = {path.name for path in folder.glob("*.safetensors")}
    return names | {name for name in (CONFIG, _INDEX) if (folder / name).exists()}


def _rounded(name: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """Convert a tensor to a dtype, if it holds floating-point numbers."""
    if dtype is None or not tensor.is_floating_point():
        return tensor
    rounded = tensor.to(dtype)
    if not torch.equal(rounded.isfinite(), tensor.isfinite()):
        raise ValueError(f"{name} has numbers that are too large for {dtype}")
    return rounded


def build_part(
    config: Mapping[str, Any], key: str, folder: Path, tensors: Mapping[str, Tensor], kind: type
) -> Any:
    """Build the object that an exported config describes under a key; see `build`.

    Args:
        config: What `read_export` read, and `check_config` checked.
        key: Which part of it.
        folder: Where it lies, for errors.
        tensors: The weights; a network has no more numbers than they.
        kind: What the object has to be.

    Raises:
        UserError: See `build`; or it is of another class.
    """
    name = f"{folder / CONFIG}: {key}"
    with no_larger_than(tensors):
        part = build(config[key], name)
    if not isinstance(part, kind):
        raise UserError(f"{name} is no {kind.__name__}", "use a folder that this project exported")
    return part


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Load weights into a module that was built for them.

    Raises:
        UserError: They are of another module, or a number of theirs is not finite.
    """
    todo = "use the config they came with"
    try:
        module.load_state_dict(dict(tensors))
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        reason = textwrap.shorten(reason, 200, placeholder=" …")
        raise UserError(f"the weights in {folder} do not fit ({reason})", todo) from error
    for name, tensor in module.state_dict().items():
        if not bool(tensor.isfinite().all()):
            what = f"the weights in {folder} hold numbers in {name} that are not finite"
            raise UserError(what, "get the folder again, or export it again")


def _shards(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Group tensors into shards, large ones cut into pieces along their rows."""
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
