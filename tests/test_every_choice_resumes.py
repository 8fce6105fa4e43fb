"""Every agent, reward, replay and exploration of conf/ resumes bit for bit, as runs compose it."""

import itertools
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, ListConfig, OmegaConf
from pytorch_lightning import seed_everything
from torchvision.models import get_model

from impasto.errors import Interrupted
from impasto.launch.advice import in_keys
from impasto.launch.build import build_call
from impasto.launch.compose import choices
from impasto.launch.validation.refused import COMBINATIONS
from impasto.launch.validation.validate import validate
from impasto.tasks.fit import find_callback, fit
from lightning_modules import UpdateModule
from lightning_modules.callbacks import Checkpoints
from tests.conftest import CONF, Compose
from tests.lightning_modules.conftest import AfterUpdate
from tests.lightning_modules.test_resume import assert_equal, content

GROUPS = ("agent", "reward", "replay", "exploration")
CLASSIFIER, LAYERS = "squeezenet1_1", ["features.1"]
# Three updates to a rollout, one rollout of warm-up: 4 is in the middle of a rollout's group.
STOP, END = 4, 7
SMALL = (
    "task=train",
    "renderer=analytic",
    "stroke=circle",
    "trainer=cpu",
    "logger=none",
    "canvas.size=16",
    "strokes=5",
    "bundle=2",
    "batch_size=4",
    "replay.episodes=8",
    "agent.updates_per_rollout=3",
    "agent.warmup_env_steps=3",
    "agent.tau=0.1",
    "agent.actor.blocks=[1,1]",
    "agent.actor.width=4",
    "agent.critic.blocks=[1,1]",
    "agent.critic.width=4",
    "trainer.val_check_interval=2",
    "data.val_limit=4",
    "~callbacks.progress",
    "~callbacks.pictures",
    "schedule@agent.actor_scheduler=cosine",
    "agent.actor_scheduler.T_max=6",
)


@dataclass(frozen=True)
class Case:
    """One choice of each group."""

    agent: str
    reward: str
    replay: str
    exploration: str

    def __str__(self) -> str:
        return "-".join(vars(self).values())

    @property
    def refused(self) -> bool:
        """Whether the project says that these don't go together."""
        made = {f"{group}={choice}" for group, choice in vars(self).items()}
        return any(made.issuperset(pair) for pair in COMBINATIONS)


def product() -> list[Case]:
    every = itertools.product(*(choices(CONF, group) for group in GROUPS))
    return [case for case in itertools.starmap(Case, every) if not case.refused]


def cover(cases: list[Case], shown: Callable[[Case], set[object]]) -> list[Case]:
    """As few cases as show everything that any of them shows."""
    missing = set().union(*map(shown, cases))
    chosen = []
    while missing:
        chosen.append(max(cases, key=lambda case: len(shown(case) & missing)))
        missing -= shown(chosen[-1])
    return chosen


def each_choice(case: Case) -> set[object]:
    return set(vars(case).items())


