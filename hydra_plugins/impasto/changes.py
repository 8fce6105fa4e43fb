"""What a resumed run has changed of its settings, and what of that it may."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from painting.errors import UserError
from painting.manifest import Manifest
from painting.versions import versions
from tasks.run_folder import WHEREABOUTS

# How long a run is, what watches it, and what a run that learns doesn't use: besides whereabouts.
_MAY_CHANGE = (
    *WHEREABOUTS, "updates", "task.updates", "callbacks", "painter", "export", "size", "runs",
)  # fmt: skip
_SHOWN = 8
_ABSENT = object()


def changes(saved: Mapping[str, Any], cfg: DictConfig) -> dict[str, str]:
    """Settings that differ and may not: dotted keys to ``saved -> now``.

    Two that are written differently are alike if they resolve to the same.

    Args:
        saved: A composed config as plain containers, interpolations unresolved.
        cfg: This run's.
    """
    # Through text, so that a config from memory and one from a file compare equal.
    now = cast(DictConfig, OmegaConf.create(OmegaConf.to_yaml(cfg)))
    allowed = (*_MAY_CHANGE, *(str(key) for key in OmegaConf.select(cfg, "may_change") or ()))
    here = dict(_leaves(cast(dict[str, Any], OmegaConf.to_container(now))))
    before = dict(_leaves(saved))
    then = OmegaConf.create(dict(saved))
    return {
        key: f"{_shown(before, then, key)} -> {_shown(here, now, key)}"
        for key in sorted(before.keys() | here.keys())
        if before.get(key, _ABSENT) != here.get(key, _ABSENT)
        and not any(key == start or key.startswith(f"{start}.") for start in allowed)
        and not _resolve_alike(key, then, now)
    }


def refuse_changes(checkpoint: Path, manifest: Manifest, cfg: DictConfig) -> None:
    """Refuse to go on with other settings than the checkpoint was saved with.

    Raises:
        UserError: Some differ that may not; they are listed.
    """
    if manifest.config is None:  # saved by a program of someone's own, without a config
        return
    found = changes(manifest.config, cfg)
    if not found:
        return
    lines = [f"{key}: {change}" for key, change in found.items()]
    more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    keys = ",".join(list(found)[:_SHOWN])
    raise UserError(
        f"{checkpoint} was saved with other settings: {', '.join(lines[:_SHOWN])}{more}",
        f"give them as they were, or start a new run, or insist by may_change=[{keys}]",
    )


def other_versions(manifest: Manifest) -> str | None:
    """A line on versions that differ from those that saved a checkpoint; None if none does."""
    now = versions()
    found = [
        f"{name} {version}, this is {now[name]}"
        for name, version in (manifest.versions or {}).items()
        if name in now and now[name] != version
    ]
    if not found:
        return None
    return f"note: saved by {'; '.join(found)}: going on may not be bit for bit the same"


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values; a list, and an empty section, is a value."""
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _resolve_alike(key: str, then: DictConfig, now: DictConfig) -> bool:
    try:
        values = [OmegaConf.select(cfg, key, throw_on_missing=True) for cfg in (then, now)]
    except OmegaConfBaseException:  # what depends on the moment, such as the folder's name
        return False
    return bool(values[0] == values[1] and values[0] is not None)


def _shown(leaves: Mapping[str, Any], cfg: DictConfig, key: str) -> str:
    """A value as a line has it, resolved where that is possible here."""
    if key not in leaves:
        return "not there"
    try:
        value = OmegaConf.select(cfg, key)
    except OmegaConfBaseException:
        value = leaves[key]
    return "null" if value is None else " ".join(str(value).split())
