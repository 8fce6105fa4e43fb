"""Standing in a queue."""

import threading
import time

import pytest

from impasto.errors import UserError
from impasto.tasks.serve.queue import Queue


def test_everyone_moves_up_when_one_leaves() -> None:
    queue = Queue()
    with queue.place() as first:
        with queue.place() as second, queue.place() as third:
            assert [place.ahead for place in (first, second, third)] == [0, 1, 2]
        with queue.place() as last:
            assert last.ahead == 1
    assert last not in queue._places


def test_waiting_ends_when_the_queue_moves() -> None:
    queue = Queue()
    begun = time.monotonic()
    with queue.place() as first, queue.place() as second:
        assert first.wait(60) == 0
        assert second.wait(0.01) == 1
    leave = threading.Event()

    def stand() -> None:
        with queue.place():
            leave.wait(60)

    other = threading.Thread(target=stand)
    other.start()
    while not queue._places:
        time.sleep(0.01)
    with queue.place() as place:
        threading.Timer(0.1, leave.set).start()
        while place.wait(60):
            pass
        assert place.ahead == 0
    other.join()
    assert time.monotonic() - begun < 30


def test_a_full_queue_says_so() -> None:
    queue = Queue(longest=1)
    with queue.place(), pytest.raises(UserError, match="too many wait"), queue.place():
        pass
    with queue.place():
        pass
