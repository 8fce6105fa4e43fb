"""What the first painting waits for is said."""

from io import StringIO

import numba
from tqdm import tqdm

from impasto.runtime.warm_up import COMPILING, compiling


def test_the_bar_says_when_a_loop_is_compiled() -> None:
    @numba.njit
    def inner(number: int) -> int:
        return number + 1

    @numba.njit
    def outer(number: int) -> int:
        return inner(number) * 2

    shown = StringIO()
    with tqdm(total=2, desc="photo", file=shown) as bar, compiling(bar):
        assert COMPILING not in shown.getvalue()
        assert outer(3) == 8
        assert COMPILING in shown.getvalue()
        assert bar.desc == "photo"
        shown.truncate(0)
        assert outer(4) == 10  # is compiled already
    assert COMPILING not in shown.getvalue()
