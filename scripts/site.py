"""Pages of the site: files of the checkout at their own paths, so that their links hold there."""

import re
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_PAGES = ("*.md", "*.cff", "LICENSE", "docs/**/*", "impasto/weights/*/*.md", "benchmarks/*.csv")
_DOCTEST = re.compile(r"^>>> .+(?:\n.+)*", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the README as the start, and what it and docs/ link to, in place of docs/ alone."""
    root = Path(str(config.config_file_path)).parent
    paths = (path for pattern in _PAGES for path in sorted(root.glob(pattern)) if path.is_file())
    names = [path.relative_to(root).as_posix() for path in paths]
    pages = [File.generated(config, name, abs_src_path=str(root / name)) for name in names]
    theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files([*theme, *pages])


class Doctests(griffe.Extension):
    """Shows the examples of docstrings as code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Put a fence around each example."""
        if obj.docstring is not None:
            obj.docstring.value = _DOCTEST.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
