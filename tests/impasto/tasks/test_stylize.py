"""The task `stylize`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from impasto.errors import UserError
from impasto.io.exporters import Csv
from impasto.io.record import read_record
from impasto.networks.features import ClassifierFeatures
from impasto.renderers import AnalyticRenderer
from impasto.rendering import draw_picture
from impasto.strokes import Bezier
from impasto.tasks.stylize import stylize
from impasto.visualizing import Descent
from tests.conftest import RunMain

MODEL, LAYERS = "squeezenet1_1", ["features.1"]
SIZE = 16


@pytest.fixture(scope="module")
def features() -> ClassifierFeatures:
    return ClassifierFeatures(MODEL, LAYERS, "random")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A bright disc on blue, wider than high."""
    y, x = np.mgrid[:40, :60]
    disc = (x - 30) ** 2 + (y - 20) ** 2 < 144
    pixels = np.where(disc[..., None], (250, 220, 40), (20, 40, 160)).astype(np.uint8)
    path = tmp_path / "disc.png"
    Image.fromarray(pixels).save(path)
    return path


def make(
    picture: Path, features: ClassifierFeatures, folder: Path, **changed: object
) -> dict[str, float]:
    given: dict[str, object] = {
        "renderer": AnalyticRenderer(Bezier(), SIZE),
        "image": picture,
        "features": features,
        "folder": folder,
        "strokes": 40,
        "canvases": 2,
        "descent": Descent(steps=40, size=0.1),
    }
    result = stylize(**{**given, **changed})  # type: ignore[arg-type]
    return {key: float(str(value)) for key, value in result.items()}


def test_the_content_is_found_and_written(
    image: Path, features: ClassifierFeatures, tmp_path: Path
) -> None:
    result = make(image, features, tmp_path / "run", export={"csv": Csv()})
    # 28 px high and 42 wide: 2 x 4 canvases
    assert (result["strokes"], result["canvases"]) == (40, 2 * 4)
    assert result["content_loss"] < 0.5 * result["content_loss_start"]
    assert result["content_loss"] == pytest.approx(result["content_loss_renderer"], rel=0.5)
    assert result["l2"] < 0.03
    folder = tmp_path / "run" / "disc"
    names = {path.name for path in folder.iterdir()}
    assert names == {"painting.png", "strokes.json", "painting.csv"}
    record = read_record(folder / "strokes.json")
    assert (record.width, record.height, len(record.strokes)) == (60, 40, 40)
    drawn = draw_picture(record.stroke, record.strokes, 40, 60, record.background)
    with Image.open(folder / "painting.png") as picture:
        written = np.asarray(picture)
    assert np.abs(written.astype(int) - drawn).max() <= 1
    with Image.open(image) as picture:
        assert result["psnr"] == pytest.approx(
            peak_signal_noise_ratio(np.asarray(picture), written)
        )


def test_in_grey_and_of_any_size(image: Path, features: ClassifierFeatures, tmp_path: Path) -> None:
    descent = Descent(steps=3, grayscale=True)
    make(image, features, tmp_path, descent=descent, size=90)
    with Image.open(tmp_path / "disc" / "painting.png") as picture:
        assert picture.size == (90, 60)
        pixels = np.asarray(picture).astype(int)
    assert pixels.std() > 10
    assert (pixels.max(2) - pixels.min(2)).max() <= 1


def test_colours_that_are_found_in_the_picture(
    image: Path, features: ClassifierFeatures, tmp_path: Path
) -> None:
    renderer = AnalyticRenderer(Bezier(palette=2), SIZE)
    make(image, features, tmp_path, renderer=renderer, descent=Descent(steps=2))
    strokes = json.loads((tmp_path / "disc" / "strokes.json").read_text())["strokes"]
    colors = np.unique(np.array([one["color"] for one in strokes]), axis=0)
    np.testing.assert_allclose(colors * 255, [[20, 40, 160], [250, 220, 40]], atol=12)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"overlap": 0.0}, r"^`overlap` is 0\.0 — give a number, above 0"),
        ({"strokes": 7}, r"^`strokes=7` is less than one for each of the grid's 8 canvases"),
        ({"image": None}, r"^image is not set"),
        ({"image": "nowhere.png"}, r"nowhere\.png"),
    ],
)
def test_what_makes_no_sense(
    changed: dict[str, object],
    says: str,
    image: Path,
    features: ClassifierFeatures,
    tmp_path: Path,
) -> None:
    with pytest.raises(UserError, match=says):
        make(image, features, tmp_path / "run", **changed)
    assert not (tmp_path / "run").exists()


def test_one_picture_at_a_time(image: Path, features: ClassifierFeatures, tmp_path: Path) -> None:
    (tmp_path / "other.png").write_bytes(image.read_bytes())
    with pytest.raises(UserError, match=r"^image names 2 pictures — give one"):
        make(tmp_path, features, tmp_path / "run")


def test_the_command(image: Path, run_main: RunMain, tmp_path: Path) -> None:
    done = run_main(
        "task=stylize",
        f"image={image}",
        "strokes=10",
        "canvas.size=16",
        "grid.canvases=1",
        f"features.model={MODEL}",
        f"features.layers=[{LAYERS[0]}]",
        "features.weights=random",
        "descent.steps=2",
        "export=[]",
        "hydra.run.dir=run",
        "trainer=cpu",
    )
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["task"] == "stylize"
    assert summary["content_loss"] < summary["content_loss_start"]
    assert (tmp_path / "run" / "disc" / "painting.png").is_file()
