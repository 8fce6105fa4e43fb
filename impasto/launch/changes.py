"""Settings of a resumed run that may be others than its checkpoint's, and those that may not."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from impasto.errors import UserError
from impasto.persistence.former_paths import current_path, replace_prefix
from impasto.persistence.manifest import Manifest
from impasto.tasks.runs.run_folder import WHEREABOUTS, followed

# Keys of version 0.1, which its checkpoints hold, to today's.
_FORMER_KEYS = {
    "data.strokes": "painting.strokes",
    "renderer.learning": "task.module",
    "renderer.learning.optimizer": "task.optimizer",
    "task.call.module": "task.module",
}
# Keys that came later, and what was done before there was a choice.
_LATER_KEYS = {
    "agent.environment.relative_color": False,
    "agent.actor.coordinates": True,
    "agent.critic.coordinates": True,
    "data.protocol": "official",
    "data.train_limit": None,
    "renderer.activation": "relu",
    "renderer.convolutions": 2,
    "reward.discriminator.last_trelu": False,
    "stroke.control": "relative",
    "stroke.max_opacity": None,
    "task.loss": "mse",
    "task.module.criterion": "mse",
    "task.test_strokes": None,
}
# How long a run is, what watches it, what a run that learns doesn't use, and the arguments of its
# task, which refer to what is compared: besides whereabouts.
_MAY_CHANGE = (
    *WHEREABOUTS,
    "updates",
    "task.updates",
    "callbacks",
    "painter",
    "export",
    "size",
    "runs",
    "task.call",
    "renderer.allow_untrained",
)
_SHOWN = 8
_ABSENT = object()


def changes(saved: Mapping[str, Any], cfg: DictConfig, fixed: Sequence[str] = ()) -> dict[str, str]:
    """Settings that differ and may not: dotted keys to ``saved -> now``.

    Two that are written differently are alike if they lead to the same. Of what was saved, plain
    references are followed and nothing is resolved: a file can be made so that this never ends.

    Args:
        saved: A composed config as plain containers, interpolations unresolved.
        cfg: This run's.
        fixed: Sections that may otherwise change, and may not here.
    """
    # Through text, so that a config from memory and one from a file compare equal.
    now = cast(DictConfig, OmegaConf.create(OmegaConf.to_yaml(cfg)))
    may_change = (one for one in _MAY_CHANGE if one not in fixed)
    allowed = (*may_change, *(str(key) for key in OmegaConf.select(cfg, "may_change") or ()))
    here = dict(_leaves(cast(dict[str, Any], OmegaConf.to_container(now))))
    before = _under_current_keys(dict(_leaves(saved)), here)
    differences: dict[str, str] = {}
    for key in sorted(before.keys() | here.keys()):
        if before.get(key, _ABSENT) == here.get(key, _ABSENT):
            continue
        if any(key == start or key.startswith(f"{start}.") for start in allowed):
            continue
        was, is_now = followed(saved, before.get(key, _ABSENT)), _resolved(now, here, key)
        if key.endswith("_target_") and isinstance(was, str) and isinstance(is_now, str):
            was, is_now = current_path(was), is_now.removesuffix(".load")  # by a class's own method
        if was != is_now:
            differences[key] = f"{_shown(was)} -> {_shown(is_now)}"
    return differences


def _under_current_keys(saved: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, Any]:
    """Move saved values to today's keys, and add what was not said then.

    What moved to where now is nothing is left out.
    """
    # Backwards, as what a renderer's section said took the place of what the task's said.
    moved = {
        replace_prefix(key, _FORMER_KEYS): value
        for key, value in sorted(saved.items(), reverse=True)
    }
    later = {key: value for key, value in _LATER_KEYS.items() if key in here}
    return later | {key: value for key, value in moved.items() if key in saved or key in here}


def refuse_changes(checkpoint: Path, manifest: Manifest, cfg: DictConfig) -> None:
    """Refuse to go on with other settings than the checkpoint was saved with.

    Raises:
        UserError: Some differ that may not; they are listed.
    """
    if manifest.config is None:  # saved by a program of someone's own, without a config
        return
    differences = changes(manifest.config, cfg)
    if not differences:
        return
    keys = ",".join(list(differences)[:_SHOWN])
    raise UserError(
        f"{checkpoint} was saved with other settings: {listed(differences)}",
        f"give them as they were, or start a new run, or insist by may_change=[{keys}]",
    )


def listed(differences: Mapping[str, str]) -> str:
    """Return the first of these differences in a line."""
    lines = [f"{key}: {change}" for key, change in differences.items()]
    more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return f"{', '.join(lines[:_SHOWN])}{more}"


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values; a list, and an empty section, is a value."""
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _resolved(cfg: DictConfig, leaves: Mapping[str, Any], key: str) -> Any:
    """A value of this run; as it is written where it depends on the moment."""
    if key not in leaves:
        return _ABSENT
    try:
        value = OmegaConf.select(cfg, key, throw_on_missing=True)
    except OmegaConfBaseException:
        return leaves[key]
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _shown(value: object) -> str:
    """A value as a line has it."""
    if value is _ABSENT:
        return "not there"
    return "null" if value is None else " ".join(str(value).split())
