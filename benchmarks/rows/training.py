"""An agent that learns: steps, rollouts, replay, updates."""

from collections.abc import Iterator

from benchmarks import floors
from benchmarks.registry import Result, duration, measures, rate
from benchmarks.workbench import Workbench


@measures("training")
def environment(bench: Workbench) -> Iterator[Result]:
    """Steps of one canvas, the actor included."""
    batch = bench.scale.batch
    bench.agent.actor.eval()
    state = bench.agent.environment.reset(bench.pictures(batch))
    seconds = bench.seconds(lambda: bench.step(state))
    bench.agent.actor.train()
    floor = bench.floor(bench.counted.steps_of(batch)) / batch
    yield rate("environment_steps", "environment steps (of one canvas)", seconds, batch, floor)


@measures("training")
def replay(bench: Workbench) -> Iterator[Result]:
    """Bytes that an episode takes, against T + 2 pictures."""
    steps = bench.agent.environment.max_steps
    taken = bench.agent.replay.bytes_per_transition * steps
    least = floors.episode_bytes(bench.scale.size, steps)
    what = f"replay, an episode of {steps} steps (the rest are actions)"
    aim = f"T + 2 canvases: {least:,} B"
    yield Result("replay_bytes", what, taken, "B", floor=least, aim=aim)


@measures("training")
def updates(bench: Workbench) -> Iterator[Result]:
    """One update, one with its share of a rollout, and the transitions that are learned from."""
    batch, agent = bench.scale.batch, bench.agent
    update = bench.seconds(bench.update)
    floor = bench.floor(bench.counted.update)
    yield duration("update", f"one update, batch {batch}, drawn from replay", update, floor)
    yield rate("transitions", "transitions learned from", update, batch, floor / batch)
    target = bench.pictures(batch)
    rollout = bench.seconds(lambda: bench.rollout(target), bench.few)
    share = agent.updates_per_rollout
    learning = update + rollout / share
    floor = bench.floor(bench.counted.learning)
    what = f"one update with 1/{share} of a rollout of {batch} canvases"
    yield duration("update_with_rollout", what, learning, floor)
