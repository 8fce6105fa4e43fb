"""Broken files: 1,000 of each kind here, 10,000 with the slow tests; a picture, or one line."""

import json
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import UserError
from impasto.io.decoding import decode_image, decode_picture
from impasto.io.images import LARGEST
from impasto.io.record import StrokeRecord, read_record, write_record
from impasto.runtime import memory
from impasto.runtime.memory import MemoryPeak
from impasto.strokes import Stroke
from tests.impasto.strokes.kinds import KINDS
from tests.properties.mutations import broken_files, broken_records

FEW, MANY = 1_000, 10_000
SECONDS = 20  # for one file: far more than any takes, and less than for ever
ROOM = 200e6  # bytes of memory that the loader believes to be free
MOST = 400.0  # megabytes that reading may take beyond what the process has
COUNTS = [
    pytest.param(FEW, id="few"),
    pytest.param(MANY, id="many", marks=pytest.mark.slow),
]


def pictures() -> list[bytes]:
    """Small valid files of many formats and modes."""
    rng = np.random.default_rng(0)
    color = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    layer = Image.fromarray(rng.integers(0, 256, (9, 12, 4), dtype=np.uint8))
    deep = Image.fromarray(rng.integers(0, 65536, (9, 12), dtype=np.uint16))
    turned = Image.Exif()
    turned[0x0112] = 6
    options: list[tuple[Image.Image, str, dict[str, object]]] = [
        (color, "PNG", {}),
        (layer, "PNG", {}),
        (deep, "PNG", {}),
        (color.quantize(8), "PNG", {"transparency": 0}),
        (color.convert("1"), "PNG", {}),
        (color, "JPEG", {"exif": turned}),
        (color, "JPEG", {"progressive": True}),
        (color.convert("CMYK"), "JPEG", {}),
        (color, "BMP", {}),
        (color.quantize(8), "BMP", {}),
        (color, "GIF", {"save_all": True, "append_images": [color]}),
        (color, "PPM", {}),
        (color, "TGA", {"compression": "tga_rle"}),
        (layer, "TIFF", {"compression": "tiff_lzw"}),
        (deep, "TIFF", {}),
        (color, "TIFF", {"compression": "jpeg"}),
        (color, "WEBP", {}),
        (layer, "WEBP", {"lossless": True}),
        (color, "JPEG2000", {}),
        (layer, "ICO", {"sizes": [(12, 9)]}),
        (color.convert("L"), "PCX", {}),
        (color, "SGI", {}),
        (layer, "QOI", {}),
    ]
    files = []
    for picture, name, more in options:
        buffer = BytesIO()
        picture.save(buffer, name, **more)
        files.append(buffer.getvalue())
    return files


def records(folder: Path) -> list[bytes]:
    """A record of every kind, with a few strokes."""
    files = []
    for kind in KINDS:
        strokes = torch.rand(3, kind.dim, generator=torch.Generator().manual_seed(1))
        write_record(folder / "seed.json", _record(kind, strokes))
        files.append((folder / "seed.json").read_bytes())
    return files


def _record(kind: Stroke, strokes: torch.Tensor) -> StrokeRecord:
    return StrokeRecord(kind, strokes, 24, 16, (0.5, 0.5, 0.5))


@contextmanager
def bounded(monkeypatch: pytest.MonkeyPatch, most: float = MOST) -> Iterator[None]:
    """No file may take for ever, nor more memory than there is."""

    def stop(number: int, frame: object) -> None:
        pytest.fail(f"a file took more than {SECONDS} seconds")

    monkeypatch.setattr(memory, "available_bytes", lambda: ROOM)
    before = signal.signal(signal.SIGALRM, stop)
    with MemoryPeak(0.02) as peak:
        start = peak.megabytes
        try:
            yield
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
    assert peak.megabytes - start < most


def refusals(read: Callable[[bytes], object], files: Iterable[bytes]) -> tuple[int, int]:
    """How many files were read, and how many refused; anything else is a failure."""
    well = refused = 0
    for data in files:
        signal.alarm(SECONDS)
        refusal = None
        try:
            read(data)
        except UserError as error:
            refusal = str(error)
        except Exception as error:
            error.add_note(f"the file: {data!r}")
            raise
        well, refused = well + (refusal is None), refused + (refusal is not None)
        assert refusal is None or ("\n" not in refusal and " — " in refusal)
    return well, refused


@pytest.mark.parametrize("count", COUNTS)
def test_broken_pictures(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = pictures()
    assert refusals(lambda data: decode_picture(data, "a"), seeds) == (len(seeds), 0)

    def read(data: bytes) -> None:
        for decode in (decode_picture, decode_image):
            picture = decode(data, "a.png")
            assert picture.dtype == np.uint8
            assert picture.ndim == 3

    with bounded(monkeypatch):
        well, refused = refusals(read, broken_files(seeds, count, seed=1))
    assert min(well, refused) > count / 20  # broken, but not beyond recognition


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("by", ["bytes", "structure"])
def test_broken_stroke_records(
    by: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds, path = records(tmp_path), tmp_path / "strokes.json"

    def read(data: bytes) -> None:
        path.write_bytes(data)
        record = read_record(path)
        assert record.strokes.shape[1] == record.stroke.dim
        assert record.strokes.isfinite().all()
        assert 1 <= record.width <= LARGEST
        assert 1 <= record.height <= LARGEST

    half = count // 2
    documents = [json.loads(one) for one in seeds]
    files = (
        broken_files(seeds, half, seed=2)
        if by == "bytes"
        else broken_records(documents, half, seed=3)
    )
    with bounded(monkeypatch):
        well, refused = refusals(read, files)
    assert min(well, refused) > half / 100
