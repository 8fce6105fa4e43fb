"""``make bench-paint``: how near `painter=optimize` comes to photographs, and in what time.

Groups: `ten` (ten photographs at 128 px), `large` (one at 512 px in 2,000 strokes), `cold` (the
whole of ``python run.py task=paint``, start and compiling included), `posters` (five pictures of
up to 1200 px in up to 16,000 strokes, ``LARGE=1``), `huge` (60,000 strokes at 4096 px) and `rivals`
(other programs on the ten, ``PEERS=FOLDER``); `worth` is what a trained agent adds to the ten, its
proposals beside random ones in as many steps. What is measured is the delivered picture. Curves of
several painters are `task=evaluate`'s: ``make painter-curves``.
"""

import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.conftest import Timed
from benchmarks.machine import ROOT, device
from benchmarks.photographs import BACKGROUNDS, TEN, fetch_background, find_picture, fitted
from benchmarks.workbench import Scale, Workbench
from datamodules.sets.dead_leaves import draw_scene
from datamodules.sets.leaves import TEXTURES
from impasto.errors import UserError
from impasto.io.images import read_image, resize_image, write_png
from impasto.metrics import Nearness
from impasto.painters import AgentPainter, OptimizePainter
from impasto.painters.budget import QUALITIES
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier
from impasto.tasks.runs.run_folder import load_summary
from impasto.trial import Trial, measure

pytestmark = pytest.mark.slow

_STEPS = 6  # where next to nothing is measured
_LEAST = 32  # pixels
# Strokes and quality of the ten; the last is the default.
SETTINGS = {quality: (200, quality) for quality in QUALITIES} | {"500 strokes": (500, "good")}
_PAINTINGS = ROOT / "outputs" / "posters"  # to be looked at
_A_MINUTE = 150  # steps that paint 16,000 strokes in a minute on two cores
_HUGE_STEPS = 60
_ASTRONAUT_AIM = "32 dB, 25 s of CPU"


def _sizes(scale: Scale, longer: int, strokes: int) -> tuple[int, int]:
    """Pixels on the longer side, and strokes."""
    return max(_LEAST, int(longer * scale.painted)), max(2, int(strokes * scale.painted))


def _painter(scale: Scale, strokes: int, steps: int = QUALITIES["good"]) -> OptimizePainter:
    """Make `painter=optimize` with its defaults, but for the steps: Bézier curves on black."""
    return OptimizePainter(Bezier(), strokes, steps=steps if scale.painted == 1 else _STEPS)


def _paint(what: str, image: NDArray[np.uint8], painter: OptimizePainter, timed: Timed) -> Trial:
    """Time a painting; what only the first one waits for is done before."""
    height, width = (min(side, 128) for side in image.shape[:2])
    first = replace(painter, strokes=40, steps=20)  # with strokes that are moved elsewhere
    measure(first, image[:height, :width], device=device())
    what = f"{what}, {max(image.shape[:2])} px, {painter.strokes:,} strokes"
    trial: Trial = timed(what, lambda: measure(painter, image, device=device()), rounds=1)
    return trial


def _figures(trial: Trial) -> dict[str, object]:
    more = f"{trial.cpu_seconds:.1f} s of CPU, {trial.peak_memory_mb:,.0f} MB"
    return {"figure": trial.painting.psnr, "unit": "dB", "more": more}


def _of_the_ten(name: str, scale: Scale) -> NDArray[np.uint8]:
    """A photograph squeezed into a square."""
    size, _ = _sizes(scale, 128, 0)
    return resize_image(find_picture(name), size, size)


def _cells(name: str, by: str, psnr: float, cpu_seconds: float) -> dict[str, object]:
    """Its place in the table of the ten."""
    cells = {f"{by}: dB": psnr, "CPU s of " + by: cpu_seconds}
    return {"table": "ten", "row": name, "cells": cells, "mean": True}


