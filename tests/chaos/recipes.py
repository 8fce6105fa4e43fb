"""Small runs of every kind: which agent, reward, replay, exploration and data a victim has."""

import itertools
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from impasto.io.images import write_png

UPDATES = 160
EVERY = 4  # updates between two checkpoints, so that writing one is no rare moment
_GROUP = 4  # updates to a rollout
_PICTURES = 48

_COMMON = (
    "task=train",
    "experiment=quickstart",
    "trainer=cpu",
    "logger=none",
    "canvas.size=16",
    "strokes=6",
    "bundle=2",
    "batch_size=8",
    "replay.episodes=64",
    f"agent.updates_per_rollout={_GROUP}",
    "agent.actor.blocks=[1,1]",
    "agent.actor.width=4",
    "agent.actor.hidden=16",
    "agent.actor.glance=0",
    "data.val_limit=16",
    "data.test_limit=16",
    f"callbacks.checkpoints.every={EVERY}",
    "callbacks.metrics_csv.every=5",
    f"trainer.val_check_interval={6 * _GROUP}",
    # Its own, of which a fault makes one that explodes: the bits up to there are the same.
    "~agent.actor_scheduler",
    "+agent.actor_scheduler={_target_: torch.optim.lr_scheduler.MultiStepLR, _partial_: true, "
    "milestones: [60], gamma: 0.5}",
)
_CRITIC = ("agent.critic.blocks=[1,1]", "agent.critic.width=4", "agent.critic.hidden=0")
_ACTION_CRITIC = (*_CRITIC[:2], "agent.critic.features=8", "agent.critic.action_hidden=16")

AGENTS = {
    "model_based_ddpg": _CRITIC,
    "td3": _CRITIC,
    "ddpg": _ACTION_CRITIC,
    "patch_q": (*_ACTION_CRITIC, "agent.patches=2"),
    "greedy": (),
    "short_horizon": (*_CRITIC, "agent.horizon=2"),
}
REWARDS = {
    "l2": (),
    "wgan_gp": ("reward.discriminator.channels=[4,4]",),
    "psnr": (),
    "sngan": ("reward.discriminator.channels=[4,4]",),
}
EXPLORATIONS = ("none", "parameter_noise", "ornstein_uhlenbeck", "action_noise")


@dataclass(frozen=True)
class Recipe:
    """A run that is to be disturbed.

    Attributes:
        name: What it is, in words.
        overrides: The run, without its folder and its data's.
        workers: Processes that read data.
        pictures: Whether its data are files in a folder of their own.
    """

    name: str
    overrides: tuple[str, ...]
    workers: int
    pictures: bool


def recipe(number: int, seed: int) -> Recipe:
    """The recipe of a campaign; over some of them every choice comes up."""
    chosen = random.Random(seed)
    agents, rewards = list(AGENTS), list(REWARDS)
    explorations = list(EXPLORATIONS)
    for choices in (agents, rewards, explorations):
        chosen.shuffle(choices)
    agent = agents[number % len(agents)]
    # Steps of their own, so that an agent meets another reward when its turn comes again.
    reward = rewards[(number + number // len(agents)) % len(rewards)]
    exploration = explorations[(number + number // 5) % len(explorations)]
    # What PatchQ rewards is one number per patch, which only some rewards give.
    if agent == "patch_q":
        reward = "l2"
    replay = "prioritized" if number % 2 == 0 and agent != "greedy" else "uniform"
    workers = 2 if number % 3 == 1 else 0
    pictures = number % 2 == 1
    overrides = (
        *_COMMON,
        f"agent={agent}",
        *AGENTS[agent],
        f"reward={reward}",
        *REWARDS[reward],
        f"exploration={exploration}",
        f"replay={replay}",
        f"data.num_workers={workers}",
        f"seed={(seed + number) % 100}",
    )
    words = [agent, reward, exploration, replay, f"{workers} workers"]
    return Recipe(
        ", ".join([*words, "pictures" if pictures else "digits"]), overrides, workers, pictures
    )


def draw_pictures(folder: Path) -> None:
    """Files of random pictures for `data=images`."""
    folder.mkdir(parents=True, exist_ok=True)
    random_numbers = np.random.default_rng(0)
    for number in range(_PICTURES):
        corners = random_numbers.integers(0, 256, (2, 2, 3), dtype=np.uint8)
        write_png(folder / f"{number:03d}.png", corners.repeat(8, 0).repeat(8, 1))


def data_overrides(recipe: Recipe, root: Path, cache: Path) -> list[str]:
    """Where a recipe's data are."""
    chosen = ["data=images", f"data.root={root}"] if recipe.pictures else ["data=digits"]
    return [*chosen, f"data.cache={cache}"]


def coverage(count: int, seed: int) -> set[str]:
    """Every word of the names of the first recipes."""
    names = (recipe(number, seed).name.split(", ") for number in range(count))
    return set(itertools.chain.from_iterable(names))
