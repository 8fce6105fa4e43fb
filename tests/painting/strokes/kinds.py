"""Every stroke kind of the package, one of each: a new one is found here by all tests."""

from collections.abc import Iterator

from painting.strokes import Stroke
from painting.strokes.base import loaded_kinds

# Constructor arguments of kinds that can't do without, or are tested best with others.
ARGUMENTS: dict[str, dict[str, object]] = {"pixel": {"grid": 4}}


def every_kind(**limits: object) -> Iterator[Stroke]:
    for kind in loaded_kinds():
        if kind.__module__.startswith("painting."):
            yield kind(**ARGUMENTS.get(kind.name, {}), **limits)  # type: ignore[arg-type]


KINDS = sorted(every_kind(), key=lambda kind: kind.name)


def names(kind: Stroke, *starts: str) -> list[str]:
    """The kind's parameters whose names start so."""
    return [name for name in kind.parameters if name.startswith(starts)]
