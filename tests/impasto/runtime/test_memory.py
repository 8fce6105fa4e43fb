"""What there is no memory for is refused before it is begun."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from impasto.errors import UserError
from impasto.io.images import read_picture
from impasto.io.record import StrokeRecord, write_record
from impasto.painters import OptimizePainter
from impasto.runtime import memory
from impasto.runtime.memory import MemoryPeak
from impasto.strokes import Circle
from impasto.tasks.paint import paint
from impasto.tasks.render import render


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """One gigabyte."""
    monkeypatch.setattr(memory, "available_bytes", lambda: 1e9)


def test_the_size_that_fits_does_fit(little_memory: None) -> None:
    memory.check_drawing(9_000, 10_000)  # 0.9 GB, which is what a program is left
    line = r"12000 x 9000 pixels needs about 1\.1 GB of memory, and 1\.0 GB are free — .*size=10954"
    with pytest.raises(UserError, match=line):
        memory.check_drawing(9_000, 12_000)
    memory.check_drawing(round(10_954 * 3 / 4), 10_954)
    with pytest.raises(UserError, match="size="):
        memory.check_drawing(round(10_990 * 3 / 4), 10_990)
    with pytest.raises(UserError, match=r"x\.png: reading .*10\.0 GB.* to 7500 pixels"):
        memory.check_reading("x.png", 25_000, 20_000)
    with pytest.raises(UserError, match=r"`work_size=387` or less"):
        memory.check_finding(512, 512, by_loops=False)
    memory.check_finding(387, 387, by_loops=False)
    with pytest.raises(UserError, match=r"`work_size=1897` or less"):
        memory.check_finding(2000, 2000, by_loops=True)
    memory.check_finding(1897, 1897, by_loops=True)


def test_what_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1e8 < memory.available_bytes() < 1e14
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:   5000 kB\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUPS", ((tmp_path, "max", "current", "inactive_file"),))
    assert memory.available_bytes() == 5000 * 1024
    (tmp_path / "max").write_text("1000000\n")
    (tmp_path / "current").write_text("800000\n")
    (tmp_path / "memory.stat").write_text("anon 3\ninactive_file 300000\nslab 7\n")
    assert memory.available_bytes() == 500_000
    (tmp_path / "max").write_text("max\n")
    assert memory.available_bytes() == 5000 * 1024
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")  # as on macOS
    assert 1e8 < memory.available_bytes() < 1e14


def test_nothing_is_begun(
    little_memory: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "a.png")
    painter = OptimizePainter(Circle(), 2, work_size=32, steps=1, tries=2)
    with pytest.raises(UserError, match=r"20000 x 15000 pixels needs about 3\.0 GB"):
        paint(painter, tmp_path / "a.png", tmp_path / "run", size=20_000)
    record = StrokeRecord(Circle(), torch.rand(3, 7), 400, 300, None)
    write_record(tmp_path / "strokes.json", record)
    with pytest.raises(UserError, match=r"20000 x 15000 pixels needs about 3\.0 GB"):
        render(tmp_path / "strokes.json", tmp_path / "run", size=20_000)
    monkeypatch.setattr(memory, "_LITTLE", 1)
    monkeypatch.setattr(memory, "available_bytes", lambda: 2e6)
    with pytest.raises(UserError, match=r"a\.png: reading 400 x 300"):
        paint(painter, tmp_path / "a.png", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_more_strokes_than_there_is_memory_for(little_memory: None) -> None:
    picture = np.zeros((16, 16, 3), np.uint8)
    line = r"^`strokes=1000000000` needs about 280\.0 GB .* — give `strokes=3214285` or less$"
    for asked in ({"quality": None}, {"quality": "sketch"}, {"seconds": 1.0}):
        with pytest.raises(UserError, match=line):
            impasto.paint(picture, strokes=10**9, stroke="circle", **asked)


def test_more_pixels_than_pillow_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (40, 50)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_500)  # beyond it Pillow warns
    assert read_picture(tmp_path / "a.png").shape == (50, 40, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)  # beyond twice that it refuses
    with pytest.raises(UserError, match=r"a\.png: more pixels than Pillow .* to 20 pixels"):
        read_picture(tmp_path / "a.png")


@pytest.mark.slow
def test_twelve_megapixels_take_what_is_estimated(tmp_path: Path) -> None:
    """With the defaults, but for fewer strokes and steps."""
    y, x = np.mgrid[:3000, :4000]
    image = np.stack([x / 16, y / 12, (x + y) / 30], axis=-1).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "a.jpg")
    del x, y, image
    painter = OptimizePainter(Circle(), 30, steps=60)
    with MemoryPeak(0.01) as peak:
        before = peak.megabytes
        read_picture(tmp_path / "a.jpg")
        reading = peak.megabytes
    assert reading - before < 12 * memory.READING
    with MemoryPeak(0.01) as peak:
        before = peak.megabytes
        result = paint(painter, tmp_path / "a.jpg", tmp_path / "run")
        painting = peak.megabytes
    estimate = 12 * memory.READING + 12 * memory.DRAWING + 0.02 * memory.FINDING[True]
    assert painting - before < estimate
    with Image.open(tmp_path / "run" / "a" / "painting.png") as picture:
        assert picture.size == (4000, 3000)
    assert result["psnr"] > 20
