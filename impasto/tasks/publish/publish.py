"""Weights to come with the project: ``task=publish`` makes them of a run of ``task=train``."""

import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from datamodules import ImageDataModule
from datamodules.sets.photos import held_out_photographs
from impasto.bounds import Count, validated
from impasto.errors import UserError
from impasto.io.images import read_image, resize_image
from impasto.painters import AgentPainter
from impasto.persistence.model_zoo import FOLDER
from impasto.rl.policy import PaintingPolicy
from impasto.tasks.publish.model_card import write_card
from impasto.tasks.runs.comparison.runs import Run, read_run
from impasto.trial import measure

_DTYPE = torch.float16
_SIZE = 128  # pixels on a side at which photographs are painted and judged
CARD = "README.md"


@validated
def publish(
    runs: str | Sequence[str],
    name: str,
    datamodule: ImageDataModule,
    photographs: Sequence[Count] = (),
    shelf: Path = FOLDER,
    command: str | None = None,
) -> dict[str, Any]:
    """Put a run's agent where its name finds it: 16-bit weights, a card, and checksums.

    Args:
        runs: One run folder of `task=train`.
        name: What `agent.weights` finds it by; it is replaced if it is there.
        datamodule: What the run was trained on; it says under which terms.
        photographs: Numbers of strokes with which the photographs that no weights of this project
            were trained on are painted, for the card; none for an agent that is not for them.
        shelf: Where all published weights lie.
        command: How to make them again, for the card; the run's own command by default.

    Returns:
        Figures of the card: `psnr` with the largest of `photographs`, if any.

    Raises:
        UserError: There is not one finished run, it was trained on something else or on something
            whose terms are not known, or the name is no name.
    """
    run = _checked(runs, name, datamodule)
    policy = PaintingPolicy.load(run.folder)
    # What is judged is what is kept: after rounding.
    policy.load_state_dict({key: _rounded(value) for key, value in policy.state_dict().items()})
    psnr_by_strokes = {count: photograph_psnr(policy, count) for count in photographs}
    card = write_card(run, name, policy, datamodule, machine(), psnr_by_strokes, command)
    policy.save(shelf / name, _DTYPE, {CARD: card})
    print(f"agent.weights={name}: {shelf / name}")
    if not psnr_by_strokes:
        return {"images": 0}
    of_most = psnr_by_strokes[max(psnr_by_strokes)]
    return {"images": len(held_out_photographs()), "psnr": float(np.mean(list(of_most.values())))}


def _checked(runs: str | Sequence[str], name: str, datamodule: ImageDataModule) -> Run:
    runs = [runs] if isinstance(runs, str) else runs
    if len(runs) != 1:
        raise UserError(f"runs names {len(runs)} folders", "give one run of task=train")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"name={name} is no name for weights", "give small letters and digits")
    run = read_run(Path(runs[0]))
    if run.task != "train" or not run.finished:
        raise UserError(
            f"runs: {runs[0]} is not a finished run of task=train ({run.task}, {run.status})",
            "give one that is",
        )
    if run.choices.get("data") != datamodule.name:
        raise UserError(
            f"runs: {runs[0]} was trained on {run.choices.get('data')}, not on {datamodule.name}",
            "give the experiment or the data set of the run here, too",
        )
    if not datamodule.terms:
        raise UserError(
            f"data={datamodule.name} does not say under which terms its pictures are",
            "publish an agent of a data set that does, such as data=leaves",
        )
    return run


def _rounded(value: torch.Tensor) -> torch.Tensor:
    return value.to(_DTYPE).to(value.dtype) if value.is_floating_point() else value


def photograph_psnr(policy: PaintingPolicy, strokes: int) -> dict[str, float]:
    """PSNR in dB of each held-out photograph, squashed to 128 x 128, painted by the agent."""
    painter = AgentPainter(policy, strokes)
    psnr = {}
    for path in tqdm(held_out_photographs(), desc=f"painting with {strokes} strokes", leave=False):
        image = resize_image(read_image(path), _SIZE, _SIZE)
        psnr[path.stem] = measure(painter, image).painting.psnr
    return psnr


def machine() -> str:
    """The class of machine that this is: its processor, how many cores it has, and its GPU."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        match = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE)
        name = match[1].strip() if match else name
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{os.cpu_count()}-core {name}{gpu}"
