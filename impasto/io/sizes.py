"""Sizes of pictures: rows first, as everywhere."""

from impasto.errors import UserError

LARGEST = 100_000  # pixels on the longer side of a painting
_LARGEST_ASKED = 20_000  # of one that is made larger or smaller than its picture


def fit_size(height: int, width: int, longer: int) -> tuple[int, int]:
    """Shrink a size (rows, columns) to at most `longer` on its longer side, keeping the aspect."""
    share = min(1.0, longer / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


def asked_size(height: int, width: int, longer: int | None) -> tuple[int, int]:
    """Scale a size (rows, columns) to the longer side that a user asked for; None leaves it.

    Raises:
        UserError: It makes no sense.
    """
    if longer is None and max(height, width) <= LARGEST:
        return height, width
    if longer is None:
        what = f"a painting of {width} x {height} pixels is too large for its record"
        raise UserError(what, f"give `size={_LARGEST_ASKED}` or less")
    if isinstance(longer, bool) or not isinstance(longer, int) or not 1 <= longer <= _LARGEST_ASKED:
        raise UserError(f"`size={longer}` makes no sense", f"give 1 to {_LARGEST_ASKED} pixels")
    share = longer / max(height, width)
    return max(1, round(height * share)), max(1, round(width * share))
