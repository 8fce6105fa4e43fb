"""What a fault is."""

from abc import ABC, abstractmethod
from typing import ClassVar

from tests.chaos.comparing import Lost
from tests.chaos.lives import Life
from tests.chaos.recipes import Recipe
from tests.chaos.victim import Victim

KINDS: dict[str, type["Fault"]] = {}


class Missed(Exception):
    """The moment went by; the fault was not injected."""


class Fault(ABC):
    """Something that befalls a run; a further kind is a subclass.

    Attributes:
        name: What the table calls it.
        share: How many of 200 faults are of this kind.
        signals: Whether it is a real signal to the training process.
        writing: Whether it falls inside the writing of a checkpoint.
        ending: Whether it belongs to a run whose updates are all made.
    """

    name: ClassVar[str]
    share: ClassVar[float]
    signals: ClassVar[bool] = False
    writing: ClassVar[bool] = False
    ending: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        if "name" in cls.__dict__:
            KINDS[cls.name] = cls

    def fits(self, recipe: Recipe, disk: bool) -> bool:
        """Whether it can befall such a run; `disk` says that it has a small disk of its own."""
        return True

    @abstractmethod
    def inject(self, victim: Victim) -> None:
        """Let it happen to the victim's next life, and examine what is left.

        Raises:
            Lost: Something was lost, or the message doesn't say what to do.
            Missed: The run was faster.
        """


def expect_error(victim: Victim, life: Life, *words: str) -> str:
    """A life must end with code 2, and one line that holds the words; that line.

    Raises:
        Lost: It says more, or something else.
    """
    code = victim.nursery.wait(life)
    lines = life.said.splitlines()
    if code == 0:
        raise Missed("it finished before")
    errors = [line for line in lines if line.startswith("error: ")]
    if code != 2 or len(lines) != 1 or len(errors) != 1 or " — " not in errors[0]:
        raise Lost(f"code {code}, and not one line: {life.said}")
    for word in words:
        if word not in errors[0]:
            raise Lost(f"the line lacks {word!r}: {errors[0]}")
    return errors[0]


def expect_status(victim: Victim, *statuses: str) -> None:
    """The summary must have one of these.

    Raises:
        Lost: It has another.
    """
    found = victim.summary().get("status")
    if found not in statuses:
        raise Lost(f"the summary's status is {found}, not {' or '.join(statuses)}")
