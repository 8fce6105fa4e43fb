"""Checks of the values that a user can get wrong, before anything is built."""

from dataclasses import dataclass

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from impasto.bounds import CanvasSize, Count, Rgb, Seed, bounded
from impasto.errors import UserError, first_line
from impasto.launch.validation.numbers import check_numbers, check_section
from impasto.launch.validation.refused import check_combinations, check_refused
from impasto.launch.validation.targets import check_hydra

_NEEDED = {key: f"leave {key} as it is" for key in ("task", "task.call", "run")}
_NEEDED["canvas"] = "give canvas.size=... or canvas.background=..."


@dataclass
class Canvas:
    """The section `canvas`."""

    size: CanvasSize
    background: Rgb


@dataclass
class Knobs:
    """The keys of the top level that everyone uses."""

    strokes: Count
    bundle: Count
    updates: Count
    batch_size: Count
    seed: Seed


def check(cfg: DictConfig) -> None:
    """Check a composed config; whole floats (1e4) become integers.

    Raises:
        UserError: If a number is out of its bounds; if the task lacks something that it needs; if
            there is something that a run can't take.
    """
    if "hydra" in cfg:
        check_hydra(cfg)
        if cfg.hydra.run._get_node("dir")._value() in (None, ""):
            raise UserError("hydra.run.dir is given, but empty", "give a folder, or leave it out")
    for section, todo in _NEEDED.items():
        if not isinstance(select(cfg, section), DictConfig):
            raise UserError(f"{section} is no section", todo)
    absent = [key for key in ("strokes", "updates") if select(cfg, key) is None]
    knobs = {key: one for key, one in bounded(Knobs).items() if key not in absent}
    check_section(cfg, cfg, knobs)  # some tasks have none of these; what needs them says so
    check_section(cfg, cfg.canvas, bounded(Canvas))
    check_refused(cfg)
    check_combinations(cfg)
    for key in cfg.task.get("required", ()):
        if select(cfg, key) in (None, ""):
            raise UserError(f"{key} is not given", f"add {key}=... to the command")
    check_numbers(cfg)


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
