"""``make bench-paint``: how near `painter=optimize` comes to photographs, and in what time.

Groups: `ten` (ten photographs at 128 px in 200 strokes, against a bare prototype's figures),
`large` (one at 512 px in 2,000) and `cold` (the whole of ``python run.py task=paint``, start and
compiling included). `worth` is what a trained agent adds to the ten: its proposals beside random
ones, in as many steps. Curves of several painters are `task=evaluate`'s: ``make painter-curves``.
"""

import subprocess
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.conftest import Timed
from benchmarks.machine import ROOT, device
from benchmarks.workbench import Scale, Workbench
from impasto.io.images import fit_size, read_image, resize_image, write_png
from impasto.painters import AgentPainter, OptimizePainter
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier
from impasto.tasks.runs.run_folder import load_summary
from impasto.trial import Trial, measure

pytestmark = pytest.mark.slow

# PSNR in dB of the prototype: Adam on all strokes at once, 45 s each on 2 cores.
PROTOTYPE = {
    "astronaut": 23.1,
    "chelsea": 29.6,
    "coffee": 29.2,
    "rocket": 32.0,
    "retina": 35.9,
    "hubble_deep_field": 27.7,
    "camera": 27.8,
    "motorcycle_left": 23.0,
    "china": 25.3,
    "flower": 28.4,
}
_FOLDERS = (("skimage", "data"), ("sklearn", "datasets/images"))
_LEAST = 32  # pixels
_STEPS = 6  # where next to nothing is measured


def find_picture(name: str) -> NDArray[np.uint8]:
    """A photograph that comes with scikit-image or scikit-learn, (H, W, 3) uint8.

    Raises:
        StopIteration: There is none of this name.
    """
    places = (Path(str(resources.files(package))) / folder for package, folder in _FOLDERS)
    paths = (place / f"{name}{end}" for place in places for end in (".png", ".jpg"))
    return read_image(next(path for path in paths if path.is_file()))


def fitted(name: str, longer: int) -> NDArray[np.uint8]:
    """A photograph in its own aspect, at most so large on its longer side."""
    image = find_picture(name)
    return resize_image(image, *fit_size(*image.shape[:2], longer))


def _sizes(scale: Scale, longer: int, strokes: int) -> tuple[int, int]:
    """Pixels on the longer side, and strokes."""
    return max(_LEAST, int(longer * scale.painted)), max(2, int(strokes * scale.painted))


def _paint(what: str, image: NDArray[np.uint8], painter: OptimizePainter, timed: Timed) -> Any:
    """Time a painting; what only the first one waits for is done before."""
    measure(replace(painter, strokes=10, steps=2), image, device=device())
    what = f"{what}, {max(image.shape[:2])} px, {painter.strokes:,} strokes"
    return timed(what, lambda: measure(painter, image, device=device()), rounds=1, unit="dB")


def _painter(scale: Scale, strokes: int, work_size: int | None) -> OptimizePainter:
    """Make `painter=optimize` with its defaults: Bézier curves on black."""
    painter = OptimizePainter(Bezier(), strokes, work_size)
    return painter if scale.painted == 1 else replace(painter, steps=_STEPS)


@pytest.mark.benchmark(group="ten")
@pytest.mark.parametrize("name", PROTOTYPE)
def test_ten(name: str, bench: Workbench, timed: Timed, benchmark: Any) -> None:
    """A photograph squeezed into a square; the strokes are found at that size."""
    size, strokes = _sizes(bench.scale, 128, 200)
    image = resize_image(find_picture(name), size, size)
    trial = _paint(name, image, _painter(bench.scale, strokes, size), timed)
    aim = f"prototype: {PROTOTYPE[name]:.1f} dB, 45 s"
    benchmark.extra_info |= _figures(trial) | {"aim": aim, "mean_of": "ten photographs"}


@pytest.mark.benchmark(group="large")
def test_large(bench: Workbench, timed: Timed, benchmark: Any) -> None:
    """One photograph in many strokes, measured at its whole size."""
    size, strokes = _sizes(bench.scale, 512, 2000)
    trial = _paint(
        "astronaut", fitted("astronaut", size), _painter(bench.scale, strokes, None), timed
    )
    benchmark.extra_info |= _figures(trial) | {"aim": "27 dB, 300 s"}


def _figures(trial: Trial) -> dict[str, object]:
    more = f"{trial.cpu_seconds:.1f} s of CPU, {trial.peak_memory_mb:,.0f} MB"
    return {"figure": trial.painting.psnr, "more": more}


@pytest.mark.benchmark(group="cold")
def test_cold(tmp_path: Path, bench: Workbench, timed: Timed, benchmark: Any) -> None:
    """Paint by the command line, in a process of its own, from its start."""
    size, strokes = _sizes(bench.scale, 300, 100)
    source, out = tmp_path / "coffee.png", tmp_path / "cold"
    write_png(source, fitted("coffee", size))
    paths = (f"image={source}", f"hydra.run.dir={out}")
    steps = () if bench.scale.painted == 1 else (f"painter.steps={_STEPS}",)
    words = ("task=paint", f"strokes={strokes}", *paths, *steps)
    command = [sys.executable, str(ROOT / "run.py"), *words]
    what = f"the whole command: coffee, {size} px, {strokes} strokes"
    timed(what, lambda: subprocess.run(command, check=True), rounds=1)
    summary = load_summary(out)
    more = f"{summary['peak_memory_mb']:,.0f} MB"
    aim = {"unit": "dB", "aim": "24 dB, 60 s"}
    benchmark.extra_info |= {"figure": float(summary["psnr"]), "more": more, **aim}


# Random strokes in place of the agent's: one at each place, or the best of eight.
_PROPOSALS = {"random strokes": 1, "the best of 8 random strokes": 8, "the agent's strokes": None}


@pytest.mark.benchmark(group="worth")
@pytest.mark.parametrize("name", PROTOTYPE)
@pytest.mark.parametrize("proposals", _PROPOSALS)
@pytest.mark.parametrize("steps", [15, 60])
def test_worth(
    steps: int, proposals: str, name: str, bench: Workbench, timed: Timed, benchmark: Any
) -> None:
    """A photograph in few steps, which begin with strokes of these proposals."""
    size, strokes = _sizes(bench.scale, 128, 200)
    image = resize_image(find_picture(name), size, size)
    tries = _PROPOSALS[proposals]
    steps = steps if bench.scale.painted == 1 else _STEPS
    if tries is None:
        agent = AgentPainter(PaintingPolicy.load("photos"), strokes)
        painter: OptimizePainter = agent.refined(steps, work_size=size)
    else:
        painter = OptimizePainter(Bezier(), strokes, size, steps=steps, tries=tries)
    trial = _paint(name, image, painter, timed)
    benchmark.extra_info |= _figures(trial) | {"mean_of": f"{proposals}, {steps} steps"}
