"""Bounds of numbers, said once: in the annotation of the argument that takes them.

``tau: Fraction = 0.001`` is a number from 0 to 1 for whoever reads the signature. `validated` holds
calls to that, and the command line a config, before anything is built. Pydantic does the checking,
strictly: true is no number, and neither is a text or infinity.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache, wraps
from inspect import Parameter, ismethod, signature
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le, Len, MultipleOf
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from impasto.errors import UserError

Count = Annotated[int, Ge(1)]
Whole = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Ge(0), Le(1)]
Rgb = Annotated[Sequence[Fraction], Len(3, 3), Field(description="red, green and blue")]
Word = Annotated[str, Field(description="a word")]
Tags = Annotated[Sequence[Word], Field(description="a list of words, as in [first,of-paper]")]
# Pixels on a side: what the learned renderers' upsampling and folding divide.
CanvasSize = Annotated[int, Ge(16), MultipleOf(16)]
Seed = Annotated[int, Ge(0), Le(2**32 - 1)]
Width = Annotated[int, Ge(1), Le(2**16)]  # of a layer
Depth = Annotated[int, Ge(1), Le(64)]  # of a network, in layers
Duration = Annotated[
    str, Field(pattern=r"^\d+:\d+:\d+:\d+$", description="a time such as 00:00:10:00, ten minutes")
]

_NUMBERS = {bool, int, float, NoneType}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
}
_WORDS = {"null": "null", "boolean": "true or false"}
_Target = TypeVar("_Target", bound=Any)


def validated(target: _Target) -> _Target:
    """Hold the calls of a function, or of a class's constructor, to its annotations.

    Args:
        target: The function or the class.

    Returns:
        The class, or a function in the function's place; they raise `UserError` for an argument
        that doesn't fit, and take NumPy's numbers as Python's.
    """
    if isinstance(target, type):
        target.__init__ = validated(target.__init__)  # type: ignore[misc]
        return target
    annotations = _own(target)
    names = tuple(signature(target).parameters)

    def held(name: str, value: object) -> object:
        if name not in annotations:
            return value
        plain = _plain(value)
        if not fits(plain, annotations[name]):
            raise misfit(f"`{name}`", plain, annotations[name])
        return plain if isinstance(value, Real) else value

    @wraps(target)
    def call(*args: Any, **kwargs: Any) -> Any:
        first = [*map(held, names, args), *args[len(names) :]]
        return target(*first, **{name: held(name, value) for name, value in kwargs.items()})

    return cast(_Target, call)


@cache
def bounded(target: Any) -> Mapping[str, Any]:
    """Return the annotations of a callable's numbers, switches, and lists of these, by argument.

    What a class only hands on, as ``**shared``, the classes that it derives from take; what a class
    method hands on, its class.
    """
    found: dict[str, Any] = {}
    kind = target.__self__ if ismethod(target) else target
    classes = kind.__mro__ if isinstance(kind, type) else ()
    for one in (target, *classes):
        found = _own(one) | found
        if not any(each.kind is Parameter.VAR_KEYWORD for each in _parameters(one)):
            break
    return found


def fits(value: object, annotation: Any) -> bool:
    """Return True if a value is within the bounds of an annotation, and of its type."""
    try:
        _adapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True


def misfit(name: str, value: object, annotation: Any) -> UserError:
    """Return the error for an argument that doesn't fit its annotation."""
    shown = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return UserError(f"{name} is {shown}", f"give {_words(_adapter(annotation).json_schema())}")


def _own(target: Any) -> dict[str, Any]:
    annotations = {one.name: one.annotation for one in _parameters(target)}
    return {name: one for name, one in annotations.items() if _is_of_numbers(one)}


def _parameters(target: Any) -> list[Parameter]:
    return list(signature(target).parameters.values())


def _is_of_numbers(annotation: Any, in_list: bool = False) -> bool:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _is_of_numbers(inner[0], in_list)
    if origin in (Union, UnionType):
        return all(_is_of_numbers(one, in_list) for one in inner)
    if origin is Sequence:
        return not in_list and _is_of_numbers(inner[0], in_list=True)
    return annotation in _NUMBERS


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation, config=ConfigDict(strict=True, allow_inf_nan=False))


def _plain(value: object) -> object:
    """NumPy's numbers as Python's, and any sequence as a list."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def _words(schema: Mapping[str, Any], several: bool = False) -> str:
    """A JSON schema in words."""
    if "anyOf" in schema:
        return ", or ".join(_words(one) for one in schema["anyOf"])
    if (kind := schema["type"]) in _WORDS:
        return _WORDS[kind]
    if kind == "string":
        return str(schema["description"])
    if kind == "array":
        count = f", {schema['minItems']} of them" if "minItems" in schema else ""
        what, comma, bounds = _words(schema["items"], several=True).partition(",")
        return f"{schema.get('description', f'a list of {what}{count}')}{comma}{bounds}"
    what = "whole number" if kind == "integer" else "number"
    limits = dict(schema)
    said = [f"{what}s" if several else f"a {what}"]
    if {"minimum", "maximum"} <= limits.keys():
        said.append(f"from {limits.pop('minimum')} to {limits.pop('maximum')}")
    return ", ".join(
        said + [f"{word} {limits[key]}" for key, word in _BOUNDS.items() if key in limits]
    )
