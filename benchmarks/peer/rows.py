"""The rows against the peer."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.machine import device
from benchmarks.peer.learning_to_paint import DRAWN, RENDERED
from benchmarks.peer.pair import Comparison, Peer, PeerFailed, compare
from benchmarks.registry import Result
from benchmarks.report import line, number
from benchmarks.workbench import Workbench
from impasto.runtime.precision import missing_compiler
from impasto.strokes import Bezier

HEADER = (
    "| against LearningToPaint | ours | its | ratio | from … to | aim |",
    "| --- | ---: | ---: | ---: | ---: | --- |",
)
_MS = 1e3
Row = tuple[str, str, str, Callable[[], Comparison]]
"""Column, name, aim, and how it is measured."""


def compared(bench: Workbench, folder: Path, say: Callable[..., None]) -> list[Result]:
    """Measure beside the peer, and print a table.

    Args:
        bench: Ours.
        folder: The peer's checkout.
        say: Prints lines.

    Returns:
        The ratios, as figures for the history.
    """
    results = []
    steps = bench.agent.environment.max_steps
    say("", *HEADER)
    with Peer(folder, bench.scale.batch, steps) as peer:
        for key, what, aim, measure in _rows(bench, peer):
            print(f"measuring beside the peer: {what}", file=sys.stderr, flush=True)
            try:
                comparison = measure()
            except PeerFailed as error:
                say(line([what, "", "", f"not measured: {error}", "", aim]))
                continue
            say(_row(what, comparison, aim))
            results.append(Result(f"peer_{key}", what, comparison.ratio, "×", True))
    return results


def _rows(bench: Workbench, peer: Peer) -> Iterator[Row]:
    """Yield what is compared; the networks, the batch and the canvas are the same on both sides."""
    gpu = device().type == "cuda"
    scale, few, many = bench.scale, bench.few, bench.scale.repeats
    stroke = Bezier()
    shapes = stroke.sample(scale.drawn, device=device())
    yield (
        "strokes",
        "strokes drawn exactly",
        "≥ 1,000 ×" if gpu else "≥ 3 ×",
        lambda: compare(
            peer,
            "strokes",
            lambda: stroke.rasterize(shapes, scale.size, scale.size),
            scale.drawn,
            DRAWN,
            many,
        ),
    )
    yield (
        "renderer",
        "renderer training, a stroke",
        "",
        lambda: compare(
            peer, "renderer_step", bench.renderer_step, bench.pretraining.batch_size, RENDERED, many
        ),
    )
    target = bench.pictures(1)
    yield (
        "picture",
        f"{bench.agent.environment.strokes} strokes of one picture",
        "≥ 5 ×" if gpu else "≥ 3 ×",
        lambda: compare(peer, "picture", lambda: bench.paint(target), 1, 1, many),
    )
    if missing_compiler(device()) is None:
        yield (
            "picture_compiled",
            "the same with compile=true",
            "",
            lambda: compare(peer, "picture", lambda: bench.paint(target, True), 1, 1, many),
        )
    update = compare_once(lambda: compare(peer, "update", bench.update, 1, 1, many))
    yield "update", f"one update, batch {scale.batch}", "" if gpu else "≥ 2 ×", update
    targets = bench.pictures(scale.batch)
    share = 1 / bench.agent.updates_per_rollout
    yield (
        "update_with_rollout",
        f"one update with 1/{1 / share:.0f} of a rollout",
        "≥ 10 ×" if gpu else "",
        lambda: update().plus(
            compare(peer, "rollout", lambda: bench.rollout(targets), 1, 1, few), share
        ),
    )


def compare_once(measure: Callable[[], Comparison]) -> Callable[[], Comparison]:
    """Compare once, when it is first asked for, and remember the result."""
    cached: list[Comparison] = []

    def once() -> Comparison:
        if not cached:
            cached.append(measure())
        return cached[0]

    return once


def _row(what: str, comparison: Comparison, aim: str) -> str:
    ours, theirs = (sorted(side)[len(side) // 2] for side in (comparison.ours, comparison.theirs))
    spread = f"{number(min(comparison.ratios))} … {number(max(comparison.ratios))}"
    times = (f"{number(_MS * side)} ms" for side in (ours, theirs))
    return line([what, *times, f"{number(comparison.ratio)} ×", spread, aim])
