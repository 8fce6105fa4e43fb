"""From the composed config to the call of a task."""

import re
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from impasto.errors import UserError, first_line
from impasto.launch.validation.knobs import RULES
from impasto.launch.validation.targets import check_targets

# Loads an exported renderer into use, and refuses one of another stroke kind or canvas size, or an
# untrained one: (weights, stroke, canvas_size, allow_untrained) -> Renderer.
RENDERER_LOADER = "impasto.renderers.load_renderer"


def build_call(cfg: DictConfig) -> "partial[dict[str, object]]":
    """Build everything that the task's function needs.

    Returns:
        The function with its arguments; to be called without any.

    Raises:
        UserError: If an object refuses its arguments, or weights are missing.
    """
    call: partial[dict[str, object]] = build({**_call_node(cfg), "_partial_": True}, cfg)
    return call


def import_call(cfg: DictConfig) -> None:
    """Load the modules of everything that `build_call` will build.

    Raises:
        UserError: Something isn't there, or is not of what a config may name.
    """
    check_targets(_call_node(cfg), cfg)


def _call_node(cfg: DictConfig) -> dict[Any, Any]:
    try:
        node = OmegaConf.to_container(cfg.task.call, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(first_line(error), "correct the overrides that lead there") from error
    assert isinstance(node, dict)
    return node


def build(node: Any, cfg: DictConfig) -> Any:
    """Build what a node describes.

    Args:
        node: Of plain containers, resolved.
        cfg: The config that it is from.

    Raises:
        UserError: See `build_call`.
    """
    check_targets(node, cfg)
    try:
        prepared = _prepare(node, cfg)
        with _room_for_networks():
            return instantiate(prepared, _convert_="all")
    except InstantiationException as error:
        raise _user_error(error) from error


def _room_for_networks() -> AbstractContextManager[None]:
    """Refuse networks that there is no memory for; what has not loaded torch makes none."""
    if "torch" not in sys.modules:
        return nullcontext()
    from impasto.runtime.network_memory import room_for_networks

    return room_for_networks()


def pick_device(accelerator: str) -> str:
    """The torch device that the trainer's accelerator names; `auto` is CUDA, then MPS, then CPU.

    Raises:
        UserError: There is no such device, or this machine has none.
    """
    import torch

    names = {"gpu": "cuda", "auto": ""}
    name = names.get(accelerator, accelerator)
    if name:
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError, ImportError) as error:
            what = f"trainer.accelerator is {accelerator!r}, which this machine does not have"
            raise UserError(what, "choose trainer=auto or trainer=cpu") from error
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _prepare(node: Any, cfg: DictConfig) -> Any:
    """Remove from the nodes what is no argument of theirs, and insert the weights."""
    if isinstance(node, list):
        return [_prepare(child, cfg) for child in node]
    if not isinstance(node, dict):
        return node
    node = {key: _prepare(child, cfg) for key, child in node.items()}
    target = node.get("_target_")
    if target is None:
        return node
    for rule in RULES:
        node.pop(rule, None)
    if target == OmegaConf.select(cfg, "data._target_"):
        node.pop("strokes", None)
    if target == OmegaConf.select(cfg, "agent._target_"):
        node.pop("weights", None)
    if target == OmegaConf.select(cfg, "trainer._target_") and node.get("precision") == "auto":
        return _defer_precision(node, cfg.run.device)
    if "allow_untrained" in node:
        return _prepare_renderer(node, bool(cfg.task.get("allow_untrained")))
    return node


def _defer_precision(trainer: dict[str, Any], device: str) -> dict[str, Any]:
    """Defer a trainer of precision `auto` until the networks exist, where bfloat16 is fast."""
    from impasto.runtime.precision import (  # torch: not for who looks at configs
        FULL,
        fastest_precision,
    )

    if fastest_precision(device) == FULL:
        return {**trainer, "precision": FULL}
    plugin = {"_target_": "lightning_modules.AutoPrecision", "device": device}
    plugins = [*(trainer.get("plugins") or []), plugin]
    return {**trainer, "precision": None, "plugins": plugins}


def _prepare_renderer(node: dict[str, Any], task_allows: bool) -> dict[str, Any]:
    weights = node.pop("weights", None)
    allow = bool(node.pop("allow_untrained")) or task_allows
    if weights:
        return {
            "_target_": RENDERER_LOADER,
            "weights": weights,
            "stroke": node["stroke"],
            "canvas_size": node["canvas_size"],
            "allow_untrained": allow,
        }
    if not allow:
        todo = (
            "give those of a task=pretrain run, or paint without any by renderer=analytic, "
            "or insist by renderer.allow_untrained=true"
        )
        raise UserError("renderer.weights is not given, so the renderer is untrained", todo)
    return node


def _user_error(error: InstantiationException) -> Exception:
    """Turn a constructor's exception into an error of the user, where it may be one."""
    cause: BaseException | None = error
    while isinstance(cause, InstantiationException):
        cause = cause.__cause__
    if isinstance(cause, UserError):
        return cause
    key = str(error).rpartition("full_key: ")[2].strip()
    where = f" ({key})" if key and "\n" not in key else ""
    if isinstance(cause, ModuleNotFoundError):
        named = re.search(r"Requirement '([\w-]+)", str(cause))  # as Lightning says it
        package = named[1] if named else (cause.name or str(cause)).partition(".")[0]
        return UserError(f"{package} is not installed{where}", f"pip install {package}")
    if cause is not None and type(cause).__name__ == "MisconfigurationException":
        return UserError(f"{_line(cause)}{where}", "choose another trainer, such as trainer=auto")
    if isinstance(cause, TypeError | ValueError):
        return UserError(f"{_line(cause)}{where}", "correct the values there")
    return error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
