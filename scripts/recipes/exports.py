"""Export of trained agents: 16 bits, with a card and figures, in small files."""

import io
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from datamodules import CelebA, ImageDataModule, ImageNet
from impasto.errors import UserError
from impasto.persistence.atomic import atomic_write
from impasto.tasks.publish.publish import publish

VOLUME = 16 * 2**20
"""Bytes that no file is larger than."""
VOLUMES = 3
"""Files that an agent has at most: with two agents, their figures and the report there are 8."""

_DATA: dict[str, type[ImageDataModule]] = {"celeba": CelebA, "imagenet": ImageNet}
_RESULTS = (
    "summary.json",
    "metrics.csv",
    "learning.png",
    "validation.png",
    "paintings.png",
    "curve.csv",
    "curve.png",
    "strokes.png",
)


def export_agent(name: str, run: Path, shelf: Path, updates: int, whole: int) -> Path:
    """Publish a run's agent in 16 bits, with a card that says what it is, and its data's terms.

    Args:
        name: Of the data set, and so of the agent.
        run: A finished run of task=train.
        shelf: The folder for exports.
        updates: How many it made.
        whole: How many the recipe has.

    Returns:
        The exported folder.
    """
    shelf.mkdir(parents=True, exist_ok=True)
    data = _DATA[name](canvas_size=16, batch_size=1, root=str(run))  # for its name and terms alone
    command = f"make gpu-recipes DATA=FOLDER STAGES='renderer {name}'"
    if updates < whole:
        command += f"   # stopped after {updates:,} of the recipe's {whole:,} updates"
    publish(str(run), name, data, shelf=shelf, command=command)
    return shelf / name


def pack(out: Path, name: str, folder: Path) -> list[Path]:
    """Put a folder's files into as few tar files as hold them, none larger than a volume.

    Each can be unpacked on its own: ``for f in NAME.*.tar; do tar xf $f; done``. Those of an
    earlier, larger export are removed.

    Args:
        out: Where the tar files go: NAME.1.tar and so on.
        name: Their name, and that of the folder in them.
        folder: What to pack; it has no folders in it.

    Raises:
        UserError: One file alone is too large, or there are too many of them.
    """
    for old in out.glob(f"{name}.*.tar"):
        old.unlink()
    volumes: list[list[Path]] = []
    for file in sorted(folder.iterdir(), key=lambda path: -path.stat().st_size):
        fits = (volume for volume in volumes if _bytes([*volume, file]) <= VOLUME)
        volume = next(fits, None)
        if volume is None:
            if _bytes([file]) > VOLUME:
                raise UserError(f"{file} is larger than {VOLUME:,} bytes", "leave it out")
            volumes.append(volume := [])
        volume.append(file)
    if len(volumes) > VOLUMES:
        what = f"{folder} takes {len(volumes)} files of {VOLUME:,} bytes, above {VOLUMES}"
        raise UserError(what, "take a smaller actor")
    packed = []
    for number, volume in enumerate(volumes, start=1):
        packed.append(out / f"{name}.{number}.tar")
        _write_tar(packed[-1], [(f"{name}/{file.name}", file) for file in volume])
    return packed


def pack_results(out: Path, folders: Iterable[tuple[str, Path]]) -> Path:
    """Put what runs measured and painted into one tar file; whichever of it there is.

    If that would be too large, pictures stay behind, the largest first.
    """
    files = [
        (f"{name}/{file}", folder / file)
        for name, folder in folders
        for file in _RESULTS
        if (folder / file).exists()
    ]
    while _bytes([file for _, file in files]) > VOLUME:
        files.remove(max(files, key=lambda pair: pair[1].stat().st_size))
    _write_tar(out / "figures.tar", files)
    return out / "figures.tar"


def _bytes(files: Sequence[Path]) -> int:
    """Size of a tar file in bytes: blocks of 512, a header each, and padding."""
    blocks = sum(512 + -(-file.stat().st_size // 512) * 512 for file in files)
    return blocks + tarfile.RECORDSIZE


def _write_tar(path: Path, files: Sequence[tuple[str, Path]]) -> None:
    """Write files under their names; without owners or times, so that equal ones are equal."""
    with atomic_write(path) as temporary, tarfile.open(temporary, "w") as tar:
        for name, file in files:
            content = file.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
