"""``make gpu-recipes``: the papers' recipes, in pieces of as many minutes as there are.

A command works at its stages in turn, each in a run folder of its own, where the next command goes
on: a neural renderer until it is good enough, then an agent on CelebA, then one on ImageNet. When
the time is nearly up the run saves itself, and the newest agent is measured, exported and packed.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import machine
from impasto.errors import UserError
from impasto.persistence.atomic import atomic_write
from impasto.persistence.checkpoints import LAST
from impasto.tasks.runs.run_folder import read_summary
from scripts.recipes.exports import export_agent, pack, pack_results
from scripts.recipes.runs import (
    Clock,
    age,
    finished,
    pace,
    perform,
    renderer_error,
    updates_made,
    work,
)
from scripts.recipes.stages import RENDERER, SCALES, Scale, Stage, stages_of

_SHARE = 0.6  # of a command's time that the renderer may take, if it is usable by then


@dataclass
class Recipes:
    """Recipes at work, within the minutes of one command.

    Attributes:
        scale: How large.
        runs: Where runs go on from command to command.
        out: What comes back.
        clock: The command's time.
    """

    scale: Scale
    runs: Path
    out: Path
    clock: Clock

    def go(self, stages: Sequence[Stage]) -> bool:
        """Work at the stages until they are done or the time is up, and leave a report.

        Returns:
            Whether nothing failed; what did is in the report.
        """
        lines, good = [f"machine: {machine()}", ""], True
        for stage in stages:
            if self.clock.left < self.scale.saving:
                lines.append(f"- {stage.name}: no time was left")
                continue
            try:
                lines.append(self.renderer(stage) if stage.name == RENDERER else self.agent(stage))
            except UserError as error:  # what the others made is reported and packed all the same
                lines.append(f"- {stage.name}: error: {error}")
                good = False
        folders = [(path.parent.name, path.parent) for path in self.runs.glob("*/metrics.csv")]
        folders += [
            (f"{path.parent.parent.name}/{path.parent.name}", path.parent)
            for path in self.runs.glob("*/*/summary.json")
        ]
        pack_results(self.out, sorted(folders))
        text = "\n".join(lines) + "\n"
        with atomic_write(self.out / "report.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(text, end="", flush=True)
        return good

    # ---- the renderer

    def renderer(self, stage: Stage) -> str:
        """Pretrain until it is good enough, or usable and its share of the time is over."""
        folder, closed = self.runs / RENDERER, self.runs / "closed" / RENDERER
        if (closed / "renderer").is_dir():
            return f"- {stage.name}: {_verdict(closed)}, from an earlier command"
        share, left = Clock(_SHARE * self.clock.left / 60), self.clock.left

        def enough(run: Path) -> bool:
            error = renderer_error(run)
            limit = self.scale.enough if share.left > 0 else self.scale.usable
            return error is not None and error[2] <= limit

        began = updates_made(folder)
        work(stage.name, folder, stage.overrides, left - 2 * self.scale.saving, enough)
        error = renderer_error(folder)
        if error is None or error[2] > self.scale.usable:
            return f"- {stage.name}: not usable yet; the next command goes on with it"
        # Closed: the same run once more, in another folder, without a further update. It is judged
        # there and exported; and the folder that an agent learned through never changes again.
        self.close(stage, folder, closed)
        rate = pace(folder, began, self.scale.warm)
        return (
            f"- {stage.name}: {_verdict(closed)}; {error[1]:,.0f} s of training, "
            f"{rate.rate:,.1f} updates/s over the last {rate.updates:,.0f}"
        )

    # ---- agents

    def agent(self, stage: Stage) -> str:
        """Train as long as there is time, then measure, export and pack what there is."""
        weights = self.runs / "closed" / RENDERER / "renderer"
        if not weights.is_dir():
            return f"- {stage.name}: waits for the renderer"
        folder, closed = self.runs / stage.name, self.runs / "closed" / stage.name
        began = updates_made(folder)
        if not finished(folder, stage.updates):
            seconds = self.clock.left - self.scale.saving - self.scale.closing
            if seconds <= 0:
                return f"- {stage.name}: no time was left"
            work(stage.name, folder, stage.overrides, seconds, lambda run: False)
        made = updates_made(folder)
        if not made:
            return f"- {stage.name}: no update was made; give more MINUTES"
        if not finished(folder, stage.updates):
            self.close(stage, folder, closed)
            folder = closed
        exported = export_agent(stage.name, folder, self.runs / "exports", made, stage.updates)
        packed = pack(self.out, stage.name, exported)
        print(f"{stage.name}: {', '.join(path.name for path in packed)}", flush=True)
        return "\n".join(
            [
                f"- {stage.name}: {made:,} of {stage.updates:,} updates"
                f"{self._speed(stage, self.runs / stage.name, began)}",
                f"  - {_metrics(folder)}",
                f"  - {self.evaluated(stage, exported)}",
            ]
        )

    def _speed(self, stage: Stage, folder: Path, began: int) -> str:
        speed = pace(folder, began, self.scale.warm)
        if not speed.updates:
            return "; none were made in this command that could be timed"
        hours = speed.hours(stage.updates, self.scale.steady)
        said = f"; {speed.rate:,.1f} updates/s over {speed.updates:,.0f}, all that a run does in it"
        if hours is None:
            return f"{said}: fewer than {self.scale.steady:,}, so no hours are said"
        return f"{said}: {hours:,.2f} hours for the whole recipe, extrapolated"

    def evaluated(self, stage: Stage, exported: Path) -> str:
        """Measure the exported weights, as rounded, on the test images; if there is time."""
        folder = self.runs / "evaluated" / stage.name
        if self.clock.left < self.scale.saving:
            return "the exported weights were not measured: no time was left"
        own_words = [word for word in stage.overrides if not word.startswith(("task=", "updates="))]
        asked = ("task=evaluate", *own_words, f"agent.weights={exported}")
        try:
            perform(f"{stage.name}, evaluated", folder, asked, self.clock.left)
        except UserError as error:
            return f"the exported weights were not measured: {error.what}"
        return f"exported, 16 bits: {_metrics(folder)}"

    # ---- both

    def close(self, stage: Stage, folder: Path, closed: Path) -> None:
        """Let a run that was stopped end where it is, in another folder: measured and exported."""
        made = updates_made(folder)
        here = [word for word in stage.overrides if not word.startswith("updates=")]
        replay = () if stage.name == RENDERER else ("replay.save=false",)
        more = (f"resume={folder / 'checkpoints' / LAST}", f"updates={made}", *replay)
        # What an earlier command closed stays until there is something newer.
        new = closed.with_name(f"{closed.name}-new")
        perform(f"{stage.name}, closed", new, [*here, *more], self.clock.left)
        shutil.rmtree(new / "checkpoints")  # the run's own are the ones to go on from
        shutil.rmtree(closed, ignore_errors=True)
        new.rename(closed)


def _verdict(folder: Path) -> str:
    left = read_summary(folder)
    error, mean = float(str(left["renderer_mse"])), float(str(left["mean_image_mse"]))
    return f"{error / mean:.3f} of the mean image's error after {left['updates']:,} updates"


def _metrics(folder: Path) -> str:
    left = read_summary(folder)
    return (
        f"L2 {left['l2']:.5f}, PSNR {left['psnr']:.2f} dB, SSIM {left['ssim']:.3f} on "
        f"{left['images']:,} test images in {left['strokes']} strokes ({left['device']}, "
        f"{left['peak_memory_mb']:,.0f} MB of host memory)"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Work for so many minutes."""
    args = _parse(arguments)
    runs, out = args.runs.resolve(), args.out.resolve()
    scale = SCALES[args.scale]
    weights = runs / "closed" / RENDERER / "renderer"
    more = [*args.overrides, *(["replay.save=false"] if args.no_replay else [])]
    stages = stages_of(scale, args.data.resolve(), weights, args.stages, _for_agents(more))
    out.mkdir(parents=True, exist_ok=True)
    if not Recipes(scale, runs, out, Clock(args.minutes, age())).go(stages):
        sys.exit(1)


def _for_agents(words: Sequence[str]) -> list[str]:
    """Give overrides of the replay to the agents' stages alone: the renderer's has none."""
    names = [name for name in SCALES["paper"].updates if name != RENDERER]
    return [
        new
        for word in words
        for new in ([f"{n}:{word}" for n in names] if word.startswith("replay.") else [word])
    ]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.recipes", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="holds celeba/ and imagenet/")
    parser.add_argument("--out", type=Path, required=True, help="for what is to be taken away")
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("outputs/gpu-recipes"),
        help="where the next command goes on",
    )
    parser.add_argument("--minutes", type=float, default=9.0, help="until the command has ended")
    parser.add_argument("--scale", choices=list(SCALES), default="paper")
    parser.add_argument(
        "--stages", type=str.split, default=[], help="some of them in quotes; all by default"
    )
    parser.add_argument(
        "--no-replay", action="store_true", help="don't keep replays: 1.7 GB each, filled anew"
    )
    parser.add_argument(
        "overrides", nargs="*", help="for run.py; STAGE:KEY=VALUE is for one stage alone"
    )
    return parser.parse_intermixed_args(arguments)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
