"""Checks of every number and switch that a task is built from, by what takes it.

Bounds stand in the annotations of constructors and tasks (`impasto.bounds`). Those of other
libraries have none that say as much: theirs stand here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Len, Lt
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from impasto.bounds import Count, Duration, Fraction, NotNegative, Positive, bounded, fits, misfit
from impasto.errors import UserError, first_line
from impasto.launch.validation.targets import find_target

_OTHERS: dict[str, dict[str, Any]] = {
    "torch.optim.lr_scheduler.": {
        "T_max": Count,
        "eta_min": NotNegative,
        "factor": Fraction,
        "gamma": Positive,
        "milestones": Sequence[Count],
    },
    "torch.optim.": {
        "betas": Annotated[Sequence[Annotated[float, Ge(0), Lt(1)]], Len(2, 2)],
        "lr": NotNegative,
    },
    "lightning_modules.Trainer": {
        "max_epochs": int,
        "val_check_interval": Count | Annotated[float, Gt(0), Le(1)] | Duration,
    },
}


def check_numbers(cfg: DictConfig) -> None:
    """Check the arguments of everything that the task is built from; 1e4 becomes 10000.

    Args:
        cfg: The composed config.

    Raises:
        UserError: One is out of its bounds, or a target is not what a config may name.
    """
    for key, node in _nodes(cfg.task.call):
        annotations = _annotations(f"{key}._target_", node)
        check_section(cfg, node, {name: annotations[name] for name in annotations if name in node})


def check_section(cfg: DictConfig, section: DictConfig, annotations: Mapping[str, Any]) -> None:
    """Check the values of a section against annotations; what is not there is null.

    Raises:
        UserError: See `check_numbers`.
    """
    for name, annotation in annotations.items():
        key, value = _resolved(section, name)
        if fits(value, annotation):
            continue
        whole = _whole(value)
        if not fits(whole, annotation):
            raise misfit(key, whole, annotation)
        OmegaConf.update(cfg, key, whole)


def _nodes(node: DictConfig | ListConfig) -> Iterator[tuple[str, DictConfig]]:
    """Every node with a target, and the key where it stands; references are followed."""
    if isinstance(node, DictConfig) and "_target_" in node:
        yield node._get_full_key(None), node
    for name in node if isinstance(node, DictConfig) else range(len(node)):
        try:
            child: Any = node._get_node(name)  # type: ignore[arg-type]
            child = child._dereference_node()
        except OmegaConfBaseException:  # of a run that hasn't begun, such as its folder
            continue
        if isinstance(child, DictConfig | ListConfig) and not child._is_none():
            yield from _nodes(child)


def _annotations(key: str, node: DictConfig) -> Mapping[str, Any]:
    target = find_target(key, node._target_, is_task=key == "task.call._target_")
    for prefix, annotations in _OTHERS.items():
        if str(node._target_).startswith(prefix):
            return annotations
    return bounded(target)


def _resolved(section: DictConfig, name: str) -> tuple[str, Any]:
    """A value, and the key where it stands, to which the section may only refer."""
    node: Any = section._get_node(name)
    if node is None:
        return section._get_full_key(name), None
    try:
        node = node._dereference_node()
        if OmegaConf.is_config(node):
            return node._get_full_key(None), OmegaConf.to_container(node, resolve=True)
        return node._get_full_key(None), node._value()
    except OmegaConfBaseException as error:
        what = f"{section._get_full_key(name)} can't be resolved: {first_line(error)}"
        raise UserError(what, "correct the overrides that lead there") from error


def _whole(value: Any) -> Any:
    """Whole floats, in lists as well, as whole numbers."""
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def select(cfg: DictConfig, key: str) -> object:
    """The value under a dotted key, with interpolations resolved; None where there is none.

    Raises:
        UserError: If the way there leads through something that is no section.
    """
    try:
        return OmegaConf.select(cfg, key)
    except OmegaConfBaseException as error:
        what = f"{key} can't be resolved: {first_line(error)}"
        raise UserError(what, "correct the overrides that lead there") from error
