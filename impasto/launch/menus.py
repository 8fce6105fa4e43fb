"""Every choice of a group, for tasks that use others than the one that was made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, flag_override

from impasto.launch.build import build
from impasto.launch.compose import CONFIG_NAME
from impasto.launch.help import describe
from impasto.tasks.serve.menus import Choice

_PLACE = "every"  # the section that the choices are composed into
_AGENT = "agent.weights"


class Menu(dict[str, Choice[Any]]):
    """Choices of a group by name, in alphabetical order, each built as this run would have it.

    What the command line says of the choice that it makes counts for that one. An argument of
    `build` is a key of the choice or, if it has none of that name, of the top level.

    Args:
        group: The group.
        agents: Weights of agents. A choice that paints by an agent is there once for
            `agent.weights`, if that is given, and once for each of these; one needs no brackets.
            None: it is there as it is.
    """

    def __init__(self, group: str, agents: Sequence[str] | str | None = None) -> None:
        super().__init__()
        files = _files(group)
        overrides = HydraConfig.get().overrides
        search = [line for line in overrides.hydra if line.startswith("hydra.searchpath")]
        every = [f"+{group}@{_PLACE}.choice{i}={name}" for i, name in enumerate(files)]
        cfg = compose(CONFIG_NAME, overrides=[*overrides.task, *search, *every])
        for (name, path), node in zip(files.items(), cfg[_PLACE].values(), strict=True):
            builder = _with_choice(cfg, group, name, node)
            weights = [agents] if isinstance(agents, str) else agents
            for label, one in builder.variants(name, weights):
                self[label] = Choice(one, describe(path))


def _files(group: str) -> dict[str, Path]:
    """The files of a group by choice, wherever Hydra searches, in alphabetical order."""
    sources = [one for one in HydraConfig.get().runtime.config_sources if one.schema == "file"]
    paths = [path for one in sources for path in (Path(one.path) / group).glob("*.yaml")]
    return {path.stem: path for path in sorted(paths, key=lambda path: path.stem)}


@dataclass(frozen=True)
class _Builder:
    """Builder of one choice.

    Attributes:
        cfg: The run's config with this choice made.
        section: Where in it the choice stands.
    """

    cfg: DictConfig
    section: str

    def __call__(self, **arguments: object) -> Any:
        """Build the object."""
        own = OmegaConf.select(self.cfg, self.section)
        keys = {f"{self.section}.{name}" if name in own else name: name for name in arguments}
        cfg = _changed(self.cfg, {key: arguments[name] for key, name in keys.items()})
        node = OmegaConf.to_container(OmegaConf.select(cfg, self.section), resolve=True)
        return build(node, self.section)

    def variants(self, name: str, agents: Sequence[str] | None) -> Iterator[tuple[str, "_Builder"]]:
        """Yield this choice by its label, or one for each agent that it can paint by."""
        own = OmegaConf.to_yaml(OmegaConf.select(self.cfg, self.section))
        if agents is None or f"${{{_AGENT}}}" not in own:
            yield name, self
            return
        for weights in dict.fromkeys([OmegaConf.select(self.cfg, _AGENT), *agents]):
            if weights is not None:
                cfg = _changed(self.cfg, {_AGENT: weights})
                yield f"{name} ({weights})", replace(self, cfg=cfg)


def _with_choice(cfg: DictConfig, group: str, name: str, node: DictConfig) -> _Builder:
    several = "_target_" not in cfg[group]  # such as export, of which any number is chosen
    section = f"{group}.{name}" if several else group
    made = name in cfg[group] if several else HydraConfig.get().runtime.choices[group] == name
    return _Builder(cfg if made else _changed(cfg, {section: node}), section)


def _changed(cfg: DictConfig, values: dict[str, object]) -> DictConfig:
    cfg = cfg.copy()
    with flag_override(cfg, ["allow_objects", "struct"], [True, False]):
        for key, value in values.items():
            OmegaConf.update(cfg, key, value, merge=False)
    return cfg
