"""Limits of strokes that make no sense, or that a kind has not."""

import pytest

from impasto.errors import UserError
from impasto.strokes import Circle, Pixel, Stroke, Triangle


@pytest.mark.parametrize(
    ("kind", "key"),
    [(Triangle, "max_width"), (Pixel, "max_width"), (Pixel, "max_length")],
)
def test_what_a_kind_has_not_is_refused(kind: type[Stroke], key: str) -> None:
    with pytest.raises(UserError, match=rf"`{key}`: a {kind.name} stroke has no"):
        kind(**{key: 0.5})


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"opaque": "yes"}, "`opaque` is 'yes' — give true or false"),
        ({"opaque": 1}, "`opaque` is 1"),
        ({"max_width": 0}, "`max_width` is 0 — give a number, above 0, or null"),
        ({"max_width": -0.1}, "`max_width` is -0.1"),
        ({"max_width": "wide"}, "`max_width` is 'wide'"),
        ({"max_width": 0.007}, "`max_width=0.007` is less than the smallest"),
        ({"max_length": float("nan")}, "`max_length` is nan"),
        ({"max_length": 1 / 128}, "`max_length=0.0078125` is less than the smallest"),
        ({"max_opacity": 0}, "`max_opacity` is 0"),
        ({"max_opacity": 1.5}, "`max_opacity` is 1.5"),
        ({"opaque": True, "max_opacity": 0.5}, "say two things"),
        ({"palette": 0}, "`palette=0` makes no sense"),
        ({"palette": 257}, "`palette=257"),
        ({"palette": True}, "`palette=True"),
        ({"palette": []}, r"`palette=\[\]"),
        ({"palette": "red"}, "`palette='red'"),
        ({"palette": [[0, 0, 0], [0, 255, 0]]}, r"`palette`: colour 2 is \[0, 255, 0\]"),
        ({"palette": [[0, -0.1, 0]]}, "`palette`: colour 1"),
        ({"palette": [[0, 0]]}, "`palette`: colour 1"),
        ({"palette": [0.1, 0.2, 0.3]}, "`palette`: colour 1"),
        ({"palette": [[0, 0, float("nan")]]}, "`palette`: colour 1"),
        ({"palette": [[0, 0, "1"]]}, "`palette`: colour 1"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limit: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Circle(**limit)  # type: ignore[arg-type]
