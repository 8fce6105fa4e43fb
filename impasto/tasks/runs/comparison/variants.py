"""Runs that differ in nothing but the seed, as one variant; and what to call it."""

import json
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from impasto.tasks.runs.comparison.runs import Run
from impasto.tasks.runs.run_folder import WHEREABOUTS, identity

# What runs of one variant may differ in. Unlike for going on with a run, how long it is counts, and
# of the trainer the precision does, and the number of ranks, by which an update is larger:
# `_compared_config` puts these back.
_RANKS = ("devices", "num_nodes")
_LEFT_OUT = (*WHEREABOUTS, "seed", "runs")
_GROUPS_LEFT_OUT = ("task", "logger", "trainer")
LONG = 60  # letters of settings that are a label as they are
_EXPERIMENT = "experiment"  # its files reach into every section
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


@dataclass(frozen=True)
class Variant:
    """Runs of one config, seed and whereabouts apart.

    Attributes:
        label: What tells it from the others, as one would type it; of much, what suffices.
        settings: All that tells it from the others.
        runs: All of its runs, in the order given.
    """

    label: str
    settings: str
    runs: tuple[Run, ...]

    @property
    def finished(self) -> tuple[Run, ...]:
        """Runs that have come to their end: metrics are taken from these."""
        return tuple(run for run in self.runs if run.finished)


def group_runs(runs: Sequence[Run]) -> list[Variant]:
    """Put runs of one config together, in the order of their first ones."""
    grouped: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run in runs:
        grouped.setdefault(tuple(sorted(_values(run).items())), []).append(run)
    members = list(grouped.values())
    settings = _settings(members)
    labels = [_label(one, settings) for one in settings]
    return [
        Variant(label, one, tuple(own))
        for label, one, own in zip(labels, settings, members, strict=True)
    ]


def _label(settings: str, others: Sequence[str]) -> str:
    """Leave of long settings the words that tell them from the others, first ones first."""
    if len(settings) <= LONG:
        return settings
    alike = [set(one.split(" ")) for one in others if one != settings]
    kept = []
    for word in settings.split(" "):
        if any(word not in one for one in alike):
            kept.append(word)
            alike = [one for one in alike if word in one]
    return " ".join([*kept, "…"])


def _compared_config(run: Run) -> dict[str, Any]:
    compared = identity(run.config, _LEFT_OUT)
    trainer = run.config.get("trainer")
    if isinstance(trainer, dict) and "precision" in trainer:
        ranks = {key: trainer[key] for key in _RANKS if trainer.get(key, 1) != 1}
        compared["trainer"] = {"precision": trainer["precision"], **ranks}
    return compared


def _values(run: Run) -> dict[str, str]:
    """Every value that counts by dotted key, as typed; references to single values followed.

    So a knob that is given as what it would have been anyway makes no difference.
    """
    raw = dict(_leaves(_compared_config(run), ""))
    return {key: _followed(text, raw) for key, text in raw.items()}


def _followed(text: str, raw: Mapping[str, str]) -> str:
    followed: set[str] = set()
    while (match := _REFERENCE.fullmatch(text)) and match[1] in raw and match[1] not in followed:
        followed.add(match[1])
        text = raw[match[1]]
    return text


def _leaves(node: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict) and node:
        for name, child in node.items():
            yield from _leaves(child, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, _typed(node)


def _typed(value: Any) -> str:
    """A value as on the command line; 1 and 1.0 are the same."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return f"[{','.join(_typed(item) for item in value)}]"
    return json.dumps(value)


def _settings(members: Sequence[Sequence[Run]]) -> list[str]:
    """Name what tells each variant from the others: choices of groups, then single keys.

    A key whose value follows from the choices that are named already is left out, and so is a group
    whose choice follows from the experiment, unless it stands on a command line.
    """
    first = [runs[0] for runs in members]
    if len(first) == 1:
        return [_name_of_all(first[0])]
    given = {_key(override) for runs in members for run in runs for override in run.overrides}
    choices = [_choices(run) for run in first]
    named: dict[str, list[str | None]] = {}  # group to its choice by variant
    for group in sorted({g for own in choices for g in own}, key=_wideness):
        column = [own.get(group) for own in choices]
        if _tells(group, _package(group), column, named, given):
            named[group] = column
    parts = [_group_parts(named, i) for i in range(len(first))]
    values = [_values(run) for run in first]
    raw = [dict(_leaves(_compared_config(run), "")) for run in first]
    for key in dict.fromkeys(key for own in values for key in own):
        texts = [own.get(key) for own in values]
        sources = {own.get(key) for own in raw}
        if len(sources) == 1:  # the same reference everywhere: what it leads to says it
            continue
        if _tells(key, key, texts, named, given):
            for part, text in zip(parts, texts, strict=True):
                part.extend([] if text is None else [f"{key}={text}"])
    return [" ".join(part) or "plain" for part in parts]


def _tells(
    name: str,
    place: str,
    column: Sequence[Hashable],
    named: Mapping[str, Sequence[Hashable]],
    given: set[str],
) -> bool:
    """Return True if a column of values, one by variant, says more than the groups named so far."""
    if len(set(column)) == 1:
        return False
    wider = [own for group, own in named.items() if _covers(group, place)]
    causes = list(zip(*wider, strict=True)) if wider else [()] * len(column)
    follows = len(set(zip(causes, column, strict=True))) == len(set(causes))
    return name in given or not follows


def _covers(group: str, place: str) -> bool:
    """Return True if a group's choice decides what stands at a dotted place."""
    return group == _EXPERIMENT or f"{place}.".startswith(f"{_package(group)}.")


def _package(group: str) -> str:
    """Key under which a group's choice lands: for `schedule@agent.actor_scheduler` the latter."""
    return group.rpartition("@")[2].replace("/", ".")


def _wideness(group: str) -> tuple[bool, int, str]:
    """Sort key that puts first the groups that decide more."""
    return group != _EXPERIMENT, _package(group).count("."), group


def _choices(run: Run) -> dict[str, str | None]:
    return {
        group: choice
        for group, choice in run.choices.items()
        if group not in _GROUPS_LEFT_OUT and not group.startswith("hydra/")
    }


def _group_parts(named: Mapping[str, Sequence[str | None]], i: int) -> list[str]:
    return [f"{group}={_typed(column[i])}" for group, column in named.items()]


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def _name_of_all(run: Run) -> str:
    """A single variant is called by its experiment, or its data."""
    for group in (_EXPERIMENT, "data"):
        if run.choices.get(group):
            return f"{group}={run.choices[group]}"
    return f"task={run.task}"
