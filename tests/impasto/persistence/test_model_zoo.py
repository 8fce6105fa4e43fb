"""Weights that come with the project: found by name, verified, and worth having."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules import Digits
from datamodules.sets.photos import HELD_OUT, held_out_photographs
from impasto.canvas import to_float
from impasto.errors import UserError
from impasto.io.images import read_image, resize_image
from impasto.painters import AgentPainter
from impasto.persistence.checksums import CHECKSUMS
from impasto.persistence.model_zoo import FOLDER, find_weights, weight_names
from impasto.renderers import load_renderer
from impasto.rendering import draw
from impasto.rl.policy import PaintingPolicy

NAMES = ("digits", "photos")
WEIGHTS = "weights.safetensors"
MEGABYTES = 3  # of 15 that a file in git may have
DIGITS_FLOOR, PHOTO_FLOOR = 19.0, 15.0  # dB: 21.0 and 16.8 were measured


def psnr(canvas: Tensor, target: Tensor) -> float:
    return float(-10 * (canvas - target).square().mean().log10())


def photograph(name: str, size: int) -> np.ndarray:
    [path] = [path for path in held_out_photographs() if path.stem == name]
    return resize_image(read_image(path), size, size)


def test_every_name_is_found_and_small() -> None:
    assert weight_names("agent") == sorted(NAMES)
    assert weight_names("renderer") == []
    for name in NAMES:
        assert find_weights(name, "agent") == FOLDER / name
        files = {path.name: path for path in (FOLDER / name).iterdir()}
        assert set(files) == {"README.md", "config.yaml", CHECKSUMS, WEIGHTS}
        assert sum(path.stat().st_size for path in files.values()) < MEGABYTES * 1e6


def test_what_lies_there_goes_before_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "agent").mkdir(parents=True)
    assert find_weights("photos", "agent") == Path("photos/agent")
    assert find_weights("photos", "renderer") == Path("photos")  # which will not do as one
    assert find_weights("digits", "agent") == FOLDER / "digits"


@pytest.mark.parametrize("name", ["photo", "digits/agent", "../weights", "", "__pycache__"])
def test_an_unknown_name_lists_the_names(name: str) -> None:
    if not name:
        name = "no such folder"
    with pytest.raises(UserError) as caught:
        PaintingPolicy.load(name)
    assert caught.value.what.startswith(f"the agent's `weights={name}` does not exist")
    assert caught.value.todo.endswith("one of digits, photos")
    with pytest.raises(UserError, match=r"^the renderer's `weights=.*` does not exist"):
        load_renderer(name)


def test_a_name_of_something_else_is_no_name() -> None:
    with pytest.raises(UserError, match=r"^the renderer's `weights=digits` does not exist"):
        load_renderer("digits")


@pytest.mark.parametrize("file", [WEIGHTS, "config.yaml"])
def test_one_flipped_bit_is_refused(tmp_path: Path, file: str) -> None:
    shutil.copytree(FOLDER / "digits", tmp_path / "digits")
    PaintingPolicy.load(tmp_path / "digits")
    path = tmp_path / "digits" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{file} is not the file that SHA256SUMS beside it lists"):
        PaintingPolicy.load(tmp_path / "digits")


def test_weights_have_16_bits_in_the_file_and_32_in_use() -> None:
    from safetensors.torch import load_file

    stored = load_file(FOLDER / "photos" / WEIGHTS)
    floats = {name: value for name, value in stored.items() if value.is_floating_point()}
    assert {value.dtype for value in floats.values()} == {torch.float16}
    loaded = PaintingPolicy.load("photos").state_dict()
    for name, value in floats.items():
        assert loaded[name].dtype == torch.float32
        assert torch.equal(loaded[name], value.float())


def test_digits_are_painted(tmp_path: Path) -> None:
    policy = PaintingPolicy.load("digits")
    data = Digits(canvas_size=policy.canvas_size, batch_size=8, cache=str(tmp_path))
    target = to_float(next(iter(data.test_dataloader()))["target"][:16])
    strokes, _ = policy.paint(target)
    size = policy.canvas_size
    canvas = draw(policy.stroke, strokes, size, size, policy.environment.background)
    flat = target.mean((2, 3), keepdim=True).expand_as(target)
    assert psnr(canvas, target) > DIGITS_FLOOR > psnr(flat, target) + 5


def test_a_photograph_that_it_never_saw_is_painted() -> None:
    image = photograph("coffee", 128)[32:96, 32:96]
    target = to_float(torch.from_numpy(image.copy())).permute(2, 0, 1)
    painter = AgentPainter(PaintingPolicy.load("photos"), strokes=100)
    strokes = painter.paint(target)
    assert strokes.shape == (100, painter.stroke.dim)
    canvas = draw(painter.stroke, strokes[None], 64, 64, painter.background)[0]
    flat = target.mean((1, 2), keepdim=True).expand_as(target)
    assert psnr(canvas, target) > PHOTO_FLOOR > psnr(flat, target) + 2


@pytest.mark.parametrize("name", NAMES)
def test_cards_say_what_one_has_to_know(name: str) -> None:
    card = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    for wanted in (
        r"## Data\n\n`data=\w+`: .{80}",
        r"python run\.py task=train experiment=\w+_agent",
        r"\| updates \| [\d,]{4,} \|",
        r"\| seconds of training \| [\d,]+ \|",
        r"\| machine \| \d+-core \w+",
        r"\| PSNR, dB \| \d",
        r"which it never saw",
        r"## Licence\n\nMIT",
    ):
        assert re.search(wanted, card), wanted
    assert not re.search(r"/(tmp|home|root|work)/", card)


def test_the_card_for_photographs_names_those_it_never_saw() -> None:
    card = (FOLDER / "photos" / "README.md").read_text(encoding="utf-8")
    assert "It never saw any of them" in card
    data, figures = card.split("## Made by")
    for name in HELD_OUT:
        stem = Path(name).stem
        assert re.search(rf"\| {stem} \| \d+\.\d\d \| \d+\.\d\d \|", figures)
        assert stem not in data
    assert re.search(r"\| \*\*mean\*\* \| \*\*\d+\.\d\d\*\*", figures)
