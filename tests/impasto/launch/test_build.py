"""What a node says of an object, and what is laid over it from elsewhere."""

from typing import Any

import pytest
import torch

from impasto.launch.build import build
from tests.conftest import Compose

HERE = "tests.impasto.launch.test_build"


def keep(**arguments: Any) -> dict[str, Any]:
    """The arguments that arrived."""
    return arguments


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_TRUST", "tests")


@pytest.mark.parametrize(
    ("features", "word", "expected"),
    [
        ({}, "auto", {"precision": "32-true"}),
        ({"amx_bf16": True}, "auto", {"precision": None, "plugins": ["AutoPrecision"]}),
        ({"amx_bf16": True}, "bf16-mixed", {"precision": "bf16-mixed"}),
    ],
)
def test_a_trainer_settles_precision_auto_where_bfloat16_is_fast(
    features: dict[str, bool],
    word: str,
    expected: dict[str, Any],
    compose_config: Compose,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)
    cfg = compose_config("task=train", f"trainer._target_={HERE}.keep", f"precision={word}")
    cfg.run.device = "cpu"
    trainer = build({"_target_": f"{HERE}.keep", "precision": word}, cfg)
    names = [type(plugin).__name__ for plugin in trainer.pop("plugins", [])]
    assert trainer | ({"plugins": names} if names else {}) == expected
