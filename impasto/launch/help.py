"""The text of `python run.py --help`, taken from the first comment lines of the YAML files."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from impasto.launch.compose import CONFIG_NAME, choices, groups

# Knobs that live in a group's files, where every choice has them.
_GROUP_KNOBS = {
    "data.root": "folder with the data set in its original layout; only ever read",
    "data.cache": "where downloads and prepared images go (data/)",
    "renderer.weights": "an exported renderer/ folder, a run folder, or a name (docs/weights.md)",
    "agent.weights": "the same of an agent/, for evaluate and paint: photos comes with the project",
    "hydra.run.dir": "the run folder (outputs/TASK/DATE_TIME)",
}
_LISTS = {"export", "callbacks", "logger"}  # groups of which several choices may be made
_AT_THE_TOP = "# @package _global_"  # a file that begins so has its keys there
_WIDTH = 28
_LONGEST = 100
_USAGE = """\
Impasto teaches machines to paint.

python run.py task=NAME [group=choice] [key=value] ...
python run.py -m ... key=1,2 runs every combination; --cfg job shows the config; --hydra-help more.
"""


def help_text(conf: Path, task: str | None = None) -> str:
    """The tasks, groups with their choices (the default has a star), and knobs, a line each.

    Args:
        conf: The config folder.
        task: The one task whose groups and knobs are shown; all by default.
    """
    return "\n".join([_USAGE, *_lines(conf, task if task in choices(conf, "task") else None)])


def _lines(conf: Path, only: str | None) -> Iterator[str]:
    text = (conf / f"{CONFIG_NAME}.yaml").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"^  - (\w+): \[?(\w+)", text, re.MULTILINE))
    tasks = choices(conf, "task") if only is None else [only]
    used = None if only is None else _used(conf, only, text)
    yield "TASKS" if only is None else "TASK (task= --help shows all)"
    for task in tasks:
        yield _row(f"task={task}", describe(conf / "task" / f"{task}.yaml"))
    yield "\nGROUPS (* is the default)"
    for group in groups(conf):
        if group == "task" or (used is not None and group not in used):
            continue
        for choice in choices(conf, group):
            star = "*" if defaults.get(group) == choice else ""
            # A group without a place of its own in the defaults is put to use at several keys.
            name = group if group in defaults else f"{group}@KEY"
            yield _row(f"{name}={choice}{star}", describe(conf / group / f"{choice}.yaml"))
    yield "\nKNOBS"
    for key, default, meaning in _knobs(text):
        if used is None or key in used:
            yield _knob(key, default, meaning)
    for key, meaning in _GROUP_KNOBS.items():
        if used is None or used & {key, key.partition(".")[0]}:
            yield _row(key, meaning)
    for task in tasks:
        for key, default, meaning in _knobs_of_task(conf / "task" / f"{task}.yaml"):
            yield _knob(key, default, meaning if only else f"for task={task}: {meaning}")
    for group in sorted(used & defaults.keys() - {"task"}) if used else ():
        if group in groups(conf):
            yield from _knobs_of_choice(conf, group, defaults[group])


def _knobs_of_choice(conf: Path, group: str, choice: str) -> Iterator[str]:
    """A line for each commented value of a choice's file, and of those that it includes."""
    text = (conf / group / f"{choice}.yaml").read_text(encoding="utf-8")
    for part in re.findall(r"([\w/]+)@_here_", text):
        text += (conf / group / f"{part}.yaml").read_text(encoding="utf-8")
    place = f"{group}.{choice}." if group in _LISTS else f"{group}."
    for key, default, meaning in _commented(text):
        name = key if text.startswith(_AT_THE_TOP) else place + key
        if name not in _GROUP_KNOBS:
            yield _knob(name, default, f"of {group}={choice}: {meaning}")


def _used(conf: Path, task: str, text: str) -> set[str]:
    """Keys that a task's file interpolates, and groups, with what their files interpolate.

    A group that no file names, or a knob, says in its comment in config.yaml for which tasks it is.
    """
    mentioned = re.findall(rf"^(?:  - )?(\w+): .*# .*\btask={task}\b", text, re.MULTILINE)
    used, new = {"hydra.run.dir"}, {"task", *mentioned}
    while new:
        used |= new
        files = [path for one in new for path in (conf / one).glob("*.yaml")]
        files = [conf / "task" / f"{task}.yaml"] if "task" in new else files
        read = " ".join(path.read_text(encoding="utf-8") for path in files)
        new = set(re.findall(r"\$\{(?:oc\.select:)?([\w.]+)", read)) - used
    return used


def describe(path: Path) -> str:
    """The first sentence of the comment that a YAML file begins with; empty without one."""
    comment = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            comment.append(line.lstrip("# "))
    sentence = " ".join(comment).partition(". ")[0].removesuffix(".")
    return textwrap.shorten(sentence, _LONGEST, placeholder=" ...")


def _knobs(text: str) -> Iterator[tuple[str, str, str]]:
    """Key, default and meaning of every commented value between the defaults list and `run:`."""
    body = text.partition("\ncanvas:")
    yield from _commented((body[1] + body[2]).partition("\nrun:")[0])


def _commented(text: str) -> Iterator[tuple[str, str, str]]:
    """Key with its sections, default and meaning of every commented value."""
    sections: list[tuple[int, str]] = []  # indentation and name of each that is open
    for line in text.splitlines():
        found = re.fullmatch(r"( *)(\w+):(?: +([^# ].*?))?(?: +# (.+))?", line)
        if found is None:
            continue
        indent, key, default, meaning = found.groups()
        while sections and sections[-1][0] >= len(indent):
            sections.pop()
        if default is None:
            sections.append((len(indent), key))
        elif meaning is not None:
            yield ".".join([*(name for _, name in sections), key]), default, meaning


def _knobs_of_task(path: Path) -> list[tuple[str, str, str]]:
    """Key, default and meaning of the commented values that a task adds at the top level."""
    text = path.read_text(encoding="utf-8")
    if not text.startswith(_AT_THE_TOP):
        return []
    return list(_commented(text.partition("\ntask:")[0]))


def _knob(key: str, default: str, meaning: str) -> str:
    """A line; a default that is computed is left out."""
    return _row(key if "$" in default else f"{key}={default}", meaning)


def _row(name: str, meaning: str) -> str:
    if len(name) >= _WIDTH:
        return f"  {name}\n  {'':{_WIDTH}} {meaning}"
    return f"  {name:{_WIDTH}} {meaning}"
