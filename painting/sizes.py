"""Sizes of pictures: rows first, as everywhere."""

from painting.errors import UserError

_LARGEST = 20_000  # pixels on the longer side of a painting


def fit_size(height: int, width: int, longer: int) -> tuple[int, int]:
    """Shrink a size (rows, columns) to at most `longer` on its longer side, keeping the aspect."""
    share = min(1.0, longer / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


def asked_size(height: int, width: int, longer: int | None) -> tuple[int, int]:
    """A size (rows, columns) made as large on its longer side as a user asked; as it is for None.

    Raises:
        UserError: It makes no sense.
    """
    if longer is None:
        return height, width
    if isinstance(longer, bool) or not isinstance(longer, int) or not 1 <= longer <= _LARGEST:
        raise UserError(f"size={longer} makes no sense", f"give 1 to {_LARGEST} pixels")
    share = longer / max(height, width)
    return max(1, round(height * share)), max(1, round(width * share))
