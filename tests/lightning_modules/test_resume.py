"""N + N updates equal 2N, bit for bit, for every tensor of the checkpoint."""

import copy
import random
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from safetensors.torch import load_file
from torch import Tensor

from datamodules.sets.digits import Digits
from impasto.errors import Interrupted
from impasto.persistence.manifest import read_manifest
from impasto.rl.exploration import ActionNoise, ParameterNoise
from impasto.rl.replay import PrioritizedReplay
from impasto.rl.rewards import L2Reward
from impasto.runtime.random_state import get_random_state, set_random_state
from lightning_modules import DDPG, TD3, ModelBasedDDPG, OffPolicyAgent, PatchQ, ShortHorizon
from lightning_modules.callbacks import Checkpoints, MetricsCsv
from tests.lightning_modules.conftest import (
    AfterUpdate,
    make_agent,
    make_agent_of,
    make_renderer_module,
    make_trainer,
    run,
)

MakeDigits = Callable[..., Digits]


def assert_equal(found: Any, expected: Any, where: str = "checkpoint") -> int:
    """Compare two checkpoints leaf by leaf; how many tensors were compared."""
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        return sum(assert_equal(found[k], expected[k], f"{where}.{k}") for k in expected)
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), where
        pairs = zip(found, expected, strict=True)
        return sum(assert_equal(a, b, f"{where}[{n}]") for n, (a, b) in enumerate(pairs))
    if isinstance(expected, Tensor):
        assert found.dtype == expected.dtype, where
        assert torch.equal(found, expected), where
        return 1
    assert found == expected, where
    return 0


def content(path: Path) -> dict[str, Any]:
    """What a checkpoint says about the run; Lightning's own loop counters and clocks apart."""
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    lightnings = {"loops", "callbacks", "epoch", "global_step", "pytorch-lightning_version"}
    held = {}
    for entry in read_manifest(path).replay or ():
        held |= load_file(path.parent / entry["file"])
    rest = {key: value for key, value in checkpoint.items() if key not in lightnings}
    return rest | {"replay": held}


def seed_everything(seed: int) -> None:
    """As run.py does at the start of every run, also of a resumed one."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def train(
    folder: Path,
    digits: MakeDigits,
    stops: list[int],
    reward: str = "wgan_gp",
    seed: int = 0,
    kind: type[OffPolicyAgent] = ModelBasedDDPG,
    **arguments: Any,
) -> dict[str, Any]:
    """One run, stopped and resumed at some updates in a new process's objects; its checkpoint."""
    last = None
    for updates in stops:
        seed_everything(seed)
        # What has a state is made anew, as in every new process.
        made = {key: value() if callable(value) else value for key, value in arguments.items()}
        agent = make_agent_of(kind, reward, updates=updates, seed=seed, **made)
        last = run(agent, folder / str(updates), digits(seed), last)
        assert agent.update_count == updates
    assert last is not None
    return content(last)


@pytest.mark.parametrize(
    "variant",
    [
        {"kind": TD3},
        {"kind": DDPG},
        {"kind": PatchQ},
        {"kind": ShortHorizon},
        {"replay": lambda: PrioritizedReplay(6, beta_updates=16)},
        {"exploration": lambda: ActionNoise(0.1, theta=0.2)},
        {"exploration": lambda: ParameterNoise(distance=0.1, factor=1.5)},
        {"kind": DDPG, "replay": lambda: PrioritizedReplay(6), "exploration": ParameterNoise},
    ],
    ids=["td3", "ddpg", "patch_q", "short_horizon", "prioritized", "ou", "parameters", "several"],
)
def test_every_variant_resumes(tmp_path: Path, digits: MakeDigits, variant: dict[str, Any]) -> None:
    """In the middle of a rollout's group: with priorities, noise scales and delays as they were."""
    whole = train(tmp_path / "whole", digits, [15], **variant)
    parts = train(tmp_path / "parts", digits, [7, 15], **variant)
    assert assert_equal(parts, whole) > 50


