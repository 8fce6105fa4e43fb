"""Files of replays: written and read in pieces, so that a replay is in memory only once.

The layout is that of safetensors (eight bytes with the length of a JSON header, the header, the
tensors' bytes), which can be streamed; the library's own writer wants all of it in memory.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from impasto.errors import UserError
from impasto.io.files import check_file
from impasto.persistence.atomic import durable_write
from impasto.rl.replay.buffer import Layout

PIECE_BYTES = 16 << 20
_CODES = {
    torch.uint8: "U8",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.bool: "BOOL",
}
_DTYPES = {code: dtype for dtype, code in _CODES.items()}


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> dict[str, str]:
    """Write tensors to a file whose name ends with the beginning of its checksum.

    So a file is never overwritten by another content, and a checkpoint that names it keeps it.

    Args:
        tensors: Contiguous, on any device.
        path: The name without the checksum.

    Returns:
        ``file``, its name, and ``sha256``.

    Raises:
        UserError: The folder can't be written, or the disk is full.
    """
    # The widest types first, as readers want each to begin at a multiple of its own width.
    ordered = dict(sorted(tensors.items(), key=lambda item: -item[1].element_size()))
    with durable_write(path) as draft:
        digest = hashlib.sha256()

        def write(content: bytes | memoryview) -> None:
            digest.update(content)
            draft.file.write(content)

        write(_header(ordered))
        for tensor in ordered.values():
            for piece in _pieces(tensor):
                write(piece.flatten().view(torch.uint8).cpu().numpy().data)
        sha256 = digest.hexdigest()
        draft.path = path.with_name(f"{path.stem}-{sha256[:8]}{path.suffix}")
    return {"file": draft.path.name, "sha256": sha256}


def load_tensors(path: Path, claim: Callable[[Layout], Mapping[str, Tensor]]) -> None:
    """Read tensors from a file to where they belong.

    Args:
        path: A file of safetensors.
        claim: Gives the places for what the file holds, of these shapes and types.

    Raises:
        UserError: It is no such file.
    """
    try:
        check_file(path)
        with safe_open(path, "pt") as file:
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            layout = {
                name: (tuple(part.get_shape()), _DTYPES[part.get_dtype()])
                for name, part in parts.items()
            }
            for name, place in claim(layout).items():
                start = 0
                for piece in _pieces(place):
                    piece.copy_(parts[name][start : start + len(piece)])
                    start += len(piece)
    except (OSError, KeyError, SafetensorError) as error:
        raise UserError(f"{path} is no replay ({error})", "resume from another one") from error


def _header(tensors: Mapping[str, Tensor]) -> bytes:
    header, end = {}, 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.numel() * tensor.element_size()
        shape, code = list(tensor.shape), _CODES[tensor.dtype]
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the data begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text


def _pieces(tensor: Tensor) -> Iterator[Tensor]:
    """Yield views of some rows each, of at most `PIECE_BYTES` or one row."""
    if tensor.numel():
        row = tensor[0].numel() * tensor.element_size()
        rows = max(1, PIECE_BYTES // row)
        for start in range(0, len(tensor), rows):
            yield tensor[start : start + rows]
