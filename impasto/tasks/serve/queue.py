"""Queue in which paintings wait: one is painted at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from impasto.errors import UserError

_LONGEST = 20  # each that waits takes one of the server's 40 threads


class Place:
    """A place in a queue.

    Args:
        queue: The queue.
    """

    def __init__(self, queue: "Queue") -> None:
        self._queue = queue

    @property
    def ahead(self) -> int:
        """Number of waiters before it; at 0 it is its turn."""
        return self._queue.ahead(self)

    def wait(self, seconds: float) -> int:
        """Wait until some place moved up, at most so long, and say how many are ahead."""
        return self._queue.wait(self, seconds)


class Queue:
    """A queue in which the first one is served, and everyone may leave at any time.

    Args:
        longest: How many places there are.

    >>> queue = Queue()
    >>> with queue.place() as first, queue.place() as second:
    ...     first.ahead, second.ahead
    (0, 1)
    """

    def __init__(self, longest: int = _LONGEST) -> None:
        self._longest = longest
        self._places: list[Place] = []
        self._moved = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place at the end of the queue, given back at the end of the block.

        Raises:
            UserError: It is too long.
        """
        place = Place(self)
        with self._moved:
            if len(self._places) >= self._longest:
                raise UserError("too many wait for their paintings", "come back later")
            self._places.append(place)
        try:
            yield place
        finally:
            with self._moved:
                self._places.remove(place)
                self._moved.notify_all()

    def ahead(self, place: Place) -> int:
        """See `Place.ahead`."""
        with self._moved:
            return self._places.index(place)

    def wait(self, place: Place, seconds: float) -> int:
        """See `Place.wait`."""
        with self._moved:
            if self._places.index(place) > 0:
                self._moved.wait(seconds)
            return self._places.index(place)