def each_with_the_agent(case: Case) -> set[object]:
    return {(case.agent, group, getattr(case, group)) for group in GROUPS[1:]}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared digits, and a small classifier for the perceptual reward."""
    folder = tmp_path_factory.mktemp("cache")
    with torch.random.fork_rng():
        state = get_model(CLASSIFIER, weights=None).state_dict()
    first = {name: value for name, value in state.items() if name.startswith("features.0.")}
    torch.save(first, folder / "classifier.pth")
    return folder


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def nodes(node: Any) -> Iterator[DictConfig]:
    """Every section of a config."""
    children = node.values() if isinstance(node, DictConfig) else node
    if isinstance(node, DictConfig):
        yield node
    for child in children:
        if isinstance(child, DictConfig | ListConfig):
            yield from nodes(child)


def shrink(reward: DictConfig, cache: Path) -> None:
    """Small networks wherever a reward has some."""
    for node in nodes(reward):
        name = str(node.get("_target_")).rpartition(".")[2]
        if name == "Discriminator":
            node.channels = [4] * len(node.channels)
        if name == "PerceptualReward":
            node.update(model=CLASSIFIER, layers=LAYERS, weights=str(cache / "classifier.pth"))
            node.min_size = 16


def train(
    cfg: DictConfig, folder: Path, updates: int, checkpoint: Path | None = None, stop: int = 0
) -> Path:
    """Train as a run does, with everything built from the config; the last checkpoint.

    Args:
        cfg: The config.
        folder: The run folder.
        updates: How many updates the run makes.
        checkpoint: Where to go on.
        stop: The update after which a signal would have asked it to stop; 0 is never.
    """
    cfg.updates, cfg.run.folder = updates, str(folder)
    seed_everything(cfg.seed, verbose=False)
    given = build_call(cfg).keywords
    module: UpdateModule = given["agent"] if "agent" in given else given["module"]
    assert all(
        OmegaConf.select(cfg, in_keys(key)) for key in module.rate_keys
    )  # as advice names them

    def ask(number: int, figures: object) -> None:
        if number == stop:
            module.stop_requested = signal.SIGTERM

    given["trainer"].callbacks.insert(0, AfterUpdate(ask))
    with pytest.raises(Interrupted) if stop else nullcontext():
        fit(module, given["trainer"], given.get("datamodule"), checkpoint)
    return find_callback(given["trainer"], Checkpoints).last


def assert_resumes(cfg: DictConfig, folder: Path) -> None:
    """A run that stops in a rollout's group, after a validation, ends as one that doesn't."""
    whole = content(train(cfg, folder / "whole", END))
    stopped = train(cfg, folder / "stopped", END, stop=STOP)
    assert content(stopped)["impasto"]["update_count"] == STOP
    resumed = content(train(cfg, folder / "resumed", END, stopped))
    assert resumed["impasto"]["update_count"] == END
    assert assert_equal(resumed, whole) > 50


def config_of(case: Case, compose: Compose, cache: Path, *more: str) -> DictConfig:
    chosen = [f"{group}={choice}" for group, choice in vars(case).items()]
    cfg = compose(*SMALL, *chosen, f"data.cache={cache}", *more)
    shrink(cfg.reward, cache)
    validate(cfg)
    return cfg


@pytest.mark.parametrize("case", cover(product(), each_choice), ids=str)
def test_every_choice(case: Case, compose_config: Compose, cache: Path, tmp_path: Path) -> None:
    assert_resumes(config_of(case, compose_config, cache), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("case", cover(product(), each_with_the_agent), ids=str)
def test_every_choice_with_every_agent(
    case: Case, compose_config: Compose, cache: Path, tmp_path: Path
) -> None:
    assert_resumes(config_of(case, compose_config, cache), tmp_path)


PLAIN = Case("model_based_ddpg", "l2", "uniform", "none")


@pytest.mark.parametrize(
    "more",
    [
        ("data.num_workers=2",),
        ("++agent.start={_target_: impasto.rl.initial_states.ContinuedStart, rounds: 2}",),
        ("++agent.start={_target_: impasto.painters.GlimpseStart, strokes: 9, glimpses: 6}",),
    ],
    ids=["workers", "start", "glimpses"],
)
def test_what_is_no_group(
    more: tuple[str, ...], compose_config: Compose, cache: Path, tmp_path: Path
) -> None:
    assert_resumes(config_of(PLAIN, compose_config, cache, *more), tmp_path)


@pytest.mark.parametrize("pairs", ["null", 200])
def test_a_renderers_pretraining(compose_config: Compose, tmp_path: Path, pairs: str | int) -> None:
    cfg = compose_config(
        "task=pretrain",
        "renderer.hidden=[8,16]",
        "renderer.channels=4",
        "stroke=circle",
        "canvas.size=16",
        "batch_size=4",
        "trainer=cpu",
        "logger=none",
        "task.judged_strokes=8",
        "~callbacks.progress",
        "~callbacks.pictures",
        "task.scheduler.milestones=[2,5]",
        f"task.pairs={pairs}",
        f"data.cache={tmp_path / 'cache'}",
    )
    whole = content(train(cfg, tmp_path / "whole", END))
    assert (tmp_path / "cache").exists() == (pairs == 200)
    stopped = train(cfg, tmp_path / "stopped", END, stop=STOP)
    assert content(stopped)["impasto"]["update_count"] == STOP
    assert assert_equal(content(train(cfg, tmp_path / "resumed", END, stopped)), whole) > 20
