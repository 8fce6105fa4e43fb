"""The study of a search: its trials, in a file beside their folders so that it can go on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from impasto.errors import UserError
from impasto.tasks.runs.run_folder import read_summary

DATABASE = "study.db"
STUDY = "impasto"  # its name; in a storage of several searches another URL is needed for each
_ASKED = "overrides"
_PATIENCE = 60  # seconds to wait for the file while another process writes


def storage_url(folder: Path, given: str | None) -> str:
    """Return the URL of the study's database: what is given, else a file in the sweep's folder."""
    return given or f"sqlite:///{(folder / DATABASE).absolute()}?timeout={_PATIENCE}"


def open_study(url: str, fixed: Sequence[str], folder: Path) -> optuna.Study:
    """Open the folder's study, or begin one.

    Raises:
        UserError: It is a search of something else.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=url, study_name=STUDY, load_if_exists=True)
    # A sampler that knows all values would stop what it takes for a loop of Optuna's own; here the
    # number of trials says when a search ends.
    vars(study)["stop"] = lambda: None
    asked = sorted(word for word in fixed if not word.startswith("resume="))
    before = study.user_attrs.get(_ASKED)
    if before not in (None, asked):
        differing = ", ".join(sorted(set(before) ^ set(asked)))
        what = f"{folder} holds a search of something else ({differing})"
        raise UserError(what, "choose another hydra.sweep.dir")
    study.set_user_attr(_ASKED, asked)
    return study


def next_trials(
    study: optuna.Study,
    space: Mapping[str, BaseDistribution],
    most: int,
    total: int,
    sampler: Mapping[str, Any],
    seed: int,
) -> list[tuple[int, dict[str, Any]]]:
    """Numbers and parameters of the next trials: first those that were cut off, then new ones.

    The sampler is made anew for every batch, by the seed and the number of trials: so a search that
    was cut off asks for what it would have asked for.

    Args:
        study: The study.
        space: What is searched.
        most: How many trials at a time.
        total: How many in all.
        sampler: `name` in ``optuna.samplers``, and options.
        seed: The run's.
    """
    cut_off = [one for one in study.trials if one.state == TrialState.RUNNING]
    if cut_off:
        return [(one.number, one.params) for one in cut_off[:most]]
    known = len(study.trials)
    study.sampler = _make(optuna.samplers, "sampler", {**sampler, "seed": seed + known})
    asked = [study.ask(dict(space)) for _ in range(min(most, total - known))]
    return [(one.number, one.params) for one in asked]


def make_pruner(options: Mapping[str, Any]) -> optuna.pruners.BasePruner:
    """The pruner of that name; only to see that there is one, for the jobs make their own.

    Raises:
        UserError: There is none, or it has no such option.
    """
    made = _make(optuna.pruners, "pruner", options)
    assert isinstance(made, optuna.pruners.BasePruner)
    return made


def _make(module: Any, key: str, options: Mapping[str, Any]) -> Any:
    arguments = {key: one for key, one in options.items() if key != "name" and one is not None}
    name = str(options.get("name"))
    kind = getattr(module, name, None)
    if kind is None or name.startswith("_"):
        names = [one for one in module.__all__ if one.endswith(key.capitalize())]
        what = f"hydra.sweeper.{key}.name: Optuna has no {name}"
        raise UserError(what, f"choose from {', '.join(names)}")
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        line = " ".join(str(error).split())
        raise UserError(f"hydra.sweeper.{key}: {line}", "correct its options") from error


def tell(study: optuna.Study, number: int, folder: Path, objective: str) -> str | None:
    """Tell the study what became of a trial, as its folder says.

    Args:
        study: The study.
        number: The trial's.
        folder: Its run folder.
        objective: What of the summary is minimized.

    Returns:
        How it ended; None if it was interrupted or killed, and can go on.

    Raises:
        UserError: It finished without such a figure.
    """
    summary = read_summary(folder)
    status = summary.get("status")
    if status is None or status == "interrupted":
        return None
    value = summary.get(objective)
    if status in ("finished", "untrained"):
        if not isinstance(value, int | float):
            numbers = [key for key, one in summary.items() if isinstance(one, float)]
            what = f"hydra.sweeper.objective: {folder}/summary.json has no {objective}"
            raise UserError(what, f"choose from {', '.join(numbers)}")
        study.tell(number, float(value))
    elif status == "pruned":
        study.tell(number, state=TrialState.PRUNED)
    else:
        study.tell(number, state=TrialState.FAIL)
    return str(status)


def best_of(study: optuna.Study) -> FrozenTrial | None:
    """The best trial that finished; None without one."""
    if not any(one.state == TrialState.COMPLETE for one in study.trials):
        return None
    return study.best_trial


def history(study: optuna.Study) -> tuple[list[int], list[float]]:
    """Numbers and values of the finished trials."""
    done = [one for one in study.trials if one.state == TrialState.COMPLETE]
    return [one.number for one in done], [float(one.value or 0.0) for one in done]


def importance(study: optuna.Study) -> dict[str, float]:
    """The share of each parameter in how the value varies; empty where too little is known."""
    varied = {key for one in study.trials for key in one.params}
    done = [one for one in study.trials if one.state == TrialState.COMPLETE]
    if len(varied) < 2 or len(done) < 4 or len({one.value for one in done}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
