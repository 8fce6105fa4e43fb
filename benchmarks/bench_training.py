"""An agent that learns and paints: steps, updates, rollouts, pictures; and the roofline model."""

from collections.abc import Callable

import pytest
import torch

from benchmarks import floors
from benchmarks.conftest import Timed
from benchmarks.counted import Counted
from benchmarks.machine import device
from benchmarks.report import ceilings_line, floors_table
from benchmarks.workbench import Workbench

_STEADY = 2000  # updates from which hours are extrapolated
_RECIPE = 200_000
_HOUR = 3600.0
_PAPER = "2.1 s (ICCV 2019, section 5.2)"  # 200 strokes on a 2.2 GHz Core i7
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="takes hours without a GPU")


@pytest.mark.benchmark(group="training")
def test_environment_step(bench: Workbench, counted: Counted, timed: Timed) -> None:
    """Steps of one canvas, the actor included."""
    batch, agent = bench.scale.batch, bench.agent
    agent.actor.eval()
    state = agent.environment.reset(bench.pictures(batch))
    what = "environment steps (of one canvas)"
    timed(what, lambda: bench.step(state), batch, counted.steps_of(batch))
    agent.actor.train()


@pytest.mark.benchmark(group="training")
def test_replay(bench: Workbench, timed: Timed) -> None:
    """Transitions drawn from the replay; the figure is the bytes of an episode in it."""
    batch, agent = bench.scale.batch, bench.agent
    steps = agent.environment.max_steps
    least = floors.episode_bytes(bench.scale.size, steps)
    timed(
        f"replay, an episode of {steps} steps (the rest are actions); {batch} transitions drawn",
        lambda: agent.replay.sample(batch, agent.generator, agent.device),
        floor=floors.transition_drawn(bench.scale.size) * batch,
        figure=agent.replay.bytes_per_transition * steps,
        unit="B",
        aim=f"T + 2 canvases: {least:,} B",
    )


@pytest.mark.benchmark(group="training")
def test_update(bench: Workbench, counted: Counted, timed: Timed) -> None:
    """One update."""
    what = f"one update, batch {bench.scale.batch}, drawn from replay"
    timed(what, bench.update, floor=counted.update)


@pytest.mark.benchmark(group="training")
def test_update_with_rollout(bench: Workbench, counted: Counted, timed: Timed) -> None:
    """A rollout and its updates."""
    share = bench.agent.updates_per_rollout
    what = f"{share} updates with their rollout of {bench.scale.batch} canvases, one of them"
    work = learning(bench, 1)
    timed(what, work, share, counted.learning * share, slow=True)


def learning(bench: Workbench, groups: int) -> Callable[[], object]:
    """Return a function that makes so many rollouts, each with its updates."""
    target = bench.pictures(bench.scale.batch)

    def learn() -> None:
        for _ in range(groups):
            bench.rollout(target)
            for _ in range(bench.agent.updates_per_rollout):
                bench.update()

    return learn


@needs_gpu
@pytest.mark.benchmark(group="recipe")
def test_whole_recipe(bench: Workbench, counted: Counted, timed: Timed) -> None:
    """Hours of the whole recipe, from steady updates with their rollouts."""
    share = bench.agent.updates_per_rollout
    groups = -(-_STEADY // share)
    learning(bench, 1)()
    timed(
        f"the whole CelebA recipe, extrapolated from {groups * share:,} steady updates, "
        "no validations",
        learning(bench, groups),
        floor=counted.learning * (groups * share),
        rounds=1,
        scaled=_RECIPE / (groups * share) / _HOUR,
        unit="h",
        aim="≤ 0.75 h",
    )


@pytest.mark.benchmark(group="pictures")
def test_picture(bench: Workbench, counted: Counted, timed: Timed) -> None:
    """One picture, its strokes drawn exactly."""
    target = bench.pictures(1)
    what = f"{counted.strokes} strokes at {bench.scale.size} px, one picture"
    timed(what, lambda: bench.paint(target), floor=counted.painted(1), aim=_PAPER)


@pytest.mark.benchmark(group="pictures")
def test_pictures(bench: Workbench, counted: Counted, timed: Timed) -> None:
    """Pictures in a batch."""
    count = bench.scale.batch if device().type == "cpu" else 8 * bench.scale.batch
    target = bench.pictures(count)
    timed(
        f"the same in batches of {count}, pictures",
        lambda: bench.paint(target),
        count,
        counted.painted(count),
        slow=True,
        aim="1,000 / s on a GPU",
    )


@pytest.mark.benchmark(group="floors")
def test_floors(bench: Workbench, counted: Counted, timed: Timed) -> None:
    """The counts behind the floors, with the ceilings that they rest on."""
    scale = bench.scale
    works = [
        ("one stroke drawn exactly", floors.stroke_drawn(scale.size)),
        ("one update of the renderer", counted.renderer_step),
        ("one step of one canvas", counted.steps_of(scale.batch) * (1 / scale.batch)),
        (f"one update, batch {scale.batch}", counted.update),
        ("the same with its share of a rollout", counted.learning),
        ("one picture painted", counted.painted(1)),
    ]
    actor, renderer = (f"{count / 1e6:,.0f}" for count in counted.multiply_adds())
    paper = (
        f"Multiply-adds of a bundle: actor {actor} M, renderer {renderer} M "
        "(ICCV 2019, section 5.2, at 128 px: 554 and 217)."
    )
    lines = [ceilings_line(bench.ceilings), paper, "", *floors_table(works, bench.ceilings)]
    source = torch.rand(int(2**24 * scale.effort), device=device())
    copy = torch.empty_like(source)
    moved = floors.Work(bytes=2 * source.numel() * source.element_size())
    timed("numbers copied", lambda: copy.copy_(source), source.numel(), moved, lines=lines)
