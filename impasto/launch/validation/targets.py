"""Allowlist of the code that a config may name.

A config can come from somebody else, and `_target_` calls what it names. So it names classes of the
project, of `torch.optim` and some of Lightning's, their own class methods, and, as the task itself,
a public function of `impasto.tasks`. Whose package somebody trusts beyond these stands in the
environment, where no config can write it: ``IMPASTO_TRUST=my_package,other_package``.
"""

import difflib
import importlib
import inspect
import os
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from omegaconf import DictConfig, ListConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from impasto.errors import UserError

TRUST = "IMPASTO_TRUST"
_OWN = ("impasto", "lightning_modules", "datamodules")
_SHELL = "impasto.launch"  # calls what configs name, and is not called by them
# But these, which check what they build as all is checked.
_BUILDERS = ("impasto.launch.menus.Menu", "impasto.launch.trials.TrialBuilder")
_LIBRARIES = (
    "torch.optim",
    "pytorch_lightning.callbacks",
    "pytorch_lightning.loggers",
    "pytorch_lightning.plugins",
    "pytorch_lightning.profilers",
    "pytorch_lightning.strategies",
    "pytorch_lightning.trainer",
)
_SHORT = ("pytorch_lightning.Trainer",)  # what is defined deeper than it is named
_TASKS = "impasto.tasks"
# In Hydra's own section: its parts, plugins, and what Python's logging is made of.
_HYDRAS = ("hydra._internal", "hydra.core", "hydra_plugins")
_LOGGERS = ("logging", "colorlog")


def check_targets(node: Any, key: str) -> None:
    """Check what a node names, all the way down.

    Args:
        node: Of plain containers, resolved; its own `_target_` may be a task.
        key: Where it stands in the config.

    Raises:
        UserError: A target is not there, or not of what a config may name.
    """
    for name, value in _leaves(node, key):
        if name.endswith("._target_"):
            find_target(name, value, is_task=name == f"{key}._target_")
        elif isinstance(value, str) and "${" in value:
            # It was escaped: Hydra would look it up once more, and call what it finds there.
            todo = "leave it out, or rename the file"
            raise UserError(f"{name} holds ${{ in its text ({value})", todo)


def check_hydra(cfg: DictConfig) -> None:
    """Check what Hydra's own section names, before Hydra calls it.

    Args:
        cfg: A config that was composed with that section.

    Raises:
        UserError: It is not of Hydra, its plugins or Python's logging.
    """
    for key, name, value in _strings(cfg.hydra, "hydra"):
        if name == "_target_":
            _check_class(key, value, _HYDRAS)
        elif name in ("class", "()"):
            _check_class(key, value, _LOGGERS)
        elif value.startswith("ext://"):
            value = value.removeprefix("ext://")
            if not _is_in(value, ("sys", *_trusted())):
                raise _refusal(key, value)


def _check_class(key: str, target: str, packages: Sequence[str]) -> None:
    """Let a class through that is defined in these packages, whatever name leads to it."""
    trusted = _trusted()
    if not _is_in(target, (*packages, *trusted)):
        raise _refusal(key, target)
    try:
        thing = _found(key, target)
    except UserError as error:
        missing = isinstance(error.__cause__, ModuleNotFoundError)
        if missing and key == "hydra.launcher._target_":
            return  # who builds it says what to install, and calls nothing
        raise
    home = str(getattr(thing, "__module__", None) or "")
    if not _is_in(home, trusted) and not (isinstance(thing, type) and _is_in(home, packages)):
        raise _refusal(key, target)


