"""Ranges of numbers and switches in the config, as the YAML files say.

A key whose default is a number takes numbers, whole ones where the default is whole; a key whose
default is true or false takes these; a list of numbers takes such a list. What is in brackets at
the end of the key's comment narrows that::

    tau: 0.001 # weight of the newest networks in their target networks [0 to 1]
    theta: null # how fast noise is forgotten [above 0, or null]

Parts of it, separated by commas: `A to B`, `at least A`, `above A`, `at most B`, `below B`,
`whole`, `or null`, and `N of them` for a list. Values of other libraries' objects are left to them,
unless they have brackets.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from impasto.errors import UserError
from impasto.launch.arguments import commented_keys

_NUMBER = r"(-?[\d.]+(?:e-?\d+)?)"
_BOUNDS = {
    f"{_NUMBER} to {_NUMBER}": ("least", "most"),
    f"at least {_NUMBER}": ("least",),
    f"at most {_NUMBER}": ("most",),
    f"above {_NUMBER}": ("above",),
    f"below {_NUMBER}": ("below",),
}
_NOT_THERE = object()


@dataclass(frozen=True)
class Range:
    """Range of a key's values: a switch, a number, or a list of numbers.

    Attributes:
        kind: `bool`, `int` or `float`.
        several: Whether it is a list of them.
        null: Whether it may be null.
        least: The smallest number; `above` is below all that it may be.
        most: The largest; `below` is above all.
        count: How many a list has; 0 for any number.
        said: The bounds in words.
    """

    kind: type
    several: bool = False
    null: bool = False
    least: float = -math.inf
    above: float = -math.inf
    most: float = math.inf
    below: float = math.inf
    count: int = 0
    said: tuple[str, ...] = ()

    def holds(self, value: object) -> bool:
        """Return True if a single value lies in the range."""
        if self.kind is bool or isinstance(value, bool):
            return self.kind is bool and isinstance(value, bool)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return False
        if self.kind is int and value != int(value):
            return False
        return self.least <= value <= self.most and self.above < value < self.below

    def todo(self) -> str:
        """Advice on what to give, in the imperative."""
        if self.kind is bool:
            return "give true or false"
        what = "whole number" if self.kind is int else "number"
        what = f"a list of {what}s" if self.several else f"a {what}"
        return ", ".join(["give " + what, *self.said, *(["or null"] if self.null else [])])


def check_ranges(cfg: DictConfig) -> None:
    """Check the values of all groups that were chosen; whole floats (1e4) become integers.

    Args:
        cfg: A composed config; with a `hydra` section, unless this is a job of Hydra.

    Raises:
        UserError: A value is none that its key may have.
    """
    if "hydra" not in cfg and not HydraConfig.initialized():
        return
    runtime = cfg.hydra.runtime if "hydra" in cfg else HydraConfig.get().runtime
    for place, path in _files(cfg, runtime):
        for key, allowed in ranges_of(path).items():
            _check(cfg, f"{place}.{key}".removeprefix("."), allowed)


@cache
def ranges_of(path: Path) -> Mapping[str, Range]:
    """The ranges of a YAML file's keys, dotted, from where its content is put.

    Raises:
        ValueError: What is in brackets is no range.
    """
    text = path.read_text(encoding="utf-8")
    comments = dict(commented_keys(text))
    ranges = {}
    for key, default, ours in _leaves(yaml.safe_load(text) or {}, "", True):
        words = re.search(r"\[([^\[\]]+)\]$", comments.get(key) or "")
        bounds = words[1] if words and words[1] != "as typed" else ""
        if (ours or bounds) and (allowed := _range(default, bounds)):
            ranges[key] = allowed
    return ranges


def _range(default: object, words: str) -> Range | None:
    """The range of a key with this default; None where there is nothing to check."""
    said: list[str] = []
    options: dict[str, Any] = {}
    whole = null = False
    for word in filter(None, words.split(", ")):
        if match := re.fullmatch(r"(\d+) of them", word):
            options["count"] = int(match[1])
            said.append(word)
            continue
        if word in ("whole", "or null"):
            whole, null = whole or word == "whole", null or word == "or null"
            continue
        for pattern, names in _BOUNDS.items():
            if match := re.fullmatch(pattern, word):
                options |= {n: float(v) for n, v in zip(names, match.groups(), strict=True)}
                said.append(f"from {word}" if " to " in word else word)
                break
        else:
            raise ValueError(f"[{words}] is no range")
    first = default[0] if isinstance(default, list) and default else default
    if not isinstance(first, bool | int | float) and not words:
        return None
    kind: type = int if whole else type(first) if isinstance(first, bool | int) else float
    null = null or kind is bool
    return Range(kind, isinstance(default, list), null, **options, said=tuple(said))


def _leaves(node: Mapping[Any, Any], prefix: str, ours: bool) -> Iterator[tuple[str, Any, bool]]:
    """Every value of a file by its dotted key, and whether the project's own objects take it."""
    theirs = ("pytorch_lightning.", "lightning_modules.Trainer")
    ours = ours and not str(node.get("_target_", "")).startswith(theirs)
    for name, value in node.items():
        if str(name).startswith("_") or name == "defaults":
            continue
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.", ours)
        else:
            yield f"{prefix}{name}", value, ours


