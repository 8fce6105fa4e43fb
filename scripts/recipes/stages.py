"""Stages that `scripts.recipes` trains, in their order, and their sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import UserError

RENDERER = "renderer"


@dataclass(frozen=True)
class Stage:
    """One of the papers' recipes.

    Attributes:
        name: What it is called here: `renderer`, or the data set that an agent learns from.
        overrides: What a person would type after ``python run.py``.
        updates: How many the whole recipe has.
        root: Where its pictures are; None for the renderer, which draws its own.
    """

    name: str
    overrides: tuple[str, ...]
    updates: int
    root: Path | None = None


@dataclass(frozen=True)
class Scale:
    """Size of all stages.

    Attributes:
        common: Overrides of every stage.
        agent: Overrides of the agents' stages.
        renderer: Overrides of the renderer's.
        updates: Of the whole recipe, by stage.
        enough: Share of the mean image's error at which the renderer is good enough.
        usable: The same at which an agent may learn through it if there is no time for better.
        saving: Seconds that are kept for a run to save itself and end.
        closing: Seconds that are kept to measure, export and pack an agent.
        warm: Updates after a start that say nothing of a rate: compiling, tuning, first rollouts.
        steady: Updates over which a rate has to be measured before hours are said.
    """

    common: tuple[str, ...]
    agent: tuple[str, ...]
    renderer: tuple[str, ...]
    updates: Mapping[str, int]
    enough: float = 1 / 20
    usable: float = 1 / 10
    saving: float = 25.0
    closing: float = 100.0
    warm: int = 300
    steady: int = 2000


SCALES = {
    # The recipes as they are. A signal saves a run, so that it need not save itself often. An agent
    # is measured twice in every command, so on a part of the test images.
    "paper": Scale(
        common=("logger=none", "callbacks.checkpoints.every=20000"),
        agent=("data.test_limit=2000",),
        renderer=("trainer.val_check_interval=250",),
        updates={RENDERER: 500_000, "celeba": 200_000, "imagenet": 200_000},
    ),
    # All of the way in a minute or two on a CPU, to see that there is one.
    "tiny": Scale(
        common=(
            "logger=none",
            "canvas.size=16",
            "batch_size=8",
            "callbacks.metrics_csv.every=5",
            "renderer.hidden=[16,32]",
            "renderer.channels=8",
            "renderer.allow_untrained=true",
        ),
        agent=(
            "strokes=4",
            "bundle=2",
            "replay.episodes=16",
            "data.val_limit=4",
            "data.test_limit=6",
            "agent.updates_per_rollout=4",
            "agent.warmup_env_steps=4",
            "agent.actor.width=4",
            "agent.critic.width=4",
            "agent.actor.blocks=[1,1]",
            "agent.critic.blocks=[1,1]",
            "reward.discriminator.channels=[4,4]",
            "trainer.val_check_interval=5",
        ),
        renderer=("trainer.val_check_interval=20", "task.judged_strokes=32"),
        updates={RENDERER: 100_000, "celeba": 60, "imagenet": 100_000},
        enough=2.0,
        usable=4.0,
        saving=6.0,
        closing=60.0,
        warm=10,
        steady=20,
    ),
}


def stages_of(
    scale: Scale, data: Path, weights: Path, chosen: Sequence[str], more: Sequence[str]
) -> list[Stage]:
    """The stages to work at, in order.

    Args:
        scale: How large.
        data: A folder with ``celeba/`` and ``imagenet/``, each in its original layout.
        weights: The folder that will hold the renderer.
        chosen: Names of stages; all if there is none.
        more: Further overrides, of all stages or, with the stage's name and a colon before, of one.

    Raises:
        UserError: There is no such stage, or not its pictures.
    """
    names = list(scale.updates)
    for name in [*chosen, *(word.partition(":")[0] for word in more if _owner(word))]:
        if name not in names:
            raise UserError(f"there is no stage {name!r}", f"choose from {', '.join(names)}")
    stages = []
    for name in (name for name in names if not chosen or name in chosen):
        root = None if name == RENDERER else data / name
        if root is not None and not root.is_dir():
            raise UserError(
                f"{root} is not there", "give a folder that holds celeba/ and imagenet/"
            )
        if root is None:
            own = ("task=pretrain", "stroke=bezier", "renderer=neural", *scale.renderer)
        else:
            there = (f"data.root={root}", f"data.cache={weights.parent / 'cache'}")
            learned = (f"renderer.weights={weights}",)
            own = ("task=train", f"experiment={name}", *there, *learned, *scale.agent)
        extra = [word.removeprefix(f"{name}:") for word in more if _owner(word) in (None, name)]
        size = (f"updates={scale.updates[name]}",)
        overrides = (*own, *scale.common, *size, *extra)
        asked = [word.partition("=")[2] for word in overrides if word.startswith("updates=")]
        stages.append(Stage(name, overrides, int(asked[-1]), root))
    return stages


def _owner(word: str) -> str | None:
    """The stage that an override is for, None for all: `celeba:seed=1`."""
    name, colon, rest = word.partition(":")
    return name if colon and "=" in rest and "=" not in name else None