def find_target(key: str, target: object, is_task: bool) -> Any:
    """Import what a config's node may call.

    Args:
        key: Where its name stands.
        target: Its dotted name.
        is_task: Whether the node is the task's own, whose target is a function.

    Raises:
        UserError: It is not there, or not of what a config may name.
    """
    if not isinstance(target, str):
        raise UserError(f"{key} is {target!r}", "give a class, such as impasto.networks.Actor")
    trusted = _trusted()
    if target in _BUILDERS:
        return _found(key, target)
    ours = _is_in(target, _OWN) and not _is_in(target, (_SHELL,))
    if not ours and not _is_in(target, (*_LIBRARIES, *trusted)) and target not in _SHORT:
        raise _refusal(key, target)
    thing = _found(key, target)
    # A dotted name can lead through a module of ours into another's: impasto.io.images.os.system.
    home = str(getattr(thing, "__module__", None) or "")
    if _is_in(home, trusted):
        return thing
    if _is_in(home, (_SHELL,)):
        raise _refusal(key, target)
    if isinstance(thing, type):
        allowed = _is_in(home, (*_OWN, *_LIBRARIES))
    elif inspect.ismethod(thing):  # of a class, such as PaintingPolicy.load
        allowed = isinstance(thing.__self__, type) and _is_in(home, _OWN)
    else:
        public = not target.rpartition(".")[2].startswith("_")
        allowed = is_task and public and inspect.isfunction(thing) and _is_in(home, (_TASKS,))
    if not allowed:
        raise _refusal(key, target)
    return thing


def _found(key: str, target: str) -> Any:
    """Import the object that a dotted name stands for.

    Raises:
        UserError: Nothing.
    """
    parts = target.split(".")
    thing: Any = None
    for number, part in enumerate(parts):
        try:
            if number == 0:
                thing = importlib.import_module(part)
            elif not hasattr(thing, part) and isinstance(thing, ModuleType):
                thing = importlib.import_module(".".join(parts[: number + 1]))
            else:
                thing = getattr(thing, part)
        except ModuleNotFoundError as error:
            if error.name and not target.startswith(error.name):
                package = error.name.partition(".")[0]
                what = f"{package} is not installed ({key})"
                raise UserError(what, f"pip install {package}") from error
            raise _not_there(key, target, thing, part) from error
        except AttributeError as error:
            raise _not_there(key, target, thing, part) from error
    return thing


def _not_there(key: str, target: str, thing: object, part: str) -> UserError:
    near = difflib.get_close_matches(part, [name for name in dir(thing) if name[0] != "_"], 1)
    todo = f"did you mean {target.rpartition('.')[0]}.{near[0]}?" if near else "correct the name"
    return UserError(f"{key} names {target}, which is not there", todo)


def _refusal(key: str, target: str) -> UserError:
    return UserError(
        f"{key} names {target}, which is not what a config may call",
        f"name a class of {', '.join(_OWN)} or torch.optim; or, if you know who wrote the "
        f"config, set {TRUST}=PACKAGE in the environment",
    )


def _trusted() -> tuple[str, ...]:
    names = os.environ.get(TRUST, "").split(",")
    return tuple(name.strip() for name in names if name.strip())


def _is_in(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _leaves(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield every value below a node of plain containers, and its dotted key."""
    if isinstance(node, dict | list):
        for name, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(child, f"{key}.{name}")
    else:
        yield key, node


def _strings(node: DictConfig | ListConfig, key: str) -> Iterator[tuple[str, str, str]]:
    """Yield every text below a node: its dotted key, its own name and itself.

    Raises:
        UserError: A section there is taken from elsewhere, so that it may change until it is used.
    """
    names: Any = node if isinstance(node, DictConfig) else range(len(node))
    for name in names:
        child, place = node._get_node(name), f"{key}.{name}"
        if OmegaConf.is_interpolation(node, name):
            value = str(child._value())  # type: ignore[union-attr]
            if _may_be_section(node, name, value):
                what = f"{place} takes a section from elsewhere ({value})"
                raise UserError(what, "write out what it holds")
            yield place, str(name), value
        elif isinstance(child, DictConfig | ListConfig):
            if not child._is_none() and not child._is_missing():
                yield from _strings(child, place)
        elif isinstance(child, Node) and isinstance(child._value(), str):
            yield place, str(name), child._value()


def _may_be_section(node: DictConfig | ListConfig, name: Any, value: str) -> bool:
    """Return True if an interpolation gives a section, or may once its `oc.` function is called."""
    try:
        return isinstance(node[name], DictConfig | ListConfig | dict | list)
    except (OmegaConfBaseException, ValueError):  # of what Hydra puts in when a job starts
        return value.startswith("${oc.")
