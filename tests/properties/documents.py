"""Documents in which something is odd, and their text, broken: strategies for Hypothesis."""

import copy
from typing import Any

import hypothesis.strategies as st

LAUGHS = {f"k{n}": f"${{k{n + 1}}}${{k{n + 1}}}" for n in range(60)}
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2.5,
    63,
    10**6,
    10**9,
    2**31,
    10**30,
    -(10**30),
    float("nan"),
    float("inf"),
    "",
    "abc",
    "${seed}",
    "${${${a}}}",
    "${oc.env:HOME}",
    "${" * 400,
    "a" * 5000,
    [],
    {},
    [[]],
    [1] * 300,
    [64] * 8,
    [0.5, float("nan"), 2],
    {"_target_": "os.system"},
    {"_target_": "impasto.strokes.Circle"},
    {"_target_": "impasto.networks.Actor"},
    LAUGHS,
]


def nest(depth: int, kind: type) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if kind is list else {"a": value}
    return value


nested = st.builds(
    nest,
    st.sampled_from([5, 40, 90]),
    st.sampled_from([list, dict]),
)
odd = (
    st.sampled_from(ODD).map(copy.deepcopy)
    | nested
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
)


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(node, dict | list) or len(path) > 9:
        return [path]
    children = node.items() if isinstance(node, dict) else enumerate(node)
    return [path, *(one for key, child in children for one in _places(child, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, documents: list[Any]) -> Any:
    """A document in which keys are gone, doubled in a list, or hold something else."""
    box = [copy.deepcopy(draw(st.sampled_from(documents)))]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from([path for path in _places(box) if path]))
        parent: Any = box
        for key in at[:-1]:
            parent = parent[key]
        if len(at) > 1 and draw(st.integers(0, 3)) == 0:
            del parent[at[-1]]
        else:
            wrapped = draw(st.sampled_from([None, [parent[at[-1]]], {"a": parent[at[-1]]}]))
            parent[at[-1]] = draw(odd) if wrapped is None else wrapped
    return box[0]


@st.composite
def broken(draw: st.DrawFn, text: str) -> bytes:
    """Its text, mostly as it is; else cut off, no UTF-8, or full of what stands for more."""
    data = text.encode(errors="surrogatepass")
    how, place = draw(st.integers(0, 7)), draw(st.integers(0, len(data)))
    bombs = [
        b"\xff\xfe",
        b"a: &a [1, 1]\nb: &b [*a, *a]\n",
        b"[" * 3000,
        b"{a: " * 3000,
        b"- " * 3000,
        b"? " * 3000,
        b"\n<<: {x: 1}\n",
        b"\0",
    ]
    if how == 0:
        return data[:place]
    return data if how > 2 else data[:place] + draw(st.sampled_from(bombs)) + data[place:]
