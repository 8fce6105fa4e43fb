"""What checkpoints are kept, and that a kill at any moment leaves a good one."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.errors import UserError
from impasto.persistence.checkpoints import newest_good
from impasto.persistence.manifest import read_manifest, verify
from impasto.rl.replay import ReplayBuffer
from lightning_modules import AtomicCheckpointIO, ModelBasedDDPG
from lightning_modules.callbacks import Checkpoints
from tests.lightning_modules.conftest import AfterUpdate, MemoryData, make_agent, make_trainer
from tests.lightning_modules.test_resume import assert_equal, content, seed_everything


def train(
    folder: Path, updates: int = 16, source: Path | None = None, **arguments: Any
) -> ModelBasedDDPG:
    """A run that saves after every rollout of four updates."""
    seed_everything(0)
    agent = make_agent("l2", updates=updates, **arguments)
    checkpoints = Checkpoints(folder, every=4, monitor="val_l2")
    trainer = make_trainer(folder, [checkpoints], val_check_interval=8)
    trainer.fit(agent, MemoryData(), ckpt_path=source)
    return agent


def updates_in(folder: Path) -> dict[str, int]:
    return {path.name: read_manifest(path).update for path in sorted(folder.glob("*.ckpt"))}


def replays_in(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.safetensors")}


def named_in(folder: Path, *names: str) -> set[str]:
    entries = [read_manifest(folder / name).replay or [] for name in names]
    return {entry["file"] for replay in entries for entry in replay}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_the_last_two_and_the_best(tmp_path: Path) -> None:
    train(tmp_path)
    kept = updates_in(tmp_path)
    assert (kept["last.ckpt"], kept["previous.ckpt"]) == (16, 12)
    assert kept.keys() == {"last.ckpt", "previous.ckpt", "best.ckpt"}
    assert all(verify(tmp_path / name) for name in kept)
    assert replays_in(tmp_path) == named_in(tmp_path, "last.ckpt", "previous.ckpt")
    assert len(replays_in(tmp_path)) == 2
    assert read_manifest(tmp_path / "best.ckpt").replay is None
    assert not list(tmp_path.glob(".*"))


def test_a_save_at_the_same_update_does_not_push_the_previous_one_aside(tmp_path: Path) -> None:
    """A validation follows every second save, after which it is made again."""
    train(tmp_path, updates=8)
    assert updates_in(tmp_path)["previous.ckpt"] == 4


class Killed(BaseException):
    """The process is gone."""


def count_calls(patch: pytest.MonkeyPatch, kill_at: int) -> list[str]:
    """Note every flush and rename, and be killed before one of them."""
    calls: list[str] = []

    def watch(name: str) -> None:
        function = getattr(os, name)

        def stand_in(*arguments: Any) -> None:
            if len(calls) >= kill_at:  # nothing is written after a kill
                raise Killed
            calls.append(name)
            if name == "replace":
                function(*arguments)

        patch.setattr(os, name, stand_in)

    watch("fsync")
    watch("replace")
    return calls


def test_a_kill_at_any_call_of_any_save_loses_nothing_that_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path / "whole", updates=12)
    whole = content(tmp_path / "whole" / "last.ckpt")
    with monkeypatch.context() as patch:
        calls = count_calls(patch, 10_000)
        train(tmp_path / "counted", updates=12)
        every = len(calls)
    assert every > 20
    for kill_at in range(1, every, 5):  # five is prime to the calls of a save
        folder = tmp_path / str(kill_at)
        with monkeypatch.context() as patch:
            count_calls(patch, kill_at)
            with pytest.raises(Killed):
                train(folder, updates=12)
        try:
            source = newest_good(folder).path
        except UserError:  # killed before the first one had its name
            source = None
            assert kill_at < 8
        train(folder, updates=12, source=source)
        assert_equal(content(folder / "last.ckpt"), whole)
        assert replays_in(folder) == named_in(folder, "last.ckpt", "previous.ckpt")
        shutil.rmtree(folder)


def test_a_damaged_last_one_never_takes_the_place_of_the_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path, updates=12)
    flip(tmp_path / "last.ckpt")
    good = newest_good(tmp_path)
    assert (good.path.name, good.manifest.update) == ("previous.ckpt", 8)
    seen: list[int] = []
    save = AtomicCheckpointIO.save_checkpoint

    def look_before(self: AtomicCheckpointIO, *arguments: Any, **options: Any) -> None:
        save(self, *arguments, **options)
        seen.append(newest_good(tmp_path).manifest.update)
        seen.append(verify(tmp_path / "previous.ckpt").update)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", look_before)
    train(tmp_path, updates=10, source=good.path)
    assert set(seen) == {8, 10}
    assert updates_in(tmp_path)["previous.ckpt"] == 8  # still there, and not the damaged 12


def test_a_fresh_run_in_an_old_folder_keeps_nothing_of_the_old_one(tmp_path: Path) -> None:
    train(tmp_path, updates=12)
    train(tmp_path, updates=4)
    kept = updates_in(tmp_path)
    assert kept["last.ckpt"] == 4
    assert "previous.ckpt" not in kept
    assert replays_in(tmp_path) == named_in(tmp_path, "last.ckpt")


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    for name in (
        ".impasto-0123456789ab.tmp.ckpt",
        ".impasto-0123456789ab.tmp.safetensors",
        "replay-3-0-01234567.safetensors",
    ):
        (tmp_path / name).write_bytes(b"half")
    train(tmp_path, updates=4)
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()
    assert replays_in(tmp_path) == named_in(tmp_path, "last.ckpt")


def test_a_failed_write_ends_the_run_and_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = torch.save

    def full(checkpoint: Any, file: Any) -> None:
        if checkpoint["impasto"]["update_count"] == 12:
            file.write(b"half")
            try:
                raise OSError(28, "No space left on device")
            except OSError as error:
                raise RuntimeError("unexpected pos 704 vs 598") from error
        save(checkpoint, file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match=r"last\.ckpt can't be written \(No space left on device\)"):
        train(tmp_path)
    assert newest_good(tmp_path).manifest.update == 8
    assert updates_in(tmp_path)["previous.ckpt"] == 4
    assert not list(tmp_path.glob(".*"))


def test_the_config_is_kept(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("seed: 3\nupdates: ${task.updates}\nrate: 1.0e-05\n")
    checkpoints = Checkpoints(tmp_path, config=config)
    make_trainer(tmp_path, [checkpoints]).fit(make_agent("l2", updates=2), MemoryData())
    manifest = read_manifest(tmp_path / "last.ckpt")
    assert manifest.config == {"seed": 3, "updates": "${task.updates}", "rate": 1e-5}
    assert manifest.versions is not None
    assert manifest.versions["torch"] == torch.__version__.partition("+")[0]


def test_a_config_that_is_too_large_is_refused_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"runs: [{', '.join(['x' * 100] * 700)}]\n")
    checkpoints = Checkpoints(tmp_path, config=config)
    agent = make_agent("l2", updates=2)
    with pytest.raises(UserError, match="config is too large"):
        make_trainer(tmp_path, [checkpoints]).fit(agent, MemoryData())
    assert agent.update_count == 0


def test_a_damaged_best_one_is_made_anew(tmp_path: Path) -> None:
    """Or a run that is complete would fail at its end for ever."""
    train(tmp_path, updates=8)
    flip(tmp_path / "best.ckpt")
    agent, checkpoints = make_agent("l2", updates=8), Checkpoints(tmp_path, monitor="val_l2")
    trainer = make_trainer(tmp_path, [checkpoints])
    trainer.fit(agent, MemoryData(), ckpt_path=tmp_path / "last.ckpt")
    trainer.validate(agent, MemoryData(), verbose=False)
    assert verify(tmp_path / "best.ckpt").update == 8


# ---- without a replay


@pytest.mark.parametrize("warmup", [0, 9])  # rollouts of three steps: none, or three
def test_without_its_replay_a_run_fills_it_again_first(
    tmp_path: Path, warmup: int, caplog: pytest.LogCaptureFixture
) -> None:
    settings: dict[str, Any] = {"warmup_env_steps": warmup, "episodes": 100}
    episodes = settings.pop("episodes")
    agent = train(tmp_path, 6, replay=ReplayBuffer(episodes, save=False), **settings)
    assert not replays_in(tmp_path)
    rollouts = agent.collector.rollout_count
    assert rollouts == warmup // 3 + 2
    resumed = make_agent("l2", updates=16, replay=ReplayBuffer(episodes, save=False), **settings)
    made: list[tuple[int, int]] = []
    note = AfterUpdate(
        lambda number, _: made.append((number, resumed.collector.rollout_count - rollouts))
    )
    caplog.clear()
    trainer = make_trainer(tmp_path, [note, Checkpoints(tmp_path, every=4)])
    trainer.fit(resumed, MemoryData(), ckpt_path=tmp_path / "last.ckpt")
    assert resumed.update_count == 16  # the budget is as it was
    fill = warmup // 3
    # The cut-short group of two, as soon as there is something to draw; then four to a rollout.
    first = max(1, fill)
    assert [at for number, at in made if number <= 8] == [first] * 2
    assert [at for number, at in made if 8 < number <= 12] == [fill + 1] * 4
    assert [at for number, at in made if number > 12] == [fill + 2] * 4
    assert f"no replay: it starts empty, and {first} rollouts fill it" in caplog.text


def test_a_run_that_filled_its_replay_again_resumes_exactly(tmp_path: Path) -> None:
    train(tmp_path / "first", 6, replay=ReplayBuffer(9, save=False), warmup_env_steps=6)
    source = tmp_path / "first" / "last.ckpt"
    arguments = {"warmup_env_steps": 6}
    train(tmp_path / "whole", 16, source, replay=ReplayBuffer(9), **arguments)
    train(tmp_path / "half", 11, source, replay=ReplayBuffer(9), **arguments)
    half = tmp_path / "half" / "last.ckpt"
    train(tmp_path / "parts", 16, half, replay=ReplayBuffer(9), **arguments)
    parts, whole = (content(tmp_path / name / "last.ckpt") for name in ("parts", "whole"))
    assert parts["impasto"]["ranks"][0]["state"]["refill_rollouts"] == 2
    assert_equal(parts, whole)


def test_the_best_one_can_be_gone_on_from(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(tmp_path, 8)
    assert train(tmp_path / "more", 12, tmp_path / "best.ckpt").update_count == 12
    assert "the checkpoint has no replay" in caplog.text
