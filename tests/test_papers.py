"""docs/papers.md: what it names is there, and its commands compose."""

import ast
import re
import shlex
from collections.abc import Iterator

import pytest

from impasto.launch.validation.validate import validate
from tests.conftest import ROOT, Compose

_HEADER = ["where", "what", "code", "here", "the paper's; ours", "command"]


def rows() -> list[list[str]]:
    """Cells of every row of every table."""
    lines = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8").splitlines()
    tables = [line for line in lines if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in tables]


CLAIMS = [row for row in rows() if row != _HEADER]
CODE = sorted({code for row in CLAIMS for code in re.findall(r"`([^`]+)`", row[2])})
COMMANDS = sorted({command for row in CLAIMS for command in re.findall(r"`([^`]+)`", row[5])})


def names_in(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Dotted names of the functions and classes of a module, and of classes in them."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from names_in(node.body, f"{prefix}{node.name}.")


def test_tables_are_whole() -> None:
    assert len(CLAIMS) > 90
    assert {len(row) for row in CLAIMS} == {len(_HEADER)}
    assert all(row[0] and row[1] and row[3] for row in CLAIMS), "a row says where, what, and how"


@pytest.mark.parametrize("code", CODE)
def test_code_that_is_named_is_there(code: str) -> None:
    path, _, name = code.partition(":")
    source = (ROOT / path).read_text(encoding="utf-8")
    assert not name or name in set(names_in(ast.parse(source).body))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_compose(compose_config: Compose, command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
        return
    validate(compose_config(*words))
