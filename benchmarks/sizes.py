"""Sizes of what is measured."""

from dataclasses import dataclass

from benchmarks.machine import device


@dataclass(frozen=True)
class Scale:
    """Sizes of what is measured; by default the paper's recipe for CelebA.

    Attributes:
        size: Pixels on a side.
        batch: Of updates, rollouts and pictures painted at once.
        drawn: Strokes drawn at once.
        repeats: Of quick measurements; slow ones take three.
        replay: Episodes of the replay in a measurement of speed.
        overrides: Of the agent's config.
        renderer: Of the pretraining's config.
        effort: Of `measure_ceilings`.
    """

    size: int = 128
    batch: int = 16
    drawn: int = 256
    repeats: int = 5
    replay: int = 64
    overrides: tuple[str, ...] = ()
    renderer: tuple[str, ...] = ()
    effort: float = 1.0


def default_scale() -> Scale:
    """The papers' batch on a GPU; on a CPU one that leaves time for repeats."""
    if device().type == "cuda":
        return Scale(batch=96, drawn=4096, repeats=9, replay=800)
    return Scale()


QUICK = Scale(
    size=32,
    batch=4,
    drawn=8,
    repeats=1,
    replay=8,
    effort=0.02,
    overrides=(
        "canvas.size=32",
        "strokes=10",
        "agent.actor.width=4",
        "agent.critic.width=4",
        "renderer.hidden=[16]",
        "renderer.channels=4",
        "reward.discriminator.channels=[4]",
    ),
    renderer=("canvas.size=32", "renderer.hidden=[16]", "renderer.channels=4", "batch_size=4"),
)
