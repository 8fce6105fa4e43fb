"""Paths of before lead to the classes of today, in weights and in checkpoints."""

import importlib

import pytest
import yaml
from omegaconf import OmegaConf

from impasto.errors import UserError
from impasto.launch.changes import changes
from impasto.persistence.description import build, describe
from impasto.persistence.former_paths import _FORMER, current_path
from impasto.persistence.model_zoo import FOLDER
from impasto.strokes import Bezier
from tests.conftest import Compose


@pytest.mark.parametrize(("former", "today"), _FORMER.items())
def test_every_row_leads_to_a_module(former: str, today: str) -> None:
    assert importlib.import_module(today).__name__ == today
    assert current_path(f"{former}.Name") == f"{today}.Name"
    assert current_path(today) == today


@pytest.mark.parametrize(
    ("former", "name"),
    [
        ("painting.strokes.curves", "Bezier"),
        ("painting.rewards.l2", "L2Reward"),
        ("painting.networks.actor_critic", "Actor"),
        ("painting.renderers.neural", "NeuralRenderer"),
        ("tasks.train", "train"),
        ("lightning_modules.model_based_ddpg", "ModelBasedDDPG"),
        ("datamodules.mnist", "Mnist"),
    ],
)
def test_a_class_is_found_under_its_former_path(former: str, name: str) -> None:
    module, _, last = current_path(f"{former}.{name}").rpartition(".")
    assert last == name
    assert getattr(importlib.import_module(module), name).__module__.startswith(
        ("impasto", "lightning_modules", "datamodules")
    )


def test_an_object_is_built_from_a_former_description() -> None:
    described = describe(Bezier())
    former = {**described, "_target_": "painting.strokes.curves.Bezier"}
    assert isinstance(build(former), Bezier)
    for program in ("painting.learning_to_paint.Agent", "tasks.train.train", "impasto.launch.job"):
        with pytest.raises(UserError, match=r"can't be built|not of impasto"):
            build({"_target_": program})


def test_the_weights_that_come_along_are_read_as_they_were_written() -> None:
    config = yaml.safe_load((FOLDER / "digits" / "config.yaml").read_text(encoding="utf-8"))
    assert "painting." in str(config)


def test_a_checkpoint_of_before_is_gone_on_with(compose_config: Compose) -> None:
    cfg = compose_config("task=train")
    saved = OmegaConf.to_container(cfg)
    assert isinstance(saved, dict)
    saved["reward"]["_target_"] = "painting.rewards.L2Reward"
    cfg.reward._target_ = "impasto.rl.rewards.L2Reward"
    assert "reward._target_" not in changes(saved, cfg)
    saved["reward"]["_target_"] = "painting.rewards.L1Reward"
    assert "reward._target_" in changes(saved, cfg)