@pytest.mark.benchmark(group="ten")
@pytest.mark.parametrize("name", TEN)
@pytest.mark.parametrize("setting", SETTINGS)
def test_ten(setting: str, name: str, bench: Workbench, timed: Timed, benchmark: Any) -> None:
    """A photograph in few strokes: quickly, as by default, and as well as it goes."""
    count, quality = SETTINGS[setting]
    _, strokes = _sizes(bench.scale, 0, count)
    painter = _painter(bench.scale, strokes, QUALITIES[quality])
    trial = _paint(f"{name} ({setting})", _of_the_ten(name, bench.scale), painter, timed)
    benchmark.extra_info |= _figures(trial)
    benchmark.extra_info |= _cells(name, setting, trial.painting.psnr, trial.cpu_seconds)


@pytest.mark.benchmark(group="large")
def test_large(bench: Workbench, timed: Timed, benchmark: Any) -> None:
    """One photograph in many strokes, measured at its whole size."""
    size, strokes = _sizes(bench.scale, 512, 2000)
    image = fitted(find_picture("astronaut"), size)
    trial = _paint("astronaut", image, _painter(bench.scale, strokes), timed)
    benchmark.extra_info |= _figures(trial) | {"aim": _ASTRONAUT_AIM}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which Debian's packages are unpacked."""
    return tmp_path_factory.mktemp("packages")


@pytest.mark.benchmark(group="posters")
@pytest.mark.parametrize(
    ("count", "steps"),
    [(2000, QUALITIES["good"]), (4000, QUALITIES["good"]), (16_000, _A_MINUTE)],
)
@pytest.mark.parametrize("name", ["retina", "hubble_deep_field", *BACKGROUNDS])
def test_posters(
    name: str,
    count: int,
    steps: int,
    packages: Path,
    bench: Workbench,
    timed: Timed,
    benchmark: Any,
) -> None:
    """A picture at the size that people print, in thousands of strokes."""
    size, strokes = _sizes(bench.scale, 1200, count)
    try:
        known = BACKGROUNDS.get(name)
        image = fetch_background(known, packages) if known else find_picture(name)
    except UserError as error:
        pytest.skip(f"NO PICTURE: {error}")
    image = fitted(image, min(size, max(image.shape[:2])))
    trial = _paint(name, image, _painter(bench.scale, strokes, steps), timed)
    if bench.scale.painted == 1:
        trial.painting.save(_PAINTINGS / f"{name}_{strokes}")
    nearness = trial.painting.nearness
    cells = {
        "steps": steps,
        "PSNR, dB": nearness.psnr,
        "SSIM": nearness.ssim,
        "seconds": trial.seconds,
        "CPU seconds": trial.cpu_seconds,
        "MB": trial.peak_memory_mb,
    }
    place = f"{name}, {image.shape[1]} x {image.shape[0]}, {strokes:,} strokes"
    benchmark.extra_info |= _figures(trial) | {"table": "posters", "row": place, "cells": cells}


@pytest.mark.benchmark(group="huge")
def test_huge(bench: Workbench, timed: Timed, benchmark: Any) -> None:
    """A drawn scene at 4096 px, in as many strokes as there are details."""
    size, strokes = _sizes(bench.scale, 4096, 60_000)
    found = [find_picture(Path(name).stem) for name in TEXTURES]
    textures = [(picture.mean(axis=2) / 255).astype(np.float32) for picture in found]
    scene = draw_scene(np.random.default_rng([0, 0]), size, textures)
    trial = _paint("a drawn scene", scene, _painter(bench.scale, strokes, _HUGE_STEPS), timed)
    benchmark.extra_info |= _figures(trial) | {"aim": "600 s"}


def _primitive(folder: Path, source: Path, strokes: int, scale: Scale) -> Path:
    """Paint by github.com/fogleman/primitive, with all of its shapes, as that is its best."""
    size = str(_sizes(scale, 128, 0)[0])
    words = ["-i", source.name, "-o", "by.png", "-n", str(strokes), "-m", "0", "-r", size]
    _run([str(folder / "primitive"), *words, "-s", size], source.parent)
    return source.parent / "by.png"