def _files(cfg: DictConfig, runtime: Any) -> Iterator[tuple[str, Path]]:
    """Every file of the choices that were made, and where its content stands."""
    folders = [Path(one.path) for one in runtime.config_sources if one.schema == "file"]
    made = {key: str(name) for key, name in runtime.choices.items() if name is not None}
    for several in map(str, cfg):  # groups such as export, of which any number is chosen
        if several not in made and isinstance(section := cfg._get_node(several), DictConfig):
            made |= {f"{several}@{several}.{name}": name for name in map(str, section)}
    for key, name in made.items():
        group, _, place = key.partition("@")
        if group == "experiment" or group.startswith("hydra/"):
            continue  # an experiment gives values to keys of the others
        for folder in folders:
            path = folder / group / f"{name}.yaml"
            if path.is_file():
                yield from _inherited(path, place or group)


def _inherited(path: Path, place: str) -> Iterator[tuple[str, Path]]:
    """A file, and those of its own group that it starts from."""
    text = path.read_text(encoding="utf-8")
    if re.match("# @package _global_", text):
        place = ""
    yield place, path
    content = yaml.safe_load(text)
    for entry in content.get("defaults", ()) if isinstance(content, dict) else ():
        if isinstance(entry, str) and entry != "_self_":
            name, _, package = entry.partition("@")
            below = "" if package in ("", "_here_") else f".{package}"
            base = path.parent / f"{name}.yaml"
            if base.is_file():
                yield from _inherited(base, f"{place}{below}")


def _check(cfg: DictConfig, key: str, allowed: Range) -> None:
    try:
        value = OmegaConf.select(cfg, key, default=_NOT_THERE)
    except OmegaConfBaseException as error:
        what = f"{key} can't be resolved: {str(error).splitlines()[0]}"
        raise UserError(what, "correct the overrides that lead there") from error
    if value is _NOT_THERE or (value is None and allowed.null):
        return
    if not allowed.several:
        if not allowed.holds(value):
            raise UserError(f"{key} is {_shown(value)}", allowed.todo())
        if allowed.kind is int and not isinstance(value, int):
            OmegaConf.update(cfg, key, int(value))
        return
    fits = isinstance(value, ListConfig) and len(value) == (allowed.count or len(value))
    if not fits or not all(map(allowed.holds, value)):
        raise UserError(f"{key} is {_shown(value)}", allowed.todo())
    if allowed.kind is int:
        OmegaConf.update(cfg, key, [int(one) for one in value])


def _shown(value: object) -> str:
    """A value as the command line has it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, ListConfig | DictConfig) else repr(value)
