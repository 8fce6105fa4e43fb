"""Reader of run folders: how a run ended, and what it was asked for."""

import copy
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from impasto.errors import UserError
from impasto.io import files

SUMMARY = "summary.json"
INSTALLED = "impasto"  # the command, as pyproject.toml calls it
CONFIG = Path(".hydra") / "config.yaml"
LEARNING = ("train", "pretrain")  # the tasks whose runs go on from a checkpoint
JOBS = "jobs.json"  # in a sweep's folder: the overrides of its jobs, by folder, in order
_HOPS = 16  # from reference to reference; more lead in a circle
# Where things lie, what a run runs on and where it logs: none of it changes what is learned.
WHEREABOUTS = (
    "resume",
    "may_change",
    "tags",
    "extras",
    "compile",
    "image",
    "data.root",
    "data.cache",
    "data.num_workers",
    "replay.save",
    "replay.device",
    "logger",
    "trainer",
    "run",
    "hydra",
)


def read_summary(folder: Path) -> dict[str, object]:
    """The summary of a run; empty where there is none, or none that can be read."""
    try:
        return load_summary(folder)
    except UserError:
        return {}


def load_summary(folder: Path) -> dict[str, Any]:
    """The summary of a run; empty where there is none.

    Raises:
        UserError: It can't be read.
    """
    path = folder / SUMMARY
    if not path.exists():
        return {}
    try:
        summary = files.read_json(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not isinstance(summary, dict):
        raise unreadable(path, ValueError("it is no JSON object"))
    return summary


def read_yaml(path: Path, nothing: Any) -> Any:
    """A run's YAML file's content; `nothing` where there is none of its kind that can be read."""
    try:
        return load_yaml(path, nothing)
    except UserError:
        return nothing


def load_yaml(path: Path, nothing: Any) -> Any:
    """A run's YAML file's content; `nothing` where there is no file, whose kind it must be of.

    Raises:
        UserError: It can't be read.
    """
    if not path.exists():
        return nothing
    try:
        content = files.read_yaml(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not isinstance(content, type(nothing)):
        raise unreadable(path, ValueError("something else was expected"))
    return content


def read_jobs(sweep: Path) -> dict[str, list[str]]:
    """The jobs that a sweep has been asked for: overrides by folder, in order; empty without."""
    try:
        jobs = files.read_json(sweep / JOBS)
    except (OSError, ValueError):
        return {}
    return jobs if isinstance(jobs, dict) else {}


def unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a run's file that can't be read."""
    reason = " ".join(str(error).split())
    return UserError(f"{path} can't be read ({reason})", "make the run again, or leave it out")


def shown(folder: Path) -> str:
    """A folder as a report names it: from where the program runs, if it lies below.

    What is no UTF-8 in its name can neither be logged nor printed; it stands as a question mark.
    """
    try:
        name = str(folder.absolute().relative_to(Path.cwd()))
    except ValueError:
        name = str(folder)
    return name.encode(errors="replace").decode()


def identity(config: Mapping[str, Any], left_out: Iterable[str]) -> dict[str, Any]:
    """A composed config without what two runs may differ in.

    Args:
        config: Plain containers, interpolations unresolved.
        left_out: Dotted keys; one that isn't there is no mistake.

    Returns:
        A copy.

    >>> identity({"seed": 1, "data": {"root": "/a", "flip": True}}, ["seed", "data.root", "x.y"])
    {'data': {'flip': True}}
    """
    copied = copy.deepcopy(dict(config))
    for key in left_out:
        *sections, leaf = key.split(".")
        node: Any = copied
        for section in sections:
            node = node.get(section) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(leaf, None)
    return copied


def followed(config: Mapping[str, Any], value: object) -> Any:
    """Resolve a value such as ``${task.updates}``: the only interpolation that is ever read.

    Args:
        config: A composed config as plain containers, of a file that anybody may have written.
        value: Anything; what is no reference as a whole, or leads nowhere, is given back.

    >>> followed({"updates": "${task.updates}", "task": {"updates": 5}}, "${updates}")
    5
    >>> followed({"a": "${b}", "b": "${a}", "c": "${a}${b}"}, "${c}")
    '${a}${b}'
    """
    for _ in range(_HOPS):
        match = re.fullmatch(r"\$\{([\w.]+)\}", value) if isinstance(value, str) else None
        if match is None:
            break
        node: Any = config
        for name in match[1].split("."):
            if not isinstance(node, Mapping) or name not in node:
                return value
            node = node[name]
        value = node
    return value


def command(overrides: Sequence[str]) -> str:
    """The command of a run as a person would type it.

    Args:
        overrides: In Hydra's notation, in which plain values may be quoted too.

    >>> print(command(["task=paint", "data.root='/a/b'", "export=[gif, mp4]"]))
    python run.py task=paint data.root=/a/b 'export=[gif, mp4]'
    """
    typed = [re.sub(r"^([\w.]+)='([\w./-]+)'$", r"\1=\2", override) for override in overrides]
    return shlex.join([*program(), *typed])


def program() -> list[str]:
    """Return the words that started this program: the installed command, or run.py."""
    installed = Path(sys.argv[0]).stem == INSTALLED
    return [INSTALLED] if installed else ["python", "run.py"]
