"""Searches with Optuna, of a task that only pretends to train."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from impasto.errors import UserError
from impasto.launch.compose import choices, compose_run, composed, one_at_a_time, parse
from impasto.launch.sweeps.space import split
from impasto.launch.sweeps.study import (
    importance,
    make_pruner,
    next_trials,
    open_study,
    storage_url,
    tell,
)
from impasto.launch.validation.validate import validate
from tests.conftest import CONF, FakeTasks, Finished, RunMain

Search = Callable[..., Finished]
SPACE = {"x": IntDistribution(0, 100), "y": FloatDistribution(1e-4, 1.0, log=True)}
SAMPLER = {"name": "TPESampler", "n_startup_trials": 8}


@pytest.fixture
def search(run_main: RunMain, fake_tasks: FakeTasks) -> Search:
    """Start a search in the folder `search`."""

    def start(*words: str) -> Finished:
        fast = ("task.kind=score", "hydra.sweep.dir=search")
        return run_main("-m", *fake_tasks.arguments, *fast, "hydra/sweeper=optuna", *words)

    return start


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="impasto", storage=storage_url(folder, None)).trials


DISTRIBUTIONS = {
    "a=1,2": CategoricalDistribution(("1", "2")),
    "a=choice(l2,psnr)": CategoricalDistribution(("l2", "psnr")),
    "a=range(2,9,3)": IntDistribution(2, 8, step=3),
    "a=range(1,4)": IntDistribution(1, 3),
    "a=range(0.0,1.0,0.25)": FloatDistribution(0.0, 0.75, step=0.25),
    "a=interval(0.5,2)": FloatDistribution(0.5, 2.0),
    "a=tag(log,interval(1e-4,1))": FloatDistribution(1e-4, 1.0, log=True),
    "a=int(interval(1,8))": IntDistribution(1, 8),
    "a=tag(log,int(interval(1,8)))": IntDistribution(1, 8, log=True),
}


@pytest.mark.parametrize("word", DISTRIBUTIONS)
def test_hydras_notation_as_distributions(word: str) -> None:
    fixed, space = split(OverridesParser.create().parse_overrides(["a=7", "seed=3", word]))
    assert fixed == ["seed=3"]
    assert space == {"a": DISTRIBUTIONS[word]}


@pytest.mark.parametrize("words", [["seed=0"], ["a=interval(2,1)"], ["a=tag(log,interval(0,1))"]])
def test_what_is_no_space_is_said(words: list[str]) -> None:
    with pytest.raises(UserError):
        split(OverridesParser.create().parse_overrides(words))


def test_intervals_are_composed_before_anything_runs() -> None:
    base = ["task=train", "experiment=quickstart"]
    words = one_at_a_time([*base, "agent.tau=tag(log,interval(1e-4,0.1))"])
    jobs = [compose_run(one) for one in words]
    assert [cfg.agent.tau for cfg in jobs][:2] == [1e-4, 0.1]
    assert 1e-4 < jobs[2].agent.tau < 0.1
    jobs = [compose_run(one) for one in one_at_a_time([*base, "bundle=int(interval(1,8))"])]
    assert [cfg.bundle for cfg in jobs] == [1, 8, 3]


def play(folder: Path, total: int, most: int = 2) -> list[tuple[int, dict[str, Any], float | None]]:
    """Search without running anything: x² + y."""
    folder.mkdir(exist_ok=True)
    study = open_study(storage_url(folder, None), ["seed=0"], folder)
    while batch := next_trials(study, SPACE, most, total, SAMPLER, seed=4):
        for number, params in batch:
            (folder / str(number)).mkdir(exist_ok=True)
            value = params["x"] ** 2 + params["y"]
            summary = {"status": "finished", "val_l2": value}
            (folder / str(number) / "summary.json").write_text(json.dumps(summary))
            assert tell(study, number, folder / str(number), "val_l2") == "finished"
    return [(one.number, one.params, one.value) for one in study.trials]


def test_a_search_in_parts_asks_for_the_same_as_one_in_one_go(tmp_path: Path) -> None:
    whole = play(tmp_path / "whole", 12)
    play(tmp_path / "parts", 4)
    play(tmp_path / "parts", 10)
    assert play(tmp_path / "parts", 12) == whole
    assert len({params["x"] for _, params, _ in whole[:8]}) > 6  # drawn anew by every batch
    assert play(tmp_path / "parts", 12) == whole  # nothing is left


def test_trials_that_were_cut_off_come_first_and_with_their_values(tmp_path: Path) -> None:
    study = open_study(storage_url(tmp_path, None), [], tmp_path)
    asked = next_trials(study, SPACE, 2, 3, SAMPLER, 0)
    assert next_trials(study, SPACE, 2, 3, SAMPLER, 0) == asked
    for status, state in (("interrupted", TrialState.RUNNING), ("pruned", TrialState.PRUNED)):
        folder = tmp_path / "0"
        folder.mkdir(exist_ok=True)
        (folder / "summary.json").write_text(json.dumps({"status": status}))
        told = tell(study, 0, folder, "val_l2")
        assert told == (None if status == "interrupted" else status)
        assert study.trials[0].state == state
    assert next_trials(study, SPACE, 2, 3, SAMPLER, 0) == asked[1:]


def test_names_and_options_of_optuna_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Optuna has no Median — choose from .*MedianPruner"):
        make_pruner({"name": "Median"})
    with pytest.raises(UserError, match=r"hydra.sweeper.pruner: .*unexpected keyword"):
        make_pruner({"name": "MedianPruner", "colour": 1})
    assert isinstance(
        make_pruner({"name": "HyperbandPruner", "n_startup_trials": None}),
        optuna.pruners.HyperbandPruner,
    )
    study = open_study(storage_url(tmp_path, None), [], tmp_path)
    with pytest.raises(UserError, match=r"choose from .*TPESampler"):
        next_trials(study, SPACE, 1, 1, {"name": "Guess"}, 0)


def test_importance_needs_something_to_go_by(tmp_path: Path) -> None:
    play(tmp_path, 3)
    study = open_study(storage_url(tmp_path, None), ["seed=0"], tmp_path)
    assert importance(study) == {}
    play(tmp_path, 12)
    shares = importance(study)
    assert next(iter(shares)) == "x"
    assert sum(shares.values()) == pytest.approx(1)


def test_a_search_goes_by_validation_survives_failures_and_goes_on(
    search: Search, tmp_path: Path
) -> None:
    words = ("updates=range(5,14,4)", "hydra.sweeper.sampler.name=BruteForceSampler")
    words += ("hydra.sweeper.sampler.n_startup_trials=null",)
    first = search(*words, "hydra.sweeper.n_trials=1")
    assert first.code == 0, first.err
    folder = tmp_path / "search"
    done = search(*words, "hydra.sweeper.n_trials=3")
    assert done.code == 0, done.err
    states = {one.params["updates"]: (one.state, one.value) for one in trials(folder)}
    assert states == {
        5: (TrialState.COMPLETE, 4.0),
        9: (TrialState.COMPLETE, 4.0),
        13: (TrialState.FAIL, None),
    }
    best = yaml.safe_load((folder / "best.yaml").read_text())
    assert best["val_l2"] == 4.0
    assert best["parameters"] == {"updates": trials(folder)[best["trial"]].params["updates"]}
    assert best["command"].startswith("python run.py task=fake trainer=cpu")
    assert best["command"].endswith(f"updates={best['parameters']['updates']}")
    assert (folder / "search.png").read_bytes().startswith(b"\x89PNG")
    assert "report:" not in done.out
    overrides = yaml.safe_load((folder / "2" / ".hydra" / "overrides.yaml").read_text())
    assert "run.trial=2" in overrides
    other = search(*words, "hydra.sweeper.n_trials=3", "bundle=9")
    assert other.code == 2
    assert other.err == (
        "error: search holds a search of something else (bundle=9) — "
        "choose another hydra.sweep.dir\n"
    )


def test_what_is_wrong_with_a_search_is_one_line(search: Search, tmp_path: Path) -> None:
    one = ("updates=1,2", "hydra.sweeper.n_trials=1")
    missing = search(*one, "hydra.sweep.dir=b", "hydra.sweeper.objective=beauty")
    assert missing.code == 2
    assert "0/summary.json has no beauty — choose from seconds" in missing.err
    none = search("updates=1,2", "hydra.sweeper.n_trials=0", "hydra.sweep.dir=c")
    assert none.err.startswith("error: hydra.sweeper.n_trials is 0 — give a whole number")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("name", choices(CONF, "hparams_search"))
def test_a_file_of_hparams_search_is_a_search_that_composes(name: str) -> None:
    words = ["task=train", "experiment=mnist_cpu", f"hparams_search={name}"]
    with composed(parse(["-m", *words])) as (_, cfg):
        assert cfg.hydra.runtime.choices["hydra/sweeper"] == "optuna"
        given = [f"{key}={value}" for key, value in cfg.hydra.sweeper.params.items()]
    fixed, searched = split(OverridesParser.create().parse_overrides(given))
    assert len(searched) == len(given) > 1
    assert not fixed
    for overrides in one_at_a_time(given):  # both ends of every interval
        validate(compose_run(["experiment=mnist_cpu", "task=train", *overrides]))


def test_a_search_without_m_is_refused(run_main: RunMain, tmp_path: Path) -> None:
    done = run_main("task=train", "experiment=mnist_cpu", "hparams_search=mnist_optuna")
    assert (done.code, done.err) == (
        2,
        "error: the config asks for a sweep of several runs — add -m\n",
    )
    assert not list(tmp_path.iterdir())


def test_a_file_of_hparams_search_is_searched(
    run_main: RunMain, fake_tasks: FakeTasks, tmp_path: Path
) -> None:
    file = ("hparams_search=mnist_optuna", "hydra.sweeper.n_trials=2", "task.kind=score")
    done = run_main("-m", *fake_tasks.arguments, *file, "hydra.sweep.dir=search")
    assert done.code == 0, done.err
    assert [set(trial.params) for trial in trials(tmp_path / "search")] == 2 * [
        {
            "agent.actor_optimizer.lr",
            "agent.critic_optimizer.lr",
            "agent.updates_per_rollout",
            "batch_size",
        }
    ]
