"""What the library says is about its arguments: of keys and choices only the command line knows."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from impasto.launch.compose import choices, groups
from tests.conftest import CONF, ROOT, environment
from tests.test_imports import module_name, sources

LIBRARY = ("impasto", "datamodules", "lightning_modules")
GROUPS = groups(CONF)
SECTIONS = {"canvas", "descent", "grid", "run", "video", "views"}  # of no group
SVG_AND_FFMPEG = {
    "impasto/io/exporters/plot.py",
    "impasto/io/exporters/svg.py",
    "impasto/io/video.py",
}  # which write name=value, too
EXAMPLE = re.compile(r"^\s*(>>>|\.\.\.) .*$", re.MULTILINE)  # of Python, whose calls do
# Names under which checkpoints hold what a run is for.
OF_CHECKPOINTS = {"canvas.size", "stroke.image", "the settings of stroke.brush"}


def keys(node: Any) -> Iterator[str]:
    """The names of a config's keys, without the sections in which they stand."""
    if isinstance(node, dict):
        for name, child in node.items():
            yield str(name)
            yield from keys(child)


KEYS = {
    name
    for path in CONF.rglob("*.yaml")
    for name in keys(yaml.safe_load(path.read_text(encoding="utf-8")))
    if re.fullmatch(r"[a-z]\w*", name)
}
CHOICES = [f"{group}={choice}" for group in GROUPS for choice in choices(CONF, group)]
GROUP = "|".join({*GROUPS, *SECTIONS})
WRITTEN = [
    r"\btask=",
    r"\bhydra\.",
    rf"\b(?:{GROUP})(?:\.\w+)+=",
    rf"\b(?:{GROUP})\.(?:{'|'.join(KEYS)})\b",
]
WRITTEN += [rf"\b{re.escape(made)}\b" for made in CHOICES]
# An argument with its value stands in backticks: `steps=5`.
BARE = re.compile(rf"(?<![`.\w])(?:{'|'.join({*KEYS, *GROUPS})})=")
COMMAND_LINE = re.compile("|".join(WRITTEN))


def strings(path: Path) -> Iterator[str]:
    """Every string in a module, docstrings included; of f-strings with V for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    filled = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in filled for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield EXAMPLE.sub("", node.value)
    for node in filled:
        fixed = (part.value if isinstance(part, ast.Constant) else "V" for part in node.values)
        yield "".join(map(str, fixed))


def mention(text: str, bare: bool = True) -> str:
    """What of a text only the command line knows; empty if there is nothing."""
    found = COMMAND_LINE.search(text) or (BARE.search(text) if bare else None)
    return "" if found is None or text in OF_CHECKPOINTS else found[0]


@pytest.mark.parametrize("package", LIBRARY)
def test_no_string_of_the_library_says_a_key_or_a_choice(package: str) -> None:
    found = {
        (name, said): text
        for path in sources(package)
        for text in strings(path)
        for name in [path.relative_to(ROOT).as_posix()]
        if (said := mention(text, bare=name not in SVG_AND_FFMPEG))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "by task=train",
        "or hydra.run.dir",
        "data.root=",
        "give data.root",
        "canvas.size is 7",
        "painter=V",
        "stroke.V=V",
        "steps=5",
        "`painter=optimize`",
        "`agent.actor.norm=layer`",
    ],
)
def test_a_key_or_a_choice_is_found(text: str) -> None:
    assert mention(text)


@pytest.mark.parametrize(
    "text",
    [
        "`steps=5`",
        "`V=V`",
        "`ContinuedStart.rounds=V`",
        "``norm=5``",
        "a task",
        "renderer.pkl",
        "n=5",
    ],
)
def test_an_argument_is_none(text: str) -> None:
    assert not mention(text)


def test_the_library_loads_no_hydra() -> None:
    files = [path for package in LIBRARY for path in sources(package)]
    names = [module_name(path) for path in files if path.name != "__main__.py"]
    imports = "\n".join(f"import {name}" for name in names)
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}\nimport sys\nprint(*sys.modules)"],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert set(names) <= loaded
    others = {"hydra", "omegaconf", "hydra_plugins", "impasto.tasks", "impasto.launch"}
    assert not others & loaded
