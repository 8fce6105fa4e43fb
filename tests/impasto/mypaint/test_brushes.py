"""Brush files: found by name, and refused where they are none."""

import json
from pathlib import Path

import pytest

from impasto.errors import UserError
from impasto.mypaint import check_settings, find_brush, installed_brushes
from impasto.mypaint.library import library
from impasto.strokes import MyPaint

ONE = {"opaque": {"base_value": 1.0, "inputs": {"pressure": [[0.0, 0.0], [1.0, 1.0]]}}}


def brush_file(folder: Path, content: object) -> Path:
    path = folder / "mine.myb"
    path.write_text(json.dumps(content))
    return path


def test_every_installed_brush_can_be_read() -> None:
    brushes = installed_brushes()
    assert len(brushes) > 100
    for name in brushes:
        assert find_brush(name)[1]["radius_logarithmic"]


def test_one_of_the_users_is_found_in_the_data_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "mypaint" / "brushes" / "own"
    folder.mkdir(parents=True)
    brush_file(folder, {"version": 3, "settings": ONE, "comment": "x"})
    assert find_brush("own/mine") == ("own/mine", ONE)
    assert find_brush(folder / "mine.myb") == ("mine.myb", ONE)


def test_a_name_that_is_unknown_gets_the_nearest() -> None:
    with pytest.raises(UserError, match="no brush of this name") as caught:
        MyPaint("classic/dry_brus")
    assert "classic/dry_brush" in caught.value.todo


def test_without_brushes_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path))
    with pytest.raises(UserError, match="no brushes of MyPaint are installed") as caught:
        find_brush("classic/dry_brush")
    assert "make mypaint" in caught.value.todo


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.mypaint.library._FILES", ("libnothing.so",))
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    library.cache_clear()
    try:
        with pytest.raises(UserError, match=r"libmypaint 1\.5 or 1\.6 is not") as caught:
            library()
        assert "make mypaint" in caught.value.todo
    finally:
        library.cache_clear()


def curve(points: object) -> dict[str, object]:
    return {"opaque": {"base_value": 1.0, "inputs": {"pressure": points}}}


@pytest.mark.parametrize(
    "settings",
    [
        None,
        [],
        {},
        {"opaque": 1.0},
        {"opaque": {"base_value": "1"}},
        {"opaque": {"base_value": float("nan")}},
        {"opaque": {"base_value": True}},
        {"opaque": {"base_value": 1e9}},
        {"opaque": {"base_value": 1, "inputs": []}},
        curve([[0, 0]]),
        curve([[0, 0]] * 65),
        curve([[0, 0], [1]]),
        curve([[1, 0], [0, 1]]),
        curve([[0, 0], [1, float("inf")]]),
        curve("ab"),
    ],
)
def test_what_is_no_brush_never_reaches_the_library(settings: object) -> None:
    with pytest.raises(UserError, match="thing`: not a brush of MyPaint"):
        check_settings(settings, "thing")
    if isinstance(settings, dict):
        with pytest.raises(UserError, match="not a brush of MyPaint"):
            MyPaint.from_options(brush="thing", settings=settings)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"no json", "no JSON"), (b"[" * 99999, "no JSON"), (b"{}", "version 3"), (b"\xff", "JSON")],
)
def test_files_that_are_no_brushes(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "mine.myb"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"not a brush of MyPaint: .*{why}"):
        find_brush(path)
    path.write_bytes(json.dumps({"version": 3, "settings": ONE}).encode() + b" " * 2**20)
    with pytest.raises(UserError, match=r"cannot be read .*more than the 1\.05 MB"):
        find_brush(path)
    with pytest.raises(UserError, match="cannot be read"):
        find_brush(tmp_path / "other.myb")
