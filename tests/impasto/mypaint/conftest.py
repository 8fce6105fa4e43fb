"""MyPaint's brushes, where they are installed."""

import pytest

from impasto.errors import UserError
from impasto.mypaint import find_brush
from impasto.mypaint.library import library


@pytest.fixture(autouse=True)
def needs_mypaint() -> None:
    """Skip where there is no MyPaint."""
    try:
        library()
        find_brush("classic/dry_brush")
    except UserError as error:
        pytest.skip(f"{error.what}: {error.todo}")
