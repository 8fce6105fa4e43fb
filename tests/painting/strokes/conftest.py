"""All stroke kinds."""

import pytest

from painting.strokes import Bezier, Circle, Line, Stroke, Triangle


@pytest.fixture(params=[Bezier, Line, Circle, Triangle], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Stroke:
    made: Stroke = request.param()
    return made