# What its script loads from the network for a loss that it does not use, and the film at its end.
_DIFFVG = """
import runpy, subprocess, sys, torch, types
losses = types.SimpleNamespace(LPIPS=torch.nn.Identity)
sys.modules |= {"ttools": types.SimpleNamespace(modules=losses), "ttools.modules": losses}
subprocess.call = lambda command: 0
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _diffvg(folder: Path, source: Path, strokes: int, scale: Scale) -> Path:
    """Paint by github.com/BachiLi/diffvg's apps/painterly_rendering.py, with its defaults.

    Its final.png is some pixels large by mistake; the last canvas but one step is what it shows.
    """
    script = folder / "diffvg" / "apps" / "painterly_rendering.py"
    steps = 500 if scale.painted == 1 else 2
    words = ["--num_paths", str(strokes), "--num_iter", str(steps)]
    results = source.parent / "results" / "painterly_rendering"
    results.mkdir(parents=True)
    _run([str(folder / "python"), "-c", _DIFFVG, str(script), source.name, *words], source.parent)
    return results / f"iter_{steps - 1}.png"


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


RIVALS: dict[str, tuple[str, Callable[[Path, Path, int, Scale], Path]]] = {
    "primitive": ("primitive", _primitive),
    "diffvg": ("diffvg/apps/painterly_rendering.py", _diffvg),
}


@pytest.mark.benchmark(group="rivals")
@pytest.mark.parametrize("name", TEN)
@pytest.mark.parametrize("rival", RIVALS)
def test_rivals(
    rival: str,
    name: str,
    pytestconfig: pytest.Config,
    tmp_path: Path,
    bench: Workbench,
    timed: Timed,
    benchmark: Any,
) -> None:
    """The same photographs in as many strokes by other programs, their start included."""
    if (given := pytestconfig.getoption("peers")) is None:
        pytest.skip("no PEERS=FOLDER is given")
    folder, (needed, work) = Path(given).resolve(), RIVALS[rival]
    if not (folder / needed).is_file():
        pytest.skip(f"NO {rival}: {folder} has no {needed}")
    source, target = tmp_path / "picture.png", _of_the_ten(name, bench.scale)
    write_png(source, target)
    _, strokes = _sizes(bench.scale, 0, 200)
    before = _processor_of_children()
    what = f"{name} by {rival}, {strokes} strokes"
    painted = timed(what, lambda: work(folder, source, strokes, bench.scale), rounds=1)
    cpu_seconds = _processor_of_children() - before
    psnr = Nearness(read_image(painted), target).psnr
    more = f"{cpu_seconds:.1f} s of CPU"
    benchmark.extra_info |= {"figure": psnr, "unit": "dB", "more": more}
    benchmark.extra_info |= _cells(name, rival, psnr, cpu_seconds)


def _processor_of_children() -> float:
    """Processor time of the processes that have ended, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.benchmark(group="cold")
def test_cold(tmp_path: Path, bench: Workbench, timed: Timed, benchmark: Any) -> None:
    """Paint by the command line, in a process of its own, from its start."""
    size, strokes = _sizes(bench.scale, 300, 100)
    source, out = tmp_path / "coffee.png", tmp_path / "cold"
    write_png(source, fitted(find_picture("coffee"), size))
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
@pytest.mark.parametrize("name", TEN)
@pytest.mark.parametrize("proposals", _PROPOSALS)
@pytest.mark.parametrize("steps", [15, 60])
def test_worth(
    steps: int, proposals: str, name: str, bench: Workbench, timed: Timed, benchmark: Any
) -> None:
    """A photograph in few steps, which begin with strokes of these proposals."""
    size, strokes = _sizes(bench.scale, 128, 200)
    image = _of_the_ten(name, bench.scale)
    tries = _PROPOSALS[proposals]
    steps = steps if bench.scale.painted == 1 else _STEPS
    if tries is None:
        agent = AgentPainter(PaintingPolicy.load("photos"), strokes)
        painter: OptimizePainter = agent.refined(steps, work_size=size)
    else:
        painter = OptimizePainter(Bezier(), strokes, size, steps=steps, tries=tries)
    trial = _paint(f"{name} ({proposals}, {painter.steps} steps)", image, painter, timed)
    benchmark.extra_info |= _figures(trial)
    cells = _cells(name, f"{proposals}, {steps} steps", trial.painting.psnr, trial.cpu_seconds)
    benchmark.extra_info |= cells | {"table": "worth"}
