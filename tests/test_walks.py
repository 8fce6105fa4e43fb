"""The walks of CONTRIBUTING.md: few files each, and all of them are there."""

import importlib
import re

import pytest

from tests.conftest import ROOT

_MOST = 8  # files of a walk
_TABLE = r"^\| (?:`([\w/]+)/…`|file) .*\n\| --- .*\n((?:\|.*\n)+)"
_WALKS = ["a command", "a stroke", "a picture", "a target image", "`strokes`", "a checkpoint"]


def walks() -> dict[str, list[str]]:
    """The modules of each table of files, by the table's heading."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = {}
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = section.partition("\n")
        table = re.search(
            r"^\| (?:`([\w/]+)/…`|file) .*\n\| --- .*\n((?:\|.*\n)+)", rest, re.MULTILINE
        )
        if table:
            files = re.findall(r"^\| `([\w/]+)\.py`", table[2], re.MULTILINE)
            start = f"{table[1]}/" if table[1] else ""
            found[heading] = [f"{start}{file}".replace("/", ".") for file in files]
    return found


@pytest.mark.parametrize(
    "walk", ["a command", "a stroke", "a picture", "a target image", "`strokes`", "a checkpoint"]
)
def test_a_walk_goes_through_files_that_are_there(walk: str) -> None:
    modules = walks()[f"The way of {walk}"]
    assert 1 < len(modules) <= _MOST
    for module in modules:
        importlib.import_module(module)
