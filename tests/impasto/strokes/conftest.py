"""All stroke kinds."""

import pytest

from impasto.strokes import Stroke
from tests.impasto.strokes.kinds import KINDS


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Stroke:
    made: Stroke = request.param
    return made
