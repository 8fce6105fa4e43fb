import math
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datamodules import ImageDataModule, Leaves, Photos
from datamodules.sets.dead_leaves import Leaf, coverage, draw_palette, draw_scene, power_noise
from datamodules.sets.leaves import TEXTURES
from datamodules.sets.photos import HELD_OUT, held_out_photographs
from impasto.errors import UserError

Build = Callable[..., ImageDataModule]


def scenes(count: int, size: int = 64) -> np.ndarray:
    """(count, size, size, 3) in [0, 1]."""
    drawn = [draw_scene(np.random.default_rng([0, number]), size, []) for number in range(count)]
    return np.stack(drawn) / 255


def leaf(corners: int = 0, aspect: float = 1.0, angle: float = 0.0, softness: float = 0.0) -> Leaf:
    return Leaf((0.5, 0.5), 0.3, aspect, angle, corners, np.zeros((0, 2)), softness)


def test_pictures_are_a_function_of_the_split_seed_and_their_number(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    def pictures(cache: str, **options: object) -> np.ndarray:
        data = build(Leaves, cache=str(tmp_path / cache), **options)
        return data.images("train").cache.read(np.arange(10)).numpy()

    first = pictures("a", pictures=10)
    assert np.array_equal(first, pictures("b", pictures=12))
    assert np.array_equal(first, pictures("c", pictures=10, seed=7))
    assert not np.array_equal(first, pictures("d", pictures=10, split_seed=7))
    assert len({picture.tobytes() for picture in first}) == 10


def test_power_falls_with_frequency_as_in_photographs() -> None:
    """About as f^-2 in theory; the ten held-out photographs have -2.8 at 64 px by this measure."""
    grey = scenes(60).mean(3)
    window = np.hanning(64)[:, None] * np.hanning(64)
    spectrum = np.abs(np.fft.fft2((grey - grey.mean((1, 2), keepdims=True)) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)) * 64
    rings = [spectrum[:, (frequency >= f) & (frequency < f + 1)].mean() for f in range(3, 20)]
    slope, _ = np.polyfit(np.log(np.arange(3, 20) + 0.5), np.log(rings), 1)
    assert -3.5 < slope < -2.3


def test_pictures_have_colours_lights_and_darks() -> None:
    pictures = scenes(60, 32)
    saturation = pictures.max(3) - pictures.min(3)
    assert 0.08 < saturation.mean() < 0.35
    assert (saturation.max((1, 2)) < 0.1).mean() == pytest.approx(0.12, abs=0.12)  # grey ones
    means = pictures.mean((1, 2, 3))
    assert 0.3 < means.mean() < 0.6
    assert means.std() > 0.1
    assert np.median(pictures.std((1, 2, 3))) > 0.08


@pytest.mark.parametrize(
    ("corners", "aspect", "area"),
    [
        (0, 1.0, math.pi * 0.09),
        (0, 0.5, math.pi * 0.09 * 0.5),
        (1, 0.25, 0.6 * 0.6 * 0.25),
        (4, 1.0, 2 * 0.09),
        (6, 0.5, 3 * math.sqrt(3) / 2 * 0.09 * 0.5),
    ],
)
def test_leaves_have_the_area_of_their_shape(corners: int, aspect: float, area: float) -> None:
    everywhere = slice(0, 200)
    covered = coverage(leaf(corners, aspect, angle=0.4), 200, everywhere, everywhere)
    assert covered.mean() == pytest.approx(area, rel=0.01)


def test_a_part_of_a_leaf_is_that_part_and_edges_are_as_soft_as_they_should_be() -> None:
    whole = coverage(leaf(5, 0.7, 1.0), 50, slice(0, 50), slice(0, 50))
    assert np.array_equal(
        coverage(leaf(5, 0.7, 1.0), 50, slice(10, 30), slice(5, 45)), whole[10:30, 5:45]
    )
    soft = coverage(leaf(softness=0.2), 100, slice(50, 51), slice(50, 100))[0]
    edge = np.flatnonzero((soft > 0.01) & (soft < 0.99))
    assert (len(edge) + 1) / 100 == pytest.approx(0.2, abs=0.02)
    assert soft[29:31].mean() == pytest.approx(0.5, abs=0.05)


def test_palettes_and_noise_are_what_they_say() -> None:
    generator = np.random.default_rng(0)
    palettes = [draw_palette(generator) for _ in range(200)]
    assert {len(palette) for palette in palettes} == set(range(4, 10))
    colors = np.concatenate(palettes)
    assert colors.min() >= 0
    assert colors.max() <= 1
    noise = power_noise(generator, 128, 1.0)
    assert (abs(noise.mean()), noise.std()) == (
        pytest.approx(0, abs=1e-5),
        pytest.approx(1, abs=1e-5),
    )
    spectrum = np.abs(np.fft.fft2(noise))
    assert spectrum[0, 2] / spectrum[0, 16] == pytest.approx(8, rel=1e-3)


def test_no_held_out_photograph_is_a_texture() -> None:
    assert not set(HELD_OUT) & set(TEXTURES)
    assert "motorcycle_right.png" not in TEXTURES
    found = held_out_photographs()
    assert [path.name for path in found] == [name for name in HELD_OUT if path_exists(name)]
    assert len(found) >= 8


def path_exists(name: str) -> bool:
    photos = Photos(canvas_size=16, batch_size=1).photographs()
    return name in {path.name for path, _ in photos}


def test_textures_matter_and_are_all_there(build: Build) -> None:
    data = build(Leaves, pictures=10)
    textures = data.fingerprint()["textures"]
    assert isinstance(textures, list)
    assert [one.split()[0] for one in textures] == list(TEXTURES)
    stripes = np.tile(np.float32([0, 1]), (40, 20))
    pairs = [
        (
            draw_scene(np.random.default_rng(seed), 32, []),
            draw_scene(np.random.default_rng(seed), 32, [stripes]),
        )
        for seed in range(8)
    ]
    assert any(not np.array_equal(plain, textured) for plain, textured in pairs)


def test_too_few_are_an_error(build: Build) -> None:
    with pytest.raises(UserError, match=r"^`pictures` is 9 — give a whole number, at least 10"):
        build(Leaves, pictures=9)
