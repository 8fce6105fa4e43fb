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
from impasto.launch.validation.targets import check_targets

_CALL = "task.call"


def build_call(cfg: DictConfig) -> "partial[dict[str, object]]":
    """Build everything that the task's function needs.

    Returns:
        The function with its arguments; to be called without any.

    Raises:
        UserError: If an object refuses its arguments, or weights are missing.
    """
    call: partial[dict[str, object]] = build({**_call_node(cfg), "_partial_": True}, _CALL)
    return call


def import_call(cfg: DictConfig) -> None:
    """Load the modules of everything that `build_call` will build.

    Raises:
        UserError: Something isn't there, or is not of what a config may name.
    """
    check_targets(_call_node(cfg), _CALL)


def _call_node(cfg: DictConfig) -> dict[Any, Any]:
    try:
        node = OmegaConf.to_container(cfg.task.call, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(first_line(error), "correct the overrides that lead there") from error
    assert isinstance(node, dict)
    return node


def build(node: Any, key: str) -> Any:
    """Build what a node describes.

    Args:
        node: Of plain containers, resolved.
        key: Where it stands in the config.

    Raises:
        UserError: See `build_call`.
    """
    check_targets(node, key)
    try:
        with _room_for_networks():
            return instantiate(node, _convert_="all")
    except InstantiationException as error:
        raise _user_error(error) from error


def _room_for_networks() -> AbstractContextManager[None]:
    """Refuse networks that there is no memory for; what has not loaded torch makes none."""
    if "torch" not in sys.modules:
        return nullcontext()
    from impasto.runtime.network_memory import room_for_networks

    return room_for_networks()


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