@pytest.mark.parametrize("reward", ["l2", "wgan_gp"])
@pytest.mark.parametrize(
    "stops",
    [[8, 16], [6, 16], [3, 5, 16], [15, 16], [4, 8, 12, 16]],  # four updates to a rollout
    ids=["border", "middle", "twice", "late", "every"],
)
def test_n_and_n_is_2n(tmp_path: Path, digits: MakeDigits, reward: str, stops: list[int]) -> None:
    whole = train(tmp_path / "whole", digits, stops[-1:], reward)
    parts = train(tmp_path / "parts", digits, stops, reward)
    compared = assert_equal(parts, whole)
    assert compared > 100
    # What a peer loses is there: optimizers, schedules, targets, replay, random states, data.
    learned = whole["state_dict"]
    parts_of = {key.split(".")[0] for key in learned}
    assert parts_of >= {"actor", "critic", "target_actor", "target_critic"}
    assert ("reward.target_discriminator.layers.0.bias" in learned) == (reward == "wgan_gp")
    assert len(whole["optimizer_states"]) == (3 if reward == "wgan_gp" else 2)
    assert len(whole["lr_schedulers"]) == 2
    impasto = whole["impasto"]
    assert impasto["update_count"] == 16
    assert set(whole["replay"]) == {"target", "canvas", "action"}
    assert len(whole["replay"]["target"]) == 6
    [own] = impasto["ranks"]
    assert own["state"]["replay"] == {"next": 4, "filled": 6}  # 16 episodes in a ring of 6
    assert set(own["state"]) >= {"rollout_count", "replay", "exploration", "generator"}
    assert set(own["random"]) >= {"python", "numpy", "torch"}
    assert own["data"] == {"position": 4, "together": 4, "images": 1797}
    assert whole["Digits"] == own["data"]


def test_the_targets_batch_statistics_resume_too(tmp_path: Path, digits: MakeDigits) -> None:
    switch = {"target_batch_statistics": True}
    whole = train(tmp_path / "whole", digits, [12], **switch)
    assert_equal(train(tmp_path / "parts", digits, [6, 12], **switch), whole)


def test_a_run_with_warm_up_resumes(tmp_path: Path, digits: MakeDigits) -> None:
    whole = train(tmp_path / "whole", digits, [12], warmup_env_steps=6)
    assert_equal(train(tmp_path / "parts", digits, [5, 12], warmup_env_steps=6), whole)


class DrawingReward(L2Reward):
    """One that draws from every global generator, as a library below might."""

    def score(self, canvas: Tensor, target: Tensor) -> Tensor:
        noise = random.random() + np.random.rand() + torch.rand(()).item()
        return super().score(canvas, target) * (1 + noise)


def test_global_generators_go_on(tmp_path: Path, digits: MakeDigits) -> None:
    whole = train(tmp_path / "whole", digits, [12], DrawingReward())  # type: ignore[arg-type]
    parts = train(tmp_path / "parts", digits, [6, 12], DrawingReward())  # type: ignore[arg-type]
    assert_equal(parts, whole)


def test_more_updates_do_not_change_the_schedule(tmp_path: Path, digits: MakeDigits) -> None:
    """A run of 6 is the first 6 of a run of 16."""
    short = train(tmp_path / "short", digits, [6])
    agent = make_agent(updates=16)
    kept: list[dict[str, Any]] = []

    def note(number: int, figures: object) -> None:
        if number == 6:
            kept.append(copy.deepcopy(agent.state_dict()))

    run(agent, tmp_path, digits(), callbacks=[AfterUpdate(note)])
    assert_equal(dict(kept[0]), dict(short["state_dict"]))


class Killed(Exception):
    """The process is gone."""


