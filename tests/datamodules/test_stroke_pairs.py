"""Strokes drawn beforehand: the same however they came about."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules import stroke_pairs
from datamodules.stroke_pairs import StrokePairs
from impasto.errors import UserError
from impasto.strokes import Circle, Line

SIZE = 16
CHUNK = 256


def pairs(cache: Path, count: int, **others: object) -> StrokePairs:
    return StrokePairs(cache, Circle(), SIZE, count, **others)  # type: ignore[arg-type]


def everything(found: StrokePairs) -> tuple[Tensor, ...]:
    return found.sample(64, torch.Generator().manual_seed(0))


def raw(found: StrokePairs) -> list[bytes]:
    return [(found.folder / name).read_bytes() for name in ("shapes.f32", "alphas.u8")]


def test_a_shape_has_its_own_alpha(tmp_path: Path) -> None:
    shape, alpha = everything(pairs(tmp_path, 100))
    assert shape.shape == (64, 4)
    assert alpha.shape == (64, 1, SIZE, SIZE)
    torch.testing.assert_close(alpha, Circle().rasterize(shape, SIZE, SIZE), rtol=0, atol=0.5 / 254)
    assert len(shape.unique(dim=0)) > 40


def test_several_processes_draw_what_one_does(tmp_path: Path) -> None:
    by_many, by_one = pairs(tmp_path / "many", 3 * CHUNK), pairs(tmp_path / "one", CHUNK)
    by_many.prepare()
    for count in (CHUNK, 2 * CHUNK, 3 * CHUNK):  # one chunk more each time is drawn here
        by_one = pairs(tmp_path / "one", count)
        by_one.prepare()
    assert raw(by_many) == raw(by_one)
    assert everything(by_many)[1].equal(everything(by_one)[1])


def test_what_is_there_is_not_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs(tmp_path, CHUNK).prepare()
    monkeypatch.setattr(stroke_pairs, "_draw_chunk", None)
    few = pairs(tmp_path, 10)
    assert everything(few)[0].shape == (64, 4)
    assert len(everything(few)[0].unique(dim=0)) <= 10


def test_a_stop_between_savings_loses_only_what_was_not_counted(tmp_path: Path) -> None:
    for count in (CHUNK, 2 * CHUNK):  # one chunk at a time: without further processes
        whole = pairs(tmp_path / "whole", count)
        whole.prepare()
    cut = pairs(tmp_path / "cut", CHUNK)
    cut.prepare()
    for name, extra in (("shapes.f32", 100), ("alphas.u8", 3)):  # of a chunk that was not counted
        with (cut.folder / name).open("ab") as file:
            file.write(b"x" * extra)
    again = pairs(tmp_path / "cut", 2 * CHUNK)
    again.prepare()
    assert raw(again) == raw(whole)
    (again.folder / "alphas.u8").write_bytes(b"short")
    assert again._progress() == 0
    cut.prepare()
    again.prepare()
    assert raw(again) == raw(whole)


def test_another_kind_size_or_seed_is_another_set(tmp_path: Path) -> None:
    one = pairs(tmp_path, 10)
    others = [
        pairs(tmp_path, 10, seed=1),
        StrokePairs(tmp_path, Circle(), 32, 10),
        StrokePairs(tmp_path, Circle(max_width=0.1), SIZE, 10),
        StrokePairs(tmp_path, Line(), SIZE, 10),
    ]
    assert len({other.folder for other in (one, *others)}) == 5
    assert pairs(tmp_path, 99).folder == one.folder
    first, second = (everything(each)[0] for each in (one, others[0]))
    assert not np.isin(first.numpy(), second.numpy()).any()


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "strokes").write_text("a file")
    with pytest.raises(UserError, match="cannot be written"):
        pairs(tmp_path, 10).prepare()
    disk = json.loads('{"free": 10}')
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Disk", (), disk))
    with pytest.raises(UserError, match=r"need 0\.0 GB, and 0\.0 GB are"):
        pairs(tmp_path / "other", 10).prepare()


def test_none_are_kept_unless_asked_for(tmp_path: Path) -> None:
    none = StrokePairs(tmp_path, Circle(), SIZE, None)
    assert none.count == 0
    none.prepare()
    assert not any(tmp_path.iterdir())
