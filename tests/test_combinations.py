"""Every choice of agent, reward, replay and exploration runs; every pair composes or is refused."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torchvision.models import get_model

from impasto.errors import UserError
from impasto.launch.compose import choices
from impasto.launch.validation.validate import validate
from tests.conftest import CONF, SMALL_TRAINING, Compose, RunMain

GROUPS = ("agent", "reward", "replay", "exploration")
CHOICES = [(group, choice) for group in GROUPS for choice in choices(CONF, group)]
Combination = tuple[tuple[str, str], ...]
REFUSED: dict[Combination, str] = {
    (("agent", agent), (group, choice)): f"{group}={instead}"
    for agent, group, choice, instead in (
        ("greedy", "replay", "prioritized", "uniform"),
        ("lstm_adversarial", "replay", "prioritized", "uniform"),
        ("lstm_adversarial", "exploration", "action_noise", "none"),
        ("lstm_adversarial", "exploration", "ornstein_uhlenbeck", "none"),
        ("lstm_adversarial", "exploration", "parameter_noise", "none"),
    )
}
SMALL = (*SMALL_TRAINING, "strokes=4", "bundle=2", "updates=2")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small classifier, which can't be downloaded here."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    torch.save(get_model("squeezenet1_1", weights=None).state_dict(), path)
    return path


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_makes_two_updates(
    run_main: RunMain, tmp_path: Path, prepared: Path, classifier: Path, group: str, choice: str
) -> None:
    more = [f"{group}={choice}", f"data.cache={prepared}", f"hydra.run.dir={tmp_path / 'run'}"]
    if choice == "perceptual":
        more += [f"reward.weights={classifier}", "reward.model=squeezenet1_1"]
        more += ["reward.layers=[features.1]", "reward.min_size=16"]
    done = run_main(*SMALL, *more)
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["status"], summary["updates"], summary["strokes"]) == ("finished", 2, 4)
    assert 0 < summary["l2"] < 1


def pairs_of(combination: Combination) -> set[Combination]:
    return set(itertools.combinations(combination, 2))


def combinations() -> Iterator[Combination]:
    """A choice of every group, so often that every pair which isn't refused is in one of them."""
    every = list(itertools.product(*([(g, c) for c in choices(CONF, g)] for g in GROUPS)))
    allowed = [one for one in every if not pairs_of(one) & set(REFUSED)]
    missing = set.union(*map(pairs_of, every)) - set(REFUSED)
    while missing:
        best = max(allowed, key=lambda one: len(pairs_of(one) & missing))
        missing -= pairs_of(best)
        yield best


def test_every_pair_composes(compose_config: Compose) -> None:
    for combination in combinations():
        asked = [f"{group}={choice}" for group, choice in combination]
        cfg = compose_config("task=train", "experiment=quickstart", *asked)
        validate(cfg)
        assert [cfg.hydra.runtime.choices[group] for group, _ in combination] == [
            choice for _, choice in combination
        ]


@pytest.mark.parametrize("pair", REFUSED, ids=str)
def test_a_pair_is_refused(compose_config: Compose, pair: Combination) -> None:
    (one, first), (other, second) = pair
    cfg = compose_config(
        "task=train", "experiment=quickstart", f"{one}={first}", f"{other}={second}"
    )
    wanted = rf"{other}={second} doesn't go with {one}={first}.*choose {REFUSED[pair]}"
    with pytest.raises(UserError, match=wanted):
        validate(cfg)


def test_what_is_refused_is_so_before_anything_is_built(run_main: RunMain, tmp_path: Path) -> None:
    done = run_main(*SMALL, "agent=greedy", "replay=prioritized", "hydra.run.dir=run")
    assert done.code == 2
    assert done.err.startswith("error: replay=prioritized doesn't go with agent=greedy: it has no")
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_one_bundle_and_priorities_are_refused_naming_both(run_main: RunMain) -> None:
    done = run_main(*SMALL, "strokes=2", "replay=prioritized")
    assert done.code == 2
    assert "replay=prioritized" in done.err
    assert "strokes above bundle" in done.err
    assert len(done.err.splitlines()) == 1
