"""Arguments as the shell hands them over, made readable for Hydra."""

import os
import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

# In Hydra's grammar brackets, commas, spaces, `=` and quotes mean something; in the name of a file,
# or in a label such as agent=greedy, they are letters. The keys of which that is so:
AS_TYPED = frozenset(
    {
        "actor_pkl",
        "agent.weights",
        "agents",
        "baseline",
        "class",
        "classifiers",
        "held_out",
        "data.cache",
        "data.root",
        "features.weights",
        "hosts",
        "hydra.run.dir",
        "hydra.sweep.dir",
        "image",
        "lpips",
        "mask",
        "painter.weights",
        "preconditioning.examples",
        "reader",
        "record",
        "renderer.weights",
        "renderer_pkl",
        "resume",
        "reward.weights",
        "runs",
        "stroke.brush",
        "stroke.image",
        "sweep",
    }
)


def quote(text: str) -> str:
    """Write any text as a quoted Hydra value, which Hydra reads back as the same text.

    >>> print(quote("[1], 2.png"))
    '[1], 2.png'
    """
    # OmegaConf would look up ${...}, so it is escaped, and so are the backslashes before it.
    literal = re.sub(r"(\\*)\$\{", lambda match: 2 * match[1] + r"\${", text)
    return QuotedString(text=literal, quote=Quote.single).with_quotes()


def is_multirun(arguments: Sequence[str]) -> bool:
    """Return True if the arguments ask for a sweep."""
    return "-m" in arguments or "--multirun" in arguments


def quote_paths(arguments: Sequence[str]) -> list[str]:
    """Quote the values of the keys that are taken as typed, unless Hydra's own notation was meant.

    What exists as a file is a name. What doesn't and is null, a list, an interpolation or a quoted
    string in Hydra's notation stays as it is; in a sweep, commas separate names.

    Args:
        arguments: The command line without the program's name.

    Returns:
        As many arguments, in the same order.
    """
    multirun = is_multirun(arguments)
    quoted = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if equals and key.lstrip("+") in AS_TYPED and not _is_notation(argument, value):
            names = value.split(",") if multirun and not os.path.lexists(value) else [value]
            argument = f"{key}={','.join(quote(_expand_home(name)) for name in names)}"
        quoted.append(argument)
    return quoted


def _expand_home(name: str) -> str:
    """Do what the shell does not after `key=`: `~/` at the start is the home folder."""
    if name == "???":  # OmegaConf's mark for a missing value
        return "./???"
    if name.startswith("~/") and not os.path.lexists(name):
        return os.path.expanduser(name)
    return name


def _is_notation(argument: str, value: str) -> bool:
    if os.path.lexists(value):
        return False
    looks_like_it = (
        value == "null"
        or "${" in value
        or value.startswith(("[", "{"))
        or (len(value) > 1 and value[0] == value[-1] and value[0] in "'\"")
    )
    return looks_like_it and _is_readable(argument)


def _is_readable(argument: str) -> bool:
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return False
    return True