@pytest.mark.parametrize("at", [9, 10, 12, 13])
def test_a_killed_run_resumed_ends_as_one_that_was_not(
    tmp_path: Path, digits: MakeDigits, at: int
) -> None:
    """Killed without warning, it goes on from the last periodic checkpoint."""
    results = []
    for killed in (False, True):
        folder = tmp_path / str(killed)
        last = None
        for life in range(2 if killed else 1):
            seed_everything(0)
            agent = make_agent(updates=16)
            checkpoints = Checkpoints(folder, every=4, monitor="val_l2")
            metrics = MetricsCsv(folder / "metrics.csv", every=3)

            def die(number: int, figures: object, now: bool = killed and life == 0) -> None:
                if now and number == at:
                    raise Killed

            callbacks = [AfterUpdate(die), metrics, checkpoints]
            trainer = make_trainer(folder, callbacks, val_check_interval=2)
            try:
                trainer.fit(agent, digits(), ckpt_path=last)
            except Killed:
                last = checkpoints.last
                assert content(last)["impasto"]["update_count"] == (at - 1) // 4 * 4
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in metrics.rows]
        best = content(checkpoints.best)
        results.append((content(checkpoints.last), best, checkpoints.best_value, rows))
    for found, expected in zip(results[1], results[0], strict=True):
        assert_equal(found, expected)


