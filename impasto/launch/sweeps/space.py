"""Search space: Hydra's notation for several values as Optuna's distributions."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from impasto.errors import UserError

_LOG = "log"


def split(overrides: Sequence[Override]) -> tuple[list[str], dict[str, BaseDistribution]]:
    """Split overrides into those of all trials, and a distribution for every key that is searched.

    ``1,2,3``, ``choice(…)`` and ``glob(…)`` are categories; ``range(…)`` steps; ``interval(…)`` is
    continuous and ``int(interval(…))`` whole, both on a logarithmic scale by ``tag(log, …)``.

    Raises:
        UserError: Nothing is searched, or an interval is none.
    """
    fixed: dict[str, str] = {}
    space: dict[str, BaseDistribution] = {}
    for override in overrides:
        if override.is_sweep_override():
            space[override.get_key_element()] = _distribution(override)
        else:
            fixed[override.get_key_element()] = override.input_line or ""
    if not space:
        todo = "give a key several values, such as agent.tau=interval(0.001,0.1) or bundle=1,5,10"
        raise UserError("hydra/sweeper=optuna has nothing to search", todo)
    return [line for key, line in fixed.items() if key not in space], space


def _distribution(override: Override) -> BaseDistribution:
    value = override.value()
    try:
        if isinstance(value, IntervalSweep):
            assert value.start is not None
            assert value.end is not None
            log = _LOG in value.tags
            if isinstance(value.start, int) and isinstance(value.end, int):
                return IntDistribution(value.start, value.end, log=log)
            return FloatDistribution(value.start, value.end, log=log)
        if isinstance(value, RangeSweep) and not value.shuffle:
            return _steps(value)
    except ValueError as error:
        line = " ".join(str(error).split())
        raise UserError(
            f"{override.input_line}: {line}", "give a lower and a higher end"
        ) from error
    # Texts as Hydra reads them back; a number keeps its kind in the override that is made of it.
    return CategoricalDistribution(tuple(map(str, override.sweep_string_iterator())))


def _steps(value: RangeSweep) -> BaseDistribution:
    start, stop, step = value.start, value.stop, value.step
    assert start is not None
    assert stop is not None
    if all(isinstance(one, int) for one in (start, stop, step)):
        last = start + (stop - 1 - start) // step * step
        return IntDistribution(int(start), int(last), step=int(step))
    count = 0
    while start + (count + 1) * step < stop:
        count += 1
    return FloatDistribution(start, start + count * step, step=step)


def as_overrides(parameters: dict[str, Any]) -> list[str]:
    """A trial's parameters in Hydra's notation."""
    return [f"{key}={value}" for key, value in parameters.items()]
