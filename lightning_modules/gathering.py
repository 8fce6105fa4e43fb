"""Gathering of one value from every process of a run."""

from typing import TypeVar

from torch import distributed

T = TypeVar("T")


def gather(value: T) -> list[T]:
    """Return one value per process, in the order of ranks; all of them have to call it.

    Args:
        value: Anything that can be pickled. It goes between processes of one run, never to a file.

    Returns:
        The same list everywhere; a list of one where there is one process.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return [value]
    gathered: list[T] = [value] * distributed.get_world_size()
    distributed.all_gather_object(gathered, value)
    return gathered
