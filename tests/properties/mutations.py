"""Valid files, broken in every way that comes to mind; the same for the same seed."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_INTERESTING = (
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\x80\0\0\0",
    b"\0\0\0\1",
)


def broken_files(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Mutations of files: flipped bits, cuts, splices, chunks swapped, doubled and overwritten.

    Args:
        seeds: Valid files.
        count: How many broken ones.
        seed: Fixes them.
    """
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 2, 4))):
            rng.choice(_MUTATIONS)(rng, data, rng.choice(seeds))
        yield bytes(data)


def _flip(rng: random.Random, data: bytearray, other: bytes) -> None:
    for _ in range(rng.choice((1, 1, 8))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, data: bytearray, other: bytes) -> None:
    del data[rng.randint(0, len(data)) :]


def _drop(rng: random.Random, data: bytearray, other: bytes) -> None:
    start, end = _span(rng, data)
    del data[start:end]


def _double(rng: random.Random, data: bytearray, other: bytes) -> None:
    start, end = _span(rng, data)
    data[start:start] = data[start:end]


def _swap(rng: random.Random, data: bytearray, other: bytes) -> None:
    start, end = _span(rng, data)
    middle = rng.randint(start, end)
    data[start:end] = data[middle:end] + data[start:middle]


def _splice(rng: random.Random, data: bytearray, other: bytes) -> None:
    start, end = _span(rng, other)
    data[rng.randint(0, len(data)) :] = other[start:end]


def _overwrite(rng: random.Random, data: bytearray, other: bytes) -> None:
    piece = rng.choice(_INTERESTING)
    # Most of what steers a decoder stands at the beginning.
    place = rng.randint(0, min(len(data), rng.choice((40, len(data)))))
    data[place : place + len(piece)] = piece


def _span(rng: random.Random, data: bytes | bytearray) -> tuple[int, int]:
    start = rng.randint(0, len(data))
    return start, min(len(data), start + rng.randint(0, 64))


_MUTATIONS: tuple[Callable[[random.Random, bytearray, bytes], None], ...] = (
    _flip,
    _cut,
    _drop,
    _double,
    _swap,
    _splice,
    _overwrite,
)

_VALUES: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    -1,
    0,
    0.5,
    1e308,
    -1e308,
    10**30,
    2**63,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    [0, 0, 0],
    [0.5] * 3,
    [2, 0, 0],
    {"x": 0.5},
    "bezier",
    "line",
    "brush",
    "pixel",
    1,
    2,
    99,
    100_000,
    100_001,
    [None],
    "é\ud800",
    "data:image/png;base64,",
    "a" * 1000,
)
_NAMES = ("x", "y", "radius", "opacity", "shape", "color", "strokes", "options", "grid", "image")


def broken_records(seeds: Sequence[Any], count: int, seed: int) -> Iterator[bytes]:
    """Mutations of JSON by its structure: values, keys and parts replaced, moved, doubled, nested.

    Args:
        seeds: Valid documents.
        count: How many broken ones.
        seed: Fixes them.
    """
    rng = random.Random(seed)
    for _ in range(count):
        document = json.loads(json.dumps(rng.choice(seeds)))
        for _ in range(rng.choice((1, 1, 2, 3))):
            # Through text, as what is put in at one place must not be changed at another.
            document = json.loads(json.dumps(_changed(rng, document)))
        text = json.dumps(document)
        yield _retyped(rng, text).encode("utf-8", "surrogatepass")


def _changed(rng: random.Random, node: Any) -> Any:
    """A document with one place changed, anywhere."""
    if isinstance(node, dict) and node and rng.random() < 0.85:
        key = rng.choice(list(node))
        action = rng.random()
        if action < 0.1:
            del node[key]
        elif action < 0.2:
            node[rng.choice(_NAMES)] = node.pop(key)
        elif action < 0.3:
            node[rng.choice(_NAMES)] = rng.choice(_VALUES)
        else:
            node[key] = _changed(rng, node[key])
        return node
    if isinstance(node, list) and node and rng.random() < 0.85:
        place = rng.randrange(len(node))
        action = rng.random()
        if action < 0.1:
            del node[place]
        elif action < 0.25:
            node.insert(place, node[place])
        else:
            node[place] = _changed(rng, node[place])
        return node
    if rng.random() < 0.1:
        for _ in range(rng.choice((1, 50))):
            node = rng.choice(([node], {"x": node}))
        return node
    return rng.choice(_VALUES)


def _retyped(rng: random.Random, text: str) -> str:
    """The text with what a serializer would not write: huge numbers, keys twice, deep nesting."""
    action = rng.random()
    if action < 0.05:
        return text.replace("0.5", rng.choice(("1e400", "-1e400", "1" * 5000, "0.5e", "NaN")), 1)
    if action < 0.1:
        return text.replace("{", '{"width": 7, "stroke": "line", ', 1)
    if action < 0.12:
        return text.replace("0.5", "[" * 100_000, 1)
    if action < 0.14:
        return text.replace("[", "[" * 900, 1) + "]" * 899
    return text
