"""Sections of the config build their objects by Hydra alone, as docs/notebook.md says."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from impasto.io.images import write_png
from impasto.launch.compose import choices, groups
from tests.conftest import CONF, Compose, has_libmypaint

NO_OBJECTS = ("task", "experiment", "hparams_search", "style", "debug")
CASES = [
    (group, choice)
    for group in groups(CONF)
    if group not in NO_OBJECTS
    for choice in choices(CONF, group)
]
QUICK = ("task=train", "experiment=quickstart", "trainer=cpu", "precision=32-true")
# What a choice requires, in files that the test makes.
REQUIRED = {
    "agent": ["agent.weights=photos"],
    "agent+optimize": ["agent.weights=photos"],
    "brush": ["stroke.image=FOLDER/brush.png"],
    "divide": ["agent.weights=photos"],
    "ddp": ["trainer.devices=1", "trainer.accelerator=cpu"],
    "images": ["data.root=FOLDER"],
    "perceptual": [
        "reward.model=squeezenet1_1",
        "reward.layers=[features.1]",
        "reward.weights=random",
    ],
    **{name: ["renderer.allow_untrained=true"] for name in ("fields", "gan", "neural", "vae")},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_png(folder / "brush.png", np.eye(16, dtype=np.uint8) * 255)
    return folder


@pytest.mark.parametrize(("group", "choice"), CASES)
def test_every_choice_is_built_by_hydra(
    group: str, choice: str, compose_config: Compose, folder: Path
) -> None:
    skip_what_is_not_here(choice)
    name = "schedule@agent.actor_scheduler" if group == "schedule" else group
    made = f"{name}=[{choice}]" if group == "export" else f"{name}={choice}"
    required = [word.replace("FOLDER", str(folder)) for word in REQUIRED.get(choice, [])]
    cfg = compose_config(*QUICK, made, f"run.folder={folder}", *required)
    node = cfg.agent.actor_scheduler if group == "schedule" else cfg[group]
    built = instantiate(node)
    if "_target_" in node:
        check_class(built, node)
        return
    assert built.keys() == node.keys()
    for key in node:
        check_class(built[key], node[key])


def check_class(built: Any, node: DictConfig) -> None:
    """Check that an object is of the class that its node names."""
    kind = built.func if node.get("_partial_") else type(built)
    named = node._target_.removesuffix(".load").rpartition(".")[2]
    assert kind.__name__ == ("AgentOptimizePainter" if node.get("refine") else named)


def skip_what_is_not_here(choice: str) -> None:
    if choice in ("mlflow", "wandb") and importlib.util.find_spec(choice) is None:
        pytest.skip(f"{choice} is not installed")
    if choice == "mypaint" and not has_libmypaint():
        pytest.skip("libmypaint is not installed")
    if choice == "gpu" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
