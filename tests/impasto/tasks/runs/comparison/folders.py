"""Run folders with figures that are known, as a run would have left them."""

import copy
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from impasto.io.figures import save_sheet

CONFIG: dict[str, Any] = {
    "canvas": {"size": 16},
    "strokes": "${task.strokes}",
    "bundle": 5,
    "updates": 20,
    "seed": 0,
    "resume": None,
    "run": {"folder": "${hydra:runtime.output_dir}"},
    "trainer": {"accelerator": "cpu", "precision": "32-true", "val_check_interval": 100},
    "logger": {},
    "task": {"updates": 100, "strokes": "${data.strokes}", "call": {"agent": "${agent}"}},
    "data": {"_target_": "datamodules.Digits", "strokes": 5, "cache": "data/", "seed": "${seed}"},
    "agent": {"_target_": "Ddpg", "updates": "${updates}", "tau": 0.001, "rate": {"factor": 1.0}},
    "exploration": {},
}
CHOICES = {
    "experiment": "quickstart",
    "task": "train",
    "data": "digits",
    "agent": "ddpg",
    "schedule@agent.rate": "constant",
    "exploration": "none",
    "trainer": "cpu",
    "logger": "none",
    "hydra/launcher": "basic",
}


def config_with(**changes: object) -> dict[str, Any]:
    """CONFIG with values changed; `agent__tau` is agent.tau, which need not be there."""
    config = copy.deepcopy(CONFIG)
    for key, value in changes.items():
        *sections, leaf = key.split("__")
        node = config
        for section in sections:
            node = node.setdefault(section, {})
        node[leaf] = value
    return config


def write_run(
    folder: Path,
    *,
    l2: float | None = 0.25,
    seed: int = 0,
    status: str | None = "finished",
    overrides: Sequence[str] = ("task=train",),
    choices: dict[str, str | None] | None = None,
    validations: Sequence[tuple[int, float, float | None]] = (),
    by_stroke: Sequence[float] = (),
    by_picture: Sequence[float] = (),
    summary: dict[str, object] | None = None,
    **changes: object,
) -> Path:
    """Write a run's folder; without a status it has no summary."""
    hydra = folder / ".hydra"
    hydra.mkdir(parents=True)
    chosen = {**CHOICES, **(choices or {})}
    config = config_with(seed=seed, **changes)
    (hydra / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (hydra / "hydra.yaml").write_text(yaml.safe_dump({"hydra": {"runtime": {"choices": chosen}}}))
    (hydra / "overrides.yaml").write_text(yaml.safe_dump(list(overrides)))
    if status is not None:
        metrics = {"task": chosen["task"], "status": status, "seed": seed, "updates": 20}
        measured = {} if l2 is None else {"l2": l2, "psnr": 10.0 + seed, "ssim": 0.5}
        (folder / "summary.json").write_text(
            json.dumps({**metrics, "seconds": 99.0, **measured, **(summary or {})})
        )
    if validations:
        with (folder / "metrics.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["update", "seconds", "val_l2", "actor_loss"])
            for update, seconds, value in validations:
                writer.writerow([update, seconds, "" if value is None else value, ""])
    if by_stroke:
        lines = [f"{stroke},{value},0.0" for stroke, value in enumerate(by_stroke)]
        (folder / "curve.csv").write_text("\n".join(["stroke,l2_mean,l2_std", *lines]))
    if by_picture:
        lines = [f"{picture},{value}" for picture, value in enumerate(by_picture)]
        (folder / "pictures.csv").write_text("\n".join(["picture,l2", *lines]))
    return folder


def pictures(seed: int, count: int = 14, size: int = 16) -> Tensor:
    """(count, 3, size, size), multiples of 1/255, so that a PNG holds them exactly."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size), generator=generator) / 255


def add_sheet(folder: Path, targets: Tensor, paintings: Tensor) -> None:
    """What `evaluate` leaves: targets above paintings."""
    save_sheet(folder / "paintings.png", targets, paintings)
