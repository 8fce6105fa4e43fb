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


def keep_more(**arguments: Any) -> dict[str, Any]:
    """The same, and that it was another one that got them."""
    return {**arguments, "more": True}


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_TRUST", "tests")


def test_what_lies_over_a_node_counts_more_section_by_section(compose_config: Compose) -> None:
    node = {
        "_target_": f"{HERE}.keep",
        "a": 1,
        "b": {"c": 2, "d": 3},
        "e": 4,
        "_with_": {"_target_": f"{HERE}.keep_more", "b": {"d": 5, "f": 6}, "e": {"g": 7}},
    }
    expected = {"a": 1, "b": {"c": 2, "d": 5, "f": 6}, "e": {"g": 7}, "more": True}
    assert build(node, compose_config("task=pretrain")) == expected
    assert node["b"] == {"c": 2, "d": 3}  # others may hold it, too


@pytest.mark.parametrize("over", [None, {}])
def test_where_nothing_lies_over_a_node_it_is_what_it_says(
    over: object, compose_config: Compose
) -> None:
    node = {"_target_": f"{HERE}.keep", "a": {"b": 1}, "_with_": over}
    assert build(node, compose_config("task=pretrain")) == {"a": {"b": 1}}


def test_learning_is_taken_out_of_renderers_alone(compose_config: Compose) -> None:
    node = {"_target_": f"{HERE}.keep", "learning": 0.5}
    assert build(node, compose_config("task=pretrain")) == {"learning": 0.5}
    renderer = {**node, "weights": None, "allow_untrained": True}
    assert build(renderer, compose_config("task=pretrain")) == {}


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
    painter = {"_target_": f"{HERE}.keep_more", "precision": word}  # which settles it itself
    assert build(painter, cfg) == {"precision": word, "more": True}
