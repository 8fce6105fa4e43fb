"""Threads of compiled loops beside torch's."""

from collections.abc import Iterator
from threading import Thread

import pytest
import torch

from impasto.painters import OptimizePainter
from impasto.painters.base import Sketch
from impasto.runtime.threads import for_loops, in_threads, loop_threads
from impasto.strokes import Bezier


@pytest.fixture(autouse=True)
def three() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_loops_have_all_threads_and_torch_has_one() -> None:
    with for_loops(True):
        assert (loop_threads(), torch.get_num_threads()) == (3, 1)
        with for_loops(True):  # a painter's, of which another makes use
            assert (loop_threads(), torch.get_num_threads()) == (3, 1)
        assert loop_threads() == 3
    assert (loop_threads(), torch.get_num_threads()) == (3, 3)


def test_without_loops_torch_keeps_its_threads() -> None:
    with for_loops(False):
        assert (loop_threads(), torch.get_num_threads()) == (3, 3)


def test_of_two_at_once_neither_takes_the_others_one_for_all() -> None:
    seen = []

    def second() -> None:
        with for_loops(True):
            seen.append(loop_threads())
        seen.append(torch.get_num_threads())

    with for_loops(True):
        thread = Thread(target=second)
        thread.start()
        thread.join()
    assert seen == [3, 3]
    assert torch.get_num_threads() == 3


def test_an_error_gives_the_threads_back() -> None:
    with pytest.raises(RuntimeError, match="stop"), for_loops(True):
        raise RuntimeError("stop")
    assert (loop_threads(), torch.get_num_threads()) == (3, 3)


def test_a_painter_takes_one_of_torchs_threads() -> None:
    inside = []

    def look(sketch: Sketch) -> None:
        inside.append((loop_threads(), torch.get_num_threads()))

    OptimizePainter(Bezier(), 4, steps=2, tries=4).paint(torch.rand(3, 16, 16), look)
    assert inside == [(3, 1), (3, 1)]
    assert torch.get_num_threads() == 3


def test_every_range_is_called_once_and_errors_are_raised() -> None:
    ranges = []
    in_threads(lambda first, last, more: ranges.append((first, last, more)), [0, 2, 5, 9], "more")
    assert sorted(ranges) == [(0, 2, "more"), (2, 5, "more"), (5, 9, "more")]
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda first, last: 1 // (first - 2), [0, 2, 5])
