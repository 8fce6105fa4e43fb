"""Checks of the values that a user can get wrong, before anything is built."""

import math

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from impasto.errors import UserError, first_line
from impasto.launch.validation.ranges import check_ranges
from impasto.launch.validation.refused import check_combinations, check_refused
from impasto.launch.validation.targets import check_hydra

# Key to the smallest whole number it may be. Null is allowed where the task has no such number.
_WHOLE_NUMBERS = {
    "strokes": 1,
    "bundle": 1,
    "updates": 1,
    "batch_size": 1,
    "size": 1,
    "canvas.size": 1,
    "seed": 0,
}
_NEEDED = ("task", "task.call", "run")
_MAY_BE_NULL = ("strokes", "updates", "size")
_LARGEST_SEED = 2**32 - 1
CANVAS_MULTIPLE = 16


def check(cfg: DictConfig) -> None:
    """Check the knobs of a composed config and turn whole floats (1e4) into integers.

    Raises:
        UserError: If a number is not one, too small, or not a multiple where it must be; if the
            background is not a colour; if the task lacks something that it needs; if there is
            something that a run can't take.
    """
    if "hydra" in cfg:
        check_hydra(cfg)
        if cfg.hydra.run._get_node("dir")._value() in (None, ""):
            raise UserError("hydra.run.dir is given, but empty", "give a folder, or leave it out")
    for section in _NEEDED:
        if not isinstance(select(cfg, section), DictConfig):
            raise UserError(f"{section} is no section", f"leave {section} as it is")
    for key, least in _WHOLE_NUMBERS.items():
        value = select(cfg, key)
        if value is None and key in _MAY_BE_NULL and not _is_given(cfg, key):
            continue
        number = _whole_number(key, value, least)
        if number != value or not isinstance(value, int):
            OmegaConf.update(cfg, key, number)
    if cfg.seed > _LARGEST_SEED:
        raise UserError(f"seed is {cfg.seed}", f"give a number up to {_LARGEST_SEED}")
    size = cfg.canvas.size
    if size % CANVAS_MULTIPLE:
        below = max(size // CANVAS_MULTIPLE * CANVAS_MULTIPLE, CANVAS_MULTIPLE)
        todo = f"give a multiple of {CANVAS_MULTIPLE}, such as canvas.size={below}"
        raise UserError(f"canvas.size is {size}", todo)
    _check_background(select(cfg, "canvas.background"))
    check_ranges(cfg)
    check_refused(cfg)
    check_combinations(cfg)
    for key in cfg.task.get("required", ()):
        if select(cfg, key) in (None, ""):
            raise UserError(f"{key} is not given", f"add {key}=... to the command")


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


def _is_given(cfg: DictConfig, key: str) -> bool:
    """Return True if the task gives the key a number of its own: null would then be a mistake."""
    return OmegaConf.select(cfg, f"task.{key}") is not None


def _whole_number(key: str, value: object, least: int) -> int:
    todo = f"give a whole number of at least {least}, such as {key}={max(least, 1) * 16}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = "null" if value is None else repr(value)
        raise UserError(f"{key} is {shown}, which is not a number", todo)
    if not math.isfinite(value) or value != int(value) or value < least:
        raise UserError(f"{key} is {value}", todo)
    return int(value)


def _check_background(value: object) -> None:
    channels = list(value) if isinstance(value, ListConfig) else []
    numbers = [c for c in channels if isinstance(c, int | float) and not isinstance(c, bool)]
    if len(channels) != 3 or len(numbers) != 3 or not all(0 <= c <= 1 for c in numbers):
        todo = "give red, green and blue from 0 to 1, such as canvas.background=[1,1,1]"
        raise UserError(f"canvas.background is {value}", todo)
