"""``make bench-paint``: how near painters come to pictures, and in what time.

Four parts: `ten` (ten photographs at 128 px in 200 strokes, against a bare prototype's figures),
`large` (one at 512 px in 2,000), `cold` (the whole of ``python run.py task=paint``, start and
compiling included) and `curves` (PSNR by strokes and by seconds, of three painters).
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from benchmarks.curves import by_seconds, by_strokes, entries, table
from benchmarks.history import History, PaintingResult
from benchmarks.machine import device, machine
from benchmarks.photographs import PROTOTYPE, PROTOTYPE_SECONDS, find_picture, fitted, square
from impasto.errors import UserError
from impasto.io.figures import Panel, save_panels
from impasto.io.images import write_png
from impasto.launch.summary import git_commit
from impasto.metrics import measure
from impasto.painters import AgentPainter, OptimizePainter
from impasto.strokes import Bezier
from impasto.tasks.runs.run_folder import load_summary

ROOT = Path(__file__).resolve().parent.parent
MEAN = "mean"
AIMS = {"large": "aim: 27 dB, 300 s", "cold": "aim: 24 dB, 60 s"}
PARTS = ("ten", "large", "cold", "curves")


@dataclass(frozen=True)
class Scale:
    """Sizes of what is measured.

    Attributes:
        pictures: Of the part `ten`.
        size: Pixels on a side, there and for the curves.
        strokes: There, and for the curve by seconds.
        steps: Gradient steps; the painter's default if None.
        large: Longer side in pixels, and strokes.
        cold: The same of the part `cold`.
        counts: Strokes of the curve by strokes.
        marks: Gradient steps of the curve by seconds.
        refining: Gradient steps after an agent.
    """

    pictures: tuple[str, ...] = tuple(PROTOTYPE)
    size: int = 128
    strokes: int = 200
    steps: int | None = None
    large: tuple[int, int] = (512, 2000)
    cold: tuple[int, int] = (300, 100)
    counts: tuple[int, ...] = (50, 100, 200, 400, 800)
    marks: tuple[int, ...] = (50, 100, 200, 400, 700, 1000, 1400)
    refining: int = 300

    def painter(self, strokes: int, work_size: int | None) -> OptimizePainter:
        """`painter=optimize` with its defaults: Bézier curves on black."""
        painter = OptimizePainter(Bezier(), strokes, work_size)
        return painter if self.steps is None else replace(painter, steps=self.steps)


QUICK = Scale(
    pictures=("coffee", "china"),
    size=32,
    strokes=6,
    steps=6,
    large=(48, 8),
    cold=(32, 3),
    counts=(2, 4),
    marks=(2, 4, 6),
    refining=3,
)


def ten(scale: Scale) -> Iterator[PaintingResult]:
    """The photographs resized to squares; the strokes are found at that size."""
    painter = scale.painter(scale.strokes, scale.size)
    _warm_up(painter, square(scale.pictures[0], scale.size))
    results = []
    for name in scale.pictures:
        results.append(_measured("ten", name, painter, square(name, scale.size)))
        yield results[-1]
    keys = ("psnr", "seconds", "cpu_seconds")
    means = {key: mean(getattr(result, key) for result in results) for key in keys}
    most = max(result.peak_memory_mb for result in results)
    yield replace(results[0], picture=MEAN, peak_memory_mb=most, **means)


def large(scale: Scale) -> Iterator[PaintingResult]:
    """One photograph in many strokes, measured at its whole size."""
    size, strokes = scale.large
    painter, image = scale.painter(strokes, None), fitted("astronaut", size)
    _warm_up(painter, image)
    yield _measured("large", "astronaut", painter, image)


def _warm_up(painter: OptimizePainter, image: NDArray[np.uint8]) -> None:
    """Load, compile and allocate what only the first painting waits for: `cold` measures that."""
    measure(replace(painter, strokes=10, steps=2), image, device=device())


def _measured(
    part: str, name: str, painter: OptimizePainter, image: NDArray[np.uint8]
) -> PaintingResult:
    size = image.shape[:2]
    trial = measure(painter, image, size, device=device())
    return PaintingResult(
        part,
        name,
        max(size),
        painter.strokes,
        trial.nearness.psnr,
        trial.seconds,
        trial.cpu_seconds,
        trial.peak_memory_mb,
    )


def cold(scale: Scale, folder: Path) -> Iterator[PaintingResult]:
    """Measure what a person waits for: the whole process of the command line, from its start."""
    size, strokes = scale.cold
    image = fitted("coffee", size)
    source, out = folder / "coffee.png", folder / "cold"
    write_png(source, image)
    steps = [] if scale.steps is None else [f"painter.steps={scale.steps}"]
    command = [
        sys.executable,
        str(ROOT / "run.py"),
        "task=paint",
        f"image={source}",
        f"strokes={strokes}",
        f"hydra.run.dir={out}",
        *steps,
    ]
    before, started = _children_cpu(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise UserError(f"task=paint failed: {done.stderr.strip()}", "correct that first")
    summary = load_summary(out)
    yield PaintingResult(
        "cold",
        "coffee",
        max(image.shape[:2]),
        strokes,
        float(summary["psnr"]),
        seconds,
        _children_cpu() - before,
        float(summary["peak_memory_mb"]),
    )


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def curves(scale: Scale, names: Sequence[str], agent: AgentPainter | None, plot: Path) -> list[str]:
    """PSNR by strokes and by seconds: one plot, and lines of Markdown."""
    images = [square(name, scale.size) for name in names]
    if agent is not None:
        agent = agent.with_strokes(scale.strokes)
    optimize = scale.painter(scale.strokes, scale.size)
    painters = entries(optimize, agent, scale.refining, scale.marks)
    strokes = {
        name: by_strokes(entry.painter, images, scale.counts) for name, entry in painters.items()
    }
    seconds = {name: by_seconds(entry, images) for name, entry in painters.items()}
    panels = (
        Panel("strokes", "PSNR, dB", strokes),
        Panel(f"seconds, {scale.strokes} strokes", "PSNR, dB", seconds),
    )
    save_panels(plot, panels)
    where = f"Means of {', '.join(names)} at {scale.size} px."
    return [where, "", *table(strokes, "strokes"), "", *table(seconds, "seconds"), ""]


def row(result: PaintingResult, history: History) -> str:
    """A figure as a row of the Markdown table."""
    yardstick = AIMS.get(result.part, "")
    if result.part == "ten":
        known = PROTOTYPE.get(result.picture, mean(PROTOTYPE.values()))
        yardstick = f"prototype: {known:.1f} dB, {PROTOTYPE_SECONDS:.0f} s"
    last = history.last(result)
    change = ""
    if last is not None:
        change = f"{result.psnr - last[0]:+.2f} dB, {result.seconds / last[1]:.2f} × the time"
    cells = (
        result.part,
        result.picture,
        f"{result.size} px",
        f"{result.strokes:,}",
        f"{result.psnr:.2f} dB",
        f"{result.seconds:.1f} s",
        f"{result.cpu_seconds:.1f} s",
        f"{result.peak_memory_mb:,.0f} MB",
        yardstick,
        change,
    )
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| part | picture | size | strokes | PSNR | time | CPU time | memory | yardstick | since |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)


def find_agent(name: str | None) -> AgentPainter | None:
    """The agent that is asked for; without asking, the one that comes with the project, if any."""
    try:
        return AgentPainter.load(name or "photos")
    except UserError as error:
        if name is not None:
            raise
        print(f"no agent's curves: {error.what}; --agent FOLDER gives one", flush=True)
        return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the parts that are asked for, and say what came of it."""
    args = _parse(arguments)
    scale = QUICK if args.quick else Scale()
    out: Path = args.out
    out.mkdir(parents=True, exist_ok=True)
    recorded = out if args.quick else ROOT
    agent = find_agent(args.agent) if "curves" in args.parts else None  # an error now, not later
    history = History(recorded / "benchmarks" / "painting.csv", machine())
    lines = [f"Measured on {machine()}.", "", *HEADER]
    print("\n".join(lines), flush=True)
    measured = {"ten": ten(scale), "large": large(scale), "cold": cold(scale, out)}
    for part in (part for part in measured if part in args.parts):
        results = []
        for result in measured[part]:
            lines.append(row(result, history))
            print(lines[-1], flush=True)
            results.append(result)
        history.append(results, git_commit(ROOT))
    if "curves" in args.parts:
        plot = recorded / "docs" / "pictures" / "painters.png"
        more = ["", *curves(scale, args.pictures, agent, plot)]
        print("\n".join(more))
        lines += more
    (out / "painting.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.painting", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="all of them by default")
    parser.add_argument("--agent", help="an exported agent, or a name that comes with the project")
    parser.add_argument("--pictures", nargs="+", default=["astronaut", "chelsea", "coffee"])
    parser.add_argument("--out", type=Path, default=Path("outputs/bench-paint"))
    parser.add_argument(
        "--quick", action="store_true", help="next to nothing, and all of it in --out"
    )
    args = parser.parse_args(arguments)
    args.parts = args.parts or list(PARTS)
    for name in args.pictures:
        find_picture(name)
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no part {min(unknown)!r}: choose from {', '.join(PARTS)}")
    return args


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