class KilledAt(pl.Callback):
    """Kills a run in one of its hooks, at one update."""

    def __init__(self, hook: str, update: int) -> None:
        def die(trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
            if pl_module.update_count == update:
                raise Killed

        setattr(self, hook, die)


class Logged(CSVLogger):
    """Keeps what it is given."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.kept: dict[tuple[int, str], float] = {}

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.kept |= {(step or 0, name): value for name, value in metrics.items()}


@pytest.mark.parametrize(
    ("hook", "updates"),
    [
        ("on_validation_start", 16),
        ("on_validation_end", 16),
        ("on_train_end", 16),
        ("", 8),
    ],
)
def test_a_run_goes_on_from_an_update_where_a_validation_is_due(
    tmp_path: Path, digits: MakeDigits, hook: str, updates: int
) -> None:
    """Killed before it, or after it and before what follows; or a shorter run, gone on with."""
    found: list[Any] = []
    for name in ("whole", "parts"):
        folder = tmp_path / name
        logger, last = Logged(folder), None
        for part in (1, 2) if name == "parts" else (2,):
            seed_everything(0)
            agent = make_agent(updates=updates if part == 1 else 16)
            metrics = MetricsCsv(folder / "metrics.csv", every=3)
            checkpoints = Checkpoints(folder, every=4, monitor="val_l2")
            callbacks: list[pl.Callback] = [metrics, checkpoints]
            if part == 1 and hook:
                callbacks.append(KilledAt(hook, 16 if hook == "on_train_end" else 8))
            trainer = make_trainer(
                folder, callbacks, val_check_interval=4, logger=logger, log_every_n_steps=1
            )
            with pytest.raises(Killed) if part == 1 and hook else nullcontext():
                trainer.fit(agent, digits(), ckpt_path=last)
            last = checkpoints.last
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in metrics.rows]
        steps = {key: value for key, value in logger.kept.items() if key[1] != "epoch"}
        found.append((content(last), content(checkpoints.best), rows, steps))
    assert_equal(found[1], found[0])


def test_loggers_count_the_updates_of_a_run_that_went_on(tmp_path: Path) -> None:
    last = None
    for updates in (3, 5, 8):
        logger = Logged(tmp_path)
        module = make_renderer_module(updates=updates)
        last = run(module, tmp_path, None, last, logger=logger, log_every_n_steps=1)
        first = {3: 0, 5: 3, 8: 5}[updates]
        steps = [step for step, name in logger.kept if name == "renderer_loss"]
        assert steps == list(range(first, updates))


@pytest.mark.parametrize("at", [6, 8, 10, 14])
def test_a_stopped_run_keeps_the_same_best(tmp_path: Path, digits: MakeDigits, at: int) -> None:
    """A validation is due at the update, or is not; a stop brings none about."""
    results = []
    for stops in ([16], [at, 16]):
        folder, last = tmp_path / str(len(stops)), None
        for updates in stops:
            seed_everything(0)
            agent = make_agent(updates=16)
            stopping = updates < 16

            def ask(
                number: int, figures: object, agent: ModelBasedDDPG = agent, now: bool = stopping
            ) -> None:
                if now and number == at:
                    agent.stop_requested = signal.SIGTERM

            checkpoints = Checkpoints(folder, every=100, monitor="val_l2")
            trainer = make_trainer(folder, [AfterUpdate(ask), checkpoints], val_check_interval=2)
            with pytest.raises(Interrupted) if stopping else nullcontext():
                trainer.fit(agent, digits(), ckpt_path=last)
            last = checkpoints.last
        results.append((content(checkpoints.best), checkpoints.best_value))
    assert_equal(results[1], results[0])


# ---- seeds


def test_seed_0_is_a_seed(tmp_path: Path, digits: MakeDigits) -> None:
    runs = [train(tmp_path / str(n), digits, [6], seed=seed) for n, seed in enumerate([0, 0, 1])]
    assert_equal(runs[1], runs[0])
    for key in ("actor.head.weight", "critic.head.weight", "reward.discriminator.layers.0.bias"):
        assert not torch.equal(runs[2]["state_dict"][key], runs[0]["state_dict"][key])
    replays = [one["replay"]["target"] for one in runs]
    assert not torch.equal(replays[2], replays[0])  # other pictures, too


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_alone_fixes_what_updates_draw(seed: int) -> None:
    drawn = [torch.rand(3, generator=make_agent(seed=s).generator) for s in (seed, seed, seed + 1)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_a_generator_of_another_device_is_drawn_anew(caplog: pytest.LogCaptureFixture) -> None:
    """A GPU's state has 16 bytes; numbers follow from the seed and the update."""
    drawn = []
    for seed, updates in ((0, 3), (0, 3), (1, 3), (0, 4)):
        agent = make_agent(seed=seed)
        agent.trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
        agent.update_count = updates
        agent.load_generator(torch.zeros(16, dtype=torch.uint8))
        drawn.append(torch.rand(3, generator=agent.generator))
    assert torch.equal(drawn[0], drawn[1])
    assert not any(torch.equal(drawn[0], other) for other in drawn[2:])
    assert caplog.text.count("saved on another kind of device") == 4
    state = agent.generator.get_state()
    expected = torch.rand(3, generator=agent.generator)
    agent.load_generator(state)
    assert torch.equal(torch.rand(3, generator=agent.generator), expected)
    assert caplog.text.count("saved on another kind of device") == 4


def test_random_states_are_taken_back(tmp_path: Path) -> None:
    seed_everything(3)
    np.random.standard_normal()  # leaves a second value in store
    torch.save(get_random_state(), tmp_path / "state")

    def draw() -> list[float]:
        return [
            random.random(),
            random.gauss(0, 1),
            float(np.random.standard_normal()),
            float(np.random.rand()),
            torch.rand(()).item(),
        ]

    expected = draw()
    seed_everything(4)
    set_random_state(torch.load(tmp_path / "state", weights_only=True))
    assert draw() == expected


def test_a_group_that_was_cut_short_is_finished_in_the_run_s_precision(
    digits: MakeDigits, tmp_path: Path
) -> None:
    found = []
    for name, stops in (("once", [10]), ("twice", [5, 10])):
        last = None
        for updates in stops:
            seed_everything(0)
            agent = make_agent(updates=updates)
            folder = tmp_path / name / str(updates)
            last = run(agent, folder, digits(0), last, precision="bf16-mixed")
        assert last is not None
        found.append(content(last))
    assert assert_equal(*found) > 20
