"""MyPaint's brushes, where they are installed."""

import pytest

from painting.errors import UserError
from painting.mypaint import find_brush
from painting.mypaint.library import library


@pytest.fixture(autouse=True)
def needs_mypaint() -> None:
    """Skip where there is no MyPaint."""
    try:
        library()
        find_brush("classic/dry_brush")
    except UserError as error:
        pytest.skip(f"{error.what}: {error.todo}")
