"""What a plan's runs cost, before they begin."""

from pathlib import Path

import pytest
import torch

from impasto.errors import UserError
from impasto.launch.trials import TrialBuilder
from impasto.tasks.ablations import costs
from impasto.tasks.ablations.costs import Trial, measure, tabulate
from impasto.tasks.ablations.plan import Job

RUN = ("task=train", "experiment=ablation", "trainer=cpu", "logger=none", "strokes=8", "bundle=2")


def test_bytes_are_counted_while_they_are_kept() -> None:
    """exp keeps its result; a first one is free again when the second is computed."""
    x = torch.ones(1000, requires_grad=True)

    def once() -> None:
        x.exp().exp().sum().backward()

    most, seconds = costs._timed(once)
    assert most == 2 * 4000
    assert seconds > 0
    assert costs._timed(lambda: (once(), once()))[0] == most


def test_a_trial_has_the_runs_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 transitions an update of 1,000, and a rollout for every 10."""
    trial = TrialBuilder()(RUN)
    assert (trial.updates, trial.batch_size, trial.episodes) == (1000, 16, 512)
    cost = measure(trial)
    agent = trial.module
    assert not isinstance(agent, costs.RendererModule)
    # What 512 episodes of four steps keep, at the least: canvases and target of 32 px as bytes.
    assert cost.memory > 512 * 5 * 3 * 32**2
    assert cost.seconds > 0
    said = iter([(0.0, 3.0), (100.0, 9.0), (140.0, 5.0)])  # a rollout, half a batch, a batch
    monkeypatch.setattr(costs, "_timed", lambda work: (work(), next(said))[1])
    known = measure(trial)
    rollouts = agent.collector.warmup_rollouts + 100
    assert known.seconds == pytest.approx(16 / 4 * (1000 * 5.0 + rollouts * 3.0))
    said = iter([(0.0, 3.0), (100.0, 9.0), (100.0, 5.0)])
    monkeypatch.setattr(costs, "_timed", lambda work: (work(), next(said))[1])
    assert known.memory - measure(trial).memory == pytest.approx(40 / 2 * 14)


@pytest.mark.parametrize("more", ["agent=ddpg", "agent=td3", "agent=patch_q", "agent=greedy"])
def test_other_agents_are_measured(more: str) -> None:
    assert measure(TrialBuilder()((*RUN, more))).seconds > 0


def test_a_renderer_is_measured() -> None:
    trial = TrialBuilder()(("task=pretrain", "experiment=renderer_cpu", "logger=none"))
    assert measure(trial).memory > 0


def test_the_table_has_a_row_for_each_run_that_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "measure", lambda trial: costs.Cost(2.5e9, 7200.0))
    first = Job(tmp_path, ("task=pretrain",))
    later = [
        Job(tmp_path / s, ("task=train", "renderer.weights=a", s), first)
        for s in ("seed=0", "seed=1")
    ]
    asked: list[tuple[str, ...]] = []

    def build(words: tuple[str, ...]) -> Trial:
        asked.append(words)
        return Trial(None, 10, 16, 512)  # type: ignore[arg-type]

    table = tabulate([first, *later], build, 2)
    assert asked == [("task=pretrain",), ("task=train",)]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert lines[2] == ["`task=pretrain`", "1", "10", "2.5", "2"]
    assert lines[3] == ["`task=train`", "2", "10", "2.5", "2"]
    assert table.endswith("3 runs, about 6 hours of work on this device, 2 at once")


def test_what_can_not_be_built_is_an_error() -> None:
    with pytest.raises(UserError):
        TrialBuilder()((*RUN, "agent=nobody"))
