"""What a resumed run may change of its settings."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from impasto.errors import UserError
from impasto.launch.changes import changes, refuse_changes
from impasto.launch.resume import other_versions
from impasto.persistence.manifest import Manifest, versions
from tests.conftest import Compose

QUICK = ("task=train", "experiment=quickstart")


def saved(cfg: DictConfig) -> dict[str, Any]:
    """As a run's folder and then a checkpoint have it."""
    plain = OmegaConf.to_container(OmegaConf.create(OmegaConf.to_yaml(cfg)))
    del cast(dict[str, Any], plain)["hydra"]
    return cast(dict[str, Any], plain)


@pytest.mark.parametrize(
    "override",
    [
        "updates=7",
        "trainer=cpu",
        "trainer.log_every_n_steps=3",
        "logger=csv",
        "resume=x",
        "callbacks.checkpoints.every=5",
        "~callbacks.pictures",
        "data.cache=/b",
        "+data.root=/a",
        "data.num_workers=2",
        "replay.save=false",
        "replay.device=cpu",
        "export=[png]",
        "compile=false",
        "painter=agent",
        "size=9",
        "image=a",
        "hydra.run.dir=x",
        "seed=0",
        "strokes=5",
        "bundle=5",
        "agent.batch_size=32",
        "batch_size=32.0",
    ],
)
def test_what_may_differ(compose_config: Compose, override: str) -> None:
    """And what is only written differently."""
    before = saved(compose_config(*QUICK))
    assert changes(before, compose_config(*QUICK, override)) == {}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=1", {"seed": "0 -> 1"}),
        ("batch_size=8", {"batch_size": "32 -> 8"}),
        ("strokes=9", {"strokes": "5 -> 9"}),
        ("agent.actor_optimizer.lr=1e-4", {"agent.actor_optimizer.lr": "0.001 -> 0.0001"}),
        ("replay.episodes=9", {"replay.episodes": "1024 -> 9"}),
        ("canvas.background=[1,1,1]", {"canvas.background": "[0, 0, 0] -> [1, 1, 1]"}),
        ("+agent.more=null", {"agent.more": "not there -> null"}),
        ("~agent.tau", {"agent.tau": "0.001 -> not there"}),
    ],
)
def test_what_may_not_differ(
    compose_config: Compose, override: str, expected: dict[str, str]
) -> None:
    before = saved(compose_config(*QUICK))
    assert changes(before, compose_config(*QUICK, override)) == expected
    [key] = expected
    for allowed in (key, key.partition(".")[0]):
        more = f"may_change=[data,{allowed}]"
        assert changes(before, compose_config(*QUICK, override, more)) == {}
    short = f"may_change=[{key[:-1]}]"  # a beginning of the key, but of no section
    assert changes(before, compose_config(*QUICK, override, short)) == expected


def test_the_list_is_one_line_and_not_too_long(compose_config: Compose) -> None:
    manifest = Manifest(5, saved(compose_config(*QUICK)))
    refuse_changes(Path("a.ckpt"), manifest, compose_config(*QUICK))
    two = compose_config(*QUICK, "seed=1", "replay.episodes=9")
    with pytest.raises(UserError) as caught:
        refuse_changes(Path("a.ckpt"), manifest, two)
    assert str(caught.value) == (
        "a.ckpt was saved with other settings: replay.episodes: 1024 -> 9, seed: 0 -> 1 — give "
        "them as they were, or start a new run, or insist by may_change=[replay.episodes,seed]"
    )
    many = compose_config(*QUICK, "agent=td3", "reward=wgan_gp", "replay=prioritized", "seed=1")
    with pytest.raises(UserError, match=r" and \d+ more — ") as caught:
        refuse_changes(Path("a.ckpt"), manifest, many)
    assert "\n" not in str(caught.value)
    assert caught.value.what.count(" -> ") == 8


def test_a_checkpoint_without_a_config_is_taken_as_it_is(compose_config: Compose) -> None:
    refuse_changes(Path("a.ckpt"), Manifest(5), compose_config(*QUICK))


@pytest.mark.parametrize(
    "task", ["pretrain renderer=gan", "train renderer=vae agent=lstm_adversarial"]
)
def test_what_a_checkpoint_of_before_says_under_other_keys_is_no_change(
    task: str, compose_config: Compose
) -> None:
    overrides = f"task={task}".split()
    path = Path(__file__).parent / "former" / f"{task.split()[0]}.yaml"
    former = yaml.safe_load(path.read_text())
    assert changes(former, compose_config(*overrides)) == {}
    cfg = compose_config(*overrides, "data=leaves", "strokes=5")
    assert "data._target_" in changes(former, cfg)
    if "pretrain" in task:
        cfg = compose_config(*overrides, "task.module.critic_updates=5", "task.optimizer.lr=1")
        assert changes(former, cfg) == {
            "task.module.critic_updates": "3 -> 5",
            "task.optimizer.lr": "0.0001 -> 1",
        }


def test_other_versions_are_named() -> None:
    now = versions()
    assert set(now) >= {"python", "torch", "pytorch-lightning", "numpy"}
    assert other_versions(Manifest(5, versions=now)) is None
    line = other_versions(Manifest(5, versions={**now, "torch": "1.0", "gone": "3"}))
    assert line is not None
    assert line.startswith(f"note: saved by torch 1.0, this is {now['torch']}: going on may not")
