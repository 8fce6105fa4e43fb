"""The model card of published weights, every figure of it filled in from the run."""

from collections.abc import Mapping

import pandas as pd
import torch

from datamodules import ImageDataModule
from impasto.rl.policy import PaintingPolicy
from impasto.tasks.runs.comparison.runs import Run
from impasto.tasks.runs.markup import markdown_table

PsnrByStrokes = Mapping[int, Mapping[str, float]]


def write_card(
    run: Run,
    name: str,
    policy: PaintingPolicy,
    datamodule: ImageDataModule,
    machine: str,
    photographs: PsnrByStrokes,
    command: str | None = None,
) -> str:
    """A card in Markdown.

    Args:
        run: What made the weights.
        name: What they are found by.
        policy: The agent.
        datamodule: What it was trained on.
        machine: The class of machine.
        photographs: PSNR in dB by photograph, for each number of strokes.
        command: How to make them again; the run's own command by default.
    """
    environment = policy.environment
    size, parameters = policy.canvas_size, sum(one.numel() for one in policy.parameters())
    sections = [
        f"# {name}: an agent that paints\n\n"
        f"`agent.weights={name}` finds it. It sees squares of {size} x {size} pixels, and paints "
        f"{environment.strokes} {policy.stroke.name} strokes at a time in bundles of "
        f"{environment.bundle}. {parameters:,} parameters, stored with 16 bits each; "
        "SHA256SUMS is verified when they are loaded.",
        f"## Data\n\n`data={datamodule.name}`: {datamodule.terms}",
        _training(run, machine, command or run.command),
        _test(run, datamodule),
    ]
    if photographs:
        sections.append(_photographs(photographs))
    sections.append(f"## Licence\n\n{datamodule.licence}\n")
    return "\n\n".join(sections)


def _training(run: Run, machine: str, command: str) -> str:
    rows = {
        "updates": f"{int(run.metric('updates') or 0):,}",
        "seconds of training": f"{run.seconds or 0:,.0f}",
        "machine": f"{machine}; {run.summary.get('device')}, {torch.get_num_threads()} thread(s)",
        "seed": str(run.seed),
    }
    made_by = markdown_table(pd.DataFrame(rows.items(), columns=["", ""]))
    return f"## Made by\n\n```console\n{command}\n```\n\n{made_by}"


def _test(run: Run, datamodule: ImageDataModule) -> str:
    names = {"l2": "L2", "psnr": "PSNR, dB", "ssim": "SSIM"}
    shown = {names[key]: run.metric(key) for key in names}
    rows = [[name, f"{value:.4g}"] for name, value in shown.items() if value is not None]
    return (
        f"## Figures\n\nOn {int(run.metric('images') or 0):,} pictures of the test split of "
        f"`data={datamodule.name}`, which it never saw, {int(run.metric('strokes') or 0)} strokes "
        "each, drawn exactly, before its weights were rounded to 16 bits:\n\n"
        + markdown_table(pd.DataFrame(rows, columns=["", "mean"]))
    )


def _photographs(psnr_by_strokes: PsnrByStrokes) -> str:
    pictures = list(next(iter(psnr_by_strokes.values())))
    rows = [[name, *(f"{of[name]:.2f}" for of in psnr_by_strokes.values())] for name in pictures]
    means = [sum(of.values()) / len(of) for of in psnr_by_strokes.values()]
    head = ["photograph", *(f"{count:,} strokes" for count in psnr_by_strokes)]
    rows.append(["**mean**", *(f"**{mean:.2f}**" for mean in means)])
    return (
        "PSNR in dB of photographs that come with scikit-image and scikit-learn, resized to 128 x "
        "128 and painted with `painter=agent painter.refine=0`. **It never saw any of them**:\n\n"
        + markdown_table(pd.DataFrame(rows, columns=head))
    )
