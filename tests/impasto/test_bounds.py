"""Bounds in annotations: what they let through, what they say, and who is held to them."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le, Len, Lt, MultipleOf

from impasto.bounds import Count, Fraction, Positive, Rgb, Whole, bounded, fits, misfit, validated
from impasto.errors import UserError

INFINITY, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("annotation", "inside", "outside", "words"),
    [
        (bool, [True, False], [0, 1, "true", None], "true or false"),
        (int, [0, -5], [1.5, 1.0, True, "3", None], "a whole number"),
        (float, [0, 0.5, -3.0], [True, "3", None, INFINITY, NAN], "a number"),
        (Count, [1, 10**9], [0, -1, 2.5, None], "a whole number, at least 1"),
        (Whole | None, [0, None], [-1, False], "a whole number, at least 0, or null"),
        (Fraction, [0, 1, 0.5], [-0.1, 1.1, NAN], "a number, from 0 to 1"),
        (Positive, [1e-9, 3], [0, -1, INFINITY], "a number, above 0"),
        (Annotated[float, Ge(0), Lt(1)], [0, 0.99], [1], "a number, at least 0, below 1"),
        (Annotated[float, Gt(0), Le(1)], [1], [0], "a number, above 0, at most 1"),
        (
            Annotated[int, Ge(16), MultipleOf(16)],
            [16, 128],
            [0, 8, 100],
            "a whole number, at least 16, a multiple of 16",
        ),
        (
            Sequence[Count],
            [[], [1, 2]],
            [1, [0], [1.5], "12"],
            "a list of whole numbers, at least 1",
        ),
        (
            Annotated[Sequence[Fraction], Len(2, 2)],
            [[0, 1]],
            [[0], [0, 2], 0.5],
            "a list of numbers, 2 of them, from 0 to 1",
        ),
        (Rgb, [[0, 0.5, 1]], [[0, 0], [0, 0, 255]], "red, green and blue, from 0 to 1"),
    ],
)
def test_bounds(annotation: Any, inside: list[Any], outside: list[Any], words: str) -> None:
    assert all(fits(value, annotation) for value in inside)
    assert not any(fits(value, annotation) for value in outside)
    assert misfit("key", None, annotation).todo == f"give {words}"


def test_a_value_is_shown_as_the_command_line_has_it() -> None:
    shown = [misfit("tau", value, Fraction).what for value in (None, True, "a", 2.0)]
    assert shown == ["tau is null", "tau is true", "tau is 'a'", "tau is 2.0"]


class Base:
    def __init__(self, tau: Fraction = 0.5, name: str = "") -> None:
        self.tau = tau


@validated
class Derived(Base):
    def __init__(self, count: Count = 1, **shared: Any) -> None:
        super().__init__(**shared)
        self.count = count


@validated
@dataclass(frozen=True)
class Settings:
    sizes: Sequence[Count] = (1,)


def test_a_call_is_held_to_its_annotations() -> None:
    assert Derived(3).count == 3
    assert Derived(count=np.int64(4)).count == 4  # type: ignore[arg-type]
    assert Settings((1, 2)).sizes == (1, 2)
    for wrong in (lambda: Derived(0), lambda: Derived(count=0)):
        with pytest.raises(UserError, match=r"^`count` is 0 — give a whole number, at least 1$"):
            wrong()
    with pytest.raises(UserError, match=r"^`sizes` is \[1, 0\] — give a list of whole numbers"):
        Settings([1, 0])
    with pytest.raises(TypeError, match="positional arguments"):
        Derived(1, 2)  # type: ignore[misc]
    with pytest.raises(TypeError, match="multiple values"):
        Derived(1, count=2)  # type: ignore[misc]


def test_a_class_takes_what_it_hands_on() -> None:
    assert bounded(Derived) == {"count": Count, "tau": Fraction}
    assert bounded(Base) == {"tau": Fraction}


def everything() -> list[Callable[..., Any]]:
    """Every function and class of the packages that configs may name."""
    found: dict[str, Callable[..., Any]] = {}
    for package in map(importlib.import_module, ("impasto", "lightning_modules", "datamodules")):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.startswith("impasto.launch") or "triton" in info.name:
                continue
            for thing in vars(importlib.import_module(info.name)).values():
                if getattr(thing, "__module__", "") == info.name and callable(thing):
                    found[f"{info.name}.{thing.__qualname__}"] = thing
    return list(found.values())


def test_whoever_says_bounds_holds_to_them() -> None:
    """A bound in a signature is no mere remark."""
    loose = []
    for thing in everything():
        call = vars(thing).get("__init__") if isinstance(thing, type) else thing
        if not inspect.isfunction(call):
            continue
        annotations = [one.annotation for one in inspect.signature(call).parameters.values()]
        if any(hasattr(a, "__metadata__") for a in _parts(annotations)):
            loose += [] if hasattr(call, "__wrapped__") else [thing.__qualname__]
    assert loose == []


def _parts(annotations: Sequence[Any]) -> list[Any]:
    return [part for one in annotations for part in (one, *_parts(get_args(one)))]
