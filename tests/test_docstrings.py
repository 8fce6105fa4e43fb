"""Docstrings begin with a verb in the imperative, or with the noun that they explain.

That there are docstrings at all is ruff's to check (rules D).
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Folders of the checkout that hold no source of the project, or tests, which are named by what
# they assert.
SKIPPED = {"tests", "data", "outputs", "multirun", "build", "dist", "lightning_logs"}
# Words that hide the noun ("What is painted", "Whether it ended"), or only repeat the `def`.
BAD_START = re.compile(
    r"(?:wh(?:at|o|om|ose|y|ere|en|ich|ether)|how)\b|(?:an?|the) (?:function|class) that\b", re.I
)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def sources(root: Path = ROOT) -> list[Path]:
    """Python files of the project: those at the top, and those of every package there."""
    folders = [
        path
        for path in root.iterdir()
        if path.is_dir() and path.name not in SKIPPED and not path.name.startswith(".")
    ]
    return sorted([*root.glob("*.py"), *(file for one in folders for file in one.rglob("*.py"))])


def offenders(source: str) -> Iterator[tuple[int, str]]:
    """Line and first line of every docstring that begins badly, of private definitions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED):
            doc = ast.get_docstring(node)
            if doc and BAD_START.match(doc):
                yield node.body[0].lineno, doc.partition("\n")[0]


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    files = sources()
    assert len(files) > 100, "the project's packages were not found"
    bad = [
        f"{path.relative_to(ROOT)}:{line}: {start}"
        for path in files
        for line, start in offenders(path.read_text(encoding="utf-8"))
    ]
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize(
    ("doc", "is_bad"),
    [
        ("What is painted.", True),
        ("Whether it ended.", True),
        ("Whose folder it is.", True),
        ("The class that paints.", True),
        ("A function that paints.", True),
        ("Return True if it ended.", False),
        ("The class of a digit.", False),
        ("Whole picture, at its size.", False),
        ("However many strokes.", False),
    ],
)
def test_what_a_bad_start_is(doc: str, is_bad: bool) -> None:
    nested = f'class A:\n    def _b(self):\n        def c():\n            """{doc}"""\n'
    assert [line for line, _ in offenders(nested)] == ([4] if is_bad else [])
