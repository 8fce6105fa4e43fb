"""Menus for a task that leaves a choice to its user: every choice of a group.

In a task's `call`, ``{_every_: stroke}`` stands for the choices of the group `stroke` by name, each
a `Choice` whose `build` makes the object as the run would have it with that choice made; what the
command line says about the choice that it makes counts for that one. Beside `_every_`:

- ``given: {opaque: stroke.opaque}``: `build(opaque=…)` sets that key.
- ``also: {agent.weights: [a, b]}``: a choice that depends on the key is there once for the value
  that the run has, unless that is null, and once for each of these; one alone needs no brackets.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, flag_override

from impasto.launch.compose import CONFIG_NAME
from impasto.launch.help import describe
from impasto.tasks.serve.menus import Choice

EVERY = "_every_"
_PLACE = "every"  # the section that the choices are composed into
_UNLIKE = ("\0", "\1")  # two values that no key has

Spec = Mapping[str, Any]
Build = Callable[[Any, DictConfig], Any]


def is_spec(node: object) -> TypeGuard[Spec]:
    """Return True if a node stands for the choices of a group."""
    return isinstance(node, dict) and EVERY in node


def make_choices(
    specs: Mapping[str, Spec], cfg: DictConfig, build: Build
) -> dict[str, dict[str, Choice[Any]]]:
    """Expand specs into the choices that they stand for.

    Args:
        specs: By any name.
        cfg: The run's config.
        build: Makes an object of a resolved node and the config around it.

    Returns:
        The choices of each spec by name, in alphabetical order.
    """
    if not specs:
        return {}
    files = {spec[EVERY]: _files(spec[EVERY]) for spec in specs.values()}
    composed = _compose(files)
    composed.run = cfg.run
    made: dict[str, dict[str, Choice[Any]]] = {}
    for key, spec in specs.items():
        made[key] = {}
        for name, path in files[spec[EVERY]].items():
            builder = _choice_builder(composed, spec, name, build)
            for label, one in builder.variants(spec.get("also", {})):
                made[key][label] = Choice(one, describe(path))
    return made


def _files(group: str) -> dict[str, Path]:
    """The files of a group by choice, wherever Hydra searches, in alphabetical order."""
    sources = [one for one in HydraConfig.get().runtime.config_sources if one.schema == "file"]
    paths = [path for one in sources for path in (Path(one.path) / group).glob("*.yaml")]
    return {path.stem: path for path in sorted(paths, key=lambda path: path.stem)}


def _compose(files: Mapping[str, Mapping[str, Path]]) -> DictConfig:
    """The run's config with every choice of the groups in a section of its own."""
    overrides = HydraConfig.get().overrides
    search = [line for line in overrides.hydra if line.startswith("hydra.searchpath")]
    every = [
        f"+{group}@{_PLACE}.{group}.choice{number}={name}"
        for group, names in files.items()
        for number, name in enumerate(names)
    ]
    cfg = compose(CONFIG_NAME, overrides=[*overrides.task, *search, *every])
    for group, names in files.items():
        cfg[_PLACE][group] = dict(zip(names, cfg[_PLACE][group].values(), strict=True))
    return cfg


@dataclass(frozen=True)
class _ChoiceBuilder:
    """Builder of one choice: the run's config with the choice where `build` finds it."""

    cfg: DictConfig
    name: str
    section: str
    given: Mapping[str, str]
    build: Build
    changes: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, **arguments: object) -> Any:
        """Build the object."""
        changes = {self.given[name]: value for name, value in arguments.items()}
        cfg, node = self._resolved({**self.changes, **changes})
        return self.build(node, cfg)

    def variants(self, also: Mapping[str, Any]) -> Iterator[tuple[str, "_ChoiceBuilder"]]:
        """This choice by its label; several where it depends on a key that has several values."""
        for key, named in also.items():
            values = [named] if isinstance(named, str) else named or []
            low, high = (self._resolved({key: value})[1] for value in _UNLIKE)
            if low != high:
                present = OmegaConf.select(self.cfg, key)
                for value in dict.fromkeys([present, *values]):
                    if value is not None:
                        changes = {**self.changes, key: value}
                        one = _ChoiceBuilder(**{**vars(self), "changes": changes})
                        yield f"{self.name} ({value})", one
                return
        yield self.name, self

    def _resolved(self, changes: Mapping[str, object]) -> tuple[DictConfig, Any]:
        cfg = self.cfg.copy()
        with flag_override(cfg, ["allow_objects", "struct"], [True, False]):
            for key, value in changes.items():
                OmegaConf.update(cfg, key, value, merge=False)
            return cfg, OmegaConf.to_container(OmegaConf.select(cfg, self.section), resolve=True)


def _choice_builder(composed: DictConfig, spec: Spec, name: str, build: Build) -> _ChoiceBuilder:
    cfg, group = composed.copy(), spec[EVERY]
    several = "_target_" not in cfg[group]  # such as export, of which any number is chosen
    section = f"{group}.{name}" if several else group
    chosen = name in cfg[group] if several else HydraConfig.get().runtime.choices[group] == name
    if not chosen:
        with flag_override(cfg, "struct", False):
            OmegaConf.update(cfg, section, composed[_PLACE][group][name], merge=False)
    return _ChoiceBuilder(cfg, name, section, spec.get("given", {}), build)
