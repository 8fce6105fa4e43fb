"""Every choice of agent, reward, replay and exploration runs; every pair composes or is refused."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from torchvision.models import get_model

from impasto.errors import UserError
from impasto.launch.compose import choices
from impasto.launch.validation.validate import validate
from tests.conftest import CONF, Compose, RunMain

GROUPS = ("agent", "reward", "replay", "exploration")
CHOICES = [(group, choice) for group in GROUPS for choice in choices(CONF, group)]
PAIRS = list(itertools.combinations(GROUPS, 2))
REFUSED = {
    ("greedy", "prioritized"): "replay=uniform",
    ("lstm_adversarial", "prioritized"): "replay=uniform",
    ("lstm_adversarial", "action_noise"): "exploration=none",
    ("lstm_adversarial", "ornstein_uhlenbeck"): "exploration=none",
    ("lstm_adversarial", "parameter_noise"): "exploration=none",
}
SMALL = (
    "task=train",
    "experiment=quickstart",
    "trainer=cpu",
    "logger=none",
    "canvas.size=16",
    "strokes=4",
    "bundle=2",
    "updates=2",
    "batch_size=3",
    "replay.episodes=4",
    "agent.warmup_env_steps=0",
    "agent.updates_per_rollout=1",
    "data.val_limit=4",
)


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


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_every_pair_composes_or_is_refused(compose_config: Compose, one: str, other: str) -> None:
    for first, second in itertools.product(choices(CONF, one), choices(CONF, other)):
        cfg = compose_config(
            "task=train", "experiment=quickstart", f"{one}={first}", f"{other}={second}"
        )
        if (first, second) in REFUSED:
            todo = REFUSED[first, second]
            wanted = rf"{other}={second} doesn't go with {one}={first}.*choose {todo}"
            with pytest.raises(UserError, match=wanted):
                validate(cfg)
        else:
            validate(cfg)
            assert cfg.hydra.runtime.choices[one] == first
            assert cfg.hydra.runtime.choices[other] == second


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
