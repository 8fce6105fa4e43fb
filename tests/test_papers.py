"""docs/papers.md: what it names is there, its commands compose, and what is cited agrees."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator

import pytest
import yaml

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


def test_citation_is_of_this_version_and_the_five_papers() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == project["version"]
    assert cited["license"] == project["license"]
    assert cited["abstract"] == project["description"]
    papers = cited["references"]
    assert len(papers) == 5
    assert all(paper["authors"] and paper["title"] and paper["type"] for paper in papers)
    named = {name["family-names"] for paper in papers for name in paper["authors"]}
    assert {"Huang", "Heng", "Zhou", "Kumar", "Nakano"} <= named


def test_bibtex_says_what_the_citation_says() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    block = text.partition("```bibtex\n")[2].partition("```")[0]
    assert block.count("{") == block.count("}") > 0
    published = [paper["title"] for paper in cited["references"] if "year" in paper]
    assert re.findall(r"(?m)^  title += \{(.*)\}", block) == [*published, cited["title"]]
    assert f"version = {{{cited['version']}}}" in block
