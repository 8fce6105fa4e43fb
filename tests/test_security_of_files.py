"""What docs/security.md claims of pictures, strokes and data: no bombs, no ways out."""

import gzip
import json
from pathlib import Path

import pytest
from PIL import EpsImagePlugin, Image

from datamodules import Mnist
from impasto.errors import UserError
from impasto.io.decoding import decode_image
from impasto.io.images import read_image
from impasto.io.record import read_record
from impasto.tasks.paint import folder_names
from impasto.tasks.runs.gallery import gallery
from impasto.tasks.serve.uploads import Limits, read_upload
from tests.bad_input_files import RECORD, png


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (2**31 - 1, 1), (1, 2**31 - 1)])
def test_a_bomb_is_refused_before_it_is_decoded(width: int, height: int) -> None:
    bomb = png(width, height)
    with pytest.raises(UserError, match="pixels"):
        decode_image(bomb, "bomb.png")
    with pytest.raises(UserError, match="pixels"):
        read_upload(bomb, "bomb.png", Limits())


def test_of_a_picture_of_many_frames_one_is_decoded(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), shade) for shade in range(0, 250, 10)]
    for name in ("many.gif", "many.tiff"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert (read_image(tmp_path / name) == 0).all()


def test_a_picture_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow would start Ghostscript for PostScript, whatever the file is called."""

    def ghostscript(*args: object, **kwargs: object) -> None:
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", ghostscript)
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "photo.png").write_bytes(script)
    with pytest.raises(AssertionError), Image.open(tmp_path / "photo.png") as picture:
        picture.load()
    with pytest.raises(UserError, match="not a picture"):
        read_image(tmp_path / "photo.png")


@pytest.mark.parametrize("image", ["/etc/hostname", "data:text/plain;base64,aGk=", None, 3])
def test_a_record_names_no_files(image: object, tmp_path: Path) -> None:
    record = {**RECORD, "stroke": "brush", "options": {"image": image}, "strokes": []}
    (tmp_path / "strokes.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="a brush without its picture in the file"):
        read_record(tmp_path / "strokes.json")


def test_a_record_of_no_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "strokes.json"
    with path.open("wb") as file:
        file.truncate(2**28 + 1)  # of zeros, which take no room
    with pytest.raises(UserError, match="more than the 268 MB that are read"):
        read_record(path)


def test_a_packed_bomb_is_unpacked_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    bomb = gzip.compress(b"\0\0\x08\x03" + bytes(2_000_000))
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte.gz").write_bytes(bomb)
    monkeypatch.setattr("datamodules.sets.mnist._MOST_BYTES", 1_000_000)
    data = Mnist(canvas_size=16, batch_size=1, root=str(raw), cache=str(tmp_path / "cache"))
    with pytest.raises(UserError, match="more than 1000000 bytes"):
        data.prepare_data()


def test_names_of_pictures_stay_in_the_run_folder() -> None:
    pictures = [
        "../../../x.png",
        "/etc/passwd.png",
        "...png",
        "..",
        ".",
        "a/..png",
        ".hydra",
        "run.log.png",
    ]
    names = folder_names([Path(one) for one in pictures])
    assert len(set(names)) == len(names)
    for name in names:
        assert name not in ("", ".", "..", ".hydra", "run.log")
        assert Path(name).name == name


def test_a_page_of_runs_has_no_script_of_theirs(tmp_path: Path) -> None:
    script = "<script>alert(1)</script>"
    run = tmp_path / "<img src=x onerror=alert(1)>"
    run.mkdir()
    (run / "summary.json").write_text(json.dumps({"task": script, "status": script}))
    Image.new("L", (2, 2)).save(run / "<b>.png")
    gallery([str(run)], tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "<script>" not in page
    assert "<img src=x" not in page
    assert "<b>" not in page
