"""The task `visualize`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import UserError
from impasto.io.exporters import Svg
from impasto.io.record import read_record
from impasto.networks.classifiers import save_classifier
from impasto.networks.small_classifier import SmallClassifier
from impasto.renderers import AnalyticRenderer, FieldRenderer
from impasto.rendering import draw_picture
from impasto.strokes import Bezier, Stroke
from impasto.tasks.visualize import visualize
from impasto.visualizing import Descent, Views
from tests.conftest import RunMain

SIZE = 32
LIMITED = Bezier(max_width=0.2)


def make(folder: Path, **changed: object) -> dict[str, object]:
    given: dict[str, object] = {
        "renderer": AnalyticRenderer(LIMITED, SIZE),
        "classifiers": ["digits"],
        "label": "3",
        "folder": folder,
        "strokes": 4,
        "size": 48,
        "views": Views(2),
        "descent": Descent(steps=15, size=0.05, spread=0.5),
    }
    return visualize(**{**given, **changed})  # type: ignore[arg-type]


def test_what_is_written_and_reported(tmp_path: Path) -> None:
    result = make(tmp_path, export={"svg": Svg()})
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"painting.png", "strokes.json", "painting.svg"}
    record = read_record(tmp_path / "strokes.json")
    assert (record.width, record.height, len(record.strokes)) == (48, 48, 4)
    drawn = draw_picture(record.stroke, record.strokes, 48, 48, record.background)
    with Image.open(tmp_path / "painting.png") as picture:
        assert np.abs(np.asarray(picture).astype(int) - drawn).max() <= 1
    probability = result["probability"]
    assert isinstance(probability, float)
    # The renderer draws exactly, so both are the same picture, within its limits.
    assert result == {
        "strokes": 4,
        "class": "3",
        "index": 3,
        "probability": probability,
        "probability_digits": probability,
        "probability_renderer": pytest.approx(probability, abs=1e-4),
    }


def test_the_same_seed_paints_the_same(tmp_path: Path) -> None:
    one, same, other = (make(tmp_path / str(n), seed=s) for n, s in enumerate((1, 1, 2)))
    assert one == same
    assert one["probability"] != other["probability"]


def test_a_held_out_classifier_judges_what_it_took_no_part_in(tmp_path: Path) -> None:
    """By the same network it gives the same, at canvas size and of the file."""
    given = make(tmp_path / "alone")
    judged = make(tmp_path / "judged", held_out="digits")
    small = judged.pop("held_out_probability")
    large = judged.pop("held_out_probability_painting")
    assert judged == given
    assert small == given["probability"]
    same = make(tmp_path / "same", held_out="digits", size=SIZE)
    assert same["held_out_probability_painting"] == pytest.approx(small, abs=0.01)  # 8 bits
    assert large == pytest.approx(small, abs=0.3)
    assert large != small
    torch.manual_seed(0)
    save_classifier(tmp_path, SmallClassifier(2, width=4), ["cat", "owl"], 16, "a card")
    with pytest.raises(UserError, match="has 2 classes, and no number 3"):
        make(tmp_path / "none", held_out=str(tmp_path))
    assert not (tmp_path / "none").exists()


def test_several_classifiers_and_their_names(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_classifier(tmp_path / "letters", SmallClassifier(2, 4), ["o", "3"], 16, "")
    result = make(tmp_path / "run", classifiers=["digits", str(tmp_path / "letters"), "digits"])
    digits, letters = result["probability_digits"], result["probability_letters"]
    assert isinstance(digits, float)
    assert isinstance(letters, float)
    assert result["probability_digits_2"] == digits
    assert result["probability"] == pytest.approx((2 * digits + letters) / 3)


def test_any_differentiable_renderer_will_do(tmp_path: Path) -> None:
    torch.manual_seed(0)
    learned = FieldRenderer(LIMITED, SIZE, fields=8, opacities=2, hidden=16, channels=8)
    before = {name: value.clone() for name, value in learned.state_dict().items()}
    result = make(tmp_path, renderer=learned)
    assert result["probability"] != pytest.approx(result["probability_renderer"], abs=1e-6)
    assert all(torch.equal(value, before[name]) for name, value in learned.state_dict().items())
    assert not any(one.requires_grad for one in learned.parameters())


@pytest.mark.parametrize("stroke", [LIMITED, Bezier(opaque=True, palette=[[1, 1, 1]])])
def test_limits_are_kept(stroke: Stroke, tmp_path: Path) -> None:
    make(tmp_path, renderer=AnalyticRenderer(stroke, SIZE))
    for one in json.loads((tmp_path / "strokes.json").read_text())["strokes"]:
        if stroke.palette:
            assert one["color"] == [1, 1, 1]
            assert one["shape"]["opacity0"] == 1
        else:
            assert one["shape"]["radius0"] <= 0.1 + 1e-6


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"label": "three"}, r"^digits has no class 'three' — give another, such as 0, 1, 2"),
        ({"label": "10"}, r"^digits has 10 classes, and no number 10"),
        ({"classifiers": []}, "^classifiers is empty"),
        ({"classifiers": "digts"}, "did you mean digits"),
        ({"goal": "max"}, "^`goal=max` makes no sense"),
        ({"renderer": AnalyticRenderer(Bezier(palette=4), SIZE)}, r"^stroke\.palette=4 finds"),
    ],
)
def test_what_makes_no_sense(changed: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        make(tmp_path, **changed)
    assert list(tmp_path.iterdir()) == []


def test_when_interrupted_what_is_painted_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = []

    def draw(self: Views, *args: object) -> torch.Tensor:
        draws.append(args)
        if len(draws) == 4:
            raise KeyboardInterrupt
        return torch.eye(2, 3)[None].expand(2, 2, 3)

    monkeypatch.setattr(Views, "draw", draw)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, export={"svg": Svg()})
    assert {path.name for path in tmp_path.iterdir()} == {"painting.png", "strokes.json"}
    monkeypatch.undo()
    assert len(read_record(tmp_path / "strokes.json").strokes) == 4


def test_the_command(run_main: RunMain, tmp_path: Path) -> None:
    done = run_main(
        "task=visualize",
        "class=7",
        "strokes=3",
        "canvas.size=32",
        "descent.steps=2",
        "size=40",
        "views.count=1",
        "export=[csv]",
        "hydra.run.dir=run",
        "trainer=cpu",
    )
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["task"], summary["class"], summary["strokes"]) == ("visualize", "7", 3)
    assert 0 <= summary["probability"] <= 1
    assert (tmp_path / "run" / "painting.csv").is_file()
