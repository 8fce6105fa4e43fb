"""Validation of a composed config: once for a run, once for every job of a sweep."""

from dataclasses import dataclass

from omegaconf import AnyNode, DictConfig

from impasto.bounds import CanvasSize, Count, Rgb, Seed, Tags, bounded
from impasto.errors import UserError
from impasto.launch.validation.devices import check_ranks
from impasto.launch.validation.numbers import check_numbers, check_section, select
from impasto.launch.validation.refused import check_combinations, check_refused
from impasto.launch.validation.targets import check_hydra

_AUTO = "auto"  # strokes, for a task that has a budget
_NEEDED = {key: f"leave {key} as it is" for key in ("task", "task.call", "run")}
_NEEDED["canvas"] = "give canvas.size=... or canvas.background=..."


@dataclass
class Canvas:
    """The section `canvas`."""

    size: CanvasSize
    background: Rgb


@dataclass
class Extras:
    """The section `extras`."""

    print_config: bool | None


@dataclass
class Knobs:
    """The keys of the top level that everyone uses."""

    strokes: Count
    bundle: Count
    updates: Count
    batch_size: Count
    seed: Seed


def _stand_in(node: DictConfig, strokes: int) -> None:
    """Build painters for some number of strokes, where the task will choose another one."""
    for name in node:
        child = node._get_node(name)
        if isinstance(child, DictConfig):
            _stand_in(child, strokes)
        elif isinstance(child, AnyNode) and child._value() == "${strokes}":
            node[name] = strokes


def validate(cfg: DictConfig) -> None:
    """Check a config before anything is built or written.

    Args:
        cfg: A composed config with its `hydra` section; whole floats (1e4) become integers, and
            `auto` devices their number.

    Raises:
        UserError: A number is out of its bounds; the task lacks something that it needs; there is
            something that a run can't take.
    """
    if "hydra" in cfg:
        check_hydra(cfg)
        if cfg.hydra.run._get_node("dir")._value() in (None, ""):
            raise UserError("hydra.run.dir is given, but empty", "give a folder, or leave it out")
    for section, todo in _NEEDED.items():
        if not isinstance(select(cfg, section), DictConfig):
            raise UserError(f"{section} is no section", todo)
    check_refused(cfg)
    check_combinations(cfg)
    absent = [key for key in ("strokes", "updates") if select(cfg, key) is None]
    if select(cfg, "strokes") == _AUTO and "budget" in cfg.task.call:
        absent.append("strokes")
        _stand_in(cfg.painter, cfg.task.strokes)
    knobs = {key: one for key, one in bounded(Knobs).items() if key not in absent}
    check_section(cfg, cfg, knobs)  # some tasks have none of these; what needs them says so
    check_section(cfg, cfg.canvas, bounded(Canvas))
    check_section(cfg, cfg.extras, bounded(Extras))
    check_section(cfg, cfg, {"tags": Tags})
    for key in cfg.task.get("required", ()):
        if select(cfg, key) in (None, ""):
            raise UserError(f"{key} is not given", f"add {key}=... to the command")
    check_numbers(cfg)
    check_ranks(cfg)
