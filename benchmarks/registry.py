"""Registry of measurements: each row of the table is one decorated function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from benchmarks.workbench import Workbench

_MS = 1e3


@dataclass(frozen=True)
class Result:
    """Result of a measurement: one row of the table.

    Attributes:
        key: Its column of history.csv; never changed, or its history is lost.
        what: Its name in the table.
        value: The number that was measured.
        unit: Behind it.
        more_is_better: Else less is.
        milliseconds: Of one unit of work, where the result is one of time.
        floor: The least that they could be, by `benchmarks.floors`; of a size, its least value.
        aim: What is to be reached, in words.
    """

    key: str
    what: str
    value: float
    unit: str
    more_is_better: bool = False
    milliseconds: float | None = None
    floor: float | None = None
    aim: str = ""

    @property
    def share(self) -> float | None:
        """Share of the floor in the result, 1 where nothing is left to gain."""
        if self.floor is None:
            return None
        return self.floor / (self.milliseconds or self.value)

    def gain(self, before: float) -> float:
        """Improvement over an earlier value, as a factor: above 1 is better."""
        return self.value / before if self.more_is_better else before / self.value


Measurement = Callable[["Workbench"], Iterator[Result]]


@dataclass(frozen=True)
class Entry:
    """A measurement and where it belongs.

    Attributes:
        group: What ``ONLY=`` names.
        measure: Yields the results.
        gpu: Whether it needs one.
    """

    group: str
    measure: Measurement
    gpu: bool


ENTRIES: list[Entry] = []


def measures(group: str, gpu: bool = False) -> Callable[[Measurement], Measurement]:
    """Register a function that yields results of a workbench as a part of ``make bench``.

    Args:
        group: What ``ONLY=`` names; those of one group follow one another in the table.
        gpu: Whether it makes sense on a GPU alone.
    """

    def register(measure: Measurement) -> Measurement:
        ENTRIES.append(Entry(group, measure, gpu))
        return measure

    return register


def groups() -> list[str]:
    """Names for ``ONLY=``, in the table's order."""
    return list(dict.fromkeys(entry.group for entry in ENTRIES))


def chosen(only: Sequence[str]) -> list[Entry]:
    """The measurements of some groups that can be made here; of all groups by default."""
    usable = [entry for entry in ENTRIES if torch.cuda.is_available() or not entry.gpu]
    return [entry for entry in usable if not only or entry.group in only]


def rate(key: str, what: str, seconds: float, count: float, floor: float, aim: str = "") -> Result:
    """Rate of so many units of work in some seconds; the floor is of one unit, in seconds."""
    return Result(key, what, count / seconds, "/ s", True, _MS * seconds / count, _MS * floor, aim)


def duration(key: str, what: str, seconds: float, floor: float, aim: str = "") -> Result:
    """Duration of some work; the floor is in seconds."""
    return Result(key, what, _MS * seconds, "ms", False, _MS * seconds, _MS * floor, aim)
