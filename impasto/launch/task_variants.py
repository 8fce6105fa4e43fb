"""Variants of a task that other keys select: another call, and several choices of a group.

::

    instead:         # with this key given, what stands there takes the place of the task's own
      image:
        call: …
        choices: {painter: painters}  # painter=NAME for every name that the key `painters` lists

The second fills the call's argument ``painters``: a mapping of the names to the group's objects.
Without the key it holds the one choice that was made.
"""

import copy
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from impasto.errors import UserError
from impasto.launch.compose import CONFIG_NAME, choices, explain
from impasto.launch.validation.knobs import select


def resolve_variants(cfg: DictConfig, conf: Path) -> DictConfig:
    """Resolve the variants in the task's section by the keys that are given.

    Args:
        cfg: A composed config; with a `hydra` section, unless this is a job of Hydra.
        conf: The config folder, absolute.

    Returns:
        A copy; the config itself where there is nothing to do.

    Raises:
        UserError: A list of choices is none, or names one that is not there or doesn't compose.
    """
    if "instead" not in cfg.task and "choices" not in cfg.task:
        return cfg
    cfg = copy.deepcopy(cfg)
    with open_dict(cfg):
        alternatives = cfg.task.pop("instead", None) or {}
        for key, section in alternatives.items():
            if select(cfg, str(key)) not in (None, ""):
                cfg.task = {**_plain(cfg.task), **_plain(section)}
        for group, key in (cfg.task.pop("choices", None) or {}).items():
            cfg.task.call[key] = _nodes(cfg, conf, str(group), str(key))
    return cfg


def _nodes(cfg: DictConfig, conf: Path, group: str, key: str) -> dict[str, dict[str, object]]:
    """The group's sections by the names that the key lists."""
    hydra = cfg.hydra if "hydra" in cfg else HydraConfig.get()
    names = select(cfg, key)
    if names is None:
        return {hydra.runtime.choices[group]: _plain(cfg[group])}
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, ListConfig | list) or not names:
        todo = f"give some of {key}=[{','.join(choices(conf, group))}]"
        raise UserError(f"{key} is {names}", todo)
    places = [line for line in hydra.overrides.hydra if line.startswith("hydra.searchpath=")]
    given = [*places, *hydra.overrides.task]
    return {str(name): _node(conf, group, str(name), given) for name in names}


def _node(conf: Path, group: str, name: str, given: Sequence[str]) -> dict[str, object]:
    """The group's section as if this choice had been made."""
    overrides = [*given, f"{group}={name}"]  # the last choice counts
    try:
        if GlobalHydra.instance().is_initialized():
            return _plain(compose(CONFIG_NAME, overrides=overrides)[group])
        with initialize_config_dir(str(conf), version_base="1.3"):
            return _plain(compose(CONFIG_NAME, overrides=overrides)[group])
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        reason = explain(error, conf, overrides)
        if reason.what.startswith("unknown key"):  # of another choice it is known
            todo = "leave it out, or run one after the other"
            raise UserError(f"{reason.what} of {group}={name}", todo) from error
        raise reason from error


def _plain(node: DictConfig) -> dict[str, object]:
    """Containers, whose interpolations are resolved where they are put."""
    container = OmegaConf.to_container(node, resolve=False)
    assert isinstance(container, dict)
    return {str(name): value for name, value in container.items()}
