"""YAML of somebody else's: values, lists and sections, and nothing that stands for more than it is.

A kilobyte of aliases can stand for gigabytes, and brackets in brackets take a reader quadratic
time, and the one that is written in C its stack.
"""

import re
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is built
_BRACKETS = 4000  # more than any file of this project's has; an interpolation has one
_NESTED = re.compile(r"(?:[-?:][ \t]+){64}")  # lists in lists and keys in keys on one line


def load_yaml(text: str) -> Any:
    """What a YAML text holds, as plain containers.

    Raises:
        ValueError: It is no YAML, has an alias, or is nested too deeply.
    """
    if text.count("[") + text.count("{") > _BRACKETS or _NESTED.search(text):
        raise ValueError("it is nested too deeply")
    try:
        if "*" in text and any(
            isinstance(one, yaml.AliasToken) for one in yaml.scan(text, _LOADER)
        ):
            raise ValueError("it has an alias, which no file of this project has")
        return yaml.load(text, _LOADER)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
