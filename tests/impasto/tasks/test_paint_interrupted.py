"""The task `paint`, interrupted, and with a name that is no text."""

import logging
from pathlib import Path

import pytest
from PIL import Image
from torch import Tensor

from impasto.io.exporters import Gif
from impasto.io.record import read_record
from impasto.painters import Progress, Sketch
from impasto.rendering import draw_picture
from impasto.tasks.paint import paint
from tests.impasto.tasks.test_paint import CirclePainter, picture, read, save


class Terminated(KeyboardInterrupt):
    """As run.py raises on SIGTERM."""


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, Terminated])
@pytest.mark.parametrize("steps", [0, 2])
def test_an_interruption_leaves_what_is_painted_so_far(
    tmp_path: Path, interruption: type[KeyboardInterrupt], steps: int
) -> None:
    class Stopped(CirclePainter):
        def paint(
            self,
            target: Tensor,
            progress: Progress | None = None,
            start: Tensor | None = None,
            weight: Tensor | None = None,
        ) -> Tensor:
            found = super().paint(target)
            assert progress is not None
            for step in range(steps):
                progress(Sketch(step + 1, 20.0, self.stroke, found[: step + 1]))
            raise interruption

    sources = [save(tmp_path / "a.png"), save(tmp_path / "b.png")]
    with pytest.raises(KeyboardInterrupt) as caught:
        paint(Stopped(), sources, tmp_path / "run", size=80, export={"gif": Gif()})
    assert type(caught.value) is interruption  # by which run.py knows the exit code
    if steps == 0:
        assert not (tmp_path / "run").exists()
        return
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["a"]
    files = {path.name for path in (tmp_path / "run" / "a").iterdir()}
    assert files == {"painting.png", "strokes.json"}
    record = read_record(tmp_path / "run" / "a" / "strokes.json")
    assert (len(record.strokes), record.width, record.height) == (2, 80, 40)
    expected = draw_picture(record.stroke, record.strokes, 40, 80, (0.0, 0.0, 1.0))
    assert (read(tmp_path / "run" / "a" / "painting.png") == expected).all()


def test_a_name_that_is_no_text_is_painted_and_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "caf\udce9.png"  # as Python has the bytes of another encoding
    try:
        source.touch()
    except (OSError, UnicodeError):
        pytest.skip("the file system takes no such names")
    with source.open("wb") as file:
        Image.fromarray(picture()).save(file, format="PNG")
    with caplog.at_level(logging.INFO):
        paint(CirclePainter(), source, tmp_path / "run")
    assert (tmp_path / "run" / "caf\udce9" / "painting.png").is_file()
    assert caplog.messages[-1].endswith("caf?/painting.png")
